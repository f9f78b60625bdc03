"""Warnings about documents of flags, and the command that finds them in files."""

from __future__ import annotations

import io
import json
import sys
from datetime import UTC, datetime, timedelta

import pytest

from habitkit import flags
from habitkit.__main__ import main
from habitkit.flags import Flag, attr, document

NEW_YEAR = datetime(2027, 1, 1, tzinfo=UTC)
ON_OFF = {"state": "ENABLED", "variants": {"on": True, "off": False}, "defaultVariant": "off"}
TRAP = {"<": [{"var": "age"}, 18]}
TRAPPED = {"flags": {"a": {**ON_OFF, "targeting": {"if": [TRAP, "on"]}}}}
CLEAN = document({"a": Flag.boolean(default="off").when(attr("age") < 18).serve("on")})
FAULTY = {"flags": {"a": {**ON_OFF, "state": "on", "targeting": {"if": [TRAP, "on"]}}}}


def paths(found):
    return [each.path for each in found]


def test_a_document_without_surprises_has_no_warnings():
    plain = document({"a": Flag.boolean(default="on"), "b": Flag.string({"x": "y"}, default=None)})

    assert flags.lint(CLEAN) == flags.lint(json.dumps(CLEAN)) == flags.lint(plain) == ()


def test_warnings_name_traps_in_targeting_and_in_shared_rules():
    shared = {"$evaluators": {"young": TRAP}, **TRAPPED}

    assert paths(flags.lint(shared)) == [
        "$.$evaluators.young['<']",
        "$.flags.a.targeting.if[0]['<']",
    ]


def test_a_comparison_after_a_test_of_the_same_attribute_is_no_trap():
    def warned(*conditions):
        rule = {"if": [{"and": list(conditions)}, "on"]}
        return paths(flags.lint({"flags": {"a": {**ON_OFF, "targeting": rule}}}))

    assert not warned({"!!": {"var": "age"}}, TRAP)
    assert not warned({"!=": [{"var": "age"}, None]}, {"or": [TRAP]})
    assert warned(TRAP, {"!!": {"var": "age"}}), "the test comes too late"
    assert warned({"!!": {"var": "size"}}, TRAP), "another attribute"
    assert warned({"!!": [1]}, {"!": True, "x": 1}, True, TRAP), "no test at all"


def test_a_part_of_an_attribute_is_no_trap_but_two_attributes_are():
    def warned(*arguments):
        rule = {"if": [{"in": list(arguments)}, "on"]}
        return paths(flags.lint({"flags": {"a": {**ON_OFF, "targeting": rule}}}))

    assert not warned("@example.com", {"var": "email"})
    assert warned({"var": "group"}, {"var": "groups"})
    assert warned({"var": "plan"}, "pro, team")


def test_warnings_name_results_and_variants_that_do_not_fit():
    rule = {"if": [{"var": "staff"}, "onn", {"fractional": [["off", 1]]}]}
    steps = {"steps": [{"at": "2027-01-01T00:00:00Z", "serve": "off"}]}
    found = flags.lint(
        {
            "flags": {
                "rule": {**ON_OFF, "targeting": rule},
                "unknown": {**ON_OFF, "targeting": {"var": "variant"}},
                "stepped": ON_OFF,
                "faulty": {**ON_OFF, "targeting": {"iff": []}},
            },
            "$habitkit": {"stepped": {"schedule": steps}},
        }
    )

    assert paths(found) == [
        "$.flags.rule.targeting",
        "$.flags.rule.variants.on",
        "$.flags.stepped.variants.on",
    ]


def test_a_share_that_stays_at_nothing_never_serves_its_variant():
    def warned(**shares):
        end = NEW_YEAR + timedelta(days=1)
        flag = Flag.boolean(default="off").progressive("on", begin=NEW_YEAR, end=end, **shares)
        return paths(flags.lint(document({"a": flag})))

    assert warned(first=0, last=0) == ["$.flags.a.variants.on"]
    assert warned(first=100) == warned(first=10, last=50) == [], "the default is served otherwise"


