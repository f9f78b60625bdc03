"""Random deeds of an owner with quests, which can be repeated in other orders.

Each is done at a minute of its own, and becomes known up to twelve hours
later; a check-in may be undone up to twelve hours after that. So all that is known is known before
anything is sealed, also where it becomes known a day later.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta
from itertools import count
from random import Random
from typing import TYPE_CHECKING, Any, NamedTuple

from hypothesis import strategies as st

import habitkit.testing
from habitkit.habits import HabitCompleted
from habitkit.habits.domain.model import Schedule
from habitkit.predicates import field
from habitkit.quests import (
    All,
    Count,
    Distinct,
    Levels,
    Once,
    PerDay,
    PerSlot,
    Quest,
    QuestCompleted,
    ReachStreak,
    Reward,
    Rule,
    Sequence,
    Sum,
    Tier,
    Window,
    per,
    steps,
)
from habitkit.quests import Any as AnyOf
from habitkit.testing.contracts._sample_facts import NOW, events_of
from tests.kit.quests.support import NO_REWARDS, balances, entitlements, net

if TYPE_CHECKING:
    from collections.abc import Iterable
    from uuid import UUID

    from habitkit.store import Store
    from habitkit.testing import TestKit


DAYS = 6
DAY = 1440
_HALF_DAY = 720
OWNERS = count()

QUESTS = (
    Quest("count", "3 days", Count(HabitCompleted, 3), reward=Reward(100, badge="c"), start="auto"),
    Quest(
        "sum",
        "12 km",
        Sum("walk", "km", 12),
        reward=Reward(xp=30),
        tiers=(Tier(3, Reward(coins=1)), Tier(7, Reward(coins=2, item="shoe"))),
        start="auto",
    ),
    Quest("routes", "Routes", Distinct("walk", "route", 3), reward=Reward(20), start="auto"),
    Quest("streak", "A streak", ReachStreak(3), reward=Reward(40, xp=5), start="auto"),
    Quest("all", "All", All(Count("walk", 2), ReachStreak(2)), reward=Reward(7), start="auto"),
    Quest(
        "any",
        "Any",
        AnyOf(Count("walk", 3, field("km") >= 3), Distinct(HabitCompleted, "habit_id", 2)),
        reward=Reward(8),
        start="auto",
    ),
    Quest(
        "order",
        "In order",
        Sequence(Count("walk", 1), All(Count(HabitCompleted, 2), Count("walk", 1)), ReachStreak(2)),
        reward=Reward(9),
        start="auto",
    ),
    Quest("day", "A day", Count(HabitCompleted, 2), reward=Reward(3), repeat="daily", start="auto"),
    Quest("week", "A week", Sum("walk", "km", 5), reward=Reward(4), repeat="weekly", start="auto"),
    Quest("then", "Then", Count("walk", 1), requires=("count",), reward=Reward(xp=9), start="auto"),
    Quest(
        "dates",
        "Dates",
        Count(HabitCompleted, 3),
        reward=Reward(5),
        window=Window.dates(date(2026, 1, 2), date(2026, 1, 3)),
        start="auto",
    ),
    Quest(
        "first",
        "First days",
        Count(HabitCompleted, 3),
        reward=Reward(6, badge="first"),
        window=Window.from_start(3),
    ),
    Quest("mine", "Mine", Count("walk", 4), reward=Reward(11), claim="manual"),
)

RULES = (
    Rule("far", "walk", field("km") >= 2, Reward(coins=per("km", 2)), PerDay(2)),
    Rule("walk", "walk", give=Reward(xp=steps("km", {2: 1, 5: 3}))),
    Rule("once", HabitCompleted, give=Reward(item="medal", xp=2), limit=Once),
    Rule("slot", HabitCompleted, give=Reward(coins=1), limit=PerSlot),
    Rule("busy", HabitCompleted, give=Reward(coins=50), limit=PerDay(1)),
    Rule("quest", QuestCompleted, field("quest").in_(["all", "day"]), Reward(coins=1000)),
)
TYPES_EMITTED = (
    *("QuestCompleted", "QuestExpired", "QuestClaimed", "BadgeUnlocked", "LevelReached"),
    "ItemGranted",
)


class Deed(NamedTuple):
    """Something that an owner does.

    Attributes:
        done: The minute at which it is done.
        kind: ``run`` and ``read`` are check-ins, ``walk`` is an event of the host's own.
        late: After how many minutes it becomes known.
        undone: How many minutes after that it is undone, or None.
        km: How far a walk is.
        route: Which way it goes.
    """

    done: int
    kind: str
    late: int = 0
    undone: int | None = None
    km: float = 1
    route: str = "a"


class Act(NamedTuple):
    """A deed that becomes known or is undone, at a minute."""

    minute: int
    deed: Deed
    is_undo: bool


@st.composite
def deeds(draw: st.DrawFn, size: int = 10) -> list[Deed]:
    """Draw deeds with which most of the days are done."""
    late = st.one_of(st.just(0), st.integers(0, _HALF_DAY - 1))
    undone = st.one_of(st.none(), st.none(), st.none(), st.integers(1, _HALF_DAY - 1))
    found = []
    for day in range(DAYS):
        regular = draw(st.sampled_from(("run", "run", "run read", "run walk", "walk", "")))
        for number, kind in enumerate(regular.split()):
            minute = day * DAY + 60 + number
            km = draw(st.sampled_from((2, 3, 5.5)))
            route = draw(st.sampled_from("abc"))
            found.append(Deed(minute, kind, draw(late), draw(undone), km, route))
    odd = st.builds(
        Deed,
        st.integers(1, DAYS * DAY - 1),
        st.sampled_from(("run", "read", "walk", "walk")),
        late,
        undone,
        st.sampled_from((0, 0.1, 1, 2, 3, 5.5)),
        st.sampled_from("abcd"),
    )
    for deed in draw(st.lists(odd, max_size=size)):
        if all(deed.done != it.done for it in found):
            found.append(deed)
    return found


class Person:
    """One owner on a kit of its own, who takes deeds in some order."""

    def __init__(
        self, store: Store, *, quests: Iterable[Quest] = QUESTS, rules: Iterable[Rule] = RULES
    ) -> None:
        self.store, self.owner = store, f"owner{next(OWNERS)}"
        self.kit: TestKit = habitkit.testing.kit(store=store, coins=NO_REWARDS)
        for quest in quests:
            self.kit.quests.define(quest)
        rules = list(rules)
        if rules and not self.kit.quests.rules().rules:
            self.kit.quests.set_rules(rules)
        self.kit.quests.set_levels(Levels.table([5, 10, 40]))
        self.habits = {
            name: self.kit.habits.create(self.owner, name, Schedule.daily()).id
            for name in ("run", "read")
        }
        for quest in quests:
            if quest.start == "manual":
                self.kit.quests.start(self.owner, quest.key)
        self.facts: dict[Deed, UUID] = {}

    def take(self, acts: Iterable[Act], sweeps: Iterable[int] = ()) -> Person:
        """Do things at their times, sweep at some minutes, and once four days after the end."""
        minutes = [it for it in sweeps if it < DAYS * DAY]
        todo: list[tuple[int, int, Act | None]] = [
            *((it.minute, number, it) for number, it in enumerate(acts)),
            *((minute, -1, None) for minute in minutes),
            ((DAYS + 5) * DAY, 0, None),
        ]
        for minute, _, act in sorted(todo, key=lambda it: it[:2]):
            self.kit.clock.set(at_minute(minute))
            if act is None:
                self.kit.sweep()
            else:
                self.do(act)
        return self

    def do(self, act: Act) -> None:
        """Let a deed become known, or undo it."""
        deed, at = act.deed, at_minute(act.deed.done)
        if act.is_undo:
            self.kit.habits.undo(self.facts[deed])
        elif deed.kind == "walk":
            fields = {"km": deed.km, "route": deed.route}
            self.kit.events.record(self.owner, "walk", fields, at=at)
        else:
            self.facts[deed] = self.kit.habits.check_in(self.habits[deed.kind], at=at).id

    def outcome(self) -> dict[str, Any]:
        """Return all that the facts determine, without identities."""
        places = {
            f"@{event.rev}.{event.position}": f"walk at {event.at.isoformat()}"
            for event in events_of(self.kit, self.owner)
            if event.type == "walk"
        }
        names = {str(habit): name for name, habit in self.habits.items()}

        def named(key: str) -> str:
            place, colon, rest = key.partition(":")
            key = places.get(place, place) + colon + rest
            for habit, name in names.items():
                key = key.replace(habit, name)
            return key

        emitted = net(self.kit, self.owner, *TYPES_EMITTED)
        for fields in emitted.values():
            fields.pop("granted_for", None)
        grants = self.kit.export(self.owner)["quests"]["grants"]
        keys = [
            f"{key}:{rule.name}{more}" for key in self._keys() for rule in RULES for more in MORE
        ]
        keys += [f"{key}{more}" for key in emitted for more in MORE]
        paid = entitlements(self.store, self.owner, keys)
        return {
            "emitted": {named(key): fields for key, fields in emitted.items()},
            "grants": {named(it["key"]): (it["kind"], it["name"]) for it in grants},
            "paid": {named(key): amount for key, amount in paid.items()},
            "balances": balances(self.kit, self.owner),
        }

    def _keys(self) -> set[str]:
        found = events_of(self.kit, self.owner)
        return {event.key or f"@{event.rev}.{event.position}" for event in found}


MORE = ("", ":xp", ":badge", ":item")


def at_minute(minute: int) -> datetime:
    """Return the instant of a minute after the beginning."""
    return NOW + timedelta(minutes=minute)


def as_it_happened(some: Iterable[Deed]) -> list[Act]:
    """Return what becomes known when it does."""
    acts = []
    for deed in some:
        known = deed.done + deed.late
        acts.append(Act(known, deed, is_undo=False))
        if deed.undone is not None and deed.kind != "walk":
            acts.append(Act(known + deed.undone, deed, is_undo=True))
    return sorted(acts, key=lambda it: (it.minute, it.is_undo, it.deed.done))


def once_a_day(some: Iterable[Deed], random: Random) -> list[Act]:
    """Return what becomes known at the end of each day, in a random order."""
    acts = [it._replace(minute=-(-it.minute // DAY) * DAY) for it in as_it_happened(some)]
    random.shuffle(acts)
    acts.sort(key=lambda it: it.minute)
    for number, act in enumerate(acts):
        if act.is_undo:
            emitted = next(n for n, it in enumerate(acts) if it.deed == act.deed and not it.is_undo)
            if emitted > number:
                acts[number], acts[emitted] = acts[emitted], act
    return acts


def settled(person: Person) -> tuple[str, ...]:
    """Return what a rebuild of everything of an owner finds."""
    return person.kit.quests.rebuild(person.owner).repaired
