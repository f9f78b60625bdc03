"""Identifiers, owners, keys, and the limits and places of a page."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from uuid import UUID

import pytest
from hypothesis import strategies as st

from habitkit import ids
from habitkit.errors import InvalidId, InvalidInput, InvalidKey, InvalidOwner
from tests.unit.support import given, naive

instants = st.datetimes(naive("1970-01-01"), naive("9999-12-31"), timezones=st.just(UTC))
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@given(instants)
def test_a_new_id_has_the_layout_of_rfc_9562_version_7(now):
    made = ids.time_ordered_id(now)

    assert made.int >> 80 == (now - EPOCH) // timedelta(milliseconds=1)
    assert made.version == 7
    assert made.variant == uuid.RFC_4122


@pytest.mark.parametrize(
    ("random", "expected"),
    [
        (b"\x00" * 10, "017f22e2-79b0-7000-8000-000000000000"),
        (b"\xff" * 10, "017f22e2-79b0-7fff-bfff-ffffffffffff"),
        (bytes.fromhex("0cc318c4dc0c0c07398f"), "017f22e2-79b0-7cc3-98c4-dc0c0c07398f"),
    ],
)
def test_version_and_variant_replace_six_of_eighty_random_bits(monkeypatch, random, expected):
    """The last row is the example of RFC 9562, appendix A.6."""
    bits = int.from_bytes(random, "big")
    monkeypatch.setattr(
        ids, "_random", SimpleNamespace(getrandbits=lambda count: bits >> 80 - count)
    )

    made = ids.time_ordered_id(datetime(2022, 2, 22, 19, 22, 22, tzinfo=UTC))

    assert str(made) == expected


def test_ids_of_one_instant_differ():
    now = datetime(2026, 3, 10, tzinfo=UTC)

    assert len({ids.time_ordered_id(now) for _ in range(1000)}) == 1000


def test_an_id_of_a_later_millisecond_sorts_later():
    now = datetime(2026, 3, 10, tzinfo=UTC)
    made = [ids.time_ordered_id(now + timedelta(milliseconds=n)) for n in range(1000)]

    assert made == sorted(made)


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        ((), "bb2ee0d7-44bc-5e4d-8e4c-bbe14a81e0f6"),
        (("ada", "habits.create", "k"), "618633e9-7940-52ca-8232-e268fb1c62dd"),
        (("ada", "habits.check_in", "2026-03-10"), "4d6108ae-b228-5a37-8375-38e3ab9d3a1e"),
        (("ä", "走", "🏃"), "3f7c938a-89d5-511e-a82b-40365991dc37"),
    ],
)
def test_a_derived_id_is_the_same_for_ever(parts, expected):
    assert str(ids.derived_id(*parts)) == expected
    assert ids.derived_id(*parts).version == 5


parts = st.lists(st.text(st.sampled_from("ab:1\x1f"), max_size=4), max_size=4)


@given(parts, parts)
def test_derived_ids_are_equal_only_if_all_parts_are(some, other):
    assert (ids.derived_id(*some) == ids.derived_id(*other)) == (some == other)


def test_an_id_may_be_given_as_a_uuid_or_as_its_text():
    an_id = UUID("017f22e2-79b0-7cc3-98c4-dc0c0c07398f")

    assert ids.parse_id(an_id, "habit_id") is an_id
    assert ids.parse_id(str(an_id), "habit_id") == an_id
    assert ids.parse_id(str(an_id).upper(), "habit_id") == an_id


@pytest.mark.parametrize("value", ["", "run", "017f22e2", 7, None, b"\x00" * 16, ["a"], "\ud800"])
def test_anything_else_is_no_id_and_the_argument_is_named(value):
    with pytest.raises(InvalidId, match="habit_id: expected a UUID, or one as a string") as refusal:
        ids.parse_id(value, "habit_id")

    assert refusal.value.given == value


@pytest.mark.parametrize("name", ["a", "ada@example.org", "x" * 200, "走る", "a b", " ", "\n"])
def test_owners_and_keys_are_short_texts(name):
    assert ids.owner(name) == name
    assert ids.key(name) == name


@pytest.mark.parametrize(
    "name", ["", "x" * 201, "a\x00b", "\x00", "\ud800", "a\udfff", None, 7, True, b"ada", ["ada"]]
)
def test_other_owners_and_keys_are_refused(name):
    with pytest.raises(
        InvalidOwner, match="owner: expected a non-empty string of at most 200"
    ) as o:
        ids.owner(name)
    with pytest.raises(InvalidKey, match="idempotency_key: expected a non-empty string") as k:
        ids.key(name)

    assert o.value.given == k.value.given == name


@given(st.text(max_size=8) | st.text(max_size=8).map(lambda text: text * 30))
def test_every_owner_that_is_accepted_can_be_stored_as_utf_8_without_nul(name):
    try:
        accepted = ids.owner(name)
    except InvalidOwner:
        assert not 0 < len(name) <= 200 or "\x00" in name
    else:
        assert b"\x00" not in accepted.encode()


@pytest.mark.parametrize("value", [1, 50, 1000])
def test_a_limit_is_an_int_from_one_to_the_largest(value):
    assert ids.limit(value) == value
    assert ids.limit(1, largest=1) == 1


@pytest.mark.parametrize("value", [0, -1, 1001, 2**70, True, 1.0, "1", None, [1]])
def test_another_limit_is_refused_and_the_largest_is_named(value):
    with pytest.raises(InvalidInput, match="limit: expected an int from 1 to 1000, got") as refusal:
        ids.limit(value)

    assert refusal.value.given is value
    with pytest.raises(InvalidInput, match="from 1 to 9, got 10"):
        ids.limit(10, largest=9)


@pytest.mark.parametrize("value", [0, 1, 2**63 - 1])
def test_a_place_is_a_number_of_64_bits(value):
    assert ids.cursor(value) == value


@pytest.mark.parametrize("value", [-1, 2**63, True, 0.0, "0", None, (0, 0)])
def test_another_place_is_refused(value):
    with pytest.raises(InvalidInput, match="after: expected an int from 0 to") as refusal:
        ids.cursor(value)

    assert refusal.value.given is value
