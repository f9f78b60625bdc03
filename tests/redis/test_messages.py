"""What the errors of Redis become."""

from __future__ import annotations

import pytest
import redis

from habitkit.backends.redis._commands import failure
from habitkit.errors import StoreError
from habitkit.limits import LimitsUnavailable


@pytest.mark.parametrize(
    ("error", "unavailable"),
    [
        (redis.exceptions.BusyLoadingError("Redis is loading the dataset in memory"), True),
        (redis.exceptions.ClusterDownError("CLUSTERDOWN The cluster is down"), True),
        (redis.exceptions.SlotNotCoveredError("Slot 7 is not covered"), True),
        (redis.exceptions.MovedError("7 127.0.0.1:7000"), True),
        (redis.exceptions.ResponseError("MISCONF Redis is configured to save"), True),
        (redis.exceptions.ResponseError("BUSY Redis is busy running a script"), True),
        (redis.exceptions.NoPermissionError("this user has no permissions"), False),
        (redis.exceptions.ResponseError("ERR something else"), False),
        (ConnectionResetError(), True),
        (TimeoutError(), True),
    ],
    ids=lambda it: type(it).__name__,
)
def test_what_says_that_the_server_cannot_be_used_now_falls_under_the_policy(error, unavailable):
    found = failure(error, b"hk:{g1:ada}")

    assert isinstance(found, LimitsUnavailable) == unavailable
    assert isinstance(found, StoreError)
    assert str(error) in str(found)
    assert type(error).__name__ in str(found) or str(error)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (
            f"Error running script (call to f_{'0af9' * 10}): @user_script:29: @user_script: 29: "
            "-OOM command not allowed when used memory > 'maxmemory'.",
            "OOM command not allowed when used memory > 'maxmemory'",
        ),
        (
            f"Error running script (call to f_{'0af9' * 10}): @user_script:9: @user_script: 9: "
            "The user executing the script can't run this command or subcommand",
            "The user executing the script can't run this command or subcommand",
        ),
        (
            f"You can't write against a read only replica. script: {'0af9' * 10}, on "
            "@user_script:186.",
            "You can't write against a read only replica",
        ),
        ("ERR first\r\nsecond", "ERR first second"),
    ],
)
def test_a_message_says_the_cause_and_not_where_in_the_script_it_came_up(text, reason):
    message = str(failure(redis.exceptions.ResponseError(text), b"hk:{g1:ada}"))

    assert f": {reason}" in message
    assert "script:" not in message
    assert "0af9" not in message
    assert ".;" not in message
