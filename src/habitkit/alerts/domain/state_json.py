"""The states of rules as JSON objects, as stores keep them, and back."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from datetime import datetime
from math import inf, nan
from typing import Any

from attrs import fields

from habitkit.alerts.domain.model import AlertState, RuleState
from habitkit.metrics.domain.series import labels_of

__all__ = [
    "alert_from_dict",
    "alert_to_dict",
    "rule_state_from_dict",
    "rule_state_to_dict",
]

_INSTANTS = ("active_at", "fired_at", "false_since", "resolved_at")
_DEFAULTS = {
    each.name: each.default
    for each in fields(AlertState)
    if each.name not in {"labels", "phase", "value", "active_at"}
}
_LARGEST = sys.float_info.max
_NAMES = {each.name for each in fields(AlertState)}
_NUMBERS = {"nan": nan, "inf": inf, "-inf": -inf}


def alert_to_dict(alert: AlertState) -> dict[str, Any]:
    """Return an alert as a JSON object; what is as by default is left out."""
    found: dict[str, Any] = {
        "labels": dict(alert.labels),
        "phase": alert.phase,
        "value": _number_to_json(alert.value),
        "active_at": alert.active_at.isoformat(),
    }
    for name, default in _DEFAULTS.items():
        value = getattr(alert, name)
        if value != default:
            found[name] = value.isoformat() if name in _INSTANTS else value
    return found


def alert_from_dict(content: Mapping[str, Any]) -> AlertState:
    """Return the alert of an object that ``alert_to_dict`` returned.

    Members that are not known are left out: a newer version of this package may have written them.
    """
    found = {name: value for name, value in content.items() if name in _NAMES}
    for name in _INSTANTS:
        if name in found:
            found[name] = datetime.fromisoformat(found[name])
    found["labels"] = labels_of(found["labels"])
    found["value"] = _NUMBERS.get(found["value"], found["value"])
    return AlertState(**found)


def rule_state_to_dict(state: RuleState) -> dict[str, Any]:
    """Return the state of a rule as a JSON object; what is empty is left out."""
    found: dict[str, Any] = {
        "alerts": [alert_to_dict(alert) for alert in state.alerts.values()],
        "seen": [[dict(labels), it.isoformat()] for labels, it in state.seen.items()],
        "evaluated_at": state.evaluated_at and state.evaluated_at.isoformat(),
        "error": state.error,
        "changes": [
            [dict(labels), [it.isoformat() for it in each]]
            for labels, each in state.changes.items()
        ],
    }
    return {name: value for name, value in found.items() if value}


def rule_state_from_dict(content: Mapping[str, Any]) -> RuleState:
    """Return the state of an object that ``rule_state_to_dict`` returned."""
    alerts = [alert_from_dict(each) for each in content.get("alerts", ())]
    evaluated_at = content.get("evaluated_at")
    return RuleState(
        alerts={alert.labels: alert for alert in alerts},
        seen={
            labels_of(labels): datetime.fromisoformat(it) for labels, it in content.get("seen", ())
        },
        evaluated_at=evaluated_at and datetime.fromisoformat(evaluated_at),
        error=content.get("error"),
        changes={
            labels_of(labels): tuple(map(datetime.fromisoformat, each))
            for labels, each in content.get("changes", ())
        },
    )


def _number_to_json(value: float) -> float | str:
    """Return a number as JSON can hold it; an int that no double can hold becomes infinite."""
    if abs(value) <= _LARGEST:
        return value
    return "inf" if value > 0 else "-inf" if value < 0 else "nan"
