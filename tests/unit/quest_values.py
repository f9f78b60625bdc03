"""The public values of quests, as a kit returns them, or a host or a store makes them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal

import habitkit.testing
from habitkit import Schedule
from habitkit.habits import HabitCompleted
from habitkit.predicates import field
from habitkit.quests import (
    DEFINITIONS,
    QUESTS,
    All,
    Any,
    Boost,
    Collect,
    Count,
    CountedEvent,
    Damage,
    Distinct,
    Levels,
    Measured,
    Once,
    PerDay,
    PerSlot,
    Quest,
    QuestSettings,
    Reached,
    ReachStreak,
    Reward,
    Rule,
    Sequence,
    StreakReach,
    Sum,
    Tier,
    Window,
    per,
    steps,
)


def values_of_quests() -> Iterator[object]:
    """Return at least one value of each public class."""
    kit = habitkit.testing.kit()
    reward = Reward(coins=per("pages", 2), xp=steps("pages", {10: 5}), badge="reader")
    rule = Rule("read", "book.read", field("pages") >= 10, reward, PerDay(2))
    yield from (reward, reward.coins, reward.xp, rule, PerDay(2), PerSlot(), Once())
    objectives = (
        Count(HabitCompleted, 2),
        Sum("book.read", "pages", 30),
        Distinct("book.read", "title", 2),
        ReachStreak(3),
        Collect({"feather": 2}),
        Damage(10, {"book.read": 5}),
    )
    yield from objectives
    yield from (All(*objectives[:2]), Any(*objectives[:2]), Sequence(*objectives[:2]))
    yield from (Measured(), StreakReach(2), Reached(Decimal(1), Decimal(2)), QuestSettings())
    yield kit.quests.set_rules([rule])
    yield kit.quests.set_levels(Levels.table([5, 50]))
    noon = kit.clock.now()
    yield kit.quests.boost(Boost("double", 2, noon, noon + timedelta(days=1)))
    window = Window.dates(date(2026, 1, 1), date(2026, 2, 1))
    quest = Quest(
        "two",
        "Two days",
        objectives[0],
        reward=Reward(coins=5, badge="two"),
        window=window,
        tiers=(Tier(1, Reward(xp=7)),),
    )
    yield from (window, quest.tiers[0], kit.quests.define(quest))
    run = kit.habits.create("ada", "Run", Schedule.daily())
    yield kit.quests.start("ada", "two")
    for _ in range(2):
        yield from kit.habits.check_in(run.id).events
        kit.events.record("ada", "book.read", {"pages": 12, "title": "Emma"})
        kit.clock.advance(days=1)
    (progress,) = kit.quests.progress("ada")
    yield from (progress, *progress.parts, kit.quests.level("ada"), *kit.quests.badges("ada"))
    yield kit.quests.rebuild("ada")
    report = kit.quests.preview([rule])
    yield from (report, *report.rules)
    yield CountedEvent("book.read", "@1.0", kit.clock.now(), {"pages": 12})
    yield from kit.read(lambda tx: tx.port(DEFINITIONS).after(0))
    yield from kit.read(lambda tx: tx.port(QUESTS).runs("ada"))
    yield from kit.read(lambda tx: tx.port(QUESTS).grants("ada"))
    yield from kit.read(lambda tx: tx.port(QUESTS).of_subject("ada", "quest:two:"))
