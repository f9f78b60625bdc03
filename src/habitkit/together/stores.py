"""Stores that remember: what many actions read and write, in few statements.

Theory of operation. A batch is its items one after the other, by the same code as if each came
alone; only the stores beneath it are others for a while. They have read in bulk what the items are
foreseen to ask for, and read what else is asked for once. What the items write they keep in memory,
so that the next item sees it and a refused item's writes can be taken back, and write all of it in
bulk in the end. The owners' locks are held, so nobody else changes what was read.

They know what a check-in asks. Any other question, by a host's reaction say, ends the block: what
was kept is written, the item it came from is taken back, and goes on on the stores themselves with
those that follow.
"""

from __future__ import annotations

from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from habitkit.together.ledger import Coins
from habitkit.together.ports import Log, Port, Unforeseen
from habitkit.together.remembered import Answers, Habits, Streaks

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from habitkit.store import Stores
    from habitkit.together.ports import Foreseen
    from habitkit.transaction import Transaction

    Foresee = Callable[[Mapping[str, Sequence[str]]], None]

__all__ = ["together"]


@contextmanager
def together(tx: Transaction, foreseen: Foreseen) -> Iterator[Foresee]:
    """Let the actions of the block read and write in bulk, as far as memory tells all.

    Where one of them asks for more, the block ends there without an error. An action in a savepoint
    has done nothing then: do it again, and those that follow, outside of the block.

    Args:
        tx: The transaction.
        foreseen: What they will ask for.

    Yields:
        A function to be told, owner by owner, under which keys something may be paid.
    """
    stores, remembering = tx.stores, _Remembering(tx.stores, foreseen)
    tx.stores = remembering
    try:
        with suppress(Unforeseen):
            yield remembering.coins.foresee
    finally:
        tx.stores = stores
    remembering.write()


class _Remembering:
    """The stores of an open transaction, for as long as a batch lasts."""

    def __init__(self, stores: Stores, foreseen: Foreseen) -> None:
        """Read what is foreseen."""
        self._log = log = Log()
        self.habits: Any = Habits(stores.habits, log, foreseen)
        self.streaks: Any = Streaks(stores.streaks, log, foreseen)
        self.answers: Any = Answers(stores.answers, log, foreseen)
        self.coins: Any = Coins(getattr(stores, "coins", None), log, foreseen)
        self.owners: Any = Port(log)
        self.events: Any = Port(log)
        self.outbox: Any = Port(log)
        self.inbox: Any = Port(log)

    @property
    def connection(self) -> object | None:
        """The host's own statements would not find what is only kept in memory."""
        self._log.ask_for("connection")

    def savepoint(self) -> _Savepoint:
        """Undo the writes of the block, and only they, when it ends by an exception."""
        return _Savepoint(self._log)

    def write(self) -> None:
        """Write what was kept, in bulk."""
        for port in (self.habits, self.streaks, self.coins, self.answers):
            port.write()


class _Savepoint:
    """A class, not a generator, which takes three times as long to enter and to leave."""

    __slots__ = ("_log", "_mark")

    def __init__(self, log: Log) -> None:
        self._log = log

    def __enter__(self) -> None:
        self._mark = len(self._log.undo)

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is not None or self._log.unforeseen is not None:
            self._log.rollback(self._mark)
        if kind is None and self._log.unforeseen is not None:  # somebody has swallowed it
            raise self._log.unforeseen
