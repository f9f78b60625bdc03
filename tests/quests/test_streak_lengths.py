"""How long visible streaks got in a time, against one fold of all slots of a habit."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from functools import partial
from itertools import count
from random import Random
from typing import TYPE_CHECKING, Any

import hypothesis
from attrs import frozen
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st

import habitkit.testing
from habitkit.backends.memory import MemoryStore
from habitkit.habits.domain.completion import completed_at
from habitkit.habits.domain.evaluation import evaluate, slots
from habitkit.habits.domain.facts import CheckIn
from habitkit.habits.domain.history import History
from habitkit.habits.domain.known_facts import KnownFacts, received_at
from habitkit.habits.domain.model import Goal, Schedule
from habitkit.habits.domain.streak_lengths import (
    Lengthening,
    StreakLength,
    is_whole,
    lengthenings,
)
from habitkit.habits.domain.streak_lengths import next_lengthening as next_of
from habitkit.habits.domain.streak_lengths import reached as reached_by
from habitkit.habits.streak_lengths import next_lengthening, reached
from tests.kit.habits.dated_histories import BEGIN, KINDS, Actor, histories, known_facts
from tests.kit.habits.dated_histories import History as Told
from tests.oracle.test_checkpoints import Story, all_facts, evaluated, stories

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from habitkit.habits.domain.facts import Fact
    from habitkit.habits.domain.model import Habit

OWNERS = count()
FORTY_DAYS = timedelta(days=40)
few = settings(
    phases=[Phase.explicit, Phase.reuse, Phase.generate],  # shrinking takes minutes
    suppress_health_check=list(HealthCheck),
)
seeds = st.integers(0, 2**32)


@frozen
class Covers:
    """A time, by instants and by days."""

    start: datetime
    end: datetime
    first: date
    last: date

    def __call__(self, at: datetime, day: date) -> bool:
        return self.start <= at < self.end and self.first <= day <= self.last

    @property
    def since(self) -> date:
        """A day before which nothing is covered."""
        return max(self.start.date(), self.first)


def some_time(lots: Random, around: datetime) -> Covers:
    """Return a time of some days, or without an end, near an instant."""
    instants = sorted(around + timedelta(hours=lots.randrange(-900, 100)) for _ in range(4))
    start = lots.choice([datetime.min.replace(tzinfo=UTC), *instants[:2]])
    end = lots.choice([datetime.max.replace(tzinfo=UTC), *instants[2:]])
    first = lots.choice([date.min, date.min, instants[0].date()])
    return Covers(start, end, first, lots.choice([date.max, date.max, instants[3].date()]))


def counted(habit: Habit, facts: Iterable[Fact], now: datetime) -> list[Lengthening]:
    """Return what makes the visible streak longer, by one fold of all slots."""
    found, length = [], 0
    counting = KnownFacts.of(habit, facts).counting
    history = History(habit, counting, now)
    for slot in slots(habit, counting, now=now):
        if slot.status == "MISSED":
            length = 0
        if slot.status != "DONE":
            continue
        length += 1
        recorded = slot.why == "met"
        at = completed_at(history, slot) if recorded else slot.deadline
        earned = not recorded or any(
            isinstance(it, CheckIn) and it.credit == "full" and slot.first <= it.day <= slot.last
            for it in counting
        )
        if recorded or at <= now:
            found.append(Lengthening(at, slot.first, length, earned))
    return found


def expected(habit: Habit, found: Sequence[Lengthening], n: int, covers: Covers) -> StreakLength:
    """Return how far the streak of a habit got."""
    covered = [it for it in found if covers(it.at, it.day)]
    places = [(it.at, f"streak:{habit.id}:{it.day}") for it in covered if it.slots >= n]
    return StreakLength(max((it.slots for it in covered), default=0), *min(places, default=()))


def next_by_looking(habit: Habit, facts: Sequence[Fact], now: datetime) -> datetime | None:
    """Return the first end of a slot, within forty days, at which more counts than now."""
    now_counted = {(it.at, it.day) for it in counted(habit, facts, now)}
    counting = KnownFacts.of(habit, facts).counting
    ends = {slot.deadline for slot in slots(habit, counting, now=now + FORTY_DAYS)}
    for end in sorted(end for end in ends if now < end <= now + FORTY_DAYS):
        if {(it.at, it.day) for it in counted(habit, facts, end)} - now_counted:
            return end
    return None


def known(story: Story) -> Story:
    """Return a story with what was received by its end."""
    now = story.case.now
    facts = tuple(it for it in story.facts if received_at(it) <= now)
    return story._replace(
        facts=facts, voided=tuple(it for it in story.voided if it.voided_at <= now)
    )


@settings(few, max_examples=50)
@hypothesis.given(stories().map(known), seeds)
def test_from_every_checkpoint_the_lengths_are_those_of_one_fold(story: Story, seed: int) -> None:
    habit, now, lots = story.case.habit, story.case.now, Random(seed)
    facts = all_facts(story)
    every = counted(habit, facts, now)
    whole, covers, n = evaluated(story), some_time(lots, now), lots.randrange(1, 12)
    checkpoint = lots.choice([None, *whole.checkpoints, *whole.checkpoints])
    day = date.min if checkpoint is None else checkpoint.day
    needs_from = date.min if checkpoint is None else checkpoint.needs_from
    recent = [it for it in story.facts if not isinstance(it, CheckIn) or it.day >= needs_from]

    history = History(habit, recent, now, checkpoint)

    assert list(lengthenings(history)) == [it for it in every if it.day >= day]
    found = reached_by(history, n, covers)
    assert found == expected(habit, [it for it in every if it.day >= day], n, covers)
    earned = [it for it in every if it.day >= day and it.earned]
    assert reached_by(history, n, covers, earned=True) == expected(habit, earned, n, covers)
    if is_whole(history, n, found):
        assert found == expected(habit, every, n, covers)
    shown = evaluate(habit, facts, now=now).streak
    if shown.last is not None and every and every[-1].day == shown.last:
        assert every[-1].slots == shown.slots


@settings(few, max_examples=25)
@hypothesis.given(stories().map(known), seeds)
def test_time_alone_makes_a_streak_longer_when_it_is_said(story: Story, seed: int) -> None:
    habit, now = story.case.habit, story.case.now
    whole = evaluated(story)
    checkpoint = Random(seed).choice([None, *whole.checkpoints])

    found = next_of(History(habit, story.facts, now, checkpoint))

    looked_at = next_by_looking(habit, all_facts(story), now)
    if found is None or found > now + FORTY_DAYS:
        assert looked_at is None
    else:
        assert found == looked_at


@settings(few, max_examples=15)
@hypothesis.given(histories(tuple(KINDS), weeks=4), seeds)
def test_of_all_habits_the_longest_streak_counts_and_the_first_that_is_long_enough(
    told: Told, seed: int
) -> None:
    lots, owner, store = Random(seed), f"owner{next(OWNERS)}", MemoryStore()
    kit = habitkit.testing.kit(store=store, now=BEGIN)
    actor = Actor(kit, store, owner, told)
    tea = kit.habits.create(owner, "Tea", Schedule.rolling(2, 5), tags=["drink"])
    wine = kit.habits.create(owner, "Wine", Schedule.daily(), Goal.avoid(), tags=["drink"])
    for step in told.steps:
        kit.clock.set(BEGIN + timedelta(minutes=step.minute))
        actor.do(step)
        if lots.random() < 0.3:
            kit.habits.check_in(tea.id)
        if lots.random() < 0.03:
            kit.habits.check_in(wine.id)
        if lots.random() < 0.1:
            kit.sweep()
    now = kit.clock.now()
    habits: list[Habit] = [kit.habits.get(it.id) for it in (actor.habit, tea, wine)]
    facts = {habit.id: known_facts(store, habit) for habit in habits}
    found = {habit.id: counted(habit, facts[habit.id], now) for habit in habits}
    nexts = {habit.id: next_by_looking(habit, facts[habit.id], now) for habit in habits}
    asked: list[tuple[Any, str | None, list[Habit]]] = [
        (None, None, habits),
        (None, "drink", habits[1:]),
        (habits[0].id, None, habits[:1]),
        (habits[0].id, "drink", []),
    ]
    for habit_id, tag, concerned in asked:
        covers, n = some_time(lots, now), lots.randrange(1, 25)
        each = [expected(habit, found[habit.id], n, covers) for habit in concerned]
        places = [(it.complete_at, it.key) for it in each if it.complete_at is not None]
        together = StreakLength(max((it.slots for it in each), default=0), *min(places, default=()))
        for since in (None, covers.since):
            ask = partial(reached, owner=owner, slots=n, habit_id=habit_id, tag=tag)
            assert kit.read(partial(ask, covers=covers, since=since)) == together
        soonest = min((it for habit in concerned if (it := nexts[habit.id])), default=None)
        at = kit.read(partial(next_lengthening, owner=owner, habit_id=habit_id, tag=tag))
        assert at == soonest or (soonest is None and at is not None and at > now + FORTY_DAYS)
    other = kit.read(lambda tx: reached(tx, "bob", 1, tea.id, None, lambda *_: True))
    assert other == StreakLength()
