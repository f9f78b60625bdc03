"""Pure evaluation of a habit at an instant, and the step from one snapshot to the next."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, NamedTuple

from attrs import frozen

from habitkit.habits.domain.ahead import listed_by, next_slot
from habitkit.habits.domain.checkpoints import at_days, boundaries, thinned
from habitkit.habits.domain.credited import credited
from habitkit.habits.domain.derived_events import (
    A_QUARTER,
    derived_events,
    difference,
    due_with_time,
    next_check_at,
    received_before,
)
from habitkit.habits.domain.evaluation import (
    state_before,
    strength_before,
    totals_before,
)
from habitkit.habits.domain.history import History
from habitkit.habits.domain.rolling import RollingCheckpoints
from habitkit.habits.domain.runs import fold_slots
from habitkit.habits.domain.slot_status import slots as slots_of
from habitkit.habits.domain.streaks import Snapshot
from habitkit.habits.domain.strength import smoothed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from datetime import datetime

    from habitkit.events import Event
    from habitkit.habits.domain.credited import Credited
    from habitkit.habits.domain.derived_events import Derived
    from habitkit.habits.domain.known_facts import KnownFacts
    from habitkit.habits.domain.model import Habit
    from habitkit.habits.domain.runs import Folded
    from habitkit.habits.domain.streaks import Checkpoint, CreditBoundary, Emitted, HabitState
    from habitkit.habits.domain.strength import Strength

__all__ = [
    "Evaluation",
    "EvaluationContext",
    "Start",
    "Step",
    "advance",
    "advance_back",
    "evaluate_facts",
    "first_snapshot",
    "snapshot_of",
]


class Start(NamedTuple):
    """Where the evaluation of a habit begins.

    Attributes:
        checkpoints: Those that hold, oldest first; evaluation begins at the last of them.
        boundary: Up to where credit is settled; None for nowhere.
        since: When that was determined; None to determine it from the beginning.
        earliest: A day before which nothing was recorded in time.
    """

    checkpoints: tuple[Checkpoint, ...] = ()
    boundary: CreditBoundary | None = None
    since: datetime | None = None
    earliest: date = date.min

    @property
    def checkpoint(self) -> Checkpoint | None:
        """The checkpoint at which evaluation begins, or None for the beginning."""
        return self.checkpoints[-1] if self.checkpoints else None

    @property
    def needs_from(self) -> date | None:
        """From which day on check-ins are needed; None for all."""
        if self.checkpoint is None or self.since is None:
            return None
        credited = self.earliest if self.boundary is None else self.boundary.needs_from
        return min(self.checkpoint.needs_from, credited)


@frozen
class EvaluationContext:
    """How the facts of a habit are evaluated.

    Attributes:
        habit: The habit.
        now: The instant, in UTC.
        strength: How a slot moves the strength; ``smoothed`` by default.
        keep: Chooses, of the days that could have a checkpoint, those that get one.
    """

    habit: Habit
    now: datetime
    strength: Strength = smoothed
    keep: Callable[[Sequence[date]], Iterable[date]] = thinned


class Evaluation(NamedTuple):
    """What the facts of a habit give at an instant, from a checkpoint on.

    Attributes:
        history: The visible history.
        folded: Its slots, folded.
        state: The state of the habit.
        derived: The derived events, by key.
        checkpoints: From where the same facts, and later ones, may be evaluated.
        credit: The credited history.
        next_check_at: When time alone may next change which events are derived.
        listed_by: The earliest ``act_by`` that the facts give, now or as time passes.
    """

    history: History
    folded: Folded
    state: HabitState
    derived: Mapping[str, Derived]
    checkpoints: tuple[Checkpoint, ...]
    credit: Credited
    next_check_at: datetime | None
    listed_by: datetime | None


class Step(NamedTuple):
    """The step from one snapshot to the next.

    Attributes:
        snapshot: The new snapshot.
        events: What to emit, in order.
        evaluation: What the facts give now.
    """

    snapshot: Snapshot
    events: list[Event]
    evaluation: Evaluation


def evaluate_facts(
    context: EvaluationContext,
    facts: KnownFacts,
    start: Start,
) -> Evaluation:
    """Evaluate the facts of a habit.

    Args:
        context: How.
        facts: Its facts; check-ins of days before the start's ``needs_from`` may be missing.
        start: Where evaluation begins.
    """
    habit, now, strength = context.habit, context.now, context.strength
    checkpoints = start.checkpoints
    history = History(habit, facts.counting, now, start.checkpoint)
    slots = slots_of(history)
    rolling, ends = None, boundaries(history, slots)
    if history.rolling:
        rolling = RollingCheckpoints(history, slots)
        ends = rolling.settled(ends)
    kept = {*context.keep([*(checkpoint.day for checkpoint in checkpoints), *ends])}
    new = [day for day in ends if day in kept]
    folded = fold_slots(history, slots, totals_before(history), new)
    usable = (checkpoint for checkpoint in checkpoints if checkpoint.day in kept)
    added = at_days(new, folded, strength, strength_before(history), rolling)
    credit = credited(history, slots, facts, start.boundary, start.since)
    ahead = next_slot(history, folded.slots)
    return Evaluation(
        history=history,
        folded=folded,
        state=state_before(history, folded, ahead, strength, credit.run),
        derived=derived_events(history, folded, credit),
        checkpoints=(*usable, *added),
        credit=credit,
        next_check_at=next_check_at(history, folded, ahead),
        listed_by=listed_by(history, folded, ahead),
    )


def advance(
    context: EvaluationContext,
    snapshot: Snapshot | None,
    start: Start,
    before: KnownFacts,
    after: KnownFacts,
) -> Step:
    """Evaluate what has changed since a snapshot: what time has brought, then what the facts have.

    Where time has brought nothing and no old day has changed, one evaluation is enough, as the
    snapshot knows which events are emitted.

    Args:
        context: How.
        snapshot: The snapshot before; None if nothing was ever emitted.
        start: Where evaluation may begin, considering which days have changed.
        before: The facts before the change.
        after: The facts after it; the same object if nothing has changed.
    """
    now, owner = context.now, context.habit.owner
    emitted: dict[str, Emitted] = {}
    is_due, is_enough = False, True
    if snapshot is not None:
        emitted = {event.key: event for event in snapshot.emitted}
        is_due = snapshot.next_check_at is not None and snapshot.next_check_at <= now
        is_enough = len(start.checkpoints) == len(snapshot.checkpoints)
    events: list[Event] = []
    evaluation: Evaluation | None = None
    if is_due or not is_enough or before is after:
        evaluation = evaluate_facts(context, before, start)
        if is_due and snapshot is not None:
            recent = _kept(evaluation.derived, snapshot.checkpoints, start.boundary)
            events += due_with_time(owner, emitted, recent, now)
        boundary = evaluation.credit.boundary
        kept = _kept(evaluation.derived, (), boundary)
        emitted = {key: it.emitted for key, it in kept.items()}
        start = Start(start.checkpoints, boundary, now)
    if evaluation is None or before is not after:
        evaluation = evaluate_facts(context, after, start)
        events += difference(owner, emitted, evaluation.derived, now)
    return Step(snapshot_of(context, evaluation), events, evaluation)


def advance_back(context: EvaluationContext, before: KnownFacts, after: KnownFacts) -> Step:
    """Evaluate facts that are received before others that are known: the clock was set back.

    Nothing that was settled holds then, so all facts are evaluated twice, from the beginning.

    Args:
        context: How; its instant is that of the snapshot before.
        before: The facts before the change.
        after: The facts after it.
    """
    old = evaluate_facts(context, before, Start())
    new = evaluate_facts(context, after, Start())
    owner = context.habit.owner
    events = received_before(owner, old.derived, new.derived, new.credit, context.now)
    return Step(snapshot_of(context, new), events, new)


def snapshot_of(context: EvaluationContext, evaluation: Evaluation) -> Snapshot:
    """Return the snapshot of an evaluation; its revision is for the store's caller to set."""
    kept = _kept(evaluation.derived, evaluation.checkpoints, evaluation.credit.boundary)
    return Snapshot(
        habit_id=context.habit.id,
        owner=context.habit.owner,
        rev=0,
        evaluated_at=context.now,
        next_check_at=evaluation.next_check_at,
        checkpoints=evaluation.checkpoints,
        credited=evaluation.credit.boundary,
        emitted=tuple(it.emitted for it in kept.values()),
        act_by=evaluation.listed_by,
    )


def first_snapshot(habit: Habit, rev: int) -> Snapshot:
    """Return the snapshot of a new habit: with it, time is followed before anything is recorded."""
    return Snapshot(
        habit_id=habit.id,
        owner=habit.owner,
        rev=rev,
        evaluated_at=habit.created_at,
        next_check_at=habit.created_at + A_QUARTER,
    )


def _kept(
    derived: Mapping[str, Derived],
    checkpoints: Sequence[Checkpoint],
    boundary: CreditBoundary | None,
) -> dict[str, Derived]:
    """Return the derived events that a snapshot with these checkpoints keeps."""
    first = checkpoints[-1].day if checkpoints else None
    first_credited = None if boundary is None else boundary.day
    kept = {}
    for key, it in derived.items():
        start = first_credited if key.startswith("streak:") else first
        if start is None or it.emitted.day >= start:
            kept[key] = it
    return kept
