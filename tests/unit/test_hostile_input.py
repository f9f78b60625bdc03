"""Input made to break what reads it is refused by an error of habitkit's own."""

from __future__ import annotations

from typing import Any

import pytest

from habitkit import Schedule
from habitkit.errors import InvalidInput
from habitkit.testing import TestKit


def nested(levels: int) -> dict[str, Any]:
    value: dict[str, Any] = {}
    for _ in range(levels - 1):
        value = {"a": value}
    return value


@pytest.mark.parametrize("levels", [102, 600, 900, 100_000])
def test_json_that_is_nested_too_deeply_is_refused_however_deep_the_caller_is(
    kit: TestKit, levels: int
) -> None:
    value = nested(levels)

    for use in (
        lambda: kit.events.record("ada", "b", value),
        lambda: kit.coins.award("ada", 1, metadata=value, idempotency_key="k"),
        lambda: kit.habits.create("ada", "Run", Schedule.daily(), metadata=value),
    ):
        with pytest.raises(InvalidInput):
            use()


def test_json_of_a_hundred_levels_is_kept(kit: TestKit) -> None:
    kit.events.record("ada", "b", nested(100))

    assert kit.events.page("ada")[0].fields == nested(100)


@pytest.mark.parametrize(
    "rule",
    [
        "FREQ=MONTHLY;BYDAY=53MO",
        "FREQ=MONTHLY;BYDAY=-6MO",
        "FREQ=YEARLY;BYDAY=55MO",
        "FREQ=YEARLY;BYMONTH=12;BYDAY=6MO",
        "FREQ=DAILY;INTERVAL=" + "9" * 5000,
        "FREQ=DAILY;BYDAY=" + ",".join(["MO"] * 1000),
        "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30",
    ],
)
def test_a_recurrence_rule_that_breaks_what_reads_it_is_refused(kit: TestKit, rule: str) -> None:
    with pytest.raises(InvalidInput, match="rule: expected"):
        kit.habits.create("ada", "Run", Schedule.rrule(rule))


def test_a_rule_may_count_the_weekdays_of_a_month_and_of_a_year(kit: TestKit) -> None:
    for rule in ("FREQ=MONTHLY;BYDAY=-5MO", "FREQ=YEARLY;BYDAY=53MO"):
        assert kit.habits.create("ada", rule, Schedule.rrule(rule)).title == rule
