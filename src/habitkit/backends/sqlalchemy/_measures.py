"""What a measure says as SQL: windows, instants and numbers of events, in both dialects.

Instants are compared exactly. On SQLite they are texts of one width, which sort; moving one by
whole seconds keeps its fraction.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from sqlalchemy import (
    Double,
    Numeric,
    Text,
    and_,
    case,
    cast,
    false,
    func,
    literal,
    literal_column,
    or_,
    select,
    true,
    type_coerce,
)

from habitkit.backends.sqlalchemy._types import Instant
from habitkit.backends.sqlalchemy.tables import events
from habitkit.experiments.domain.event_values import INSTANT, LARGEST_NUMBER

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy import ColumnElement

    from habitkit.experiments.domain.measures import Measure

    Sql = ColumnElement[Any]

__all__ = ["in_window", "moved", "not_number", "number_of_unit"]

_LONGEST_SECONDS = 140_000_000_000
"""4,436 years. A longer window is as long as this one: PostgreSQL's instants end in 4713 BC."""

_ONE: Sql = literal_column("1")
_ZERO: Sql = literal_column("0.0")
_ONE_SECOND: Sql = literal_column("INTERVAL '1 second'")
_INSTANT = "%Y-%m-%dT%H:%M:%S"
_DIGITS = "[0-9][0-9]"
_WHOLE = f"{_DIGITS}{_DIGITS}-{_DIGITS}-{_DIGITS}T[0-2][0-9]:[0-5][0-9]:[0-5][0-9]"
_NUMBERS: dict[str, list[Sql]] = {
    "sqlite": [literal_column("'integer'"), literal_column("'real'")],
    "postgresql": [literal_column("'number'")],
}
_GLOBS = [f"{_WHOLE}{fraction}[-+][01][0-9]:[0-5][0-9]" for fraction in ("", f".{_DIGITS * 3}")]


def in_window(measure: Measure, start: Sql, end: Sql | None, as_of: datetime, dialect: str) -> Sql:
    """Return whether an event, of whatever type, is in the window of a measure.

    Args:
        measure: The measure.
        start: Where its window begins, by ``moved``.
        end: Where it ends, None if it is open.
        as_of: The instant of the analysis.
        dialect: ``sqlite`` or ``postgresql``.
    """
    if not measure.by_done_at:
        return _is_inside(events.c.at, start, end, as_of)
    done = _done(dialect)
    if dialect == "postgresql":
        return _is_inside(done, start, end, as_of)
    once = select(done.label("at")).correlate_except().subquery("done")  # or SQLite reads it thrice
    inside = _is_inside(once.c.at, start, end, as_of)
    return select(inside).correlate_except(once).scalar_subquery()


def moved(instant: Sql, seconds: int, dialect: str) -> Sql:
    """Return an instant that is moved by whole seconds."""
    seconds = max(-_LONGEST_SECONDS, min(seconds, _LONGEST_SECONDS))
    if dialect == "postgresql":
        return instant + cast(literal(seconds, Double()), Double()) * _ONE_SECOND
    whole = func.strftime(_INSTANT, func.substr(instant, 1, 19), f"{seconds:+} seconds")
    beyond = "" if seconds < 0 else "~"  # before and after all instants, in the order of texts
    result = func.coalesce(whole.op("||")(func.substr(instant, 20)), beyond, type_=Text())
    return type_coerce(result, Instant())


def number_of_unit(measure: Measure, taken: Sql, dialect: str) -> Sql:
    """Return the number of a unit, of those of its events that are taken."""
    count = func.count(case((taken, _ONE)))
    if measure.kind == "any":
        number: Sql = case((count > 0, literal_column("1.0")), else_=_ZERO)
    elif measure.kind == "count":
        number = count
    else:
        number = _sum(measure, taken, dialect)
    number = cast(number, Double())
    if measure.cap is None:
        return number
    least = func.min if dialect == "sqlite" else func.least
    return least(number, cast(literal(measure.cap, Double()), Double()))


def not_number(measure: Measure, dialect: str) -> Sql:
    """Return whether an event has no number to be summed."""
    if measure.kind != "sum":
        return false()
    if measure.field is None:
        return true()
    kind, _ = _field(measure.field, dialect)
    return func.coalesce(kind, "").not_in(_NUMBERS[dialect])


def _is_inside(instant: Sql, start: Sql, end: Sql | None, as_of: datetime) -> Sql:
    """Return whether an instant is in a window, and not after the analysis."""
    conditions = [instant <= literal(as_of, Instant()), instant >= start]
    return and_(*conditions) if end is None else and_(*conditions, instant < end)


def _sum(measure: Measure, taken: Sql, dialect: str) -> Sql:
    """Return the sum of a field; numbers that are too large count as the largest one.

    SQLite's own sum refuses large integers.
    """
    if measure.field is None:
        return _ZERO
    kind, value = _field(measure.field, dialect)
    is_number = and_(taken, kind.in_(_NUMBERS[dialect]))
    least: Sql = literal_column(f"{-LARGEST_NUMBER}")
    largest: Sql = literal_column(f"{LARGEST_NUMBER}")
    if dialect == "sqlite":
        return func.total(case((is_number, func.max(least, func.min(largest, value)))))
    number = func.greatest(least, func.least(largest, cast(value, Numeric())))
    return func.coalesce(func.sum(case((is_number, cast(number, Double())))), _ZERO)


def _field(name: str, dialect: str) -> tuple[Sql, Sql]:
    """Return the kind of a field's value and the value itself, on PostgreSQL as JSON."""
    if dialect == "postgresql":
        value: Sql = events.c.fields.op("->")(name)
        return func.jsonb_typeof(value), value
    if name and '"' not in name:
        path = f"$.{json.dumps(name)}"  # escaped as in the text of the fields
        return func.json_type(events.c.fields, path), func.json_extract(events.c.fields, path)
    each = func.json_each(events.c.fields).table_valued("key", "value", "type")
    found = select(each.c.type, each.c.value).where(each.c.key == name).limit(1)
    return (
        found.with_only_columns(each.c.type).scalar_subquery(),
        found.with_only_columns(each.c.value).scalar_subquery(),
    )


def _done(dialect: str) -> Sql:
    """Return when an event was done: its field ``done_at``, or else its instant."""
    if dialect == "postgresql":
        written = events.c.fields.op("->>")("done_at")
        done = case((written.op("~")(INSTANT), cast(written, Instant())))
        return func.coalesce(done, events.c.at, type_=Instant())
    text = func.json_extract(events.c.fields, "$.done_at")
    day = func.substr(text, 1, 10)
    is_instant = and_(
        func.json_type(events.c.fields, "$.done_at") == "text",
        or_(*[text.op("GLOB")(pattern) for pattern in _GLOBS]),
        text.between("0002", "9999"),
        func.substr(text, 12, 2) < "24",
        func.date(day, "+0 days") == day,  # which makes the 2nd of March of the 30th of February
    )
    seconds = func.strftime(_INSTANT, func.substr(text, 1, 19).op("||")(func.substr(text, -6)))
    fraction = case((func.length(text) == 32, func.substr(text, 20, 7)), else_=".000000")  # noqa: PLR2004 - digits, as text
    done = case((is_instant, seconds.op("||")(fraction).op("||")("+00:00")))
    return func.coalesce(done, events.c.at, type_=Instant())
