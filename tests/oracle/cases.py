"""Cases for the comparison: a habit, facts about it, and an instant at which somebody looks."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import NamedTuple

from hypothesis import strategies as st

from habitkit.habits.domain.facts import Fact
from habitkit.habits.domain.model import Habit
from habitkit.testing.strategies import facts, habits, instants

DAYS = 60


class Case(NamedTuple):
    """What ``evaluate`` is asked."""

    habit: Habit
    facts: tuple[Fact, ...]
    now: datetime


@st.composite
def cases(draw, days: int = DAYS) -> Case:
    habit = draw(habits())
    all_facts = draw(facts(habit, days=draw(st.sampled_from((days, days, days, 10)))))
    start = habit.created_at + timedelta(
        days=draw(st.sampled_from((days, days, days, 40, 40, 20, 5, -1)))
    )
    return Case(habit, all_facts, draw(instants(start=start, days=20)))
