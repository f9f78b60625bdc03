"""Evaluating a compiled set: kinds, reasons, prerequisites, segments, schedules, sticky flags."""

from __future__ import annotations

import math
from collections import UserDict
from datetime import UTC, datetime, timedelta
from enum import IntEnum, StrEnum
from types import MappingProxyType

import pytest

from habitkit import flags
from habitkit.flags import ErrorCode, Flags, Reason, StaticSource
from habitkit.flags.domain.evaluation import Evaluation
from habitkit.flags.overrides import overrides
from habitkit.testing import FakeClock

ON_OFF = {"state": "ENABLED", "variants": {"on": True, "off": False}, "defaultVariant": "off"}
NEW_YEAR = datetime(2027, 1, 1, tzinfo=UTC)
ADA = {"targetingKey": "ada"}
PEOPLE = [f"user-{n}" for n in range(2000)]


def one(options=None, clock=None, more=None, **members):
    document = {"flags": {"a": ON_OFF | members, **(more or {})}}
    document["$evaluators"] = {"staff": {"==": [{"var": "role"}, "staff"]}}
    if options:
        document["$habitkit"] = {"a": options}
    return flags.compile(document, clock=clock)


def outcome(compiled, context=None, default=False, key="a"):
    found = compiled.details(key, default, context)
    return found.value, found.variant, found.reason, found.error_code


def test_a_flag_without_rules_is_static():
    assert outcome(one()) == (False, "off", Reason.STATIC, None)


def test_a_flag_without_a_default_variant_has_the_callers_default():
    compiled = one(defaultVariant=None)

    assert outcome(compiled, default=True) == (True, None, Reason.DEFAULT, None)
    assert outcome(compiled, default="text") == ("text", None, Reason.DEFAULT, None)


def test_a_flag_that_is_disabled_has_the_callers_default():
    compiled = one(state="DISABLED", targeting={"if": [True, "on"]})

    assert outcome(compiled, default=True) == (True, None, Reason.DISABLED, None)
    assert compiled.all() == {}


def test_targeting_names_a_variant_or_leaves_the_default():
    compiled = one(targeting={"if": [{"$ref": "staff"}, "on", None]})

    assert outcome(compiled, {"role": "staff"}) == (True, "on", Reason.TARGETING_MATCH, None)
    assert outcome(compiled, {"role": "guest"}) == (False, "off", Reason.DEFAULT, None)
    assert outcome(compiled) == (False, "off", Reason.DEFAULT, None)


def test_targeting_that_gives_true_means_the_variant_of_that_name():
    variants = {"true": "yes", "false": "no"}
    compiled = one(variants=variants, defaultVariant="false", targeting={"!": [{"var": "x"}]})

    assert outcome(compiled, default="")[:2] == ("yes", "true")
    assert outcome(compiled, {"x": 1}, default="")[:2] == ("no", "false")


@pytest.mark.parametrize("given", ["none", 5, 1.5, ["on"], {"x": 1}])
def test_targeting_that_gives_no_variant_is_an_error_with_the_callers_default(given):
    compiled = one(targeting={"var": "give"})

    found = compiled.details("a", True, {"give": given})

    assert (found.value, found.variant, found.reason) == (True, None, Reason.ERROR)
    assert found.error_code is ErrorCode.GENERAL
    assert "none of its variants" in found.error_message


def test_a_flag_that_is_missing_and_a_key_that_is_no_string_are_not_found():
    assert outcome(one(), key="b") == (False, None, Reason.ERROR, ErrorCode.FLAG_NOT_FOUND)
    assert outcome(one(), key=["b"]) == (False, None, Reason.ERROR, ErrorCode.FLAG_NOT_FOUND)


@pytest.mark.parametrize(
    ("variants", "fitting", "others"),
    [
        ({"x": True}, [False, None], ["", 0, 0.5, {}]),
        ({"x": "text"}, ["", None], [False, 0, {}]),
        ({"x": 5}, [0, 0.5, None], [False, "", {}]),
        ({"x": {"n": 1}}, [{}, [], None], [False, "", 0]),
    ],
)
def test_the_default_says_which_kind_is_expected(variants, fitting, others):
    compiled = one(variants=variants, defaultVariant="x")

    for default in fitting:
        assert outcome(compiled, default=default) == (variants["x"], "x", Reason.STATIC, None)
    for default in others:
        expected = (default, None, Reason.ERROR, ErrorCode.TYPE_MISMATCH)
        assert outcome(compiled, default=default) == expected


