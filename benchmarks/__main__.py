"""The command: ``python -m benchmarks [--quick] [--only TEXT] [--json PATH]``."""

from __future__ import annotations

import argparse
import json
from contextlib import ExitStack
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from benchmarks import checkin, start_up
from benchmarks._duel import Size
from benchmarks._place import Place
from benchmarks._report import as_json, machine, markdown
from benchmarks._same import check_statements
from tests.services import ServiceMissing

QUICK = Size(blocks=2, block=20, warm_up=10, metered=10, starts=2)


def main() -> None:
    """Measure, with progress on stderr and the tables on stdout."""
    given = _arguments()
    size = QUICK if given.quick else Size()
    stores = [store for store in checkin.STORES if given.only.lower() in store.name.lower()]
    results: list[checkin.Result] = []
    starts: list[start_up.Start] = []
    missing = ""
    about = machine()
    check_statements()
    with ExitStack() as resources:
        place = Place(resources)
        progress = resources.enter_context(_progress())
        for store in stores:
            if missing and store.needs_server:
                continue
            task = progress.add_task(store.name, total=size.blocks + 1)
            try:
                results.append(
                    checkin.measure(store, place, size, lambda task=task: progress.advance(task))  # type: ignore[misc]
                )
            except ServiceMissing as error:
                missing = str(error)
                progress.remove_task(task)
        if not given.only or given.only in "import":
            task = progress.add_task("import habitkit", total=size.starts + 1)
            starts = start_up.measure(size, lambda: progress.advance(task))
    print(markdown(about, results, starts, missing))
    if given.json is not None:
        content = json.dumps(as_json(about, size, results, starts), indent=2)
        given.json.write_text(f"{content}\n", encoding="utf-8")


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
