"""Predicates on the fields of events: what they are true of, and how they are stored."""

from __future__ import annotations

import copy
import json
import math
import operator
import pickle
from collections.abc import Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction
from typing import Any
from uuid import UUID

import pytest
from hypothesis import example
from hypothesis import strategies as st

from habitkit.errors import InvalidInput
from habitkit.predicates import Field, Predicate, field
from tests.unit.support import given


class Kind(StrEnum):
    RUN = "run"


FIELDS: dict[str, Any] = {
    "amount": 5,
    "half": 0.5,
    "kind": "run",
    "on": True,
    "off": None,
    "tags": ["a", "b"],
    "book": {"pages": 300, "by": {"name": "Ada"}},
    "a.b": 1,
}


@pytest.mark.parametrize(
    ("predicate", "holds"),
    [
        (field("amount") >= 5, True),
        (field("amount") == 5.0, True),
        (field("amount") == "5", False),
        (field("amount") != "5", True),
        (field("amount") < 2**1000, True),
        (field("half") > 0.4, True),
        (field("kind") == Kind.RUN, True),
        (field("kind") < "walk", True),
        (field("kind") < 5, False),
        (field("kind").contains("u"), True),
        (field("on") == True, True),  # noqa: E712 - it is no bool that is compared
        (field("on") == 1, False),
        (field("on") != 1, True),
        (field("on") >= 0, False),
        (field("on").in_([1, "x"]), False),
        (field("off").exists(), False),
        (field("off") != 5, True),
        (field("off") == 0, False),
        (field("missing") != 5, True),
        (field("missing") < 5, False),
        (~(field("missing") < 5), True),
        (field("tags").contains("a"), True),
        (field("tags").contains("ab"), False),
        (field("tags") == "a", False),
        (field("tags").in_(["a"]), False),
        (field("book.pages") > 299, True),
        (field("book.by.name") == "Ada", True),
        (field("book.by.name.x").exists(), False),
        (field("book").exists(), True),
        (field("a.b").exists(), False),
    ],
)
def test_a_predicate_compares_a_field_with_a_value_of_its_kind(predicate, holds):
    assert predicate.holds(FIELDS) is holds
    assert (~predicate).holds(FIELDS) is not holds
    assert ~~predicate == predicate


def test_ids_and_dates_are_compared_as_the_texts_that_events_have():
    fields = {"habit_id": str(UUID(int=7)), "day": "2026-03-02"}

    assert (field("habit_id") == UUID(int=7)).holds(fields)
    assert ((field("day") >= date(2026, 3, 1)) & (field("day") < date(2026, 3, 3))).holds(fields)


def test_equal_predicates_are_equal_values():
    one, other = field("a") == 1, field("a").in_({"y", "x", 2, 1.0})

    assert one == (field("a") == 1.0)
    assert hash(one) == hash(field("a") == 1.0)
    assert one != (field("a") == True)  # noqa: E712 - it is no bool that is compared
    assert other == field("a").in_(["x", 1, 2, "y", "x"])
    assert other.value == (1, 2, "x", "y")
    assert len({one, other, field("a") == True, field("a") != 1}) == 4  # noqa: E712 - as above
    assert one & other & one == Predicate("and", parts=(one, other, one))
    assert (one | other).names() == {"a"}
    assert (one & ~(field("b.c") > 2)).names() == {"a", "b.c"}
    for value in (other, ~(one | other)):
        assert pickle.loads(pickle.dumps(value)) == copy.deepcopy(value) == value  # noqa: S301 - own
        assert pickle.loads(pickle.dumps(value)).holds({"a": "x"}) is value.holds({"a": "x"})  # noqa: S301


# -- an oracle ------------------------------------------------------------------------------------