def test_a_default_of_a_subclass_says_the_same_kind():
    class Theme(StrEnum):
        DARK = "dark"

    class Size(IntEnum):
        SMALL = 1

    for value, default in [("x", Theme.DARK), (5, Size.SMALL), ({"n": 1}, MappingProxyType({}))]:
        compiled = one(variants={"x": value}, defaultVariant="x")
        assert outcome(compiled, default=default) == (value, "x", Reason.STATIC, None)
        with overrides.use({"a": value}):
            found = overrides.find("a", default)
            assert found is not None
            assert found.value == value
    assert outcome(one(), default=Size.SMALL)[3] is ErrorCode.TYPE_MISMATCH


def test_an_integer_may_be_written_as_a_float_without_a_fraction():
    def integer(value):
        flag = ON_OFF | {"variants": {"x": value}, "defaultVariant": "x"}
        with Flags(StaticSource({"flags": {"a": flag}})) as evaluator:
            return evaluator.integer("a", 7)

    assert [integer(5), integer(5.0), integer(5.5)] == [5, 5, 7]
    assert type(integer(5.0)) is int


def test_keys_and_defaults_of_any_size_and_class_are_given_back():
    class Key(str):
        __slots__ = ()

        def __hash__(self):
            raise ValueError("no hash")

    deep: list[object] = []
    for _ in range(100_000):
        deep = [deep]
    compiled = one()

    for default in (10**5000, deep):
        found = compiled.details("a", default)
        assert found.value is default
        assert found.error_message is not None
        assert type(default).__name__ in found.error_message
    for key in (Key("a"), 10**5000, deep, "a" * 100_000):
        found = compiled.details(key, True)
        assert found.error_code is ErrorCode.FLAG_NOT_FOUND
        assert len(found.error_message or "") < 100
    with overrides.use({"a": True}):
        assert overrides.find("a", deep).error_code is ErrorCode.TYPE_MISMATCH  # type: ignore[union-attr]
        assert overrides.find(Key("a"), True) is None


@pytest.mark.parametrize("context", ["text", 5, [1], ["targetingKey"]])
def test_a_context_that_is_no_mapping_is_invalid(context):
    compiled = one(targeting={"if": [True, "on"]})

    assert outcome(compiled, context)[3] is ErrorCode.INVALID_CONTEXT
    assert compiled.all(context)["a"].error_code is ErrorCode.INVALID_CONTEXT


def test_a_context_of_another_class_of_mapping_is_read_like_a_dict():
    compiled = one(targeting={"if": [{"==": [{"var": "user.role"}, "staff"]}, "on"]})

    assert outcome(compiled, UserDict({"user": {"role": "staff"}}))[0] is True


def test_objects_are_copies():
    compiled = one(variants={"x": {"deep": [1]}}, defaultVariant="x")

    compiled.details("a", {}).value["deep"].append(2)

    assert compiled.details("a", {}).value == {"deep": [1]}


def test_metadata_of_the_set_and_of_the_flag_is_given_and_cannot_be_changed():
    document = {
        "flags": {"a": ON_OFF | {"metadata": {"team": "x"}}},
        "metadata": {"n": 1, "team": "y"},
    }
    compiled = flags.compile(document)
    found = compiled.details("a", False)

    assert found.metadata == {"n": 1, "team": "x"}
    assert compiled.details("b", False).metadata == {"n": 1, "team": "y"}
    for each in (
        found.metadata,
        compiled.details("b", False).metadata,
        compiled.details("a", "text").metadata,
        compiled.details("a", False, 5).metadata,  # type: ignore[arg-type]
        compiled.metadata,
        compiled.flags,
    ):
        with pytest.raises(TypeError):
            each["n"] = 2  # type: ignore[index]


def test_an_evaluation_never_raises():
    class Broken(UserDict[str, int]):
        def get(self, *_):
            raise RuntimeError("broken")

    deep: list[object] = []
    for _ in range(5000):
        deep = [deep]
    compiled = one(targeting={"if": [{"==": [{"cat": [{"var": "x"}]}, "y"]}, "on"]})

    for context in [
        Broken(),
        {"x": deep},
        {"x": math.nan},
        {"x": "\ud800"},
        {"x": object()},
        {1: 2},
    ]:
        assert outcome(compiled, context)[0] is False
    found = compiled.details("a", True, Broken())
    assert found.error_code is ErrorCode.GENERAL
    assert found.error_message == "its evaluation failed: RuntimeError: broken"


