"""The types that a host's type checker sees. Never executed: mypy and pyright read it.

Lines marked as errors must be errors: both checkers complain about a mark that is not needed.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any, assert_type
from uuid import UUID

from attrs import frozen

import habitkit
from habitkit import (
    AsyncHabitKit,
    AsyncHostKit,
    AsyncOwnedKit,
    AuditReport,
    Balance,
    CheckedIn,
    Clock,
    DayClock,
    DeadLetter,
    Economy,
    Entry,
    Event,
    Finding,
    Habit,
    HabitKit,
    HabitState,
    Head,
    Hold,
    HostKit,
    OwnedKit,
    Posting,
    Reaction,
    RebuildReport,
    RelayReport,
    RewardRule,
    Schedule,
    Slot,
    StoredEvent,
    Streak,
    Subscriber,
    SweepReport,
    SystemClock,
    Transaction,
    Transfer,
    Undone,
    on,
    subscribe,
)
from habitkit.backends.memory import MemoryStore
from habitkit.backends.threaded import ThreadedStore
from habitkit.background import AsyncBackground, Background
from habitkit.coins import CoinSettings, CoinsPosted, LedgerExport
from habitkit.coins import service as coins
from habitkit.events import Recorded
from habitkit.habits import HABITS, HabitCompleted, HabitSettings, HabitStore, StreakReached
from habitkit.habits import service as habits
from habitkit.limits import Decision
from habitkit.ports import AsyncHostTransactions, AsyncStore, HostTransactions, Store
from habitkit.predicates import field
from habitkit.quests import (
    Badge,
    Boost,
    CostReport,
    Count,
    Level,
    Levels,
    PerDay,
    Quest,
    QuestProgress,
    QuestRebuildReport,
    Reward,
    Rule,
    RuleVersion,
    per,
)
from habitkit.residents import RefreshReport
from habitkit.testing import FakeClock, TestKit
from habitkit.testing import kit as kit_for_a_test

# -- stores and clocks satisfy their protocols ---------------------------------------------------

store: Store = MemoryStore()
async_store: AsyncStore = ThreadedStore(store)
async_host: AsyncHostTransactions = ThreadedStore(store)
clock: Clock = SystemClock()
clock = FakeClock("2026-01-01T08:00Z")

no_store: Store = ThreadedStore(store)  # type: ignore[assignment]  # pyright: ignore[reportAssignmentType]
no_async_store: AsyncStore = MemoryStore()  # type: ignore[assignment]  # pyright: ignore[reportAssignmentType]
no_host: HostTransactions = MemoryStore()  # type: ignore[assignment]  # pyright: ignore[reportAssignmentType]
no_clock: Clock = date  # type: ignore[assignment]  # pyright: ignore[reportAssignmentType]


class NoStore:
    """A third party's store without ``run``."""

    name = "nothing"
    modules = frozenset[str]()
    capabilities = frozenset[str]()

    def close(self) -> None:
        """Do nothing."""


not_enough: Store = NoStore()  # type: ignore[assignment]  # pyright: ignore[reportAssignmentType]

# -- a host's own events, reactions, subscribers, economy ----------------------------------------


@frozen
class BookRead(Event):
    """A host's own event."""

    title: str


def praise(tx: Transaction, owner: str, events: Sequence[BookRead]) -> None:
    """Give coins for books."""
    assert_type(tx.now, datetime)
    assert_type(tx.new_id(), UUID)
    assert_type(tx.settings(CoinSettings).economy, Economy)
    for event in events:
        assert_type(event.title, str)
        assert_type(
            coins.award(tx, owner, 5, idempotency_key=event.title),
            Transfer,
        )
    assert_type(
        tx.emit(owner, [StreakReached(owner, tx.now, tx.new_id(), tx.now.date(), 7)]),
        list[Event],
    )
    assert_type(tx.send(BookRead("bob", tx.now, "Emma"), key="Emma"), bool)


def tell(event: StoredEvent) -> None:
    """Tell a webhook."""
    assert_type(event.id, str)
    assert_type(event.rev, int)


assert_type(on(BookRead, praise), Reaction)
assert_type(on(BookRead, HabitCompleted, praise), Reaction)
assert_type(subscribe(BookRead, "book.read", tell), Subscriber)

