"""Coins that expire, as callers meet them."""

from __future__ import annotations

from datetime import timedelta

import pytest

import habitkit.testing
from habitkit import HabitKit
from habitkit.backends.memory import MemoryStore
from habitkit.coins import (
    AlreadyReversed,
    Balance,
    BatchRefused,
    ExpiringCoins,
    InsufficientFunds,
    Posting,
    TransferNotReversible,
)
from habitkit.errors import (
    IdempotencyConflict,
    InvalidInput,
    InvalidInstant,
    NotSupportedByStore,
)
from habitkit.testing.contracts._sample_facts import NOW, events_of
from habitkit.testing.contracts._sample_ledger import balances_of

DAY = timedelta(days=1)


@pytest.fixture
def gifted(kit):
    """A kit in which ada has 30 coins that end in a day, 20 that end in two, and 10 others."""
    kit.coins.award("ada", 20, idempotency_key="b", expires_at=NOW + 2 * DAY)
    kit.coins.award("ada", 30, idempotency_key="a", expires_at=NOW + DAY)
    kit.coins.award("ada", 10, idempotency_key="c")
    return kit


def left(kit):
    """Return how many of ada's coins end after how many days."""
    return {(it.expires_at - NOW).days: it.amount for it in kit.coins.expiring("ada")}


def available(kit):
    return kit.coins.balance("ada").available


def test_what_ends_first_is_spent_first_and_the_rest_is_taken_away(gifted, store):
    assert gifted.coins.expiring("ada") == [
        ExpiringCoins(30, NOW + DAY),
        ExpiringCoins(20, NOW + 2 * DAY),
    ]
    gifted.coins.spend("ada", 12, idempotency_key="s")
    assert left(gifted) == {1: 18, 2: 20}

    gifted.clock.advance(days=1)
    assert gifted.coins.balance("ada") == Balance("ada", "coin", 30)
    assert [(it.owner, it.posted) for it in gifted.coins.owners()] == [("ada", 30)]
    assert left(gifted) == {2: 20}
    gifted.clock.advance(hours=5)
    assert gifted.sweep().counts["expired_awards"] == 1
    assert gifted.sweep().counts["expired_awards"] == 0

    assert gifted.coins.balance("ada").posted == 30
    assert balances_of(store, "ada") == {"mint": -42, "wallet": 30, "sink": 12}
    line, *_ = gifted.coins.statement("ada")
    assert (line.kind, line.amount, line.balance) == ("expire_award", -18, 30)
    assert (line.at, line.recorded_at) == (NOW + DAY, NOW + DAY + timedelta(hours=5))
    event = events_of(gifted, "ada")[-1]
    assert (event.type, event.fields["kind"]) == ("CoinsPosted", "expire_award")
    before = NOW + DAY - timedelta(seconds=1)
    assert [gifted.coins.balance("ada", as_of=at).posted for at in (before, NOW + DAY)] == [48, 30]
    assert gifted.coins.audit().ok
    with pytest.raises(TransferNotReversible):
        gifted.coins.reverse(line.transfer_id, idempotency_key="r")


def test_nobody_spends_what_has_expired(gifted):
    gifted.clock.advance(days=3)

    for act in (
        lambda: gifted.coins.spend("ada", 11, idempotency_key="s"),
        lambda: gifted.coins.transfer("ada", "bob", 11, idempotency_key="t"),
        lambda: gifted.coins.reserve("ada", 11, idempotency_key="h"),
        lambda: gifted.coins.set_floor("ada", floor=11),
    ):
        with pytest.raises(InsufficientFunds) as no:
            act()
        assert no.value.balance == 10
    with pytest.raises(BatchRefused):
        gifted.coins.post_many([Posting.spend("ada", 11)], idempotency_key="m")
    gifted.coins.post_many([Posting.spend("ada", 10)], idempotency_key="n")

    kinds = [(line.kind, line.amount) for line in gifted.coins.statement("ada", limit=3)]
    assert kinds == [("spend", -10), ("expire_award", -20), ("expire_award", -30)]
    assert gifted.sweep().counts["expired_awards"] == 0


