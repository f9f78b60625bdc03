"""A part of the demo: a report of the year, computed once and kept in a cache."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import date, timedelta
from threading import Barrier
from time import perf_counter

from rich.console import Console
from rich.table import Table

from habitkit import Habit, HabitKit

YEAR = timedelta(weeks=53)
LATE = timedelta(days=7)  # a check-in that is so late earns nothing
THREADS = 50


class YearReport:
    """Reads how often each habit was done within a year, from the cache if it is there.

    Attributes:
        owner: Whose habits they are.
        loads: How often it was computed.
    """

    def __init__(self, kit: HabitKit, habits: Sequence[Habit], today: date) -> None:
        """Prepare it; nothing is read yet."""
        self.owner = habits[0].owner
        self.loads = 0
        self._kit, self._habits, self._today = kit, habits, today

    def read(self) -> dict[str, int]:
        """Return how many days each habit was done."""
        key = ("year", self.owner, str(self._today))
        return self._kit.cache.get_or_create(key, self._load, ttl_seconds=600, tags=[self.owner])

    def days(self) -> int:
        """Return how many that are in all."""
        return sum(self.read().values())

    def invalidate(self) -> None:
        """Drop all that is cached about the owner."""
        self._kit.cache.invalidate_tag(self.owner)

    def _load(self) -> dict[str, int]:
        self.loads += 1
        first, last = self._today - YEAR, self._today
        days = self._kit.streaks.done_days
        return {str(habit.id): len(days(habit.id, first, last)) for habit in self._habits}


def show_cache(
    kit: HabitKit, habits: Sequence[Habit], today: date, out: Console, table: Table
) -> None:
    """Read the report twice, change something, and let many threads ask at once."""
    report = YearReport(kit, habits, today)
    for heading in ("Took", "Days done", "Computed"):
        table.add_column(heading, justify="right")

    def show(call: str) -> None:
        before, began = report.loads, perf_counter()
        days = report.days()
        took = _time(perf_counter() - began)
        table.add_row(call, took, f"{days:,}", "yes" if report.loads > before else "no")

    show("first call")
    show("second call")
    with _one_more_day(kit, habits[0], today):
        show("after a check-in")
        report.invalidate()
        show(f'after invalidating the tag "{report.owner}"')
    report.invalidate()
    out.print(table)

    report.loads = 0
    took = _time(_at_once(report.read))
    calls = "1 time" if report.loads == 1 else f"{report.loads} times"
    out.print(
        f"\nThe check-in is undone, and the tag invalidated. {THREADS} threads ask at once: the "
        f"report is computed {calls}, and all of them have it after {took}."
    )


@contextmanager
def _one_more_day(kit: HabitKit, habit: Habit, today: date) -> Iterator[None]:
    """Check in for the latest day that was missed, if there is one, and undo it at the end."""
    done = set(kit.streaks.done_days(habit.id, today - YEAR, today))
    day = today - LATE
    while day in done:
        day -= timedelta(days=1)
    recorded = kit.habits.check_in(habit.id, day=day)
    try:
        yield
    finally:
        kit.habits.undo(recorded.id)


def _at_once(call: Callable[[], object]) -> float:
    """Call something in many threads at once; return after how many seconds all have returned."""
    start = Barrier(THREADS + 1)

    def run() -> None:
        start.wait()
        call()

    with ThreadPoolExecutor(THREADS) as threads:
        running = [threads.submit(run) for _ in range(THREADS)]
        start.wait()
        began = perf_counter()
        for thread in running:
            thread.result()
        return perf_counter() - began


def _time(seconds: float) -> str:
    return f"{seconds * 1e3:,.1f} ms" if seconds >= 0.001 else f"{seconds * 1e6:,.0f} µs"
