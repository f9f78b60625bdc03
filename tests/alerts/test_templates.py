"""The texts of alerts: what they may hold, and how they are rendered."""

from __future__ import annotations

from math import inf, nan

import pytest
from hypothesis import given
from hypothesis import strategies as st

from habitkit.alerts.domain.templates import checked_template, render
from habitkit.errors import InvalidInput

LABELS = {"zone": "eu", "name": "a{b}"}


@pytest.mark.parametrize(
    ("template", "value", "expected"),
    [
        ("{zone}: {value:.1%}", 0.0567, "eu: 5.7%"),
        ("{zone}{other}|{name}", 1, "eu|a{b}"),
        ("{value}", 5.0, "5"),
        ("{value}", 0.1 + 0.2, "0.3"),
        ("{value} {value:.0f} {value:,}", 1_234_567, "1234567 1234567 1,234,567.0"),
        ("{value:.2f}", nan, "nan"),
        ("{value:.1%}", 10**400, "inf%"),
        ("{value:.1%}", -(10**400), "-inf%"),
        ("{value}", -inf, "-inf"),
        ("{{zone}} {zone:>4}{{", 1, "{zone}   eu{"),
        ("}}{zone}}}", 1, "}eu}"),
        ("", 1, ""),
    ],
)
def test_a_text_is_rendered(template: str, value: float, expected: str):
    assert render(checked_template("summary", template), LABELS, value) == expected


@pytest.mark.parametrize(
    ("template", "message"),
    [
        ("{zone.upper}", "summary: expected a text of at most"),
        ("{zone[0]}", "summary: expected a text of at most"),
        ("{zone!r}", "summary: expected a text of at most"),
        ("{zone:{value}}", "summary: expected a text of at most"),
        ("{}", "summary: expected a text of at most"),
        ("{0}", "summary: expected a text of at most"),
        ("{zone", "summary: expected a text of at most"),
        ("zone}", "summary: expected a text of at most"),
        ("{ zone }", "summary: expected a text of at most"),
        ("{zöne}", "summary: expected a text of at most"),
        ("x" * 2001, "summary: expected a text of at most"),
        ("\0", "summary: expected a text of at most"),
        ("{value:d}", "summary: {value}: expected a format of a number"),
        ("{value:s}", "summary: {value}: expected a format of a number"),
        ("{value:.101f}", "summary: {value}: expected a format of a number"),
        ("{value:999999999}", "summary: {value}: expected a format of a number"),
        ("{zone:.1%}", "summary: {zone}: expected a format of a text"),
        ("{zone:>1000000}", "summary: {zone}: expected a format of a text"),
    ],
)
def test_what_is_not_labels_and_the_value_is_refused_when_the_rule_is_made(template, message):
    with pytest.raises(InvalidInput) as caught:
        checked_template("summary", template)
    assert str(caught.value).startswith(message)


@given(
    st.text(st.sampled_from("{}:.!%[]09aé _v"), max_size=12)
    | st.from_regex(r"\{value:[^{}]{0,6}\}"),
    st.floats() | st.integers(),
)
def test_whatever_is_accepted_can_be_rendered_for_any_labels_and_value(template: str, value: float):
    try:
        checked_template("summary", template)
    except InvalidInput:
        return
    render(template, {}, value)
    render(template, {"a": "{x}", "v": "\u1234"}, value)
