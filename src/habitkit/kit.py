"""The kits: services on a store. They bind actions to sync or async calls and hold no behaviour."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar, overload

from habitkit import ids, plugins
from habitkit.binding import (
    Async,
    AsyncRunner,
    KitState,
    M,
    Service,
    Sync,
    SyncRunner,
    action,
    query,
    workflow,
)
from habitkit.erasure import export, forget
from habitkit.errors import HostTransactionUnsupported, NotSupportedByStore
from habitkit.habits.rebuild import rebuild_all as rebuild
from habitkit.maintenance import sweep
from habitkit.options import make_settings
from habitkit.residents import AsyncBackground, Background, refresh
from habitkit.store import AsyncHostTransactions, HostTransactions

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine
    from types import TracebackType
    from typing import Self, Unpack

    from habitkit.binding import Runner
    from habitkit.coins.service import CoinService
    from habitkit.habits.service import HabitService, StreakService
    from habitkit.journal.service import EventService, RelayService
    from habitkit.options import KitOptions
    from habitkit.store import AsyncStore, Store
    from habitkit.transaction import Transaction

__all__ = [
    "AsyncHabitKit",
    "AsyncHostKit",
    "AsyncOwnedKit",
    "HabitKit",
    "HostKit",
    "OwnedKit",
    "Services",
]

R = TypeVar("R")


class Services(Service[M]):
    """The one list of services, and the ways to compose their actions."""

    @cached_property
    def habits(self) -> HabitService[M]:
        """Habits and check-ins."""
        from habitkit.habits.service import HabitService  # noqa: PLC0415 - only where it is used

        return HabitService(self._supporting("habits"))

    @cached_property
    def streaks(self) -> StreakService[M]:
        """Current and best streaks."""
        from habitkit.habits.service import StreakService  # noqa: PLC0415 - only where it is used

        return StreakService(self._supporting("habits"))

    @cached_property
    def coins(self) -> CoinService[M]:
        """The coin ledger."""
        from habitkit.coins.service import CoinService  # noqa: PLC0415 - only where it is used

        return CoinService(self._supporting("coins"))

    @cached_property
    def events(self) -> EventService[M]:
        """The journal of events."""
        from habitkit.journal.service import EventService  # noqa: PLC0415 - only where it is used

        return EventService(self._runner)

    export = query(export)
    forget = action(forget)

    @overload
    def run(self: Services[Sync], work: Callable[[Transaction], R]) -> R: ...
    @overload
    def run(self: Services[Async], work: Callable[[Transaction], R]) -> Coroutine[Any, Any, R]: ...
    def run(self, work: Callable[[Transaction], R]) -> Any:
        """Compose several actions in one transaction: ``kit.run(lambda tx: ...)``.

        Args:
            work: A plain function, for async kits too. It calls actions with the transaction it is
                given, such as ``coins.award(tx, ...)`` after ``from habitkit import coins``. It may
                be called again after a conflict with another writer.

        Raises:
            NestedTransaction: If ``work`` calls a kit.
        """
        return self._runner(work, (), {}, write=True)

    @overload
    def read(self: Services[Sync], work: Callable[[Transaction], R]) -> R: ...
    @overload
    def read(self: Services[Async], work: Callable[[Transaction], R]) -> Coroutine[Any, Any, R]: ...
    def read(self, work: Callable[[Transaction], R]) -> Any:
        """Compose several queries in one transaction, which sees one consistent state.

        Args:
            work: As for ``run``, but it only reads.

        Raises:
            ReadOnlyTransaction: If ``work`` calls an action.
            NestedTransaction: If ``work`` calls a kit.
        """
        return self._runner(work, (), {}, write=False)

    @overload
    def rehearse(self: Services[Sync], work: Callable[[Transaction], R]) -> R: ...
    @overload
    def rehearse(
        self: Services[Async], work: Callable[[Transaction], R]
    ) -> Coroutine[Any, Any, R]: ...
    def rehearse(self, work: Callable[[Transaction], R]) -> Any:
        """Do all that ``run`` does, reactions and events included, undo it and return the result.

        Args:
            work: As for ``run``.

        Raises:
            NestedTransaction: If ``work`` calls a kit.
        """
        return self._runner.rehearse(work)

    def _supporting(self, module: str) -> Runner:
        """Return the runner for a service, if the store supports its module.

        Raises:
            NotSupportedByStore: If it does not.
        """
        store = self._runner.store
        if module not in store.modules:
            raise NotSupportedByStore(module, store.name)
        return self._runner  # type: ignore[no-any-return]


class _Owned(Services[M]):
    """The services as one owner may see them: whatever belongs to another does not exist."""

    @property
    def owner(self) -> str:
        """Whose kit it is."""
        return self._runner.scope or ""


class OwnedKit(_Owned[Sync]):
    """The services as one owner may see them: whatever belongs to another does not exist."""


class AsyncOwnedKit(_Owned[Async]):
    """The same, awaited."""


class _EveryOwner(Services[M]):
    """The services for all owners."""

    @overload
    def owned_by(self: _EveryOwner[Sync], owner: str) -> OwnedKit: ...
    @overload
    def owned_by(self: _EveryOwner[Async], owner: str) -> AsyncOwnedKit: ...
    def owned_by(self, owner: str) -> OwnedKit | AsyncOwnedKit:
        """Return the services as one owner may see them; for web handlers.

        The services and their signatures are the same. Whatever belongs to another owner does not
        exist there (``NotFound``), an owner argument other than this one included.

        Raises:
            InvalidOwner: If the owner is no short, non-empty string.
        """
        runner = self._runner.scoped(ids.owner(owner))
        return OwnedKit(runner) if isinstance(runner, SyncRunner) else AsyncOwnedKit(runner)


class HostKit(_EveryOwner[Sync]):
    """The services inside one transaction of the host, as ``HabitKit.on`` returns them."""


class AsyncHostKit(_EveryOwner[Async]):
    """The services inside one transaction of the host, as ``AsyncHabitKit.on`` returns them."""


class _Kit(_EveryOwner[M]):
    """What only the kit itself offers, and no view of it."""

    @cached_property
    def relay(self) -> RelayService[M]:
        """Delivers committed events to subscribers."""
        from habitkit.journal.service import RelayService  # noqa: PLC0415 - only where it is used

        return RelayService(self._runner)

    sweep = workflow(sweep)
    rebuild = workflow(rebuild)
    refresh = workflow(refresh)


class HabitKit(_Kit[Sync]):
    """All services on one store.

    Example:
        >>> from habitkit import HabitKit, Schedule
        >>> with HabitKit.open("memory://") as kit:
        ...     run = kit.habits.create("ada", "Run", Schedule.daily())
        ...     kit.habits.check_in(run.id).coins
        10
    """

    def __init__(self, store: Store, **options: Unpack[KitOptions]) -> None:
        """Put the services on a store; nothing is read or written yet.

        Args:
            store: Where facts are kept. The kit does not close a store that it was given.
            options: ``clock``, ``reactions``, ``subscribers``, and the settings of modules:
                ``habits=HabitSettings(...)``, ``coins=CoinSettings(...)``; see ``KitOptions``.

        Raises:
            NotSupportedByStore: If there are settings for a module that the store does not support.
            ConfigurationError: If an argument is not what is expected, such as a URL or an async
                store instead of a store; it is named.
        """
        settings = make_settings(store, options)
        super().__init__(SyncRunner(store, settings, KitState()))
        self._owned_store: Store | None = None

    @classmethod
    def open(cls, url: str, *, schema: str | None = None, **options: Unpack[KitOptions]) -> Self:
        """Open the store behind a URL; closing the kit closes it.

        On SQLite and in memory the tables are created or upgraded; on a database server they must
        be there.

        Args:
            url: For example ``"sqlite:///habits.db"``, ``"postgresql://..."``, ``"memory://"``.
            schema: The database schema of the tables, on a database server that has schemas.
            options: As for the constructor.

        Raises:
            UnknownScheme: If no installed backend is for the URL.
            MissingExtra: If the backend's driver is not installed.
            SchemaMissing: If a database server has no habitkit tables; names the command.
            SchemaOutdated: If its tables are of another version; names the command.
        """
        store = plugins.open_store(url, schema=schema)
        try:
            kit = cls(store, **options)
        except BaseException:
            store.close()
            raise
        kit._owned_store = store
        return kit

    def on(self, handle: object) -> HostKit:
        """Return the services inside the host's own transaction.

        They never commit and never retry. Each action runs in a savepoint: a failing one leaves
        nothing behind while the host goes on, and the host's rollback undoes all of it.

        Args:
            handle: With a SQL store: an SQLAlchemy ``Connection``, ``Session`` or
                ``scoped_session``.

        Raises:
            HostTransactionUnsupported: If the store cannot do that, or not with this handle.
        """
        store = self._runner.store
        if not isinstance(store, HostTransactions):
            raise HostTransactionUnsupported.by(store.name)
        return HostKit(self._runner.inside(store.on(handle)))

    def background(self) -> Background:
        """Return a context in which a thread refreshes, at its interval, what has to be refreshed.

        Nothing of it starts by itself: ``with kit.background(): serve()``.
        """
        return Background(self._runner)

    def close(self) -> None:
        """Close the kit, and the store if the kit opened it. Closing twice is fine."""
        self._runner.state.closed = True
        self._runner.settings.residents.close()
        store, self._owned_store = self._owned_store, None
        if store is not None:
            store.close()

    def __enter__(self) -> Self:
        """Close at the end of the block."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close."""
        self.close()


