"""The kit: what it opens and closes, which services it has, how its calls are bound."""

from __future__ import annotations

import inspect
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any, cast
from uuid import UUID

import pytest

import habitkit.testing
from habitkit import (
    AsyncHabitKit,
    Economy,
    HabitKit,
    OwnedKit,
    RewardRule,
    Schedule,
    SystemClock,
    on,
    plugins,
    subscribe,
)
from habitkit.backends.memory import MemoryStore
from habitkit.backends.threaded import ThreadedStore
from habitkit.coins import CoinSettings
from habitkit.coins import service as coins
from habitkit.coins.store import AUDIT, COINS, HOLDS
from habitkit.errors import (
    ConfigurationError,
    HabitKitError,
    HostTransactionUnsupported,
    InvalidOwner,
    KitClosed,
    NestedTransaction,
    NotFound,
    NotSupportedByStore,
    UsageError,
)
from habitkit.habits import HabitCompleted, HabitSettings, InvalidHabit, Strength, smoothed
from habitkit.habits import service as habits
from tests.unit.support import dump, nothing_written


class Recording(MemoryStore):
    """A store that counts how often it was closed."""

    closed = 0

    def close(self):
        self.closed += 1


class HostStore(Recording):
    """A store that can pretend to work inside a host's transaction."""

    def on(self, handle):
        return self


@pytest.fixture
def opened(monkeypatch):
    """A store, and URLs that open it."""
    store = HostStore()
    monkeypatch.setattr(plugins, "open_store", lambda url, *, schema: store)

    async def open_async_store(url, *, schema):
        return ThreadedStore(store, on=lambda handle: ThreadedStore(store))

    monkeypatch.setattr(plugins, "open_async_store", open_async_store)
    return store


# -- opening and closing -------------------------------------------------------------------------


def test_a_kit_closes_the_store_that_it_opened_once(opened):
    kit = HabitKit.open("memory://")
    assert opened.closed == 0

    kit.close()
    kit.close()

    assert opened.closed == 1


def test_a_kit_does_not_close_a_store_that_it_was_given():
    store = Recording()

    with HabitKit(store):
        pass

    assert store.closed == 0


def test_a_kit_is_closed_at_the_end_of_its_block_even_by_an_error(opened):
    def fail():
        with HabitKit.open("memory://") as kit:
            assert kit.habits.list("ada") == []
            kits.append(kit)
            raise LookupError

    kits: list[HabitKit] = []
    with pytest.raises(LookupError):
        fail()

    assert opened.closed == 1
    with pytest.raises(KitClosed):
        kits[0].habits.list("ada")


async def test_an_async_kit_closes_what_it_opened_and_only_that(opened):
    store = Recording()
    given = ThreadedStore(store)
    async with AsyncHabitKit(given):
        pass
    assert store.closed == 0
    await given.close()

    async with await AsyncHabitKit.open("memory://") as kit:
        assert await kit.habits.list("ada") == []
    await kit.close()

    assert opened.closed == 1
    with pytest.raises(KitClosed):
        await kit.habits.list("ada")


def _calls(kit):
    """Yield a call through every form of a kit, each as a function."""
    view, owned = kit.on(object()), kit.owned_by("ada")
    yield lambda: kit.habits.list("ada")
    yield lambda: kit.habits.create("ada", "Run", Schedule.daily())
    yield lambda: kit.coins.award("ada", 1, idempotency_key="k")
    yield lambda: kit.streaks.state("7d444840-9dc0-11d1-b245-5ffdce74fad2")
    yield lambda: kit.events.record("ada", "read")
    yield lambda: kit.run(lambda tx: tx.now)
    yield kit.relay.run_once
    yield kit.sweep
    yield lambda: view.coins.balance("ada")
    yield lambda: view.run(lambda tx: tx.now)
    yield lambda: view.owned_by("ada").habits.list("ada")
    yield lambda: owned.habits.list("ada")
    yield lambda: owned.run(lambda tx: tx.now)
    yield lambda: kit.owned_by("ada").events.page("ada")
    yield lambda: kit.on(object()).habits.list("ada")


def test_a_closed_kit_refuses_every_call_in_every_form_and_writes_nothing():
    store = HostStore()
    kit = HabitKit(store)
    calls = list(_calls(kit))
    kit.close()

    for call in calls:
        with (
            nothing_written(store),
            pytest.raises(KitClosed, match=r"open a new one with HabitKit.open\(url\)"),
        ):
            call()


