"""The kits: services on a store. They bind actions to sync or async calls and hold no behaviour."""

from __future__ import annotations

from contextlib import AsyncExitStack, ExitStack
from functools import cached_property
from typing import TYPE_CHECKING

from habitkit import plugins
from habitkit.binding import Async, M, Sync, workflow
from habitkit.errors import HostTransactionUnsupported
from habitkit.maintenance import daily_check, rebuild, sweep
from habitkit.options import expect_resident, make_settings
from habitkit.residents import finish, refresh
from habitkit.runner import AsyncRunner, KitState, SyncRunner
from habitkit.services import AsyncHostKit, EveryOwner, HostKit
from habitkit.store import AsyncHostTransactions, HostTransactions

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self, Unpack

    from habitkit.background import AsyncBackground, Background
    from habitkit.cache import AsyncCache, Cache
    from habitkit.experiments.kit_service import KitExperimentService
    from habitkit.flags.kit_service import KitFlagService
    from habitkit.health.domain.report import Health, Level
    from habitkit.health.running import AsyncHealthChecks, HealthChecks
    from habitkit.journal.service import RelayService
    from habitkit.limits import AsyncLimiter, Limiter
    from habitkit.modules import KitOptions
    from habitkit.quests.service import KitQuestService
    from habitkit.store import AsyncStore, Store

__all__ = ["AsyncHabitKit", "HabitKit"]


class _Kit(EveryOwner[M]):
    """The methods of a kit that its views do not have."""

    @cached_property
    def relay(self) -> RelayService[M]:
        """Delivers committed events to subscribers."""
        from habitkit.journal.service import RelayService  # noqa: PLC0415 - only where it is used

        return RelayService(self._runner)

    @cached_property
    def flags(self) -> KitFlagService[M]:
        """Feature flags: ``kit.flags.boolean("quests", False, {"targetingKey": "ada"})``."""
        from habitkit.flags.kit_service import KitFlagService  # noqa: PLC0415 - only where it is used

        return KitFlagService(self._runner)

    @cached_property
    def quests(self) -> KitQuestService[M]:
        """Quests, achievements, levels and reward rules: ``kit.quests.start("ada", "week")``."""
        from habitkit.quests.service import KitQuestService  # noqa: PLC0415 - only where it is used

        return KitQuestService(self._supporting("quests"))

    @cached_property
    def experiments(self) -> KitExperimentService[M]:
        """Experiments on flags: ``kit.experiments.report("checkout")``."""
        from habitkit.experiments.kit_service import KitExperimentService  # noqa: PLC0415

        return KitExperimentService(self._supporting("experiments"))

    sweep = workflow(sweep)
    rebuild = workflow(rebuild)
    daily_check = workflow(daily_check)
    refresh = workflow(refresh)
    _finish = workflow(finish)


