"""The same actions on memory, SQLite and PostgreSQL at once: they must agree after every one."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Any
from uuid import UUID

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test
from sqlalchemy import Engine

import habitkit.testing
from habitkit import Economy, RewardRule, Schedule
from habitkit.backends.sqlalchemy import SqlStore, metadata
from habitkit.backends.sqlalchemy.tables import schema_version
from habitkit.coins import CoinSettings, InsufficientFunds, Posting
from habitkit.errors import HabitKitError
from habitkit.habits import HabitCompleted, StreakReached
from habitkit.testing import TestKit

OWNERS = ("ada", "bob", "cleo")
KEY = b"a key of at least sixteen bytes"
LARGEST = 2**63 - 1

owners = st.sampled_from(OWNERS)
small = st.integers(1, 60)
amounts = st.one_of(small, small, small, small, st.sampled_from([0, 1, LARGEST, LARGEST - 40]))
keys = st.integers(0, 5).map(str)
memos = st.sampled_from([None, "for you", "naïve 🏃"])
currencies = st.sampled_from(["coin", "coin", "coin", "gem"])
choices = st.integers(0, 30)
postings = st.lists(
    st.one_of(
        st.builds(Posting.award, owners, amounts, currency=currencies),
        st.builds(Posting.spend, owners, st.integers(1, 20), memo=memos),
        st.builds(Posting.transfer, owners, owners, st.integers(1, 20), memo=memos),
    ),
    min_size=1,
    max_size=6,
)


def economy() -> Economy:
    """Return an economy with two currencies and rewards."""
    return Economy(
        rules=(
            RewardRule("completion", HabitCompleted, 10),
            RewardRule("streak", StreakReached, 50, "gem"),
        ),
        currencies=frozenset({"coin", "gem"}),
    )


def empty(engine: Engine) -> None:
    """Delete every row."""
    with engine.begin() as connection:
        for table in reversed(metadata.sorted_tables):
            if table is not schema_version:
                connection.execute(table.delete())


class Ledgers(RuleBasedStateMachine):
    """The same ledger three times."""

    def __init__(self, engines: list[Engine]) -> None:
        super().__init__()
        for engine in engines:
            empty(engine)
        stores: list[Any] = [None, *(SqlStore(engine) for engine in engines)]
        self.kits = [
            habitkit.testing.kit(store=store, coins=CoinSettings(economy(), audit_key=KEY))
            for store in stores
        ]
        self.start = self.kits[0].clock.now()
        self.transfers: list[Any] = []
        self.holds: list[Any] = []
        self.check_ins: list[Any] = []
        for owner in OWNERS:
            self.everywhere(partial(first_coins, owner=owner))
        self.habits = [self.everywhere(partial(new_habit, owner=owner)) for owner in OWNERS[:2]]

    def everywhere(self, act: Callable[[TestKit], Any]) -> Any:
        """Do the same with every kit; return what came of it, or None if all were refused alike."""
        outcomes = [outcome(act, kit) for kit in self.kits]
        result = [plain(each) for each in outcomes]
        assert result[1:] == result[:-1]
        return None if isinstance(outcomes[0], HabitKitError) else outcomes[0]

    # -- coins -------------------------------------------------------------------------------------

    @rule(owner=owners, amount=amounts, key=keys, memo=memos, currency=currencies)
    def award(self, owner, amount, key, memo, currency):
        options = {"idempotency_key": key, "memo": memo, "currency": currency}
        self.note(self.everywhere(lambda kit: kit.coins.award(owner, amount, **options)))

    @rule(owner=owners, amount=amounts, key=keys, memo=memos, currency=currencies)
    def spend(self, owner, amount, key, memo, currency):
        options = {"idempotency_key": key, "memo": memo, "currency": currency}
        self.note(self.everywhere(lambda kit: kit.coins.spend(owner, amount, **options)))

    @rule(source=owners, receiver=owners, amount=amounts, key=keys, memo=memos)
    def transfer(self, source, receiver, amount, key, memo):
        options = {"idempotency_key": key, "memo": memo, "metadata": {"amount": amount % 7}}
        self.note(
            self.everywhere(lambda kit: kit.coins.transfer(source, receiver, amount, **options))
        )

    @rule(batch=postings, key=keys)
    def post_many(self, batch, key):
        done = self.everywhere(lambda kit: kit.coins.post_many(batch, idempotency_key=key))
        self.transfers += done or []

    @rule(choice=choices, amount=st.one_of(st.none(), st.integers(1, 20)), key=keys)
    def reverse(self, choice, amount, key):
        if self.transfers:
            id_ = self.transfers[choice % len(self.transfers)].id
            self.note(
                self.everywhere(lambda kit: kit.coins.reverse(id_, amount, idempotency_key=key))
            )

    @rule(source=owners, receiver=owners, amount=amounts, seconds=st.integers(0, 9000))
    def transfer_earlier(self, source, receiver, amount, seconds):
        at = self.kits[0].clock.now() - timedelta(seconds=seconds)
        key = f"{source} {receiver} {amount} {at}"
        self.note(
            self.everywhere(
                lambda kit: kit.coins.transfer(source, receiver, amount, at=at, idempotency_key=key)
            )
        )

    @rule(owner=owners, floor=st.integers(-50, 50))
    def open(self, owner, floor):
        self.everywhere(lambda kit: kit.coins.set_floor(owner, floor=floor))

    def note(self, transfer):
        if transfer is not None:
            self.transfers.append(transfer)

    # -- holds -------------------------------------------------------------------------------------

    @rule(owner=owners, amount=amounts, key=keys, seconds=st.sampled_from([None, 1, 60, 3600.5]))
    def reserve(self, owner, amount, key, seconds):
        options = {"idempotency_key": key, "expires_in_seconds": seconds}
        hold = self.everywhere(lambda kit: kit.coins.reserve(owner, amount, **options))
        if hold is not None:
            self.holds.append(hold)

    @rule(choice=choices, amount=st.one_of(st.none(), st.integers(1, 60)))
    def settle(self, choice, amount):
        if self.holds:
            id_ = self.holds[choice % len(self.holds)].id
            self.everywhere(lambda kit: kit.coins.settle(id_, amount))

    @rule(choice=choices)
    def release(self, choice):
        if self.holds:
            id_ = self.holds[choice % len(self.holds)].id
            self.everywhere(lambda kit: kit.coins.release(id_))

    # -- time --------------------------------------------------------------------------------------

    @rule(seconds=st.sampled_from([1, 59, 61, 4000, 86_400, -1, -60, -5000]))
    def turn_the_clock(self, seconds):
        for kit in self.kits:
            kit.clock.advance(seconds=seconds)

    @rule(limit=st.sampled_from([1, 100]))
    def sweep(self, limit):
        # Which wallet or hold comes first may depend on ids; with no more work, all is the same.
        for kit in self.kits:
            for _ in range(100):
                if not kit.sweep(limit).more:
                    break
        self.everywhere(lambda kit: kit.sweep(100))

    @rule(owner=owners)
    def forget(self, owner):
        self.everywhere(lambda kit: kit.coins.forget(owner))

    # -- what coins are earned for -----------------------------------------------------------------

    @rule(choice=choices, back=st.integers(0, 3))
    def check_in(self, choice, back):
        habit = self.habits[choice % len(self.habits)]
        day = (self.kits[0].clock.now() - timedelta(days=back)).date()
        key = f"{habit} {day} {choice % 3}"
        done = self.everywhere(lambda kit: kit.habits.check_in(habit, day=day, idempotency_key=key))
        if done is not None:
            self.check_ins.append(done.id)

    @rule(choice=choices)
    def undo(self, choice):
        if self.check_ins:
            id_ = self.check_ins[choice % len(self.check_ins)]
            self.everywhere(lambda kit: kit.habits.undo(id_))

    # -- what must hold ----------------------------------------------------------------------------

    @invariant()
    def all_tell_the_same(self):
        now = self.kits[0].clock.now()
        for owner in OWNERS:
            self.everywhere(partial(seen, owner=owner, start=self.start, now=now))

    @invariant()
    def nobody_finds_fault(self):
        self.everywhere(lambda kit: kit.coins.audit())
        assert self.kits[0].coins.audit().findings == ()


def first_coins(kit: TestKit, owner: str) -> None:
    """Let an owner begin with something to spend."""
    kit.coins.award(owner, 100, idempotency_key="to begin with")


def new_habit(kit: TestKit, owner: str) -> UUID:
    """Let an owner have a habit; return its id."""
    return kit.habits.create(owner, "Run", Schedule.daily(), idempotency_key="run").id


def outcome(act: Callable[[TestKit], Any], kit: TestKit) -> Any:
    """Return what an act returns, or how it was refused."""
    try:
        return act(kit)
    except HabitKitError as error:
        return error


def plain(result: Any) -> Any:
    """Return what must be the same everywhere of an outcome: not the ids that stores make up."""
    if isinstance(result, InsufficientFunds):
        return (
            type(result),
            result.owner,
            result.currency,
            result.balance,
            result.floor,
            result.amount,
        )
    if isinstance(result, HabitKitError):
        return (type(result), type(getattr(result, "reason", None)), getattr(result, "index", None))
    if hasattr(result, "events"):
        return (result.id, result.day, result.streak, getattr(result, "coins", None))
    return result


def seen(kit: TestKit, owner: str, start: Any, now: Any) -> Any:
    """Return all that an owner can see of the ledger, without ids that stores make up."""
    coins = kit.coins
    statements = [
        [
            (
                each.seq,
                each.kind,
                each.memo,
                each.amount,
                each.balance,
                each.at,
                each.metadata,
                each.recorded_at,
            )
            for each in coins.statement(owner, currency=currency, limit=1000)
        ]
        for currency in ("coin", "gem")
    ]
    instants = [start + (now - start) * part for part in (0.5, 1)]
    return (
        statements,
        [coins.balance(owner, currency) for currency in ("coin", "gem")],
        [coins.balance(owner, as_of=instant) for instant in instants],
        coins.holds(owner, ended=True, limit=1000),
        coins.holds(owner),
        [(event.type, event.rev, event.position) for event in kit.events.page(owner, limit=1000)],
    )


SIZES = [
    pytest.param((5, 16), id="small"),
    pytest.param((100, 40), id="full", marks=[pytest.mark.slow, pytest.mark.timeout(1500)]),
]


@pytest.mark.parametrize("size", SIZES)
def test_memory_sqlite_and_postgresql_agree(sqlite, postgres, size):
    examples, steps = size
    run_state_machine_as_test(
        lambda: Ledgers([sqlite, postgres]),  # type: ignore[arg-type]
        settings=settings(
            max_examples=examples,
            stateful_step_count=steps,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
