"""Random histories at fixed instants, so that one can be repeated and looked at in other ways."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from attrs import evolve
from hypothesis import strategies as st

from habitkit.coins.store import COINS
from habitkit.errors import InvalidInput, NotFound, Refused
from habitkit.habits.domain.facts import CheckInVoid, ScheduleChanged
from habitkit.habits.domain.model import FreezeRule, Goal, Schedule
from habitkit.habits.store import HABITS
from habitkit.testing.contracts._base import read
from habitkit.testing.contracts._sample_facts import NOW, days, events_of
from tests.kit.habits.scenarios import DAILY, NOBODY, STEPS, ZONES, Scenario
from tests.oracle.emitted import emitted

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import date
    from uuid import UUID

    from habitkit.habits.domain.model import Habit
    from habitkit.store import Store
    from habitkit.testing import TestKit

BEGIN = NOW.replace(hour=0)
KINDS: dict[str, tuple[Schedule, Goal, float]] = {
    "daily": (DAILY, Goal.done(), 1),
    "weekdays": (Schedule.weekdays("mon", "tue", "thu", "fri", "sun"), Goal.done(), 1),
    "every 3": (Schedule.every(3), Goal.done(), 1),
    "every, last done": (Schedule.every(2, anchor="last_done"), Goal.done(), 1),
    "quota": (Schedule.quota(3), Goal.done(), 1),
    "quota less skips": (Schedule.quota(3, reduced_by_skips=True), Goal.done(), 1),
    "rolling(3, 7)": (Schedule.rolling(3, 7), Goal.done(), 1),
    "rolling(1, 7)": (Schedule.rolling(1, 7), Goal.done(), 1),
    "at least": (DAILY, Goal.at_least(2), 2),
    "at most, missed": (DAILY, Goal.at_most(2), 1),
    "at most, done": (DAILY, Goal.at_most(2, unrecorded="done"), 1),
    "at most, exempt": (DAILY, Goal.at_most(2, unrecorded="exempt"), 1),
    "between": (DAILY, Goal.between(1, 3), 2),
    "avoid": (DAILY, Goal.avoid(), 0),
    "avoid, exempt": (DAILY, evolve(Goal.avoid(), unrecorded="exempt"), 0),
    "avoid, missed": (DAILY, evolve(Goal.avoid(), unrecorded="missed"), 0),
    "last": (DAILY, Goal.at_least(2, fold="last"), 2),
    "window": (Schedule.daily(window=(time(6), time(20))), Goal.done(), 1),
}
"""Schedules and goals, and an amount that meets the goal."""
PLANS = tuple((schedule, goal) for schedule, goal, _ in KINDS.values())


class Dated(NamedTuple):
    """One thing that an owner does, some minutes after the beginning."""

    minute: int
    kind: str
    n: int = 0
    m: int = 0


class History(NamedTuple):
    """A habit, and what its owner does."""

    kind: str
    freezes: bool
    steps: tuple[Dated, ...]

    def __repr__(self) -> str:
        steps = ", ".join(
            f"{step.minute // 1440}d{step.minute / 60 % 24:g}h {step.kind} {step.n} {step.m}"
            for step in self.steps
        )
        return f"<{self.kind}{' with freezes' if self.freezes else ''}: {steps}>"


ODD_KINDS = (
    *("check_in", "check_in", "early", "undo", "undo", "edit", "backfill", "skip", "unskip"),
    *("pause", "pause_on", "pause_all", "resume", "resume_all", "freeze", "expiring", "repair"),
    *("change", "clock", "freeze rule", "move", "archive", "restore", "travel", "travelled"),
)
LATE_KINDS = (
    *("check_in", "undo", "undo", "undo", "edit", "backfill", "skip", "unskip", "pause"),
    *("pause_all", "resume", "resume_all", "expired", "change", "clock", "freeze rule"),
    *("move", "travelled"),
)


def odd_steps(last: int, kinds: Sequence[str] = ODD_KINDS, size: int = 12) -> Any:
    """Return some steps of all kinds, until a minute."""
    step = st.builds(
        Dated,
        st.integers(0, last // 60).map(lambda hour: 60 * hour + 7),
        st.sampled_from(kinds),
        st.sampled_from((0, 0, 1, 1, 2, 3, 5, 9)),
        st.integers(0, 16),
    )
    return st.lists(step, max_size=size)


@st.composite
def histories(draw: st.DrawFn, kinds: Sequence[str] = tuple(KINDS), weeks: int = 4) -> History:
    """Draw a history in which most of the days are done."""
    number = 7 * draw(st.integers(2, weeks))
    gaps = draw(st.sets(st.integers(0, number - 1), max_size=6))
    every = draw(st.sampled_from((1, 1, 1, 2, 7)))
    hour = draw(st.sampled_from((9, 9, 23)))
    regular = [
        Dated(1440 * day + 60 * hour, "regular")
        for day in range(0, number, every)
        if day not in gaps
    ]
    odd = draw(odd_steps(1440 * number))
    steps = tuple(sorted([*regular, *odd], key=lambda step: step.minute))
    return History(draw(st.sampled_from(kinds)), draw(st.booleans()), steps)


class Actor(Scenario):
    """Whoever does the steps of a history; which facts are corrected follows from the steps."""

    def __init__(self, kit: TestKit, store: Store, owner: str, history: History) -> None:
        schedule, goal, self.amount = KINDS[history.kind]
        rule = FreezeRule(3, 2) if history.freezes else None
        habit = kit.habits.create(owner, "Run", schedule, goal, freezes=rule)
        super().__init__(kit, store, habit)
        self.check_ins: list[UUID] = []

    def do(self, step: Dated | Sequence[Any]) -> object:
        """Take a step; what is refused changes nothing."""
        try:
            done = self.actions[step[1]](self.day(step[2]), step[3])
        except (InvalidInput, NotFound, Refused):
            return None
        if hasattr(done, "id"):
            self.facts.append(done.id)
            if hasattr(done, "status"):
                self.check_ins.append(done.id)
        return done

    @property
    def actions(self) -> dict[str, Callable[[date, int], Any]]:
        """What the kinds of steps do, with a day and a number."""
        habits, habit, now = self.kit.habits, self.habit.id, self.kit.clock.now()
        others = {kind: partial(take, self) for kind, take in STEPS.items()}
        return others | {
            "regular": lambda _, __: habits.check_in(habit, amount=self.amount),
            "early": lambda _, n: habits.check_in(habit, at=now - timedelta(hours=n), amount=n % 4),
            "edit": lambda _, n: self.edit(n),
            "change": self.change,
            "expiring": lambda day, n: habits.grant_freeze(
                habit, effective_day=day, expires_day=day + days(n)
            ),
            "expired": lambda day, n: habits.grant_freeze(
                habit, effective_day=day - days(n), expires_day=day
            ),
            "travelled": lambda day, n: habits.travel(
                self.habit.owner,
                ZONES[n % len(ZONES)],
                min(now, datetime.combine(day, time(n), UTC)),
            ),
        }

    def edit(self, n: int) -> Any:
        """Correct one of the check-ins."""
        if not self.check_ins:
            return None
        return self.kit.habits.edit(self.check_ins[n % len(self.check_ins)], amount=n % 4)

    def change(self, day: date, n: int) -> Any:
        """Change schedule and goal."""
        schedule, goal = PLANS[n % len(PLANS)]
        return self.kit.habits.change_schedule(self.habit.id, schedule, goal, effective_day=day)

    def undo(self, n: int) -> Any:
        """Take one of the facts back; what is taken back has no fact of its own to undo."""
        if self.facts:
            self.kit.habits.undo(self.facts[n % len(self.facts)])


def known_facts(store: Store, habit: Habit) -> list[Any]:
    """Return all facts about a habit, those that were taken back and what took them back too."""

    def work(stores: Any) -> list[Any]:
        port = stores.port(HABITS)
        found = [*port.live(habit.id), *port.facts(habit.owner, habit.id)]
        for number, (old, at) in enumerate(
            (it.check_in, it.voided_at) for it in port.voided(habit.id)
        ):
            void_id = type(old.id)(int=number + 1)
            found += [old, CheckInVoid(void_id, habit.id, habit.owner, old.id, at)]
        return found

    return read(store, work)


def sequences(kit: TestKit, habit: Habit) -> dict[str, list[tuple[str, dict[str, Any]]]]:
    """Return the derived events of a habit by key: type and content of each, in order."""
    found: dict[str, list[tuple[str, dict[str, Any]]]] = {}
    for event in events_of(kit, habit.owner):
        if event.key is not None and str(habit.id) in event.key:
            content = {
                name: value
                for name, value in event.fields.items()
                if name not in {"habit_id", "retracted_key"}
            }
            key = event.key.replace(f":{habit.id}", "")
            found.setdefault(key, []).append((event.type, content))
    return found


def net(kit: TestKit, habit: Habit) -> dict[str, dict[str, Any]]:
    """Return the emitted set of a habit: what was emitted and not retracted.

    In a place that was sealed only presence counts: the event that came first stays.
    """
    found = {
        key: events[-1][1]
        for key, events in sequences(kit, habit).items()
        if events[-1][0] != "Retracted"
    }
    return {
        key: {name: value for name, value in fields.items() if name != "done_at"}
        if fields.get("sealed")
        else fields
        for key, fields in found.items()
    }


def settled(kit: TestKit, store: Store, habit: Habit) -> dict[str, int]:
    """Return the coins paid by entitlement."""
    wanted = [
        f"{key.replace(':', f':{habit.id}:', 1)}:{rule}"
        for key in sequences(kit, habit)
        for rule in ("completion", "streak")
    ]
    paid = read(store, lambda stores: stores.port(COINS).settled(habit.owner, wanted))
    return {key.replace(f":{habit.id}", ""): row.amount for key, row in paid.items() if row.amount}


def outcome(kit: TestKit, store: Store, habit: Habit) -> dict[str, Any]:
    """Return all that the facts determine, without the habit's identity."""
    state = kit.streaks.state(habit.id)
    return {
        "state": evolve(state, habit_id=NOBODY, strength=round(state.strength, 9)),
        "emitted": net(kit, habit),
        "settled": settled(kit, store, habit),
        "coins": kit.coins.balance(habit.owner).posted,
    }


