"""``kit.run``, ``kit.read`` and ``kit.rehearse``, on every view of a kit."""

from __future__ import annotations

import pytest
from attrs import frozen

import habitkit.testing
from habitkit import AsyncHabitKit, Event, Schedule, coins, habits, on
from habitkit.backends.threaded import ThreadedStore
from habitkit.binding import Action
from habitkit.coins import InsufficientFunds
from habitkit.errors import NestedTransaction, NotFound, ReadOnlyTransaction, UsageError
from habitkit.testing import FakeClock


@pytest.fixture
def run(kit):
    return kit.habits.create("ada", "Run", Schedule.daily())


def everything(kit):
    """All that a kit knows of Ada."""
    return kit.export("ada")


def check_in_and_spend(run):
    def work(tx):
        done = habits.check_in(tx, run.id)
        coins.spend(tx, "ada", 4, idempotency_key="s")
        return done.coins, coins.balance(tx, "ada").available

    return work


def test_use_cases_are_composed_in_one_transaction(kit, run):
    assert kit.run(check_in_and_spend(run)) == (10, 6)
    assert kit.coins.balance("ada").available == 6


def test_if_one_of_them_is_refused_nothing_is_done(kit, run):
    before = everything(kit)

    def work(tx):
        habits.check_in(tx, run.id)
        coins.spend(tx, "ada", 11, idempotency_key="s")

    with pytest.raises(InsufficientFunds):
        kit.run(work)

    assert everything(kit) == before


# -- read ------------------------------------------------------------------------------------------


def test_queries_are_composed_in_one_transaction(kit, run):
    kit.habits.check_in(run.id)

    def work(tx):
        return habits.get(tx, run.id).title, coins.balance(tx, "ada").available

    assert kit.read(work) == ("Run", 10)
    assert kit.owned_by("ada").read(work) == ("Run", 10)


def test_an_action_inside_read_is_refused(kit, run):
    before = everything(kit)

    with pytest.raises(ReadOnlyTransaction):
        kit.read(check_in_and_spend(run))

    assert everything(kit) == before


def test_a_message_inside_read_is_refused(kit, run):
    with pytest.raises(ReadOnlyTransaction, match=r"tx\.send"):
        kit.read(lambda tx: tx.send(Event("bob", tx.now), key="k"))
    with pytest.raises(ReadOnlyTransaction, match=r"tx\.apply_messages"):
        kit.read(lambda tx: tx.apply_messages("bob", 5))


# -- rehearse --------------------------------------------------------------------------------------


def test_a_rehearsal_returns_the_result_and_writes_nothing(kit, run):
    before = everything(kit)

    assert kit.rehearse(check_in_and_spend(run)) == (10, 6)

    assert everything(kit) == before
    assert kit.run(check_in_and_spend(run)) == (10, 6)


@frozen
class BookRead(Event):
    title: str


def test_a_rehearsal_runs_reactions_and_undoes_what_they_wrote(store):
    seen = []

    def praise(tx, owner, events):
        seen.append(coins.award(tx, owner, 5, idempotency_key="b").amount)

    kit = habitkit.testing.kit(store=store, reactions=[on(BookRead, praise)])

    def work(tx):
        tx.lock("ada")
        tx.emit("ada", [BookRead("ada", tx.now, "Emma")])
        tx.send(BookRead("bob", tx.now, "Emma"), key="k")
        return coins.balance(tx, "ada").available

    assert kit.rehearse(work) == 5
    assert seen == [5]
    assert kit.coins.balance("ada").available == 0
    assert kit.events.page("ada") == []
    assert kit.sweep().counts["messages"] == 0


def test_a_rehearsal_takes_no_idempotency_key(kit):
    kit.rehearse(lambda tx: coins.award(tx, "ada", 5, idempotency_key="k"))

    assert kit.coins.award("ada", 7, idempotency_key="k").amount == 7


def test_a_refused_rehearsal_raises_the_error_of_run(kit):
    with pytest.raises(InsufficientFunds):
        kit.rehearse(lambda tx: coins.spend(tx, "ada", 1, idempotency_key="s"))


def test_a_rehearsal_of_one_owner_sees_nobody_else(kit, run):
    with pytest.raises(NotFound):
        kit.owned_by("bob").rehearse(check_in_and_spend(run))


@pytest.mark.parametrize("verb", ["run", "read", "rehearse"])
def test_a_kit_inside_the_work_and_an_async_function_are_refused(kit, verb):
    async def later(tx):
        return tx.now

    with pytest.raises(NestedTransaction):
        getattr(kit, verb)(lambda tx: kit.coins.balance("ada"))
    with pytest.raises(UsageError, match="coroutine"):
        getattr(kit, verb)(later)


def test_inside_the_hosts_transaction_a_rehearsal_undoes_itself_alone(kit, store, run):
    if store.name == "memory":
        pytest.skip("the memory store does not work inside a host's transaction")
    with store._engine.begin() as connection:
        inside = kit.on(connection)
        inside.coins.award("ada", 1, idempotency_key="a")

        assert inside.rehearse(check_in_and_spend(run)) == (10, 7)
        assert inside.read(lambda tx: coins.balance(tx, "ada").available) == 1
        assert inside.run(check_in_and_spend(run)) == (10, 7)

    assert kit.coins.balance("ada").available == 7


async def test_an_async_kit_has_the_same_verbs(store):
    threaded = ThreadedStore(store)
    kit = AsyncHabitKit(threaded, clock=FakeClock())
    run = await kit.habits.create("ada", "Run", Schedule.daily())

    assert await kit.rehearse(check_in_and_spend(run)) == (10, 6)
    assert await kit.owned_by("ada").rehearse(check_in_and_spend(run)) == (10, 6)
    assert await kit.read(lambda tx: coins.balance(tx, "ada").available) == 0
    assert await kit.run(check_in_and_spend(run)) == (10, 6)
    await threaded.close()


def test_every_use_case_is_offered_by_its_module(kit):
    for package, services in ((habits, (kit.habits, kit.streaks)), (coins, (kit.coins,))):
        for service in services:
            for value in vars(type(service)).values():
                if isinstance(value, Action):
                    function = value.function
                    assert getattr(package, function.__name__) is function
