"""Evaluation from a checkpoint on equals evaluation from the beginning, whatever the facts."""

from __future__ import annotations

from datetime import date, timedelta
from itertools import pairwise
from random import Random
from typing import NamedTuple
from uuid import UUID

import hypothesis
from attrs import evolve
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from habitkit.habits.domain.checkpoints import first_day_of, thinned, until
from habitkit.habits.domain.derived_events import Derived, derive
from habitkit.habits.domain.evaluation import evaluate
from habitkit.habits.domain.facts import CheckIn, Fact, OtherFact, ScheduleChanged, Void
from habitkit.habits.domain.goals import Goal
from habitkit.habits.domain.schedules import Schedule
from habitkit.habits.domain.stored import VoidedCheckIn
from habitkit.habits.domain.streaks import Checkpoint
from tests.oracle.cases import Case, cases

DAY = timedelta(days=1)
seeds = st.integers(0, 2**32)  # drawn one by one, their lots would take most of the time
few = settings(max_examples=150, suppress_health_check=list(HealthCheck))


class Story(NamedTuple):
    """A case in which some check-ins came too late and some were taken back."""

    case: Case
    facts: tuple[Fact, ...]
    voided: tuple[VoidedCheckIn, ...]


@st.composite
def rolling_cases(draw) -> Case:
    """Return a case in which days depend on later ones from the beginning, or from a change on."""
    case = draw(cases())
    plans = draw(st.lists(rolling, min_size=1, max_size=3))
    lots = Random(draw(seeds))
    habit = evolve(case.habit, schedule=plans[0], goal=lots.choice([Goal.done(), Goal.at_least(1)]))
    known = [
        evolve(fact, schedule=lots.choice(plans), goal=habit.goal)
        if isinstance(fact, ScheduleChanged) and (lots.random() < 0.5 or fact.goal.turns)
        else fact
        for fact in case.facts
    ]
    if lots.random() < 0.2:
        habit = case.habit
    if lots.random() < 0.5:
        every, days = lots.choice([1, 2, 3, 4, 7]), lots.choice([60, 150])
        off = lots.choice([0.0, 0.1, 0.4])
        known += [
            CheckIn(
                *(UUID(int=2 * fact_id), habit.id, habit.owner, at.date(), at, "UTC"),
                *(None, "full", "app", at),
            )
            for fact_id, at in enumerate(
                case.habit.created_at + n * DAY for n in range(0, days, every)
            )
            if lots.random() >= off
        ]
        case = case._replace(now=max(case.now, habit.created_at + (days - lots.randrange(9)) * DAY))
    return Case(habit, tuple(known), case.now)


rolling = st.builds(
    lambda span, n: Schedule.rolling(min(n, span), span),
    st.sampled_from((1, 2, 3, 4, 5, 7, 7, 9, 14, 30, 31)),
    st.sampled_from((1, 1, 2, 3, 5)),
)


@st.composite
def stories(draw) -> Story:
    case = draw(cases() | rolling_cases() | rolling_cases())
    lots = Random(draw(seeds))
    late, gone, early = lots.choice([0, 0.2, 0.9]), lots.choice([0, 0, 0.3]), lots.random() < 0.3
    facts: list[Fact] = []
    voided = []
    for fact in case.facts:
        it = fact
        if isinstance(it, CheckIn):
            if lots.random() < late or (early and it.at < case.habit.created_at + 20 * DAY):
                it = evolve(it, credit="history")
            if lots.random() < gone:
                voided_at = it.at + timedelta(hours=lots.choice([1, 30, 80, 200]))
                voided.append(VoidedCheckIn(it, voided_at))
                continue
        facts.append(it)
    if early:
        longer = [
            evolve(
                it,
                id=UUID(int=it.id.int ^ 1),
                day=it.day - 25 * DAY,
                at=it.at - 25 * DAY,
                credit="history",
            )
            for it in facts
            if isinstance(it, CheckIn) and lots.random() < 0.4
        ]
        facts += longer
    return Story(case, tuple(facts), tuple(voided))


def derived(story: Story, checkpoints: tuple[Checkpoint, ...] = ()) -> Derived:
    """Derive what is true, with a checkpoint wherever there can be one."""
    first = checkpoints[-1].needs_from if checkpoints else date.min
    return derive(
        story.case.habit,
        [fact for fact in story.facts if not isinstance(fact, CheckIn) or fact.day >= first],
        story.case.now,
        [it for it in story.voided if it.check_in.day >= first],
        checkpoints,
        keep=lambda days: days,
    )


@few
@hypothesis.given(stories(), st.randoms(use_true_random=False))
def test_every_checkpoint_will_do(story, lots):
    whole = derived(story)
    hypothesis.assume(whole.checkpoints)
    number = lots.randrange(len(whole.checkpoints)) + 1

    part = derived(story, whole.checkpoints[:number])

    day = whole.checkpoints[number - 1].day
    assert whole.state == evaluate(story.case.habit, story.facts, now=story.case.now)
    assert part.state == whole.state
    assert part.sweep_at == whole.sweep_at
    assert part.checkpoints == whole.checkpoints
    assert part.slots == [slot for slot in whole.slots if slot.first >= day]
    assert part.events.items() <= whole.events.items()
    assert {key for key in whole.events if key not in part.events} <= whole.sealed
    assert part.earned <= whole.earned


@few
@hypothesis.given(stories(), st.randoms(use_true_random=False))
def test_what_lies_before_a_fact_stays_when_it_comes(story, lots):
    hypothesis.assume(story.facts)
    late = lots.choice(story.facts)
    check_ins = {fact.id for fact in story.facts if isinstance(fact, CheckIn)}
    hypothesis.assume(not (isinstance(late, Void) and late.fact_id in check_ins))
    before = derived(story._replace(facts=tuple(f for f in story.facts if f.id != late.id)))
    after = derived(story)

    day = first_day_of(story.case.habit, [late], others(story))
    kept = until(before.checkpoints, day)

    assert until(after.checkpoints, day) == kept
    part = derived(story, kept)
    assert (part.state, part.sweep_at) == (after.state, after.sweep_at)
    assert part.events.items() <= after.events.items()


def others(story: Story) -> list[OtherFact]:
    return [fact for fact in story.facts if not isinstance(fact, CheckIn)]


@hypothesis.given(st.lists(st.integers(1, 4000), unique=True, min_size=1), st.integers(1, 300))
def test_few_are_kept_and_none_is_far_from_the_next(ordinals, steps):
    days: list[date] = []
    for ordinal in sorted(ordinals):
        days = thinned([*days, date.fromordinal(ordinal)])
    everything = thinned([date.fromordinal(ordinal) for ordinal in range(1, 10 * steps)])

    ages = [(everything[-1] - day).days for day in everything[::-1]]
    assert all(older <= 2 * newer + 8 for newer, older in pairwise(ages))
    assert max(len(days), len(everything)) <= 24
    assert (days[0].toordinal(), days[-1].toordinal()) == (min(ordinals), max(ordinals))