scalars = st.sampled_from([0, 1, 2, 1.0, 0.5, -1, 2**60, True, False, "", "a", "ab", "b"])
names = st.sampled_from(["a", "b", "c.d", "c.e", "c"])
OPERATORS = {"==": operator.eq, "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge}  # fmt: skip
numbers_and_texts = scalars.filter(lambda it: not isinstance(it, bool))
comparisons = st.one_of(
    st.builds(Predicate, st.sampled_from(["==", "!="]), names, scalars),
    st.builds(Predicate, st.sampled_from(["<", "<=", ">", ">="]), names, numbers_and_texts),
    st.builds(Predicate, st.just("in"), names, st.lists(scalars, min_size=1, max_size=4)),
    st.builds(Predicate, st.just("contains"), names, st.sampled_from(["a", "b", "ab"])),
    st.builds(Predicate, st.just("exists"), names),
)
predicates = st.recursive(
    comparisons,
    lambda it: st.one_of(
        st.builds(operator.and_, it, it), st.builds(operator.or_, it, it), it.map(operator.invert)
    ),
    max_leaves=8,
)
values = st.one_of(scalars, st.none(), st.lists(scalars, max_size=2))
contents = st.dictionaries(
    st.sampled_from(["a", "b", "c"]),
    st.one_of(values, st.dictionaries(st.sampled_from(["d", "e"]), values)),
)


def kind_of(value: Any) -> str:
    return "number" if type(value) in {int, float} else type(value).__name__


def oracle(content: Any, fields: Any) -> bool:
    """Evaluate what is stored, in the plainest way."""
    op = content["op"]
    if "of" in content:
        parts = [oracle(part, fields) for part in content["of"]]
        return {"and": all(parts), "or": any(parts), "not": not parts[0]}[op]
    found = fields
    for name in content["field"].split("."):
        found = found.get(name) if isinstance(found, dict) else None
    if op == "exists":
        return found is not None
    value = content["value"]
    if op == "contains":
        return any(each == value for each in found) if isinstance(found, list) else (
            isinstance(found, str) and value in found
        )  # fmt: skip
    if op in {"in", "!="}:
        equal = any(
            kind_of(each) == kind_of(found) and each == found
            for each in (value if op == "in" else [value])
        )
        return equal is (op == "in")
    if kind_of(found) != kind_of(value):
        return False
    if kind_of(found) == "number":
        found, value = Fraction(found), Fraction(value)
    return bool(OPERATORS[op](found, value))


@given(predicates, contents)
def test_a_stored_predicate_is_the_same_and_true_of_the_same_events(predicate, fields):
    content = json.loads(json.dumps(predicate.to_dict()))
    again = Predicate.from_dict(content)

    assert again == predicate
    assert hash(again) == hash(predicate)
    assert again.to_dict() == content
    assert again.holds(fields) is predicate.holds(fields) is oracle(content, fields)


# -- what is refused ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: field(""), "field: expected a name of at most 200"),
        (lambda: field("a..b"), "field: expected a name"),
        (lambda: field("a" * 201), "field: expected a name"),
        (lambda: field("\ud800"), "field: expected a name"),
        (lambda: field("a") == None, "exists\\(\\) tells"),  # noqa: E711 - it is no None that is compared
        (lambda: field("a") == -math.inf, "a finite number"),
        (lambda: field("a") == 2**1024, "a finite number"),
        (lambda: field("a") == datetime(2026, 3, 1, tzinfo=UTC), "value: expected a text"),
        (lambda: field("a") == Decimal(1), "value: expected a text"),
        (lambda: field("a") == "\x00", "value: expected a text of at most 1000"),
        (lambda: field("a") == "x" * 1001, "value: expected a text of at most 1000"),
        (lambda: field("a") < True, "a number or a text after <"),
        (lambda: field("a").in_("abc"), "a list of 1 to 1000 values"),
        (lambda: field("a").in_([]), "a list of 1 to 1000 values"),
        (lambda: field("a").in_([1] * 1001), "a list of 1 to 1000 values"),
        (lambda: field("a").in_([[]]), "value: expected a text"),  # type: ignore[list-item]
        (lambda: field("a").contains(""), "a non-empty string"),
        (lambda: field("a").exists() & 1, "a predicate on each side of &"),  # type: ignore[operator]
        (lambda: 1 | field("a").exists(), r"a predicate on each side of \|"),
        (lambda: field("a") >= 1 & field("b") == 2, "put comparisons into parentheses"),
        (lambda: field("a").exists() & field("b"), r"parentheses, got field\('b'\)"),
        (lambda: field("b") | field("a").exists(), r"parentheses, got field\('b'\)"),
        (lambda: Predicate("like", "a", "b"), "op: expected one of: and, or, not, =="),
        (lambda: Predicate("and"), "parts: expected a list of 1 to 1000 predicates for and"),
        (lambda: Predicate("not", parts=(field("a").exists(),) * 2), "a list of one for not"),
        (lambda: Predicate("==", "a", 1, (field("a").exists(),)), "parts: expected none for =="),
        (lambda: Predicate("not", "a", None, (field("a").exists(),)), "not: expected parts alone"),
        (lambda: Predicate("exists", "a", 1), "value: expected nothing"),
    ],
)
def test_what_makes_no_predicate_is_refused(make, message):
    with pytest.raises(InvalidInput, match=message):
        make()


