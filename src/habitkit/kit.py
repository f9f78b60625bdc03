"""The kit: services on a store. It binds actions to sync or async calls and holds no behaviour."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, TypeVar

from habitkit import ids, plugins
from habitkit.binding import KitState, SyncRunner, SyncService, workflow
from habitkit.errors import HostTransactionUnsupported, NotSupportedByStore
from habitkit.habits.rebuild import rebuild_all as rebuild
from habitkit.maintenance import sweep
from habitkit.options import make_settings
from habitkit.store import HostTransactions

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from types import TracebackType
    from typing import Self

    from habitkit.clock import Clock
    from habitkit.coins.domain.economy import Economy
    from habitkit.coins.service import Coins
    from habitkit.habits.domain.strength import Strength
    from habitkit.habits.service import Habits, Streaks
    from habitkit.journal.service import Events, Relay
    from habitkit.reactions import Reaction, Subscriber
    from habitkit.store import Store
    from habitkit.transaction import Transaction

__all__ = [
    "HabitKit",
    "HostKit",
    "OwnedKit",
    "Services",
]

R = TypeVar("R")


class Services(SyncService):
    """The services on one store, and the way to compose their actions."""

    @cached_property
    def habits(self) -> Habits:
        """Habits and check-ins."""
        from habitkit.habits.service import Habits  # noqa: PLC0415 - only where it is used

        return Habits(self._stored("habits"))

    @cached_property
    def streaks(self) -> Streaks:
        """Current and best streaks."""
        from habitkit.habits.service import Streaks  # noqa: PLC0415 - only where it is used

        return Streaks(self._stored("habits"))

    @cached_property
    def coins(self) -> Coins:
        """The coin ledger."""
        from habitkit.coins.service import Coins  # noqa: PLC0415 - only where it is used

        return Coins(self._stored("coins"))

    @cached_property
    def events(self) -> Events:
        """The journal of events."""
        from habitkit.journal.service import Events  # noqa: PLC0415 - only where it is used

        return Events(self._runner)

    def run(self, work: Callable[[Transaction], R]) -> R:
        """Compose several actions in one transaction: ``kit.run(lambda tx: ...)``.

        Args:
            work: Calls actions with the transaction it is given, such as
                ``habitkit.coins.transfers.award(tx, ...)``. It may be called again after a conflict
                with another writer.

        Raises:
            NestedTransaction: If ``work`` calls a kit.
        """
        return self._runner(work, (), {}, write=True)

    def _stored(self, *modules: str) -> SyncRunner:
        """Return the runner for a service that needs the facts of these."""
        store = self._runner.store
        for module in modules:
            if module not in store.modules:
                raise NotSupportedByStore(module, store.name)
        return self._runner


class OwnedKit(Services):
    """The services as one owner may see them: whatever belongs to another does not exist."""

    @property
    def owner(self) -> str:
        """Whose kit it is."""
        return self._runner.scope or ""


class _EveryOwner(Services):
    """The services for all owners."""

    def owned_by(self, owner: str) -> OwnedKit:
        """Return the services as one owner may see them; for web handlers.

        The services and their signatures are the same. Whatever belongs to another owner does not
        exist there (``NotFound``), an owner argument other than this one included.

        Raises:
            InvalidOwner: If the owner is no short, non-empty string.
        """
        return OwnedKit(self._runner.scoped(ids.owner(owner)))


class HostKit(_EveryOwner):
    """The services inside one transaction of the host, as ``HabitKit.on`` returns them."""


class HabitKit(_EveryOwner):
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
        clock: Clock | None = None,
        economy: Economy | None = None,
        reactions: Iterable[Reaction] = (),
        subscribers: Iterable[Subscriber] = (),
        audit_key: bytes | None = None,
        strength: Strength | None = None,
    ) -> None:
        """Put the services on a store; nothing is read or written yet.

        Args:
            store: Where facts are kept. The kit does not close a store that it was given.
            clock: Gives the time; the machine's clock by default.
            economy: What facts entitle to; 10 coins a done day and 50 at each seventh of a streak
                by default.
            reactions: Who else reacts to what, after habitkit's own reactions, in this order.
            subscribers: Who gets which events after the commit, by ``kit.relay``.
            audit_key: At least 16 secret bytes that make the ledger's block hashes HMACs.
            strength: How a slot moves the strength of a habit; ``smoothed`` by default.

        Raises:
            NotSupportedByStore: If an economy is given and the store keeps no coins.
            ConfigurationError: If an argument is not what is expected, such as a URL or an async
                store instead of a store; it is named.
        """
        settings = make_settings(store, clock, economy, reactions, subscribers, audit_key, strength)
        super().__init__(SyncRunner(store, settings, KitState()))
        self._owned_store: Store | None = None

    @classmethod
    def open(
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
        """Open the store behind a URL; closing the kit closes it.

        On SQLite and in memory the tables are created or upgraded; on a database server they must
        be there.

        Args:
            url: For example ``"sqlite:///habits.db"``, ``"postgresql://..."``, ``"memory://"``.
            clock: As for the constructor.
            economy: As for the constructor.
            reactions: As for the constructor.
            subscribers: As for the constructor.
            audit_key: As for the constructor.
            strength: As for the constructor.

        Raises:
            UnknownScheme: If no installed backend is for the URL.
            MissingExtra: If the backend's driver is not installed.
            SchemaMissing: If a database server has no habitkit tables; names the command.
            SchemaOutdated: If its tables are of another version; names the command.
        """
        store = plugins.open_store(url)
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
            store.close()
            raise
        kit._owned_store = store
        return kit

    @cached_property
    def relay(self) -> Relay:
        """Delivers committed events to subscribers."""
        from habitkit.journal.service import Relay  # noqa: PLC0415 - only where it is used

        return Relay(self._runner)

    sweep = workflow(sweep)
    rebuild = workflow(rebuild)

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

    def close(self) -> None:
        """Close the kit, and the store if the kit opened it. Closing twice is fine."""
        self._runner.state.closed = True
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