def test_warnings_name_sticky_settings_and_schedules_that_do_nothing_or_surprise():
    def warned(flag, **settings):
        made = {"flags": {"a": {**ON_OFF, **flag}}, "$habitkit": {"a": settings}}
        assert flags.compile(made)
        return [(each.path, each.message.split(":")[0]) for each in flags.lint(made)]

    at = "2027-01-01T00:00:00Z"
    half, all_on = ({"on": 1, "off": 1}, {"on": 1, "off": 0})
    splits = {"targeting": {"fractional": [["on", 1], ["off", 1]]}}
    some = {"targeting": {"if": [{"var": "staff"}, splits["targeting"]]}}
    served = {"steps": [{"at": at, "serve": "on"}]}
    changing = {
        "steps": [{"at": at, "split": half}, {"at": "2027-02-01T00:00:00Z", "split": all_on}]
    }

    assert (
        warned({}, sticky=True)
        == warned({}, sticky=True, schedule=served)
        == [
            ("$.$habitkit.a.sticky", "sticky has no effect"),
        ]
    )
    assert warned(splits, sticky=True) == warned(some, sticky=True, schedule=served) == []
    assert warned(splits, schedule=served) == [
        ("$.$habitkit.a.schedule", "nobody with a targeting key reaches the schedule")
    ]
    assert warned(some, schedule=changing) == []
    assert warned(some, sticky=True, schedule=changing) == [
        ("$.$habitkit.a.schedule", "sticky keeps what the first split gave"),
    ]


def test_an_expired_flag_is_a_warning_if_the_time_is_given():
    made = document({"a": Flag.boolean(default="on").expires(NEW_YEAR)})

    assert flags.lint(made) == flags.lint(made, at=NEW_YEAR - timedelta(seconds=1)) == ()
    (warning,) = flags.lint(made, at=NEW_YEAR)
    assert str(warning) == (
        "$.$habitkit.a.expires: the flag expired at 2027-01-01T00:00:00+00:00; remove it, or extend it"
    )


@pytest.fixture
def files(tmp_path):
    """Files with nothing wrong, a warning, a fault and a warning, no JSON, a byte order mark."""
    contents = {"clean": CLEAN, "trapped": TRAPPED, "faulty": FAULTY}
    for name, content in contents.items():
        (tmp_path / name).write_text(json.dumps(content), "utf-8")
    (tmp_path / "garbage").write_bytes(b'{"\xff')
    (tmp_path / "marked").write_text(json.dumps(TRAPPED), "utf-8-sig")
    return tmp_path


@pytest.mark.parametrize(
    ("names", "options", "status", "levels"),
    [
        (["clean"], [], 0, []),
        (["clean", "trapped"], [], 0, ["warning"]),
        (["clean", "trapped"], ["--strict"], 1, ["warning"]),
        (["faulty", "garbage"], [], 1, ["error", "warning", "error"]),
        (["marked"], [], 1, ["error"]),
        (["trapped", "missing"], [], 2, ["warning"]),
    ],
)
def test_the_command_lists_faults_and_warnings(files, capsys, names, options, status, levels):
    given = [str(files / name) for name in names]

    assert main(["flags", "lint", *options, *given]) == status
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(": ")[1] for line in lines] == levels
    assert main(["flags", "lint", "--json", *options, *given]) == status
    written, complaints = capsys.readouterr()
    assert [it["level"] for it in json.loads(written)] == levels
    assert ("missing: No such file" in complaints) == ("missing" in names)


def test_the_command_reads_standard_input_and_writes_a_table_on_a_terminal(monkeypatch, capsys):
    def lint():
        content = io.TextIOWrapper(io.BytesIO(json.dumps(FAULTY).encode()))
        monkeypatch.setattr(sys, "stdin", content)
        assert main(["flags", "lint", "-"]) == 1
        return capsys.readouterr().out

    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    table = lint()
    assert "│ <stdin> │ error   │ $.flags.a.state" in table
    monkeypatch.setitem(sys.modules, "rich.console", None)
    assert lint().startswith("<stdin>: error: $.flags.a.state: expected"), "without rich"


def test_wrong_usage_ends_with_status_2(capsys):
    for arguments in (["flags"], ["flags", "lint"], ["flags", "lint", "--what", "x"]):
        with pytest.raises(SystemExit) as ended:
            main(arguments)
        assert ended.value.code == 2
    assert "usage: python -m habitkit flags lint" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("document", "faulty"),
    [
        ([], True),
        ('{"flags": ', True),
        ({"flags": {3: ON_OFF}}, True),
        ({"flags": {"a": {**ON_OFF, "targeting": {None: [TRAP]}}}}, True),
        ({"flags": {"a": {**ON_OFF, "targeting": {"fractional": [["on", {"if": []}]]}}}}, False),
    ],
)
def test_a_document_of_any_shape_is_linted_and_its_faults_are_reported(document, faulty):
    assert all("variants" in each.path for each in flags.lint(document))
    if faulty:
        with pytest.raises(flags.FlagDefinitionError):
            flags.compile(document)
    else:
        assert flags.compile(document).details("a", None, {"targetingKey": "ada"}).variant == "off"
