"""What evaluating a flag costs, beside other libraries; loading many; evaluating while reloading.

All evaluate the same three flags for the same user, whose context is made beforehand. Sides take
blocks in turn. A library that is not installed is left out: ``make bench`` installs them.
"""

from __future__ import annotations

import json
import tracemalloc
from contextlib import contextmanager
from functools import partial
from importlib.util import find_spec
from itertools import count, cycle
from statistics import median
from threading import Event, Thread
from time import perf_counter_ns, process_time
from typing import TYPE_CHECKING, Any

from benchmarks._duel import take_turns
from benchmarks.flag_peers import ATTRIBUTES, COUNTRIES, DOCUMENT, USER, peers
from benchmarks.limits import KIT, THREADS, Row, compare, fastest, repeated, within
from habitkit import HabitKit
from habitkit import flags as habitkit_flags
from habitkit.flags import Fetched, Flags, FlagSettings, StaticSource

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from benchmarks._duel import Size
    from benchmarks.limits import Call

__all__ = ["CLIENT", "TASKS", "TURNS", "measure"]

TASKS = {
    "plain": "a plain boolean flag",
    "rules": "three rules, sem_ver and in of 50",
    "percentage": "a percentage",
}
CLIENT = "a plain flag by an OpenFeature client"
TURNS = len(TASKS) + 1
"""How many comparisons advance the progress by a turn a block."""

CONTEXT = {"targetingKey": USER, **ATTRIBUTES}
CALLS = 50
"""How many calls are timed as one: a clock in each would cost as much as the call."""

FLAGS = 10_000
"""How many flags are loaded; as many as a tenth of them is what is reloaded meanwhile."""


def measure(size: Size, advance: Callable[[], object]) -> list[Row]:
    """Measure all of it.

    Args:
        size: How much.
        advance: Is called after each round.
    """
    return [
        *_evaluations(size, advance),
        *_through_openfeature(size, advance),
        *_loading(size),
        *_while_reloading(size),
    ]


def _evaluations(size: Size, advance: Callable[[], object]) -> list[Row]:
    """Each task by the kit and by the libraries that are installed."""
    compiled = habitkit_flags.compile(DOCUMENT)
    rows = []
    settings = FlagSettings(StaticSource(DOCUMENT))
    with peers() as others, HabitKit.open("memory://", flags=settings) as kit:
        getter, boolean = f"{KIT}, kit.flags.boolean", kit.flags.boolean
        for key, task in TASKS.items():
            calls: dict[str, Call] = {
                KIT: partial(compiled.details, key, False, CONTEXT),  # noqa: FBT003 - the default
                getter: partial(boolean, key, False, CONTEXT),  # noqa: FBT003
                **{name: peer(key) for name, peer in others.items()},
            }
            if key != "percentage":  # each library puts other users into its half
                served = compiled.details(key, False, CONTEXT).value  # noqa: FBT003
                found = {name: bool(calls[name]()) for name in calls if name != KIT}
                assert all(found.values()), found
                assert served
            sides = [repeated(call, CALLS) for call in calls.values()]
            by_name = dict(zip(calls, take_turns(size, count(), sides, advance), strict=True))
            best = fastest({name: by_name[name] for name in others})
            rows += compare(task, by_name, best, 8.0)
    return rows


def _through_openfeature(size: Size, advance: Callable[[], object]) -> list[Row]:
    """The client of OpenFeature with our provider and with its own for tests."""
    if not find_spec("openfeature"):
        return []
    from openfeature import api  # noqa: PLC0415 - may be missing
    from openfeature.evaluation_context import EvaluationContext  # noqa: PLC0415
    from openfeature.provider.in_memory_provider import (  # noqa: PLC0415
        InMemoryFlag,
        InMemoryProvider,
    )

    from habitkit.contrib.openfeature import HabitKitProvider  # noqa: PLC0415

    context = EvaluationContext(USER, {**ATTRIBUTES})
    in_memory_flag = InMemoryFlag("on", {"on": True, "off": False})
    with Flags(StaticSource(DOCUMENT)) as flags:
        providers = {
            KIT: HabitKitProvider(flags),
            "InMemoryProvider": InMemoryProvider({"plain": in_memory_flag}),
        }
        calls: dict[str, Call] = {}
        for name, provider in providers.items():
            api.set_provider_and_wait(provider, name)
            client = api.get_client(name)
            assert client.get_boolean_value("plain", False, context)  # noqa: FBT003 - the default
            calls[name] = partial(client.get_boolean_value, "plain", False, context)  # noqa: FBT003
        sides = [repeated(call, CALLS) for call in calls.values()]
        times = take_turns(size, count(), sides, advance)
        api.clear_providers()
    by_name = dict(zip(calls, times, strict=True))
    return compare(CLIENT, by_name, "InMemoryProvider", round(1 / 1.15, 2))


