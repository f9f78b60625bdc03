"""The kit: rooms wired to a store. It binds actions to a colour and holds no behaviour."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, TypeVar

from habitkit import ids, plugins
from habitkit._action import Life, SyncRoom, SyncRunner, procedure
from habitkit.clock import SystemClock
from habitkit.coins.actions import CoinActions
from habitkit.coins.economy import Economy
from habitkit.errors import ConfigurationError, HostTransactionUnsupported, RoomNotStored
from habitkit.events import VOCABULARY, Event, Recorded
from habitkit.habits.actions import HabitActions
from habitkit.journal.actions import EventActions, RelayActions
from habitkit.reactions import default_reactions, sweep
from habitkit.store import HostTransactions
from habitkit.streaks.actions import StreakActions
from habitkit.streaks.rebuilding import rebuild_all as rebuild
from habitkit.wiring import Wiring

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from types import TracebackType
    from typing import Self

    from habitkit.clock import Clock
    from habitkit.reactions import Reaction, Subscriber
    from habitkit.store import AsyncStore, Store
    from habitkit.transaction import Transaction

__all__ = [
    "Coins",
    "Events",
    "HabitKit",
    "Habits",
    "HostKit",
    "OwnedKit",
    "Relay",
    "Rooms",
    "Streaks",
    "wire",
]

R = TypeVar("R")

_SHORTEST_KEY = 16


class Habits(HabitActions, SyncRoom):
    """``kit.habits``."""


class Streaks(StreakActions, SyncRoom):
    """``kit.streaks``."""


class Coins(CoinActions, SyncRoom):
    """``kit.coins``."""


class Events(EventActions, SyncRoom):
    """``kit.events``."""


class Relay(RelayActions, SyncRoom):
    """``kit.relay``."""


class Rooms(SyncRoom):
    """The rooms on one store, and the way to compose their actions."""

    @cached_property
    def habits(self) -> Habits:
        """Habits and check-ins."""
        return Habits(self._stored("habits", "streaks"))

    @cached_property
    def streaks(self) -> Streaks:
        """Current and best streaks."""
        return Streaks(self._stored("streaks", "habits"))

    @cached_property
    def coins(self) -> Coins:
        """The coin ledger."""
        return Coins(self._stored("coins"))

    @cached_property
    def events(self) -> Events:
        """The journal of events."""
        return Events(self._runner)

    def run(self, work: Callable[[Transaction], R]) -> R:
        """Compose several actions in one transaction: ``kit.run(lambda tx: ...)``.

        Args:
            work: Calls actions with the transaction it is given, such as
                ``habitkit.coins.actions.award(tx, ...)``. It may be called again after a conflict
                with another writer.

        Raises:
            NestedTransaction: If ``work`` calls a kit.
        """
        return self._runner(work, (), {}, write=True)

    def _stored(self, *rooms: str) -> SyncRunner:
        """Return the runner for a room that needs the facts of these."""
        store = self._runner.store
        for room in rooms:
            if room not in store.rooms:
                raise RoomNotStored(room, store.name)
        return self._runner


class OwnedKit(Rooms):
    """The rooms as one owner may see them: whatever belongs to another does not exist."""

    @property
    def owner(self) -> str:
        """Whose kit it is."""
        return self._runner.scope or ""


class _EveryOwner(Rooms):
    """The rooms for all owners."""

    def owned_by(self, owner: str) -> OwnedKit:
        """Return the rooms as one owner may see them; for web handlers.

        The rooms and their signatures are the same. Whatever belongs to another owner does not
        exist there (``NotFound``), an owner argument other than this one included.

        Raises:
            InvalidOwner: If the owner is no short, non-empty string.
        """
        return OwnedKit(self._runner.scoped(ids.owner(owner)))


class HostKit(_EveryOwner):
    """The rooms inside one transaction of the host, as ``HabitKit.on`` returns them."""


class HabitKit(_EveryOwner):
    """All rooms on one store.

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
    ) -> None:
        """Wire the rooms to a store; nothing is read or written yet.

        Args:
            store: Where facts are kept. The kit does not close a store that it was given.
            clock: Tells the time; the machine's clock by default.
            economy: What facts entitle to; 10 coins a done day and 50 at each seventh of a streak
                by default.
            reactions: Who else reacts to what, after habitkit's own reactions, in this order.
            subscribers: Who is told what after the commit, by ``kit.relay``.
            audit_key: At least 16 secret bytes that make the ledger's block hashes HMACs.

        Raises:
            RoomNotStored: If an economy is given and the store keeps no coins.
            ConfigurationError: If a URL is given instead of a store.
        """
        wiring = wire(store, clock, economy, reactions, subscribers, audit_key)
        super().__init__(SyncRunner(store, wiring, Life()))
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

        Raises:
            UnknownScheme: If no installed backend answers to the URL.
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
            )
        except BaseException:
            store.close()
            raise
        kit._owned_store = store
        return kit

    @cached_property
    def relay(self) -> Relay:
        """Delivers committed events to subscribers."""
        return Relay(self._runner)

    sweep = procedure(sweep)
    rebuild = procedure(rebuild)

    def on(self, handle: object) -> HostKit:
        """Return the rooms inside the host's own transaction.

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
        self._runner.life.closed = True
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


def wire(
    store: Store | AsyncStore,
    clock: Clock | None,
    economy: Economy | None,
    reactions: Iterable[Reaction],
    subscribers: Iterable[Subscriber],
    audit_key: bytes | None,
) -> Wiring:
    """Put together what a kit, of either colour, gives to its transactions.

    Args:
        store: Where facts are kept; it says which rooms it keeps.
        clock: As for ``HabitKit``, like the rest.
        economy: None for the default, or for none where no ledger is kept.
        reactions: Those beyond habitkit's own.
        subscribers: Who is told what after the commit.
        audit_key: The key of the ledger's block hashes, or None.

    Raises:
        RoomNotStored: If there is an economy for a store that keeps no ledger.
        ConfigurationError: If the store is a URL, or the audit key too short.
    """
    if isinstance(store, str):
        msg = f"expected a store, got {store!r}; to open a URL, use HabitKit.open(url)"
        raise ConfigurationError(msg)
    given: object = audit_key
    if given is not None and not (isinstance(given, bytes) and len(given) >= _SHORTEST_KEY):
        msg = f"audit_key: expected at least {_SHORTEST_KEY} bytes, such as secrets.token_bytes(32)"
        raise ConfigurationError(msg)
    has_coins = "coins" in store.rooms
    if economy is not None and not has_coins:
        raise RoomNotStored("coins", store.name)
    rules = Economy.default() if economy is None else economy
    own = default_reactions(rules) if has_coins else ()
    all_reactions = (*own, *reactions)
    all_subscribers = tuple(subscribers)
    known = {
        kind.__name__: kind
        for reaction in all_reactions
        for kind in reaction.types
        if kind not in {Event, Recorded}  # they stand for events without a class of their own
    }
    return Wiring(
        clock=SystemClock() if clock is None else clock,
        economy=rules,
        reactions=all_reactions,
        subscribers=all_subscribers,
        delivered=frozenset().union(*(s.names for s in all_subscribers)),
        vocabulary={**VOCABULARY, **known},
        audit_key=audit_key,
        keeps_coins=has_coins,
        keeps_habits={"habits", "streaks"} <= set(store.rooms),
    )