def test_all_evaluates_what_is_enabled_and_leaves_the_callers_defaults_out():
    more = {"b": ON_OFF | {"state": "DISABLED"}, "c": ON_OFF | {"defaultVariant": None}}
    found = one(more=more, targeting={"if": [{"var": "x"}, "on"]}).all({"x": 1})

    assert {key: (it.value, it.variant) for key, it in found.items()} == {
        "a": (True, "on"),
        "c": (None, None),
    }


def test_a_prerequisite_lets_through_where_the_other_flag_has_a_variant():
    other = ON_OFF | {"targeting": {"if": [{"var": "beta"}, "on"]}}
    needs = {"prerequisites": [{"flag": "b", "variants": ["on"]}]}
    compiled = one(needs, more={"b": other}, targeting={"if": [True, "on"]})

    assert outcome(compiled, {"beta": True}) == (True, "on", Reason.TARGETING_MATCH, None)
    assert outcome(compiled) == (False, "off", Reason.DEFAULT, None)
    disabled = one(needs, more={"b": other | {"state": "DISABLED"}}, targeting={"if": [True, "on"]})
    assert outcome(disabled, {"beta": True}) == (False, "off", Reason.DEFAULT, None)


def test_a_prerequisite_may_depend_on_the_time():
    clock = FakeClock(NEW_YEAR)
    step = {"steps": [{"at": "2027-01-02T00:00:00Z", "serve": "on"}]}
    waits = {"defaultVariant": "on", "targeting": {"if": [False, "on"]}}
    document = {
        "flags": {"a": ON_OFF | waits, "b": ON_OFF},
        "$habitkit": {
            "a": {"prerequisites": [{"flag": "b", "variants": ["on"]}]},
            "b": {"schedule": step},
        },
    }
    compiled = flags.compile(document, clock=clock)

    assert outcome(compiled)[2] is Reason.DEFAULT
    assert outcome(compiled, key="b") == (False, "off", Reason.DEFAULT, None)
    clock.advance(days=1)
    assert outcome(compiled, key="b") == (True, "on", Reason.DEFAULT, None)


def test_a_segment_lets_its_members_through():
    compiled = one({"segments": ["staff"]}, targeting={"if": [True, "on"]})

    assert outcome(compiled, {"role": "staff"})[0] is True
    assert outcome(compiled, {"role": "guest"}) == (False, "off", Reason.DEFAULT, None)


def test_steps_change_what_is_served_by_default():
    clock = FakeClock(NEW_YEAR - timedelta(seconds=1))
    steps = [
        {"at": "2027-01-01T00:00:00Z", "split": {"on": 25, "off": 75}},
        {"at": "2027-01-02T01:00:00+01:00", "serve": "on"},
    ]
    compiled = one({"schedule": {"steps": steps}}, clock, targeting={"if": [{"var": "x"}, "off"]})

    assert outcome(compiled, ADA) == (False, "off", Reason.DEFAULT, None)
    clock.advance(seconds=1)
    split = [outcome(compiled, {"targetingKey": key}) for key in PEOPLE]
    assert {reason for _, _, reason, _ in split} == {Reason.SPLIT}
    assert 0.2 < sum(value for value, *_ in split) / len(split) < 0.3
    assert outcome(compiled) == (False, None, Reason.ERROR, ErrorCode.TARGETING_KEY_MISSING)
    assert outcome(compiled, {"x": 1}) == (False, "off", Reason.TARGETING_MATCH, None)
    clock.advance(days=1)
    assert outcome(compiled, ADA) == (True, "on", Reason.DEFAULT, None)


@pytest.mark.parametrize("bucketing", ["v1", "v2", "v3"])
def test_a_progressive_share_rises_and_nobody_leaves_it(bucketing):
    clock = FakeClock(NEW_YEAR - timedelta(days=1))
    rise = {"variant": "on", "begin": "2027-01-01T00:00:00Z", "end": "2027-01-11T00:00:00Z"}
    document = {
        "flags": {"a": ON_OFF},
        "$habitkit": {"a": {"schedule": {"progressive": rise}}},
        "metadata": {"bucketing": bucketing},
    }
    compiled = flags.compile(document, clock=clock)

    shares: list[float] = []
    inside: set[str] = set()
    for _ in range(13):
        now = {key for key in PEOPLE if outcome(compiled, {"targetingKey": key})[0]}
        assert inside <= now
        inside = now
        shares.append(len(now) / len(PEOPLE))
        clock.advance(days=1)
    assert shares[:2] == [0, 0]
    assert shares[11:] == [1, 1]
    assert all(abs(share - n / 10) < 0.05 for n, share in enumerate(shares[1:12]))


