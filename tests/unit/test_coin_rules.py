"""The ledger's arithmetic, and what events entitle to."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import strategies as st

from habitkit.coins import rules
from habitkit.coins.model import Account, Balance, Economy, Move, RewardRule, Settled
from habitkit.errors import (
    BalanceOverflow,
    InsufficientFunds,
    InvalidAmount,
    InvalidEvent,
    InvalidInput,
    UnknownCurrency,
)
from habitkit.events import (
    CoinsPosted,
    Event,
    HabitCompleted,
    HabitCreated,
    Retracted,
    StreakReached,
)
from tests.unit.support import given

NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)
LARGEST = 2**63 - 1
SMALLEST = -(2**63)
HABIT = UUID(int=7)

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
        outcome = rules.move(before, change, NOW, may_owe=may_owe)
    except (BalanceOverflow, InsufficientFunds) as refusal:
        outcome = refusal

    if isinstance(outcome, BalanceOverflow):
        assert not SMALLEST <= after <= LARGEST
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
        assert (outcome.amount, outcome.balance) == (change, after)
        if floor is None:
            assert outcome.debt == 0
        else:
            assert outcome.debt == max(floor - after, 0)
            assert change >= 0 or may_owe or after >= floor


@given(st.timedeltas(timedelta(-3), timedelta(3)))
def test_an_entry_is_never_dated_before_the_one_before_it(difference):
    move = rules.move(account(at=NOW + difference), 1, NOW)

    assert move.at == max(NOW, NOW + difference)


def test_a_wallet_in_debt_may_receive_but_not_give():
    in_debt = account(balance=-30, floor=0)

    assert rules.move(in_debt, 10, NOW).debt == 20
    with pytest.raises(InsufficientFunds, match="may not fall below 0, so 1 cannot be taken"):
        rules.move(in_debt, -1, NOW)


@pytest.mark.parametrize(("posted", "floor", "available"), [(5, 0, 5), (5, -10, 15), (-5, 0, 0)])
def test_what_is_above_the_floor_is_available(posted, floor, available):
    assert Balance("ada", "coin", posted, floor).available == available


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
    with pytest.raises(InvalidInput, match="memo: expected at most 500 characters or None"):
        rules.memo(memo)


# -- what events entitle to ----------------------------------------------------------------------

economy = Economy(
    rules=(
        RewardRule("completion", HabitCompleted, 10),
        RewardRule("karma", HabitCompleted, 3, "karma"),
        RewardRule("streak", StreakReached, 50),
    ),
    currencies=frozenset({"coin", "karma"}),
)


@st.composite
def derived_events(draw):
    """Make the event of one of a few places: it is true, worth less, or taken back, sealed or not."""
    day = date(2026, 3, draw(st.integers(1, 3)))
    credit, sealed = draw(st.sampled_from(["full", "history"])), draw(st.booleans())
    event: HabitCompleted | StreakReached
    if draw(st.booleans()):
        event = HabitCompleted("ada", NOW, HABIT, day, credit)
    else:
        event = StreakReached("ada", NOW, HABIT, day, 7)
    if draw(st.booleans()):
        return Retracted("ada", NOW, event.type, event.key, sealed)
    return event


@given(st.lists(derived_events(), max_size=12))
def test_each_place_is_due_what_the_last_open_event_of_it_says(events):
    due = rules.due(events, economy)

    last = {event.key: event for event in events if not getattr(event, "sealed", False)}
    expected = {}
    for key, event in last.items():
        earns = not isinstance(event, Retracted) and getattr(event, "credit", "full") == "full"
        if key.startswith("done:"):
            expected[f"{key}:completion"] = ("coin", 10 if earns else 0)
            expected[f"{key}:karma"] = ("karma", 3 if earns else 0)
        else:
            expected[f"{key}:streak"] = ("coin", 50 if earns else 0)
    assert {place: (row.currency, row.amount) for place, row in due.items()} == expected
    assert all(row.key == place for place, row in due.items())


@pytest.mark.parametrize("kind", [HabitCreated, CoinsPosted, Event, int, "HabitCompleted"])
def test_a_reward_rule_is_on_a_class_of_events_with_a_key_of_its_own(kind):
    with pytest.raises(InvalidEvent, match="on: expected a class of events with a key"):
        RewardRule("all", kind, 10)


@pytest.mark.parametrize("give", [0, -5, 0.5, True, 2**63, None])
def test_a_reward_rule_gives_an_amount_of_coins(give):
    with pytest.raises(InvalidAmount, match="give: expected an int from 1") as refusal:
        RewardRule("done", HabitCompleted, give)

    assert refusal.value.given is give


def test_a_reward_rule_pays_in_a_declared_currency():
    rules = (RewardRule("done", HabitCompleted, 5, "gem"),)

    with pytest.raises(UnknownCurrency, match="rules: expected one of: coin, got 'gem'"):
        Economy(rules)
    assert Economy(rules, frozenset({"gem"})).rules == rules


def test_two_reward_rules_on_an_event_have_two_names():
    twice = (RewardRule("done", HabitCompleted, 5), RewardRule("done", HabitCompleted, 7))

    with pytest.raises(InvalidInput, match="one name a rule"):
        Economy(twice)
    assert len(Economy((twice[0], RewardRule("done", StreakReached, 7))).rules) == 2


def test_an_event_that_names_no_place_entitles_to_nothing():
    class Sometimes(Event):
        @property
        def key(self):
            return None

    generous = Economy(rules=(RewardRule("all", Sometimes, 10),))

    assert rules.due([Sometimes("ada", NOW)], generous) == {}


amounts = st.dictionaries(
    st.sampled_from("abcdef"), st.tuples(st.sampled_from(["coin", "karma"]), st.integers(0, 60))
)


@given(amounts, amounts)
def test_the_outstanding_rows_and_sums_lead_from_what_was_paid_to_what_is_due(due, paid):
    currency_of = {"coin": "coin", "karma": "karma"}
    wanted = {k: Settled(k, currency_of[c], n) for k, (c, n) in due.items()}
    settled = {
        k: Settled(k, wanted[k].currency if k in wanted else c, n) for k, (c, n) in paid.items()
    }

    changed, net = rules.outstanding(wanted, settled)

    after = settled | {row.key: row for row in changed}
    assert {k: after[k].amount if k in after else 0 for k in wanted} == {
        k: row.amount for k, row in wanted.items()
    }
    assert all(settled.get(row.key) != row for row in changed)
    for currency in ("coin", "karma"):
        difference = sum(
            row.amount - (settled[k].amount if k in settled else 0)
            for k, row in wanted.items()
            if row.currency == currency
        )
        assert net.get(currency, 0) == difference


def test_what_was_paid_already_is_not_outstanding():
    row = Settled("done:1:completion", "coin", 10)

    assert rules.outstanding({row.key: row}, {row.key: row}) == ([], {})
    assert rules.outstanding({row.key: row}, {}) == ([row], {"coin": 10})
