"""The command: ``python -m benchmarks [--quick] [--only TEXT] [--json PATH]``."""

from __future__ import annotations

import argparse
import gc
import json
from contextlib import ExitStack
from functools import partial
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from benchmarks import (
    caches,
    checkin,
    experiments,
    flags,
    growth,
    ledger,
    limits,
    metrics,
    quests,
    start_up,
    streaks,
)
from benchmarks._duel import Size
from benchmarks._place import Place
from benchmarks._report import Figures, as_json, machine, markdown
from benchmarks._same import check_statements
from tests.services import ServiceMissing

if TYPE_CHECKING:
    from collections.abc import Callable

R = TypeVar("R")
QUICK = Size(
    blocks=1,
    block=4,
    warm_up=2,
    metered=2,
    starts=1,
    ledgers=(1_000, 2_000),
    years=(1, 2),
    habits=2,
    batch=10,
)


def main() -> None:
    """Measure, with progress on stderr and the tables on stdout."""
    options = _arguments()
    size = QUICK if options.quick else Size()
    figures = Figures(machine(), size)
    check_statements()
    gc.freeze()  # what is imported stays: the collections before each block need not walk it
    with ExitStack() as resources:
        place, progress = Place(resources), resources.enter_context(_progress())

        def timed(
            name: str, turns: int, work: Callable[[Callable[[], object]], R], *, server: bool
        ) -> list[R]:
            """Measure one thing, if it was asked for and can be had: a list of one, or none."""
            if options.only.lower() not in name.lower() or (server and figures.missing):
                return []
            task = progress.add_task(name, total=turns)
            try:
                return [work(lambda: progress.advance(task))]
            except ServiceMissing as error:
                figures.missing = str(error)
                progress.remove_task(task)
                return []

        blocks = size.blocks + 1
        for store in checkin.STORES:
            measure = partial(checkin.measure, store, place, size)
            figures.check_ins += timed(store.name, blocks, measure, server=store.needs_server)
        for row in ledger.ROWS:
            spends = partial(ledger.measure, row, place, size)
            name = f"a spend: {row.name}"
            figures.spends += timed(name, blocks, spends, server=row.needs_server)
        for grows in growth.STORES:
            grown = partial(growth.measure, grows, place, size)
            name, turns = f"a ledger grows: {grows.name}", blocks + 2 * len(size.ledgers)
            for rows in timed(name, turns, grown, server=grows.needs_server):
                figures.growth += rows
        here = partial(timed, server=False)
        kept_up = here("streaks", 7 * blocks, partial(streaks.measure, size))
        figures.streaks = list(chain.from_iterable(kept_up))
        checks = here("rate limits", 4 * blocks, partial(limits.measure, size, place.redis))
        figures.limits = list(chain.from_iterable(checks))
        kept = partial(caches.measure, size, place.new_file(), place.redis)
        figures.caches = list(chain.from_iterable(here("caches", 5 * blocks, kept)))
        served = here("flags", flags.TURNS * blocks, partial(flags.measure, size))
        figures.flags = list(chain.from_iterable(served))
        tried = partial(experiments.measure, size, place.new_file)
        analysed = here("experiments", experiments.TURNS * blocks, tried)
        figures.experiments = list(chain.from_iterable(analysed))
        followed = partial(quests.measure, size, place.new_file)
        rewarded = here("quests", quests.TURNS * blocks, followed)
        figures.quests = list(chain.from_iterable(rewarded))
        recorded = partial(metrics.measure, size, place.new_file)
        watched = here("metrics", metrics.TURNS * blocks, recorded)
        figures.metrics = list(chain.from_iterable(watched))
        started = here("import habitkit", size.starts + 1, partial(start_up.measure, size))
        figures.starts = list(chain.from_iterable(started))
    print(markdown(figures))
    if options.json is not None:
        content = json.dumps(as_json(figures), indent=2)
        options.json.write_text(f"{content}\n", encoding="utf-8")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument(
        "--quick", action="store_true", help="only show that it works; the figures mean nothing"
    )
    parser.add_argument("--only", default="", metavar="TEXT", help="only rows of this name")
    parser.add_argument("--json", type=Path, metavar="PATH", help="write all figures there, too")
    return parser.parse_args()


def _progress() -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TimeElapsedColumn(),
        console=Console(stderr=True),
        transient=True,
    )


if __name__ == "__main__":
    main()
