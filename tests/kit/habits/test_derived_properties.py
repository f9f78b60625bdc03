"""Properties of derived events: whoever looks when, and whatever comes late, one set is emitted."""

from __future__ import annotations

from contextlib import suppress
from datetime import timedelta
from itertools import count, permutations
from random import Random
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import habitkit.testing
from habitkit.backends.memory import MemoryStore
from habitkit.errors import InvalidInput, NotFound
from habitkit.habits import evaluate
from habitkit.habits.store import HABITS
from habitkit.testing.contracts._base import read
from habitkit.testing.contracts._sample_facts import days, events_of
from tests.kit.habits.dated_histories import (
    BEGIN,
    KINDS,
    LATE_KINDS,
    Actor,
    Dated,
    History,
    counts_from_done,
    differences,
    histories,
    known_facts,
    net,
    odd_steps,
    outcome,
    sequences,
    settled,
)
from tests.kit.support import examples

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from habitkit.store import Store

OWNERS = count()
MICROSECOND = timedelta(microseconds=1)
HOURS = st.sets(st.integers(0, 24 * 50), max_size=20)
GROUPS = {
    "by day": ("daily", "weekdays", "every 3", "window"),
    "over days": (
        *("every, last done", "quota", "quota less skips", "rolling(3, 7)", "rolling(1, 7)"),
    ),
    "by amount": ("at least", "at most, missed", "at most, done", "at most, exempt", "between"),
    "by the clock": ("avoid", "avoid, exempt", "avoid, missed", "last"),
}
SIZES = pytest.mark.parametrize(
    "size", [pytest.param(1, id="few"), pytest.param(40, id="many", marks=pytest.mark.slow)]
)
ALL_GROUPS = pytest.mark.parametrize("kinds", GROUPS.values(), ids=GROUPS.keys())
UNORDERED = ("check_in", "check_in", "backfill", "skip", "pause", "pause_all", "freeze", "undo")


def test_each_kind_of_habit_is_in_a_group() -> None:
    assert sorted(kind for group in GROUPS.values() for kind in group) == sorted(KINDS)


def of_steps(history: History, until: int, looks: Iterable[timedelta]) -> list[Any]:
    """Return the steps of a history and the looks between them, in order, and a last look."""
    steps = [(timedelta(minutes=step.minute), 0, step) for step in history.steps]
    swept = [(after, 1, None) for after in looks if after < days(until)]
    return [*sorted([*steps, *swept], key=lambda it: it[:2]), (days(until), 1, None)]


