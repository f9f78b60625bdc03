"""Delivery: what receivers are sent after the commit, each notification at least once.

Theory of operation. A receiver is claimed in a transaction, under a lease: what it is to be sent is
planned then and kept, with the ids of the notifications. They are sent in no transaction, and what
has become of them is recorded in a second one, which ends the lease. If a process dies between the
two, the lease runs out, and another process finds the same notifications with the same ids.
"""

from __future__ import annotations

import json
from datetime import timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any, cast

from attrs import field, frozen

from habitkit import _logging, ids
from habitkit.alerts.domain.grouping import failed, plan, sent
from habitkit.alerts.domain.receiver_json import receiver_state_from_dict, receiver_state_to_dict
from habitkit.alerts.domain.receivers import ReceiverState
from habitkit.alerts.evaluation import REMOVED_AFTER, load_states
from habitkit.alerts.sending import Job, send_all
from habitkit.alerts.settings import AlertSettings
from habitkit.alerts.silences import current_silences
from habitkit.alerts.store import ALERTS, ReceiverRow
from habitkit.errors import ConfigurationError, UsageError
from habitkit.journal.domain.model import Failure
from habitkit.journal.domain.rules import reason
from habitkit.workflow import Call

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime
    from uuid import UUID

    from habitkit.alerts.domain.grouping import Plan
    from habitkit.alerts.domain.model import AlertState
    from habitkit.alerts.domain.receivers import Notification, Receiver
    from habitkit.alerts.domain.silences import Silence
    from habitkit.alerts.sending import Outcome, Senders
    from habitkit.alerts.store import GroupRow
    from habitkit.options import KitSettings
    from habitkit.transaction import Transaction
    from habitkit.workflow import Steps

__all__ = ["Delivered", "Kept", "deliver", "load_receiver"]

_log = _logging.logger("alerts")

_LEASE_SECONDS = 60
"""How long a receiver is left to who claimed it, beyond the time that sending may take."""


@frozen
class Delivered:
    """What was delivered.

    Attributes:
        sent: How many notifications receivers have accepted.
        failures: Those that they have not, by the name of the receiver.
    """

    sent: int = 0
    failures: tuple[Failure, ...] = ()


@frozen
class Kept:
    """What is kept of a receiver.

    Attributes:
        state: Its notifications.
        error: Why the last one that failed did; None if none has to be sent again.
    """

    state: ReceiverState = field(factory=ReceiverState)
    error: str | None = None


@frozen(slots=False)  # cached properties need a __dict__
class _Seen:
    """What decides what receivers are sent: the rows at an instant, and the silences."""

    groups: Sequence[GroupRow | None]
    receivers: Mapping[str, ReceiverRow | None]
    silences: Sequence[Silence]
    at: datetime

    @cached_property
    def alerts(self) -> Sequence[AlertState]:
        """The alerts of all groups, resolved ones too."""
        states = [state for row in self.groups for state in load_states(row).values()]
        return [alert for state in states for alert in state.alerts.values()]


@frozen
class _Claim:
    """A receiver that is this process's until its lease ends, and what it is to be sent."""

    receiver: Receiver
    lease: UUID | None
    notifications: tuple[Notification, ...]


def deliver(settings: KitSettings) -> Steps[Delivered]:
    """Send the notifications that are due; a receiver that fails or hangs stops no other."""
    own = settings.of(AlertSettings)
    if not own.receivers:
        return Delivered()
    seen: _Seen = yield Call(_see, (own,), write=False)
    failures: list[Failure] = []
    claims: list[_Claim] = []
    for receiver in (it for it in own.receivers if _is_due(seen, it, own)):
        claim = yield from _for_one(receiver, Call(_claim, (own, receiver)), failures)
        if claim is not None and claim.notifications:
            claims.append(claim)
    jobs = [Job(claim.receiver, claim.notifications) for claim in claims]
    if jobs:
        senders = cast("Senders", settings.residents.of("alerts"))
        yield from send_all(senders, jobs, own.send_seconds)
    for claim, job in zip(claims, jobs, strict=True):
        failures += [_failure(job.receiver, it.error) for it in job.outcomes if it.error]
        call = Call(_record, (claim, tuple(job.outcomes)))
        yield from _for_one(claim.receiver, call, failures)
    count = sum(it.error is None for job in jobs for it in job.outcomes)
    return Delivered(count, tuple(failures))


def _for_one(receiver: Receiver, call: Call, failures: list[Failure]) -> Steps[Any]:
    """Run a transaction for a receiver; if it fails, that is noted, and stops no other."""
    try:
        return (yield call)
    except (UsageError, ConfigurationError):
        raise
    except Exception as error:  # noqa: BLE001 - see above
        failures.append(_failure(receiver, reason(error)))
        return None


