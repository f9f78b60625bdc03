"""An objective of one's own: so many different weekends with a day that is done.

    python examples/custom_objective.py

A kind of objective is a frozen class with the members of ``habitkit.quests.Objective``. The kit
stores what each event adds to it (``measure``), and evaluates what is stored (``evaluate``). Days
that arrive late and undone check-ins need no code of their own.
"""

from collections.abc import Mapping
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, ClassVar, Self

from attrs import field, frozen, validators

from habitkit import HabitKit, HabitKitError, Schedule
from habitkit.habits import HabitCompleted
from habitkit.quests import Counted, CountedEvent, Measured, Quest, QuestSettings, Reached, Reward
from habitkit.testing import FakeClock

SATURDAY = 5


@frozen
class Weekends:
    """So many weekends, each with at least one day that is done.

    Attributes:
        n: How many weekends.
    """

    kind: ClassVar[str] = "example.weekends"  # as it is stored; the dot keeps it apart from ours
    additive: ClassVar[bool] = False  # two days of one weekend are one weekend

    n: int = field(validator=[validators.instance_of(int), validators.ge(1)])

    @property
    def goal(self) -> Decimal:
        """What is to be reached."""
        return Decimal(self.n)

    @property
    def types(self) -> frozenset[str]:
        """The types of events that can change it."""
        return frozenset({HabitCompleted.__name__})

    def measure(self, event: CountedEvent) -> Measured | None:
        """Count the days of a weekend."""
        day = event.day
        return Measured() if day is not None and day.weekday() >= SATURDAY else None

    def evaluate(self, counted: Counted) -> Reached:
        """Return how many weekends there are; the first day of the n-th completes it."""
        weekends: set[date] = set()
        complete = None
        for each in counted.contributions:  # in the order in which they were done
            weekends.add(each.day - timedelta(days=each.day.weekday()))
            if complete is None and len(weekends) == self.n:
                complete = each.place
        return Reached(Decimal(len(weekends)), self.goal, complete)

    def to_dict(self) -> dict[str, Any]:
        """Return what makes it, as a JSON object."""
        return {"n": self.n}

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> Self:
        """Make it of such an object."""
        return cls(content["n"])


def main() -> None:
    quest = Quest("weekends", "Three weekends", Weekends(3), reward=Reward(badge="weekends"))
    settings = QuestSettings(objectives=[Weekends])
    clock = FakeClock("2026-03-02T12:00Z")  # a Monday
    with TemporaryDirectory() as folder:
        url = f"sqlite:///{Path(folder) / 'weekends.db'}"
        with HabitKit.open(url, clock=clock, quests=settings) as kit:
            kit.quests.define(quest)
            kit.quests.start("ada", "weekends")
            run = kit.habits.create("ada", "Run", Schedule.daily())
            for _ in range(19):
                done = kit.habits.check_in(run.id)
                if done.day.weekday() >= SATURDAY:
                    show(kit, f"{done.day:%a %d %b}")
                clock.advance(days=1)
            third = kit.habits.check_in(run.id)
            show(kit, f"{third.day:%a %d %b}")
            kit.habits.undo(third.id)
            show(kit, "undone")

        with HabitKit.open(url, clock=clock) as kit:  # without the class
            try:
                kit.quests.get("weekends")
            except HabitKitError as refused:
                print(f"{type(refused).__name__}: {refused}")


def show(kit: HabitKit, when: str) -> None:
    (quest,) = kit.quests.progress("ada", "weekends")
    print(f"{when}: {quest.value} of {quest.goal} weekends, {quest.state}")


if __name__ == "__main__":
    main()
