"""What the strategies for hosts' tests make: what is possible, and where it is hard."""

from __future__ import annotations

from datetime import timedelta
from zoneinfo import ZoneInfo

import hypothesis
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from habitkit.habits.domain.facts import Fact, Void
from habitkit.testing.strategies import clocks, facts, habits, instants, plans, zones
from tests.unit.support import given


def some(strategy, n=200):
    """Return examples of a strategy, always the same."""
    found = []

    @hypothesis.seed(0)
    @settings(max_examples=n, database=None, suppress_health_check=list(HealthCheck))
    @hypothesis.given(strategy)
    def collect(example):
        found.append(example)

    collect()
    return found


@given(plans())
def test_schedules_and_goals_go_together(plan):
    schedule, goal = plan

    if schedule.kind == "rolling":
        assert goal.kind in {"done", "at_least"}
    if schedule.after_done:
        assert goal.kind in {"done", "at_least"}
        assert goal.fold != "last"
    if schedule.kind == "quota" and schedule.n > 1:
        assert goal.kind not in {"avoid", "at_most"}


@given(habits(owner="bob").flatmap(lambda habit: st.tuples(st.just(habit), facts(habit, days=20))))
def test_facts_are_about_the_habit_and_have_ids_of_their_own(case):
    habit, history = case

    assert habit.owner == "bob"
    assert all(fact.owner == "bob" for fact in history)
    assert len({fact.id for fact in history}) == len(history)
    assert {getattr(fact, "habit_id", None) for fact in history} <= {habit.id, None}


def test_facts_of_all_kinds_come_and_voids_of_unknown_ones():
    histories = some(habits().flatmap(facts))

    kinds = {type(fact) for history in histories for fact in history}
    assert kinds == set(Fact.__args__)
    assert any(
        isinstance(fact, Void) and fact.fact_id not in {other.id for other in history}
        for history in histories
        for fact in history
    )


def test_nights_on_which_clocks_change_are_likely():
    near = [at for at in some(instants(days=3)) if any(changes_near(at, name) for name in PLACES)]

    assert len(near) > 50  # chance alone would make it 26


PLACES = ["Europe/Vienna", "America/New_York", "America/Santiago", "Australia/Lord_Howe"]


def changes_near(at, name):
    """Tell whether the clocks of a zone change within three days."""
    days = timedelta(days=3)
    return (at - days).astimezone(ZoneInfo(name)).utcoffset() != (at + days).astimezone(
        ZoneInfo(name)
    ).utcoffset()


@pytest.mark.parametrize("strategy", [zones(), clocks()])
def test_zones_can_be_loaded(strategy):
    for found in some(strategy):
        ZoneInfo(getattr(found, "tz", found) or "UTC")