def test_a_hold_uses_what_ends_first_and_gives_it_back(gifted):
    hold = gifted.coins.reserve("ada", 55, idempotency_key="h")
    assert left(gifted) == {}
    settled = gifted.coins.settle(hold.id, 35)
    assert left(gifted) == {2: 15}, "30 of the first and 5 of the second were spent"

    gifted.coins.reverse(settled.settlement_id, 10, idempotency_key="r")
    assert left(gifted) == {1: 5, 2: 20}
    gifted.clock.advance(days=1)
    gifted.coins.reverse(settled.settlement_id, 10, idempotency_key="q")

    assert available(gifted) == 30, "what has expired does not come back"
    kinds = [(line.kind, line.amount) for line in gifted.coins.statement("ada", limit=3)]
    assert kinds == [("expire_award", -10), ("reversal", 10), ("expire_award", -5)]
    assert gifted.coins.audit().ok


def test_a_hold_makes_no_coins_last_longer(gifted):
    gifted.coins.reserve("ada", 40, expires_in_seconds=2 * 86400, idempotency_key="h")
    gifted.clock.advance(days=1)
    assert gifted.coins.balance("ada") == Balance("ada", "coin", 60, pending=40)
    gifted.clock.advance(days=1)

    assert available(gifted) == 10
    assert left(gifted) == {}
    assert gifted.sweep().counts["expired_holds"] == 1
    assert available(gifted) == gifted.coins.balance("ada").posted == 10


def test_an_award_is_reversed_up_to_what_has_expired_of_it(gifted, kit):
    award = gifted.coins.statement("ada", newest_first=False)[1].transfer_id
    gifted.coins.spend("ada", 12, idempotency_key="s")
    gifted.coins.reverse(award, 5, idempotency_key="r")
    assert left(gifted) == {1: 13, 2: 20}
    gifted.clock.advance(days=1)

    with pytest.raises(AlreadyReversed) as no:
        gifted.coins.reverse(award, 13, idempotency_key="q")
    assert no.value.left == 12, "30 less 5 that were reversed and 13 that have expired"
    gifted.coins.reverse(award, idempotency_key="p")

    assert left(gifted) == {2: 18}, "what does not expire is taken back first"
    assert gifted.coins.balance("ada").posted == 18
    assert gifted.coins.audit().ok


def test_what_is_taken_back_takes_what_does_not_expire_first(gifted):
    plain = gifted.coins.statement("ada")[0].transfer_id

    gifted.coins.reverse(plain, idempotency_key="r")

    assert left(gifted) == {1: 30, 2: 20}


def test_transferred_coins_do_not_expire(gifted):
    gifted.coins.transfer("ada", "bob", 35, idempotency_key="t")
    gifted.clock.advance(days=9)

    assert (gifted.coins.balance("bob").posted, gifted.coins.expiring("bob")) == (35, [])
    assert available(gifted) == 10


def test_coins_that_pay_off_a_debt_are_used(kit):
    kit.coins.set_floor("ada", floor=-50)
    kit.coins.spend("ada", 40, idempotency_key="s")
    kit.coins.award("ada", 60, idempotency_key="a", expires_at=NOW + DAY)
    assert left(kit) == {1: 20}
    kit.clock.advance(days=1)

    assert kit.coins.balance("ada").posted == 0


def test_coins_that_come_back_to_a_debt_pay_it_off_and_are_used(kit):
    kit.coins.award("ada", 10, idempotency_key="a", expires_at=NOW + DAY)
    spent = kit.coins.spend("ada", 10, idempotency_key="s")
    plain = kit.coins.award("ada", 5, idempotency_key="b")
    kit.coins.spend("ada", 5, idempotency_key="t")
    kit.coins.reverse(plain.id, idempotency_key="r")
    assert kit.coins.balance("ada").posted == -5

    kit.coins.reverse(spent.id, idempotency_key="q")

    assert (kit.coins.balance("ada").posted, left(kit)) == (5, {1: 5})
    kit.clock.advance(days=1)
    assert kit.coins.balance("ada").posted == 0


def test_a_hold_on_credit_that_is_over_uses_nothing_of_an_award(kit):
    kit.coins.set_floor("ada", floor=-5)
    kit.coins.reserve("ada", 5, expires_in_seconds=60, idempotency_key="h")
    kit.clock.advance(minutes=1)

    kit.coins.award("ada", 5, idempotency_key="a", expires_at=NOW + DAY)

    assert kit.coins.expiring("ada") == [ExpiringCoins(5, NOW + DAY)]


