"""Evaluating a habit's facts after a change, and emitting what it changed."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from attrs import evolve

from habitkit.coins.events import CoinsPosted
from habitkit.events import Retracted
from habitkit.habits import lookup
from habitkit.habits.domain.checkpoints import first_day_of
from habitkit.habits.domain.history import History
from habitkit.habits.domain.known_facts import KnownFacts
from habitkit.habits.domain.steps import (
    EvaluationContext,
    Start,
    advance,
    advance_back,
    evaluate_facts,
)
from habitkit.habits.domain.stored import VoidedCheckIn
from habitkit.habits.domain.strength import smoothed
from habitkit.habits.events import HabitChanged
from habitkit.habits.lookup import habits_of
from habitkit.habits.rebuilding import has_facts, rebuilt
from habitkit.habits.settings import HabitSettings
from habitkit.habits.store import HABITS, STREAKS

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import date, datetime

    from habitkit.events import Event
    from habitkit.habits.domain.facts import CheckIn, Fact, OtherFact
    from habitkit.habits.domain.goals import Goal
    from habitkit.habits.domain.model import Habit
    from habitkit.habits.domain.steps import Evaluation, Step
    from habitkit.habits.domain.streaks import HabitState, Status
    from habitkit.transaction import Transaction

__all__ = ["Outcome", "coins_moved", "goal_on", "recompute", "recompute_owner", "status_on"]


class Outcome(NamedTuple):
    """The result of a change of the facts.

    Attributes:
        evaluation: What the facts give now.
        state: The state of the habit now.
        events: All that happened, causes before effects.
    """

    evaluation: Evaluation
    state: HabitState
    events: list[Event]


def recompute(
    tx: Transaction,
    habit: Habit,
    others: Sequence[OtherFact],
    added: Sequence[Fact] = (),
    removed: Sequence[CheckIn] = (),
) -> Outcome:
    """Evaluate a habit's facts after a change, and emit what time and the change have brought.

    A reaction to it may change the facts again; the result is what they give after that.

    Args:
        tx: The transaction, which holds the owner's lock; the change is written already.
        habit: The habit.
        others: Its facts other than check-ins, those added included.
        added: The facts that the change added.
        removed: The check-ins that it undid.
    """
    step, state = _advance(tx, habit, others, added, removed)
    events = tx.emit(habit.owner, step.events)
    if (added or removed) and not step.events:
        events = tx.notify(HabitChanged(habit.owner, tx.now, habit.id))
    evaluation = step.evaluation
    if any(_is_of(event, habit) for event in events[len(step.events) :]):
        evaluation = _evaluated(tx, habit, first_day_of(habit, [*added, *removed], others))
        state = evaluation.state
    return Outcome(evaluation, state, events)


def _advance(
    tx: Transaction,
    habit: Habit,
    others: Sequence[OtherFact],
    added: Sequence[Fact],
    removed: Sequence[CheckIn] = (),
) -> tuple[Step, HabitState]:
    """Evaluate a habit's facts after a change, and write all but the events."""
    snapshot = tx.port(STREAKS).get(habit.id)
    first_changed = first_day_of(habit, [*added, *removed], others)
    start = lookup.start(tx, habit, snapshot, first_changed)
    after = lookup.known_facts(tx, habit, start, others)
    if removed and not after.voided:
        after = KnownFacts(after.live, others, [VoidedCheckIn(it, tx.now) for it in removed])
    before = after.without(added, removed) if added or removed else after
    if snapshot is None and has_facts(before, habit):  # the row was lost
        snapshot = rebuilt(tx, habit, before)
        start = lookup.start(tx, habit, snapshot, first_changed)
    strength = tx.settings(HabitSettings).strength or smoothed
    if snapshot is not None and snapshot.evaluated_at > tx.now:
        context = EvaluationContext(habit, snapshot.evaluated_at, strength)
        step = advance_back(context, before, after)
        state = lookup.state(tx, habit, Start(), after)
    else:
        step = advance(EvaluationContext(habit, tx.now, strength), snapshot, start, before, after)
        state = step.evaluation.state
    if snapshot is not None or has_facts(after, habit):
        tx.port(STREAKS).put(step.snapshot._replace(rev=tx.rev(habit.owner)))
    _mark_archived(tx, habit, step.evaluation.history)
    return step, state


def _is_of(event: Event, habit: Habit) -> bool:
    """Return whether an event is about a habit, or retracts one that is."""
    if isinstance(event, Retracted):
        return f":{habit.id}:" in event.key
    return getattr(event, "habit_id", None) == habit.id


def _evaluated(tx: Transaction, habit: Habit, first_changed: date) -> Evaluation:
    """Evaluate the facts of a habit as they are, from the days that a change concerned on."""
    start = lookup.start(tx, habit, tx.port(STREAKS).get(habit.id), first_changed)
    others = tx.port(HABITS).facts(habit.owner, habit.id)
    strength = tx.settings(HabitSettings).strength or smoothed
    context = EvaluationContext(habit, tx.now, strength)
    return evaluate_facts(context, lookup.known_facts(tx, habit, start, others), start)


def _mark_archived(tx: Transaction, habit: Habit, history: History) -> None:
    """Let the habit itself say since when it is archived, so that lists need no facts."""
    archived_on = history.lasting_until if history.archived else None
    if archived_on != habit.archived_on:
        current = tx.port(HABITS).get(habit.id)  # another caller may have changed its title
        if current is not None:
            tx.port(HABITS).put(evolve(current, archived_on=archived_on))


def recompute_owner(tx: Transaction, owner: str, added: Sequence[OtherFact]) -> list[Event]:
    """Recompute all habits of an owner, for facts of the owner that were added in this action.

    What it changes in all of them is emitted together, after the last one is written: a reaction
    may change the facts of any habit, and would find one that does not know the new facts yet.
    """
    facts = tx.port(HABITS).facts(owner)
    events: list[Event] = []
    changed: list[Event] = []
    for habit in habits_of(tx, owner, deleted=True):
        others = [fact for fact in facts if getattr(fact, "habit_id", None) in {None, habit.id}]
        step, _ = _advance(tx, habit, others, added)
        events += step.events
        if not step.events:
            changed.append(HabitChanged(owner, tx.now, habit.id))
    emitted = tx.emit(owner, events)
    for event in changed:
        emitted += tx.notify(event)
    return emitted


def goal_on(habit: Habit, facts: Iterable[Fact], day: date, now: datetime) -> Goal:
    """Return the goal by which what is recorded on a day is evaluated."""
    return History(habit, facts, now).version_on(day).goal


def status_on(evaluation: Evaluation, day: date) -> Status:
    """Return the status of the slot of a day; EXEMPT if the day is in no slot."""
    for slot in reversed(evaluation.folded.slots):
        if slot.first <= day <= slot.last:
            return slot.status
    return "EXEMPT"


def coins_moved(events: Sequence[Event], owner: str) -> int:
    """Return the coins that moved into the owner's wallet."""
    coins = 0
    for event in events:
        if isinstance(event, CoinsPosted) and event.owner == owner and event.currency == "coin":
            coins += event.amount
    return coins