async def test_a_closed_async_kit_refuses_every_call_in_every_form():
    store = MemoryStore()
    threaded = ThreadedStore(store, on=lambda handle: ThreadedStore(store))
    kit = AsyncHabitKit(threaded)
    calls = list(_calls(kit))
    await kit.close()

    for call in calls:
        with nothing_written(store), pytest.raises(KitClosed):
            await call()
    await threaded.close()


def test_a_service_taken_before_the_kit_was_closed_is_closed_too(kit):
    create = kit.habits.create
    kit.close()

    with pytest.raises(KitClosed):
        create("ada", "Run", Schedule.daily())


# -- inside a transaction ------------------------------------------------------------------------


def test_a_call_of_the_kit_inside_its_own_transaction_is_refused_and_undoes_it(kit, store, run):
    other = habitkit.testing.kit()
    view = kit.owned_by("ada")

    for call in (
        lambda: kit.habits.check_in(run.id),
        lambda: kit.habits.get(run.id),
        lambda: kit.run(lambda tx: None),
        kit.sweep,
        kit.relay.run_once,
        lambda: view.coins.balance("ada"),
        lambda: other.habits.list("ada"),
    ):

        def work(tx, call=call):
            coins.award(tx, "ada", 5, idempotency_key="k")
            call()

        with nothing_written(store), pytest.raises(NestedTransaction, match=r"award\(tx, ...\)"):
            kit.run(work)


def test_a_reaction_that_calls_the_kit_is_refused_and_undoes_the_action(store):
    def nest(tx, owner, events):
        kit.coins.award(owner, 5, idempotency_key="k")

    kit = habitkit.testing.kit(store=store, reactions=[on(HabitCompleted, nest)])
    run = kit.habits.create("ada", "Run", Schedule.daily())

    with nothing_written(store), pytest.raises(NestedTransaction):
        kit.habits.check_in(run.id)
    assert kit.habits.list("ada") == [run]  # and the kit works on


async def test_a_call_of_a_kit_inside_an_async_kits_transaction_is_refused():
    threaded = ThreadedStore(MemoryStore())
    kit, sync_kit = AsyncHabitKit(threaded), habitkit.testing.kit()

    with pytest.raises(NestedTransaction):
        await kit.run(lambda tx: sync_kit.habits.list("ada"))
    await threaded.close()


async def test_work_that_returns_a_coroutine_is_refused_and_undone(kit, store):
    threaded = ThreadedStore(MemoryStore())
    async_kit = AsyncHabitKit(threaded)

    async def later(tx):
        return tx

    def work(tx):
        coins.award(tx, "ada", 5, idempotency_key="k")
        return async_kit.coins.balance("ada")

    for attempt in (work, later):
        with pytest.raises(UsageError, match="returned a coroutine"):
            await async_kit.run(attempt)
    assert (await async_kit.coins.balance("ada")).posted == 0
    with nothing_written(store), pytest.raises(UsageError, match="returned a coroutine"):
        kit.run(later)
    await threaded.close()


