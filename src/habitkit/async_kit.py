"""The kit for async hosts: the same services and names, awaited."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar

from habitkit import ids, plugins
from habitkit.binding import AsyncRunner, AsyncService, KitState, workflow
from habitkit.errors import HostTransactionUnsupported, NotSupportedByStore
from habitkit.habits.rebuild import rebuild_all as rebuild
from habitkit.maintenance import sweep
from habitkit.options import make_settings
from habitkit.store import AsyncHostTransactions

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterable
    from types import TracebackType
    from typing import Self

    from habitkit.clock import Clock
    from habitkit.coins.domain.economy import Economy
    from habitkit.coins.service import AsyncCoins
    from habitkit.habits.domain.strength import Strength
    from habitkit.habits.service import AsyncHabits, AsyncStreaks
    from habitkit.journal.service import AsyncEvents, AsyncRelay
    from habitkit.reactions import Reaction, Subscriber
    from habitkit.store import AsyncStore
    from habitkit.transaction import Transaction

__all__ = [
    "AsyncHabitKit",
    "AsyncHostKit",
    "AsyncOwnedKit",
    "AsyncServices",
]

R = TypeVar("R")


class AsyncServices(AsyncService):
    """The services on one async store, and the way to compose their actions."""

    @cached_property
    def habits(self) -> AsyncHabits:
        """Habits and check-ins."""
        from habitkit.habits.service import AsyncHabits  # noqa: PLC0415 - only where it is used

        return AsyncHabits(self._stored("habits"))

    @cached_property
    def streaks(self) -> AsyncStreaks:
        """Current and best streaks."""
        from habitkit.habits.service import AsyncStreaks  # noqa: PLC0415 - only where it is used

        return AsyncStreaks(self._stored("habits"))

    @cached_property
    def coins(self) -> AsyncCoins:
        """The coin ledger."""
        from habitkit.coins.service import AsyncCoins  # noqa: PLC0415 - only where it is used

        return AsyncCoins(self._stored("coins"))

    @cached_property
    def events(self) -> AsyncEvents:
        """The journal of events."""
        from habitkit.journal.service import AsyncEvents  # noqa: PLC0415 - only where it is used

        return AsyncEvents(self._runner)

    def run(self, work: Callable[[Transaction], R]) -> Coroutine[Any, Any, R]:
        """Compose several actions in one transaction: ``await kit.run(lambda tx: ...)``.

        ``work`` is a plain function; see ``HabitKit.run``.
        """
        return self._runner(work, (), {}, write=True)

    def _stored(self, *modules: str) -> AsyncRunner:
        """Return the runner for a service that needs the facts of these."""
        store = self._runner.store
        for module in modules:
            if module not in store.modules:
                raise NotSupportedByStore(module, store.name)
        return self._runner


class AsyncOwnedKit(AsyncServices):
    """The services as one owner may see them: whatever belongs to another does not exist."""

    @property
    def owner(self) -> str:
        """Whose kit it is."""
        return self._runner.scope or ""


class _EveryOwner(AsyncServices):
    """The services for all owners."""

    def owned_by(self, owner: str) -> AsyncOwnedKit:
        """Return the services as one owner may see them; see ``HabitKit.owned_by``."""
        return AsyncOwnedKit(self._runner.scoped(ids.owner(owner)))


class AsyncHostKit(_EveryOwner):
    """The services inside one transaction of the host, as ``AsyncHabitKit.on`` returns them."""


class AsyncHabitKit(_EveryOwner):
    """All services on one store, for an async host."""

    def __init__(
        self,
        store: AsyncStore,
        *,
        clock: Clock | None = None,
        economy: Economy | None = None,
        reactions: Iterable[Reaction] = (),
        subscribers: Iterable[Subscriber] = (),
        audit_key: bytes | None = None,
        strength: Strength | None = None,
    ) -> None:
        """Put the services on an async store; arguments and errors as for ``HabitKit``."""
        settings = make_settings(
            store,
            clock,
            economy,
            reactions,
            subscribers,
            audit_key,
            strength,
            asynchronous=True,
        )
        super().__init__(AsyncRunner(store, settings, KitState()))
        self._owned_store: AsyncStore | None = None

    @classmethod
    async def open(
        cls,
        url: str,
        *,
        clock: Clock | None = None,
        economy: Economy | None = None,
        reactions: Iterable[Reaction] = (),
        subscribers: Iterable[Subscriber] = (),
        audit_key: bytes | None = None,
        strength: Strength | None = None,
    ) -> Self:
        """Open the store behind a URL; arguments and errors as for ``HabitKit.open``."""
        store = await plugins.open_async_store(url)
        try:
            kit = cls(
                store,
                clock=clock,
                economy=economy,
                reactions=reactions,
                subscribers=subscribers,
                audit_key=audit_key,
                strength=strength,
            )
        except BaseException:
            await store.close()
            raise
        kit._owned_store = store
        return kit

    @cached_property
    def relay(self) -> AsyncRelay:
        """Delivers committed events to subscribers."""
        from habitkit.journal.service import AsyncRelay  # noqa: PLC0415 - only where it is used

        return AsyncRelay(self._runner)

    sweep = workflow(sweep)
    rebuild = workflow(rebuild)

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

    async def close(self) -> None:
        """Close the kit, and the store if the kit opened it. Closing twice is fine."""
        self._runner.state.closed = True
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