BookRead("ada", clock.now())  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
HabitCompleted("ada", clock.now(), UUID(int=1), date.min, "half")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
BookRead("ada", clock.now(), "Emma").title = "Ulysses"  # type: ignore[misc]  # pyright: ignore[reportAttributeAccessIssue]

economy = Economy(rules=(RewardRule("book", BookRead, 5),), currencies=frozenset({"coin", "xp"}))
assert_type(economy.changed(clock.now(), (RewardRule("book", BookRead, 7, "xp"),)), Economy)
RewardRule("book", str, 5)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


def in_seven(previous: float, slot: Slot) -> float:
    """Move the strength of a habit."""
    return previous + (1 - previous) / 7 if slot.status == "DONE" else previous


def in_words(previous: str, slot: Slot) -> str:
    """Return no strength."""
    return previous + slot.why


# -- making and opening a kit --------------------------------------------------------------------

kit = HabitKit(
    store,
    clock=clock,
    coins=CoinSettings(economy),
    reactions=[on(BookRead, praise)],
    subscribers=[subscribe(BookRead, tell)],
    habits=HabitSettings(in_seven),
)
assert_type(
    HabitKit.open("sqlite:///habits.db", clock=clock, coins=CoinSettings(economy)), HabitKit
)
assert_type(HabitKit.open("sqlite:///habits.db", habits=HabitSettings(in_seven)), HabitKit)
HabitKit.open("sqlite:///habits.db", habits=HabitSettings(in_words))  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
assert_type(kit_for_a_test(), TestKit)
assert_type(kit_for_a_test(habits=HabitSettings(in_seven)), TestKit)
assert_type(kit_for_a_test().clock, FakeClock)

with HabitKit.open("memory://") as opened:
    assert_type(opened, HabitKit)

HabitKit()  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
HabitKit(async_store)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
HabitKit(store, SystemClock())  # type: ignore[arg-type, call-arg]  # pyright: ignore[reportCallIssue]
HabitKit(store, unknown="blue")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
HabitKit(store, reactions=[praise])  # type: ignore[list-item]  # pyright: ignore[reportArgumentType]

# -- every call of every service
# --------------------------------------------------------------------

run = kit.habits.create("ada", "Run", Schedule.daily(), clock=DayClock("Europe/Vienna"))
assert_type(run, Habit)
assert_type(run.id, UUID)
assert_type(kit.habits.create(owner="ada", title="Run", schedule=Schedule.daily()), Habit)
assert_type(kit.habits.get(str(run.id)), Habit)
assert_type(kit.habits.list("ada", limit=5), list[Habit])
done = kit.habits.check_in(run.id, day=date(2026, 1, 1), note="easy", idempotency_key="k")
assert_type(done, CheckedIn)
assert_type(done.streak, Streak)
assert_type(done.coins, int)
assert_type(done.events, tuple[Event, ...])
assert_type(kit.habits.undo(done.id), Undone)
assert_type(kit.habits.backfill(run.id, [date(2026, 1, 1)], source="paper"), int)

assert_type(kit.streaks.state(run.id), HabitState)
assert_type(kit.streaks.done_days(run.id, date(2026, 1, 1), date(2026, 2, 1)), list[date])
assert_type(kit.streaks.rebuild(run.id), RebuildReport)
assert_type(kit.streaks.rebuild("ada"), RebuildReport)
assert_type(kit.streaks.rebuild(owner="ada"), RebuildReport)

assert_type(kit.coins.balance("ada"), Balance)
assert_type(kit.coins.balance("ada").available, int)
assert_type(kit.coins.award("ada", 5, idempotency_key="k"), Transfer)
assert_type(kit.coins.spend("ada", 5, idempotency_key="k", memo="book"), Transfer)
assert_type(kit.coins.transfer("ada", "bob", 5, idempotency_key="k"), Transfer)
assert_type(kit.coins.statement("ada", after=3, newest_first=False), list[Entry])
assert_type(kit.coins.balance("ada", "xp", as_of=clock.now()), Balance)
assert_type(kit.coins.set_floor("ada", floor=-50), Balance)
batch = [
    Posting.award("ada", 5, memo="book"),
    Posting.spend("ada", 1),
    Posting.transfer("a", "b", 1),
]
assert_type(batch, list[Posting])
assert_type(kit.coins.post_many(batch, idempotency_key="k"), list[Transfer])
assert_type(kit.coins.reverse(UUID(int=1), idempotency_key="k"), Transfer)
hold = kit.coins.reserve("ada", 5, idempotency_key="k", expires_in_seconds=90, metadata={"n": 1})
assert_type(hold, Hold)
assert_type(hold.expires_at, datetime | None)
assert_type(kit.coins.settle(hold.id, 3), Hold)
assert_type(kit.coins.release(str(hold.id)), Hold)
assert_type(kit.coins.hold(hold.id), Hold)
assert_type(kit.coins.holds("ada", ended=True, after=hold.seq), list[Hold])
heads = kit.coins.head("ada")
assert_type(heads, list[Head])
assert_type(kit.coins.audit(), AuditReport)
assert_type(kit.coins.audit("ada", heads=heads).findings, tuple[Finding, ...])
assert_type(kit.coins.export("ada"), LedgerExport)
assert_type(kit.coins.forget("ada"), int)