def test_a_url_is_no_store():
    with pytest.raises(ConfigurationError, match=r"use HabitKit\.open"):
        HabitKit("sqlite:///habits.db")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"store": None}, r"store: expected a store such as .* got None"),
        ({"store": MemoryStore}, r"store: expected a store such as .* got <class"),
        ({"store": 5}, r"store: expected a store such as .* got 5"),
        ({"clock": 5}, r"clock: expected an object with a method now, .* got 5"),
        (
            {"clock": datetime.now},
            r"clock: expected an object with a method now, .* method now",
        ),
        ({"coins": 5}, r"coins: expected a CoinSettings, such as CoinSettings\(\), got 5"),
        ({"coins": CoinSettings}, r"coins: expected a CoinSettings, .* got <class"),
        ({"coins": HabitSettings()}, r"coins: expected a CoinSettings, .* got HabitSettings\("),
        ({"habits": smoothed}, r"habits: expected a HabitSettings, .* got <function smoothed"),
        ({"reactions": [print]}, r"reactions: expected .*\[on\(.* got \(<built-in function print"),
        ({"reactions": on(HabitCompleted, print)}, r"reactions: expected .* got Reaction\("),
        ({"reactions": 5}, r"reactions: expected .* got 5"),
        ({"reactions": None}, r"reactions: expected .* got None"),
        ({"reactions": [subscribe("noted", print)]}, r"reactions: expected .* got \(Subscriber\("),
        ({"subscribers": [print]}, r"subscribers: expected .*\[subscribe\(.* got \(<built-in"),
        (
            {"subscribers": [on(HabitCompleted, print)]},
            r"subscribers: expected .* got \(Reaction\(",
        ),
        ({"subscribers": print}, r"subscribers: expected .* got <built-in function print"),
    ],
)
def test_an_argument_that_is_not_what_is_expected_is_refused_by_its_name(given, message):
    arguments = {"store": MemoryStore(), **given}
    threaded = ThreadedStore(MemoryStore())

    with pytest.raises(ConfigurationError, match=f"^{message}"):
        HabitKit(**arguments)
    with pytest.raises(ConfigurationError, match=f"^{message}"):
        AsyncHabitKit(**{"store": threaded, **given})


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: CoinSettings(cast("Economy", 5)), "economy: expected an Economy, .* got 5"),
        (
            lambda: CoinSettings(cast("Economy", Economy)),
            "economy: expected an Economy, .* got <class",
        ),
        (lambda: CoinSettings(audit_key=b"short"), "audit_key: expected at least 16 bytes"),
        (
            lambda: CoinSettings(audit_key=cast("bytes", "x" * 20)),
            "audit_key: expected at least 16 bytes",
        ),
        (
            lambda: HabitSettings(cast("Strength", 0.5)),
            r"strength: expected a function .* got 0\.5",
        ),
    ],
)
def test_settings_of_a_module_that_cannot_be_are_refused(make, message):
    with pytest.raises(ConfigurationError, match=f"^{message}"):
        make()


def test_an_option_that_does_not_exist_is_refused_with_those_that_do():
    options: dict[str, Any] = {"economy": Economy.default()}

    with pytest.raises(
        TypeError,
        match="unknown option 'economy'; expected one of alerts, clock, coins, experiments, flags, habits, health",
    ):
        HabitKit(MemoryStore(), **options)


def test_reactions_and_subscribers_may_come_from_a_generator_and_a_clock_be_any_object_with_now(
    store,
):
    class Noon:
        def now(self):
            return datetime(2026, 1, 1, 12, tzinfo=UTC)

    seen = []
    kit = HabitKit(
        store,
        clock=Noon(),
        reactions=(on(kind, lambda *_: seen.append(1)) for kind in [HabitCompleted]),
        subscribers=(subscribe(kind, seen.append) for kind in [HabitCompleted]),
    )
    run = kit.habits.create("ada", "Run", Schedule.daily())

    kit.habits.check_in(run.id)
    kit.relay.run_once()

    assert [getattr(one, "at", one) for one in seen] == [1, Noon().now()]


def test_an_async_kit_refuses_a_sync_store_and_explains_how_to_wrap_it(store):
    with nothing_written(store), pytest.raises(ConfigurationError, match=r"\.ThreadedStore\(store"):
        AsyncHabitKit(store)


async def test_a_sync_kit_refuses_an_async_store_and_names_the_kit_for_it(store):
    threaded = ThreadedStore(store)

    with pytest.raises(ConfigurationError, match=r"give it to AsyncHabitKit\(store\)"):
        HabitKit(threaded)  # type: ignore[arg-type]

    await threaded.close()


def test_several_actions_are_one_transaction(kit, store):
    def work(tx):
        run = habits.create(tx, "ada", "Run", Schedule.daily())
        coins.award(tx, "ada", 5, idempotency_key="k")
        return habits.check_in(tx, run.id)

    assert kit.run(work).coins == 10
    assert kit.coins.balance("ada").posted == 15
    assert {event.rev for event in kit.events.page("ada")} == {1}


def test_if_one_of_several_actions_fails_none_has_happened(kit, store):
    def work(tx):
        run = habits.create(tx, "ada", "Run", Schedule.daily())
        habits.check_in(tx, run.id)
        coins.spend(tx, "ada", 11, idempotency_key="k")

    with nothing_written(store), pytest.raises(HabitKitError):
        kit.run(work)


def test_a_transaction_of_an_owned_kit_is_scoped(kit, run):
    assert kit.owned_by("ada").run(lambda tx: habits.get(tx, run.id)) == run
    with pytest.raises(NotFound):
        kit.owned_by("bob").run(lambda tx: habits.get(tx, run.id))


def test_a_transaction_has_one_instant_that_of_the_kits_clock(kit):
    def work(tx):
        first = tx.now
        kit.clock.advance(days=1)
        return first, tx.now

    first, second = kit.run(work)

    assert first == second == kit.clock.now().replace(day=10)


