"""What a key's request is, and how long things are kept and tried."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from itertools import pairwise
from uuid import UUID

import pytest
from hypothesis import strategies as st

from habitkit import DayClock, Schedule
from habitkit.errors import IdempotencyConflict
from habitkit.journal.domain import rules
from habitkit.journal.domain.model import IdempotencyRecord
from tests.unit.support import given, naive

NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)

texts = st.text(st.sampled_from("ab1'{,"), max_size=3)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-2, 2) | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=5,
)


def reordered(value):
    """Return an equal value whose mappings were filled in another order."""
    if isinstance(value, dict):
        return {key: reordered(inner) for key, inner in reversed(value.items())}
    if isinstance(value, list):
        return [reordered(inner) for inner in value]
    return value


@given(st.dictionaries(texts, json_values, max_size=3))
def test_equal_requests_have_equal_fingerprints(request):
    assert rules.fingerprint(reordered(request)) == rules.fingerprint(request)


@given(json_values, json_values)
def test_different_values_have_different_fingerprints(some, other):
    prints = rules.fingerprint({"some": some, "other": other})

    assert (prints["some"] == prints["other"]) == (_strict(some) == _strict(other))


@given(st.datetimes(naive("1971-01-01"), naive("2099-01-01")), st.integers(-14 * 4, 14 * 4))
def test_an_instant_is_the_same_in_whatever_zone_it_is_written(at, quarters):
    in_utc = at.replace(tzinfo=UTC)
    elsewhere = in_utc.astimezone(timezone(timedelta(minutes=15 * quarters)))

    assert rules.fingerprint({"at": elsewhere}) == rules.fingerprint({"at": in_utc})


@pytest.mark.parametrize(
    ("some", "other"),
    [
        (None, "None"),
        (1, "1"),
        (1, True),
        (NOW, NOW + timedelta(microseconds=1)),
        (UUID(int=1), UUID(int=2)),
        (DayClock("UTC"), DayClock()),
        (Schedule.daily(), None),
    ],
)
def test_different_values_are_distinguished(some, other):
    assert rules.fingerprint({"value": some}) != rules.fingerprint({"value": other})


@given(
    st.dictionaries(st.sampled_from("abc"), st.text(max_size=1)),
    st.dictionaries(st.sampled_from("abc"), st.text(max_size=1)),
)
def test_a_request_that_differs_is_refused_and_the_arguments_are_named(first, second):
    a_record = IdempotencyRecord("ada", "habits.create", "k", first, "{}", NOW)
    differing = sorted(
        name
        for name in ("a", "b", "c")
        if (name in first, first.get(name)) != (name in second, second.get(name))
    )

    if not differing:
        rules.same_request(a_record, second)
    else:
        with pytest.raises(IdempotencyConflict) as conflict:
            rules.same_request(a_record, second)
        assert conflict.value.differing == tuple(differing)
        assert (conflict.value.operation, conflict.value.key) == ("habits.create", "k")
        assert ", ".join(differing) in str(conflict.value)


def test_a_result_is_returned_again_for_thirty_days():
    month = timedelta(days=30)

    assert not rules.expired(NOW, NOW)
    assert not rules.expired(NOW, NOW + month)
    assert rules.expired(NOW, NOW + month + timedelta(microseconds=1))


def test_ten_deliveries_are_spread_over_three_days_each_after_a_longer_wait():
    waits = [rules.retry_delay(attempt) for attempt in range(1, rules.MAX_DELIVERY_ATTEMPTS)]

    assert rules.MAX_DELIVERY_ATTEMPTS == 10
    assert sum(waits, timedelta()) == timedelta(days=3)
    assert waits[0] == timedelta(seconds=10)
    assert all(2 < later / earlier < 6 for earlier, later in pairwise(waits))
    assert rules.retry_delay(10**9) == waits[-1]


def _strict(value):
    """Make values comparable without 1 == True, and mappings without their order."""
    if isinstance(value, dict):
        return ("dict", frozenset((key, _strict(inner)) for key, inner in value.items()))
    if isinstance(value, list):
        return ("list", tuple(_strict(inner) for inner in value))
    return (type(value).__name__, value)