rule = Rule("read", BookRead, field("pages") >= 10, Reward(coins=per("pages", 2)), PerDay(2))
five = Quest("five", "Five days", Count(HabitCompleted, 5), reward=Reward(coins=100, badge="five"))
assert_type(kit.quests.define(five), Quest)
assert_type(kit.quests.set_rules([rule], effective=clock.now()), RuleVersion)
assert_type(kit.quests.rules(), RuleVersion)
assert_type(kit.quests.set_levels(Levels.linear(100)), Levels)
weekend = Boost("weekend", 1.5, clock.now(), clock.now(), currencies=["xp"], stacking="highest")
assert_type(kit.quests.boost(weekend), Boost)
assert_type(kit.quests.end_boost("weekend", clock.now()), Boost | None)
assert_type(kit.quests.boosts(), list[Boost])
assert_type(kit.quests.start("ada", "five"), QuestProgress)
assert_type(kit.quests.claim("ada", "five", idempotency_key="k"), QuestProgress)
assert_type(kit.quests.progress("ada"), list[QuestProgress])
assert_type(kit.quests.badges("ada"), list[Badge])
assert_type(kit.quests.level("ada"), Level)
assert_type(kit.quests.preview([rule], sample=10), CostReport)
assert_type(kit.quests.rebuild("ada"), QuestRebuildReport)
assert_type(kit.owned_by("ada").quests.rebuild("ada"), QuestRebuildReport)

assert_type(kit.events.record("ada", "read", {"pages": 5}, at=clock.now()), Recorded)
assert_type(kit.events.page("ada", after=(1, 0)), list[StoredEvent])
assert_type(kit.events.net("ada", types=["read"], since=clock.now()), list[StoredEvent])

assert_type(kit.relay.run_once(limit=10), RelayReport)
assert_type(kit.relay.dead(limit=10), list[DeadLetter])
assert_type(kit.relay.retry("ada:1:0"), None)
assert_type(kit.relay.drop("ada:1:0"), None)
assert_type(kit.sweep(), SweepReport)
assert_type(kit.rebuild(), RebuildReport)
assert_type(kit.refresh(), RefreshReport)
assert_type(kit.export("ada"), dict[str, Any])
assert_type(kit.forget("ada"), dict[str, int])
assert_type(kit.limits.acquire(("login", "ada"), "30/min"), Decision)
assert_type(kit.background(), Background)
assert_type(kit.close(), None)

kit.habits.create("ada", "Run")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
kit.habits.create("ada", "Run", "daily")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
kit.habits.check_in(5)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
kit.habits.check_in(run.id, date(2026, 1, 1))  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
kit.habits.check_in(run.id, day="2026-01-01")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
kit.habits.check_in(run.id, at=date(2026, 1, 1))  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
kit.habits.check_in(run.id, mood="good")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
kit.habits.check_out(run.id)  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue]
kit.coins.award("ada", 5)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
kit.coins.award("ada", 0.5, idempotency_key="k")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
kit.coins.post_many(["award"], idempotency_key="k")  # type: ignore[list-item]  # pyright: ignore[reportArgumentType]
kit.coins.post_many([Posting.award("ada", 5)])  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
kit.coins.reverse(UUID(int=1))  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
kit.coins.reserve("ada", 5, seconds=90, idempotency_key="k")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
kit.coins.settle(hold)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
kit.coins.balance("ada", as_of="2026-01-01")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
kit.events.record("ada")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
kit.sweep("all")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
kit.quests.set_rules([five])  # type: ignore[list-item]  # pyright: ignore[reportArgumentType]
kit.parties  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue]