@pytest.mark.parametrize(
    "use",
    [
        lambda: not field("a").exists(),
        lambda: 1 < field("a") < 5,
        lambda: field("a") == 1 and field("b") == 1,
        lambda: bool(field("a")),
        lambda: [1, 2].index(field("a")),  # type: ignore[arg-type]
        lambda: hash(field("a")),
    ],
)
def test_a_predicate_and_a_field_are_neither_true_nor_false(use):
    with pytest.raises(TypeError, match=r"combine predicates with &|is not compared|unhashable"):
        use()
    assert isinstance(field("a"), Field)


COMPARES = {"op": "==", "field": "a", "value": 1}


def nested(levels: int) -> dict[str, Any]:
    content: dict[str, Any] = COMPARES
    for _ in range(levels - 1):
        content = {"op": "not", "of": [content]}
    return content


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ([], "predicate: expected an object such as"),
        ({}, "predicate.op: expected one of"),
        ({"op": []}, "predicate.op: expected one of"),
        ({"op": "=="}, "predicate: expected the members op, field, value, got \\['op'\\]"),
        ({**COMPARES, "more": 1}, "predicate: expected the members op, field, value"),
        ({**COMPARES, "field": 5}, "predicate.field: expected a name"),
        ({**COMPARES, "value": None}, "predicate.value: expected a text"),
        ({"op": "and", "of": []}, "predicate.of: expected a list of 1 to 1000"),
        ({"op": "and", "of": COMPARES}, "predicate.of: expected a list"),
        ({"op": "or", "of": [COMPARES, 7]}, "predicate.of: expected a list"),
        (
            {"op": "or", "of": [COMPARES, {"op": "not", "of": [{**COMPARES, "value": {}}]}]},
            r"predicate.of\[1\].of\[0\].value: expected a text",
        ),
        (nested(101), "in at most 100 levels"),
        (nested(10_000), "in at most 100 levels"),
        (
            {"op": "or", "of": [{"op": "in", "field": "a", "value": [*range(1000)]}] * 2},
            "2000 values",
        ),
    ],
)
def test_what_is_malformed_is_refused_with_its_place(content, message):
    with pytest.raises(InvalidInput, match=message):
        Predicate.from_dict(content)


def test_predicates_have_a_limit_of_depth_however_they_are_made():
    deepest = Predicate.from_dict(nested(100))

    assert deepest.holds({"a": 1}) is False
    assert Predicate.from_dict(deepest.to_dict()) == deepest
    with pytest.raises(InvalidInput, match="101 levels"):
        deepest & field("b").exists()


scraps = st.recursive(
    st.one_of(scalars, st.none(), st.sampled_from(["and", "not", "in", "==", "exists", "<"])),
    lambda it: (
        st.lists(it, max_size=3)
        | st.dictionaries(st.sampled_from(["op", "of", "field", "value"]), it)
    ),
    max_leaves=10,
)


@given(scraps)
@example({"op": "in", "field": "a", "value": {"x": 1}})
@example({"op": "in", "field": "a", "value": ["a", 1]})
@example({"op": "exists", "field": "a"})
def test_any_json_is_a_predicate_or_refused(content):
    try:
        predicate = Predicate.from_dict(content)
    except InvalidInput:
        return
    assert isinstance(content, Mapping)
    assert Predicate.from_dict(predicate.to_dict()) == predicate
