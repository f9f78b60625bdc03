"""Statistics of an experiment in SQLite: by the kit's store, and by SQL that is written by hand.

Both read the same file, of exposures and of events in a window of a week after each. By hand it is
one statement that goes through the units once, its sums shifted by the number of one unit. It takes
every ``done_at`` for an instant in UTC, as the kit writes it; the kit looks at each.
"""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import count
from random import Random
from typing import TYPE_CHECKING, Any

from attrs import evolve, frozen

from benchmarks._duel import calls, take_turns
from benchmarks.limits import FLOOR, KIT, compare
from habitkit import HabitKit
from habitkit.experiments import GroupMoments, Measure, MomentsQuery
from habitkit.experiments.stats import Bivariate
from habitkit.experiments.store import EXPERIMENTS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from benchmarks._duel import Size
    from benchmarks.limits import Row

    Event = tuple[str, int, int, str, str, str | None, str]

__all__ = ["JOINS", "measure"]

UNITS = 20_000
EVENTS_A_UNIT = 5
DAY = timedelta(days=1)
START = datetime(2026, 3, 1, tzinfo=UTC)
AS_OF = START + 21 * DAY
WEEK_SECONDS = 7 * 86_400

_VALUES = """
WITH unit_values AS MATERIALIZED (
  SELECT one.variant, one.version, CASE WHEN one.at <= :matured THEN {number} END AS x,
    {not_numbers} AS not_numbers
  FROM (
    SELECT unit, min(variant) AS variant, min(version) AS version, min(at) AS at,
      strftime('%Y-%m-%dT%H:%M:%S', min(at), '+7 days') || substr(min(at), 20) AS until
    FROM habitkit_exposures
    WHERE experiment = 'checkout' AND at <= :as_of
    GROUP BY unit HAVING count(*) = 1
  ) AS one
  LEFT JOIN habitkit_events AS e ON one.at <= :matured AND e.owner = one.unit AND e.type = :type
    AND {done} >= one.at AND {done} < one.until AND {done} <= :as_of
    AND (e.key IS NULL OR (e.rev, e.position) = (
      SELECT rev, position FROM habitkit_events AS last
      WHERE last.owner = e.owner AND last.key = e.key AND last.key IS NOT NULL
      ORDER BY rev DESC, position DESC LIMIT 1
    ))
  GROUP BY one.unit
), shift AS MATERIALIZED (SELECT x AS by FROM unit_values WHERE x IS NOT NULL LIMIT 1)
SELECT variant, version, count(x), by, sum(x - by), sum((x - by) * (x - by)),
  count(*) - count(x), sum(not_numbers)
FROM unit_values, shift GROUP BY variant, version ORDER BY variant, version
"""


@frozen
class Join:
    """A metric that is measured.

    Attributes:
        measure: What the kit's store measures.
        sql: The same by hand.
        events: Returns the events of a unit, of which the first is done at an instant.
    """

    measure: Measure
    sql: str
    events: Callable[[str, datetime, Random], Iterator[Event]]


def _bought(unit: str, at: datetime, random: Random) -> Iterator[Event]:
    for number in range(EVENTS_A_UNIT):
        fields = json.dumps({"amount": round(random.uniform(1, 50), 2), "currency": "coins"})
        yield unit, number + 1, 0, "Bought", _text(at + number * 2 * DAY), None, fields


def _completed(unit: str, at: datetime, _: Random) -> Iterator[Event]:
    for number in range(EVENTS_A_UNIT):
        done = at + number * 2 * DAY
        fields = json.dumps({"day": done.date().isoformat(), "done_at": done.isoformat()})
        key = f"done:{unit}:{done.date()}"
        yield unit, number + 1, 0, "HabitCompleted", _text(done + DAY / 24), key, fields


