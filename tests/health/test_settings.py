"""What the settings of health, and the checks of a host, take."""

from __future__ import annotations

from typing import Any

import pytest

from habitkit.errors import ConfigurationError, InvalidInput
from habitkit.health import CheckResult, HealthSettings, check

REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"name": ""}, "name: expected a printable text of 1 to 100 characters, got ''"),
    ({"name": "a\nb"}, "name: expected a printable text of 1 to 100 characters"),
    ({"name": 5}, "name: expected a printable text"),
    ({"name": "x" * 101}, "name: expected a printable text"),
    (
        {"name": "store"},
        "name: expected another name than those of habitkit's own checks, got 'store'",
    ),
    ({"call": "ping"}, "call: expected a function without arguments, got 'ping'"),
    ({"level": "live"}, "level: expected 'ready' or 'deep'"),
    ({"level": []}, "level: expected 'ready' or 'deep'"),
    ({"timeout_seconds": 0}, "timeout_seconds: expected seconds, above 0 and at most 3600, got 0"),
    ({"timeout_seconds": True}, "timeout_seconds: expected seconds"),
    ({"timeout_seconds": float("nan")}, "timeout_seconds: expected seconds"),
    ({"timeout_seconds": "2"}, "timeout_seconds: expected seconds"),
    ({"critical": 1}, "critical: expected True or False, got 1"),
]


@pytest.mark.parametrize(("changed", "message"), REFUSED)
def test_what_is_no_check_is_refused(changed, message):
    options = {"name": "smtp", "call": print, **changed}
    with pytest.raises(ConfigurationError) as raised:
        check(options.pop("name"), options.pop("call"), **options)
    assert str(raised.value).startswith(message)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"checks": [check("a", print), print]}, "checks: expected a list such as"),
        ({"checks": 5}, "checks: expected a list such as"),
        (
            {"checks": [check("a", print), check("a", dict)]},
            "checks: expected a name once, got 'a' twice",
        ),
        ({"relay_lag_seconds": -1}, "relay_lag_seconds: expected seconds"),
    ],
)
def test_other_settings_are_refused(options, message):
    with pytest.raises(ConfigurationError) as raised:
        HealthSettings(**options)
    assert str(raised.value).startswith(message)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"status": "ok"}, "status: expected 'pass', 'warn' or 'fail', got 'ok'"),
        ({"text": None}, "text: expected a text, got None"),
        ({"value": float("nan")}, "value: expected a finite number or None, got nan"),
        ({"unit": 5}, "unit: expected a text, got 5"),
    ],
)
def test_a_result_of_other_values_is_refused(options, message):
    with pytest.raises(InvalidInput) as raised:
        CheckResult(**options)
    assert str(raised.value) == message