class AsyncHabitKit(_Kit[Async]):
    """All services on one store, for an async host."""

    def __init__(self, store: AsyncStore, **options: Unpack[KitOptions]) -> None:
        """Put the services on an async store; arguments and errors as for ``HabitKit``."""
        settings = make_settings(store, options, asynchronous=True)
        super().__init__(AsyncRunner(store, settings, KitState()))
        self._owned_store: AsyncStore | None = None

    @classmethod
    async def open(
        cls, url: str, *, schema: str | None = None, **options: Unpack[KitOptions]
    ) -> Self:
        """Open the store behind a URL; arguments and errors as for ``HabitKit.open``."""
        store = await plugins.open_async_store(url, schema=schema)
        try:
            kit = cls(store, **options)
        except BaseException:
            await store.close()
            raise
        kit._owned_store = store
        return kit

    def on(self, handle: object) -> AsyncHostKit:
        """Return the services inside the host's own transaction; see ``HabitKit.on``.

        Args:
            handle: With a SQL store: an SQLAlchemy ``AsyncConnection``, ``AsyncSession`` or
                ``async_scoped_session``.

        Raises:
            HostTransactionUnsupported: If the store cannot do that, or not with this handle.
        """
        store = self._runner.store
        if not isinstance(store, AsyncHostTransactions):
            raise HostTransactionUnsupported.by(store.name)
        return AsyncHostKit(self._runner.inside(store.on(handle)))

    def background(self) -> AsyncBackground:
        """Return a context in which a task refreshes, at its interval, what has to be refreshed.

        Nothing of it starts by itself: ``async with kit.background(): await serve()``.
        """
        return AsyncBackground(self._runner)

    async def close(self) -> None:
        """Close the kit, and the store if the kit opened it. Closing twice is fine."""
        self._runner.state.closed = True
        self._runner.settings.residents.close()
        store, self._owned_store = self._owned_store, None
        if store is not None:
            await store.close()

    async def __aenter__(self) -> Self:
        """Close at the end of the block."""
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close."""
        await self.close()
