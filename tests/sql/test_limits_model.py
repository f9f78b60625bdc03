"""Limits in SQL decide exactly as the pure rules do, at the time that the database has used."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import count
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine

from habitkit.backends.sqlalchemy import SqlLimits, SqlStore, _limits
from habitkit.limits import Limit
from habitkit.limits.domain import charging
from habitkit.limits.domain.limit import concurrency

NS = 10**9
LIMITS = [
    Limit(3, "s"),
    Limit(10, "min", 4),
    Limit(10**9, "s", 3),
    Limit(7, "h", 7),
    Limit(5, "s", name="login"),
    Limit(2, "min", 7, name="login"),
    Limit(3, "s", exact=True),
    Limit(3, "s", name="login", exact=True),
    Limit(5, "min", name="login", exact=True),
    concurrency(3, 2),
    concurrency(5, 60),
]
WAITS = [0, 0, 0, 1, NS, 3600 * NS]
STEPS = [1, NS // 7, NS, 60 * NS, 3600 * NS, -NS, -60 * NS]

chosen = st.lists(st.sampled_from(LIMITS), min_size=1, max_size=3, unique_by=lambda it: it.id)
steps = st.lists(
    st.one_of(
        st.tuples(
            st.sampled_from(["acquire", "acquire", "acquire", "peek"]),
            st.sampled_from(["ada", "bob"]),
            chosen.map(tuple),
            st.integers(1, 3),
            st.sampled_from(WAITS),
        ),
        st.tuples(st.just("refund"), st.integers(0, 5)),
        st.tuples(st.just("reset"), st.sampled_from(["ada", "bob"])),
        st.tuples(st.just("advance"), st.sampled_from(STEPS)),
    ),
    max_size=25,
)
numbers = count()


class Model:
    """The pure rules, on a dict, beside a backend whose times it is given.

    Attributes:
        times: What the backend has taken as the time so far.
    """

    def __init__(self, backend: Any, times: list[int], advance: Callable[[int], object]) -> None:
        self.backend = backend
        self.times = times
        self.states: dict[tuple[str, str], charging.State] = {}
        self.taken: list[Any] = []
        self.prefix = f"{next(numbers)} "
        self._advance = advance

    def take(self, verb: str, *args: Any) -> None:
        """Do a step on both sides, and compare."""
        getattr(self, verb)(*args)

    def acquire(self, subject: str, limits: tuple[Limit, ...], cost: int, wait: int) -> None:
        subject = self.prefix + subject
        decision = self.backend.acquire(subject, limits, cost, wait)
        states = self._states(subject, limits)
        expected = charging.charge(subject, limits, states, cost, self.times[-1], wait)
        assert decision == expected.decision
        if expected.states is not None:
            self._keep(subject, limits, expected.states)
        if decision.charge is not None:
            self.taken.append(decision.charge)

    def peek(self, subject: str, limits: tuple[Limit, ...], cost: int, _: int) -> None:
        subject = self.prefix + subject
        decision = self.backend.peek(subject, limits, cost * 3)
        states = self._states(subject, limits)
        assert decision == charging.peek(limits, states, cost * 3, self.times[-1])

    def refund(self, place: int) -> None:
        if place < len(self.taken):
            taken = self.taken.pop(place)
            self.backend.refund(taken)
            states = self._states(taken.subject, taken.limits)
            after = charging.refund(taken, states, self.times[-1])
            self._keep(taken.subject, taken.limits, after)

    def reset(self, subject: str) -> None:
        self.backend.reset(self.prefix + subject)
        for key in [key for key in self.states if key[0] == self.prefix + subject]:
            del self.states[key]

    def advance(self, nanoseconds: int) -> None:
        self._advance(nanoseconds)

    def _states(self, subject: str, limits: tuple[Limit, ...]) -> list[charging.State]:
        return [self.states.get((subject, limit.id), ()) for limit in limits]

    def _keep(self, subject: str, limits: tuple[Limit, ...], states: Any) -> None:
        for limit, state in zip(limits, states, strict=True):
            self.states[subject, limit.id] = state


@pytest.fixture
def times(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """What the statements have taken as the time, in their order."""
    found: list[int] = []

    def noting(method: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any) -> Any:
            result = method(*args)
            if result is not None:
                found.append(result[1])
            return result

        return call

    for rows, names in (
        (_limits.LimitRows, ("charge", "read")),
        (_limits._PostgresLimitRows, ("read", "lock")),
    ):
        for name in names:
            monkeypatch.setattr(rows, name, noting(getattr(rows, name)))
    yield found
    assert found


@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=steps)
def test_sqlite_decides_as_the_rules_do(sqlite: Engine, wall: Any, times: list[int], steps: Any):
    times.append(wall.now)
    model = Model(SqlLimits(SqlStore(sqlite)), times, wall.advance)
    for step in steps:
        model.take(*step)


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=steps)
def test_postgresql_decides_as_the_rules_do(postgres: Engine, times: list[int], steps: Any):
    times.append(0)
    model = Model(SqlLimits(SqlStore(postgres)), times, lambda _: None)
    for step in steps:
        model.take(*step)
