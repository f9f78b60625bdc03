"""Column types that mean the same on every dialect."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, time
from decimal import Decimal
from functools import lru_cache
from typing import TYPE_CHECKING, Any
from uuid import UUID

from sqlalchemy import Date, DateTime, Double, Numeric, String, Text, Time, Uuid
from sqlalchemy.types import TypeDecorator, UserDefinedType

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Dialect
    from sqlalchemy.types import TypeEngine

__all__ = [
    "Amount",
    "Day",
    "DecimalText",
    "DecimalTexts",
    "Id",
    "Instant",
    "Json",
    "Real",
    "TimeOfDay",
]


class Instant(TypeDecorator[datetime]):
    """An aware datetime in UTC: TIMESTAMPTZ, or on SQLite text of fixed width, which sorts."""

    impl = DateTime
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """Choose the column's type."""
        if dialect.name == "sqlite":
            return dialect.type_descriptor(String(32))
        return dialect.type_descriptor(DateTime(timezone=True))

    def bind_processor(self, dialect: Dialect) -> Any:
        """Write an instant; SQLAlchemy's own way for decorated types is four calls longer."""
        return _instant_to_text if dialect.name == "sqlite" else None

    def result_processor(self, dialect: Dialect, coltype: object) -> Any:  # noqa: ARG002
        """Read an instant, in UTC."""
        return _text_to_instant if dialect.name == "sqlite" else _to_utc


@lru_cache(maxsize=512)
def _instant_to_text(value: datetime | None) -> str | None:
    """Write an instant with a fixed width; the rows of one transaction mostly share theirs."""
    if value is None:
        return None
    if value.tzinfo is not UTC:
        value = value.astimezone(UTC)
    return value.isoformat(timespec="microseconds")


def _text_to_instant(value: str | None) -> datetime | None:
    return None if value is None else datetime.fromisoformat(value)


def _to_utc(value: datetime | None) -> datetime | None:
    return value if value is None or value.tzinfo is UTC else value.astimezone(UTC)


class Day(TypeDecorator[date]):
    """A date, or on SQLite its text.

    A connection with ``detect_types``, such as Django's, reads dates and times by itself.
    """

    impl = Date
    cache_ok = True

    def bind_processor(self, dialect: Dialect) -> Any:
        """Write a date; SQLAlchemy's own fills in a template, which takes thrice as long."""
        return _to_iso if dialect.name == "sqlite" else None

    def result_processor(self, dialect: Dialect, coltype: object) -> Any:  # noqa: ARG002
        """Read a date, whether the driver has read it or not."""
        return _text_to_day if dialect.name == "sqlite" else None


class TimeOfDay(TypeDecorator[time]):
    """A time without a zone, or on SQLite its text."""

    impl = Time
    cache_ok = True

    def bind_processor(self, dialect: Dialect) -> Any:
        """Write a time."""
        return _time_to_text if dialect.name == "sqlite" else None

    def result_processor(self, dialect: Dialect, coltype: object) -> Any:  # noqa: ARG002
        """Read a time, whether the driver has read it or not."""
        return _text_to_time if dialect.name == "sqlite" else None


def _to_iso(value: date | None) -> str | None:
    return None if value is None else value.isoformat()


def _text_to_day(value: date | str | None) -> date | None:
    return date.fromisoformat(value) if isinstance(value, str) else value


def _time_to_text(value: time | None) -> str | None:
    return None if value is None else value.isoformat(timespec="microseconds")


def _text_to_time(value: time | str | None) -> time | None:
    return time.fromisoformat(value) if isinstance(value, str) else value


class Id(TypeDecorator[UUID]):
    """A UUID: PostgreSQL's own type, or on SQLite its 32 hexadecimal digits."""

    impl = Uuid
    cache_ok = True

    def bind_processor(self, dialect: Dialect) -> Any:
        """Write an id."""
        return _id_to_text if dialect.name == "sqlite" else None

    def result_processor(self, dialect: Dialect, coltype: object) -> Any:  # noqa: ARG002
        """Read an id."""
        return _text_to_id if dialect.name == "sqlite" else None


def _id_to_text(value: UUID | None) -> str | None:
    return None if value is None else value.hex


def _text_to_id(value: str | None) -> UUID | None:
    return None if value is None else UUID(value)


class _Jsonb(UserDefinedType[str]):
    """PostgreSQL's JSONB, written as text."""

    cache_ok = True

    def get_col_spec(self, **_: Any) -> str:
        return "JSONB"


class Json(TypeDecorator[Any]):
    """A JSON object: written as the text it was encoded to, read as a dict."""

    impl = Text
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """Choose the column's type."""
        return dialect.type_descriptor(_Jsonb() if dialect.name == "postgresql" else Text())

    def bind_processor(self, dialect: Dialect) -> None:
        """Write text as it is."""

    def result_processor(self, dialect: Dialect, coltype: object) -> Any:  # noqa: ARG002
        """Read a dict, whether the driver has decoded it or not."""
        return _decoded


def _decoded(value: Any) -> Any:
    return json.loads(value) if isinstance(value, str) else value


class Amount(TypeDecorator[Decimal]):
    """An exact decimal: NUMERIC, or on SQLite, whose numbers are floats, its text."""

    impl = Numeric
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """Choose the column's type."""
        return dialect.type_descriptor(Text() if dialect.name == "sqlite" else Numeric())

    def bind_processor(self, dialect: Dialect) -> Any:
        """Write a decimal."""
        return _decimal_to_text if dialect.name == "sqlite" else None

    def result_processor(self, dialect: Dialect, coltype: object) -> Any:  # noqa: ARG002
        """Read a decimal, which NUMERIC gives without an exponent."""
        return _text_to_decimal if dialect.name == "sqlite" else None


def _decimal_to_text(value: Decimal | None) -> str | None:
    return None if value is None else str(value)


def _text_to_decimal(value: str | None) -> Decimal | None:
    return None if value is None else Decimal(value)


class Real(TypeDecorator[float]):
    """A float of 64 bits, as the driver takes and gives it."""

    impl = Double
    cache_ok = True

    def bind_processor(self, dialect: Dialect) -> None:
        """Write a float as it is."""

    def result_processor(self, dialect: Dialect, coltype: object) -> None:
        """Read a float as it is; SQLAlchemy's own asks for the code of its type."""


class DecimalText(TypeDecorator[Decimal]):
    """An exact decimal of any size, as its text: NUMERIC has a largest number of digits."""

    impl = Text
    cache_ok = True

    def bind_processor(self, dialect: Dialect) -> Any:  # noqa: ARG002
        """Write a decimal."""
        return _decimal_to_text

    def result_processor(self, dialect: Dialect, coltype: object) -> Any:  # noqa: ARG002
        """Read a decimal."""
        return _text_to_decimal


class DecimalTexts(Json):
    """Exact decimals of any size, as a JSON list of their texts."""

    cache_ok = True

    def bind_processor(self, dialect: Dialect) -> Any:  # noqa: ARG002
        """Write decimals."""
        return _decimals_to_text

    def result_processor(self, dialect: Dialect, coltype: object) -> Any:  # noqa: ARG002
        """Read decimals."""
        return _json_to_decimals


def _decimals_to_text(values: Sequence[Decimal]) -> str:
    return json.dumps([str(value) for value in values])


def _json_to_decimals(values: Any) -> tuple[Decimal, ...]:
    return tuple([Decimal(value) for value in _decoded(values)])
