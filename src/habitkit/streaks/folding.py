"""Pure rules of streaks: slots read in order become runs, and freezes save some from ending."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, NamedTuple

from attrs import define

from habitkit.streaks.model import Streak

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from habitkit.habits.facts import FreezeGranted
    from habitkit.habits.model import FreezeRule
    from habitkit.streaks.model import Slot

__all__ = ["Folded", "Freezes", "fold"]


class Freezes:
    """The freezes that are unused: those granted, and those that the streak has earned."""

    def __init__(self, grants: Iterable[FreezeGranted], rule: FreezeRule | None) -> None:
        """Begin with what was granted and nothing earned."""
        by_end = sorted(grants, key=lambda grant: (grant.expires_day or date.max, grant.id))
        self._granted = [_Grant(grant.count, grant) for grant in by_end]
        self._rule = rule
        self._earned = 0

    def earn(self, slots: int) -> None:
        """Add what a streak of so many slots has earned with its last one."""
        rule = self._rule
        if rule is not None and slots % rule.per_slots == 0 and self._earned < rule.most_held:
            self._earned += 1

    def use(self, day: date) -> bool:
        """Use one on a slot that ends on a day; False if there is none."""
        usable = self._usable(day)
        if self._earned and not any(grant.fact.expires_day for grant in usable):
            self._earned -= 1
        elif usable:
            usable[0].left -= 1
        else:
            return False
        return True

    def left(self, day: date) -> int:
        """Return how many could be used on a slot that ends on a day."""
        return self._earned + sum(grant.left for grant in self._usable(day))

    def _usable(self, day: date) -> list[_Grant]:
        """Return the grants that could be used, the one that expires first first."""
        return [
            grant
            for grant in self._granted
            if grant.left
            and grant.fact.effective_day <= day <= (grant.fact.expires_day or date.max)
        ]


@define
class _Grant:
    """What is left of a grant."""

    left: int
    fact: FreezeGranted


class Folded(NamedTuple):
    """What slots in order come to.

    Attributes:
        slots: The slots, those that a freeze saved as FROZEN.
        runs: The streaks that ended, in order, each with the slot that ended it.
        streak: The streak that is alive.
        freezes: What is unused.
    """

    slots: list[Slot]
    runs: list[tuple[Streak, Slot]]
    streak: Streak
    freezes: Freezes

    @property
    def best(self) -> Streak:
        """The streak of the most slots, the latest of several."""
        return max((self.streak, *(run for run, _ in reversed(self.runs))), key=_length)


def fold(slots: Sequence[Slot], freezes: Freezes, horizon: date) -> Folded:
    """Read slots in order.

    Args:
        slots: The slots before freezes.
        freezes: What was granted and can be earned.
        horizon: The last day a streak may be said to reach to.
    """
    saved: list[Slot] = []
    runs: list[tuple[Streak, Slot]] = []
    run = Streak(0)
    for slot in slots:
        if slot.status == "DONE":
            run = Streak(
                run.slots + 1,
                run.first or slot.first,
                min(slot.last, horizon),
                run.completions + slot.completions,
            )
            freezes.earn(run.slots)
        elif slot.status == "MISSED" and run.slots:
            if freezes.use(slot.last):
                slot = slot._replace(status="FROZEN", why="freeze")  # noqa: PLW2901
            else:
                runs.append((run, slot))
                run = Streak(0)
        saved.append(slot)
    return Folded(saved, runs, run, freezes)


def _length(streak: Streak) -> int:
    return streak.slots
