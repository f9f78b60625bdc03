"""How names and times to live become items."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from habitkit.backends.memcached._items import Stored, expiry, key_of, placeholder, subject_of

NOW_MS = 1_800_000_000_000
DAY_MS = 86_400_000
names = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), min_size=1, max_size=600)


@given(names)
def test_every_name_becomes_a_key_that_memcached_accepts(subject):
    key = key_of(f"v{subject}")
    assert 2 <= len(key) <= 200
    assert all("!" <= character <= "~" for character in key)


@given(names)
def test_the_keys_of_a_value_and_its_lease_have_one_subject(subject):
    value, lease = key_of(f"v{subject}"), key_of(f"l{subject}")
    assert value != lease
    assert subject_of(value) == subject_of(lease)


def test_a_plain_name_is_never_the_hash_of_another_one():
    hashed = key_of(f"v:{'x' * 600}")
    assert hashed.startswith("v#")
    assert key_of(hashed) != hashed
    assert key_of("v:ada") == "v:ada"


@given(st.integers(1, (1 << 31) - 1), st.integers(0, 1 << 45))
def test_a_short_life_ends_to_the_millisecond(ttl_ms, now_ms):
    end = expiry(ttl_ms, now_ms)
    stored = Stored(b"", end.flags)
    assert not stored.is_over(now_ms + ttl_ms - 2)
    assert stored.is_over(now_ms + ttl_ms)
    assert end.expire * 1000 >= ttl_ms + 1000, "the server may drop it a second early"


@pytest.mark.parametrize(
    ("days", "expire"),
    [(25, 25 * 86_400), (30, 30 * 86_400), (31, NOW_MS // 1000 + 31 * 86_400)],
)
def test_a_long_life_is_left_to_the_server(days, expire):
    end = expiry(days * DAY_MS + 999, NOW_MS)
    assert (end.expire, end.flags) == (expire, 0)
    assert not Stored(b"", end.flags).is_over(NOW_MS + 400 * DAY_MS)


@given(st.integers(1 << 33, 1 << 45))
def test_a_placeholder_is_over_from_the_beginning(now_ms):
    assert Stored(b"", placeholder(now_ms).flags).is_over(now_ms)