def _failure(receiver: Receiver, error: str) -> Failure:
    """Return the failure of a receiver, and log it."""
    message = "a receiver did not accept a notification of alerts"
    name = receiver.name
    _logging.warn(_log, "alerts.not_sent", message, key=name, receiver=name, error=error)
    return Failure(name, error)


def load_receiver(row: ReceiverRow | None) -> Kept:
    """Return what is kept in the row of a receiver."""
    if row is None:
        return Kept()
    content = json.loads(row.state)
    return Kept(receiver_state_from_dict(content["state"]), content.get("error"))


def _see(tx: Transaction, own: AlertSettings, *receivers: Receiver) -> _Seen:
    """Read what decides what receivers are sent; all of them by default.

    Groups that other processes have evaluated of late are among it, or these and this one would
    undo each other's notifications while a new version of an app is rolled out.
    """
    port = tx.port(ALERTS)
    names = {group.name: None for group in own.groups}
    for name, at in port.evaluated().items():  # while a new version of an app is rolled out
        if abs(tx.now - at) <= REMOVED_AFTER:
            names[name] = None
    return _Seen(
        groups=[port.group(name) for name in names],
        receivers={it.name: port.receiver(it.name) for it in receivers or own.receivers},
        silences=current_silences(tx),
        at=tx.now,
    )


def _is_due(seen: _Seen, receiver: Receiver, own: AlertSettings) -> bool:
    """Tell whether anything is to be kept or sent of a receiver.

    It is if that cannot be said: its own transaction fails then, and no other's.
    """
    try:
        return _plan(seen, receiver, own) is not None
    except Exception:  # noqa: BLE001 - see above
        return True


def _claim(tx: Transaction, own: AlertSettings, receiver: Receiver) -> _Claim | None:
    """Plan what a receiver is sent, and keep that; with notifications, under a lease."""
    tx.lock(_owner(receiver))
    seen = _see(tx, own, receiver)
    found = _plan(seen, receiver, own)
    if found is None:
        return None
    lease, until = None, None
    if found.notifications:
        lease, until = tx.new_id(), tx.now + _lease(own)
    kept = load_receiver(seen.receivers[receiver.name])
    _put(tx, receiver, Kept(found.state, kept.error), until, lease)
    return _Claim(receiver, lease, found.notifications)


def _record(tx: Transaction, claim: _Claim, outcomes: Sequence[Outcome]) -> None:
    """Keep what has become of notifications, and end the lease.

    If the lease has ended before, others may be at it; what was sent is recorded all the same.
    """
    tx.lock(_owner(claim.receiver))
    row = tx.port(ALERTS).receiver(claim.receiver.name)
    if row is None:
        return
    kept = load_receiver(row)
    state, error = kept.state, None
    is_own = row.lease == claim.lease
    for outcome in outcomes:
        if outcome.error is None:
            state = sent(state, outcome.notification.id, tx.now)
        elif is_own:
            state, error = failed(state, outcome.notification.id, tx.now), outcome.error
    if error is None and any(group.attempts for group in state.groups.values()):
        error = kept.error
    until, lease = (None, None) if is_own else (row.leased_until, row.lease)
    _put(tx, claim.receiver, Kept(state, error), until, lease)


def _plan(seen: _Seen, receiver: Receiver, own: AlertSettings) -> Plan | None:
    """Return what to keep and to send; None if that is nothing new, or another process is at it."""
    row = seen.receivers[receiver.name]
    if _is_leased(row, seen.at, own):
        return None
    kept = load_receiver(row)
    found = plan(receiver, kept.state, seen.alerts, seen.silences, seen.at)
    return found if found.notifications or found.state != kept.state else None


def _put(
    tx: Transaction, receiver: Receiver, kept: Kept, until: datetime | None, lease: UUID | None
) -> None:
    content: dict[str, Any] = {
        "error": kept.error,
        "state": receiver_state_to_dict(kept.state),
    }
    text = json.dumps(content, separators=(",", ":"))
    tx.port(ALERTS).put_receiver(ReceiverRow(receiver.name, until, lease, text))


def _is_leased(row: ReceiverRow | None, now: datetime, own: AlertSettings) -> bool:
    """Tell whether another process has a receiver; not by a lease of a clock that was wrong."""
    until = None if row is None else row.leased_until
    return until is not None and now < until <= now + 2 * _lease(own)


def _lease(own: AlertSettings) -> timedelta:
    return timedelta(seconds=_LEASE_SECONDS + 2 * own.send_seconds)


def _owner(receiver: Receiver) -> str:
    return ids.system_owner(f"alert_receivers/{receiver.name}")