# -- composing, scoping, the host's own transaction ----------------------------------------------


def week(tx: Transaction) -> CheckedIn:
    """Compose two actions."""
    made = habits.create(tx, "ada", "Run", Schedule.daily())
    return habits.check_in(tx, made.id)


assert_type(kit.run(week), CheckedIn)
assert_type(kit.run(lambda tx: tx.now), datetime)
assert_type(kit.read(lambda tx: coins.balance(tx, "ada")), Balance)
assert_type(kit.rehearse(week), CheckedIn)
kit.run(lambda tx: assert_type(tx.port(HABITS), HabitStore))
kit.run(lambda tx: assert_type(tx.settings(HabitSettings), HabitSettings))
kit.run(lambda tx: tx.port("habits"))  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
kit.limits.acquire("ada", 30)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
kit.run(lambda: 5)  # type: ignore[misc, arg-type]  # pyright: ignore[reportArgumentType]
habits.check_in(run.id)  # type: ignore[call-arg, arg-type]  # pyright: ignore[reportCallIssue]

owned = kit.owned_by("ada")
assert_type(owned, OwnedKit)
assert_type(owned.habits.check_in(run.id), CheckedIn)
assert_type(owned.run(week), CheckedIn)
assert_type(owned.rehearse(week), CheckedIn)
owned.limits  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue]
owned.sweep()  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue]
owned.relay  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue]
kit.owned_by(5)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]

inside = kit.on(object())
assert_type(inside, HostKit)
assert_type(inside.coins.spend("ada", 50, idempotency_key="k"), Transfer)
assert_type(inside.owned_by("ada").run(week), CheckedIn)
inside.close()  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue]

# -- the same, awaited ---------------------------------------------------------------------------


async def tell_later(event: StoredEvent) -> None:
    """Tell a webhook without blocking."""


async def async_host_code() -> None:
    """Use every call of every service of an async kit."""
    kit = AsyncHabitKit(
        async_store,
        clock=clock,
        coins=CoinSettings(economy),
        reactions=[on(BookRead, praise)],
        subscribers=[subscribe(BookRead, tell_later)],
        habits=HabitSettings(in_seven),
    )
    AsyncHabitKit(store)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]

    run = await kit.habits.create("ada", "Run", Schedule.daily())
    assert_type(run, Habit)
    assert_type(await kit.habits.get(run.id), Habit)
    assert_type(await kit.habits.list("ada"), list[Habit])
    done = await kit.habits.check_in(run.id, day=date(2026, 1, 1))
    assert_type(done, CheckedIn)
    assert_type(await kit.habits.undo(done.id), Undone)
    assert_type(await kit.habits.backfill(run.id, [date(2026, 1, 1)], source="paper"), int)
    assert_type(await kit.streaks.state(run.id), HabitState)
    assert_type(await kit.streaks.done_days(run.id, date(2026, 1, 1), date(2026, 2, 1)), list[date])
    assert_type(await kit.streaks.rebuild(run.id), RebuildReport)
    assert_type(await kit.coins.balance("ada"), Balance)
    assert_type(await kit.coins.award("ada", 5, idempotency_key="k"), Transfer)
    assert_type(await kit.coins.spend("ada", 5, idempotency_key="k"), Transfer)
    assert_type(await kit.coins.transfer("ada", "bob", 5, idempotency_key="k"), Transfer)
    assert_type(await kit.coins.statement("ada"), list[Entry])
    assert_type(await kit.events.record("ada", "read"), Recorded)
    assert_type(await kit.events.page("ada"), list[StoredEvent])
    assert_type(await kit.events.net("ada", types={"read"}), list[StoredEvent])
    assert_type(await kit.relay.run_once(), RelayReport)
    assert_type(await kit.relay.dead(), list[DeadLetter])
    assert_type(await kit.sweep(limit=5), SweepReport)
    assert_type(await kit.rebuild(), RebuildReport)
    assert_type(await kit.run(week), CheckedIn)
    assert_type(await kit.read(lambda tx: tx.now), datetime)
    assert_type(await kit.rehearse(week), CheckedIn)
    assert_type(await kit.refresh(), RefreshReport)
    assert_type(await kit.export("ada"), dict[str, Any])
    assert_type(await kit.forget("ada"), dict[str, int])
    assert_type(await kit.limits.acquire("ada", "30/min"), Decision)
    assert_type(kit.background(), AsyncBackground)
    assert_type(kit.owned_by("ada"), AsyncOwnedKit)
    assert_type(await kit.owned_by("ada").habits.check_in(run.id), CheckedIn)
    assert_type(kit.on(object()), AsyncHostKit)
    assert_type(await kit.on(object()).run(week), CheckedIn)

    # A missing await is an error.
    kit.habits.check_in(run.id)  # type: ignore[unused-coroutine]  # pyright: ignore[reportUnusedCoroutine]
    kit.coins.award("ada", 5, idempotency_key="k")  # type: ignore[unused-coroutine]  # pyright: ignore[reportUnusedCoroutine]
    kit.sweep()  # type: ignore[unused-coroutine]  # pyright: ignore[reportUnusedCoroutine]
    kit.relay.run_once()  # type: ignore[unused-coroutine]  # pyright: ignore[reportUnusedCoroutine]
    kit.rehearse(week)  # type: ignore[unused-coroutine]  # pyright: ignore[reportUnusedCoroutine]
    kit.read(week)  # type: ignore[unused-coroutine]  # pyright: ignore[reportUnusedCoroutine]
    kit.limits.acquire("ada", "1/s")  # type: ignore[unused-coroutine]  # pyright: ignore[reportUnusedCoroutine]
    kit.run(week)  # type: ignore[unused-coroutine]  # pyright: ignore[reportUnusedCoroutine]
    kit.close()  # type: ignore[unused-coroutine]  # pyright: ignore[reportUnusedCoroutine]
    kit.habits.check_in(run.id).coins  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue]


