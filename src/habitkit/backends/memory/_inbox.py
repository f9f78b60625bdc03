"""Messages between owners in memory."""

from __future__ import annotations

from copy import deepcopy
from typing import TYPE_CHECKING, Any

from attrs import evolve

from habitkit import _codec
from habitkit.backends.memory._tables import Table
from habitkit.journal.domain.model import DeadLetter, Message, UnreadableMessage

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from datetime import datetime
    from uuid import UUID

    from habitkit.backends.memory._tables import UndoLog

__all__ = ["Inbox"]


def _apart(message: Message) -> Message:
    """Return a message with fields of its own: what a caller does to it changes nothing stored."""
    return evolve(message, fields=deepcopy(message.fields))


class Inbox:
    """Messages between owners, with the instant at which each was applied."""

    def __init__(self, log: UndoLog) -> None:
        """Make an empty table."""
        self._rows: Table[tuple[str, str], tuple[Message, datetime | None]] = Table(log, "message")
        self.rows = self._rows.rows  # found without a call: most stores have no message at all

    def add(self, message: Message) -> bool:
        """Add a message unless its key is taken."""
        row_key = (message.owner, message.key)
        if row_key in self._rows:
            return False
        fields: dict[str, Any] = _codec.from_json(_codec.to_json(message.fields))
        self._rows.insert(row_key, (evolve(message, fields=fields), None))
        return True

    def waits(self, owner: str) -> bool:
        """Tell whether an owner has a message that is neither applied nor dead."""
        return any(it.owner == owner and not at and not it.dead_at for it, at in self._rows)

    def waiting(
        self, owner: str, limit: int, types: Collection[str]
    ) -> Sequence[Message | UnreadableMessage]:
        """Return an owner's messages of some types that are neither applied nor dead."""
        found = [it for it in self._open() if it.owner == owner and it.type in types][:limit]
        return [_apart(message) for message in found]

    def owners(self, limit: int, types: Collection[str]) -> list[str]:
        """Return owners who have such messages."""
        return sorted({message.owner for message in self._open() if message.type in types})[:limit]

    def unapplied(self, owner: str, limit: int) -> Sequence[Message | UnreadableMessage]:
        """Return an owner's messages that are not applied."""
        found = [message for message in self._unapplied() if message.owner == owner][:limit]
        return [_apart(message) for message in found]

    def applied(self, message: Message | UnreadableMessage, at: datetime) -> None:
        """Mark a message as applied."""
        found, _ = self._rows.rows[message.owner, message.key]
        self._rows.put((message.owner, message.key), (found, at))

    def failed(
        self, message: Message | UnreadableMessage, error: str, dead_at: datetime | None = None
    ) -> None:
        """Count a failed attempt."""
        found, _ = self._rows.rows[message.owner, message.key]
        changed = evolve(found, attempts=found.attempts + 1, error=error, dead_at=dead_at)
        self._rows.put((message.owner, message.key), (changed, None))

    def dead(self, limit: int) -> list[DeadLetter]:
        """Return dead messages, longest dead first."""
        found = sorted((it.dead_at, it.id, it) for it in self._unapplied() if it.dead_at)
        return [_dead_letter(_apart(message), since) for since, _, message in found[:limit]]

    def revive(self, message: UUID) -> bool:
        """Let a dead message wait again."""
        for it in self._unapplied():
            if it.id == message and it.dead_at is not None:
                again = evolve(it, attempts=0, error=None, dead_at=None)
                self._rows.put((it.owner, it.key), (again, None))
                return True
        return False

    def drop(self, message: UUID, at: datetime) -> bool:
        """Mark a dead message as applied."""
        for it in self._unapplied():
            if it.id == message and it.dead_at is not None:
                self._rows.put((it.owner, it.key), (it, at))
                return True
        return False

    def forget(self, before: datetime, limit: int) -> int:
        """Delete messages that were applied long ago."""
        old = [row_key for row_key, (_, at) in self._rows.rows.items() if at and at < before][
            :limit
        ]
        for row_key in old:
            self._rows.delete(row_key)
        return len(old)

    def erase(self, owner: str, at: datetime) -> int:
        """Erase the fields of an owner's messages, and mark those not applied as applied."""
        erased = 0
        for place, (message, applied_at) in list(self._rows.rows.items()):
            if message.owner == owner and (message.fields or applied_at is None):
                self._rows.put(place, (evolve(message, fields={}, error=None), applied_at or at))
                erased += 1
        return erased

    def _unapplied(self) -> list[Message]:
        """Return all messages that are not applied, oldest first."""
        messages = [message for message, at in self._rows if at is None]
        return sorted(messages, key=lambda message: (message.at, message.key))

    def _open(self) -> list[Message]:
        """Return those that are not dead either."""
        return [message for message in self._unapplied() if message.dead_at is None]


def _dead_letter(message: Message, since: datetime) -> DeadLetter:
    return DeadLetter(
        "message",
        str(message.id),
        message.owner,
        message.type,
        message.attempts,
        message.error,
        since,
        message,
    )
