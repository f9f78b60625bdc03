"""What a measure says as SQL: windows, instants and numbers of events, in both dialects.

Instants are compared exactly. On SQLite they are texts of one width, which sort; moving one by
whole seconds keeps its fraction.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from sqlalchemy import (
    Boolean,
    Double,
    Text,
    and_,
    case,
    cast,
    false,
    func,
    literal,
    literal_column,
    null,
    or_,
    select,
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

__all__ = ["in_window", "left_out", "number_of_unit"]

_LONGEST_SECONDS = 320_000_000_000
"""More than all the years of a calendar have, and less than what a database cannot add."""

_ONE_SECOND: Sql = literal_column("INTERVAL '1 second'")
_DIGITS = "[0-9][0-9]"
_WHOLE = f"{_DIGITS}{_DIGITS}-{_DIGITS}-{_DIGITS}T[0-2][0-9]:[0-5][0-9]:[0-5][0-9]"
_GLOBS = [f"{_WHOLE}{fraction}[-+][01][0-9]:[0-5][0-9]" for fraction in ("", f".{_DIGITS * 3}")]


def in_window(measure: Measure, exposed_at: Sql, as_of: datetime, dialect: str) -> Sql:
    """Return whether an event is of a measure's type, and in the window around an exposure."""
    done = _done(dialect) if measure.by_done_at else events.c.at
    conditions = [
        events.c.type == measure.event,
        done < literal(as_of, Instant()),
        _since(done, exposed_at, measure.start_seconds, dialect),
    ]
    if measure.end_seconds is not None:
        conditions.append(~_since(done, exposed_at, measure.end_seconds, dialect))
    return and_(*conditions)


def number_of_unit(measure: Measure, taken: Sql, dialect: str) -> Sql:
    """Return the number of a unit, of those of its events that are taken."""
    if measure.kind == "any":
        number: Sql = func.max(case((taken, literal_column("1.0")), else_=literal_column("0.0")))
    elif measure.kind == "count":
        number = func.count(case((taken, literal_column("1"))))
    else:
        value = case((and_(taken, _is_number(measure, dialect)), _number(measure, dialect)))
        number = func.coalesce(func.sum(value), literal_column("0.0"))
    number = cast(number, Double())
    if measure.cap is None:
        return number
    least = func.min if dialect == "sqlite" else func.least
    return least(number, cast(literal(measure.cap, Double()), Double()))


def left_out(measure: Measure, taken: Sql, dialect: str) -> Sql:
    """Return whether an event is taken, but has no number to be summed."""
    if measure.kind != "sum":
        return false()
    is_number = func.coalesce(_is_number(measure, dialect), false(), type_=Boolean())
    return and_(taken, ~is_number)


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


def _is_number(measure: Measure, dialect: str) -> Sql:
    """Return whether the field of a measure is a number that is summed, or NULL."""
    if measure.field is None:
        return false()
    kind, value = _field(measure.field, dialect)
    if dialect == "postgresql":
        least: Sql = literal_column(f"'{-LARGEST_NUMBER}'::jsonb")
        largest: Sql = literal_column(f"'{LARGEST_NUMBER}'::jsonb")
        return and_(kind == literal_column("'number'"), value >= least, value <= largest)
    return and_(
        kind.in_([literal_column("'integer'"), literal_column("'real'")]),
        value.between(literal_column(f"{-LARGEST_NUMBER}"), literal_column(f"{LARGEST_NUMBER}")),
    )


def _number(measure: Measure, dialect: str) -> Sql:
    """Return the field of a measure, which is a number."""
    if measure.field is None:
        return cast(null(), Double())
    return cast(_field(measure.field, dialect)[1], Double())


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
        func.date(day) == day,  # which makes the 2nd of March of the 30th of February
    )
    seconds = func.strftime(
        "%Y-%m-%dT%H:%M:%S", func.substr(text, 1, 19).op("||")(func.substr(text, -6))
    )
    fraction = case((func.length(text) == 32, func.substr(text, 20, 7)), else_=".000000")  # noqa: PLR2004 - digits, as text
    done = case((is_instant, seconds.op("||")(fraction).op("||")("+00:00")))
    return func.coalesce(done, events.c.at, type_=Instant())


def _since(instant: Sql, start: Sql, seconds: int, dialect: str) -> Sql:
    """Return whether an instant is at least some seconds after a start, or at most before it."""
    if seconds == 0:
        return instant >= start
    seconds = max(-_LONGEST_SECONDS, min(seconds, _LONGEST_SECONDS))
    if dialect == "postgresql":  # an interval of two instants has days of 24 hours, which compare
        length: Sql = cast(literal(seconds, Double()), Double()) * _ONE_SECOND
        return (instant - start).op(">=", is_comparison=True)(length)
    moved = func.strftime("%Y-%m-%dT%H:%M:%S", func.substr(start, 1, 19), f"{seconds:+} seconds")
    beyond = "" if seconds < 0 else "~"  # before and after all instants, in the order of texts
    edge = func.coalesce(moved.op("||")(func.substr(start, 20)), beyond, type_=Text())
    return type_coerce(instant, Text()) >= edge
