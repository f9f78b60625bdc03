"""One transaction as an action sees it.

An action is a plain function ``(tx, ...) -> value``. It may run twice, because a store repeats it
after a serialization failure or a deadlock, so it touches the world only through its transaction.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

from habitkit import _codec, ids
from habitkit.errors import NotFound, NotLocked, ReactionLoop, ReadOnlyTransaction
from habitkit.journal.domain import rules
from habitkit.journal.domain.model import EventRow, Message
from habitkit.journal.idempotency import once
from habitkit.journal.messages import apply_waiting

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from uuid import UUID

    from habitkit.events import Event
    from habitkit.journal.domain.model import Failure
    from habitkit.module import Module
    from habitkit.options import KitSettings
    from habitkit.residents import Resident
    from habitkit.store import Port, Stores

__all__ = ["Transaction"]

T = TypeVar("T")

_MAX_ROUNDS = 16


class Transaction:
    """One open transaction: one instant, the stores, the locks held and the events so far.

    Attributes:
        now: The instant of everything that happens in it, in UTC.
        cause: The fact that is being acted on, for reactions to name; None if none is known.
        cache: What use cases keep until it ends; emptied where a savepoint is undone.
        scope: The only owner whose data exists here, or None for all owners.
        stores: The store's side of the transaction: the ports of the journal, and ``port(key)``.
    """

    __slots__ = (
        "_caused",
        "_chain",
        "_emitted",
        "_locked",
        "_recorded",
        "_settings",
        "_wanted",
        "_write",
        "_written",
        "cache",
        "cause",
        "now",
        "scope",
        "stores",
    )

    def __init__(
        self,
        stores: Stores,
        settings: KitSettings,
        scope: str | None,
        write: bool,  # noqa: FBT001 - hot path
        wanted: set[str],
    ) -> None:
        """Begin at the clock's instant; ``wanted`` collects the owners to lock, for a retry."""
        self.stores = stores
        self.now = settings.clock.now()
        self.scope = scope
        self._settings = settings
        self._write = write
        self._wanted = wanted
        self._locked: dict[str, int] = {}
        self._emitted: list[Event] = []
        self._written = 0
        self._recorded = 0
        self._chain: list[Event] = []
        self._caused: dict[tuple[UUID, str], None] = {}
        self.cache: dict[str, Any] = {}
        self.cause: UUID | None = None

    def port(self, port: Port[T]) -> T:
        """Return a module's port: ``tx.port(HABITS)``.

        Raises:
            NotSupportedByStore: If the store keeps nothing for it.
        """
        return self.stores.port(port)

    def supports(self, port: Port[Any]) -> bool:
        """Tell whether the store offers a port that is optional."""
        return port.name in self._settings.supported

    def settings(self, kind: type[T]) -> T:
        """Return the kit's settings of a module by their class: ``tx.settings(CoinSettings)``."""
        return self._settings.of(kind)

    def resident(self, module: str) -> Resident | None:
        """Return the resident of a module by its name; None if it has none."""
        return self._settings.residents.of(module)

    @property
    def vocabulary(self) -> Mapping[str, type[Event]]:
        """The known classes of events by name."""
        return self._settings.vocabulary

    @property
    def modules(self) -> tuple[Module, ...]:
        """The modules that the store supports."""
        return self._settings.modules

    @property
    def connection(self) -> object | None:
        """The database connection, for a host's own statements; None where there is none."""
        return self.stores.connection

    def new_id(self) -> UUID:
        """Return a new time-ordered id."""
        return self._settings.new_id(self.now)

    def caused_id(self, name: str) -> UUID:
        """Return the id that the current cause determines for a name: always the same.

        It is a new one if no cause is known, or if this transaction has asked for it before.
        """
        cause = self.cause
        if cause is None:
            return self.new_id()
        asked = (cause, name)
        if asked in self._caused:
            return self.new_id()
        self._caused[asked] = None
        return ids.companion(cause, name)

    def own(self, owner: str, kind: str = "owner", identifier: object = None) -> None:
        """Refuse what belongs to an owner outside the scope, as if it did not exist.

        Args:
            owner: To whom it belongs.
            kind: What the caller asked for, for the message.
            identifier: By which name; the owner itself by default.

        Raises:
            NotFound: If there is a scope and this is not its owner.
        """
        if self.scope is not None and owner != self.scope:
            raise NotFound(kind, owner if identifier is None else identifier)

    def lock(self, *owners: str) -> None:
        """Take the locks of owners, in the order of their names, until the transaction ends.

        Messages that wait in an inbox are applied once all are locked, before the action goes on.
        Locking an owner twice is free.

        Raises:
            ReadOnlyTransaction: Inside a query.
        """
        self._expect_write("tx.lock()")
        missing = sorted({*owners} - self._locked.keys())
        self._wanted.update(missing)
        locked = self.stores.owners.lock(missing) if missing else {}
        self._locked.update((owner, row.rev) for owner, row in locked.items())
        for owner, row in locked.items():  # what this causes may wait for others: lock all first
            if row.messages:
                self.apply_messages(owner, limit=100)

    def _expect_write(self, what: str) -> None:
        """Refuse a call that writes inside a query."""
        if not self._write:
            raise ReadOnlyTransaction(what)

    def rev(self, owner: str) -> int:
        """Return the revision of a locked owner.

        Raises:
            NotLocked: If this transaction does not hold the lock.
        """
        try:
            return self._locked[owner]
        except KeyError:
            raise NotLocked(owner) from None

    def next_seq(self, owner: str) -> int:
        """Return the next place in the order in which a locked owner's facts are recorded.

        Raises:
            NotLocked: If this transaction does not hold the lock.
            UsageError: If it has recorded a million facts.
        """
        seq = rules.seq(self.rev(owner), self._recorded)
        self._recorded += 1  # a savepoint that is undone does not take it back
        return seq

    @property
    def emitted(self) -> tuple[Sequence[Event], int]:
        """The events that were emitted so far, and how many of them are written."""
        return self._emitted, self._written

    def emit(self, owner: str, events: Sequence[Event]) -> list[Event]:
        """Emit what happened to a locked owner and let every reaction act on it.

        Args:
            owner: Whose events they are; the lock must be held.
            events: What happened, in order.

        Returns:
            The events and all that their reactions emitted, causes before effects.

        Raises:
            NotLocked: If the owner's lock is not held.
            InvalidEvent: If one of the host's own could not be kept.
            ReactionLoop: If reactions cause each other without end.
        """
        if not events:
            return []
        if owner not in self._locked:
            raise NotLocked(owner)
        _codec.check_events(events)
        start = len(self._emitted)
        self._emitted += events
        self._react(owner, events, isinstance)
        return self._emitted[start:]

    def notify(self, event: Event) -> list[Event]:
        """Let reactions that name an event's class act on it unkept; return what they emit."""
        start = len(self._emitted)
        self._react(event.owner, [event], lambda event, types: type(event) in types)
        return self._emitted[start:]

    def _react(self, owner: str, events: Sequence[Event], fits: Callable[..., bool]) -> None:
        """Let reactions act on events that fit their types, unless they go on without end."""
        chain = self._chain
        chain.append(events[0])
        try:
            if len(chain) > _MAX_ROUNDS:
                raise ReactionLoop([event.type for event in chain])
            for reaction in self._settings.reactions:
                batch = [event for event in events if fits(event, reaction.types)]
                if batch:
                    reaction.run(self, owner, batch)
        finally:
            chain.pop()

    def send(self, event: Event, key: str) -> bool:
        """Send an event to another owner's inbox; it is emitted under that owner's own lock.

        A kit emits it if it knows the class: one of habitkit's, one that its reactions name, or
        ``Recorded``. Another kit leaves it where it is.

        Args:
            event: What to emit; ``event.owner`` is the receiver.
            key: Unique for the receiver: the same key a second time does nothing.

        Returns:
            False if the receiver already has a message of this key.

        Raises:
            ReadOnlyTransaction: Inside a query.
            InvalidEvent: If it is one of the host's own that could not be kept.
        """
        self._expect_write("tx.send()")
        _codec.check_events([event])
        fields = _codec.from_json(_codec.to_json(_codec.message_fields(event)))
        kind = _codec.message_type(event)
        message = Message(self.new_id(), event.owner, key, kind, event.at, fields)
        return self.stores.inbox.add(message)

    @contextmanager
    def savepoint(self) -> Iterator[None]:
        """Undo what the block writes, locks and emits, and only that, if it raises.

        Whoever wants to go on after an error puts what may fail into one.
        """
        emitted, locked, caused = len(self._emitted), len(self._locked), len(self._caused)
        cause, written = self.cause, self._written
        try:
            with self.stores.savepoint():
                yield
        except BaseException:
            del self._emitted[emitted:]
            for owner in list(self._locked)[locked:]:
                del self._locked[owner]
            for asked in list(self._caused)[caused:]:
                del self._caused[asked]
            self.cause, self._written = cause, written
            self.cache.clear()
            raise

    def apply_messages(self, owner: str, limit: int) -> tuple[int, list[Failure]]:
        """Emit the messages in an owner's inbox, each in a savepoint of its own.

        The owner's lock is taken if it is not held yet. Messages of a class that this kit does not
        know stay as they are, for a kit that knows it.

        Returns:
            How many were applied, and those that failed; a failure undoes that message alone.
        """
        self._expect_write("tx.apply_messages()")
        if owner not in self._locked:
            self._locked[owner] = self.stores.owners.lock([owner])[owner].rev
        return apply_waiting(self, owner, limit, self._settings.messages)

    once = once

    def write_events(self) -> None:
        """Write the events that are not written yet; the last thing before COMMIT.

        Raises:
            NotLocked: If one of them is of an owner whose lock is not held.
        """
        if len(self._emitted) == self._written:
            return
        delivered = self._settings.delivered
        following: dict[str, int] = {}
        rows = []
        for event in self._emitted:
            owner = event.owner
            position = following.get(owner, 0)
            following[owner] = position + 1
            deliver = event.type in delivered if delivered else False
            rows.append(EventRow(self.rev(owner), position, event, deliver))
        self.stores.events.append(rows[self._written :])
        self._written = len(rows)
