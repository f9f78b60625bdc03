"""Rules whose rewards would earn each other without end, against a search of all chains."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import strategies as st

from habitkit.coins import CoinsPosted
from habitkit.habits.events import FreezeEarned, FreezeUsed, HabitCompleted
from habitkit.predicates import Predicate, field
from habitkit.quests.domain.amounts import per
from habitkit.quests.domain.rewards import Once, Reward, Rule
from habitkit.quests.domain.rule_loops import check_loops
from habitkit.quests.errors import DefinitionError
from habitkit.quests.events import BadgeUnlocked, ItemGranted, LevelReached, QuestCompleted
from tests.unit.support import given

IN_COINS = field("currency") == "coin"
IN_GEMS = field("currency") == "gem"


def on_coins(name: str, when: Predicate | None, give: Reward) -> Rule:
    return Rule(name, CoinsPosted, when, give)


@pytest.mark.parametrize(
    ("rules", "cycle"),
    [
        ([on_coins("a", None, Reward(coins=1))], "a -> a"),
        ([Rule("a", "CoinsPosted", None, Reward(coins=1), Once)], "a -> a"),
        ([on_coins("a", IN_COINS, Reward(coins=per("amount", 0.1)))], "a -> a"),
        ([on_coins("a", (field("amount") > 5) & IN_COINS, Reward(coins=1))], "a -> a"),
        ([on_coins("a", ~IN_GEMS, Reward(coins=1))], "a -> a"),
        ([on_coins("a", IN_COINS | (field("amount") > 5), Reward(xp=1))], "a -> a"),
        ([on_coins("a", field("kind") == "correction", Reward(coins=1))], "a -> a"),
        ([on_coins("a", field("amount") == 1, Reward(coins=1))], "a -> a"),
        (
            [
                Rule("start", HabitCompleted, None, Reward(coins=1)),
                on_coins("b", IN_COINS, Reward(badge="rich")),
                Rule("c", BadgeUnlocked, field("badge") == "rich", Reward(currencies={"gem": 1})),
                on_coins("d", IN_GEMS, Reward(item="sword")),
                Rule("e", ItemGranted, None, Reward(coins=1)),
            ],
            "b -> c -> d -> e -> b",
        ),
    ],
)
def test_a_cycle_is_refused_and_named(rules, cycle):
    with pytest.raises(
        DefinitionError, match=f"rules: expected no rule .* got '{cycle}'"
    ) as refusal:
        check_loops(rules)

    assert refusal.value.given == cycle


@pytest.mark.parametrize(
    "rule",
    [
        on_coins("a", IN_COINS, Reward(xp=1)),
        on_coins("a", IN_COINS & (field("amount") > 5), Reward(xp=per("amount"))),
        on_coins("a", field("currency").in_(["coin", "ash"]), Reward(currencies={"gem": 1})),
        on_coins("a", field("currency") != "xp", Reward(xp=1)),
        on_coins("a", field("kind") == "spend", Reward(coins=1)),
        on_coins(
            "a", field("kind").in_(["award", "spend"]) & (field("amount") > 1), Reward(coins=1)
        ),
        Rule("a", BadgeUnlocked, field("badge") == "x", Reward(badge="y", coins=1)),
        Rule("a", ItemGranted, field("item") == "x", Reward(item="y")),
        Rule("a", FreezeEarned, None, Reward(freezes=1)),
        Rule("a", FreezeUsed, None, Reward(freezes=1, coins=5)),
        Rule("a", QuestCompleted, None, Reward(coins=5, xp=5, badge="b", item="i")),
    ],
)
def test_a_rule_that_its_own_reward_does_not_reach_is_no_loop(rule):
    check_loops([rule, on_coins("z", field("currency") == "none", Reward(coins=1))], levels=True)


def test_experience_reaches_levels_if_there_are_some():
    rules = [Rule("up", LevelReached, None, Reward(xp=5))]

    check_loops(rules)
    check_loops(rules, level_currency="gem", levels=True)
    with pytest.raises(DefinitionError, match="up -> up"):
        check_loops(rules, levels=True)
    with pytest.raises(DefinitionError, match="up -> up"):
        check_loops([Rule("up", LevelReached, None, Reward(coins=5))], "coin", levels=True)


CURRENCIES = ["coin", "xp", "gem"]
some_rules = st.lists(
    st.tuples(
        st.sampled_from(["CoinsPosted", "BadgeUnlocked", "LevelReached", "HabitCompleted"]),
        st.sampled_from([None, *CURRENCIES]),
        st.sets(st.sampled_from([*CURRENCIES, "badge"]), min_size=1, max_size=2),
    ),
    max_size=6,
)


def rule_of(number: int, on: str, currency: str | None, gives: set[str]) -> Rule:
    when = None if currency is None or on != "CoinsPosted" else field("currency") == currency
    others = {"gem": 1} if "gem" in gives else {}
    badge = "b" if "badge" in gives else None
    give = Reward(
        coins=("coin" in gives and 1) or 0,
        xp=("xp" in gives and 1) or 0,
        badge=badge,
        currencies=others,
    )
    return Rule(f"r{number}", on, when, give)


@given(some_rules, st.booleans())
def test_rules_are_refused_where_a_chain_leads_back(kinds, levels):
    rules = [rule_of(number, *kind) for number, kind in enumerate(kinds)]

    def reaches(one: int, other: int) -> bool:
        _, __, gives = kinds[one]
        on, currency, ___ = kinds[other]
        if on == "CoinsPosted":
            return bool(gives - {"badge"} if currency is None else gives & {currency})
        return (on == "BadgeUnlocked" and "badge" in gives) or (
            on == "LevelReached" and levels and "xp" in gives
        )

    reached = {(i, j) for i in range(len(rules)) for j in range(len(rules)) if reaches(i, j)}
    chains = set(reached)
    for _ in rules:
        chains |= {(i, k) for i, j in chains for j_, k in reached if j == j_}
    if not any(i == j for i, j in chains):
        check_loops(rules, levels=levels)
        return
    with pytest.raises(DefinitionError) as refusal:
        check_loops(rules, levels=levels)
    cycle = [int(name[1:]) for name in str(refusal.value.given).split(" -> ")]
    assert cycle[0] == cycle[-1]
    assert len(cycle) > 1
    assert all((one, other) in reached for one, other in pairwise(cycle))
