"""The kits: services on a store. They bind actions to sync or async calls and hold no behaviour."""

from __future__ import annotations

from contextlib import AsyncExitStack, ExitStack
from functools import cached_property
from typing import TYPE_CHECKING

from habitkit import plugins
from habitkit.binding import Async, Sync
from habitkit.errors import HostTransactionUnsupported
from habitkit.kit_metrics import KitMetrics
from habitkit.kit_services import KitServices
from habitkit.opening import open_async_residents, open_residents
from habitkit.options import expect_resident, make_settings
from habitkit.runner import AsyncRunner, KitState, SyncRunner
from habitkit.services import AsyncHostKit, HostKit
from habitkit.store import AsyncHostTransactions, HostTransactions

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self, Unpack

    from habitkit.background import AsyncBackground, Background
    from habitkit.cache import AsyncCache, Cache
    from habitkit.limits import AsyncLimiter, Limiter
    from habitkit.metrics import AsyncMetrics, Metrics
    from habitkit.modules import KitOptions
    from habitkit.store import AsyncStore, Store

__all__ = ["AsyncHabitKit", "HabitKit"]


class HabitKit(KitServices[Sync]):
    """All services on one store.

    Example:
        >>> from habitkit import HabitKit, Schedule
        >>> with HabitKit.open("memory://") as kit:
        ...     run = kit.habits.create("ada", "Run", Schedule.daily())
        ...     kit.habits.check_in(run.id).coins
        10
    """

    def __init__(
        self,
        store: Store,
        *,
        limits: Limiter | None = None,
        cache: Cache | None = None,
        metrics: Metrics | bool | None = None,
        **options: Unpack[KitOptions],
    ) -> None:
        """Put the services on a store; nothing is read or written yet.

        Args:
            store: Where facts are kept. The kit does not close a store that it was given.
            limits: Limits rates; by default in this process's memory.
            cache: Keeps what the host computes; by default in this process's memory.
            metrics: Where the kit records metrics of its own, or True for the store's database;
                by default it records none, and ``kit.metrics`` is there for the host alone.
            options: ``clock``, ``reactions``, ``subscribers``, and the settings of modules:
                ``habits=HabitSettings(...)``, ``coins=CoinSettings(...)``; see ``KitOptions``.

        Raises:
            NotSupportedByStore: If there are settings for a module that the store does not support.
            ConfigurationError: If an argument is not what is expected, such as a URL or an async
                store instead of a store; it is named.
        """
        expect_resident("limits", limits, "Limiter", "Limiter(MemoryLimits())")
        expect_resident("cache", cache, "Cache", "Cache()")
        if not isinstance(metrics, bool):
            expect_resident("metrics", metrics, "Metrics", "Metrics()")
        kit_metrics = KitMetrics("Metrics", metrics, options.get("clock"), store)
        settings = make_settings(store, options, kit_metrics=kit_metrics)
        super().__init__(SyncRunner(store, settings, KitState()))
        kit_metrics.evaluate_by(self._evaluate_alerts)
        self._owned = ExitStack()
        self._limits = limits
        self._cache = cache

    @cached_property
    def limits(self) -> Limiter:
        """Limits rates: ``kit.limits.acquire(("login", "ada"), "30/min")``."""
        from habitkit.limits import Limiter  # noqa: PLC0415 - only where it is used

        limits = Limiter(plugins.memory_limits()) if self._limits is None else self._limits
        self._runner.settings.kit_metrics.watch(limits)
        return limits

    @cached_property
    def cache(self) -> Cache:
        """Keeps values: ``kit.cache.get_or_create(("dashboard", "ada"), load, ttl_seconds=60)``."""
        from habitkit.cache import Cache  # noqa: PLC0415 - only where it is used

        cache = Cache() if self._cache is None else self._cache
        self._runner.settings.kit_metrics.watch(cache)
        return cache

    @property
    def metrics(self) -> Metrics:
        """Records and queries metrics: ``kit.metrics.counter("check_ins").add()``."""
        return self._runner.settings.kit_metrics.get()  # type: ignore[no-any-return]

    @classmethod
    def open(
        cls,
        url: str,
        *,
        schema: str | None = None,
        limits: Limiter | str | None = None,
        cache: Cache | str | None = None,
        metrics: Metrics | bool | None = None,
        **options: Unpack[KitOptions],
    ) -> Self:
        """Open the store behind a URL; closing the kit closes it.

        On SQLite and in memory the tables are created or upgraded; on a database server they must
        be there.

        Args:
            url: For example ``"sqlite:///habits.db"``, ``"postgresql://..."``, ``"memory://"``.
            schema: The database schema of the tables, on a database server that has schemas.
            limits: As for the constructor, or the URL of a backend for them, such as
                ``"redis://localhost"``; closing the kit closes what it opened.
            cache: As ``limits``.
            metrics: As for the constructor.
            options: As for the constructor.

        Raises:
            UnknownScheme: If no installed backend is for the URL.
            MissingExtra: If the backend's driver is not installed.
            SchemaMissing: If a database server has no habitkit tables; names the command.
            SchemaOutdated: If its tables are of another version; names the command.
        """
        with ExitStack() as owned:
            store = plugins.open_store(url, schema=schema)
            owned.callback(store.close)
            limits, cache = open_residents(owned, limits, cache)
            kit = cls(store, limits=limits, cache=cache, metrics=metrics, **options)
            kit.refresh()
            kit._owned = owned.pop_all()
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
        from habitkit.background import Background  # noqa: PLC0415 - only where it is used

        return Background(self._runner)

    def close(self) -> None:
        """Close the kit, and what it opened itself. Closing twice is fine."""
        if not self._runner.state.closed:
            self._finish()
        self._runner.state.closed = True
        with self._owned.pop_all():
            self._runner.settings.residents.close()

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


