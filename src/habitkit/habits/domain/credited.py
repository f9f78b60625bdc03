"""Pure rules of the two evaluations of a history: what was done in it, and what was earned.

What was done follows from all facts that count now. What was earned follows from the facts that
were received in time, and for a final slot from those that counted when it became final: neither an
edit nor a void changes it afterwards.
"""

from __future__ import annotations

from bisect import bisect_right
from typing import TYPE_CHECKING, NamedTuple

from habitkit.habits.domain.checkpoints import at_days, boundaries
from habitkit.habits.domain.days import LATE_WINDOW
from habitkit.habits.domain.evaluation import fold_since, strength_before
from habitkit.habits.domain.facts import CheckIn
from habitkit.habits.domain.history import History
from habitkit.habits.domain.rolling import RollingCheckpoints
from habitkit.habits.domain.slot_status import slots as slots_of
from habitkit.habits.domain.streaks import Totals

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from datetime import date, datetime
    from uuid import UUID

    from habitkit.habits.domain.facts import Fact
    from habitkit.habits.domain.model import Habit
    from habitkit.habits.domain.runs import Folded
    from habitkit.habits.domain.stored import VoidedCheckIn
    from habitkit.habits.domain.streaks import Checkpoint, Slot
    from habitkit.habits.domain.strength import Strength

__all__ = ["DoneAndEarned", "read_both"]


class DoneAndEarned(NamedTuple):
    """Both evaluations of a history: what was done, and what was earned.

    Attributes:
        history: The history of all facts.
        done: The folded slots of that history.
        earned_history: The history of those facts that earn coins; often the same.
        earned: The folded slots of that one.
        checkpoints: From where both may be read.
    """

    history: History
    done: Folded
    earned_history: History
    earned: Folded
    checkpoints: tuple[Checkpoint, ...]


def read_both(
    habit: Habit,
    facts: Iterable[Fact],
    now: datetime,
    voided: Iterable[VoidedCheckIn],
    checkpoints: Sequence[Checkpoint],
    keep: Callable[[Sequence[date]], Iterable[date]],
    strength: Strength,
) -> DoneAndEarned:
    """Read a history twice, from the last of some checkpoints; the arguments are ``derive``'s."""
    all_facts = list(facts)
    start = checkpoints[-1] if checkpoints else None
    history = History(habit, all_facts, now, start)
    slots = slots_of(history)
    for_good, too_late = _earned_for_good(history, slots, voided)
    in_time = [
        fact
        for fact in all_facts
        if not isinstance(fact, CheckIn) or (fact.credit == "full" and fact.id not in too_late)
    ]
    begun = start is None or start.earned is not None
    earned_history, earned_slots = history, slots
    if for_good or len(in_time) < len(all_facts) or not begun:
        earned_history = History(habit, [*in_time, *for_good], now, start if begun else None)
        earned_slots = slots_of(earned_history)
    of_earned = set(boundaries(earned_slots, now, earned_history.lasting_until))
    ends = [
        day
        for day in boundaries(slots, now, history.lasting_until)
        if day in of_earned or day <= earned_history.start
    ]
    rolling = None
    if history.rolling:
        also = () if earned_history is history else ((earned_history, earned_slots),)
        rolling = RollingCheckpoints((history, slots), *also)
        ends = rolling.settled(ends)
    kept = set(keep([*(checkpoint.day for checkpoint in checkpoints), *ends]))
    new = [day for day in ends if day in kept]
    before = Totals() if start is None else start.done
    earned_before = Totals() if start is None else start.earned or Totals()
    done = earned = fold_since(history, slots, before, new)
    if earned_history is not history or before != earned_before:
        earned = fold_since(earned_history, earned_slots, earned_before, new)
    usable = (checkpoint for checkpoint in checkpoints if checkpoint.day in kept)
    added = at_days(new, done, earned, strength, strength_before(history), rolling)
    return DoneAndEarned(history, done, earned_history, earned, (*usable, *added))


def _earned_for_good(
    history: History, slots: Sequence[Slot], voided: Iterable[VoidedCheckIn]
) -> tuple[list[CheckIn], set[UUID]]:
    """Return the check-ins that were undone when their slot was final, and their replacements.

    Only those received in time are returned that were not such replacements themselves: an edit of
    a final slot changes what is done, but not what is earned.
    """
    live = {fact.id for fact in history.facts if isinstance(fact, CheckIn)}
    taken_back = [it for it in voided if it.check_in.id not in live]
    if not taken_back:
        return [], set()
    deadlines = _Deadlines(history, slots, taken_back)
    final = [
        it.check_in
        for it in taken_back
        if it.voided_at - deadlines.deadline(it.check_in.day) > LATE_WINDOW
    ]
    too_late = {fact.successor for fact in final}
    kept = [fact for fact in final if fact.credit == "full" and fact.id not in too_late]
    return kept, too_late


class _Deadlines:
    """The slots of days as they were before check-ins on them were undone."""

    def __init__(
        self,
        history: History,
        slots: Sequence[Slot],
        taken_back: Iterable[VoidedCheckIn],
    ) -> None:
        self._history = history
        if history.ends_when_done:
            stood = [
                it.check_in
                for it in taken_back
                if it.voided_at - history.timeline.ends(it.check_in.day) > LATE_WINDOW
            ]
            slots = slots_of(
                History(history.habit, [*history.facts, *stood], history.now, history.since)
            )
        self._slots = slots
        self._firsts = [slot.first for slot in slots]

    def deadline(self, day: date) -> datetime:
        """Return when the slot of a day was over, or the day where no slot holds it."""
        index = bisect_right(self._firsts, day) - 1
        if index >= 0 and day <= self._slots[index].last:
            return self._slots[index].deadline
        history = self._history
        if (
            history.since is not None and day < history.since.day
        ):  # a day that a rolling schedule needs
            return history.deadline(history.version_on(day).schedule, day)
        return history.timeline.ends(day)