def test_the_share_of_a_schedule_is_that_of_a_percentage_in_targeting():
    clock = FakeClock(NEW_YEAR)
    steps = {"schedule": {"steps": [{"at": "2026-01-01T00:00Z", "split": {"on": 30, "off": 70}}]}}
    fractional = {"fractional": [["on", 30], ["off", 70]]}

    for key in PEOPLE[:200]:
        context = {"targetingKey": key}
        by_schedule = outcome(one(steps, clock), context)[1]
        assert by_schedule == outcome(one(targeting=fractional), context)[1]


@pytest.mark.parametrize("way", ["fractional", "schedule"])
def test_a_sticky_flag_serves_the_stored_variant_and_reports_new_ones(way):
    options: dict[str, object] = {"sticky": True}
    members = {}
    if way == "fractional":
        members["targeting"] = {"if": [{"var": "x"}, {"fractional": [["on", 50], ["off", 50]]}]}
    else:
        step = {"at": "2026-01-01T00:00Z", "split": {"on": 50, "off": 50}}
        options["schedule"] = {"steps": [step]}
    compiled = one(options, FakeClock(NEW_YEAR), **members)
    at = NEW_YEAR.timestamp()

    for key in PEOPLE[:50]:
        context = {"targetingKey": key, "x": True}
        hashed = compiled.details("a", False, context)
        assert hashed.metadata["sticky"] == "by hash"
        new = Evaluation(at, {})
        assert compiled.details("a", False, context, new).variant == hashed.variant
        assert new.assigned == {"a": hashed.variant}
        other = "off" if hashed.variant == "on" else "on"
        stored = Evaluation(at, {"a": other})
        assert compiled.details("a", False, context, stored).variant == other
        assert stored.assigned == {}
        unknown = Evaluation(at, {"a": "gone"})
        assert compiled.details("a", False, context, unknown).variant == hashed.variant


def test_a_sticky_progressive_rollout_keeps_those_it_has_reached_and_reaches_the_others():
    progressive = {"variant": "on", "begin": "2027-01-01T00:00Z", "end": "2027-01-11T00:00Z"}
    compiled = one({"sticky": True, "schedule": {"progressive": progressive}})
    half, end = (NEW_YEAR + timedelta(days=days) for days in (5, 10))

    for key in PEOPLE[:50]:
        context = {"targetingKey": key}
        new = Evaluation(half.timestamp(), {})
        reached = compiled.details("a", False, context, new).value
        assert new.assigned == ({"a": "on"} if reached else {})
        before = Evaluation(NEW_YEAR.timestamp(), {"a": "on"})
        assert compiled.details("a", False, context, before).value is True
        after = Evaluation(end.timestamp(), {"a": "off"})
        assert compiled.details("a", False, context, after).value is True


def test_only_a_percentage_whose_result_is_a_variant_is_sticky():
    split = {"fractional": [["x", 50], ["y", 50]]}
    by_test = {"if": [{"==": [split, "x"]}, "on", "off"]}
    by_value = {"or": [{"var": "none"}, {"if": [True, {"fractional": [["on", 1], ["off", 1]]}]}]}
    expected = {"tested": set(), "no variant": set(), "returned": {"a"}}

    for name, rule in {"tested": by_test, "no variant": split, "returned": by_value}.items():
        compiled = one({"sticky": True}, targeting=rule)
        for key in PEOPLE[:20]:
            context, new = {"targetingKey": key}, Evaluation(NEW_YEAR.timestamp(), {})
            found = compiled.details("a", None, context, new)
            assert new.assigned.keys() == expected[name]
            assert {*new.assigned.values()} <= {found.variant}
            stored = Evaluation(NEW_YEAR.timestamp(), {"a": "x"})
            assert compiled.details("a", None, context, stored).variant == found.variant


def test_a_set_tells_what_is_in_it():
    compiled = one({"sticky": {"version": 3}}, more={"b": ON_OFF})

    assert (len(compiled), list(compiled), "a" in compiled) == (2, ["a", "b"], True)
    assert compiled.sticky_versions == {"a": 3}
