"""Previews: what reward rules would have given for what has really happened."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

import habitkit.testing
from habitkit.backends.memory import MemoryStore
from habitkit.coins import UnknownCurrency
from habitkit.errors import InvalidInput
from habitkit.habits import HabitCompleted, StreakReached
from habitkit.habits.domain.model import Schedule
from habitkit.quests import CostReport, Once, PerDay, Reward, Rule, per
from habitkit.testing.contracts._sample_facts import events_of
from tests.kit.quests.support import NO_REWARDS, at, balances, wealth

if TYPE_CHECKING:
    from habitkit.store import Store
    from habitkit.testing import TestKit

RULES = (
    Rule("done", HabitCompleted, give=Reward(coins=3, badge="b"), limit=PerDay(1)),
    Rule("week", StreakReached, give=Reward(xp=per("slots", 10), item="hat")),
    Rule("walk", "walk", give=Reward(coins=per("km", 1)), limit=Once),
)


def check_in_and_undo(kit: TestKit) -> None:
    """Let two owners do this and that; some of it is undone, some of it when it is sealed."""
    for owner, days, start in (("ada", 8, "08:00"), ("bob", 3, "09:00")):
        kit.clock.set(at(f"2026-01-01T{start}"))
        habits = [kit.habits.create(owner, name, Schedule.daily()) for name in ("Run", "Read")]
        done = []
        for _ in range(days):
            done += [kit.habits.check_in(habit.id).id for habit in habits]
            kit.clock.advance(days=1)
        kit.habits.undo(done[0])  # ada's is sealed by now, bob's is not
        kit.habits.undo(done[-1])
        kit.habits.backfill(habits[0].id, [at("2025-12-20").date()], source="paper")
    for km, minute in ((5, 2), (7, 1)):
        instant = kit.clock.now().replace(minute=minute, hour=0)
        kit.events.record("ada", "walk", {"km": km}, at=instant)


def amounts(kit: TestKit) -> dict[str, int]:
    """Return what was really given to both."""
    found: dict[str, int] = {}
    for owner in ("ada", "bob"):
        coins, xp = balances(kit, owner)
        items: Any = kit.quests.items(owner).items()
        given = {"coin": coins, "xp": xp, **{f"item:{item}": n for item, n in items}}
        for name, amount in given.items():
            found[name] = found.get(name, 0) + amount
    return {name: amount for name, amount in found.items() if amount}


def test_a_preview_is_what_a_new_kit_with_these_rules_pays_and_writes_nothing(
    store: Store, kit: TestKit
) -> None:
    check_in_and_undo(kit)
    before = [(events_of(kit, it), wealth(kit, it), kit.export(it)) for it in ("ada", "bob")]
    report = kit.quests.preview(RULES)
    assert before == [
        (events_of(kit, it), wealth(kit, it), kit.export(it)) for it in ("ada", "bob")
    ]
    assert kit.quests.rules().rules == ()
    paying = habitkit.testing.kit(store=MemoryStore(), coins=NO_REWARDS)
    paying.quests.set_rules(RULES)
    check_in_and_undo(paying)

    badges = report.totals["badge:b"]
    given = {name: amount for name, amount in report.totals.items() if name != "badge:b"}
    assert given == amounts(paying) == {"coin": 40, "xp": 140, "item:hat": 2}
    assert badges == 11  # places that give it; each owner has it once
    assert (report.owners, report.before) == (2, {})
    assert [(it.rule, it.gives, it.times, it.amount, it.before) for it in report.rules] == [
        ("done", "badge:b", 11, 11, 0),
        ("done", "coin", 11, 33, 0),
        ("walk", "coin", 1, 7, 0),
        ("week", "item:hat", 2, 2, 0),
        ("week", "xp", 2, 140, 0),
    ]
    assert (report.most["coin"], report.median["coin"]) == (31, 9)
    assert "owners: 2" in str(report)
    compared = paying.quests.preview([RULES[2]])
    assert compared.before == report.totals
    assert [it.difference for it in compared.rules if it.rule == "walk"] == [0]


def test_a_preview_is_of_one_owner_of_the_first_ones_or_since_an_instant(kit: TestKit) -> None:
    check_in_and_undo(kit)
    kit.events.record("visitor", "walk", {"km": 9})
    found: dict[str, CostReport] = {
        "ada": kit.quests.preview(RULES, owner="ada"),
        "first": kit.quests.preview(RULES, sample=1),
        "visitor": kit.quests.preview(RULES, owner="visitor"),
        "nobody": kit.quests.preview(RULES, owner="nobody"),
        "late": kit.quests.preview(RULES, owner="ada", since=at("2026-01-08T00:00")),
        "none": kit.quests.preview([]),
    }
    assert {name: it.totals.get("coin", 0) for name, it in found.items()} == {
        "ada": 31,
        "first": 31,
        "visitor": 9,
        "nobody": 0,
        "late": 3,
        "none": 0,
    }
    assert {name: it.owners for name, it in found.items() if it.owners != 1} == {"none": 2}


@pytest.mark.parametrize("sample", [0, -1, 1.5, True, "1"])
def test_what_cannot_be_previewed_is_refused(kit: TestKit, sample: Any) -> None:
    with pytest.raises(InvalidInput, match="sample"):
        kit.quests.preview(RULES, sample=sample)
    with pytest.raises(InvalidInput, match="rules"):
        kit.quests.preview([RULES[0], RULES[0]])
    with pytest.raises(UnknownCurrency):
        kit.quests.preview([Rule("r", "walk", give=Reward(currencies={"ruby": 1}))])
    with pytest.raises(InvalidInput):
        kit.quests.preview(RULES, since=at("2026-01-01T00:00").replace(tzinfo=None))
