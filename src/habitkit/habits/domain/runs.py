"""Pure rules of streaks: slots read in order become runs, and freezes save some from ending."""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING, NamedTuple

from attrs import define, evolve

from habitkit.habits.domain.streaks import Streak, Totals

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
    from datetime import datetime
    from uuid import UUID

    from habitkit.habits.domain.facts import FreezeGranted
    from habitkit.habits.domain.freeze_rule import FreezeRule
    from habitkit.habits.domain.history import History
    from habitkit.habits.domain.streaks import Slot

__all__ = ["Folded", "Freezes", "fold", "fold_slots"]

_DAY = timedelta(days=1)


class Freezes:
    """The freezes that are unused: those granted, and those that the streak has earned."""

    def __init__(
        self,
        grants: Iterable[FreezeGranted],
        rule_on: Callable[[date], FreezeRule | None],
        earned: int = 0,
        used: Iterable[tuple[UUID, int]] = (),
    ) -> None:
        """Begin with what was granted and earned, less what is used.

        Args:
            grants: What was granted.
            rule_on: Returns the rule by which a slot earns that begins on a day.
            earned: How many are earned and unused.
            used: How many of which grant are used.
        """
        used_of = dict(used)
        self._granted = [
            _Grant(grant.count - used_of.get(grant.id, 0), grant)
            for grant in sorted(grants, key=_in_turn)
        ]
        self._rule_on = rule_on
        self.earned = earned

    @property
    def used(self) -> tuple[tuple[UUID, int], ...]:
        """How many of which grant are used."""
        counts = [(grant.fact.id, grant.fact.count - grant.left) for grant in self._granted]
        return tuple(sorted((grant_id, used) for grant_id, used in counts if used))

    def earn(self, slots: int, day: date) -> bool:
        """Add what a streak of so many slots has earned with its last one, begun on a day.

        Returns:
            False if that is nothing.
        """
        rule = self._rule_on(day)
        if rule is None or slots % rule.per_slots or self.earned >= rule.most_held:
            return False
        self.earned += 1
        return True

    def use(self, day: date) -> bool:
        """Use one on a slot that ends on a day; False if there is none."""
        usable = self._usable(day)
        if self.earned and not any(grant.fact.expires_day for grant in usable):
            self.earned -= 1
        elif usable:
            usable[0].left -= 1
        else:
            return False
        return True

    def left(self, day: date) -> int:
        """Return how many could be used on a slot that ends on a day."""
        return self.earned + sum(grant.left for grant in self._usable(day))

    def _usable(self, day: date) -> list[_Grant]:
        """Return the grants that could be used, the one that expires first first."""
        return [
            grant
            for grant in self._granted
            if grant.left
            and grant.fact.effective_day <= day <= (grant.fact.expires_day or date.max)
        ]


def _in_turn(grant: FreezeGranted) -> tuple[date, date, datetime, int]:
    return (grant.expires_day or date.max, grant.effective_day, grant.at, grant.seq)


@define
class _Grant:
    """What is left of a grant."""

    left: int
    fact: FreezeGranted


class Folded(NamedTuple):
    """The result of folding slots in order.

    Attributes:
        slots: The slots, those that a freeze saved as FROZEN.
        runs: The streaks that ended in them, in order, each with the slot that ended it.
        earned: The slots with which a freeze was earned, each with the streak of then.
        frozen: The slots that a freeze saved, each with the streak of then.
        streak: The current streak.
        freezes: What is unused.
        before: The totals of the slots before these.
        totals_before: The totals of the slots before some days.
    """

    slots: list[Slot]
    runs: list[tuple[Streak, Slot]]
    earned: list[tuple[Streak, Slot]]
    frozen: list[tuple[Streak, Slot]]
    streak: Streak
    freezes: Freezes
    before: Totals
    totals_before: Mapping[date, Totals]

    @property
    def best(self) -> Streak:
        """The streak of the most slots, the latest of several."""
        ended = (run for run, _ in reversed(self.runs))
        return max((self.streak, *ended, self.before.best), key=_length)


def fold_slots(
    history: History, slots: Sequence[Slot], before: Totals, marked: Collection[date] = ()
) -> Folded:
    """Fold some slots of a history in order.

    Args:
        history: The habit's history.
        slots: The slots before freezes.
        before: The totals of the slots before them.
        marked: The days whose totals before them are wanted.
    """
    freezes = Freezes(history.grants, history.freeze_rule_on, before.earned, before.used)
    return fold(slots, freezes, history.horizon, before, marked)


def fold(
    slots: Sequence[Slot],
    freezes: Freezes,
    horizon: date,
    before: Totals,
    marked: Collection[date] = (),
) -> Folded:
    """Read slots in order.

    Args:
        slots: The slots before freezes.
        freezes: What was granted and can be earned, less what was used before these slots.
        horizon: The last day to which a streak may reach.
        before: The totals of the slots before these.
        marked: The days whose totals before them are wanted; before each of them a slot ends.
    """
    saved: list[Slot] = []
    runs: list[tuple[Streak, Slot]] = []
    earned: list[tuple[Streak, Slot]] = []
    frozen: list[tuple[Streak, Slot]] = []
    totals_before: dict[date, Totals] = {}
    run, best = before.run, before.best
    for slot in slots:
        if slot.status == "DONE":
            run = Streak(
                run.slots + 1,
                run.first or slot.first,
                min(slot.last, horizon),
                run.completions + slot.completions,
            )
            if freezes.earn(run.slots, slot.first):
                earned.append((run, slot))
        elif slot.status == "MISSED" and run.slots:
            if freezes.use(slot.last):
                slot = evolve(slot, status="FROZEN", why="freeze")  # noqa: PLW2901
                frozen.append((run, slot))
            else:
                runs.append((run, slot))
                best = max(run, best, key=_length)
                run = Streak(0)
        saved.append(slot)
        if marked and slot.last + _DAY in marked:
            totals_before[slot.last + _DAY] = Totals(run, best, freezes.earned, freezes.used)
    return Folded(saved, runs, earned, frozen, run, freezes, before, totals_before)


def _length(streak: Streak) -> int:
    return streak.slots
