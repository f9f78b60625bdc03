"""Quests and rules during all that an owner does: sealed days, edits, pauses, freezes, journeys."""

from __future__ import annotations

from datetime import timedelta
from itertools import count
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import habitkit.testing
from habitkit.habits import HabitCompleted, StreakBroken
from habitkit.quests import Count, Levels, Quest, ReachStreak, Reward, Sum, Tier
from habitkit.quests.domain.evaluation import leaves
from tests.kit.habits.dated_histories import BEGIN, KINDS, Actor, Dated, History, histories
from tests.kit.quests import random_deeds
from tests.kit.quests.support import NO_REWARDS, balances, net
from tests.kit.support import examples

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from habitkit.store import Store

OWNERS = count()
SIZES = pytest.mark.parametrize(
    "size", [pytest.param(1, id="few"), pytest.param(4, id="many", marks=pytest.mark.slow)]
)
HOURS = st.sets(st.integers(0, 500), max_size=8)
CREDITS = ("full", "history")
QUESTS = (
    # A streak may change without an event, such as by a skip: it is read with the next one.
    *(
        it
        for it in random_deeds.QUESTS
        if not any(isinstance(x, ReachStreak) for x in leaves(it.objective))
    ),
    Quest("broken", "Broken", Count(StreakBroken, 2), reward=Reward(1), start="auto"),
    Quest(
        "slots",
        "Slots",
        Sum(StreakBroken, "slots", 5),
        reward=Reward(coins=2),
        tiers=(Tier(2, Reward(coins=1)),),
        start="auto",
    ),
    Quest(
        "history", "4", Count(HabitCompleted, 4), credits=CREDITS, reward=Reward(3), start="auto"
    ),
    Quest("late", "4", Count(HabitCompleted, 4), backdate=True, revoke="never", start="auto"),
)
TYPES_EMITTED = ("QuestCompleted", "BadgeUnlocked", "LevelReached", "ItemGranted")


def begun(store: Store, history: History) -> Actor:
    """Return somebody who has begun all quests, on a kit with rules."""
    kit = habitkit.testing.kit(store=store, now=BEGIN, coins=NO_REWARDS)
    for quest in QUESTS:
        kit.quests.define(quest)
    if not kit.quests.rules().rules:
        kit.quests.set_rules(random_deeds.RULES)
    kit.quests.set_levels(Levels.table([5, 10, 40]))
    owner = f"owner{next(OWNERS)}"
    for quest in QUESTS:
        if quest.start == "manual":
            kit.quests.start(owner, quest.key)
    return Actor(kit, store, owner, history)


def taken(actor: Actor, steps: Iterable[Dated], hours: Iterable[int]) -> Iterator[Dated | None]:
    """Take steps, and sweep at some hours in between; yield after each."""
    todo: list[tuple[timedelta, int, Dated | None]] = [
        *((timedelta(minutes=step.minute), 0, step) for step in steps),
        *((timedelta(hours=hour, minutes=1), 1, None) for hour in hours),
    ]
    for after, _, step in sorted(todo, key=lambda it: it[:2]):
        actor.kit.clock.set(BEGIN + after)
        if step is None:
            actor.kit.sweep()
        else:
            actor.do(step)
        yield step


def outcome(actor: Actor) -> dict[str, Any]:
    """Return what quests and rules have emitted and given, without identities."""
    owner, habit = actor.habit.owner, str(actor.habit.id)
    emitted = net(actor.kit, owner, *TYPES_EMITTED)
    for fields in emitted.values():
        fields.pop("granted_for", None)
    return {
        "emitted": {key.replace(habit, "habit"): fields for key, fields in emitted.items()},
        "balances": balances(actor.kit, owner),
    }


@SIZES
def test_a_rebuild_after_whatever_an_owner_does_repairs_nothing(store: Store, size: int) -> None:
    @examples(store, in_memory=6 * size, in_sqlite=size)
    @given(histories(tuple(KINDS), weeks=3), HOURS)
    def check(history: History, hours: set[int]) -> None:
        actor = begun(store, history)
        for step in taken(actor, history.steps, hours):
            assert actor.kit.quests.rebuild(actor.habit.owner).repaired == (), step

    check()


@SIZES
def test_quests_of_whatever_an_owner_does_have_one_outcome_whoever_sweeps_when(
    store: Store, size: int
) -> None:
    @examples(store, in_memory=4 * size, in_sqlite=size)
    @given(histories(tuple(KINDS), weeks=3), HOURS)
    def check(history: History, hours: set[int]) -> None:
        found = []
        for sweeps in ((), hours):
            actor = begun(store, history)
            for _ in taken(actor, history.steps, sweeps):
                pass
            actor.kit.clock.set(BEGIN + timedelta(days=40))
            actor.kit.sweep()
            found.append(outcome(actor))
        assert found[0] == found[1]

    check()
