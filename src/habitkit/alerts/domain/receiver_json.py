"""The states of receivers as JSON objects, as stores keep them, and back."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from habitkit.alerts.domain.receivers import GroupState, Notification, ReceiverState
from habitkit.alerts.domain.state_json import alert_from_dict, alert_to_dict
from habitkit.metrics.domain.series import labels_of

__all__ = [
    "notification_from_dict",
    "notification_to_dict",
    "receiver_state_from_dict",
    "receiver_state_to_dict",
]


def notification_to_dict(notification: Notification) -> dict[str, Any]:
    """Return a notification as a JSON object."""
    return {
        "id": notification.id,
        "receiver": notification.receiver,
        "group": dict(notification.group),
        "status": notification.status,
        "alerts": [alert_to_dict(alert) for alert in notification.alerts],
        "at": notification.at.isoformat(),
        "repeated": notification.repeated,
    }


def notification_from_dict(content: Mapping[str, Any]) -> Notification:
    """Return the notification of an object that ``notification_to_dict`` returned."""
    return Notification(
        id=content["id"],
        receiver=content["receiver"],
        group=labels_of(content["group"]),
        status=content["status"],
        alerts=tuple(alert_from_dict(each) for each in content["alerts"]),
        at=datetime.fromisoformat(content["at"]),
        repeated=content.get("repeated", False),
    )


def receiver_state_to_dict(state: ReceiverState) -> dict[str, Any]:
    """Return the state of a receiver as a JSON object."""
    groups = [_group_to_dict(group) for group in state.groups.values()]
    return {"groups": groups, "serial": state.serial}


def receiver_state_from_dict(content: Mapping[str, Any]) -> ReceiverState:
    """Return the state of an object that ``receiver_state_to_dict`` returned."""
    groups = [_group_from_dict(each) for each in content.get("groups", ())]
    return ReceiverState({group.labels: group for group in groups}, content.get("serial", 0))


def _group_to_dict(group: GroupState) -> dict[str, Any]:
    found: dict[str, Any] = {
        "labels": dict(group.labels),
        "next_at": group.next_at.isoformat(),
        "sent_at": group.sent_at and group.sent_at.isoformat(),
        "known": [alert_to_dict(alert) for alert in group.known.values()],
        "again": [dict(labels) for labels in sorted(group.again)],
        "sending": group.sending and notification_to_dict(group.sending),
        "attempts": group.attempts,
        "retry_at": group.retry_at and group.retry_at.isoformat(),
    }
    kept = {"labels", "next_at"}
    return {name: value for name, value in found.items() if value or name in kept}


def _group_from_dict(content: Mapping[str, Any]) -> GroupState:
    known = [alert_from_dict(each) for each in content.get("known", ())]
    sent_at, retry_at, sending = (content.get(it) for it in ("sent_at", "retry_at", "sending"))
    return GroupState(
        labels=labels_of(content["labels"]),
        next_at=datetime.fromisoformat(content["next_at"]),
        sent_at=sent_at and datetime.fromisoformat(sent_at),
        known={alert.labels: alert for alert in known},
        again=frozenset(map(labels_of, content.get("again", ()))),
        sending=sending and notification_from_dict(sending),
        attempts=content.get("attempts", 0),
        retry_at=retry_at and datetime.fromisoformat(retry_at),
    )
