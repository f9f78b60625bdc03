"""What the tests of limits in SQL need: a limiter, and a clock that a test moves."""

from __future__ import annotations

from typing import Any

from habitkit.backends.sqlalchemy import SqlLimits, SqlStore
from habitkit.limits import Limiter

__all__ = ["Wall", "limiter_on"]


class Wall:
    """The machine's clock, which moves only when a test moves it."""

    def __init__(self, now: int = 1_800_000_000 * 10**9) -> None:
        self.now = now

    def __call__(self) -> int:
        return self.now

    def advance(self, nanoseconds: int) -> None:
        self.now += nanoseconds


def limiter_on(engine: Any, on_error: Any = "raise", *, schema: str | None = None) -> Limiter:
    """Return a limiter that asks the database each time."""
    backend = SqlLimits(SqlStore(engine, schema=schema))
    return Limiter(backend, on_error, cache_denials=False)
