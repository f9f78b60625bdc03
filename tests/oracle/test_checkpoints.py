"""What is judged from a checkpoint on is what is judged from the beginning, whatever the facts."""

from __future__ import annotations

from datetime import date
from itertools import pairwise

import hypothesis
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from habitkit.habits.facts import CheckIn, OtherFact, Void
from habitkit.streaks.checkpoints import first_day_of, thinned, until
from habitkit.streaks.derived import Derived, derive
from habitkit.streaks.evaluation import evaluate
from tests.oracle.cases import Case, cases

few = settings(max_examples=120, suppress_health_check=list(HealthCheck))


def judged(case: Case, checkpoints=()) -> Derived:
    """Derive what is true, with a checkpoint wherever there can be one."""
    first = checkpoints[-1].day if checkpoints else date.min
    facts = [f for f in case.facts if not isinstance(f, CheckIn) or f.day >= first]
    return derive(case.habit, facts, case.now, (), checkpoints, keep=lambda days: days)


def others(case: Case) -> list[OtherFact]:
    return [fact for fact in case.facts if not isinstance(fact, CheckIn)]


@few
@hypothesis.given(cases(), st.randoms(use_true_random=False))
def test_every_checkpoint_will_do(case, lots):
    whole = judged(case)
    hypothesis.assume(whole.checkpoints)
    number = lots.randrange(len(whole.checkpoints)) + 1

    part = judged(case, whole.checkpoints[:number])

    day = whole.checkpoints[number - 1].day
    assert whole.state == evaluate(case.habit, case.facts, now=case.now)
    assert part.state == whole.state
    assert part.look_at == whole.look_at
    assert part.checkpoints == whole.checkpoints
    assert part.slots == [slot for slot in whole.slots if slot.first >= day]
    assert part.events.items() <= whole.events.items()
    assert {key for key in whole.events if key not in part.events} <= whole.sealed
    assert part.earned <= whole.earned


@few
@hypothesis.given(cases(), st.data())
def test_what_lies_before_a_fact_stays_when_it_comes(case, data):
    hypothesis.assume(case.facts)
    late = data.draw(st.sampled_from(case.facts))
    hypothesis.assume(
        not isinstance(late, Void)
        or late.fact_id not in {fact.id for fact in case.facts if isinstance(fact, CheckIn)}
    )
    before = judged(case._replace(facts=tuple(fact for fact in case.facts if fact.id != late.id)))
    after = judged(case)
    day = first_day_of([late], others(case))

    kept = until(before.checkpoints, day)
    assert until(after.checkpoints, day) == kept
    part = judged(case, kept)
    assert (part.state, part.look_at) == (after.state, after.look_at)


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
