"""Derived state: random histories, rebuilt and in any order, agree with their facts."""

from __future__ import annotations

from datetime import timedelta
from itertools import count
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

import habitkit.testing
from habitkit.habits.creation import create
from habitkit.habits.domain.model import Schedule
from habitkit.habits.domain.streaks import RebuildReport
from habitkit.habits.service import backfill, check_in, undo
from habitkit.habits.store import HABITS, STREAKS
from habitkit.testing.contracts._base import read, write
from habitkit.testing.contracts._sample_facts import NOW, days, events_of, revisions
from tests.kit.support import examples

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date
    from uuid import UUID

    from habitkit.habits.domain.model import CheckIn, Habit
    from habitkit.habits.domain.streaks import Snapshot
    from habitkit.store import Store
    from habitkit.testing import TestKit
    from habitkit.transaction import Transaction

TODAY = NOW.date()


class Step(NamedTuple):
    """One thing that an owner does in a random history."""

    kind: Literal["check_in", "backfill", "undo", "wait"]
    n: int


class Fact(NamedTuple):
    """One fact of a history whose order does not matter."""

    number: int
    kind: Literal["check_in", "backfill"]
    days_ago: int


histories = st.lists(
    st.one_of(
        st.builds(Step, st.just("check_in"), st.integers(0, 15)),
        st.builds(Step, st.just("backfill"), st.integers(0, 30)),
        st.builds(Step, st.just("undo"), st.integers(0, 30)),
        st.builds(Step, st.just("wait"), st.integers(1, 3)),
    ),
    max_size=20,
)


@st.composite
def orders(draw: st.DrawFn) -> tuple[list[Fact], list[Fact]]:
    """Draw facts about some three weeks and two orders of them; what comes twice is undone then."""
    parts = st.tuples(st.integers(0, 3), st.integers(0, 20), st.booleans())
    drawn = draw(st.lists(parts, max_size=25))
    facts = [
        Fact(number, "check_in" if kind else "backfill", ago)
        for number, (kind, ago, _) in enumerate(drawn)
    ]
    undone = [fact for fact, (_, _, again) in zip(facts, drawn, strict=True) if again]
    return [*facts, *undone], draw(st.permutations([*facts, *undone]))


class TestDerivedState:
    """What is derived depends on the facts alone."""

    def test_after_any_history_stored_state_equals_a_rebuild_from_the_facts(
        self, store: Store
    ) -> None:
        owners = count()

        @examples(store, in_memory=40, in_sqlite=10)
        @given(histories)
        def check(steps: list[Step]) -> None:
            kit = habitkit.testing.kit(store=store)
            habit = kit.habits.create(f"ada{next(owners)}", "Run", Schedule.daily())
            _take_steps(kit, store, habit, steps)

            done = {
                fact.day for fact in read(store, lambda stores: stores.port(HABITS).live(habit.id))
            }
            done_days = kit.streaks.done_days(habit.id, TODAY - days(99), TODAY + days(99))
            assert done_days == sorted(done)
            before = state_of(kit, store, habit)
            assert kit.streaks.rebuild(habit.id).repaired == ()
            assert state_of(kit, store, habit) == before

        check()

    def test_the_same_facts_in_any_order_give_one_state_and_one_balance(self, store: Store) -> None:
        owners = count()

        @examples(store, in_memory=40, in_sqlite=10)
        @given(orders())
        def check(both: tuple[list[Fact], list[Fact]]) -> None:
            states = []
            for facts in both:
                kit = habitkit.testing.kit(store=store)
                habit = kit.habits.create(f"bob{next(owners)}", "Run", Schedule.daily())
                _record(kit, store, habit, facts)
                states.append(state_of(kit, store, habit))
            assert states[0] == states[1]

        check()

    def test_a_snapshot_that_is_wrong_is_repaired(self, kit: TestKit, store: Store) -> None:
        habit = kit.habits.create("ada", "Run", Schedule.daily())
        kit.habits.backfill(habit.id, [TODAY - days(n) for n in (1, 2, 3)], source="s")
        right = _snapshot(store, habit)
        wrong = right._replace(emitted=right.emitted[1:], next_check_at=None)
        write(store, lambda stores: stores.port(STREAKS).put(wrong))

        report = kit.streaks.rebuild(habit.id)

        assert (report.habits, report.repaired) == (1, (habit.id,))
        repaired = _snapshot(store, habit)
        assert repaired == right._replace(rev=repaired.rev)
        assert kit.streaks.rebuild(habit.id).repaired == ()

    def test_all_snapshots_of_a_store_are_repaired_at_once(
        self, kit: TestKit, store: Store
    ) -> None:
        weekly, daily = Schedule.quota(3), Schedule.daily()
        habits = [kit.habits.create(who, "Run", weekly) for who in ("ada", "bob")]
        habits += [kit.habits.create(who, "Run", daily) for who in ("ada", "bob", "cid")]
        for _ in range(40):
            kit.clock.advance(days=1)
            for habit in habits:
                kit.habits.check_in(habit.id)
        assert kit.rebuild() == RebuildReport(5)
        right = [_snapshot(store, habit) for habit in habits]
        first, *others = right[1].checkpoints
        assert others
        wrong = right[1]._replace(checkpoints=(first._replace(strength=2.0), *others))
        none = right[0]._replace(checkpoints=())
        for snapshot in (none, wrong, right[4]._replace(next_check_at=None)):
            write(store, lambda stores, it=snapshot: stores.port(STREAKS).put(it))  # type: ignore[misc]

        report = kit.rebuild()

        assert (report.habits, set(report.repaired)) == (5, {habits[n].id for n in (0, 1, 4)})
        repaired = [_snapshot(store, habit) for habit in habits]
        assert repaired[0].checkpoints[-1] == right[0].checkpoints[-1]
        for it, was in zip(repaired[1:], right[1:], strict=True):
            assert it == was._replace(rev=it.rev)
        assert kit.rebuild().repaired == ()

    def test_several_check_ins_in_one_transaction_agree_with_several_transactions(
        self, kit: TestKit, store: Store
    ) -> None:
        one, two = (kit.habits.create(who, "Run", Schedule.daily()) for who in ("ada", "bob"))
        wanted = [TODAY - days(n) for n in (0, 1, 2, 4, 3, 5, 6, 6)]

        def at_once(tx: Transaction) -> None:
            done = [check_in(tx, one.id, day=day) for day in wanted]
            undo(tx, done[0].id)

        kit.run(at_once)
        singly = [kit.habits.check_in(two.id, day=day) for day in wanted]
        kit.habits.undo(singly[0].id)

        assert state_of(kit, store, one) == state_of(kit, store, two)
        assert revisions(kit, "ada") == [1, 2]

    def test_a_transaction_that_fails_changes_no_fact_and_nothing_derived(
        self, kit: TestKit, store: Store
    ) -> None:
        run = kit.habits.create("ada", "Run", Schedule.daily())
        done = kit.habits.check_in(run.id)
        before = state_of(kit, store, run)

        def work(tx: Transaction) -> None:
            create(tx, "ada", "Walk", Schedule.daily())
            undo(tx, done.id)
            backfill(tx, run.id, [TODAY - days(n) for n in range(3)], source="paper")
            raise ValueError

        for _ in range(2):
            with pytest.raises(ValueError):
                kit.run(work)

        assert kit.habits.list("ada") == [run]
        facts = read(store, lambda stores: stores.port(HABITS).live(run.id))
        assert [fact.id for fact in facts] == [done.id]
        assert state_of(kit, store, run) == before
        assert kit.streaks.rebuild(run.id).repaired == ()
        kit.events.record("ada", "noted")
        assert revisions(kit, "ada") == [1, 2, 4]  # rebuilding locked her, too


