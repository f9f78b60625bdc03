"""Documents: what is read, and what is refused with which path."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

import habitkit.testing
from habitkit import flags
from habitkit.flags import FlagDefinitionError

ON_OFF = {"state": "ENABLED", "variants": {"on": True, "off": False}, "defaultVariant": "on"}
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=15,
)
SECTIONS = ["flags", "metadata", "$evaluators", "$habitkit", "$experiments", "$holdouts"]


def faults_of(document):
    with pytest.raises(FlagDefinitionError) as caught:
        flags.compile(document)
    return {fault.path: fault.message for fault in caught.value.faults}


def of(**members):
    return {"flags": {"a": ON_OFF | members}}


@pytest.mark.parametrize(
    "document",
    [
        {},
        {"flags": {}},
        {"$schema": "https://flagd.dev/schema/v0/flags.json", "flags": {"a": ON_OFF}},
        of(defaultVariant=None),
        {"flags": {"a": {"state": "ENABLED", "variants": {"on": True}}}},
        of(variants={"a": "text", "b": ""}, defaultVariant="b"),
        of(
            variants={"a": 1, "b": 1.5, "c": 2**53 - 1, "d": -(2**53) + 1},
            defaultVariant="a",
        ),
        of(variants={"a": {"deep": [1, None, {"x": True}]}, "b": {}}, defaultVariant="a"),
        of(metadata={"team": "growth", "n": 1, "beta": True}, targeting={}),
        of(targeting=None),
        {"metadata": {"flagSetId": "x", "version": "1"}, **of()},
        {"metadata": {"bucketing": "v3"}, **of()},
        {"flags": [{"key": "a", **ON_OFF}, {"key": "b", **ON_OFF}]},
        {"flags": {"a": ON_OFF}, "$evaluators": {"staff": {"==": [{"var": "role"}, "staff"]}}},
        json.dumps(of()),
        json.dumps(of()).encode(),
    ],
)
def test_what_flagd_takes_is_taken(document):
    flags.compile(document)


@pytest.mark.parametrize(
    ("document", "path", "message"),
    [
        ("{", "$", "this is no JSON"),
        ("[1]", "$", "expected an object, got a list"),
        (b"\xff", "$", "this is no JSON"),
        ("[" * 100_000, "$", "nested too deeply"),
        ('{"flags": {}, "flags": {}}', "$", "members given twice in one object: flags"),
        ('{"flags": NaN}', "$", "NaN is no JSON"),
        (5, "$", "expected an object, got 5"),
        ({"flgs": {}}, "$.flgs", "did you mean 'flags'?"),
        ({"flags": {"a": {}}}, "$.flags.a.state", 'expected "ENABLED" or "DISABLED", got nothing'),
        ({"flags": {"a b": 1}}, "$.flags['a b']", "expected an object, got 1"),
        ({"flags": {"": ON_OFF}}, "$.flags['']", "expected a name of 1 to 200 characters"),
        ({"flags": [ON_OFF]}, "$.flags[0]", "expected an object with a key"),
        ({"flags": [{"key": "a", **ON_OFF}] * 2}, "$.flags[1]", "a second flag 'a'"),
        (of(state="ON"), "$.flags.a.state", "got 'ON'"),
        (of(state=None), "$.flags.a.state", "got nothing"),
        (of(variants={}), "$.flags.a.variants", "expected at least one variant"),
        (of(variants=None), "$.flags.a.variants", "expected an object, got nothing"),
        (of(variants={"on": True, "off": "no"}), "$.flags.a.variants", "boolean and string"),
        (of(variants={"on": [1]}), "$.flags.a.variants.on", "got a list"),
        (of(variants={"on": None}), "$.flags.a.variants.on", "got nothing"),
        (of(variants={"on": 2**53}), "$.flags.a.variants.on", "from -(2**53-1) to 2**53-1"),
        (of(variants={"on": -1e22}), "$.flags.a.variants.on", "from -(2**53-1) to 2**53-1"),
        (of(variants={"on": {"n": 2**53 + 1}}), "$.flags.a.variants.on.n", "from -2**53 to 2**53"),
        (of(variants={"on": float("inf")}), "$.flags.a.variants.on", "a finite number"),
        (of(variants={"on": {"a": {"b": 1j}}}), "$.flags.a.variants.on.a.b", "expected JSON"),
        (of(variants={"on": "\ud800"}), "$.flags.a.variants.on", "valid UTF-8"),
        (of(defaultVariant="none"), "$.flags.a.defaultVariant", "one of the variants (off, on)"),
        (of(defaultVariant=True), "$.flags.a.defaultVariant", "got True"),
        (of(metadata={"x": {}}), "$.flags.a.metadata.x", "a string, a number or a boolean"),
        (of(targetting={}), "$.flags.a.targetting", "did you mean 'targeting'?"),
        (of(targeting=5), "$.flags.a.targeting", ""),
        (of(targeting={"nope": 1}), "$.flags.a.targeting", "unknown operator 'nope'"),
        ({"metadata": {"x": None}}, "$.metadata.x", "got nothing"),
        ({"metadata": {"bucketing": "v9"}}, "$.metadata.bucketing", "one of v1, v2, v3"),
        ({"$evaluators": {"e": {"nope": 1}}}, "$.$evaluators.e", "unknown operator"),
        ({"$habitkit": {"b": {}}, **of()}, "$.$habitkit.b", "there is no flag 'b'"),
    ],
)
def test_what_is_at_fault_is_named_with_its_path(document, path, message):
    assert message in faults_of(document)[path]


@pytest.mark.parametrize(
    ("options", "path", "message"),
    [
        (5, "", "expected an object"),
        ({"nope": 1}, ".nope", "unknown member 'nope'"),
        ({"prerequisites": {}}, ".prerequisites", "expected a list"),
        ({"prerequisites": [{"flag": "b"}]}, ".prerequisites[0]", 'expected {"flag"'),
        (
            {"prerequisites": [{"flag": "c", "variants": ["on"]}]},
            ".prerequisites[0].flag",
            "no flag",
        ),
        (
            {"prerequisites": [{"flag": "b", "variants": ["x"]}]},
            ".prerequisites[0].variants",
            "flag 'b' has no variant 'x'",
        ),
        ({"segments": ["x"]}, ".segments[0]", "no shared rule 'x'"),
        ({"segments": [""]}, ".segments[0]", "a non-empty string"),
        ({"schedule": {}}, ".schedule", 'one of "steps" and "progressive"'),
        ({"schedule": {"steps": [{"at": "2027-01-01"}]}}, ".schedule.steps[0].at", "an instant"),
        ({"schedule": {"steps": [{"serve": "on"}]}}, ".schedule.steps[0]", 'expected {"at"'),
        (
            {"schedule": {"steps": [{"at": "2027-01-01T00:00Z", "serve": "x"}]}},
            ".schedule.steps[0].serve",
            "one of the flag's variants",
        ),
        (
            {"schedule": {"steps": [{"at": "2027-01-01T00:00Z", "split": {"on": -1}}]}},
            ".schedule.steps[0].split.on",
            "an int from 0",
        ),
        (
            {
                "schedule": {
                    "steps": [{"at": f"{y}-01-01T00:00Z", "serve": "on"} for y in (2028, 2027)]
                }
            },
            ".schedule.steps",
            "in the order of their instants",
        ),
        (
            {"schedule": {"progressive": {"variant": "on", "begin": "2027-01-01T00:00Z"}}},
            ".schedule.progressive",
            'expected {"variant"',
        ),
        ({"sticky": {"version": 0}}, ".sticky.version", "an int from 1"),
        ({"expires": "soon"}, ".expires", "an instant"),
        ({"owner": ""}, ".owner", "a non-empty string"),
        ({"tags": "x"}, ".tags", "expected a list"),
    ],
)
def test_what_is_at_fault_in_our_own_settings_is_named_too(options, path, message):
    document = {"flags": {"a": ON_OFF, "b": ON_OFF}, "$habitkit": {"a": options}}

    assert message in faults_of(document)[f"$.$habitkit.a{path}"]


def test_a_number_that_a_file_may_have_can_be_put_too():
    variants = {"a": {"n": 1e22}, "b": {"n": 5.0}}
    flag = {"state": "ENABLED", "variants": variants, "defaultVariant": "a"}
    kit = habitkit.testing.kit()

    kit.flags.put("a", flag, by="ada")

    in_file = flags.compile(json.dumps({"flags": {"a": flag}})).details("a", {})
    assert kit.flags.details("a", {}) == in_file
    assert in_file.value == {"n": 10**22}


def test_values_of_any_size_are_refused_with_a_short_message():
    huge = 10**5000
    deep: list[object] = []
    for _ in range(100_000):
        deep = [deep]
    split = {"schedule": {"steps": [{"at": "2027-01-01T00:00Z", "split": {"on": deep}}]}}
    documents = [of(state=huge), of(variants={"x": huge}), of(targeting={huge: 1}), of(state=deep)]
    documents += [of(targeting={"fractional": [["on", huge], ["off", 1]]})]
    documents += [{"metadata": {"bucketing": deep}}, {"metadata": {"x": huge}}]
    documents += [
        of() | {"$habitkit": {"a": settings}}
        for settings in ({"owner": huge}, {"owner": deep}, {"tags": [deep]}, {huge: 1}, split)
    ]

    for document in documents:
        assert all(len(message) < 200 for message in faults_of(document).values())


def test_all_faults_are_reported_at_once():
    document = of(state="ON", defaultVariant="x", typo=1, targeting={"nope": 1})
    document["$evaluators"] = {"e": {"nope": 1}}

    assert set(faults_of(document)) == {
        "$.flags.a.state",
        "$.flags.a.defaultVariant",
        "$.flags.a.typo",
        "$.flags.a.targeting",
        "$.$evaluators.e",
    }


def test_prerequisites_in_a_circle_or_in_a_long_row_are_refused():
    def chain(pairs):
        return {
            "flags": dict.fromkeys([f"f{n}" for n in range(20)], ON_OFF),
            "$habitkit": {
                a: {"prerequisites": [{"flag": b, "variants": ["on"]}]} for a, b in pairs
            },
        }

    circle = faults_of(chain([("f0", "f1"), ("f1", "f2"), ("f2", "f0")]))
    assert any("a cycle: f" in message for message in circle.values())
    long = faults_of(chain([(f"f{n + 1}", f"f{n}") for n in range(19)]))
    assert "expected at most 16 flags in a row, got 17" in long["$.$habitkit.f17.prerequisites"]


@given(document=JSON, key=st.sampled_from(SECTIONS))
def test_any_json_is_compiled_or_refused(document, key):
    for given_document in (document, {key: document}, of(targeting=document)):
        try:
            compiled = flags.compile(given_document)
        except FlagDefinitionError as error:
            assert error.faults  # noqa: PT017 - either may happen
        else:
            compiled.all({"targetingKey": "ada"})
