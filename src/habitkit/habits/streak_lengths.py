"""How long the visible streaks of an owner got in a time, for whatever rewards them."""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING, NamedTuple

from habitkit.habits import lookup
from habitkit.habits.domain import streak_lengths as rules
from habitkit.habits.domain.history import History
from habitkit.habits.domain.streak_lengths import StreakLength
from habitkit.habits.store import HABITS, STREAKS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime
    from uuid import UUID

    from habitkit.habits.domain.facts import CheckIn, OtherFact
    from habitkit.habits.domain.model import Habit
    from habitkit.habits.domain.streaks import Checkpoint
    from habitkit.transaction import Transaction

__all__ = ["next_lengthening", "reached"]

_FARTHEST = timedelta(days=7)  # no slot ends so long after the day that its last instant has


def reached(
    tx: Transaction,
    owner: str,
    slots: int,
    habit_id: UUID | None,
    tag: str | None,
    covers: Callable[[datetime, date], bool],
    since: date | None = None,
    *,
    earned: bool = False,
) -> StreakLength:
    """Return how long the visible streaks of an owner got in a time; they may begin before it.

    A slot lies in that time if it was done in it: when it was completed by what was recorded, as
    ``HabitCompleted`` says, or when it ended if it is done without. What arrives when the slot is
    sealed already may move that instant here, as the visible streak, but not in the journal.

    Args:
        tx: The transaction.
        owner: Whose streaks.
        slots: Which length is wanted.
        habit_id: Of this habit alone; of all by default, also those that are archived or deleted.
        tag: Only of habits with this tag.
        covers: Tells whether a slot counts, by the instant at which it was done, in UTC, and its
            first day.
        since: A day, in whatever zone, before which nothing counts; without one old checkpoints are
            read until nothing before them can matter, so that it is only slower.
        earned: Whether slots that are only history, such as imported ones, do not count; they make
            the streak longer all the same.
    """
    best = StreakLength()
    first = date.min if since is None else since - min(_FARTHEST, since - date.min)
    for known in _known(tx, owner, habit_id, tag):
        for checkpoint in (*reversed(known.checkpoints), None):
            history = known.history(tx, checkpoint)
            found = rules.reached(history, slots, covers, earned=earned)
            is_early = checkpoint is None or checkpoint.day <= first
            if is_early or rules.is_whole(history, slots, found):
                best = best.joined(found)
                break
    return best


def next_lengthening(
    tx: Transaction, owner: str, habit_id: UUID | None = None, tag: str | None = None
) -> datetime | None:
    """Return the earliest instant from now on at which time alone may make such a streak longer.

    Args:
        tx: The transaction.
        owner: Whose streaks.
        habit_id: Of this habit alone; of all by default.
        tag: Only of habits with this tag.

    Returns:
        The instant, in UTC; None if that does not happen within ten years.
    """
    found = []
    for known in _known(tx, owner, habit_id, tag):
        latest = known.checkpoints[-1] if known.checkpoints else None
        found.append(rules.next_lengthening(known.history(tx, latest)))
    return min((at for at in found if at is not None), default=None)


class _Known(NamedTuple):
    """What is read of a habit.

    Attributes:
        habit: The habit.
        checkpoints: Those that hold, oldest first.
        others: Its facts other than check-ins, and those of the owner.
        live: Its check-ins that evaluation from the last checkpoint on needs.
    """

    habit: Habit
    checkpoints: tuple[Checkpoint, ...]
    others: list[OtherFact]
    live: list[CheckIn]

    def history(self, tx: Transaction, checkpoint: Checkpoint | None) -> History:
        """Return the history from a checkpoint on, or from the beginning."""
        live = self.live
        if checkpoint != (self.checkpoints[-1] if self.checkpoints else None):
            needs_from = None if checkpoint is None else checkpoint.needs_from
            live = tx.port(HABITS).live(self.habit.id, needs_from)
        return History(self.habit, [*live, *self.others], tx.now, checkpoint)


def _known(tx: Transaction, owner: str, habit_id: UUID | None, tag: str | None) -> Iterator[_Known]:
    """Yield what is read of the habits that are asked for; of all of them in three reads."""
    habits = _habits(tx, owner, habit_id, tag)
    if not habits:
        return
    if habit_id is None:
        snapshots = {snapshot.habit_id: snapshot for snapshot in tx.port(STREAKS).of_owner(owner)}
    else:
        snapshot = tx.port(STREAKS).get(habit_id)
        snapshots = {} if snapshot is None else {habit_id: snapshot}
    others: dict[UUID | None, list[OtherFact]] = {}
    for fact in tx.port(HABITS).facts(owner, habit_id):
        others.setdefault(getattr(fact, "habit_id", None), []).append(fact)
    checkpoints = {
        habit.id: lookup.start(tx, habit, snapshots.get(habit.id)).checkpoints for habit in habits
    }
    live: dict[UUID, list[CheckIn]] = {}
    needed = {key: it[-1].needs_from if it else None for key, it in checkpoints.items()}
    for check_in in tx.port(HABITS).recent(needed):
        live.setdefault(check_in.habit_id, []).append(check_in)
    for habit in habits:
        of_habit = [*others.get(None, ()), *others.get(habit.id, ())]
        yield _Known(habit, checkpoints[habit.id], of_habit, live.get(habit.id, []))


def _habits(tx: Transaction, owner: str, habit_id: UUID | None, tag: str | None) -> list[Habit]:
    """Return the habits that are asked for, as far as they exist."""
    if habit_id is None:
        habits = lookup.habits_of(tx, owner, deleted=True)
    else:
        habit = tx.port(HABITS).get(habit_id)
        habits = [habit] if habit is not None and habit.owner == owner else []
    return [habit for habit in habits if tag is None or tag in habit.tags]
