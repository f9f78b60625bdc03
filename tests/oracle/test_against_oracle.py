"""``habitkit.habits`` and a naive reading of the laws come to the same, whatever the facts."""

from __future__ import annotations

import random
import sys
from typing import Any

import hypothesis
import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st

from habitkit import habits
from tests.oracle.cases import Case, cases
from tests.oracle.oracle import Reading, Run, read

evaluate: Any = getattr(habits, "evaluate", None)
slots: Any = getattr(habits, "slots", None)

SEEDS = 100
CASES_OF_A_SEED = 1000
SHUFFLES = 1000

needs_evaluate = pytest.mark.skipif(
    evaluate is None or slots is None, reason="habitkit.habits has no evaluate yet"
)
few = settings(max_examples=120, suppress_health_check=list(HealthCheck))
fewer = settings(few, max_examples=25)
many = settings(
    max_examples=CASES_OF_A_SEED,
    database=None,
    suppress_health_check=list(HealthCheck),
    phases=[Phase.generate, Phase.shrink],
)


def found(case: Case) -> Reading:
    """Return what the package makes of a case, in the words of the oracle."""
    state = evaluate(case.habit, case.facts, now=case.now)
    assert state.habit_id == case.habit.id
    return Reading(
        slots=[
            (slot.first, slot.last, slot.deadline, slot.status)
            for slot in slots(case.habit, case.facts, now=case.now)
        ],
        today=state.today,
        status=state.status,
        streak=run(state.streak),
        best=run(state.best),
        slack=state.slack,
        risk=state.risk,
        expires_at=state.expires_at,
        repair_until=state.repair_until,
        freezes=state.freezes,
    )


def run(streak: Any) -> Run:
    same = Run(streak.slots, streak.first, streak.last, streak.completions)
    assert same.days == streak.days
    return same


def differences(case: Case) -> dict[str, tuple[object, object]]:
    """Return where the package and the oracle differ: first what the package found."""
    of_package, of_oracle = found(case)._asdict(), read(*case[:2], now=case.now)._asdict()
    wrong = {
        name: (of_package[name], of_oracle[name])
        for name in of_oracle
        if of_package[name] != of_oracle[name]
    }
    if "slots" in wrong:
        ours, theirs = map(set, wrong["slots"])
        wrong["slots"] = (sorted(ours - theirs), sorted(theirs - ours))
    return wrong


@needs_evaluate
@few
@hypothesis.given(cases())
def test_some_cases_come_out_as_the_oracle_says(case):
    assert not differences(case)


@needs_evaluate
@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("seed", range(SEEDS))
def test_many_cases_come_out_as_the_oracle_says(seed, capsys):
    compared = []

    @hypothesis.seed(seed)
    @many
    @hypothesis.given(cases())
    def compare(case):
        compared.append(1)
        assert not differences(case)

    compare()
    with capsys.disabled():
        sys.stdout.write(f"\nseed {seed}: {len(compared)} cases, 0 differences")


@needs_evaluate
@fewer
@hypothesis.given(cases(days=20), st.randoms(use_true_random=False))
def test_the_order_of_the_facts_does_not_matter(case, lots):
    shuffled = case._replace(facts=tuple(lots.sample(case.facts, len(case.facts))))

    assert found(shuffled) == found(case)


@needs_evaluate
@settings(max_examples=1, suppress_health_check=list(HealthCheck), phases=[Phase.generate])
@hypothesis.given(cases(days=30).filter(lambda case: len(case.facts) > 20))
def test_a_thousand_orders_have_one_outcome(case):
    lots, facts = random.Random(0), list(case.facts)
    states = set()
    for _ in range(SHUFFLES):
        lots.shuffle(facts)
        states.add(evaluate(case.habit, tuple(facts), now=case.now))

    assert len(states) == 1


@needs_evaluate
@fewer
@hypothesis.given(cases(days=20))
def test_a_fact_that_is_known_twice_counts_once(case):
    assert found(case._replace(facts=case.facts * 2)) == found(case)
