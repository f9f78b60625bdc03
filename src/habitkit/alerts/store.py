"""The port of alerts: what is kept of groups of rules, of receivers, and silences."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from attrs import frozen

from habitkit.store import Port

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime
    from uuid import UUID

__all__ = ["ALERTS", "AlertStore", "GroupRow", "ReceiverRow", "SilenceRow"]


@frozen
class GroupRow:
    """What is kept of a group of rules.

    Attributes:
        name: The group's name, at most 100 characters.
        evaluated_at: The instant of its last evaluation.
        state: The states of its rules, as a text that stores do not interpret.
    """

    name: str
    evaluated_at: datetime
    state: str


@frozen
class ReceiverRow:
    """What is kept of a receiver of notifications.

    Attributes:
        name: The receiver's name, at most 100 characters.
        leased_until: Until when one process alone sends to it; None if none does.
        lease: Which lease that is; None if there is none.
        state: The state of its notifications, as a text that stores do not interpret.
    """

    name: str
    leased_until: datetime | None
    lease: UUID | None
    state: str


@frozen
class SilenceRow:
    """A silence, ended or not.

    Attributes:
        id: Its id.
        match: Which alerts it silences, as a JSON object.
        starts: Since when.
        ends: Until when, excluded.
        by: Who made it.
        comment: Why.
        ended_by: Who ended it early; None if nobody did.
    """

    id: UUID
    match: Mapping[str, Any]
    starts: datetime
    ends: datetime
    by: str
    comment: str
    ended_by: str | None = None


class AlertStore(Protocol):
    """The states of groups and receivers, by name, and silences.

    Who changes the row of a group or receiver holds the lock of a system owner for it, so that
    stores need no locks of their own.
    """

    def evaluated(self) -> dict[str, datetime]:
        """Return when each group was last evaluated, by name."""
        ...

    def group(self, name: str) -> GroupRow | None:
        """Return what is kept of a group; None if it was never evaluated."""
        ...

    def put_group(self, row: GroupRow) -> None:
        """Add or replace the row of a group."""
        ...

    def receiver(self, name: str) -> ReceiverRow | None:
        """Return what is kept of a receiver; None if that is nothing."""
        ...

    def put_receiver(self, row: ReceiverRow) -> None:
        """Add or replace the row of a receiver."""
        ...

    def silence(self, id_: UUID) -> SilenceRow | None:
        """Return a silence; None if there is none of this id."""
        ...

    def silences(self, at: datetime) -> list[SilenceRow]:
        """Return the silences that end after an instant, in the order of ``starts`` and ``id``."""
        ...

    def put_silence(self, row: SilenceRow) -> None:
        """Add or replace a silence."""
        ...

    def delete_silences(self, ended: datetime, limit: int) -> int:
        """Delete silences that ended at an instant or before, up to a limit; count them."""
        ...


ALERTS: Port[AlertStore] = Port("alerts")
