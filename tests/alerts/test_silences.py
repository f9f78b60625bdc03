"""Silences: what they hide, and when."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from uuid import UUID

import pytest

from habitkit.alerts.domain.silences import Silence, is_silenced
from habitkit.errors import InvalidInput
from habitkit.metrics.domain.matchers import matches, not_
from habitkit.metrics.domain.series import Labels

START = datetime(2027, 3, 5, tzinfo=UTC)
HOUR = timedelta(hours=1)
LABELS: Labels = (("alertname", "Deep"), ("zone", "eu"))


def silence(**more: Any) -> Silence:
    given = {"match": {"alertname": "Deep"}, "starts": START, "ends": START + HOUR}
    return Silence(**{"id": UUID(int=1), "by": "ada", "comment": "at work on it", **given, **more})


def test_a_silence_holds_from_its_start_up_to_its_end():
    found = [silence()]
    instants = [START - HOUR, START, START + HOUR - timedelta(seconds=1), START + HOUR]
    assert [is_silenced(LABELS, found, it) for it in instants] == [False, True, True, False]
    assert silence(starts=datetime(2027, 3, 5, 1, tzinfo=timezone(HOUR))).starts == START


def test_a_silence_holds_for_alerts_that_meet_all_its_conditions():
    for match, expected in (
        ({"alertname": "Deep", "zone": matches("e.")}, True),
        ({"alertname": "Deep", "zone": not_("eu")}, False),
        ({"alertname": "Deep", "other": not_("eu")}, True),
        ({"other": "eu"}, False),
    ):
        assert is_silenced(LABELS, [silence(match=match)], START) is expected
    assert not is_silenced(LABELS, [], START)


def test_silences_that_hide_everything_or_never_anything_are_refused():
    cases: list[tuple[dict[str, Any], str]] = [
        ({"match": {}}, "match: expected a condition that not every alert meets"),
        (
            {"match": {"zone": not_("eu"), "x": matches(".*")}},
            "match: expected a condition that not",
        ),
        ({"ends": START}, "ends: expected an instant after"),
        ({"starts": datetime(2027, 3, 5)}, "starts: expected an aware datetime"),  # noqa: DTZ001
        ({"ends": "1h"}, "ends: expected an aware datetime"),
        ({"by": ""}, "by: expected a text of 1 to 200"),
        ({"comment": "x\0"}, "comment: expected a text of 1 to 2000"),
    ]
    for given, message in cases:
        with pytest.raises(InvalidInput, match=message):
            silence(**given)