class HabitKit(_Kit[Sync]):
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
        **options: Unpack[KitOptions],
    ) -> None:
        """Put the services on a store; nothing is read or written yet.

        Args:
            store: Where facts are kept. The kit does not close a store that it was given.
            limits: Limits rates; by default in this process's memory.
            cache: Keeps what the host computes; by default in this process's memory.
            options: ``clock``, ``reactions``, ``subscribers``, and the settings of modules:
                ``habits=HabitSettings(...)``, ``coins=CoinSettings(...)``; see ``KitOptions``.

        Raises:
            NotSupportedByStore: If there are settings for a module that the store does not support.
            ConfigurationError: If an argument is not what is expected, such as a URL or an async
                store instead of a store; it is named.
        """
        expect_resident("limits", limits, "Limiter", "Limiter(MemoryLimits())")
        expect_resident("cache", cache, "Cache", "Cache()")
        settings = make_settings(store, options)
        super().__init__(SyncRunner(store, settings, KitState()))
        self._owned = ExitStack()
        self._limits = limits
        self._cache = cache

    @cached_property
    def limits(self) -> Limiter:
        """Limits rates: ``kit.limits.acquire(("login", "ada"), "30/min")``."""
        from habitkit.limits import Limiter  # noqa: PLC0415 - only where it is used

        return Limiter(plugins.memory_limits()) if self._limits is None else self._limits

    @cached_property
    def cache(self) -> Cache:
        """Keeps values: ``kit.cache.get_or_create(("dashboard", "ada"), load, ttl_seconds=60)``."""
        from habitkit.cache import Cache  # noqa: PLC0415 - only where it is used

        return Cache() if self._cache is None else self._cache

    @classmethod
    def open(
        cls,
        url: str,
        *,
        schema: str | None = None,
        limits: Limiter | str | None = None,
        cache: Cache | str | None = None,
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
            if isinstance(limits, str):
                from habitkit.limits import Limiter  # noqa: PLC0415 - only where it is used

                limits = Limiter.open(limits)
                owned.callback(limits.close)
            if isinstance(cache, str):
                from habitkit.cache import Cache  # noqa: PLC0415 - only where it is used

                cache = Cache.open(cache)
                owned.callback(cache.close)
            kit = cls(store, limits=limits, cache=cache, **options)
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

    def health(self, level: Level = "ready") -> Health:
        """Check whether the kit is well, for the probes of a load balancer or an orchestrator.

        Checks run in parallel, each at most once at a time, and results are shared for 5 seconds.

        Args:
            level: ``"live"`` does nothing: the process runs. ``"ready"`` asks the store, compares
                the version of its tables, the age of flags, the delay of relay and sweep.
                ``"deep"`` also compares the age of the outbox, and the clock with the database's.
                Checks of the host are in ``HealthSettings(checks=[...])``.

        Returns:
            The status and the results by name; ``.response()`` is the answer to a probe.

        Raises:
            InvalidInput: If the level is another.
        """
        return self._health_checks(level)

    @cached_property
    def _health_checks(self) -> HealthChecks:
        from habitkit.health.running import HealthChecks  # noqa: PLC0415

        return HealthChecks(self._runner)

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


class AsyncHabitKit(_Kit[Async]):
    """All services on one store, for an async host."""

    def __init__(
        self,
        store: AsyncStore,
        *,
        limits: AsyncLimiter | None = None,
        cache: AsyncCache | None = None,
        **options: Unpack[KitOptions],
    ) -> None:
        """Put the services on an async store; arguments and errors as for ``HabitKit``."""
        expect_resident("limits", limits, "AsyncLimiter", "AsyncLimiter(MemoryLimits())")
        expect_resident("cache", cache, "AsyncCache", "AsyncCache()")
        settings = make_settings(store, options, asynchronous=True)
        super().__init__(AsyncRunner(store, settings, KitState()))
        self._owned = AsyncExitStack()
        self._limits = limits
        self._cache = cache

    @cached_property
    def limits(self) -> AsyncLimiter:
        """Limits rates: ``await kit.limits.acquire(("login", "ada"), "30/min")``."""
        from habitkit.limits import AsyncLimiter  # noqa: PLC0415 - only where it is used

        return AsyncLimiter(plugins.memory_limits()) if self._limits is None else self._limits

    @cached_property
    def cache(self) -> AsyncCache:
        """Keeps values: ``await kit.cache.get_or_create(key, load, ttl_seconds=60)``."""
        from habitkit.cache import AsyncCache  # noqa: PLC0415 - only where it is used

        return AsyncCache() if self._cache is None else self._cache

    @classmethod
    async def open(
        cls,
        url: str,
        *,
        schema: str | None = None,
        limits: AsyncLimiter | str | None = None,
        cache: AsyncCache | str | None = None,
        **options: Unpack[KitOptions],
    ) -> Self:
        """Open the store behind a URL; arguments and errors as for ``HabitKit.open``."""
        async with AsyncExitStack() as owned:
            store = await plugins.open_async_store(url, schema=schema)
            owned.push_async_callback(store.close)
            if isinstance(limits, str):
                from habitkit.limits import AsyncLimiter  # noqa: PLC0415 - only where it is used

                limits = await AsyncLimiter.open(limits)
                owned.push_async_callback(limits.close)
            if isinstance(cache, str):
                from habitkit.cache import AsyncCache  # noqa: PLC0415 - only where it is used

                cache = await AsyncCache.open(cache)
                owned.push_async_callback(cache.close)
            kit = cls(store, limits=limits, cache=cache, **options)
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

    async def health(self, level: Level = "ready") -> Health:
        """Check whether the kit is well, for the probes of a load balancer or an orchestrator.

        Checks run in parallel, each at most once at a time, and results are shared for 5 seconds.

        Args:
            level: ``"live"`` does nothing: the process runs. ``"ready"`` asks the store, compares
                the version of its tables, the age of flags, the delay of relay and sweep.
                ``"deep"`` also compares the age of the outbox, and the clock with the database's.
                Checks of the host are in ``HealthSettings(checks=[...])``.

        Returns:
            The status and the results by name; ``.response()`` is the answer to a probe.

        Raises:
            InvalidInput: If the level is another.
        """
        return await self._health_checks(level)

    @cached_property
    def _health_checks(self) -> AsyncHealthChecks:
        from habitkit.health.running import AsyncHealthChecks  # noqa: PLC0415

        return AsyncHealthChecks(self._runner)

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