def test_the_end_of_an_award_is_not_missed_after_one_that_was_used_up(kit):
    kit.coins.award("ada", 5, idempotency_key="a", expires_at=NOW + DAY)
    kit.coins.award("ada", 7, idempotency_key="b", expires_at=NOW + 3 * DAY)
    kit.coins.spend("ada", 5, idempotency_key="s")
    kit.clock.advance(days=2)
    kit.coins.award("ada", 9, idempotency_key="c", expires_at=NOW + 5 * DAY)
    kit.clock.advance(days=1)

    assert available(kit) == 9
    with pytest.raises(InsufficientFunds):
        kit.coins.spend("ada", 10, idempotency_key="t")


def test_an_award_with_an_end_is_one_request(kit):
    until = NOW + DAY
    first = kit.coins.award("ada", 5, idempotency_key="k", expires_at=until)
    kit.clock.advance(days=2)
    assert kit.coins.award("ada", 5, idempotency_key="k", expires_at=until) == first

    for other in (None, until + DAY):
        with pytest.raises(IdempotencyConflict, match="expires_at"):
            kit.coins.award("ada", 5, idempotency_key="k", expires_at=other)
    for wrong in (NOW + 2 * DAY, NOW.replace(tzinfo=None), "2026-03-01", 5):
        with pytest.raises(InvalidInstant, match="expires_at"):
            kit.coins.award("ada", 5, idempotency_key="n", expires_at=wrong)
    with pytest.raises(BatchRefused, match="only awards expire"):
        kit.coins.post_many(
            [Posting.spend("ada", 1, expires_at=NOW + 9 * DAY)], idempotency_key="m"
        )
    with pytest.raises(BatchRefused, match="after now"):
        kit.coins.post_many([Posting.award("ada", 1, expires_at=NOW)], idempotency_key="m")
    with pytest.raises(InvalidInput):
        kit.coins.expiring("ada", limit=0)


def test_the_sweep_is_bounded_and_leaves_nothing(kit):
    for n in range(5):
        kit.coins.award(f"ada{n % 2}", 3, idempotency_key=f"k{n}", expires_at=NOW + DAY)
    kit.coins.spend("ada1", 3, idempotency_key="s")
    kit.clock.advance(days=1)

    reports = [kit.sweep(limit=2) for _ in range(3)]

    assert [report.counts["expired_awards"] for report in reports] == [2, 2, 0]
    assert [kit.coins.balance(f"ada{n}").posted for n in range(2)] == [0, 0]
    assert kit.coins.audit().ok


def test_expiring_awards_are_exported(gifted):
    gifted.coins.spend("ada", 12, idempotency_key="s")
    awards = gifted.coins.export("ada").expiring

    assert sorted((it.amount, it.used, it.left) for it in awards) == [(20, 0, 20), (30, 12, 18)]
    assert len(gifted.export("ada")["coins"]["expiring"]) == 2


def test_a_wallet_without_expiring_awards_asks_for_none():
    store = MemoryStore()
    del store._stores._ports[habitkit.coins.EXPIRING]
    store.modules = store.modules - {"coins.expiring"}
    kit = HabitKit(store)

    kit.coins.award("ada", 50, idempotency_key="a")
    kit.coins.spend("ada", 5, idempotency_key="s")
    kit.coins.transfer("ada", "bob", 5, idempotency_key="t")
    hold = kit.coins.reserve("ada", 5, idempotency_key="h")
    spent = kit.coins.settle(hold.id, 3).settlement_id
    assert spent is not None
    kit.coins.reverse(spent, idempotency_key="r")
    kit.coins.post_many([Posting.award("ada", 1), Posting.spend("ada", 1)], idempotency_key="m")
    assert kit.coins.expiring("ada") == []
    assert kit.coins.balance("ada").posted == 40
    assert kit.sweep().failures == ()
    assert kit.coins.export("ada").expiring == ()
    with pytest.raises(NotSupportedByStore):
        kit.coins.award("ada", 1, idempotency_key="x", expires_at=NOW + 9999 * DAY)