def test_without_a_clock_a_kit_reads_the_machines():
    before = SystemClock().now()

    now = HabitKit(MemoryStore()).run(lambda tx: tx.now)

    assert before <= now <= SystemClock().now()


# -- services
# ---------------------------------------------------------------------------------------


class WithoutCoins(MemoryStore):
    """A store that keeps no ledger."""

    name = "coinless"
    modules = frozenset({"habits"})

    def __init__(self):
        super().__init__()
        for port in (COINS, HOLDS, AUDIT):
            del self._stores._ports[port]


class JournalAlone(MemoryStore):
    """A store that keeps the journal alone."""

    name = "bare"
    modules = frozenset()


def test_without_a_ledger_nothing_is_rewarded_and_the_rest_works():
    store = WithoutCoins()
    kit = habitkit.testing.kit(store=store)
    run = kit.habits.create("ada", "Run", Schedule.daily())

    done = kit.habits.check_in(run.id)

    assert (done.coins, done.streak.slots) == (0, 1)
    assert [event.type for event in done.events] == ["HabitCompleted"]
    assert kit.habits.undo(done.id).coins == 0


def test_an_economy_for_a_store_without_a_ledger_is_refused():
    for economy in (Economy.default(), Economy.without_rewards()):
        with pytest.raises(NotSupportedByStore) as refusal:
            habitkit.testing.kit(store=WithoutCoins(), coins=CoinSettings(economy))

        assert (refusal.value.module, refusal.value.store) == ("coins", "coinless")
        assert "the store 'coinless' does not support the module 'coins'" in str(refusal.value)


def test_a_module_that_the_store_does_not_keep_is_refused_in_every_form():
    kit = habitkit.testing.kit(store=WithoutCoins())

    for form in (kit, kit.owned_by("ada")):
        with pytest.raises(NotSupportedByStore, match="'coins'"):
            _ = form.coins
        assert form.habits.list("ada") == []


@pytest.mark.parametrize(
    ("service", "module"), [("habits", "habits"), ("streaks", "habits"), ("coins", "coins")]
)
async def test_without_modules_the_journal_is_left(service, module):
    store = JournalAlone()
    threaded = ThreadedStore(store)
    kit, async_kit = HabitKit(store), AsyncHabitKit(threaded)

    for form in (kit, kit.owned_by("ada"), async_kit, async_kit.owned_by("ada")):
        with pytest.raises(
            NotSupportedByStore, match=f"the store 'bare' does not support the module '{module}'"
        ):
            getattr(form, service)
    kit.events.record("ada", "read")
    assert [event.type for event in await async_kit.events.page("ada")] == ["read"]
    await threaded.close()


def test_a_missing_module_is_a_usage_error():
    assert issubclass(NotSupportedByStore, UsageError)


def test_an_economy_of_the_hosts_own_pays_by_its_rules():
    economy = Economy(
        (RewardRule("done", HabitCompleted, 7, "gem"), RewardRule("tip", HabitCompleted, 1)),
        frozenset({"coin", "gem"}),
    )
    kit = habitkit.testing.kit(coins=CoinSettings(economy))
    run = kit.habits.create("ada", "Run", Schedule.daily())

    assert kit.habits.check_in(run.id).coins == 1  # counts the currency "coin" only
    assert kit.coins.balance("ada", "gem").posted == 7


# -- views ---------------------------------------------------------------------------------------


def test_a_store_without_host_transactions_refuses_them(kit, store):
    with nothing_written(store), pytest.raises(HostTransactionUnsupported, match="'memory'"):
        kit.on(object())


def test_a_view_inside_a_hosts_transaction_has_the_kits_clock_economy_and_reactions():
    seen = []
    store = HostStore()
    kit = habitkit.testing.kit(
        store=store,
        coins=CoinSettings(Economy.without_rewards()),
        reactions=[on(HabitCompleted, lambda tx, owner, events: seen.append(tx.now))],
    )
    view = kit.on("a connection")

    run = view.habits.create("ada", "Run", Schedule.daily())

    assert view.habits.check_in(run.id).coins == 0
    assert seen == [kit.clock.now()]
    assert kit.habits.get(run.id) == run


@pytest.mark.parametrize("owner", ["", "x" * 201, None, 5, "a\x00b"])
def test_a_kit_is_not_scoped_to_an_invalid_owner(kit, owner):
    with pytest.raises(InvalidOwner):
        kit.owned_by(owner)