def played(
    store: Store, history: History, looks: Iterable[timedelta] = (), until: int = 0
) -> Actor:
    """Take the steps of a history, sweep in between, and in the end."""
    kit = habitkit.testing.kit(store=store, now=BEGIN)
    actor = Actor(kit, store, f"owner{next(OWNERS)}", history)
    end = max([until, *(step.minute // 1440 + 1 for step in history.steps)])
    for after, _, step in of_steps(history, end, looks):
        kit.clock.set(BEGIN + after)
        if step is None:
            kit.sweep()
        else:
            actor.do(step)
    return actor


def rhythms(hours: Iterable[int]) -> dict[str, list[timedelta]]:
    """Return when somebody looks: never, daily, at random, around the deadlines."""
    nights = [days(number) for number in range(60)]
    around = (timedelta(hours=-1), -MICROSECOND, timedelta(0), MICROSECOND, timedelta(hours=1))
    return {
        "never": [],
        "daily": [night + timedelta(hours=21) for night in nights],
        "at random": [timedelta(hours=hour, minutes=30) for hour in hours],
        "around deadlines": [
            night + by for night in nights for by in around if night + by > nights[0]
        ],
    }


class TestDerivedEvents:
    """What is emitted depends on the facts and the time alone."""

    @SIZES
    @ALL_GROUPS
    def test_whoever_looks_when_the_same_is_emitted_and_paid(
        self, store: Store, kinds: Sequence[str], size: int
    ) -> None:
        @examples(store, in_memory=6 * size, in_sqlite=2 * size)
        @given(histories(kinds), HOURS)
        def check(history: History, hours: set[int]) -> None:
            found = {}
            for name, looks in rhythms(hours).items():
                actor = played(store, history, looks)
                assert not differences(actor.kit, store, actor.habit), name
                found[name] = (
                    sequences(actor.kit, actor.habit),
                    settled(actor.kit, store, actor.habit),
                    actor.kit.coins.balance(actor.habit.owner).posted,
                )
            for name, one in found.items():
                assert one == found["never"], name

        check()

    @SIZES
    @ALL_GROUPS
    def test_facts_that_come_after_all_is_settled_move_no_coins_and_no_milestones(
        self, store: Store, kinds: Sequence[str], size: int
    ) -> None:
        late_steps = odd_steps(0, LATE_KINDS, size=4)

        @examples(store, in_memory=12 * size, in_sqlite=4 * size)
        @given(histories(kinds), late_steps, HOURS)
        def check(history: History, late: list[Dated], hours: set[int]) -> None:
            end = history.steps[-1].minute // 1440 + 14 if history.steps else 14
            looks = [timedelta(hours=hour, minutes=30) for hour in hours]
            without = played(store, history, looks, until=end)
            later = [
                step._replace(minute=1440 * end - 60 + number, n=step.n + 12)
                for number, step in enumerate(late)
            ]
            with_late = history._replace(steps=(*history.steps, *later))
            actor = played(store, with_late, looks, until=end)

            moved = counts_from_done(store, actor.habit)
            assert (
                paid(actor, store)[2 if moved else 0 :] == paid(without, store)[2 if moved else 0 :]
            )
            assert not differences(actor.kit, store, actor.habit)

        check()

    @SIZES
    @ALL_GROUPS
    def test_a_rebuild_after_each_step_repairs_nothing_and_emits_nothing(
        self, store: Store, kinds: Sequence[str], size: int
    ) -> None:
        @examples(store, in_memory=6 * size, in_sqlite=2 * size)
        @given(histories(kinds, weeks=3), HOURS)
        def check(history: History, hours: set[int]) -> None:
            kit = habitkit.testing.kit(store=store, now=BEGIN)
            actor = Actor(kit, store, f"owner{next(OWNERS)}", history)
            looks = [timedelta(hours=hour, minutes=30) for hour in hours]
            for after, _, step in of_steps(history, 21, looks):
                kit.clock.set(BEGIN + after)
                if step is None:
                    kit.sweep()
                else:
                    actor.do(step)
                before = len(list(events_of(kit, actor.habit.owner)))
                state = kit.streaks.state(actor.habit.id)
                assert kit.streaks.rebuild(actor.habit.id).repaired == (), step
                assert len(list(events_of(kit, actor.habit.owner))) == before, step
                assert kit.streaks.state(actor.habit.id) == state, step

        check()

    @SIZES
    @ALL_GROUPS
    def test_facts_of_one_instant_have_one_outcome_in_every_order(
        self, store: Store, kinds: Sequence[str], size: int
    ) -> None:
        most = 24 if isinstance(store, MemoryStore) else 3
        steps = odd_steps(0, UNORDERED, size=4).map(
            lambda drawn: [step._replace(m=step.m | 1) for step in drawn]
        )

        @examples(store, in_memory=3 * size, in_sqlite=2 * size)
        @given(histories(kinds, weeks=2), steps)
        def check(history: History, at_once: list[Dated]) -> None:
            orders = list(permutations(at_once))
            found = []
            for order in Random(0).sample(orders, min(most, len(orders))):
                actor = played(store, history)
                undone = len(actor.facts)  # only what was there before is taken back
                for step in order:
                    if step.kind != "undo":
                        actor.do(step)
                    elif undone:
                        with suppress(NotFound):  # what changed nothing has added no fact
                            actor.kit.habits.undo(actor.facts[step.m % undone])
                found.append(outcome(actor.kit, store, actor.habit))
                actor.kit.clock.advance(days=4)
                actor.kit.sweep()
                found[-1]["later"] = outcome(actor.kit, store, actor.habit)
            assert all(it == found[0] for it in found)

        check()

    @ALL_GROUPS
    def test_facts_arrive_in_any_order(self, store: Store, kinds: Sequence[str]) -> None:
        @examples(store, in_memory=10, in_sqlite=3)
        @given(histories(kinds), st.randoms(use_true_random=False))
        def check(history: History, random: Random) -> None:
            at_once = [step._replace(minute=step.minute // 2880 * 2880) for step in history.steps]
            actor = played(store, history._replace(steps=tuple(at_once)))
            facts, now = known_facts(store, actor.habit), actor.kit.clock.now()
            state = evaluate(actor.habit, facts, now=now)
            for _ in range(5):
                assert evaluate(actor.habit, random.sample(facts, len(facts)), now=now) == state

        check()

    @SIZES
    @ALL_GROUPS
    def test_undo_and_redo_of_every_kind_leave_nothing_behind(
        self, store: Store, kinds: Sequence[str], size: int
    ) -> None:
        done_once = [
            *("regular", "check_in", "early", "backfill", "skip", "pause", "pause_on"),
            *("pause_all", "freeze", "expiring", "repair", "change", "archive", "restore"),
            *("clock", "freeze rule", "travel", "travelled"),
        ]
        step = st.builds(
            Dated, st.just(0), st.sampled_from(done_once), st.integers(0, 3), st.integers(0, 16)
        )

        @examples(store, in_memory=10 * size, in_sqlite=3 * size)
        @given(histories(kinds, weeks=2), step)
        def check(history: History, last: Dated) -> None:
            actor = played(store, history)
            before = outcome(actor.kit, store, actor.habit)
            done = []
            for _ in range(2):
                known = ids(actor, store)
                actor.do(last)
                done.append(outcome(actor.kit, store, actor.habit))
                for fact_id in sorted(ids(actor, store) - known):
                    actor.kit.habits.undo(fact_id)
                assert_same(outcome(actor.kit, store, actor.habit), before)
                if last.kind == "backfill":  # a day is taken over once
                    return
            assert_same(*done)

        check()

    def test_an_edit_and_another_one_back_leave_nothing_behind(self, store: Store) -> None:
        @examples(store, in_memory=40, in_sqlite=10)
        @given(histories(weeks=2), st.integers(0, 30), st.integers(0, 4))
        def check(history: History, number: int, amount: int) -> None:
            actor = played(store, history)
            live = read(store, lambda stores: stores.port(HABITS).live(actor.habit.id))
            before = outcome(actor.kit, store, actor.habit)
            if not live:
                return
            old = live[number % len(live)]
            try:
                new = actor.kit.habits.edit(old.id, amount=amount)
            except InvalidInput:
                return
            actor.kit.habits.edit(new.id, amount=old.amount)
            assert_same(outcome(actor.kit, store, actor.habit), before)

        check()


def assert_same(found: dict[str, Any], before: dict[str, Any]) -> None:
    """Check that nothing was left behind; of sealed places only that they are there."""
    for key, fields in found["emitted"].items():
        if fields.get("sealed") and key in before["emitted"]:
            found["emitted"][key] = before["emitted"][key]
    assert found == before


def paid(actor: Actor, store: Store) -> tuple[int, dict[str, int], set[str]]:
    """Return coins, entitlements and milestones."""
    keys = {key for key in net(actor.kit, actor.habit) if key.startswith("streak")}
    coins = actor.kit.coins.balance(actor.habit.owner).posted
    return coins, settled(actor.kit, store, actor.habit), keys


def ids(actor: Actor, store: Store) -> set[Any]:
    """Return the facts that count and can be undone."""
    facts = known_facts(store, actor.habit)
    voids = {fact.fact_id for fact in facts if hasattr(fact, "fact_id")}
    return {f.id for f in facts if f.id not in voids and not hasattr(f, "fact_id")}