def _many(number: int) -> dict[str, Any]:
    """Return a document of so many flags, each with five rules."""
    return {
        "flags": {
            f"flag-{index}": {
                "state": "ENABLED",
                "variants": {"on": True, "off": False},
                "defaultVariant": "off",
                "targeting": {
                    "if": [
                        {"==": [{"var": "plan"}, f"plan-{index}"]},
                        "on",
                        {"sem_ver": [{"var": "version"}, ">=", f"3.{index % 10}.0"]},
                        "on",
                        {"in": [{"var": "country"}, COUNTRIES[index % 40 : index % 40 + 5]]},
                        "on",
                        {"starts_with": [{"var": "email"}, f"tester-{index}"]},
                        "on",
                        {"fractional": [["on", 10], ["off", 90]]},
                    ]
                },
            }
            for index in range(number)
        }
    }


def _loading(size: Size) -> list[Row]:
    """How long it takes to load and compile a document of many flags, and what they take."""
    number = min(FLAGS, size.block * 100)
    text = json.dumps(_many(number))
    seconds = []
    for _ in range(min(size.blocks, 5)):
        started = process_time()  # so that what else the machine does counts little
        compiled = habitkit_flags.compile(text)
        seconds.append(process_time() - started)
        assert len(compiled) == number
        del compiled
    tracemalloc.start()
    compiled = habitkit_flags.compile(text)
    held, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(compiled) == number
    title, whole = f"{number:,} flags of 5 rules", number == FLAGS
    took = median(seconds)
    return [
        within(f"{title}: CPU time", took * 1e6, took, 1.5 if whole else None, "1.5 s"),
        Row(f"{title}: MB held", held / 1e6),
        within(f"{title}: MB at most", peak / 1e6, peak / 1e6, 200 if whole else None, "200 MB"),
    ]


class _Alternating:
    """A source whose document is another one each time."""

    name = "two documents in turn"

    def __init__(self, number: int) -> None:
        documents = [_many(number), {"flags": {**_many(number)["flags"], **DOCUMENT["flags"]}}]
        for document in documents:
            document["flags"]["plain"] = DOCUMENT["flags"]["plain"]
        self._texts = cycle(map(json.dumps, documents))
        self.revision = 0

    def fetch(self, _: str | None) -> Fetched:
        """Return the next document."""
        self.revision += 1
        return Fetched(next(self._texts), str(self.revision))

    def close(self) -> None:
        """Do nothing."""


def _while_reloading(size: Size) -> list[Row]:
    """The 99.9th percentile of evaluations in many threads, with reloads meanwhile and without."""
    calls = size.block * 200
    source = _Alternating(min(FLAGS, size.block * 100) // 10)
    quiet, busy, reloads = [], [], 0
    with Flags(source, max_age_seconds=None) as flags:
        for number in range(size.blocks + 1):
            alone = _slowest(flags, calls)
            before = source.revision
            with _reloading(flags):
                meanwhile = _slowest(flags, calls)
            if number:
                quiet.append(alone)
                busy.append(meanwhile)
                reloads += source.revision - before
    title = f"p99.9 of details, {THREADS} threads"
    by_name = {"no reloads": quiet, KIT: busy}
    *others, row = compare(title, by_name, "no reloads", round(1 / 1.5, 2))
    name = f"{title}, {reloads / len(busy):.0f} reloads meanwhile"
    return [*others, Row(name, row.value, row.ratio, row.against, row.goal)]


def _slowest(flags: Flags, calls: int) -> float:
    """Return the 99.9th percentile of the calls of all threads, in seconds."""
    found: list[list[int]] = []

    def evaluate() -> None:
        details, took = flags.details, []
        for _ in range(calls):
            started = perf_counter_ns()
            resolution = details("plain", False, CONTEXT)  # noqa: FBT003 - the default
            took.append(perf_counter_ns() - started)
            assert resolution.value is True
        found.append(took)

    threads = [Thread(target=evaluate) for _ in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    together = sorted(each for took in found for each in took)
    assert len(together) == calls * THREADS, "a thread has failed"
    return together[int(len(together) * 0.999)] / 1e9


@contextmanager
def _reloading(flags: Flags) -> Iterator[None]:
    """Refresh flags again and again in a thread."""
    ended = Event()

    def reload() -> None:
        while not ended.is_set():
            flags.refresh()

    thread = Thread(target=reload)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