JOINS = {
    "sum of a field": Join(
        Measure("Bought", "sum", "amount", 0, WEEK_SECONDS),
        _VALUES.format(
            number="total(json_extract(e.fields, '$.amount'))",
            not_numbers="count(CASE WHEN json_type(e.fields, '$.amount') "
            "NOT IN ('integer', 'real') THEN 1 END)",
            done="e.at",
        ),
        _bought,
    ),
    "count by done_at, with keys": Join(
        Measure("HabitCompleted", "count", None, 0, WEEK_SECONDS, by_done_at=True),
        _VALUES.format(
            number="CAST(count(e.owner) AS REAL)",
            not_numbers="0",
            done="json_extract(e.fields, '$.done_at')",
        ),
        _completed,
    ),
}
"""Events that hosts record, and events of habits, which may be retracted and done before."""


def measure(size: Size, new_file: Callable[[], Path], advance: Callable[[], object]) -> list[Row]:
    """Measure each metric by both."""
    units = min(UNITS, size.block * 200)
    once = evolve(size, block=1, warm_up=1)
    rows = []
    for name, join in JOINS.items():
        query = MomentsQuery("checkout", AS_OF, join.measure, matures_seconds=WEEK_SECONDS)
        path = new_file()
        with (
            HabitKit.open(f"sqlite:///{path}") as kit,
            closing(sqlite3.connect(path)) as raw,
        ):
            _fill(raw, units, join)
            sides = [
                calls(partial(_by_store, kit, query), _rounded),
                calls(partial(_by_hand, raw, join), _rounded),
            ]
            times = take_turns(once, count(), sides, advance)
        title = f"SQLite, {units:,} units, {units * EVENTS_A_UNIT:,} events, {name}"
        by_name = {KIT: times[0], FLOOR: times[1]}
        rows += compare(title, by_name, FLOOR, round(1 / 1.2, 2))
    return rows


def _fill(raw: sqlite3.Connection, units: int, join: Join) -> None:
    """Expose units, one of a hundred to both variants, and let each do something."""
    random = Random(1)
    exposures: list[tuple[Any, ...]] = []
    events: list[Event] = []
    for number in range(units):
        unit, at = f"user:{number:07}", START + random.random() * 15 * DAY
        variants = ["control", "treatment"]
        if number % 100:
            variants = [random.choice(variants)]
        exposures += [("checkout", unit, it, 1, 0.5, _text(at)) for it in variants]
        events += join.events(unit, at - random.random() * DAY, random)
    with raw:
        raw.executemany("INSERT INTO habitkit_exposures VALUES (?, ?, ?, ?, ?, ?)", exposures)
        raw.executemany("INSERT INTO habitkit_events VALUES (?, ?, ?, ?, ?, ?, ?)", events)
    raw.execute("ANALYZE")


def _text(instant: datetime) -> str:
    return instant.isoformat(timespec="microseconds")


def _by_store(kit: HabitKit, query: MomentsQuery, _: int) -> list[GroupMoments]:
    return kit.read(lambda tx: tx.port(EXPERIMENTS).moments(query))


def _by_hand(raw: sqlite3.Connection, join: Join, _: int) -> list[GroupMoments]:
    given = {
        "type": join.measure.event,
        "as_of": _text(AS_OF),
        "matured": _text(AS_OF - timedelta(seconds=WEEK_SECONDS)),
    }
    return [
        GroupMoments(
            variant,
            version,
            Bivariate(n, shift + total / n, 0.0, squares - total * total / n),
            immature,
            not_numbers,
        )
        for variant, version, n, shift, total, squares, immature, not_numbers in raw.execute(
            join.sql, given
        )
    ]


def _rounded(groups: list[GroupMoments]) -> list[Any]:
    """Return what was found without the rounding of sums."""
    found = []
    for it in groups:
        mean, squares = f"{it.moments.mx:.9g}", f"{it.moments.Mxx:.9g}"
        counted = it.moments.n, it.immature, it.not_numbers
        found.append((it.variant, it.version, *counted, mean, squares))
    return found
