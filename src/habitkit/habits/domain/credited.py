"""Pure rules of credit: what a habit has earned, settled once and for good.

Theory of operation. The visible history follows from all facts that count now. The *credited*
history follows, slot by slot, from the facts that were received before the slot settled, whatever
their kind; what arrives later changes neither coins nor milestones. To find it, slots are evaluated
in order over the instants at which facts were received: before each of them, the slots that have
settled are taken as the facts known until then make them, and a cursor moves behind them. What is
left after the last one is evaluated by all facts.

| a slot is | in the credited history it |
|---|---|
| done by what was recorded in time | adds to the streak, and may reach a milestone |
| missed, also if only late check-ins made it done | ends the streak |
| anything else: filled in, not recorded, exempt, frozen, open | is passed over |

Check-ins that were received in time come before their slot settles, so they need no instant of
their own. The exceptions are rolling schedules, where a check-in may change earlier days, and
schedules with a time-of-day window, which closes before the day ends.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple

from attrs import evolve

from habitkit.habits.domain.days import LATE_WINDOW
from habitkit.habits.domain.history import History
from habitkit.habits.domain.known_facts import known_before, received_at
from habitkit.habits.domain.rolling import needs_from
from habitkit.habits.domain.runs import Folded, fold_slots
from habitkit.habits.domain.settling import first_open_day, settles_at
from habitkit.habits.domain.slot_status import slots as slots_of
from habitkit.habits.domain.streaks import CreditBoundary, Slot, Totals

if TYPE_CHECKING:
    from collections.abc import Sequence

    from habitkit.habits.domain.known_facts import KnownFacts, OnTime

__all__ = ["BY_RECORD", "Credited", "credited", "is_by_record"]

BY_RECORD = "met"
"""Why a slot is done if what was recorded in it meets the goal."""

_DAY = timedelta(days=1)
_EARLIEST = timedelta(hours=14)  # no zone is farther ahead of UTC


def is_by_record(slot: Slot) -> bool:
    """Return whether a slot is done because of what was recorded in it."""
    return slot.status == "DONE" and slot.why == BY_RECORD


class Credited(NamedTuple):
    """The credited history from a boundary on.

    Attributes:
        slots: The slots, each with the history that it was evaluated in.
        before: The totals before them.
        run: How many slots the current credited streak has.
        boundary: Up to where credit is settled now.
    """

    slots: list[tuple[Slot, History]]
    before: Totals
    run: int
    boundary: CreditBoundary | None


def credited(
    history: History,
    slots: Sequence[Slot],
    facts: KnownFacts,
    boundary: CreditBoundary | None,
    since: datetime | None,
) -> Credited:
    """Evaluate what a habit has earned, from a boundary on.

    Args:
        history: The visible history, of all facts that count now.
        slots: Its slots, before freezes.
        facts: The facts; check-ins of days before the boundary's ``needs_from`` may be missing.
        boundary: Up to where credit was settled; None for nowhere.
        since: When the boundary was determined; None if it was not.
    """
    totals = Totals() if boundary is None else boundary.totals
    done: list[tuple[Slot, History]] = []
    before = totals
    on_time: list[OnTime] | None = None
    received = _received(history, facts)
    for instant in received:
        if instant > history.now or (since is not None and instant <= since):
            continue
        if on_time is None:
            on_time = _on_time(history, facts)
        if instant <= _earliest(history, on_time, boundary):
            continue
        day = date.min if boundary is None else boundary.needs_from
        known = known_before(instant, day, on_time, facts.others)
        earlier = History(history.habit, known, instant, boundary)
        boundary, totals, taken = _settle(earlier, slots_of(earlier), boundary, totals, instant)
        done += [(slot, earlier) for slot in taken]
    if not _is_shared(history, facts, boundary):
        on_time = _on_time(history, facts) if on_time is None else on_time
        live = [it.check_in for it in on_time if it.voided_at is None]
        history = History(history.habit, [*live, *facts.others], history.now, boundary)
        slots = slots_of(history)
    if not received or received[-1] < history.now:  # what arrives now comes after what has settled
        boundary, _, _ = _settle(history, slots, boundary, totals, history.now)
    rest = _fold(history, slots, totals)
    done += [(slot, history) for slot in rest.slots]
    return Credited(done, before, rest.streak.slots, boundary)


def _settle(
    history: History,
    slots: Sequence[Slot],
    boundary: CreditBoundary | None,
    totals: Totals,
    instant: datetime,
) -> tuple[CreditBoundary | None, Totals, list[Slot]]:
    """Take the slots that have settled before an instant."""
    count = 0
    while count < len(slots) and settles_at(history, slots[count]) < instant:
        count += 1
    open_day = first_open_day(history.timeline, instant)
    day = min(open_day, slots[count].first) if count < len(slots) else open_day
    if count:
        day = max(day, slots[count - 1].last + _DAY)
    if day <= (history.start if boundary is None else boundary.day):
        return boundary, totals, []
    folded = _fold(history, slots[:count], totals)
    totals = Totals(folded.streak, folded.best, folded.freezes.earned, folded.freezes.used)
    return CreditBoundary(day, totals, needs_from(history, day)), totals, folded.slots


def _fold(history: History, slots: Sequence[Slot], totals: Totals) -> Folded:
    """Fold slots with those that are done, but not by record, passed over."""
    credited_slots = [
        evolve(slot, status="EXEMPT") if slot.status == "DONE" and slot.why != BY_RECORD else slot
        for slot in slots
    ]
    return fold_slots(history, credited_slots, totals)


def _received(history: History, facts: KnownFacts) -> list[datetime]:
    """Return the instants at which something was received that may change what has not settled."""
    instants = {received_at(fact) for fact in facts.others}
    for voided in facts.voided:
        if voided.check_in.credit == "full":
            instants.add(voided.voided_at)
    if history.settles_early:
        instants.update(it.received_at for it in facts.on_time())
    return sorted(instants)


def _earliest(
    history: History, on_time: Sequence[OnTime], boundary: CreditBoundary | None
) -> datetime:
    """Return an instant before which no slot from a boundary on can settle."""
    if boundary is not None:
        day = boundary.day
    else:
        day = min([history.start, *(it.day for it in on_time[:1])])
    return datetime(day.year, day.month, day.day, tzinfo=UTC) - _EARLIEST + LATE_WINDOW


def _on_time(history: History, facts: KnownFacts) -> list[OnTime]:
    """Return the check-ins that may earn something.

    Under a rolling schedule slots settle late, but a check-in stays as it was 48 hours after its
    own day, whether it is voided or edited.
    """
    on_time = facts.on_time()
    if not history.rolling:
        return on_time
    kept = []
    for it in on_time:
        if history.version_on(it.day).schedule.kind == "rolling":
            final = history.timeline.ends(it.day) + LATE_WINDOW
            if it.received_at > final:
                continue
            if it.voided_at is not None and it.voided_at > final:
                it = it._replace(voided_at=None)  # noqa: PLW2901
        kept.append(it)
    return kept


def _is_shared(history: History, facts: KnownFacts, boundary: CreditBoundary | None) -> bool:
    """Return whether what is not settled is the same in the visible and the credited history."""
    if history.rolling or (boundary is None) != (history.since is None):
        return False
    if boundary is None or history.since is None:
        return all(it.credit == "full" for it in facts.live)
    day = boundary.day
    return day == history.since.day and all(
        it.credit == "full" for it in facts.live if it.day >= day
    )
