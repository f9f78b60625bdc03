"""Delivery: what receivers are sent after the commit, each notification at least once.

Theory of operation. A receiver is claimed in a transaction, under a lease: what it is to be sent is
planned then and kept, with the ids of the notifications. They are sent in no transaction, and what
has become of them is recorded in a second one, which ends the lease. A process that dies between the
two leaves the lease to its end; then another one finds the same notifications with the same ids.
"""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from attrs import frozen

from habitkit import ids
from habitkit.alerts.domain.grouping import failed, plan, sent
from habitkit.alerts.domain.receiver_json import receiver_state_from_dict, receiver_state_to_dict
from habitkit.alerts.domain.receivers import ReceiverState
from habitkit.alerts.evaluation import load_states
from habitkit.alerts.sending import Job, send_all
from habitkit.alerts.settings import AlertSettings
from habitkit.alerts.silences import current_silences
from habitkit.alerts.store import ALERTS, ReceiverRow
from habitkit.errors import ConfigurationError, UsageError
from habitkit.journal.domain.model import Failure
from habitkit.journal.domain.rules import reason
from habitkit.workflow import Call

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from uuid import UUID

    from habitkit.alerts.domain.grouping import Plan
    from habitkit.alerts.domain.model import AlertState
    from habitkit.alerts.domain.receivers import Notification, Receiver
    from habitkit.alerts.domain.silences import Silence
    from habitkit.alerts.sending import Outcome
    from habitkit.options import KitSettings
    from habitkit.transaction import Transaction
    from habitkit.workflow import Steps

__all__ = ["Delivered", "Kept", "deliver", "load_receiver"]

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

    state: ReceiverState = ReceiverState()
    error: str | None = None


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
    due: list[Receiver] = yield Call(_due, (own,), write=False)
    failures: list[Failure] = []
    claims: list[_Claim] = []
    for receiver in due:
        claim = yield from _for_one(receiver, Call(_claim, (own, receiver)), failures)
        if claim is not None and claim.notifications:
            claims.append(claim)
    jobs = [Job(claim.receiver, claim.notifications) for claim in claims]
    if jobs:
        yield from send_all(settings.residents.of("alerts"), jobs, own.send_seconds)
    for claim, job in zip(claims, jobs, strict=True):
        failures += [Failure(job.receiver.name, it.error) for it in job.outcomes if it.error]
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
        failures.append(Failure(receiver.name, reason(error)))
        return None


def load_receiver(row: ReceiverRow | None) -> Kept:
    """Return what is kept in the row of a receiver."""
    if row is None:
        return Kept()
    content = json.loads(row.state)
    return Kept(receiver_state_from_dict(content["state"]), content["error"])


def _due(tx: Transaction, own: AlertSettings) -> list[Receiver]:
    """Return the receivers of which anything is to be kept or sent."""
    alerts, silences = _alerts(tx, own), current_silences(tx)
    due = []
    for receiver in own.receivers:
        row = tx.port(ALERTS).receiver(receiver.name)
        if not _is_leased(row, tx.now, own):
            found = _plan(tx, receiver, load_receiver(row), alerts, silences)
            due += [] if found is None else [receiver]
    return due


def _claim(tx: Transaction, own: AlertSettings, receiver: Receiver) -> _Claim | None:
    """Plan what a receiver is sent, and keep that; with notifications, under a lease."""
    tx.lock(_owner(receiver))
    row = tx.port(ALERTS).receiver(receiver.name)
    if _is_leased(row, tx.now, own):
        return None
    kept = load_receiver(row)
    found = _plan(tx, receiver, kept, _alerts(tx, own), current_silences(tx))
    if found is None:
        return None
    lease, until = None, None
    if found.notifications:
        lease, until = tx.new_id(), tx.now + _lease(own)
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


def _plan(
    tx: Transaction,
    receiver: Receiver,
    kept: Kept,
    alerts: Sequence[AlertState],
    silences: Sequence[Silence],
) -> Plan | None:
    """Return what to keep and to send; None if that is what is kept already, and nothing."""
    found = plan(receiver, kept.state, alerts, silences, tx.now)
    return found if found.notifications or found.state != kept.state else None


def _alerts(tx: Transaction, own: AlertSettings) -> list[AlertState]:
    """Return the alerts of all groups, resolved ones too."""
    rows = [tx.port(ALERTS).group(group.name) for group in own.groups]
    states = [state for row in rows for state in load_states(row).values()]
    return [alert for state in states for alert in state.alerts.values()]


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
