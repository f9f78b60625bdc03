"""Pure rules of how checkpoints are written as text, for a store that keeps them so."""

from __future__ import annotations

import json
from datetime import date
from typing import TYPE_CHECKING, Any
from uuid import UUID

from habitkit.habits.domain.streaks import Checkpoint, Streak, Totals

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["from_text", "to_text"]

_SAME = "same"
"""In the place of the second of two equal totals."""


def to_text(checkpoints: Sequence[Checkpoint]) -> str | None:
    """Write checkpoints as JSON; None if there are none."""
    if not checkpoints:
        return None
    return json.dumps(
        [
            (
                checkpoint.day.isoformat(),
                checkpoint.strength,
                _totals_values(checkpoint.done),
                _earned_values(checkpoint),
                *_rest_of(checkpoint),
            )
            for checkpoint in checkpoints
        ],
        separators=(",", ":"),
    )


def from_text(text: str | None) -> tuple[Checkpoint, ...]:
    """Read checkpoints that ``to_text`` has written."""
    if text is None:
        return ()
    checkpoints = []
    for day, strength, values, others, *rest in json.loads(text):
        done = _totals_of(values)
        earned = done if others == _SAME else others and _totals_of(others)
        needs, holds, computed_by = _rest_from(day, rest)
        first_day = date.fromisoformat(day)
        checkpoints.append(
            Checkpoint(
                day=first_day,
                done=done,
                earned=earned,
                strength=strength,
                needs_from=needs,
                holds_from=holds,
                strength_by=computed_by,
            )
        )
    return tuple(checkpoints)


def _rest_of(checkpoint: Checkpoint) -> tuple[str, ...]:
    """Return what is written of few checkpoints only: two days, and the name of a function."""
    computed_by = checkpoint.strength_by
    if checkpoint.needs_from == checkpoint.holds_from == checkpoint.day and not computed_by:
        return ()
    days = (checkpoint.needs_from.isoformat(), checkpoint.holds_from.isoformat())
    return (*days, computed_by) if computed_by else days


def _earned_values(checkpoint: Checkpoint) -> tuple[Any, ...] | str | None:
    if checkpoint.earned is None:
        return None
    return _SAME if checkpoint.earned == checkpoint.done else _totals_values(checkpoint.earned)


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
