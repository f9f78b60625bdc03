"""How long actions take that wait for each other: ``python -m benchmarks.latency [--each N]``.

Eight threads act for six owners who have to do with each other, on PostgreSQL with its default
``deadlock_timeout``. A deadlock makes its actions a second slower, so the 99th percentile shows it;
the target is at most ten times the median. Each kind of action has a row of its own, since a sweep
is many transactions.
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from statistics import median, quantiles
from time import perf_counter
from typing import TYPE_CHECKING

from sqlalchemy import create_engine

import habitkit.testing
from habitkit.backends.sqlalchemy import SqlStore, upgrade
from tests.services import PostgresServer
from tests.sql.crowd import REACTIONS, begin, do
from tests.sql.kit_modes import at_once, awaited

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

THREADS = 8
DEADLOCKS = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"

Times = dict[str, list[float]]


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.latency", description=__doc__)
    parser.add_argument("--each", type=int, default=300, help="how many actions a thread does")
    each = parser.parse_args().each
    with PostgresServer() as server, server.fresh_database() as url:
        times, deadlocks = measured(url, each)
    print(table(times))
    print(f"\ndeadlocks: {deadlocks}")


def measured(url: str, each: int) -> tuple[Times, int]:
    """Return how many seconds each action took, by kind, and how many deadlocks there were."""
    engine = create_engine(url, pool_size=THREADS)
    upgrade(engine)
    kit = habitkit.testing.kit(store=SqlStore(engine), reactions=REACTIONS)
    habits = at_once(begin, awaited(kit))
    times: Times = defaultdict(list)

    def work(thread: int) -> None:
        for number in range(thread, each * THREADS, THREADS):
            started = perf_counter()
            kind = at_once(do, awaited(kit), habits, number)
            times[kind].append(perf_counter() - started)
            kit.clock.advance(minutes=17)

    with ThreadPoolExecutor(THREADS) as executor:
        list(executor.map(work, range(THREADS)))
    engine.dispose()  # by its end a connection has reported its share of the counter
    with engine.connect() as connection:
        deadlocks = int(connection.exec_driver_sql(DEADLOCKS).scalar_one())
    engine.dispose()
    return times, deadlocks


def table(times: Mapping[str, Sequence[float]]) -> str:
    """Return a table in Markdown, in milliseconds."""
    rows = [
        *sorted(times.items()),
        ("all", [second for found in times.values() for second in found]),
    ]
    lines = ["| action | times | median ms | p99 ms | p99 / median |", "|---|--:|--:|--:|--:|"]
    for kind, seconds in rows:
        middle, high = 1000 * median(seconds), 1000 * quantiles(seconds, n=100)[-1]
        lines.append(
            f"| {kind} | {len(seconds)} | {middle:.1f} | {high:.1f} | {high / middle:.1f} |"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    main()
