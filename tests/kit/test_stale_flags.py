"""``kit.flags.stale()``: flags that are probably no longer needed."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from habitkit.errors import InvalidInput
from habitkit.flags import Flag, StaleFlag, attr, document

FLAG = Flag.boolean(default="off")
TARGETED = FLAG.when(attr("staff")).serve("on")


def put(kit, **definitions):
    for key, definition in definitions.items():
        kit.flags.put(key, definition, by="ada")


def reasons(kit, **options):
    return {each.key: each.reasons for each in kit.flags.stale(**options)}


def test_a_flag_past_its_end_is_stale_from_that_instant_on(kit):
    end = kit.clock.now() + timedelta(days=1)
    put(kit, trial=TARGETED.expires(end).owned_by("grace"), other=TARGETED)

    assert kit.flags.stale() == []
    kit.clock.advance(days=1)
    assert kit.flags.stale() == [StaleFlag("trial", ("expired",), "grace", None)]


def test_a_flag_is_rolled_out_if_everybody_is_served_one_variant(kit):
    always_off = FLAG.when(attr("staff")).serve("off")
    made: dict[str, Any] = {
        "always_off": always_off,
        "disabled": FLAG.disabled(),
        "for_a_segment": FLAG.segment("staff"),
        "needs_another": FLAG.requires("plain", "on"),
        "of_the_caller": Flag.boolean(default=None),
        "partly": FLAG.rollout({"on": 1, "off": 1}),
        "plain": FLAG,
        "targeted": TARGETED,
        "unknown": {**FLAG.definition(), "targeting": {"var": "variant"}},
    }
    kit.flags.put_document(document(made, evaluators={"staff": attr("staff")}), by="ada")

    assert reasons(kit) == {"always_off": ("rolled out",), "plain": ("rolled out",)}


def test_a_scheduled_flag_is_rolled_out_when_its_schedule_is_over(kit):
    first, last = (kit.clock.now() + timedelta(days=days) for days in (1, 2))
    put(
        kit,
        ends_halfway=FLAG.progressive("on", begin=first, end=last, last=50),
        ends_off=FLAG.progressive("on", begin=first, end=last, first=50, last=0),
        ends_split=FLAG.schedule({first: "on", last: {"on": 1, "off": 1}}),
        rises=FLAG.progressive("on", begin=first, end=last),
        steps=FLAG.schedule({first: {"on": 1, "off": 9}, last: {"on": 1, "off": 0}}),
        steps_behind_a_rule=TARGETED.schedule({last: "on"}),
    )

    assert reasons(kit) == {}
    kit.clock.advance(days=1)
    assert reasons(kit) == {}
    kit.clock.advance(days=1)
    over = ("ends_off", "rises", "steps", "steps_behind_a_rule")
    assert reasons(kit) == dict.fromkeys(over, ("rolled out",))


def test_a_flag_that_was_not_evaluated_for_some_days_is_unused(kit):
    kit.flags.put_document({"flags": {key: TARGETED.definition() for key in "abc"}}, by="ada")
    kit.clock.advance(days=20)
    put(kit, b=TARGETED.tagged("changed"))
    kit.flags.boolean("c", default=False)
    kit.refresh()
    used_at = kit.clock.now()

    kit.clock.advance(days=10)
    assert kit.flags.stale() == [StaleFlag("a", ("unused",), None, None)]
    kit.clock.advance(days=20)
    kit.flags.delete("b", by="ada")
    assert kit.flags.stale() == [
        StaleFlag("a", ("unused",), None, None),
        StaleFlag("c", ("unused",), None, used_at),
    ]
    assert reasons(kit, unused_days=51) == {}


def test_flags_of_a_whole_client_and_prerequisites_of_used_flags_are_used(kit):
    needs = {key: TARGETED.requires(other, "on") for key, other in (("b", "a"), ("c", "b"))}
    put(kit, a=TARGETED, **needs)
    kit.clock.advance(days=40)
    kit.flags.boolean("c", default=False)
    kit.refresh()
    assert reasons(kit) == {}

    kit.clock.advance(days=40)
    assert set(reasons(kit)) == {*"abc"}
    kit.flags.all()
    kit.refresh()
    assert reasons(kit) == {}


def test_rules_tell_what_they_may_serve_without_being_compiled(kit):
    shared = {
        "shared": {"if": [{"var": "x"}, "on", {"rollout": [0, 9, "on", "on"]}]},
        "other": {"if": [{"var": "x"}, {"$ref": "shared"}, {"rollout": [0, 9, "off"]}]},
    }
    rules = {
        "by_hash": {"fractional": [{"var": "x"}, ["on", 1], ["on", 3]]},
        "computed": {"cat": ["o", "n"]},
        "referring": {"$ref": "shared"},
        "referring_twice": {"?:": [True, {"$ref": "shared"}, {"$ref": "shared"}, "on", "on"]},
        "split": {"fractional": [["on", 1], ["off", 3]]},
        "two_ways": {"$ref": "other"},
    }
    on = {**FLAG.definition(), "defaultVariant": "on"}
    made = {key: {**on, "targeting": rule} for key, rule in rules.items()}
    kit.flags.put_document({"flags": made, "$evaluators": shared}, by="ada")

    rolled_out = ("by_hash", "referring", "referring_twice")
    assert reasons(kit) == dict.fromkeys(rolled_out, ("rolled out",))


@pytest.mark.parametrize("days", [0, 36_501, 1.0, True, "30"])
def test_days_that_are_no_number_of_days_are_refused(kit, days):
    with pytest.raises(InvalidInput, match="unused_days: expected an int from 1 to 36500"):
        kit.flags.stale(unused_days=days)
