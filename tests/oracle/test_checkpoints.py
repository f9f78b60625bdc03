"""Evaluation from a checkpoint on equals evaluation from the beginning, whatever the facts."""

from __future__ import annotations

from datetime import date, timedelta
from itertools import pairwise
from random import Random
from typing import NamedTuple
from uuid import UUID, uuid5

import hypothesis
from attrs import evolve
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from habitkit.habits.domain.checkpoints import first_day_of, thinned, until
from habitkit.habits.domain.evaluation import evaluate
from habitkit.habits.domain.facts import (
    CheckIn,
    CheckInVoid,
    Fact,
    OtherFact,
    ScheduleChanged,
    Void,
)
from habitkit.habits.domain.goals import Goal
from habitkit.habits.domain.known_facts import KnownFacts
from habitkit.habits.domain.schedules import Schedule
from habitkit.habits.domain.steps import Evaluation, EvaluationContext, Start, evaluate_facts
from habitkit.habits.domain.stored import VoidedCheckIn
from habitkit.habits.domain.streaks import Emitted
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


def evaluated(story: Story, whole: Evaluation | None = None, number: int = 0) -> Evaluation:
    """Evaluate a story, with a checkpoint wherever there can be one.

    Given an evaluation of the whole story, begin at one of its checkpoints and its credit boundary.
    """
    start = Start()
    if whole is not None:
        boundary = whole.credit.boundary
        since = None if boundary is None else story.case.now
        start = Start(whole.checkpoints[:number], boundary, since)
    first = start.needs_from or date.min
    return evaluate_facts(
        EvaluationContext(story.case.habit, story.case.now, keep=lambda days: days),
        KnownFacts(
            [it for it in check_ins(story) if it.day >= first],
            others(story),
            [it for it in story.voided if it.check_in.day >= first],
        ),
        start,
    )


@few
@hypothesis.given(stories(), st.randoms(use_true_random=False))
def test_every_checkpoint_will_do(story, lots):
    whole = evaluated(story)
    hypothesis.assume(whole.checkpoints)
    number = lots.randrange(len(whole.checkpoints)) + 1

    part = evaluated(story, whole, number)

    day, boundary = whole.checkpoints[number - 1].day, whole.credit.boundary
    assert whole.state == evaluate(story.case.habit, all_facts(story), now=story.case.now)
    assert part.state == whole.state
    assert part.next_check_at == whole.next_check_at
    assert part.checkpoints == whole.checkpoints
    assert part.credit.boundary == boundary
    assert part.folded.slots == [slot for slot in whole.folded.slots if slot.first >= day]
    emitted, recent = kept(whole), kept(part)
    assert recent.items() <= emitted.items()
    before = [it for key, it in emitted.items() if key not in recent]
    assert all(it.day < day or (boundary and it.day < boundary.day) for it in before)


@few
@hypothesis.given(stories(), st.randoms(use_true_random=False))
def test_what_lies_before_a_fact_stays_when_it_comes(story, lots):
    hypothesis.assume(story.facts)
    late = lots.choice(story.facts)
    check_in_ids = {it.id for it in check_ins(story)}
    hypothesis.assume(not (isinstance(late, Void) and late.fact_id in check_in_ids))
    before = evaluated(story._replace(facts=tuple(f for f in story.facts if f.id != late.id)))
    after = evaluated(story)

    day = first_day_of(story.case.habit, [late], others(story))
    usable = until(before.checkpoints, day)

    assert until(after.checkpoints, day) == usable
    part = evaluated(story, after._replace(checkpoints=usable), len(usable))
    assert (part.state, part.next_check_at) == (after.state, after.next_check_at)
    assert kept(part).items() <= kept(after).items()


def kept(evaluation: Evaluation) -> dict[str, Emitted]:
    """Return what a snapshot may keep of the derived events."""
    return {key: it.emitted for key, it in evaluation.derived.items()}


def check_ins(story: Story) -> list[CheckIn]:
    return [fact for fact in story.facts if isinstance(fact, CheckIn)]


def all_facts(story: Story) -> list[Fact]:
    """Return the facts with those that were voided, and their voids."""
    facts = list(story.facts)
    for check_in, voided_at in ((it.check_in, it.voided_at) for it in story.voided):
        ids = (uuid5(check_in.id, "void"), check_in.habit_id, check_in.owner, check_in.id)
        facts += [check_in, CheckInVoid(*ids, voided_at)]
    return facts


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