async def wrong_arguments(kit: AsyncHabitKit, run: Habit) -> None:
    """Give an async kit what it cannot take."""
    await kit.habits.check_in(5)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    await kit.habits.check_in(run.id, mood="good")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    await kit.habits.check_in(run.id, day="2026-01-01")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    await kit.coins.award("ada", 5)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    await kit.owned_by("ada").sweep()  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue]

    async def nested(tx: Transaction) -> int:
        """Do what no transaction can."""
        return 5

    assert_type(await (await kit.run(nested)), int)  # the work of a transaction is no coroutine


async def async_opening() -> None:
    """Open an async kit from a URL."""
    assert_type(await AsyncHabitKit.open("sqlite:///habits.db", clock=clock), AsyncHabitKit)
    async with await AsyncHabitKit.open("memory://") as opened:
        assert_type(opened, AsyncHabitKit)


async def async_ledger(kit: AsyncHabitKit) -> None:
    """Use the rest of the ledger."""
    assert_type(await kit.coins.set_floor("ada", floor=-50), Balance)
    assert_type(await kit.coins.post_many([], idempotency_key="k"), list[Transfer])
    assert_type(await kit.coins.reverse(UUID(int=1), idempotency_key="k"), Transfer)
    hold = await kit.coins.reserve("ada", 5, idempotency_key="k", expires_in_seconds=90)
    assert_type(hold, Hold)
    assert_type(await kit.coins.settle(hold.id, 3), Hold)
    assert_type(await kit.coins.release(hold.id), Hold)
    assert_type(await kit.coins.holds("ada"), list[Hold])
    assert_type(await kit.coins.head("ada"), list[Head])
    assert_type(await kit.coins.audit(), AuditReport)
    assert_type(await kit.coins.export("ada"), LedgerExport)
    assert_type(await kit.coins.forget("ada"), int)
    # A missing await is an error.
    kit.coins.settle(hold.id)  # type: ignore[unused-coroutine]  # pyright: ignore[reportUnusedCoroutine]


# -- what actions are on the class ---------------------------------------------------------------


def signature_survives(found: Any) -> None:
    """Assign bound calls to callables of their exact type."""
    check_in = kit.habits.check_in
    assert_type(check_in(run.id), CheckedIn)
    assert_type(
        kit.coins.award("ada", 5, idempotency_key="k", currency="coin"),
        Transfer,
    )


assert_type(CoinsPosted("ada", clock.now(), UUID(int=1), "award", "coin", 5, 5).amount, int)


# -- what is not there -----------------------------------------------------------------------------


def names_that_are_none() -> None:
    _ = habitkit.HabitKitt  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue]
    _ = habitkit.coins.Coin  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue]
