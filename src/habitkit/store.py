"""The port of a whole store: what a backend implements to keep habitkit's facts.

``Store`` runs actions in transactions. ``Stores`` is what one open transaction offers: the ports of
the journal, and those of the modules by their typed keys::

    HABITS: Port[HabitStore] = Port("habits")  # beside the Protocol, in the module's store.py

    tx.port(HABITS).get(habit_id)  # a HabitStore, for type checkers too
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, Protocol, TypeVar, runtime_checkable

from attrs import frozen

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Collection
    from contextlib import AbstractContextManager
    from datetime import datetime

    from habitkit.journal.store import (
        EventStore,
        IdempotencyStore,
        InboxStore,
        OutboxStore,
        OwnerStore,
    )

__all__ = [
    "AsyncHostTransactions",
    "AsyncStore",
    "Database",
    "HostTransactions",
    "Port",
    "Store",
    "Stores",
]

R = TypeVar("R")
T = TypeVar("T")


@frozen(eq=False)  # there is one of each, and comparing by identity is quick
class Port(Generic[T]):
    """The typed key of a port: ``stores.port(HABITS)`` is a ``HabitStore``.

    Attributes:
        name: The module's name, and for a further port of the module a name after a dot:
            ``"coins"``, ``"coins.holds"``.
    """

    name: str

    @property
    def module(self) -> str:
        """The module whose port it is."""
        return self.name.partition(".")[0]


class Stores(Protocol):
    """The ports of one open transaction."""

    @property
    def owners(self) -> OwnerStore:
        """The owners' locks."""
        ...

    @property
    def events(self) -> EventStore:
        """The log of events."""
        ...

    @property
    def outbox(self) -> OutboxStore:
        """Deliveries that wait for the relay."""
        ...

    @property
    def inbox(self) -> InboxStore:
        """Messages between owners."""
        ...

    @property
    def idempotency(self) -> IdempotencyStore:
        """Records of idempotency keys."""
        ...

    def port(self, port: Port[T]) -> T:
        """Return what the store offers for the port of a module.

        Raises:
            NotSupportedByStore: If it offers nothing for it.
        """
        ...

    @property
    def connection(self) -> object | None:
        """The database connection, for a host's own statements; None where there is none."""
        ...

    def savepoint(self) -> AbstractContextManager[object]:
        """Return a context whose writes are undone, and only they, when it ends by an exception."""
        ...


@runtime_checkable
class Database(Protocol):
    """Optional: what the ``Stores`` of a database tell about it, for ``kit.health``."""

    def check_schema(self) -> None:
        """Read the version of the tables, even if it was read before, and refuse another one.

        Raises:
            SchemaMissing: If there are no tables.
            SchemaUnversioned: If there are tables without a version.
            SchemaOutdated: If they are older or newer than needed.
        """
        ...

    def server_now(self) -> datetime | None:
        """Return what the clock of the server shows, in UTC; None if there is no server."""
        ...


class Store(Protocol):
    """A place for facts that runs actions in transactions."""

    @property
    def name(self) -> str:
        """A short name for messages."""
        ...

    @property
    def modules(self) -> Collection[str]:
        """The names of the modules whose facts it keeps, such as ``habits`` and ``coins``."""
        ...

    @property
    def capabilities(self) -> Collection[str]:
        """Its abilities beyond the ports; see ``habitkit.ports``."""
        ...

    def run(self, work: Callable[[Stores], R], *, write: bool, keyed: bool) -> R:
        """Run ``work`` in one transaction: commit if it returns, undo everything if it raises.

        Args:
            work: What to do. It may be called again after a conflict with another writer.
            write: False if ``work`` only reads; then it sees one consistent state.
            keyed: True if the caller gave an idempotency key, so that repeating is safe even
                when it is unknown whether a commit has happened.

        Raises:
            StoreBusy: If other writers were in the way through every attempt.
            OutcomeUnknown: If the connection broke around COMMIT and ``keyed`` is false.
        """
        ...

    def close(self) -> None:
        """Release what the store opened itself."""
        ...


class AsyncStore(Protocol):
    """The same for an async host; ``work`` stays a plain function.

    Its ``run`` or ``close`` is an ``async def``: by that a kit distinguishes it from a ``Store``.
    """

    @property
    def name(self) -> str:
        """A short name for messages."""
        ...

    @property
    def modules(self) -> Collection[str]:
        """The modules whose facts it keeps."""
        ...

    @property
    def capabilities(self) -> Collection[str]:
        """Its abilities beyond the ports; see ``habitkit.ports``."""
        ...

    def run(self, work: Callable[[Stores], R], *, write: bool, keyed: bool) -> Awaitable[R]:
        """Run ``work`` in one transaction; cancelling the task leaves nothing behind."""
        ...

    def close(self) -> Awaitable[None]:
        """Release what the store opened itself."""
        ...


@runtime_checkable
class HostTransactions(Protocol):
    """Optional: a store that can work inside a transaction of the host."""

    def on(self, handle: object) -> Store:
        """Return a store whose ``run`` works inside the transaction of ``handle``.

        It opens a savepoint for each action, never commits and never retries.

        Raises:
            HostTransactionUnsupported: If ``handle`` is nothing this store can work inside.
        """
        ...


@runtime_checkable
class AsyncHostTransactions(Protocol):
    """Optional: the same for an async store."""

    def on(self, handle: object) -> AsyncStore:
        """Return an async store whose ``run`` works inside the transaction of ``handle``."""
        ...
