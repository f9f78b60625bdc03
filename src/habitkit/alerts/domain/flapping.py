"""Which changes of alerts are reported, and which are silent because the alert flaps.

The instants at which an alert fired or was resolved are kept for as long as ``Flap.over``. Once
there are ``Flap.changes`` of them, one change says that the alert flaps. From then on its changes
are silent, and it is kept even while it is resolved or false, until fewer than half as many
are left. Then one change, ``steady``, says in which phase it is.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from math import inf
from typing import NamedTuple

from attrs import evolve

from habitkit.alerts.domain.model import AlertState, Change, ChangeKind
from habitkit.alerts.domain.rules import MOST_CHANGES, Flap
from habitkit.metrics.domain.series import Labels

__all__ = ["Reported", "Step", "reported"]


class Step(NamedTuple):
    """What became of an alert in an evaluation.

    Attributes:
        labels: The alert's labels.
        before: The alert before it; None if there was none.
        after: The alert after it; None if there is none.
    """

    labels: Labels
    before: AlertState | None
    after: AlertState | None


class Reported(NamedTuple):
    """What is to be kept of the alerts of a rule, and what happened to them.

    Attributes:
        alerts: The alerts, by labels.
        instants: The newest instants at which each fired or was resolved.
        changes: The changes.
    """

    alerts: dict[Labels, AlertState]
    instants: dict[Labels, tuple[datetime, ...]]
    changes: tuple[Change, ...]


def reported(
    flap: Flap | None,
    steps: Iterable[Step],
    instants: Mapping[Labels, tuple[datetime, ...]],
    at: datetime,
) -> Reported:
    """Return the alerts after an evaluation, and what is reported of it.

    Args:
        flap: When an alert flaps; None: never.
        steps: What became of each alert, by labels.
        instants: The newest instants at which each fired or was resolved.
        at: The instant of the evaluation.
    """
    alerts: dict[Labels, AlertState] = {}
    kept: dict[Labels, tuple[datetime, ...]] = {}
    changes: list[Change] = []
    for labels, before, found in steps:
        kind = _kind(before, found)
        was = before is not None and before.flapping
        turns = kind in {"firing", "resolved"}
        times = _newest(flap, instants.get(labels, ()), at, counts=turns)
        needed = inf if flap is None else flap.changes
        flaps = 2 * len(times) >= needed if was else turns and len(times) >= needed
        after = _resolved(before, at) if found is None and was and before is not None else found
        if times:
            kept[labels] = times
        if after is not None:
            after = alerts[labels] = evolve(after, flapping=flaps)
        shown = after or before
        if shown is not None and kind is not None:
            changes.append(Change(kind, shown, silent=was or flaps))
        if shown is not None and was != flaps:
            changes.append(Change("flapping" if flaps else "steady", shown))
    return Reported(alerts, _with_rest(flap, kept, instants, at), tuple(changes))


def _kind(before: AlertState | None, after: AlertState | None) -> ChangeKind | None:
    """Return what happened to an alert; None if it is in the phase in which it was."""
    if after is None:
        return "dropped" if before is not None and before.phase == "pending" else None
    if before is not None and before.phase == after.phase:
        return None
    return after.phase


def _newest(
    flap: Flap | None, instants: tuple[datetime, ...], at: datetime, *, counts: bool
) -> tuple[datetime, ...]:
    """Return the instants within the window, not more than ``Flap.changes`` can be."""
    if flap is None:
        return ()
    start = at - timedelta(seconds=flap.over_seconds)
    found = (*(it for it in instants if it > start), *((at,) if counts else ()))
    return found[-MOST_CHANGES:]


def _resolved(before: AlertState, at: datetime) -> AlertState:
    """Return a flapping alert that was pending, or would be forgotten, as resolved."""
    if before.phase == "resolved":
        return before
    return evolve(before, phase="resolved", resolved_at=at)


def _with_rest(
    flap: Flap | None,
    kept: dict[Labels, tuple[datetime, ...]],
    instants: Mapping[Labels, tuple[datetime, ...]],
    at: datetime,
) -> dict[Labels, tuple[datetime, ...]]:
    """Return instants with those of alerts that there are no more."""
    rest = {
        labels: times
        for labels, each in instants.items()
        if labels not in kept and (times := _newest(flap, each, at, counts=False))
    }
    return {**kept, **rest}
