"""Pure rules of a history that is read twice: what was done in it, and what was earned.

What was done follows from all that counts now. What was earned follows from what was received in
time, and of what is final from what counted when it became final: neither an edit nor a void moves
it afterwards.
"""

from __future__ import annotations

from bisect import bisect_right
from typing import TYPE_CHECKING, NamedTuple

from habitkit.habits.domain.checkpoints import at_days, boundaries
from habitkit.habits.domain.days import LATE_WINDOW
from habitkit.habits.domain.evaluation import fold_since, strength_before
from habitkit.habits.domain.facts import CheckIn
from habitkit.habits.domain.history import Life
from habitkit.habits.domain.rolling import RollingCheckpoints
from habitkit.habits.domain.slot_status import slots as slots_of
from habitkit.habits.domain.streaks import Standing

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from datetime import date, datetime
    from uuid import UUID

    from habitkit.habits.domain.facts import Fact
    from habitkit.habits.domain.model import Habit
    from habitkit.habits.domain.runs import Folded
    from habitkit.habits.domain.streaks import Checkpoint, Slot
    from habitkit.habits.domain.strength import Strength

__all__ = ["Readings", "read"]


class Readings(NamedTuple):
    """Both readings of a history.

    Attributes:
        life: What all facts say.
        done: What its slots come to.
        earned_life: What those facts say by which coins are earned; often the same.
        earned: What its slots come to.
        checkpoints: From where both may be read.
    """

    life: Life
    done: Folded
    earned_life: Life
    earned: Folded
    checkpoints: tuple[Checkpoint, ...]


def read(
    habit: Habit,
    facts: Iterable[Fact],
    now: datetime,
    voided: Iterable[tuple[CheckIn, datetime]],
    checkpoints: Sequence[Checkpoint],
    keep: Callable[[Sequence[date]], Iterable[date]],
    strength: Strength,
) -> Readings:
    """Read a history twice, from the last of some checkpoints; the arguments are ``derive``'s."""
    known = list(facts)
    start = checkpoints[-1] if checkpoints else None
    life = Life(habit, known, now, start)
    slots = slots_of(life)
    for_good, too_late = _earned_for_good(life, slots, voided)
    in_time = [
        fact
        for fact in known
        if not isinstance(fact, CheckIn) or (fact.credit == "full" and fact.id not in too_late)
    ]
    begun = start is None or start.earned is not None
    earned_life, earned_slots = life, slots
    if for_good or len(in_time) < len(known) or not begun:
        earned_life = Life(habit, [*in_time, *for_good], now, start if begun else None)
        earned_slots = slots_of(earned_life)
    of_earned = set(boundaries(earned_slots, now, earned_life.lasting_until))
    ends = [
        day
        for day in boundaries(slots, now, life.lasting_until)
        if day in of_earned or day <= earned_life.start
    ]
    rolling = None
    if life.rolling:
        also = () if earned_life is life else ((earned_life, earned_slots),)
        rolling = RollingCheckpoints((life, slots), *also)
        ends = rolling.settled(ends)
    kept = set(keep([*(checkpoint.day for checkpoint in checkpoints), *ends]))
    new = [day for day in ends if day in kept]
    before = Standing() if start is None else start.done
    earned_before = Standing() if start is None else start.earned or Standing()
    done = earned = fold_since(life, slots, before, new)
    if earned_life is not life or before != earned_before:
        earned = fold_since(earned_life, earned_slots, earned_before, new)
    there = (checkpoint for checkpoint in checkpoints if checkpoint.day in kept)
    added = at_days(new, done, earned, strength, strength_before(life), rolling)
    return Readings(life, done, earned_life, earned, (*there, *added))


def _earned_for_good(
    life: Life, slots: Sequence[Slot], voided: Iterable[tuple[CheckIn, datetime]]
) -> tuple[list[CheckIn], set[UUID]]:
    """Return the check-ins that were taken back when their slot was final, and what replaced them.

    Only those received in time are returned that were not replacements of that kind themselves: an
    edit of what is final changes what is done, and nothing of what is earned.
    """
    live = {fact.id for fact in life.facts if isinstance(fact, CheckIn)}
    gone = [(fact, at) for fact, at in voided if fact.id not in live]
    if not gone:
        return [], set()
    places = _Places(life, slots, gone)
    final = [fact for fact, at in gone if at - places.deadline(fact.day) > LATE_WINDOW]
    too_late = {fact.successor for fact in final}
    kept = [fact for fact in final if fact.credit == "full" and fact.id not in too_late]
    return kept, too_late


class _Places:
    """In which slots days were while check-ins stood that have been taken back since."""

    def __init__(
        self, life: Life, slots: Sequence[Slot], gone: Iterable[tuple[CheckIn, datetime]]
    ) -> None:
        self._life = life
        if life.ends_when_done:
            stood = [f for f, at in gone if at - life.timeline.ends(f.day) > LATE_WINDOW]
            slots = slots_of(Life(life.habit, [*life.facts, *stood], life.now, life.since))
        self._slots = slots
        self._firsts = [slot.first for slot in slots]

    def deadline(self, day: date) -> datetime:
        """Return when the slot of a day was over, or the day where no slot holds it."""
        place = bisect_right(self._firsts, day) - 1
        if place >= 0 and day <= self._slots[place].last:
            return self._slots[place].deadline
        life = self._life
        if life.since is not None and day < life.since.day:  # a day that a rolling schedule needs
            return life.deadline(life.version_on(day).schedule, day)
        return life.timeline.ends(day)
