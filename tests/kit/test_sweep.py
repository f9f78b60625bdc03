"""The sweep: every module's part, bounded, and a failure stops nothing else."""

from __future__ import annotations

import pytest

import habitkit.testing
from habitkit import AsyncHabitKit, Goal, Schedule
from habitkit.backends.memory import MemoryStore
from habitkit.backends.threaded import ThreadedStore
from habitkit.coins import AUDIT
from habitkit.errors import ConfigurationError, InvalidInput, KitClosed, NotSupportedByStore
from habitkit.events import Recorded
from habitkit.habits import HABITS, STREAKS
from habitkit.testing import FakeClock
from habitkit.transaction import Transaction

NAMES = [
    *("messages", "old_keys", "habits", "quests"),
    *("expired_holds", "expired_awards", "sealed_entries"),
]


def put_out_of_reach(monkeypatch, store, port, method, is_hit, error):
    """Make a method of a port fail for some arguments, on each transaction of a store."""
    run = store.run

    def breaking(work, *, write, keyed):
        def on_stores(stores):
            found = stores.port(port)
            kept = getattr(found, method)

            def fail(*args, **kwargs):
                if is_hit(*args, **kwargs):
                    raise error
                return kept(*args, **kwargs)

            monkeypatch.setattr(found, method, fail)
            try:
                return work(stores)
            finally:
                monkeypatch.undo()

        return run(on_stores, write=write, keyed=keyed)

    store.run = breaking


@pytest.fixture
def due(kit):
    """Three habits that are due for the sweep, and a hold that has expired."""
    goal, habits = Goal.at_most(2), []
    for n in range(3):  # the first is due first
        habits.append(kit.habits.create("ada", f"No {n}", Schedule.daily(), goal=goal))
        kit.habits.check_in(habits[-1].id)
        kit.clock.advance(days=1)
    kit.coins.award("ada", 5, idempotency_key="a")
    kit.coins.reserve("ada", 5, expires_in_seconds=60, idempotency_key="h")
    kit.clock.advance(days=3)
    return habits


def test_every_module_does_its_part_in_order(kit, due):
    report = kit.sweep()

    assert list(report.counts)[: len(NAMES)] == NAMES
    assert (report.counts["habits"], report.counts["expired_holds"]) == (3, 1)
    assert report.counts["sealed_entries"] > 0
    assert (report.failures, report.more) == ((), False)
    assert not any(kit.sweep().counts.values())


def test_an_item_that_fails_stops_neither_its_sweeper_nor_the_next(monkeypatch, kit, store, due):
    bad = due[0].id
    put_out_of_reach(
        monkeypatch, store, STREAKS, "get", lambda habit_id: habit_id == bad, ValueError("no")
    )

    report = kit.sweep()

    assert (report.counts["habits"], report.counts["expired_holds"]) == (2, 1)
    (failure,) = report.failures
    assert (failure.id, failure.error) == (str(bad), "ValueError: no")


def test_items_that_fail_do_not_use_up_the_limit(monkeypatch, kit, store, due):
    bad = {habit.id for habit in due[:2]}
    put_out_of_reach(
        monkeypatch, store, STREAKS, "get", lambda habit_id: habit_id in bad, ValueError("no")
    )

    report = kit.sweep(limit=1)

    assert report.counts["habits"] == 1
    assert {failure.id for failure in report.failures} == set(map(str, bad))


def test_a_sweeper_that_cannot_begin_stops_no_other(monkeypatch, kit, store, due):
    put_out_of_reach(
        monkeypatch, store, STREAKS, "to_sweep", lambda *_, **__: True, ValueError("no")
    )

    report = kit.sweep()

    assert [failure.id for failure in report.failures] == ["habits"]
    assert (report.counts["habits"], report.counts["expired_holds"]) == (0, 1)


def test_if_no_sweeper_can_begin_the_sweep_raises(kit, store, monkeypatch):
    def broken(work, *, write, keyed):
        msg = "no database"
        raise OSError(msg)

    monkeypatch.setattr(store, "run", broken)

    with pytest.raises(OSError, match="no database"):
        kit.sweep()