def test_an_owned_kit_has_neither_relay_nor_sweep_nor_views_of_others():
    for name in ("relay", "sweep", "on", "owned_by", "close"):
        assert not hasattr(OwnedKit, name)


# -- how calls are bound -------------------------------------------------------------------------


def test_a_bound_call_has_the_signature_of_its_action_without_the_transaction(kit):
    check_in = kit.habits.check_in

    signature = inspect.signature(check_in)
    assert list(signature.parameters) == [
        *("habit_id", "day", "at", "tz", "amount", "note", "idempotency_key")
    ]
    assert signature.parameters["day"].kind is inspect.Parameter.KEYWORD_ONLY
    assert signature.parameters["day"].default is None
    assert signature.return_annotation == "CheckedIn"
    assert check_in.__doc__ == habits.check_in.__doc__
    assert check_in.__name__ == "check_in"
    assert check_in.__qualname__ == "HabitService.check_in"
    assert check_in.__module__ == "habitkit.habits.check_ins"


def test_a_bound_workflow_has_the_signature_of_its_function_without_the_settings(kit):
    assert list(inspect.signature(kit.sweep).parameters) == ["limit"]
    assert list(inspect.signature(kit.relay.run_once).parameters) == ["limit"]
    assert kit.sweep.__doc__.startswith("Do the work that becomes due with time")
    assert kit.sweep.__qualname__ == "TestKit.sweep"


def test_a_call_is_bound_once_and_kept_in_the_service(kit):
    modules = (kit.habits, kit.streaks, kit.coins, kit.events, kit.relay)
    assert all(module.__dict__.keys() == {"_runner"} for module in modules)

    first = kit.habits.check_in

    assert kit.habits.check_in is first
    assert kit.habits.__dict__["check_in"] is first
    assert kit.habits is kit.habits
    assert "sweep" not in kit.__dict__
    assert kit.sweep is kit.__dict__["sweep"]


def test_services_of_different_kits_share_no_calls(kit, run):
    other = habitkit.testing.kit()
    assert kit.habits.get(run.id) == run

    with pytest.raises(NotFound):
        other.habits.get(run.id)


async def test_calls_of_an_async_kit_are_coroutine_functions():
    threaded = ThreadedStore(MemoryStore())
    kit = AsyncHabitKit(threaded)

    assert inspect.iscoroutinefunction(kit.habits.check_in)
    assert inspect.iscoroutinefunction(kit.sweep)
    assert next(iter(inspect.signature(kit.habits.check_in).parameters)) == "habit_id"
    await threaded.close()


def test_on_the_class_an_action_is_itself_with_its_docs():
    from habitkit.habits.service import HabitService
    from habitkit.journal.service import RelayService

    assert HabitService.check_in.function is habits.check_in
    assert HabitService.check_in.__doc__ == habits.check_in.__doc__
    assert RelayService.run_once.function.__name__ == "run_once"


def test_a_whole_dump_is_not_blind(kit, store):
    """The tests of what is not written rest on it."""
    seen = [dump(store)]
    run = kit.habits.create("ada", "Run", Schedule.daily(), idempotency_key="k")
    seen.append(dump(store))
    done = kit.habits.check_in(run.id)
    seen.append(dump(store))
    kit.habits.undo(done.id)
    seen.append(dump(store))
    kit.coins.award("ada", 1, idempotency_key="k")
    seen.append(dump(store))

    assert seen[0] == {}
    assert all(before != after for before, after in pairwise(seen))
    tables = "".join(seen[-1])
    for part in ("owners", "events", "idempotency", "'habits'", "'habits.streaks'", "'coins'"):
        assert part in tables
    assert "balance=1" in str(seen[-1])


def test_all_habits_of_an_owner_are_rebuilt_at_once(kit):
    plain = kit.habits.create("ada", "Run", Schedule.daily())
    quota = kit.habits.create("ada", "Swim", Schedule.quota(2))
    for habit in (plain, quota):
        kit.habits.check_in(habit.id)
    kit.habits.create("bob", "Read", Schedule.daily())

    report = kit.streaks.rebuild(owner="ada")

    assert (report.habits, report.repaired) == (2, ())
    assert kit.streaks.rebuild(owner="nobody").habits == 0


def test_a_rebuild_takes_either_a_habit_or_an_owner(kit):
    with pytest.raises(InvalidHabit, match="expected None if an owner is given"):
        kit.streaks.rebuild(UUID(int=1), owner="ada")
