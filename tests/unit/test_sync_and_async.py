"""One body, two modes: an async kit does what a sync kit does."""

from __future__ import annotations

import inspect
from datetime import UTC, date, datetime, timedelta
from random import Random
from typing import Any

import pytest

import habitkit
import habitkit.kit
import habitkit.testing
from habitkit import AsyncHabitKit, DayClock, HabitKit, Schedule, flags, ids, on, subscribe
from habitkit.backends.memory import MemoryStore
from habitkit.backends.threaded import ThreadedStore
from habitkit.binding import Action, Workflow
from habitkit.coins import CoinsPosted, InsufficientFunds
from habitkit.coins import service as coins
from habitkit.errors import HabitKitError, InvalidInput
from habitkit.events import Event
from habitkit.habits import HabitCompleted, HabitCreated
from habitkit.testing import FakeClock
from tests.unit.support import dump, nothing_written

NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)
TODAY = date(2026, 3, 10)
FLAG = {"state": "ENABLED", "variants": {"on": True}, "defaultVariant": "on"}


class Call:
    """A kit of either mode behind one awaited call."""

    def __init__(self, kit: HabitKit | AsyncHabitKit, store: MemoryStore, clock: FakeClock) -> None:
        self.kit, self.store, self.clock = kit, store, clock

    async def __call__(self, path: str, *args: Any, **kwargs: Any) -> Any:
        target: Any = self.kit
        for name in path.split("."):
            target = getattr(target, name)
        result = target(*args, **kwargs)
        return await result if inspect.isawaitable(result) else result


@pytest.fixture(params=["sync", "async"])
def make_call(request):
    """Return a function that makes a kit of either mode in memory, with a clock to turn."""
    opened = []

    def make(**settings: Any) -> Call:
        store, clock = MemoryStore(), FakeClock(NOW)
        if request.param == "sync":
            return Call(HabitKit(store, clock=clock, **settings), store, clock)
        opened.append(ThreadedStore(store))
        return Call(AsyncHabitKit(opened[-1], clock=clock, **settings), store, clock)

    yield make
    for threaded in opened:
        threaded._executor.shutdown()


# -- the same services
# ------------------------------------------------------------------------------


def _actions(module):
    """Return the actions that a service, or a class of services, offers by name."""
    kind = module if isinstance(module, type) else type(module)
    return {
        name: value.function
        for name, value in inspect.getmembers(kind)
        if isinstance(value, Action | Workflow) and not name.startswith("_")
    }


async def test_both_modes_have_the_same_services_with_the_same_actions():
    threaded = ThreadedStore(MemoryStore())
    kit, async_kit = HabitKit(MemoryStore()), AsyncHabitKit(threaded)

    services = ("habits", "streaks", "coins", "quests", "flags", "experiments", "events", "relay")
    for name in services:
        found = _actions(getattr(kit, name))
        assert found
        assert _actions(getattr(async_kit, name)) == found
        for action in found:
            assert inspect.iscoroutinefunction(getattr(getattr(async_kit, name), action))
    assert _actions(HabitKit).keys() == {
        *("daily_check", "export", "forget", "rebuild", "refresh", "sweep"),
    }
    assert _actions(AsyncHabitKit) == _actions(HabitKit)
    await threaded.close()


def test_both_kits_have_the_same_methods_with_the_same_arguments():
    for name in ("HabitKit", "HostKit", "OwnedKit"):
        sync_kit = getattr(habitkit, name)
        async_kit = getattr(habitkit, f"Async{name}")
        names = {name for name in dir(sync_kit) if not name.startswith("_")}

        assert {name for name in dir(async_kit) if not name.startswith("_")} == names
        for method in ("__init__", *names):
            one, other = getattr(sync_kit, method), getattr(async_kit, method)
            if inspect.isfunction(one) or inspect.ismethod(one):
                assert list(inspect.signature(other).parameters) == list(
                    inspect.signature(one).parameters
                ), method


# -- the same behaviour --------------------------------------------------------------------------


