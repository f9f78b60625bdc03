"""States as JSON: numbers that it lacks, any text, and what other versions have written."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from attrs import evolve, fields

from habitkit.alerts.domain.model import AlertState, RuleState
from habitkit.alerts.domain.receiver_json import receiver_state_from_dict, receiver_state_to_dict
from habitkit.alerts.domain.receivers import GroupState, Notification, ReceiverState
from habitkit.alerts.domain.state_json import rule_state_from_dict, rule_state_to_dict

AT = datetime(2027, 3, 5, 8, 30, 0, 123456, tzinfo=UTC)
KEY = (("alertname", "Tiefe Ä 今日"), ("zone", 'a"\\\u2028'))


def alert(value: float = 1.5) -> AlertState:
    """Return an alert of which nothing is as by default."""
    return AlertState(KEY, "firing", value, AT, AT, AT, AT, "no_data", True, "é" * 20_000, "dig")


def states() -> tuple[RuleState, ReceiverState]:
    """Return states of which nothing is as by default."""
    sending = Notification("1", "ops", KEY[:1], "firing", (alert(),), AT, repeated=True)
    group = GroupState(KEY[:1], AT, AT, {KEY: alert()}, frozenset({KEY}), sending, 3, AT)
    rule = RuleState({KEY: alert()}, {KEY: AT}, AT, "too slow", {KEY: (AT, AT)})
    return rule, ReceiverState({KEY[:1]: group}, 7)


@pytest.mark.parametrize(
    "value", [float("nan"), float("inf"), float("-inf"), -0.0, 10**300, 5e-324]
)
def test_any_number_and_text_comes_back(value: float) -> None:
    state = evolve(states()[0], alerts={KEY: alert(value)})

    text = json.dumps(rule_state_to_dict(state), allow_nan=False)

    assert rule_state_from_dict(json.loads(text)) == state
    assert text.isascii()


@pytest.mark.parametrize("value", [10**400, -(10**5000)], ids=["large", "larger"])
def test_an_int_that_no_double_can_hold_can_be_compared_and_comes_back_infinite(value: int) -> None:
    state = RuleState({KEY: alert(value)})

    found = rule_state_from_dict(json.loads(json.dumps(rule_state_to_dict(state))))

    assert state == RuleState({KEY: alert(value)}) != found
    assert found.alerts[KEY].value == (float("inf") if value > 0 else float("-inf"))


def test_what_is_everywhere_set_comes_back_and_what_an_older_version_lacks_is_as_by_default() -> (
    None
):
    rule, receiver = states()
    for value in (rule, receiver, alert()):
        assert all(
            getattr(value, it.name) != it.default for it in fields(type(value)) if it.default != {}
        )
    kept: Any = json.loads(json.dumps([rule_state_to_dict(rule), receiver_state_to_dict(receiver)]))
    assert rule_state_from_dict(kept[0]) == rule
    assert receiver_state_from_dict(kept[1]) == receiver

    del kept[0]["alerts"][0]["flapping"], kept[0]["changes"]
    del kept[1]["groups"][0]["again"], kept[1]["groups"][0]["sending"]["repeated"]

    assert rule_state_from_dict(kept[0]) == evolve(
        rule, alerts={KEY: evolve(alert(), flapping=False)}, changes={}
    )
    (group,) = receiver_state_from_dict(kept[1]).groups.values()
    assert (group.again, group.sending and group.sending.repeated) == (frozenset(), False)


def test_what_a_newer_version_has_written_beside_is_left_out() -> None:
    rule, receiver = states()
    kept: Any = json.loads(json.dumps([rule_state_to_dict(rule), receiver_state_to_dict(receiver)]))
    group = kept[1]["groups"][0]
    for content in (*kept, kept[0]["alerts"][0], group, group["sending"], group["known"][0]):
        content["of_the_future"] = 1

    assert rule_state_from_dict(kept[0]) == rule
    assert receiver_state_from_dict(kept[1]) == receiver
