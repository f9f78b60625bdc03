"""The ledger's arithmetic: amounts, floors, moves, holds, what may be taken back."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import strategies as st

from habitkit.coins import (
    BalanceOverflow,
    HoldEnded,
    InsufficientFunds,
    InvalidAmount,
    TransferNotReversible,
    UnknownCurrency,
)
from habitkit.coins.domain import rules
from habitkit.coins.domain.economy import Economy
from habitkit.coins.domain.model import Account, Balance, Hold, Kind, Move, Transfer
from habitkit.errors import InvalidInput
from tests.unit.support import given

NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)
LARGEST = 2**63 - 1
SMALLEST = -(2**63)
TRANSFER = UUID(int=9)

balances = st.integers(SMALLEST, LARGEST) | st.integers(-50, 50)
changes = st.integers(-LARGEST, LARGEST) | st.integers(-50, 50)
floors = st.none() | st.integers(-20, 20)


def account(balance=0, floor=None, seq=4, at=NOW):
    return Account(UUID(int=1), "ada", "wallet", "coin", balance, seq, at, floor)


@given(st.integers(1, LARGEST))
def test_an_amount_is_a_positive_64_bit_int(amount):
    assert rules.amount(amount) == amount


@pytest.mark.parametrize(
    "amount", [0, -1, LARGEST + 1, SMALLEST, True, False, 1.0, 0.5, float("nan"), "5", None, b"5"]
)
def test_anything_else_is_no_amount(amount):
    with pytest.raises(InvalidAmount, match=r"amount: expected an int from 1 to 2\*\*63-1") as no:
        rules.amount(amount)

    assert no.value.given is amount


@given(balances, changes, floors, st.booleans())
def test_a_move_adds_up_and_stops_at_the_floor_and_at_64_bits(balance, change, floor, may_owe):
    before, after = account(balance, floor), balance + change

    outcome: Move | BalanceOverflow | InsufficientFunds
    try:
        outcome = rules.move(before, TRANSFER, change, NOW, may_owe=may_owe)
    except (BalanceOverflow, InsufficientFunds) as refusal:
        outcome = refusal

    if isinstance(outcome, BalanceOverflow):
        debt = 0 if floor is None else floor - after
        assert not SMALLEST <= after <= LARGEST or debt > LARGEST
        assert (outcome.owner, outcome.amount) == ("ada", change)
    elif isinstance(outcome, InsufficientFunds):
        assert floor is not None
        assert after < floor
        assert change < 0
        assert not may_owe
        assert (outcome.balance, outcome.floor, outcome.amount) == (balance, floor, -change)
        assert (outcome.owner, outcome.currency) == ("ada", "coin")
    else:
        assert SMALLEST <= after <= LARGEST
        assert (outcome.account_id, outcome.seq) == (before.id, before.seq + 1)
        assert outcome.transfer_id == TRANSFER
        assert (outcome.amount, outcome.balance) == (change, after)
        if floor is None:
            assert outcome.debt == 0
        else:
            assert outcome.debt == max(floor - after, 0)
            assert change >= 0 or may_owe or after >= floor


@pytest.mark.parametrize(
    ("floor", "balance", "change"),
    [(LARGEST, 5, -6), (LARGEST, 0, -LARGEST), (1, SMALLEST, 0), (0, 0, SMALLEST)],
)
def test_a_debt_that_leaves_64_bits_is_refused(floor, balance, change):
    with pytest.raises(BalanceOverflow) as caught:
        rules.move(account(balance, floor), TRANSFER, change, NOW, may_owe=True)

    assert (caught.value.owner, caught.value.amount) == ("ada", change)


def test_the_largest_debt_of_64_bits_is_accepted():
    owing = rules.move(account(5, LARGEST), TRANSFER, -5, NOW, may_owe=True)

    assert (owing.balance, owing.debt) == (0, LARGEST)


@given(st.timedeltas(timedelta(-3), timedelta(3)))
def test_an_entry_is_never_dated_before_the_one_before_it(difference):
    move = rules.move(account(at=NOW + difference), TRANSFER, 1, NOW)

    assert move.at == max(NOW, NOW + difference)


def test_a_wallet_in_debt_may_receive_but_not_give():
    in_debt = account(balance=-30, floor=0)

    assert rules.move(in_debt, TRANSFER, 10, NOW).debt == 20
    with pytest.raises(InsufficientFunds, match=r"cannot take 1 coin from .* may not fall below 0"):
        rules.move(in_debt, TRANSFER, -1, NOW)


@pytest.mark.parametrize(
    ("posted", "floor", "pending", "available"),
    [(5, 0, 0, 5), (5, -10, 0, 15), (-5, 0, 0, 0), (5, 0, 3, 2), (5, 2, 3, 0), (5, 4, 3, 0)],
)
def test_coins_above_the_floor_and_not_held_are_available(posted, floor, pending, available):
    assert Balance("ada", "coin", posted, floor, pending).available == available


@pytest.mark.parametrize("currency", ["gem", "", None, 5, ["coin"]])
def test_a_currency_that_was_not_declared_is_refused_and_the_declared_ones_are_named(currency):
    economy = Economy.without_rewards("karma")

    with pytest.raises(UnknownCurrency, match="one of: coin, karma"):
        rules.currency(currency, economy)


def test_declared_currencies_are_accepted():
    assert rules.currency("karma", Economy.without_rewards("karma")) == "karma"
    assert rules.currency("coin", Economy.default()) == "coin"


@pytest.mark.parametrize("memo", [None, "", "a book", "x" * 500])
def test_a_memo_is_kept_as_it_is(memo):
    assert rules.memo(memo) == memo


@pytest.mark.parametrize("memo", ["x" * 501, "a\x00b", "\ud800", 5, b"book"])
def test_a_memo_that_cannot_be_stored_is_refused(memo):
    with pytest.raises(InvalidInput, match="memo: expected at most 500 characters, valid UTF-8"):
        rules.memo(memo)


@pytest.mark.parametrize("floor", [SMALLEST, -5, 0, 7, LARGEST])
def test_a_floor_is_any_64_bit_int(floor):
    assert rules.floor(floor) == floor


@pytest.mark.parametrize("floor", [SMALLEST - 1, LARGEST + 1, True, 1.0, "5", None])
def test_anything_else_is_no_floor(floor):
    with pytest.raises(InvalidAmount, match="floor: expected an int from -2"):
        rules.floor(floor)


# -- holds ---------------------------------------------------------------------------------------

YEAR = 366 * 86_400


@pytest.mark.parametrize(("seconds", "microseconds"), [(1, 10**6), (0.5, 500_000), (90, 9 * 10**7)])
def test_a_hold_expires_after_so_many_seconds(seconds, microseconds):
    assert rules.expiry(seconds, NOW) == NOW + timedelta(microseconds=microseconds)


def test_a_hold_may_never_expire():
    assert rules.expiry(None, NOW) is None
    assert rules.expiry(YEAR, NOW) == NOW + timedelta(days=366)


@pytest.mark.parametrize(
    "seconds", [0, -1, YEAR + 1, float("nan"), float("inf"), True, "60", timedelta(1)]
)
def test_an_invalid_expiry_is_refused(seconds):
    with pytest.raises(InvalidInput, match="expires_in_seconds: expected a number above 0"):
        rules.expiry(seconds, NOW)


def hold(state="open", expires_at=None, settled=0):
    return Hold(UUID(int=3), "ada", "coin", 1, 10, NOW, expires_at, state, settled)


def test_an_open_hold_may_be_ended_until_it_expires():
    lasting, brief = hold(), hold(expires_at=NOW + timedelta(seconds=1))

    assert rules.hold_to_end(lasting, NOW + timedelta(days=999)) is lasting
    assert rules.hold_to_end(brief, NOW) is brief
    with pytest.raises(HoldEnded, match="is expired; only an open hold"):
        rules.hold_to_end(brief, NOW + timedelta(seconds=1))


@pytest.mark.parametrize(
    ("state", "said"), [("settled", "settled for 4"), ("released", "released"), ("expired", "exp")]
)
def test_a_hold_that_has_ended_is_not_ended_again(state, said):
    with pytest.raises(HoldEnded, match=said) as refusal:
        rules.hold_to_end(hold(state, settled=4), NOW)

    assert (refusal.value.state, refusal.value.settled) == (state, 4)


# -- what may be taken back ----------------------------------------------------------------------


def a_transfer(kind):
    return Transfer(TRANSFER, kind, "ada", "bob", "coin", 5, None, NOW)


def test_coins_go_back_to_where_they_came_from():
    kinds: list[Kind] = ["award", "spend", "transfer"]

    for kind in kinds:
        assert rules.reversal(a_transfer(kind)) == rules.BETWEEN[kind][::-1]
    assert rules.reversal(a_transfer("settle")) == ("sink", "wallet"), "not back into escrow"


@pytest.mark.parametrize(
    "kind", ["reserve", "release", "expire", "reversal", "reward", "correction"]
)
def test_transfers_of_managed_kinds_cannot_be_reversed(kind):
    with pytest.raises(TransferNotReversible, match=f"of kind '{kind}'"):
        rules.reversal(a_transfer(kind))