async def a_few_days(call: Call) -> list[Any]:
    """Use every action of every service; return all that comes back, refusals included."""
    seen: list[Any] = []

    async def note(path: str, *args: Any, **kwargs: Any) -> Any:
        try:
            result = await call(path, *args, **kwargs)
        except HabitKitError as error:
            seen.append((path, type(error), str(error), vars(error)))
            return None
        seen.append((path, result))
        return result

    run = await note(
        "habits.create", "ada", "Run", Schedule.daily(), clock=DayClock("Europe/Vienna")
    )
    read = await note("habits.create", "bob", "Read", Schedule.daily(), idempotency_key="read")
    await note("habits.create", "bob", "Read", Schedule.daily(), idempotency_key="read")
    await note("habits.create", "bob", "Reading", Schedule.daily(), idempotency_key="read")
    done: Any = None
    for _ in range(8):
        done = await note("habits.check_in", run.id, note="easy")
        await note("habits.check_in", read.id, idempotency_key=str(call.clock.now()))
        call.clock.advance(days=1)
    await note("habits.undo", done.id)
    await note("habits.backfill", run.id, [TODAY - timedelta(days=n) for n in range(9)], source="x")
    await note("habits.check_in", run.id, day=TODAY + timedelta(days=30))
    await note("habits.list", "ada")
    await note("habits.get", read.id)
    await note("streaks.state", run.id)
    await note("streaks.done_days", run.id, date.min, date.max)
    await note("streaks.rebuild", run.id)
    await note("coins.award", "ada", 5, idempotency_key="a", memo="welcome")
    await note("coins.spend", "ada", 500, idempotency_key="s")
    await note("coins.transfer", "ada", "bob", 3, idempotency_key="t")
    await note("coins.balance", "bob")
    await note("coins.statement", "ada")
    await note("events.record", "ada", "read", {"pages": 5}, at=NOW)
    await note("events.page", "ada")
    await note("events.revision", "ada")
    await note("events.net", "ada", types=["HabitCompleted", "read"])
    await note("run", lambda tx: coins.award(tx, "cid", 1, idempotency_key="a"))
    await note("flags.put", "quests", FLAG, by="ada")
    await note("flags.toggle", "quests", False, by="ada", expected_revision=2)
    await note("flags.export")
    await note("run", lambda tx: flags.delete(tx, "quests", by="ada").number)
    await note("flags.history", limit=1)
    await note("relay.run_once", 3)
    await note("sweep", 5)
    await note("rebuild")
    return seen


async def test_the_same_calls_have_the_same_results_and_leave_the_same_facts(monkeypatch):
    settings: dict[str, Any] = {
        "reactions": [
            on(
                HabitCreated,
                lambda tx, owner, events: tx.send(
                    CoinsPosted("cid", tx.now, *[events[0].habit_id, "gift", "coin", 1, 1]), owner
                ),
            )
        ],
        "subscribers": [subscribe(HabitCompleted, lambda event: None)],
    }
    store, async_store = MemoryStore(), MemoryStore()
    clock, async_clock = FakeClock(NOW), FakeClock(NOW)
    threaded = ThreadedStore(async_store)

    monkeypatch.setattr(ids, "_random", Random(1))
    seen = await a_few_days(Call(HabitKit(store, clock=clock, **settings), store, clock))
    monkeypatch.setattr(ids, "_random", Random(1))
    async_kit = AsyncHabitKit(threaded, clock=async_clock, **settings)
    async_seen = await a_few_days(Call(async_kit, async_store, async_clock))
    await threaded.close()

    assert async_seen == seen
    assert dump(async_store) == dump(store)
    assert sum(len(entry) == 4 for entry in seen) == 4  # the refusals meant above, and no others


# -- the relay -----------------------------------------------------------------------------------


async def test_the_relay_delivers_each_event_once_to_each_of_its_subscribers(make_call):
    received: list[Any] = []
    call = make_call(
        subscribers=[
            subscribe(HabitCompleted, lambda event: received.append(("done", event.type))),
            subscribe("read", HabitCompleted, lambda event: received.append(("both", event.type))),
        ]
    )
    run = await call("habits.create", "ada", "Run", Schedule.daily())
    await call("habits.check_in", run.id)
    await call("events.record", "ada", "read")
    assert received == []  # nothing is delivered inside the transaction

    report = await call("relay.run_once")

    assert (report.delivered, report.failures) == (2, ())
    assert received == [("done", "HabitCompleted"), ("both", "HabitCompleted"), ("both", "read")]
    assert (await call("relay.run_once")).delivered == 0


async def test_the_relay_delivers_no_more_than_its_limit(make_call):
    received: list[Any] = []
    call = make_call(
        subscribers=[subscribe("read", lambda event: received.append(event.fields["n"]))]
    )
    for n in range(5):
        await call("events.record", "ada", "read", {"n": n})

    delivered = [(await call("relay.run_once", 2)).delivered for _ in range(4)]

    assert delivered == [2, 2, 1, 0]
    assert received == [0, 1, 2, 3, 4]


async def test_a_delivery_that_fails_is_tried_again_later_and_later(make_call):
    attempts: list[Any] = []

    def fail(event):
        attempts.append(call.clock.now())
        raise LookupError("the webhook is down")

    call = make_call(subscribers=[subscribe("read", fail)])
    await call("events.record", "ada", "read")

    (failure,) = (await call("relay.run_once")).failures
    assert (failure.id, failure.error, failure.attempts) == (
        "ada:1:0",
        "LookupError: the webhook is down",
        1,
    )
    for _ in range(70):  # a relay that runs each second
        call.clock.advance(seconds=1)
        await call("relay.run_once")

    assert [(at - NOW).total_seconds() for at in attempts] == [0, 10, 60]


async def test_a_subscriber_that_fails_keeps_the_event_for_all_and_no_other_event(make_call):
    received: list[Any] = []
    broken = [True]

    def fragile(event):
        if broken[0] and event.fields["n"] == 0:
            raise OSError

    call = make_call(
        subscribers=[
            subscribe("read", fragile),
            subscribe("read", lambda e: received.append(e.fields["n"])),
        ]
    )
    for n in range(2):
        await call("events.record", "ada", "read", {"n": n})

    report = await call("relay.run_once")
    assert (report.delivered, len(report.failures), received) == (1, 1, [0, 1])
    broken[0] = False
    call.clock.advance(seconds=10)

    assert (await call("relay.run_once")).delivered == 1
    assert received == [0, 1, 0]


