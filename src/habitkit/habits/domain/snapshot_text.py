"""How the parts of a snapshot are written as text, for stores that keep them so."""

from __future__ import annotations

import json
from datetime import date, datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

from habitkit.habits.domain.streaks import (
    Checkpoint,
    CreditBoundary,
    Emitted,
    Streak,
    Totals,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = [
    "boundary_from_text",
    "boundary_to_text",
    "checkpoints_from_text",
    "checkpoints_to_text",
    "emitted_from_text",
    "emitted_to_text",
]


def checkpoints_to_text(checkpoints: Sequence[Checkpoint]) -> str | None:
    """Write checkpoints as JSON; None if there are none."""
    if not checkpoints:
        return None
    return _dumps(
        [
            (
                checkpoint.day.isoformat(),
                checkpoint.strength,
                _totals_values(checkpoint.done),
                *_rest_of(checkpoint),
            )
            for checkpoint in checkpoints
        ]
    )


def checkpoints_from_text(text: str | None) -> tuple[Checkpoint, ...]:
    """Read checkpoints that ``checkpoints_to_text`` has written."""
    if text is None:
        return ()
    checkpoints = []
    for day, strength, values, *rest in json.loads(text):
        needs, holds, computed_by = _rest_from(day, rest)
        first_day = date.fromisoformat(day)
        checkpoints.append(
            Checkpoint(
                day=first_day,
                done=_totals_of(values),
                strength=strength,
                needs_from=needs,
                holds_from=holds,
                strength_by=computed_by,
            )
        )
    return tuple(checkpoints)


def boundary_to_text(boundary: CreditBoundary | None) -> str | None:
    """Write a credit boundary as JSON; None if there is none."""
    if boundary is None:
        return None
    day, totals, needs_from = boundary
    return _dumps((day.isoformat(), _totals_values(totals), needs_from.isoformat()))


def boundary_from_text(text: str | None) -> CreditBoundary | None:
    """Read a credit boundary that ``boundary_to_text`` has written."""
    if text is None:
        return None
    day, totals, needs_from = json.loads(text)
    return CreditBoundary(
        date.fromisoformat(day), _totals_of(totals), date.fromisoformat(needs_from)
    )


def emitted_to_text(emitted: Sequence[Emitted]) -> str | None:
    """Write emitted events as JSON; None if there are none."""
    if not emitted:
        return None
    return _dumps(
        [
            (key, day.isoformat(), content, None if sealed_at is None else sealed_at.isoformat())
            for key, day, content, sealed_at in emitted
        ]
    )


def emitted_from_text(text: str | None) -> tuple[Emitted, ...]:
    """Read emitted events that ``emitted_to_text`` has written."""
    if text is None:
        return ()
    return tuple(
        Emitted(
            key,
            date.fromisoformat(day),
            tuple(content),
            None if sealed_at is None else datetime.fromisoformat(sealed_at),
        )
        for key, day, content, sealed_at in json.loads(text)
    )


def _dumps(value: object) -> str:
    return json.dumps(value, separators=(",", ":"))


def _rest_of(checkpoint: Checkpoint) -> tuple[str, ...]:
    """Return what is written of few checkpoints only: two days, and the name of a function."""
    computed_by = checkpoint.strength_by
    if checkpoint.needs_from == checkpoint.holds_from == checkpoint.day and not computed_by:
        return ()
    days = (checkpoint.needs_from.isoformat(), checkpoint.holds_from.isoformat())
    return (*days, computed_by) if computed_by else days


def _rest_from(day: str, rest: Sequence[str]) -> tuple[date, date, str]:
    needs, holds, computed_by = (*rest, "", "", "")[:3]
    return date.fromisoformat(needs or day), date.fromisoformat(holds or day), computed_by


def _totals_values(totals: Totals) -> tuple[Any, ...]:
    used = [(grant_id.hex, count) for grant_id, count in totals.used]
    return (_run_values(totals.run), _run_values(totals.best), totals.earned, used)


def _totals_of(values: Sequence[Any]) -> Totals:
    run, best, earned, used = values
    grants = tuple((UUID(grant_id), count) for grant_id, count in used)
    return Totals(_run_of(run), _run_of(best), earned, grants)


def _run_values(run: Streak) -> tuple[Any, ...] | None:
    if run.first is None or run.last is None:
        return None
    return (run.slots, run.first.isoformat(), run.last.isoformat(), run.completions)


def _run_of(values: Sequence[Any] | None) -> Streak:
    if values is None:
        return Streak(0)
    slots, first, last, completions = values
    return Streak(slots, date.fromisoformat(first), date.fromisoformat(last), completions)
