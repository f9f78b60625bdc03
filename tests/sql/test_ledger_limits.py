"""The largest amounts, their sums, and clocks that go back: on memory, SQLite and PostgreSQL."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

import habitkit.testing
from habitkit.backends.sqlalchemy import SqlStore
from habitkit.coins import (
    Balance,
    BalanceOverflow,
    BatchRefused,
    Hold,
    InsufficientFunds,
    InvalidAmount,
    Posting,
)
from habitkit.coins.store import COINS
from habitkit.testing import TestKit
from habitkit.testing.contracts._base import read
from tests.sql.conftest import BOTH
from tests.sql.ledger import assert_sound, drift

LARGEST = 2**63 - 1


@pytest.fixture(params=["memory", *BOTH])
def kit(request: pytest.FixtureRequest) -> TestKit:
    """A kit on a store of each kind in turn."""
    if request.param == "memory":
        return habitkit.testing.kit()
    engine = request.getfixturevalue({"sqlite": "sqlite", "postgresql": "postgres"}[request.param])
    return habitkit.testing.kit(store=SqlStore(engine))


# -- amounts and sums ----------------------------------------------------------------------------

OVERFLOWS: dict[str, Any] = {
    "award": lambda coins: coins.award("ada", 1, idempotency_key="more"),
    "transfer": lambda coins: coins.transfer("bob", "ada", 1, idempotency_key="more"),
}


@pytest.mark.parametrize("more", OVERFLOWS.values(), ids=OVERFLOWS)
def test_a_wallet_that_is_full_refuses_one_coin_more_and_stays_as_it_is(kit, more):
    kit.coins.award("ada", LARGEST, idempotency_key="all there is")
    kit.coins.award("bob", LARGEST, idempotency_key="all there is")

    with pytest.raises(BalanceOverflow):
        more(kit.coins)
    batch = [Posting.spend("bob", 1), Posting.transfer("bob", "ada", 1)]
    with pytest.raises(BatchRefused) as caught:
        kit.coins.post_many(batch, idempotency_key="more")

    assert (caught.value.index, type(caught.value.reason)) == (1, BalanceOverflow)
    assert [kit.coins.balance(owner).posted for owner in ("ada", "bob")] == [LARGEST] * 2
    assert len(kit.events.page("ada")) == len(kit.events.page("bob")) == 1
    assert_sound(kit, "ada", "bob")


@pytest.mark.parametrize("amount", [2**63, 2**64, 10**30])
def test_an_amount_of_more_than_64_bits_is_refused_before_it_reaches_a_database(kit, amount):
    with pytest.raises(InvalidAmount):
        kit.coins.award("ada", amount, idempotency_key="a")
    with pytest.raises(BatchRefused):
        kit.coins.post_many([Posting.award("ada", amount)], idempotency_key="a")
    with pytest.raises(InvalidAmount):
        kit.coins.reserve("ada", amount, idempotency_key="a")
    with pytest.raises(InvalidAmount):
        kit.coins.set_floor("ada", floor=-amount - 1)

    assert kit.coins.statement("ada") == []


def test_a_mint_and_a_sink_that_are_exhausted_refuse_as_well(kit):
    kit.coins.award("ada", LARGEST, idempotency_key="all there is")
    kit.coins.spend("ada", LARGEST, idempotency_key="all there is")
    kit.coins.award("ada", 1, idempotency_key="the mint is at -2**63 now")

    with pytest.raises(BalanceOverflow):
        kit.coins.award("ada", 1, idempotency_key="one too many")
    with pytest.raises(BalanceOverflow):
        kit.coins.spend("ada", 1, idempotency_key="one too many")

    assert kit.coins.balance("ada").posted == 1
    assert_sound(kit, "ada")


def test_a_ledger_whose_wallets_together_hold_more_than_64_bits_is_audited_all_the_same(kit):
    owners = [f"owner{n}" for n in range(6)]
    for owner in owners:
        kit.coins.award(owner, LARGEST, idempotency_key="all there is")
        kit.coins.reserve(owner, LARGEST, idempotency_key="held", expires_in_seconds=60)

    report = kit.coins.audit()

    assert report.findings == ()
    assert (report.accounts, report.entries) == (3 * len(owners), 4 * len(owners))
    assert kit.coins.balance("owner0") == Balance("owner0", "coin", LARGEST, 0, LARGEST)
    assert drift(kit._runner.store) == {}
    kit.clock.advance(seconds=60)
    assert kit.coins.balance("owner0").available == LARGEST
    assert kit.sweep().counts["expired_holds"] == len(owners)
    assert_sound(kit, *owners)


def test_a_hold_that_does_not_fit_into_a_full_wallet_stops_neither_sweep_nor_others(kit):
    for owner in ("ada", "bob"):
        kit.coins.award(owner, LARGEST, idempotency_key="all there is")
        kit.coins.reserve(owner, LARGEST, idempotency_key="held", expires_in_seconds=60)
    kit.coins.award("cleo", 5, idempotency_key="more")
    kit.coins.transfer("cleo", "ada", 5, idempotency_key="more")
    kit.clock.advance(seconds=60)

    assert kit.sweep().counts["expired_holds"] == 1, "bob's"
    assert kit.coins.balance("ada").posted == LARGEST + 5
    kit.coins.spend("ada", 5, idempotency_key="space")
    assert kit.sweep().counts["expired_holds"] == 1
    assert kit.coins.balance("ada").available == LARGEST
    assert_sound(kit, "ada", "bob")


def test_holds_that_do_not_fit_into_a_full_wallet_stop_no_sweep_however_small_its_limit(kit):
    kit.coins.award("ada", LARGEST, idempotency_key="all there is")
    for n in range(3):
        kit.coins.reserve("ada", 5, idempotency_key=f"held {n}", expires_in_seconds=60)
    kit.coins.award("cleo", 15, idempotency_key="a")
    kit.coins.transfer("cleo", "ada", 15, idempotency_key="no space any more")
    kit.coins.award("bob", 5, idempotency_key="a")
    kit.coins.reserve("bob", 5, idempotency_key="held", expires_in_seconds=61)
    kit.clock.advance(seconds=61)

    assert [kit.sweep(limit=1).counts["expired_holds"] for _ in range(2)] == [1, 0]

    assert kit.coins.holds("bob", ended=True)[0].state == "expired"
    assert_sound(kit, "ada", "bob")


def test_a_floor_at_either_end_of_64_bits_is_held(kit):
    kit.coins.set_floor("ada", floor=-(2**63))
    kit.coins.spend("ada", LARGEST, idempotency_key="on credit")
    with pytest.raises(BalanceOverflow):
        kit.coins.transfer("ada", "bob", 2, idempotency_key="too much")
    kit.coins.award("bob", LARGEST, idempotency_key="all there is")
    kit.coins.set_floor("bob", floor=LARGEST)
    with pytest.raises(InsufficientFunds):
        kit.coins.spend("bob", 1, idempotency_key="one")

    assert kit.coins.balance("ada").posted == -LARGEST
    assert kit.coins.balance("bob").available == 0
    assert_sound(kit, "ada", "bob")


# -- time ----------------------------------------------------------------------------------------


def test_a_batch_and_a_floor_may_use_what_an_expired_hold_gives_back(kit):
    for owner in ("ada", "bob"):
        kit.coins.award(owner, 10, idempotency_key="all there is")
        kit.coins.reserve(owner, 10, idempotency_key="held", expires_in_seconds=60)
    kit.clock.advance(seconds=60)

    batch = [Posting.spend("ada", 4), Posting.transfer("ada", "bob", 6)]
    assert [each.amount for each in kit.coins.post_many(batch, idempotency_key="b")] == [4, 6]
    assert kit.coins.set_floor("bob", floor=16).available == 0

    assert kit.coins.holds("ada") == kit.coins.holds("bob") == []
    assert [hold.state for hold in kit.coins.holds("ada", ended=True)] == ["expired"]
    assert_sound(kit, "ada", "bob")


def act_in_disorder(kit: TestKit, owners: tuple[str, ...]) -> None:
    """Do a bit of everything while the clock jumps."""
    held: list[Hold] = []
    for owner in owners:
        kit.coins.award(owner, 500, idempotency_key="all there is")
        kit.coins.spend(owner, 1, idempotency_key="opens the sink")
    for n, seconds in enumerate([100, -60, 30, -90, 0, 50, -10, -100, 200, -150] * 3):
        kit.clock.advance(seconds=seconds)
        source, target, other, _ = owners[n % 4 :] + owners[: n % 4]
        kit.coins.transfer(source, target, 1 + n, idempotency_key=f"transfer {n}")
        if n % 3 == 0:
            kit.coins.spend(other, 2, idempotency_key=f"spend {n}")
            batch = [Posting.transfer(target, other, 1), Posting.award(target, n + 1)]
            kit.coins.post_many(batch, idempotency_key=f"batch {n}")
        elif n % 3 == 1:
            key = f"hold {n}"
            held.append(kit.coins.reserve(target, 10, idempotency_key=key, expires_in_seconds=40))
        elif n % 9 == 2:
            kit.sweep()
        elif (held[-1].expires_at or kit.clock.now()) > kit.clock.now():
            kit.coins.release(held[-1].id)


def test_at_each_instant_coins_were_in_one_place_though_the_clock_goes_back(kit):
    start, owners = kit.clock.now(), ("ada", "bob", "cleo", "dan")
    act_in_disorder(kit, owners)

    def all_of_it(stores: Any) -> int:
        accounts = stores.port(COINS).accounts(owners, "coin")
        return sum(stores.port(COINS).balance_at(account.id, at) for account in accounts)

    for seconds in range(-10, 300, 5):
        at = start + timedelta(seconds=seconds)
        assert read(kit._runner.store, all_of_it) == 0, "each transfer has one instant"
        for owner in owners:
            known = kit.coins.balance(owner, as_of=at)
            assert 0 <= known.pending <= known.posted
    for owner in owners:
        instants = [
            entry.at for entry in kit.coins.statement(owner, newest_first=False, limit=1000)
        ]
        assert instants == sorted(instants)
    kit.clock.set(latest := start + timedelta(days=1))
    for owner in owners:
        assert kit.coins.balance(owner, as_of=latest) == kit.coins.balance(owner)
    assert_sound(kit, *owners)


def test_a_hold_ends_no_earlier_than_its_coins_leave_escrow(kit):
    start = kit.clock.now()
    kit.coins.award("ada", 10, idempotency_key="all there is")
    hold = kit.coins.reserve("ada", 5, idempotency_key="held", expires_in_seconds=10)
    kit.clock.advance(seconds=20)
    kit.coins.reserve("ada", 1, idempotency_key="another")
    kit.clock.advance(seconds=-15)

    ended = kit.coins.release(hold.id)

    assert ended.ended_at == start + timedelta(seconds=20)
    assert kit.coins.balance("ada", as_of=start + timedelta(seconds=15)).pending == 0
