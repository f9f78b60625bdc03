"""The notifications of one receiver: when which alerts are sent.

Theory of operation, after Alertmanager (dispatch.go, and ``DedupStage`` in notify.go). A group is
the firing alerts whose ``group_by`` labels are equal. It is looked at ``wait`` after its first
alert, at once if that fires for longer already, and then every ``interval``, or every ``repeat`` if
that is shorter. A notification is made

- if an alert fires that the receiver does not know to fire,
- if one that it knows to fire does not any more,
- if neither is so and an alert fires: ``repeat`` after the last one was sent. That counts from when
  it was made, if it was sent at once: sending takes time, and a look that is due exactly ``repeat``
  later would else come too early, and leave it to the next.

It holds all firing alerts and those that ended. One is sent before the next is made: until then it
keeps its id, and is tried again after 10 s, 20 s and so on up to 10 minutes. Only what was sent is
known to the receiver; so an alert that ends is sent only if its firing was.

Silenced alerts are left out, of notifications that are not sent yet too. What fires at the end of
its silence is sent, even if it was known before; what ended meanwhile is sent if its firing was. A
flapping alert counts as firing, in whatever phase it is; that it flaps, or does no more, is a
change.

A group without alerts that fire, and without any that the receiver knows of, is forgotten. Where
``group_by`` was changed, what the receiver knows of is in the new groups.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Mapping
from datetime import datetime, timedelta

from attrs import evolve, frozen

from habitkit.alerts.domain.matchers import meets
from habitkit.alerts.domain.model import AlertState
from habitkit.alerts.domain.receivers import GroupState, Notification, Receiver, ReceiverState
from habitkit.alerts.domain.silences import Silence, is_silenced
from habitkit.metrics.domain.series import Labels

__all__ = ["Plan", "failed", "plan", "sent"]

_FIRST_RETRY_SECONDS = 10
_LAST_RETRY_SECONDS = 600
_ORDER = {"firing": 0, "pending": 1, "resolved": 2}


@frozen
class Plan:
    """What to send to a receiver.

    Attributes:
        state: What to keep of the receiver, before anything is sent.
        notifications: What to send now, new ones and those to be tried again.
    """

    state: ReceiverState
    notifications: tuple[Notification, ...] = ()


def plan(
    receiver: Receiver,
    state: ReceiverState,
    alerts: Iterable[AlertState],
    silences: Collection[Silence],
    at: datetime,
) -> Plan:
    """Return what to send to a receiver now.

    Keep the state before sending, so that a notification has the same id if it has to be sent
    again, and give ``sent`` or ``failed`` what became of each.

    Args:
        receiver: The receiver.
        state: What was kept; ``ReceiverState()`` at first.
        alerts: All alerts there are, in any phase.
        silences: The silences; those that do not hold change nothing.
        at: When, aware.
    """
    present = _by_labels(receiver, alerts)
    quiet = {labels for labels in _all_labels(state, present) if is_silenced(labels, silences, at)}
    active: dict[Labels, dict[Labels, AlertState]] = {}
    for labels, alert in present.items():
        if _is_active(alert):
            active.setdefault(_group_of(receiver, labels), {})[labels] = alert
    groups, serial, found = {}, state.serial, []
    interval = timedelta(seconds=min(receiver.interval_seconds, receiver.repeat_seconds))
    before = _regrouped(receiver, state.groups)
    for key in sorted({*before, *active}):
        fires = active.get(key, {})
        group = before.get(key) or _new(receiver, key, fires, at)
        group = _without_silenced(_in_time(receiver, group, at), quiet)
        if group.sending is None and group.next_at <= at:
            group = evolve(group, next_at=at + interval)
            shown = _shown(receiver, group, fires, present, quiet, at)
            if shown is not None:
                serial += 1
                id_ = _id(receiver.name, key, serial, at)
                group = evolve(group, sending=_notification(id_, receiver, key, shown, at))
        if group.sending is not None and (group.retry_at is None or group.retry_at <= at):
            found.append(group.sending)
        if fires or group.known or group.sending:
            groups[key] = group
    return Plan(ReceiverState(groups, serial), tuple(found))


def sent(state: ReceiverState, notification_id: str, at: datetime) -> ReceiverState:
    """Return a state after a notification was sent; the same if it is not waiting to be sent."""
    group = _sending(state, notification_id)
    if group is None or group.sending is None:
        return state
    known = {
        **group.known,
        **{it.labels: it for it in group.sending.firing},
    }
    for alert in group.sending.resolved:
        known.pop(alert.labels, None)
    again = group.again - {alert.labels for alert in group.sending.alerts}
    sent_at = at if group.attempts else group.sending.at
    after = GroupState(group.labels, group.next_at, sent_at=sent_at, known=known, again=again)
    return evolve(state, groups={**state.groups, group.labels: after})


def failed(state: ReceiverState, notification_id: str, at: datetime) -> ReceiverState:
    """Return a state after a notification could not be sent: it is tried again, later each time."""
    group = _sending(state, notification_id)
    if group is None:
        return state
    wait = min(_FIRST_RETRY_SECONDS << min(group.attempts, 10), _LAST_RETRY_SECONDS)
    after = evolve(group, attempts=group.attempts + 1, retry_at=at + timedelta(seconds=wait))
    return evolve(state, groups={**state.groups, group.labels: after})


# -- what there is -----------------------------------------------------------------------------


def _by_labels(receiver: Receiver, alerts: Iterable[AlertState]) -> dict[Labels, AlertState]:
    """Return the alerts that a receiver is notified of; of equal labels the one that fires."""
    found: dict[Labels, AlertState] = {}
    for alert in alerts:
        if meets(receiver.match, alert.labels):
            other = found.get(alert.labels)
            if other is None or _rank(alert) < _rank(other):
                found[alert.labels] = alert
    return found


def _rank(alert: AlertState) -> tuple[bool, int]:
    return (not _is_active(alert), _ORDER[alert.phase])


def _is_active(alert: AlertState) -> bool:
    return alert.phase == "firing" or alert.flapping


def _group_of(receiver: Receiver, labels: Labels) -> Labels:
    return tuple(pair for pair in labels if pair[0] in receiver.group_by)


def _all_labels(state: ReceiverState, present: Mapping[Labels, AlertState]) -> set[Labels]:
    found = {*present}
    for group in state.groups.values():
        found |= group.known.keys()
        if group.sending is not None:
            found |= {alert.labels for alert in group.sending.alerts}
    return found


def _regrouped(
    receiver: Receiver, groups: Mapping[Labels, GroupState]
) -> Mapping[Labels, GroupState]:
    """Return groups with what is known where it belongs: ``group_by`` may have been changed.

    What an old group has not sent yet is left to the new ones.
    """
    found = dict(groups)
    for old in groups.values():
        unsent = () if old.sending is None else old.sending.alerts
        labels = {*old.known, *(alert.labels for alert in unsent)}
        keys = {each: _group_of(receiver, each) for each in labels}
        moved = {each: key for each, key in keys.items() if key != old.labels}
        if moved:
            left = {each: it for each, it in found[old.labels].known.items() if each not in moved}
            found[old.labels] = GroupState(old.labels, old.next_at, old.sent_at, left)
        for each in moved.keys() & old.known.keys():
            new = found.get(moved[each]) or GroupState(moved[each], old.next_at, old.sent_at)
            known = {**new.known, each: old.known[each]}
            found[new.labels] = evolve(new, known=known, again=new.again | (old.again & {each}))
    return found


def _sending(state: ReceiverState, notification_id: str) -> GroupState | None:
    """Return the group whose notification of this id is not sent yet."""
    for group in state.groups.values():
        if group.sending is not None and group.sending.id == notification_id:
            return group
    return None


# -- one group ---------------------------------------------------------------------------------


def _new(
    receiver: Receiver, key: Labels, fires: Mapping[Labels, AlertState], at: datetime
) -> GroupState:
    wait = timedelta(seconds=receiver.wait_seconds)
    is_late = any((alert.fired_at or at) + wait < at for alert in fires.values())
    return GroupState(key, next_at=at if is_late else at + wait)


def _in_time(receiver: Receiver, group: GroupState, at: datetime) -> GroupState:
    """Return a group of which no instant lies too far ahead, because a clock was set back."""
    longest = max(receiver.wait_seconds, receiver.interval_seconds)
    last_retry = at + timedelta(seconds=_LAST_RETRY_SECONDS)
    return evolve(
        group,
        next_at=min(group.next_at, at + timedelta(seconds=longest)),
        sent_at=group.sent_at and min(group.sent_at, at),
        retry_at=group.retry_at and min(group.retry_at, last_retry),
    )


def _without_silenced(group: GroupState, quiet: set[Labels]) -> GroupState:
    """Return a group that notes what is silenced, and does not send it."""
    again = quiet.intersection(group.known)
    if again:
        group = evolve(group, again=group.again | again)
    sending = group.sending
    if sending is None:
        return group
    alerts = tuple(it for it in sending.alerts if it.labels not in quiet)
    if not alerts:
        return evolve(group, sending=None, attempts=0, retry_at=None)
    return evolve(group, sending=_with(sending, alerts))


def _shown(
    receiver: Receiver,
    group: GroupState,
    fires: Mapping[Labels, AlertState],
    present: Mapping[Labels, AlertState],
    quiet: Collection[Labels],
    at: datetime,
) -> tuple[list[AlertState], bool] | None:
    """Return the alerts to send, and whether they are repeated; None if there is nothing to do."""
    firing = [alert for labels, alert in sorted(fires.items()) if labels not in quiet]
    ended = [
        _ended(present.get(labels), alert, at)
        for labels, alert in sorted(group.known.items(), key=lambda item: item[0])
        if labels not in fires and labels not in quiet
    ]
    known = group.known
    is_new = any(
        it.labels not in known
        or it.labels in group.again
        or known[it.labels].flapping != it.flapping
        for it in firing
    )
    if is_new or ended:
        return [*firing, *ended], False
    repeat = timedelta(seconds=receiver.repeat_seconds)
    if firing and group.sent_at is not None and at - group.sent_at >= repeat:
        return firing, True
    return None


def _ended(alert: AlertState | None, known: AlertState, at: datetime) -> AlertState:
    """Return an alert that the receiver knows to fire as resolved."""
    if alert is not None and alert.phase == "resolved":
        return alert
    return evolve(known, phase="resolved", resolved_at=at, flapping=False)


def _notification(
    id_: str, receiver: Receiver, key: Labels, shown: tuple[list[AlertState], bool], at: datetime
) -> Notification:
    alerts, repeated = shown
    made = Notification(id_, receiver.name, key, "firing", (), at, repeated)
    return _with(made, tuple(alerts))


def _with(notification: Notification, alerts: tuple[AlertState, ...]) -> Notification:
    fires = any(map(_is_active, alerts))
    return evolve(notification, alerts=alerts, status="firing" if fires else "resolved")


def _id(name: str, key: Labels, serial: int, at: datetime) -> str:
    text = repr((name, key, serial, at.isoformat()))
    return hashlib.sha256(text.encode()).hexdigest()[:32]
