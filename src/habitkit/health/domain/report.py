"""The values of health: the result of a check, a report, and its answer to a probe.

The answer follows the draft "Health Check Response Format for HTTP APIs"
(draft-inadarei-api-health-check-06): 200 for ``pass`` and ``warn``, 503 for ``fail``.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Any, Literal, TypeAlias

from attrs import field, frozen

from habitkit.errors import InvalidInput

__all__ = [
    "LEVELS",
    "MEDIA_TYPE",
    "CheckResult",
    "Health",
    "HealthResponse",
    "Level",
    "Status",
    "expect_level",
    "failed",
    "overall",
    "passed",
    "result_of",
    "warned",
]

Level: TypeAlias = Literal["live", "ready", "deep"]
Status: TypeAlias = Literal["pass", "warn", "fail"]

LEVELS: tuple[Level, ...] = ("live", "ready", "deep")
"""Each level has the checks of those before it, and its own."""

MEDIA_TYPE = "application/health+json"

_STATUSES: tuple[Status, ...] = ("pass", "warn", "fail")
_OK, _UNAVAILABLE = 200, 503


def _status(value: Any) -> Status:
    """Return a status.

    Raises:
        InvalidInput: If it is none.
    """
    for status in _STATUSES:
        if value == status:
            return status
    raise InvalidInput("status", given=value, expected="'pass', 'warn' or 'fail'")


def _number_or_none(_: object, __: object, value: Any) -> None:
    if value is None or (isinstance(value, int | float) and abs(value) < float("inf")):
        return
    raise InvalidInput("value", given=value, expected="a finite number or None")


def _text(_: object, attribute: Any, value: Any) -> None:
    if not isinstance(value, str):
        raise InvalidInput(attribute.name, given=value, expected="a text")


@frozen
class CheckResult:
    """The result of one check.

    Attributes:
        status: ``pass``, ``warn`` or ``fail``.
        text: Why it is not ``pass``; it may name what only operators may see.
        value: What was measured, if something was; not NaN and not infinite.
        unit: The unit of that, such as ``seconds``.
        at: When the check ended, in UTC; None for one that has not been run by a kit.

    Raises:
        InvalidInput: If an attribute is not what is expected.
    """

    status: Status = field(default="pass", converter=_status)
    text: str = field(default="", validator=_text)
    value: float | None = field(default=None, validator=_number_or_none)
    unit: str = field(default="", validator=_text)
    at: datetime | None = None


@frozen
class HealthResponse:
    """The answer to a probe, for a web framework to send.

    Attributes:
        status_code: The HTTP status.
        media_type: The content type.
        body: JSON, all ASCII.
    """

    status_code: int
    media_type: str
    body: str


def _read_only(checks: Mapping[str, CheckResult]) -> Mapping[str, CheckResult]:
    return MappingProxyType(dict(checks))


@frozen
class Health:
    """The health of a kit.

    Attributes:
        status: ``fail`` if a critical check failed; ``warn`` if another one did, or one warns.
        checks: The results by the name of the check.
        level: What was asked for.
    """

    status: Status
    checks: Mapping[str, CheckResult] = field(converter=_read_only)
    level: Level = "ready"

    def response(self, *, details: bool = False) -> HealthResponse:
        """Return the answer to a probe: 200 for ``pass`` and ``warn``, 503 for ``fail``.

        Args:
            details: Whether to say why a check is not ``pass``. Such a text may name hosts and
                users: leave it out where anybody may ask.
        """
        body: dict[str, Any] = {"status": self.status}
        if self.checks:
            body["checks"] = {
                name: [_as_json(result, details=details)] for name, result in self.checks.items()
            }
        code = _UNAVAILABLE if self.status == "fail" else _OK
        return HealthResponse(code, MEDIA_TYPE, json.dumps(body))


def _as_json(result: CheckResult, *, details: bool) -> dict[str, Any]:
    """Return a result under the names of the draft."""
    found: dict[str, Any] = {"status": result.status}
    if result.value is not None:
        found["observedValue"] = result.value
    if result.unit:
        found["observedUnit"] = result.unit
    if result.at is not None:
        found["time"] = result.at.isoformat().replace("+00:00", "Z")
    if details and result.text:
        found["output"] = result.text
    return found


def expect_level(level: object) -> Level:
    """Return a level.

    Raises:
        InvalidInput: If it is none.
    """
    for each in LEVELS:
        if isinstance(level, str) and level == each:
            return each
    raise InvalidInput("level", given=level, expected="'live', 'ready' or 'deep'")


def overall(results: Mapping[str, CheckResult], critical: Mapping[str, bool]) -> Status:
    """Return the status of all checks together.

    Args:
        results: The results by the name of the check.
        critical: Whether it is ``fail`` if the check of a name fails; else it is ``warn``.
    """
    worst: Status = "pass"
    for name, result in results.items():
        if result.status == "fail" and critical[name]:
            return "fail"
        if result.status != "pass":
            worst = "warn"
    return worst


def passed(value: float | None = None, unit: str = "") -> CheckResult:
    """Return the result of a check that found nothing wrong."""
    return CheckResult("pass", "", value, unit)


def warned(text: str, value: float | None = None, unit: str = "") -> CheckResult:
    """Return the result of a check that found what should be seen to."""
    return CheckResult("warn", text, value, unit)


def failed(text: str) -> CheckResult:
    """Return the result of a check that failed."""
    return CheckResult("fail", text)


def result_of(returned: object) -> CheckResult:
    """Return the result of a check by what its function has returned."""
    if isinstance(returned, CheckResult):
        return returned
    if returned is None or returned is True:
        return CheckResult()
    if returned is False:
        return CheckResult("fail", "the check returned False")
    expected = "expected None, True, False or a CheckResult"
    return CheckResult("fail", f"{expected}, the check returned a {type(returned).__name__}")