def differences(kit: TestKit, store: Store, habit: Habit) -> dict[str, Any]:
    """Return where the journal and the balance differ from the oracle: the kit's first."""
    said = emitted(habit, known_facts(store, habit), kit.clock.now())
    expected = {key.replace(f":{habit.id}", ""): it for key, it in said.events.items()}
    found = net(kit, habit)
    wrong: dict[str, Any] = {}
    for key in sorted(found.keys() | expected.keys()):
        if key not in found or key not in expected:
            wrong[key] = (found.get(key), expected.get(key))
            continue
        fields, it = found[key], expected[key]
        pairs: list[tuple[Any, Any]] = []
        if not it.sealed:
            pairs.append((fields.get("slots"), it.slots))
        if key.startswith("done") and not it.sealed:
            pairs.append((fields.get("credit", it.credit), it.credit))
            if it.credit != "history":
                pairs.append((instant(fields["received_at"]), it.received_at))
        if key.startswith(("done", "fr")) and "done_at" in fields and not it.sealed:
            pairs.append((instant(fields["done_at"]), it.done_at))
        different = [pair for pair in pairs if pair[0] != pair[1]]
        if different:
            wrong[key] = different
    coins = kit.coins.balance(habit.owner).posted
    if coins != said.coins and not counts_from_done(store, habit):
        wrong["coins"] = (coins, said.coins)
    credited = getattr(kit.streaks.state(habit.id), "credited", None)
    if credited is not None and getattr(credited, "slots", credited) != said.run:
        wrong["credited"] = (credited, said.run)
    return wrong


def counts_from_done(store: Store, habit: Habit) -> bool:
    """Return whether slots ever counted from the last done day.

    Then late facts move the slots that follow, which may cost coins: the one exception.
    """
    facts = known_facts(store, habit)
    changes = (fact.schedule for fact in facts if isinstance(fact, ScheduleChanged))
    return any(schedule.after_done for schedule in (habit.schedule, *changes))


def instant(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)