class AsyncHabitKit(KitServices[Async]):
    """All services on one store, for an async host."""

    def __init__(
        self,
        store: AsyncStore,
        *,
        limits: AsyncLimiter | None = None,
        cache: AsyncCache | None = None,
        metrics: AsyncMetrics | bool | None = None,
        **options: Unpack[KitOptions],
    ) -> None:
        """Put the services on an async store; arguments and errors as for ``HabitKit``."""
        expect_resident("limits", limits, "AsyncLimiter", "AsyncLimiter(MemoryLimits())")
        expect_resident("cache", cache, "AsyncCache", "AsyncCache()")
        if not isinstance(metrics, bool):
            expect_resident("metrics", metrics, "AsyncMetrics", "AsyncMetrics()")
        kit_metrics = KitMetrics("AsyncMetrics", metrics, options.get("clock"), store)
        settings = make_settings(store, options, asynchronous=True, kit_metrics=kit_metrics)
        super().__init__(AsyncRunner(store, settings, KitState()))
        kit_metrics.evaluate_by(self._evaluate_alerts)
        self._owned = AsyncExitStack()
        self._limits = limits
        self._cache = cache

    @cached_property
    def limits(self) -> AsyncLimiter:
        """Limits rates: ``await kit.limits.acquire(("login", "ada"), "30/min")``."""
        from habitkit.limits import AsyncLimiter  # noqa: PLC0415 - only where it is used

        limits = AsyncLimiter(plugins.memory_limits()) if self._limits is None else self._limits
        self._runner.settings.kit_metrics.watch(limits)
        return limits

    @cached_property
    def cache(self) -> AsyncCache:
        """Keeps values: ``await kit.cache.get_or_create(key, load, ttl_seconds=60)``."""
        from habitkit.cache import AsyncCache  # noqa: PLC0415 - only where it is used

        cache = AsyncCache() if self._cache is None else self._cache
        self._runner.settings.kit_metrics.watch(cache)
        return cache

    @property
    def metrics(self) -> AsyncMetrics:
        """Records metrics, and queries them: ``await kit.metrics.query(rate("check_ins"))``."""
        return self._runner.settings.kit_metrics.get()  # type: ignore[no-any-return]

    @classmethod
    async def open(
        cls,
        url: str,
        *,
        schema: str | None = None,
        limits: AsyncLimiter | str | None = None,
        cache: AsyncCache | str | None = None,
        metrics: AsyncMetrics | bool | None = None,
        **options: Unpack[KitOptions],
    ) -> Self:
        """Open the store behind a URL; arguments and errors as for ``HabitKit.open``."""
        async with AsyncExitStack() as owned:
            store = await plugins.open_async_store(url, schema=schema)
            owned.push_async_callback(store.close)
            limits, cache = await open_async_residents(owned, limits, cache)
            kit = cls(store, limits=limits, cache=cache, metrics=metrics, **options)
            await kit.refresh()
            kit._owned = owned.pop_all()
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
        from habitkit.background import AsyncBackground  # noqa: PLC0415 - only where it is used

        return AsyncBackground(self._runner)

    async def close(self) -> None:
        """Close the kit, and what it opened itself. Closing twice is fine."""
        if not self._runner.state.closed:
            await self._finish()
        self._runner.state.closed = True
        async with self._owned.pop_all():
            self._runner.settings.residents.close()

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
