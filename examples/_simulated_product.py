"""The product of experiment.py: owners join day by day, see a welcome, and check in or not.

How likely they check in depends on the welcome alone and on how diligent an owner is, so the true
lift is known. An owner draws the same random numbers in every run, whichever welcome it sees.
"""

from collections.abc import Callable
from random import Random

from habitkit import Habit, HabitKit, Schedule, habits
from habitkit.experiments import Metric, stats
from habitkit.flags import Flag
from habitkit.testing import FakeClock
from habitkit.transaction import Transaction

WELCOME = Flag.string({"plain": "Hello.", "friendly": "Hello, well begun!"}, default="plain")
RATES = {"plain": 0.30, "friendly": 0.40}
TRUE_LIFT = RATES["friendly"] / RATES["plain"] - 1
ACTIVE = Metric.retention(2, name="active")  # checks in during the third 24 hours

JOINING_DAYS = 27
DAYS = JOINING_DAYS + 3  # until the third day of the last ones is over
EXPERIMENTS, EACH_DAY = 1000, 33  # without any effect, and so many new owners of each variant


class Owner:
    """An owner with a mind of its own.

    Attributes:
        name: The owner, by which flags are evaluated and habits kept.
        joins: The day of the simulation on which it joins.
    """

    def __init__(self, number: int, owners: int) -> None:
        """Draw how diligent it is, and its mood on each day."""
        self.name = f"owner-{number}"
        self.joins = number * JOINING_DAYS // owners
        random = Random(self.name)  # noqa: S311 - a simulation
        self._diligence = 0.5 + random.random()
        self._moods = [random.random() for _ in range(3)]

    def comes(self, welcome: str, day: int) -> bool:
        """Return whether it checks in, so many days after it has joined."""
        return self._moods[day] < RATES[welcome] * self._diligence


def simulate(
    kit: HabitKit, clock: FakeClock, count: int, each_day: Callable[[int], object] | None = None
) -> None:
    """Let all owners join and check in.

    Args:
        kit: The kit, with a running experiment on the flag ``welcome``.
        clock: Its clock; it is moved to the end of the simulation.
        count: How many owners there are.
        each_day: Called each morning with the number of the day.
    """
    owners = [Owner(number, count) for number in range(count)]
    seen: dict[str, str] = {}
    kept: dict[str, Habit] = {}
    for day in range(DAYS):
        if each_day is not None:
            each_day(day)
        for owner in owners:
            if owner.joins == day:
                found = kit.flags.for_unit(owner.name).details("welcome", None)
                seen[owner.name] = str(found.variant)
        clock.advance(hours=10)
        coming = [
            owner
            for owner in owners
            if 0 <= day - owner.joins < 3 and owner.comes(seen[owner.name], day - owner.joins)
        ]

        def check_in(tx: Transaction, coming: list[Owner] = coming) -> None:
            for owner in coming:
                if owner.name not in kept:
                    kept[owner.name] = habits.create(tx, owner.name, "Run", Schedule.daily())
                habits.check_in(tx, kept[owner.name].id)

        kit.run(check_in)
        clock.advance(hours=14)


def false_alarms() -> dict[str, float]:
    """Return in which share of experiments without any effect an analysis finds one.

    No kit takes part: the analyses are pure functions.

    Returns:
        The shares of ``fixed`` and ``always_valid`` with a look each day, and of ``fixed once``,
        at the end.
    """
    random = Random(1)  # noqa: S311 - a simulation
    alarms = dict.fromkeys(("fixed once", "fixed", "always_valid"), 0)
    for _ in range(EXPERIMENTS):
        active = [0, 0]
        raised: set[str] = set()
        for day in range(1, DAYS + 1):
            for arm in (0, 1):
                active[arm] += sum(random.random() < RATES["plain"] for _ in range(EACH_DAY))
            units = EACH_DAY * day
            arms = [stats.effect.successes(count, units) for count in active]
            effect = stats.effect.proportion(*arms)
            if stats.fixed(effect).significant:
                raised |= {"fixed", "fixed once"} if day == DAYS else {"fixed"}
            tuning_n = 2 * EACH_DAY * DAYS
            if stats.always_valid(effect, 2 * units, tuning_n=tuning_n).significant:
                raised.add("always_valid")
        for analysis in raised:
            alarms[analysis] += 1
    return {analysis: count / EXPERIMENTS for analysis, count in alarms.items()}
