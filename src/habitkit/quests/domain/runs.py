"""What is kept of an owner's quests: runs, contributions and grants; and the definitions."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Literal, TypeAlias
from uuid import UUID

from attrs import field, frozen

__all__ = ["Contribution", "Definition", "DefinitionKind", "Grant", "QuestState", "Run"]

DefinitionKind: TypeAlias = Literal["rules", "quest", "levels", "boost"]
"""What is defined: a rule set, a quest, the levels or a boost."""

QuestState = Literal["AVAILABLE", "ACTIVE", "COMPLETED", "CLAIMED", "ABANDONED", "EXPIRED"]


@frozen
class Run:
    """One owner's attempt at a quest, in one period if it repeats.

    The facts in it are the quest's version, and when the owner started, claimed or abandoned it.
    The rest follows from the events, and is computed again by a rebuild.

    Attributes:
        owner: Whose run it is.
        quest: The quest's key.
        period: The first day of its period, such as ``2026-03-02``; empty if it does not repeat.
        version: The revision of the quest's definition that holds for it.
        state: Its state, as it was last written; time may have moved on since.
        started_at: When it was started; if the quest starts by itself, from when on it counts.
        started_day: The habit day of that instant, for windows that begin with the start.
        totals: For each leaf of the objective the sum of what contributes to it.
        complete_at: When it became complete, in UTC, or None.
        complete_key: The key of the event that completed it, or None.
        tier: How many of its tiers are complete.
        claimed_at: When the reward was claimed, or None.
        check_at: When time alone may change its state, or None.
        skipped: True if events were not counted any more as it was complete already.
    """

    owner: str
    quest: str
    period: str
    version: int
    state: QuestState
    started_at: datetime
    started_day: date
    totals: tuple[Decimal, ...] = ()
    complete_at: datetime | None = None
    complete_key: str | None = None
    tier: int = 0
    claimed_at: datetime | None = None
    check_at: datetime | None = None
    skipped: bool = False

    @property
    def subject(self) -> str:
        """The subject of its contributions: ``quest:{quest}:{period}``."""
        return f"quest:{self.quest}:{self.period}"


@frozen
class Contribution:
    """What one event adds to a run of a quest, or to a rule with a limit.

    Attributes:
        owner: Whose it is.
        subject: What it counts for: ``Run.subject``, or ``rule:{name}:{group}``.
        leaf: For which leaf of the objective, from 0.
        event_key: The event's key, or its place in the journal, ``@{rev}.{position}``.
        done_at: When it was done, in UTC.
        day: The habit day it was done on.
        amount: How much it adds.
        value: What is counted once by ``Distinct``, as a digest; else empty.
    """

    owner: str
    subject: str
    leaf: int
    event_key: str
    done_at: datetime
    day: date
    amount: Decimal = Decimal(1)
    value: str = ""

    @property
    def place(self) -> tuple[datetime, str]:
        """Where it stands in time: ``done_at``, and the key among those of one instant."""
        return (self.done_at, self.event_key)


@frozen
class Grant:
    """A reward that is no currency: a badge, freezes of a habit, an item.

    Attributes:
        owner: Whose it is.
        key: The place that entitles to it, as of an entitlement in a currency.
        kind: ``badge``, ``freezes`` or ``item``.
        name: The badge, the id of the habit, or the item.
        amount: How many.
        at: When it was granted, in UTC.
        fact_id: Of freezes the fact of the habit that gives them.
    """

    owner: str
    key: str
    kind: Literal["badge", "freezes", "item"]
    name: str
    amount: int
    at: datetime
    fact_id: UUID | None = None


@frozen
class Definition:
    """One change of the definitions: they are kept as a log, of which the last of a key counts.

    Attributes:
        id: Its identity.
        revision: Its number, from 1, without gaps.
        at: When it was made, in UTC.
        kind: ``rules`` for a rule set, ``quest``, ``levels``, or ``boost``.
        key: The key of the quest, or the name of the boost; else empty.
        effective: From when on it counts, in UTC.
        content: What is defined, as JSON; None for a quest that is retired, and for a boost that
            was ended before it began.
        by: Who made it.
        note: Why.
    """

    id: UUID
    revision: int
    at: datetime
    kind: DefinitionKind
    key: str
    effective: datetime
    content: Mapping[str, Any] | None = field(hash=False)
    by: str = ""
    note: str = ""