async def test_a_delivery_whose_relay_died_is_claimed_by_the_next_after_a_minute(make_call):
    received: list[Any] = []

    def die(event):
        received.append(event.type)
        if len(received) == 1:
            raise KeyboardInterrupt

    call = make_call(subscribers=[subscribe("read", die)])
    await call("events.record", "ada", "read")
    with pytest.raises(KeyboardInterrupt):
        await call("relay.run_once")

    call.clock.advance(seconds=59)
    assert (await call("relay.run_once")).delivered == 0
    call.clock.advance(seconds=1)
    assert (await call("relay.run_once")).delivered == 1
    assert received == ["read", "read"]


async def test_a_subscriber_may_call_the_kit(make_call):
    def nested(event):
        calls.append(call("coins.award", "ada", 1, idempotency_key=event.id))

    calls: list[Any] = []
    call = make_call(subscribers=[subscribe("read", nested)])
    await call("events.record", "ada", "read")
    await call("relay.run_once")
    for pending in calls:
        await pending

    assert (await call("coins.balance", "ada")).posted == 1


async def test_an_async_kit_awaits_its_subscribers():
    threaded, received = ThreadedStore(MemoryStore()), []

    async def later(event):
        received.append(event.type)

    async def fail(event):
        raise LookupError("later")

    kit = AsyncHabitKit(threaded, subscribers=[subscribe("read", later), subscribe("swim", fail)])
    await kit.events.record("ada", "read")
    await kit.events.record("ada", "swim")

    report = await kit.relay.run_once()

    assert (report.delivered, received) == (1, ["read"])
    assert report.failures[0].error == "LookupError: later"
    await threaded.close()


def test_a_sync_kit_does_not_count_what_it_cannot_await_as_delivered():
    async def later(event):
        raise AssertionError("nobody awaits this")

    kit = habitkit.testing.kit(subscribers=[subscribe("read", later)])
    kit.events.record("ada", "read")

    report = kit.relay.run_once()

    assert report.delivered == 0
    assert "needs an AsyncHabitKit" in report.failures[0].error


@pytest.mark.parametrize("limit", [0, -5, 1001, True, "5"])
async def test_an_invalid_limit_is_refused_before_anything_is_delivered(make_call, limit):
    call = make_call(subscribers=[subscribe("read", lambda event: None)])
    await call("events.record", "ada", "read")

    for what in ("relay.run_once", "sweep"):
        with nothing_written(call.store), pytest.raises(InvalidInput, match="limit: expected"):
            await call(what, limit)
    assert (await call("relay.run_once", 1)).delivered == 1


# -- the sweep -----------------------------------------------------------------------------------


async def test_the_sweep_stops_at_its_limit_and_reports_whether_there_is_more(make_call):
    call = make_call()

    def send(tx):
        for owner in ("ada", "bob", "cid"):
            for n in range(3):
                tx.send(Event(owner, tx.now), key=str(n))

    await call("run", send)

    reports = [await call("sweep", 4) for _ in range(4)]

    assert [report.counts["messages"] for report in reports] == [4, 4, 1, 0]
    assert [report.more for report in reports] == [True, True, False, False]


async def test_the_sweep_deletes_idempotency_records_after_thirty_days_and_no_earlier(make_call):
    call = make_call()
    await call("coins.award", "ada", 1, idempotency_key="k")

    call.clock.advance(days=30)
    assert (await call("sweep")).counts["old_keys"] == 0
    again = await call("coins.award", "ada", 1, idempotency_key="k")
    call.clock.advance(seconds=1)
    assert (await call("sweep")).counts["old_keys"] == 1

    assert again.amount == 1
    assert (await call("coins.balance", "ada")).posted == 1


async def test_an_expired_key_still_creates_nothing_twice(make_call):
    call = make_call()
    await call("coins.award", "ada", 1, idempotency_key="k")
    call.clock.advance(days=31)
    await call("sweep")

    with (
        nothing_written(call.store),
        pytest.raises(HabitKitError, match="its result is no longer kept"),
    ):
        await call("coins.award", "ada", 1, idempotency_key="k")


async def test_a_sweep_with_nothing_to_do_writes_nothing(make_call):
    call = make_call()
    run = await call("habits.create", "ada", "Run", Schedule.daily())
    await call("habits.check_in", run.id)
    assert (await call("sweep")).counts["sealed_entries"] == 1

    with nothing_written(call.store):
        report = await call("sweep")

    assert not any(report.counts.values())
    assert not report.more


async def test_a_call_refused_in_one_mode_is_refused_in_the_other(make_call):
    call = make_call()

    with nothing_written(call.store), pytest.raises(InsufficientFunds):
        await call("coins.spend", "ada", 1, idempotency_key="k")
