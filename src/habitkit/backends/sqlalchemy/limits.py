"""Rate limits in a SQL database: SQLite and PostgreSQL, through a store of the kit.

Theory of operation. A call is one transaction of its own. One limit that is not exact is charged by
one statement, an upsert that changes nothing if the limit does not allow it. If it has changed
nothing, the state is read, and the denial is computed from it. Should that find the call allowed,
because the budget came back while the statement waited for the row, or find something to write, it
goes the way of several limits: lock the rows, decide by ``habitkit.limits.domain.charging``, write
what has changed. What changes nothing is rolled back.

Rows that are over are deleted by the way, some after so many calls, in a transaction of their own.
"""

from __future__ import annotations

from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar, cast

from habitkit.backends.sqlalchemy import engines
from habitkit.backends.sqlalchemy._limits import rows_of
from habitkit.backends.sqlalchemy._resident import Resident, expect_async_store, expect_store
from habitkit.errors import StoreError
from habitkit.limits.domain import charging
from habitkit.limits.domain.decision import Charge, Decision
from habitkit.limits.errors import LimitsUnavailable

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from habitkit.backends.sqlalchemy._limits import LimitRows
    from habitkit.backends.sqlalchemy._stores import SqlStores
    from habitkit.backends.sqlalchemy.async_store import AsyncSqlStore
    from habitkit.backends.sqlalchemy.store import SqlStore
    from habitkit.backends.threaded import ThreadedStore
    from habitkit.limits.domain.charging import State
    from habitkit.limits.domain.limit import Limit
    from habitkit.store import Stores

__all__ = ["AsyncSqlLimits", "SqlLimits", "open_url"]

R = TypeVar("R")

_MOST_CLEANED = 256


class SqlLimits(Resident):
    """Keeps the limits of all processes that share a SQL database, in ``habitkit_limits``.

    Each call is a transaction of its own, by the clock of the PostgreSQL server, or of the machine
    for SQLite; inside a transaction of a kit it is refused.

    Args:
        store: A ``SqlStore``, such as the kit's own; it stays open.
    """

    remote = True
    supports_exact = True

    def __init__(self, store: SqlStore) -> None:
        """Work through a store.

        Raises:
            ConfigurationError: If it is no ``SqlStore``.
        """
        expect_store(store)
        super().__init__(store, LimitsUnavailable)

    def acquire(
        self, subject: str, limits: tuple[Limit, ...], cost: int, max_wait_ns: int = 0
    ) -> Decision:
        """Charge a cost to all limits of a subject, or to none if one does not allow it."""
        decision = self._write(partial(_acquire, subject, limits, cost, max_wait_ns))
        if decision.allowed and self._is_cleaning_due(len(limits)):
            with suppress(StoreError):  # the next call will find the same
                self._write(_clean)
        return decision

    def peek(self, subject: str, limits: tuple[Limit, ...], cost: int) -> Decision:
        """Return what ``acquire`` would decide, and charge nothing."""
        with self._errors():
            work = partial(_on, partial(_peek, subject, limits, cost))
            return self._store.run(work, write=False, keyed=False)  # type: ignore[no-any-return]

    def refund(self, taken: Charge) -> bool:
        """Give back what a call has charged."""
        return self._write(partial(_refund, taken))

    def reset(self, subject: str) -> None:
        """Drop all states of a subject."""
        self._write(partial(_reset, subject))

    def close(self) -> None:
        """Close the store if it was opened for this."""
        if self._owned:
            self._store.close()

    def _write(self, work: Callable[[LimitRows], R]) -> R:
        """Run work in a transaction."""
        with self._errors():
            try:
                return self._store.run(partial(_on, work), write=True, keyed=False)  # type: ignore[no-any-return]
            except _NothingChanged as end:
                return end.result  # type: ignore[no-any-return]


