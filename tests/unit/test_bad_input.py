"""Whatever is wrong with a call: a clear error, and nothing is written."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from functools import partial
from uuid import UUID

import pytest

from habitkit import DayClock, Economy, RewardRule, Schedule
from habitkit.coins import BalanceOverflow, InsufficientFunds, InvalidAmount, UnknownCurrency
from habitkit.coins.domain.economy import RuleSet
from habitkit.errors import (
    HabitKitError,
    IdempotencyConflict,
    InvalidEvent,
    InvalidId,
    InvalidInput,
    InvalidInstant,
    InvalidKey,
    InvalidOwner,
    NotFound,
)
from habitkit.events import Recorded
from habitkit.habits import DayOutOfRange, HabitCompleted, InvalidHabit, InvalidZone
from habitkit.modules import vocabulary
from tests.unit.support import naive, nothing_written

TODAY = date(2026, 3, 10)
NOBODY = UUID(int=7)
DAILY = Schedule.daily()
OWNERS = ["", "x" * 201, "a\x00b", "\ud800", None, 5, b"ada", ["ada"]]
IDS = ["", "run", 5, None, b"x", "\ud800"]
KEYS = ["", "x" * 201, "a\x00b", "\ud800", 5, b"k", ["k"]]
LIMITS = [0, -1, 1001, 2**63, True, False, 1.0, 5.5, float("nan"), "5", None, [5]]
AMOUNTS = [0, -1, 2**63, -(2**63), True, False, 1.0, 0.5, float("nan"), "5", None]


@pytest.fixture(autouse=True)
def history(kit, run):
    """Let there be something that could be damaged."""
    kit.habits.check_in(run.id, idempotency_key="used")
    kit.habits.create("bob", "Read", DAILY)
    kit.coins.award("ada", 5, idempotency_key="used", memo="welcome")
    kit.events.record("ada", "read", {"pages": 5}, idempotency_key="used")


@pytest.fixture
def refused(store):
    """Return a function that fails unless a call is refused and has written nothing."""

    def refused(error, call, match=None):
        with nothing_written(store), pytest.raises(error, match=match) as refusal:
            call()
        assert type(refusal.value) is error
        assert isinstance(refusal.value, HabitKitError)
        assert str(refusal.value)
        return refusal.value

    return refused


# -- owners, ids, keys ---------------------------------------------------------------------------


@pytest.mark.parametrize("owner", OWNERS)
def test_an_owner_must_be_a_short_text(kit, refused, owner):
    for call in (
        lambda: kit.habits.create(owner, "Run", DAILY),
        lambda: kit.habits.list(owner),
        lambda: kit.coins.balance(owner),
        lambda: kit.coins.statement(owner),
        lambda: kit.coins.award(owner, 1, idempotency_key="k"),
        lambda: kit.coins.spend(owner, 1, idempotency_key="k"),
        lambda: kit.coins.transfer(owner, "bob", 1, idempotency_key="k"),
        lambda: kit.coins.transfer("ada", owner, 1, idempotency_key="k"),
        lambda: kit.events.record(owner, "read"),
        lambda: kit.events.page(owner),
        lambda: kit.events.net(owner, types=["read"]),
        lambda: kit.events.revision(owner),
        lambda: kit.owned_by(owner),
    ):
        assert refused(InvalidOwner, call, "owner: expected a non-empty string").given == owner


@pytest.mark.parametrize("given", IDS)
def test_an_id_must_be_one(kit, refused, given):
    for call in (
        lambda: kit.habits.get(given),
        lambda: kit.habits.check_in(given),
        lambda: kit.habits.backfill(given, [TODAY], source="paper"),
        lambda: kit.streaks.state(given),
        lambda: kit.streaks.done_days(given, TODAY, TODAY),
    ):
        assert refused(InvalidId, call, "habit_id: expected a UUID").given == given
    refused(InvalidId, lambda: kit.habits.undo(given), "fact_id: expected a UUID")


@pytest.mark.parametrize("given", [NOBODY, str(NOBODY)])
def test_a_habit_or_check_in_that_does_not_exist_is_not_found(kit, refused, given):
    for call in (
        lambda: kit.habits.get(given),
        lambda: kit.habits.check_in(given),
        lambda: kit.habits.check_in(given, idempotency_key="k"),
        lambda: kit.habits.backfill(given, [TODAY], source="paper"),
        lambda: kit.streaks.state(given),
        lambda: kit.streaks.done_days(given, TODAY, TODAY),
        lambda: kit.streaks.rebuild(given),
    ):
        error = refused(NotFound, call, "no such habit: ")
        assert (error.kind, error.given) == ("habit", given)
    assert refused(NotFound, lambda: kit.habits.undo(given), "no such fact: ").given == given


def test_a_habit_is_no_check_in_and_a_check_in_no_habit(kit, run, refused):
    done = kit.habits.check_in(run.id)

    refused(NotFound, lambda: kit.habits.undo(run.id), "no such fact")
    refused(NotFound, lambda: kit.habits.check_in(done.id), "no such habit")


@pytest.mark.parametrize("key", KEYS)
def test_a_key_must_be_a_short_text(kit, run, refused, key):
    for call in (
        lambda: kit.habits.create("ada", "Run", DAILY, idempotency_key=key),
        lambda: kit.habits.check_in(run.id, idempotency_key=key),
        lambda: kit.coins.award("ada", 1, idempotency_key=key),
        lambda: kit.coins.spend("ada", 1, idempotency_key=key),
        lambda: kit.coins.transfer("ada", "bob", 1, idempotency_key=key),
        lambda: kit.events.record("ada", "read", idempotency_key=key),
    ):
        assert refused(InvalidKey, call, "idempotency_key: expected").given == key


def test_coins_do_not_move_without_a_key(kit, refused):
    refused(InvalidKey, lambda: kit.coins.award("ada", 1, idempotency_key=None))


def test_a_key_that_comes_back_with_another_request_is_refused_and_the_difference_is_named(
    kit, run, refused
):
    for call, operation, differing in (
        (
            lambda: kit.habits.check_in(run.id, idempotency_key="used", note="late", tz="UTC"),
            "habits.check_in",
            ("note", "tz"),
        ),
        (
            lambda: kit.habits.check_in(run.id, idempotency_key="used", day=TODAY),
            "habits.check_in",
            ("day",),  # what is left out stays left out, even if it would mean the same
        ),
        (
            lambda: kit.coins.award("ada", 6, idempotency_key="used"),
            "coins.award",
            ("amount", "memo"),
        ),
        (
            lambda: kit.events.record("ada", "read", {"pages": 6}, idempotency_key="used"),
            "events.record",
            ("fields",),
        ),
    ):
        conflict = refused(IdempotencyConflict, call, "use a new key for a new request")
        assert (conflict.operation, conflict.key) == (operation, "used")
        assert conflict.differing == differing


def test_the_same_request_under_its_key_gets_its_result_again_and_is_written_once(kit, run, store):
    for call in (
        lambda: kit.habits.check_in(str(run.id).upper(), idempotency_key="used"),
        lambda: kit.coins.award("ada", 5, idempotency_key="used", memo="welcome"),
        lambda: kit.events.record("ada", "read", {"pages": 5}, idempotency_key="used"),
    ):
        first = call()
        revs = dict(store._stores.owners._revs.rows)
        events = len(kit.events.page("ada"))

        assert call() == first
        assert len(kit.events.page("ada")) == events
        assert store._stores.owners._revs.rows["ada"] == revs["ada"] + 1  # the lock, nothing else
    assert kit.coins.balance("ada").posted == 15


def test_a_request_that_was_refused_may_be_made_again_under_its_key(kit, refused):
    refused(InsufficientFunds, lambda: kit.coins.spend("ada", 50, idempotency_key="book"))
    kit.coins.award("ada", 50, idempotency_key="gift")

    assert kit.coins.spend("ada", 50, idempotency_key="book").amount == 50


# -- pages ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("limit", LIMITS)
def test_a_limit_must_be_an_int_from_1_to_1000(kit, refused, limit):
    for call in (
        lambda: kit.habits.list("ada", limit=limit),
        lambda: kit.coins.statement("ada", limit=limit),
        lambda: kit.coins.statement("nobody", limit=limit),
        lambda: kit.events.page("ada", limit=limit),
        lambda: kit.relay.run_once(limit),
        lambda: kit.sweep(limit),
    ):
        error = refused(InvalidInput, call, "limit: expected an int from 1 to 1000, got ")
        assert error.given is limit


def test_a_limit_may_be_the_smallest_and_the_largest(kit):
    for limit, count in ((1, 1), (1000, 2)):
        assert len(kit.coins.statement("ada", limit=limit)) == count
    for limit in (1, 1000):
        assert kit.relay.run_once(limit).delivered == 0
        assert kit.sweep(limit).counts["messages"] == 0


@pytest.mark.parametrize("after", [-1, 2**63, True, 1.0, "1", (1, 0), NOBODY])
def test_a_statement_goes_on_after_a_number(kit, refused, after):
    for owner in ("ada", "nobody"):
        call = lambda owner=owner: kit.coins.statement(owner, after=after)  # noqa: E731
        assert refused(InvalidInput, call, "after: expected an int from 0").given is after


@pytest.mark.parametrize(
    "after",
    [5, "10", (), (1,), (1, 0, 0), [1, 0], (1, "0"), (1, None), (True, 0), (1, 0.0), (-1, 0)],
)
def test_a_page_of_events_goes_on_after_a_rev_and_a_position(kit, refused, after):
    call = lambda: kit.events.page("ada", after=after)  # noqa: E731
    assert refused(InvalidInput, call, r"after: expected the \(rev, position\)").given is after


@pytest.mark.parametrize("after", ["", "run", 5, True, b"x"])
def test_a_list_of_habits_goes_on_after_an_id(kit, refused, after):
    call = lambda: kit.habits.list("ada", after=after)  # noqa: E731
    assert refused(InvalidId, call, "after: expected a UUID").given is after


def test_a_page_after_the_end_is_empty_and_one_after_the_beginning_is_whole(kit):
    last = 2**63 - 1

    assert kit.events.page("ada", after=(last, last)) == []
    assert kit.events.page("ada", after=(0, 0)) == kit.events.page("ada")
    assert kit.coins.statement("ada", after=last, newest_first=False) == []
    assert kit.coins.statement("ada", after=0) == []
    assert kit.coins.statement("ada", after=last) == kit.coins.statement("ada")


# -- habits --------------------------------------------------------------------------------------


@pytest.mark.parametrize("title", ["", " ", "x" * 201, "a\x00b", "\ud800", None, 5])
def test_a_title_must_be_a_short_text(kit, refused, title):
    error = refused(
        InvalidHabit, lambda: kit.habits.create("ada", title, DAILY), "title: expected 1 to 200"
    )
    assert error.given == title


@pytest.mark.parametrize("schedule", [None, "daily", Schedule, {"kind": "daily"}])
def test_a_schedule_must_be_one(kit, refused, schedule):
    refused(
        InvalidHabit,
        lambda: kit.habits.create("ada", "Run", schedule),
        "schedule: expected a Schedule",
    )


@pytest.mark.parametrize("kind", ["weekly", "", None, 5])
def test_a_schedule_of_an_unknown_kind_is_refused(refused, kind):
    refused(InvalidHabit, lambda: Schedule(kind), "kind: expected one of daily, ")


@pytest.mark.parametrize("clock", ["UTC", Schedule.daily(), 5])
def test_a_clock_must_be_one(kit, refused, clock):
    call = lambda: kit.habits.create("ada", "Run", DAILY, clock=clock)  # noqa: E731
    refused(InvalidHabit, call, "clock: expected a DayClock or None")


@pytest.mark.parametrize("zone", ["Europe/Viena", "", "UTC+1", "../UTC", "a\x00b", 5])
def test_a_zone_must_be_known(kit, run, refused, zone):
    for call in (
        lambda: kit.habits.create("ada", "Run", DAILY, clock=DayClock(zone)),
        lambda: kit.habits.check_in(run.id, tz=zone),
    ):
        assert refused(InvalidZone, call, "tz: expected an IANA zone").given == zone


@pytest.mark.parametrize("at", [naive("2026-03-10T08:00"), TODAY, "2026-03-10T08:00Z", 1773129600])
def test_an_instant_must_have_a_zone(kit, run, refused, at):
    for call in (
        lambda: kit.habits.check_in(run.id, at=at),
        lambda: kit.events.record("ada", "read", at=at),
    ):
        assert refused(InvalidInstant, call, "at: expected an aware datetime").given == at


@pytest.mark.parametrize("minutes", [16, 10 * 60, 10**6])
def test_an_instant_in_the_future_is_refused(kit, run, refused, minutes):
    at = kit.clock.now() + timedelta(minutes=minutes)

    call = lambda: kit.habits.check_in(run.id, at=at)  # noqa: E731
    refused(InvalidInstant, call, "at: expected an instant of the last hundred years")


@pytest.mark.parametrize("day", [datetime(2026, 3, 10, tzinfo=UTC), "2026-03-10", 10])
def test_a_day_must_be_a_date(kit, run, refused, day):
    refused(InvalidHabit, lambda: kit.habits.check_in(run.id, day=day), "day: expected a date")
    refused(
        InvalidHabit,
        lambda: kit.habits.backfill(run.id, [TODAY, day], source="paper"),
        "days: expected a date",
    )


@pytest.mark.parametrize(
    "day", [TODAY + timedelta(days=1), date.max, TODAY - timedelta(days=36_526), date.min]
)
def test_a_day_must_have_begun_and_not_lie_a_century_back(kit, run, refused, day):
    for call in (
        lambda: kit.habits.check_in(run.id, day=day),
        lambda: kit.habits.backfill(run.id, [TODAY, day], source="paper"),
    ):
        error = refused(DayOutOfRange, call, "expected a day from 1926-03-10 to 2026-03-10")
        assert (error.day, error.latest) == (day, TODAY)


def test_a_note_must_be_a_text_that_is_not_too_long(kit, run, refused):
    for note in ("x" * 2001, "a\x00b", 5):
        refused(
            InvalidHabit, lambda note=note: kit.habits.check_in(run.id, note=note), "note: expected"
        )


@pytest.mark.parametrize("source", ["", "x" * 101, "a\x00b", "\ud800", None, 5])
def test_a_backfill_requires_a_source(kit, run, refused, source):
    refused(
        InvalidHabit,
        lambda: kit.habits.backfill(run.id, [TODAY], source=source),
        "source: expected 1 to 100 characters",
    )


# -- coins ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("amount", AMOUNTS)
def test_an_amount_must_be_a_positive_64_bit_int(kit, refused, amount):
    for call in (
        lambda: kit.coins.award("ada", amount, idempotency_key="k"),
        lambda: kit.coins.spend("ada", amount, idempotency_key="k"),
        lambda: kit.coins.transfer("ada", "bob", amount, idempotency_key="k"),
    ):
        refused(InvalidAmount, call, r"amount: expected an int from 1 to 2\*\*63-1")


def test_a_currency_must_be_declared(kit, refused):
    for call in (
        lambda: kit.coins.award("ada", 1, idempotency_key="k", currency="gem"),
        lambda: kit.coins.spend("ada", 1, idempotency_key="k", currency="gem"),
        lambda: kit.coins.transfer("ada", "bob", 1, idempotency_key="k", currency="gem"),
        lambda: kit.coins.balance("ada", "gem"),
        lambda: kit.coins.statement("ada", currency="gem"),
    ):
        refused(UnknownCurrency, call, "currency: expected one of: coin, xp, got 'gem'")


@pytest.mark.parametrize("currencies", ["coin", {""}, {"x" * 51}, {"a\0"}, {5}, None], ids=repr)
def test_currencies_are_a_set_of_short_texts(refused, currencies):
    make = partial(Economy, (), currencies=currencies)
    refused(InvalidInput, make, "currencies: expected a set of strings of 1 to 50 characters")


@pytest.mark.parametrize("name", ["", 5, None, "a\0"], ids=repr)
def test_a_reward_rule_has_a_name(refused, name):
    refused(
        InvalidInput,
        partial(RewardRule, name, HabitCompleted, 1),
        "name: expected a non-empty string",
    )


def test_rules_begin_at_an_instant_with_a_zone(refused):
    refused(
        InvalidInput,
        partial(RuleSet, naive("2026-01-01T00:00"), ()),
        "since: expected an aware",
    )


def test_a_number_too_long_to_write_out_is_refused_like_any_other(kit, refused):
    call = partial(kit.coins.award, "ada", 10**5000, idempotency_key="a")
    refused(InvalidAmount, call, "got a int too long to show")


def test_a_hold_lasts_a_microsecond_at_least(kit, refused):
    call = partial(kit.coins.reserve, "ada", 1, idempotency_key="a", expires_in_seconds=1e-9)
    refused(InvalidInput, call, "expires_in_seconds: expected a number above 0")


def test_a_memo_must_be_a_text_that_is_not_too_long(kit, refused):
    for memo in ("x" * 501, "a\x00b", "\ud800", 5):
        call = lambda memo=memo: kit.coins.award("ada", 1, idempotency_key="k", memo=memo)  # noqa: E731
        refused(InvalidInput, call, "memo: expected at most 500")


def test_a_transfer_to_the_same_owner_is_refused(kit, refused):
    call = lambda: kit.coins.transfer("ada", "ada", 1, idempotency_key="k")  # noqa: E731
    refused(InvalidInput, call, "target: expected an owner other than the source")


def test_a_wallet_gives_no_more_than_it_holds(kit, refused):
    for call in (
        lambda: kit.coins.spend("ada", 16, idempotency_key="k"),
        lambda: kit.coins.transfer("ada", "bob", 16, idempotency_key="k"),
    ):
        error = refused(InsufficientFunds, call, "the balance is 15 and may not fall below 0")
        assert (error.balance, error.floor, error.amount) == (15, 0, 16)


def test_a_wallet_holds_no_more_than_64_bits(kit, refused):
    largest = 2**63 - 1
    call = lambda: kit.coins.award("ada", largest, idempotency_key="k")  # noqa: E731
    error = refused(BalanceOverflow, call, "would leave the range")

    assert (error.owner, abs(error.amount)) == ("ada", largest)
    assert kit.coins.award("cid", largest, idempotency_key="k").amount == largest


# -- events --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "type_", ["", "x" * 101, "a\nb", "a\x00b", "\ud800", None, 5, *vocabulary()]
)
def test_an_event_of_the_hosts_own_has_a_type_of_its_own(kit, refused, type_):
    refused(InvalidEvent, lambda: kit.events.record("ada", type_), "type: expected 1 to 100")


def _nested(depth):
    value: object = 1
    for _ in range(depth):
        value = [value]
    return value


@pytest.mark.parametrize(
    "fields",
    [
        {"value": object()},
        {"value": float("nan")},
        {"value": b"bytes"},
        {"value": "a\x00b"},
        {"value": ["\ud800"]},
        {"a\x00b": 1},
        {"deep": {"a": {"b\udfff": 1}}},
        {5: "five"},
        {"value": "x" * 65536},
        {"deep": _nested(20_000)},
        5,
        "text",
        [1, 2],
    ],
    ids=lambda fields: (
        ascii(fields)[:30] if not isinstance(fields, dict) or "deep" not in fields else "deep"
    ),
)
def test_the_fields_of_an_event_must_be_json_values_by_name(kit, refused, fields):
    refused(
        InvalidEvent,
        lambda: kit.events.record("ada", "read", fields),
        "fields: expected a JSON object",
    )


@pytest.mark.parametrize(
    "at",
    [
        datetime.min.replace(tzinfo=UTC),
        datetime.min.replace(tzinfo=timezone(timedelta(hours=9))),
        datetime(1, 12, 31, 23, 59, tzinfo=UTC),
    ],
)
def test_an_event_happened_at_an_instant_that_every_store_gives_back(kit, refused, at):
    def send(tx):
        tx.send(Recorded("bob", at, "noted", {}), "key")

    def emit(tx):
        tx.lock("ada")
        tx.emit("ada", [Recorded("ada", at, "noted", {})])

    refused(InvalidInstant, lambda: kit.events.record("ada", "noted", at=at))
    refused(InvalidEvent, lambda: kit.run(send), "years 2 to 9998")
    refused(InvalidEvent, lambda: kit.run(emit), "years 2 to 9998")


@pytest.mark.parametrize("text", [r"\u0000", r"\\u0000", "🏃", "a\\"])
def test_a_text_that_resembles_an_escape_is_kept(kit, text):
    kit.events.record("ada", "read", {text: text})

    assert kit.events.page("ada")[-1].fields == {text: text}


@pytest.mark.parametrize("wrong", [{"on": (7,)}, {"on": (-1,)}, {"on": (True,)}, {"week_start": 7}])
def test_a_weekday_is_one_of_seven_however_a_schedule_is_made(refused, wrong):
    refused(
        InvalidHabit, lambda: Schedule("weekdays", **{"on": (0,), **wrong}), "weekday: expected"
    )
