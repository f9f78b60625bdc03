"""Compiling a set from an earlier one: the result is that of compiling it alone."""

from __future__ import annotations

import json
import tracemalloc
from collections import Counter
from copy import deepcopy
from datetime import UTC, datetime
from unittest.mock import patch

import pytest
from hypothesis import given
from hypothesis import strategies as st

from habitkit import flags
from habitkit.flags import FlagDefinitionError
from habitkit.flags.domain.rules import compile_rule
from habitkit.testing import FakeClock

KEYS = ["a", "b", "c", "d"]
CLOCK = FakeClock(datetime(2027, 1, 5, tzinfo=UTC))
CONTEXTS = [{}, {"role": "staff"}, *({"targetingKey": f"u{n}", "plan": "pro"} for n in range(4))]
SPLIT = {"fractional": [["on", 50], ["off", 50]]}
RISING = {"variant": "on", "begin": "2027-01-01T00:00Z", "end": "2027-01-11T00:00Z"}

definitions = st.fixed_dictionaries(
    {
        "state": st.sampled_from(["ENABLED", "ENABLED", "DISABLED", "ON"]),
        "variants": st.sampled_from(
            [{"on": True, "off": False}, {"on": 1, "off": 0}, {"on": 1.0, "off": 0.0}]
        ),
        "defaultVariant": st.sampled_from(["on", "off", None]),
        "targeting": st.sampled_from(
            [
                None,
                SPLIT,
                {"if": [{"$ref": "shared"}, "on"]},
                {"if": [{">": [{"var": "$flagd.timestamp"}, 5]}, "on"]},
                {"if": [{"==": [{"var": "$flagd.flagKey"}, "a"]}, "on", "off"]},
            ]
        ),
    }
)
settings = st.fixed_dictionaries(
    {},
    optional={
        "sticky": st.booleans(),
        "segments": st.just(["shared"]),
        "schedule": st.just({"progressive": RISING}),
        "experiment": st.just("x"),
        "holdout": st.just("h"),
        "prerequisites": st.sampled_from(KEYS).map(lambda key: [{"flag": key, "variants": ["on"]}]),
    },
)
experiments = st.fixed_dictionaries(
    {
        "variants": st.sampled_from([[["on", 1], ["off", 1]], [["on", 1], ["gone", 1]]]),
        "state": st.sampled_from(["running", "running", "paused", "stopped"]),
    },
    optional={
        "targeting": st.sampled_from([{"$ref": "shared"}, {"var": "plan"}]),
        "coverage": st.sampled_from([0.5, 0.9]),
        "layer": st.just("prices"),
    },
)
edits = st.lists(
    st.one_of(
        st.tuples(st.just("flags"), st.sampled_from(KEYS), st.none() | definitions),
        st.tuples(st.just("$habitkit"), st.sampled_from(KEYS), settings),
        st.tuples(
            st.just("$evaluators"),
            st.just("shared"),
            st.sampled_from([{"==": [{"var": "role"}, "staff"]}, SPLIT, {"var": "plan"}]),
        ),
        st.tuples(st.just("$experiments"), st.sampled_from("xy"), st.none() | experiments),
        st.tuples(
            st.just("$holdouts"),
            st.sampled_from("hi"),
            st.sampled_from([None, {"first": 0, "end": 4000}, {"first": 3000, "end": 9000}]),
        ),
        st.tuples(st.just("metadata"), st.just("bucketing"), st.sampled_from(["v1", "v2", "v3"])),
    ),
    min_size=1,
    max_size=12,
)


def compiled(document, reuse=None):
    try:
        return flags.compile(document, clock=CLOCK, reuse=reuse)
    except FlagDefinitionError as error:
        return Counter(map(str, error.faults))


@given(edits=edits)
def test_a_set_compiled_from_an_earlier_one_is_the_set_compiled_alone(edits):
    document: dict[str, dict[str, object]] = {"flags": {}, "$habitkit": {}, "metadata": {}}
    document["$evaluators"] = {"shared": {"var": "role"}}
    reuse = None
    for section, name, value in edits:
        document = deepcopy(document)
        document.setdefault(section, {})[name] = value
        if value is None:
            del document[section][name]
        document = {name: given for name, given in document.items() if given or name[0] != "$"}
        alone, again = compiled(document), compiled(json.dumps(document), reuse)
        if isinstance(again, Counter):
            assert again == alone
            continue
        reuse = again
        for context in CONTEXTS:
            found, expected = (
                [(key, it, type(it.value)) for key, it in each.all(context).items()]
                for each in (again, alone)
            )
            assert found == expected


def test_only_what_is_different_is_compiled_again():
    on_off: dict[str, object] = {
        "state": "ENABLED",
        "variants": {"on": True, "off": False},
        "targeting": SPLIT,
    }
    needs = {"b": {"prerequisites": [{"flag": "a", "variants": ["on"]}]}}
    document = {"flags": dict.fromkeys(KEYS, on_off), "$habitkit": needs}
    first = flags.compile(document)
    changed = json.loads(json.dumps(document))
    changed["flags"]["a"]["state"] = "DISABLED"

    counted = patch("habitkit.flags.domain.compiler.compile_rule", wraps=compile_rule)
    with counted as calls:
        second = flags.compile(changed, reuse=first)

    assert [call.args[1][1] for call in calls.call_args_list] == ["a", "b"]
    assert second.flags["c"].definition is first.flags["c"].definition
    assert second.flags["c"] is not first.flags["c"]


def test_a_segment_of_many_is_kept_once_for_all_flags():
    people = [f"user-{n}@example.com" for n in range(1000)]
    own = {"==": [{"var": "$flagd.flagKey"}, {"var": "key"}]}
    evaluators = {"beta": {"in": [{"var": "email"}, people]}, "own": {"or": [own, SPLIT]}}
    on_off = {"state": "ENABLED", "variants": {"on": True, "off": False}, "defaultVariant": "on"}
    keys = [f"f{n}" for n in range(100)]
    own_rule = dict.fromkeys("xy", on_off | {"targeting": {"if": [{"$ref": "own"}, "off"]}})
    document = {
        "flags": dict.fromkeys(keys, on_off) | own_rule,
        "$evaluators": evaluators,
        "$habitkit": {key: {"segments": ["beta"]} for key in keys},
    }

    tracemalloc.start()
    compiled_set = flags.compile(document)
    size, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert size < 1_000_000
    assert [compiled_set.details(key, None, {"key": "y"}).variant for key in "xy"] == ["on", "off"]


def test_numbers_and_booleans_that_python_takes_for_equal_are_different():
    def of(value):
        flag = {"state": "ENABLED", "variants": {"x": value}, "defaultVariant": "x"}
        return {"flags": {"a": flag}}

    compiled_before = flags.compile(of(1))

    assert flags.compile(of(True), reuse=compiled_before).details("a", False).value is True
    with pytest.raises(FlagDefinitionError):
        flags.compile(of([1]), reuse=compiled_before)
