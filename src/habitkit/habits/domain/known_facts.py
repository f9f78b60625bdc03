"""The facts of a habit, each with when it was received, and what was known at an instant."""

from __future__ import annotations

from bisect import bisect_left
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple

from attrs import frozen

from habitkit.habits.domain.facts import CheckIn, CheckInVoid, Void, ZoneChanged
from habitkit.habits.domain.stored import VoidedCheckIn

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence
    from datetime import date
    from typing import Any

    from habitkit.habits.domain.facts import Fact, OtherFact
    from habitkit.habits.domain.model import Habit

__all__ = ["KnownFacts", "OnTime", "known_before", "received_at"]

_EVER = datetime.min.replace(tzinfo=UTC)
_A_JOURNEY = timedelta(days=2)  # no two zones are farther apart than a day and a bit


class OnTime(NamedTuple):
    """A check-in of full credit.

    Attributes:
        day: Its habit day.
        received_at: When it was received; one that replaces another, when that was edited.
        voided_at: When it was voided, or None.
        check_in: The check-in.
    """

    day: date
    received_at: datetime
    voided_at: datetime | None
    check_in: CheckIn


@frozen
class KnownFacts:
    """The facts about a habit and its owner.

    Attributes:
        live: The check-ins that count.
        others: The facts that are no check-ins, with the voids among them.
        voided: The check-ins that were voided.
    """

    live: Sequence[CheckIn]
    others: Sequence[OtherFact]
    voided: Sequence[VoidedCheckIn] = ()

    @classmethod
    def of(cls, habit: Habit, facts: Iterable[Fact]) -> KnownFacts:
        """Sort facts in any order; those of other habits and owners are left out."""
        concerned = [
            fact
            for fact in {fact.id: fact for fact in facts}.values()
            if fact.owner == habit.owner and getattr(fact, "habit_id", None) in {habit.id, None}
        ]
        others = [fact for fact in concerned if not isinstance(fact, CheckIn)]
        voids = {fact.fact_id: fact.received_at for fact in others if isinstance(fact, Void)}
        check_ins = [fact for fact in concerned if isinstance(fact, CheckIn)]
        return cls(
            [fact for fact in check_ins if fact.id not in voids],
            [fact for fact in others if not isinstance(fact, CheckInVoid)],
            [VoidedCheckIn(fact, voids[fact.id]) for fact in check_ins if fact.id in voids],
        )

    @property
    def counting(self) -> list[Fact]:
        """All that counts by now, for a ``History``."""
        return [*self.live, *self.others]

    @property
    def last_received(self) -> datetime:
        """When the last of the facts was received; the beginning of time if there are none."""
        instants = [received_at(fact) for fact in (*self.live, *self.others)]
        instants += [it.voided_at for it in self.voided]
        return max(instants, default=_EVER)

    def without(self, added: Collection[Fact], removed: Collection[CheckIn]) -> KnownFacts:
        """Return the facts before some were added and some check-ins were voided."""
        new = {fact.id for fact in added}
        gone = {fact.id for fact in removed}
        return KnownFacts(
            [*(fact for fact in self.live if fact.id not in new), *removed],
            [fact for fact in self.others if fact.id not in new],
            [it for it in self.voided if it.check_in.id not in gone],
        )

    def on_time(self) -> list[OnTime]:
        """Return all check-ins of full credit, in the order of their days."""
        edited = {it.check_in.successor: it.voided_at for it in self.voided}
        records = [(check_in, None) for check_in in self.live]
        ended: list[tuple[CheckIn, Any]] = [(it.check_in, it.voided_at) for it in self.voided]
        return sorted(
            (
                OnTime(it.day, edited.get(it.id, it.received_at), voided_at, it)
                for it, voided_at in (*records, *ended)
                if it.credit == "full"
            ),
            key=_day,
        )


def received_at(fact: Fact) -> datetime:
    """Return when a fact was received; a fact that does not say so was recorded then."""
    if isinstance(fact, CheckIn | Void | ZoneChanged):
        return fact.received_at
    return fact.at


def known_before(
    instant: datetime, since: date, on_time: Sequence[OnTime], others: Iterable[OtherFact]
) -> list[Fact]:
    """Return the facts that were known before an instant, and the check-ins that counted then.

    Args:
        instant: The instant; what was received at it was not known before it.
        since: From which day on check-ins are needed.
        on_time: The check-ins, in the order of their days.
        others: The facts that are no check-ins.
    """
    first = bisect_left(on_time, since, key=_day)
    last = bisect_left(on_time, instant.date() + _A_JOURNEY, key=_day)  # later days are not over
    check_ins = [
        it.check_in
        for it in on_time[first:last]
        if it.received_at < instant and (it.voided_at is None or it.voided_at >= instant)
    ]
    return [*check_ins, *(fact for fact in others if received_at(fact) < instant)]


def _day(record: OnTime) -> date:
    return record.day