class AsyncSqlLimits(Resident):
    """The same for async hosts: see ``SqlLimits``.

    Args:
        store: An ``AsyncSqlStore``, or a ``ThreadedStore`` around a ``SqlStore``; it stays open.
    """

    remote = True
    supports_exact = True

    def __init__(self, store: AsyncSqlStore | ThreadedStore) -> None:
        """Work through a store.

        Raises:
            ConfigurationError: If it is no such store.
        """
        expect_async_store(store)
        super().__init__(store, LimitsUnavailable)

    async def acquire(
        self, subject: str, limits: tuple[Limit, ...], cost: int, max_wait_ns: int = 0
    ) -> Decision:
        """Charge a cost to all limits of a subject, or to none if one does not allow it."""
        decision = await self._write(partial(_acquire, subject, limits, cost, max_wait_ns))
        if decision.allowed and self._is_cleaning_due(len(limits)):
            with suppress(StoreError):
                await self._write(_clean)
        return decision

    async def peek(self, subject: str, limits: tuple[Limit, ...], cost: int) -> Decision:
        """Return what ``acquire`` would decide, and charge nothing."""
        with self._errors():
            work = partial(_on, partial(_peek, subject, limits, cost))
            return await self._store.run(work, write=False, keyed=False)  # type: ignore[no-any-return]

    async def refund(self, taken: Charge) -> bool:
        """Give back what a call has charged."""
        return await self._write(partial(_refund, taken))

    async def reset(self, subject: str) -> None:
        """Drop all states of a subject."""
        await self._write(partial(_reset, subject))

    async def close(self) -> None:
        """Close the store if it was opened for this."""
        if self._owned:
            await self._store.close()

    async def _write(self, work: Callable[[LimitRows], R]) -> R:
        """Run work in a transaction."""
        with self._errors():
            try:
                return await self._store.run(partial(_on, work), write=True, keyed=False)  # type: ignore[no-any-return]
            except _NothingChanged as end:
                return end.result  # type: ignore[no-any-return]


def open_url(url: str, *, asynchronous: bool) -> SqlLimits | Awaitable[AsyncSqlLimits]:
    """Open limits in the database behind a URL, for ``limits="postgresql://..."``.

    Args:
        url: As for a store: see ``habitkit.backends.sqlalchemy.open_url``.
        asynchronous: True for those of an async host.

    Raises:
        ConfigurationError: As for a store.
    """
    opened: Any = engines.open_url(url, asynchronous=asynchronous)
    if asynchronous:
        return _open_async(opened)
    limits = SqlLimits(opened)
    limits._owned = True  # noqa: SLF001 - whoever opens a store closes it
    return limits


async def _open_async(opened: Awaitable[Any]) -> AsyncSqlLimits:
    limits = AsyncSqlLimits(await opened)
    limits._owned = True  # noqa: SLF001 - as above
    return limits


class _NothingChanged(Exception):
    """The work is done, and its transaction is to be undone."""

    def __init__(self, result: Any) -> None:
        super().__init__()
        self.result = result


def _on(work: Callable[[LimitRows], R], stores: Stores) -> R:
    """Run work on the rows of an open transaction."""
    return work(rows_of(cast("SqlStores", stores).link))


def _acquire(
    subject: str, limits: tuple[Limit, ...], cost: int, max_wait_ns: int, rows: LimitRows
) -> Decision:
    """Charge a cost to all limits, or to none."""
    if len(limits) == 1 and not limits[0].exact:
        limit = limits[0]
        charged = rows.charge(subject, limit, cost, max_wait_ns)
        if charged is not None:
            tat, now = charged
            usage = charging.usage_of_tat(limit, tat - now, cost)
            wait_ns = max(tat - now - limit.tolerance_ns, 0)
            taken = Charge(subject, limits, cost, (tat,))
            return charging.allowed(limits, (usage,), taken, wait_ns)
        states, now = rows.read(subject, limits)
        found = charging.charge(subject, limits, states, cost, now, max_wait_ns)
        if not found.decision.allowed and found.states is None:
            raise _NothingChanged(found.decision)
    states, now = rows.lock(subject, limits)
    decision, after = charging.charge(subject, limits, states, cost, now, max_wait_ns)
    _replace(rows, subject, limits, states, after, decision)
    return decision


def _peek(subject: str, limits: tuple[Limit, ...], cost: int, rows: LimitRows) -> Decision:
    """Decide, and charge nothing."""
    states, now = rows.read(subject, limits)
    return charging.peek(limits, states, cost, now)


def _refund(taken: Charge, rows: LimitRows) -> bool:
    """Give back what was charged; tell whether that was anything."""
    states, now = rows.lock(taken.subject, taken.limits)
    after = charging.refund(taken, states, now)
    _replace(rows, taken.subject, taken.limits, states, after, result=False)
    return True


def _replace(
    rows: LimitRows,
    subject: str,
    limits: Sequence[Limit],
    before: Sequence[State],
    after: Sequence[State] | None,
    result: Any,
) -> None:
    """Write states, of which those before are locked.

    Raises:
        _NothingChanged: If they are the same.
    """
    if after is None or list(after) == list(before):
        raise _NothingChanged(result)
    rows.write(subject, limits, after)


def _reset(subject: str, rows: LimitRows) -> None:
    """Drop all states of a subject."""
    rows.reset(subject)


def _clean(rows: LimitRows) -> int:
    """Drop some states that are over."""
    return rows.clean(_MOST_CLEANED)