def state_of(kit: TestKit, store: Store, habit: Habit) -> dict[str, Any]:
    """Return all that the facts of a habit determine, without its identity and its revision.

    The owner must have no other habit, and coins only from this one.
    """
    stands = kit.streaks.state(habit.id)
    snapshot = read(store, lambda stores: stores.port(STREAKS).get(habit.id))
    derived: dict[str, Any] = {}
    for event in events_of(kit, habit.owner):
        key = (event.key or "").replace(str(habit.id), "habit")
        if event.type == "Retracted":
            derived.pop(key, None)
        elif key:
            derived[key] = event.fields.get("credit")
    return {
        "streaks": (stands.today, stands.done_today, stands.streak, stands.best),
        "credited": snapshot.credited if snapshot else None,
        "derived": derived,
        "coins": kit.coins.balance(habit.owner).posted,
    }


def _take_steps(kit: TestKit, store: Store, habit: Habit, steps: Sequence[Step]) -> None:
    """Take the steps of a random history."""
    facts: list[UUID] = []
    for step in steps:
        today = kit.clock.now().date()
        if step.kind == "wait":
            kit.clock.advance(days=step.n)
        elif step.kind == "check_in":
            facts.append(kit.habits.check_in(habit.id, day=today - days(step.n)).id)
        elif step.kind == "backfill":
            some = [today - days(step.n + 2 * n) for n in range(4)]
            kit.habits.backfill(habit.id, some, source="paper")
            facts += [f.id for f in read(store, lambda stores: stores.port(HABITS).live(habit.id))]
        elif facts:
            kit.habits.undo(facts[step.n % len(facts)])


def _record(kit: TestKit, store: Store, habit: Habit, facts: Sequence[Fact]) -> None:
    """Record the facts of a history in this order; what comes a second time is taken back."""
    fact_ids: dict[int, UUID] = {}
    for fact in facts:
        day = TODAY - timedelta(days=fact.days_ago)
        if fact.number in fact_ids:
            kit.habits.undo(fact_ids[fact.number])
        elif fact.kind == "check_in":
            fact_ids[fact.number] = kit.habits.check_in(habit.id, day=day).id
        else:
            kit.habits.backfill(habit.id, [day], source=f"paper {fact.number}")
            (fact_ids[fact.number],) = (
                check_in.id
                for check_in in _on_day(store, habit, day)
                if check_in.source == f"paper {fact.number}"
            )


def _on_day(store: Store, habit: Habit, day: date) -> list[CheckIn]:
    live = read(store, lambda stores: stores.port(HABITS).live(habit.id, day))
    return [fact for fact in live if fact.day == day]


def _snapshot(store: Store, habit: Habit) -> Snapshot:
    """Return the stored snapshot of a habit that has one."""
    snapshot = read(store, lambda stores: stores.port(STREAKS).get(habit.id))
    assert snapshot is not None
    return snapshot