@pytest.mark.parametrize("error", [ConfigurationError("no tables"), KitClosed()])
def test_an_error_of_the_kit_itself_is_raised(kit, store, monkeypatch, due, error):
    put_out_of_reach(monkeypatch, store, HABITS, "get", lambda *_: True, error)

    with pytest.raises(type(error)):
        kit.sweep()


@pytest.mark.parametrize("limit", [0, 1001, True, "5"])
def test_a_limit_that_is_not_acceptable_is_refused(kit, limit):
    with pytest.raises(InvalidInput, match="limit: expected an int from 1 to 1000"):
        kit.sweep(limit)


async def test_an_async_kit_sweeps_in_the_same_way(monkeypatch, kit, store, due):
    bad = due[0].id
    put_out_of_reach(
        monkeypatch, store, STREAKS, "get", lambda habit_id: habit_id == bad, ValueError("no")
    )
    threaded = ThreadedStore(store)
    async_kit = AsyncHabitKit(threaded, clock=FakeClock(kit.clock.now()))

    report = await async_kit.sweep()

    assert (report.counts["habits"], report.counts["expired_holds"]) == (2, 1)
    assert [failure.id for failure in report.failures] == [str(bad)]
    await threaded.close()


def test_a_store_without_a_module_sweeps_the_rest():
    class JournalAlone(MemoryStore):
        modules = frozenset()

    kit = habitkit.testing.kit(store=JournalAlone())

    assert list(kit.sweep().counts) == ["messages", "old_keys", "metric_slots"]


def test_a_store_without_the_audit_is_swept_and_seals_nothing(monkeypatch):
    store = MemoryStore()
    store.modules = frozenset({"habits", "coins"})
    refusal = NotSupportedByStore("coins.audit", "memory")
    put_out_of_reach(monkeypatch, store, AUDIT, "to_seal", lambda *_, **__: True, refusal)
    kit = habitkit.testing.kit(store=store)
    kit.coins.award("ada", 5, idempotency_key="a")

    report = kit.sweep()

    assert (report.counts["sealed_entries"], report.failures) == (0, ())


def test_an_owner_whose_messages_cannot_be_read_stops_no_other(monkeypatch, kit):
    for owner in ("ada", "bob"):
        kit.run(lambda tx, to=owner: tx.send(Recorded(to, tx.now, "cheer", {}), key="k"))
    apply_messages = Transaction.apply_messages

    def fail(tx, owner, limit):
        if owner == "ada":
            msg = "unreadable"
            raise ValueError(msg)
        return apply_messages(tx, owner, limit)

    monkeypatch.setattr(Transaction, "apply_messages", fail)

    report = kit.sweep()

    assert report.counts["messages"] == 1
    assert [(it.id, it.error) for it in report.failures] == [("ada", "ValueError: unreadable")]


def test_inboxes_that_cannot_be_read_at_all_neither_hold_up_others_nor_the_end(monkeypatch, kit):
    for owner in ("ada", "bob", "cyd", "dan"):
        kit.run(lambda tx, to=owner: tx.send(Recorded(to, tx.now, "cheer", {}), key="k"))
    apply_messages = Transaction.apply_messages

    def fail(tx, owner, limit):
        if owner in {"ada", "bob"}:
            msg = "unreadable"
            raise ValueError(msg)
        return apply_messages(tx, owner, limit)

    monkeypatch.setattr(Transaction, "apply_messages", fail)

    reports = [kit.sweep(limit=1)]
    while reports[-1].more and len(reports) < 10:
        reports.append(kit.sweep(limit=1))

    assert sum(report.counts["messages"] for report in reports) == 2
    assert not reports[-1].more
    assert {failure.id for failure in reports[-1].failures} == {"ada", "bob"}


def test_a_sweep_applies_no_more_messages_than_its_limit(kit):
    for owner in ("ada", "bob"):
        for n in range(3):
            kit.run(lambda tx, to=owner, n=n: tx.send(Recorded(to, tx.now, "c", {}), key=f"k{n}"))

    reports = [kit.sweep(limit=4) for _ in range(2)]

    assert [report.counts["messages"] for report in reports] == [4, 2]
    assert [report.more for report in reports] == [True, False]
