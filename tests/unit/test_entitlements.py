"""What events entitle to, by the rules of their time, and what is still to be paid for them."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from uuid import UUID

import pytest
from attrs import evolve
from hypothesis import strategies as st

from habitkit.coins import CoinsPosted, InvalidAmount, UnknownCurrency
from habitkit.coins.domain.economy import Economy, RewardRule
from habitkit.coins.domain.entitlements import due, outstanding
from habitkit.coins.domain.model import Settled
from habitkit.errors import InvalidEvent, InvalidInput
from habitkit.events import Event, Retracted
from habitkit.habits import HabitCompleted, HabitCreated, StreakReached
from tests.unit.support import given

NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
HABIT = UUID(int=7)

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
    """Make the event of one of a few places: it is true, worth less, or taken back, sealed or
    not."""
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
def test_the_last_open_event_of_a_key_decides_what_is_due(events):
    now_due = due(events, economy)

    last = {event.key: event for event in events if not getattr(event, "sealed", False)}
    expected = {}
    for key, event in last.items():
        earns = not isinstance(event, Retracted) and getattr(event, "credit", "full") == "full"
        if key.startswith("done:"):
            expected[f"{key}:completion"] = ("coin", 10 if earns else 0)
            expected[f"{key}:karma"] = ("karma", 3 if earns else 0)
        else:
            expected[f"{key}:streak"] = ("coin", 50 if earns else 0)
    assert {place: (row.currency, row.amount) for place, row in now_due.items()} == expected
    assert all(row.key == place for place, row in now_due.items())


@pytest.mark.parametrize("kind", [HabitCreated, CoinsPosted, Event, int, "HabitCompleted"])
def test_a_reward_rule_is_on_a_class_of_events_with_a_key_of_its_own(kind):
    with pytest.raises(InvalidEvent, match="on: expected an Event class that defines a key"):
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

    with pytest.raises(InvalidInput, match="a different name for each rule"):
        Economy(twice)
    assert len(Economy((twice[0], RewardRule("done", StreakReached, 7))).rules) == 2


def test_an_event_without_a_key_earns_nothing():
    class Sometimes(Event):
        @property
        def key(self):
            return None

    generous = Economy(rules=(RewardRule("all", Sometimes, 10),))

    assert due([Sometimes("ada", NOW)], generous) == {}


amounts = st.dictionaries(
    st.sampled_from("abcdef"), st.tuples(st.sampled_from(["coin", "karma"]), st.integers(0, 60))
)


@given(amounts, amounts)
def test_the_outstanding_rows_and_sums_lead_from_what_was_paid_to_what_is_due(wants, paid):
    wanted = {k: Settled(k, c, n) for k, (c, n) in wants.items()}
    settled = {k: Settled(k, c, n) for k, (c, n) in paid.items()}

    changed, net = outstanding(wanted, settled)

    after = settled | {row.key: row for row in changed}
    assert {k: after[k].amount if k in after else 0 for k in wanted} == {
        k: row.amount for k, row in wanted.items()
    }
    assert all(settled.get(row.key) != row for row in changed)
    for currency in ("coin", "karma"):
        wanted_now = sum(row.amount for row in wanted.values() if row.currency == currency)
        was_paid = sum(
            row.amount for k, row in settled.items() if k in wanted and row.currency == currency
        )
        assert net.get(currency, 0) == wanted_now - was_paid


def test_a_paid_entitlement_is_not_outstanding():
    row = Settled("done:1:completion", "coin", 10)

    assert outstanding({row.key: row}, {row.key: row}) == ([], {})
    assert outstanding({row.key: row}, {}) == ([row], {"coin": 10})


# -- rules that change ---------------------------------------------------------------------------

OLD = (RewardRule("completion", HabitCompleted, 10), RewardRule("extra", HabitCompleted, 1))
NEW = (RewardRule("completion", HabitCompleted, 12, "karma"),)
changing = Economy(OLD, frozenset({"coin", "karma"})).changed(NOW, NEW)
DONE = HabitCompleted("ada", NOW + HOUR, HABIT, date(2026, 3, 10), "full")


@pytest.mark.parametrize(
    ("received_at", "paid"),
    [
        (NOW - HOUR, {"completion": ("coin", 10), "extra": ("coin", 1)}),
        (NOW - timedelta(microseconds=1), {"completion": ("coin", 10), "extra": ("coin", 1)}),
        (NOW, {"completion": ("karma", 12), "extra": ("coin", 0)}),
        (None, {"completion": ("karma", 12), "extra": ("coin", 0)}),
    ],
)
def test_an_event_follows_the_rules_in_force_when_it_was_received(received_at, paid):
    now_due = due([evolve(DONE, received_at=received_at)], changing)

    assert {
        name.rpartition(":")[2]: (row.currency, row.amount) for name, row in now_due.items()
    } == paid


def test_a_retracted_event_earns_nothing_by_the_rules_of_any_version():
    now_due = due([DONE, Retracted("ada", NOW, DONE.type, DONE.key)], changing)

    assert {name.rpartition(":")[2]: row.amount for name, row in now_due.items()} == {
        "completion": 0,
        "extra": 0,
    }


def test_what_was_paid_in_another_currency_is_taken_back_in_that_currency():
    paid, wanted = Settled("k", "coin", 10), Settled("k", "karma", 12)

    assert outstanding({"k": wanted}, {"k": paid}) == ([wanted], {"coin": -10, "karma": 12})


def test_an_economy_has_the_rules_of_every_version():
    later = changing.changed(NOW + HOUR, ())

    assert [later.rules_at(NOW + n * HOUR).rules for n in (-1, 0, 1, 2)] == [OLD, NEW, (), ()]
    assert later.rewarded == {HabitCompleted}
    assert changing.rules == OLD, "what was there is left alone"


def test_an_economy_changes_at_ascending_instants():
    vienna = timezone(HOUR)
    economy = Economy(()).changed(NOW.astimezone(vienna), ())

    assert economy.changes[0].since.tzinfo is UTC
    for since in (NOW, NOW - HOUR):
        with pytest.raises(InvalidInput, match="ascending order"):
            economy.changed(since, ())


@pytest.mark.parametrize("since", [NOW.replace(tzinfo=None), NOW.date(), "2026-03-10", None])
def test_a_change_of_the_economy_has_an_aware_instant(since):
    with pytest.raises(InvalidInput, match="since: expected an aware datetime"):
        Economy(()).changed(since, ())


def test_later_rules_pay_in_declared_currencies_and_have_names_of_their_own_too():
    with pytest.raises(UnknownCurrency):
        Economy(()).changed(NOW, NEW)
    with pytest.raises(InvalidInput, match="a different name for each rule"):
        Economy(()).changed(NOW, (OLD[0], OLD[0]))
