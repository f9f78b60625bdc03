"""The memory store: one lock, an undo log, the same constraints and errors as the others."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

from habitkit.alerts.store import ALERTS
from habitkit.backends.memory._alerts import Alerts
from habitkit.backends.memory._coins import Coins
from habitkit.backends.memory._experiments import Experiments
from habitkit.backends.memory._flags import Flags
from habitkit.backends.memory._habits import Habits, Streaks
from habitkit.backends.memory._inbox import Inbox
from habitkit.backends.memory._journal import Events, IdempotencyKeys, Owners
from habitkit.backends.memory._outbox import Outbox
from habitkit.backends.memory._quests import Definitions, Quests
from habitkit.backends.memory._tables import UndoLog
from habitkit.coins.store import AUDIT, COINS, EXPIRING, HOLDS, LEDGER
from habitkit.errors import NotSupportedByStore, UnknownScheme
from habitkit.experiments.store import EXPERIMENTS
from habitkit.flags.store import FLAGS
from habitkit.habits.store import HABITS, STREAKS
from habitkit.quests.store import DEFINITIONS, QUESTS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from habitkit.store import AsyncStore, Port, Store, Stores

__all__ = ["MemoryStore", "open_url"]

R = TypeVar("R")
T = TypeVar("T")


class MemoryStore:
    """Keeps the facts of every module in this process's memory, until it ends.

    Transactions run one after the other under one lock. A failing one is undone write by write.
    """

    name = "memory"
    modules = frozenset(
        {
            *("habits", "coins", "coins.audit", "coins.expiring", "flags", "experiments", "quests"),
            "alerts",
        }
    )
    capabilities: frozenset[str] = frozenset()

    def __init__(self) -> None:
        """Make an empty store."""
        self._lock = threading.Lock()
        self._stores = _MemoryStores()

    def run(self, work: Callable[[Stores], R], *, write: bool, keyed: bool) -> R:  # noqa: ARG002
        """Run ``work`` in one transaction; there are no conflicts, so it is never retried."""
        log = self._stores.log
        with self._lock:
            log.open = True
            try:
                result = work(self._stores)
            except BaseException:
                log.rollback()
                raise
            finally:
                log.open = False
            log.entries.clear()
            return result

    def close(self) -> None:
        """Do nothing: there is nothing to release, and the facts stay readable."""


class _MemoryStores:
    """All ports on one undo log."""

    connection = None

    def __init__(self) -> None:
        self.log = UndoLog()
        self.inbox = Inbox(self.log)
        self.owners = Owners(self.log, self.inbox)
        self.outbox = Outbox(self.log)
        self.events = self.outbox.events = Events(self.log, self.outbox)
        self.idempotency = IdempotencyKeys(self.log)
        coins = Coins(self.log)
        self._ports: dict[Port[Any], Any] = {
            HABITS: Habits(self.log),
            STREAKS: Streaks(self.log),
            COINS: coins,
            HOLDS: coins.holds,
            EXPIRING: coins.expiring,
            LEDGER: coins.audit,
            AUDIT: coins.audit,
            FLAGS: Flags(self.log),
            EXPERIMENTS: Experiments(self.log, self.events),
            QUESTS: Quests(self.log),
            DEFINITIONS: Definitions(self.log),
            ALERTS: Alerts(self.log),
        }

    def port(self, port: Port[T]) -> T:
        """Return a module's port.

        Raises:
            NotSupportedByStore: If this store keeps nothing for it.
        """
        try:
            return self._ports[port]  # type: ignore[no-any-return]
        except KeyError:
            raise NotSupportedByStore(port.module, MemoryStore.name) from None

    @contextmanager
    def savepoint(self) -> Iterator[None]:
        """Undo the writes of the block, and only they, when it ends by an exception."""
        mark = len(self.log.entries)
        try:
            yield
        except BaseException:
            self.log.rollback(mark)
            raise


def open_url(url: str, *, asynchronous: bool) -> Store | AsyncStore:
    """Open ``memory://``: a new, empty store.

    Raises:
        UnknownScheme: If the URL has anything after the scheme.
    """
    if url.lower() not in {"memory:", "memory://"}:
        raise UnknownScheme(url, ["memory://"])
    if not asynchronous:
        return MemoryStore()
    from habitkit.backends.threaded import ThreadedStore  # noqa: PLC0415 - loads asyncio

    return ThreadedStore(MemoryStore())
