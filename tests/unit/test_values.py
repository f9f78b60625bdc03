"""The methods that all values share do what attrs would have written for each."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import attrs
import pytest

from habitkit import Schedule
from habitkit._values import fact, frozen
from habitkit.coins import Posting
from habitkit.events import HabitCreated, Recorded


class Pair:
    left: Any
    right: Any = attrs.field(default=None, hash=False)
    kept: Any = attrs.field(default=0, eq=False)
    secret: Any = attrs.field(default="hush", repr=False)


def made(make):
    """Return a class of its own that is made of the same fields."""
    return make(type("Pair", (), dict(vars(Pair))))


OURS = [made(frozen), made(fact)]
THEIRS = made(attrs.frozen)
CASES = [(1, [2]), (1, [3]), (1, [2], 5), (1, [2], 0, "other"), ("é", None), (float("nan"), None)]


@pytest.mark.parametrize("ours", OURS)
@pytest.mark.parametrize("some", CASES)
@pytest.mark.parametrize("other", CASES)
def test_values_are_equal_when_attrs_finds_them_so(ours, some, other):
    equal = THEIRS(*some) == THEIRS(*other)

    assert (ours(*some) == ours(*other)) is equal
    assert (ours(*some) != ours(*other)) is not equal
    if equal:
        assert hash(ours(*some)) == hash(ours(*other))


@pytest.mark.parametrize("ours", OURS)
def test_a_hash_is_of_the_fields_that_attrs_hashes(ours):
    assert len({hash(ours(*case)) for case in CASES[:3]}) == 1  # the others cannot be hashed
    assert hash(ours(1, [2])) != hash(ours(2, [2]))


@pytest.mark.parametrize("ours", OURS)
@pytest.mark.parametrize("case", CASES)
def test_a_value_is_shown_as_attrs_shows_it(ours, case):
    assert repr(ours(*case)) == repr(THEIRS(*case)).replace(THEIRS.__qualname__, ours.__qualname__)


@pytest.mark.parametrize("ours", OURS)
def test_a_value_that_holds_itself_is_shown_once(ours):
    held: list[Any] = []
    held.append(ours(held))

    assert repr(held[0]) == "Pair(left=[...], right=None, kept=0)"


def test_values_of_two_classes_are_never_equal():
    class More(Recorded):
        """The same fields."""

    fields: Any = ("ada", None, "read", {})

    assert More(*fields) == More(*fields)
    assert More(*fields) != Recorded(*fields)
    assert Recorded(*fields) != fields


def test_a_class_keeps_the_methods_that_it_has_written_itself():
    @frozen
    class Odd:
        held: int

        def __repr__(self):
            return "odd"

    assert repr(Odd(1)) == "odd"
    assert Odd(1) == Odd(1)


@pytest.mark.parametrize(
    "value",
    [
        Schedule.weekdays("mon"),
        Posting.award("ada", 5, metadata={"for": ["a"]}),
        HabitCreated("ada", None, None, "Run"),  # type: ignore[arg-type]
    ],
)
def test_a_value_survives_copies_and_pickling(value):
    assert pickle.loads(pickle.dumps(value)) == value  # noqa: S301 - our own
    assert copy.deepcopy(value) == copy.copy(value) == attrs.evolve(value) == value
