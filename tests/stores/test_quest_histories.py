"""Random writes of runs, contributions and grants equal those in dictionaries, on every backend."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import create_engine

from habitkit.backends.memory import MemoryStore
from habitkit.backends.sqlalchemy import SqlStore, sqlite_engine
from habitkit.quests.domain.runs import Contribution, Grant, Run
from habitkit.quests.store import QUESTS

START = datetime(2026, 1, 1, 8, tzinfo=UTC)
OWNERS, NAMES, PERIODS = ["B", "a", "Ä"], ["Z", "a", "é", "🏃"], ["", "2026-01-01", "2026-01-08"]
STATES = ["ACTIVE", "COMPLETED", "CLAIMED", "ABANDONED", "EXPIRED"]
EXAMPLES = 12


class UndoneError(Exception):
    """Ends the transaction of an example, or a savepoint in it."""


owners, names, periods = map(st.sampled_from, (OWNERS, NAMES, PERIODS))
instants = st.sampled_from([-1, 0, 1, 86_400_000_000]).map(
    lambda it: START + timedelta(microseconds=it)
)
decimals = st.sampled_from(["0", "-0.10", "1E+30", "1E-400", "7" * 50]).map(Decimal)
days = st.sampled_from([date.min, date(2026, 1, 1), date.max])
texts = st.sampled_from(["", "NULL", "{}", '"\\', "é,", " "])
runs = st.builds(
    Run,
    *(owners, names, periods, st.sampled_from([1, 2**63 - 1]), st.sampled_from(STATES), instants),
    days,
    st.sampled_from([(), (Decimal(1),), (Decimal("0.10"), Decimal("1E+30"))]),
    st.none() | instants,
    st.none() | texts,
    st.sampled_from([0, 3]),
    *(st.none() | instants, st.none() | instants, st.booleans()),
)
contributions = st.builds(
    Contribution,
    owners,
    st.sampled_from(NAMES[:2]),
    st.sampled_from([0, 2, 10]),
    names,
    st.sampled_from([START, START + timedelta(microseconds=1)]),
    days,
    decimals,
    texts,
)
grants = st.builds(
    Grant,
    *(owners, names, st.sampled_from(["badge", "freezes", "item"]), texts),
    st.sampled_from([-(2**63), 1, 2**63 - 1]),
    instants,
    st.sampled_from([None, UUID(int=7)]),
)
lists = st.lists(names, max_size=3)
writes = st.one_of(
    st.tuples(st.just("put_runs"), st.lists(runs, max_size=5)),
    st.tuples(st.just("put"), st.lists(contributions, min_size=3, max_size=12)),
    st.tuples(st.just("remove"), st.lists(contributions, max_size=9)),
    st.tuples(st.just("put_grants"), st.lists(grants, max_size=5)),
    st.tuples(st.just("remove_grants"), owners, lists),
)


class Oracle:
    """The rows in dictionaries, by their keys."""

    def __init__(self):
        self.runs, self.contributions, self.grants = {}, {}, {}

    def write(self, name, *args):
        if name == "put_runs":
            self.runs |= {(it.owner, it.quest, it.period): it for it in args[0]}
        elif name == "put":
            self.contributions |= {place(it): it for it in args[0]}
        elif name == "remove":
            for it in args[0]:
                self.contributions.pop(place(it), None)
        elif name == "put_grants":
            self.grants |= {(it.owner, it.key): it for it in args[0]}
        else:
            for key in args[1]:
                self.grants.pop((args[0], key), None)


def place(it):
    return it.owner, it.event_key, it.subject, it.leaf


def rows(by_key, **fields):
    """Return the rows whose fields are among some values, in the order of their keys."""
    return [
        row
        for _, row in sorted(by_key.items())
        if all(getattr(row, name) in values for name, values in fields.items())
    ]


def assert_same(port, oracle, chosen, some):
    """Expect of a port what the dictionaries have."""
    for owner in OWNERS:
        of: dict[str, Any] = {"owner": [owner]}
        assert port.runs(owner) == rows(oracle.runs, **of)
        assert port.runs(owner, chosen) == rows(oracle.runs, **of, quest=chosen)
        assert port.runs(owner, None, some) == rows(oracle.runs, **of, period=some)
        both = rows(oracle.runs, **of, quest=chosen, period=some)
        assert port.runs(owner, chosen, some) == both
        found = port.of_events(owner, chosen)
        assert found == rows(oracle.contributions, **of, event_key=chosen)
        for name in NAMES:
            to = rows(oracle.contributions, **of, subject=[name])
            to.sort(key=lambda it: (it.done_at, it.event_key, it.leaf))
            assert port.of_subject(owner, name) == to
        given = rows(oracle.grants, **of)
        assert port.grants(owner) == given
        assert port.grants(owner, chosen) == rows(oracle.grants, **of, key=chosen)
        for it in given:
            same = rows(oracle.grants, **of, kind=[it.kind], name=[it.name])
            assert port.granted(owner, it.kind, it.name) == same
    waiting = [it for it in rows(oracle.runs) if it.check_at and it.check_at <= START]
    assert port.due(START, 3) == sorted(waiting, key=lambda it: it.check_at)[:3]
    with_any = sorted({owner for owner, *_ in [*oracle.runs, *oracle.grants]})
    assert port.owners(None, 2) == with_any[:2]
    assert port.owners("a", 2) == [it for it in with_any if it > "a"]


@pytest.fixture(params=["memory", "sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def store(request):
    """A store of each kind."""
    if request.param == "memory":
        yield MemoryStore()
        return
    if request.param == "sqlite":
        engine = sqlite_engine("sqlite://")
        request.getfixturevalue("ready_sqlite")(engine)
    else:
        engine = create_engine(request.getfixturevalue("ready_postgres_url"))
    yield SqlStore(engine)
    engine.dispose()


@settings(
    max_examples=EXAMPLES,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
@given(
    st.lists(writes, min_size=3, max_size=8),
    st.lists(writes, max_size=4),
    lists,
    st.lists(periods, max_size=2),
)
def test_random_writes_of_quests_equal_those_in_dictionaries(store, kept, undone, chosen, some):
    oracle = Oracle()

    def work(stores):
        port = stores.port(QUESTS)
        for name, *args in kept:
            getattr(port, name)(*args)
            oracle.write(name, *args)
        with suppress(UndoneError), stores.savepoint():
            for name, *args in undone:
                getattr(port, name)(*args)
            raise UndoneError
        assert_same(port, oracle, chosen, some)
        raise UndoneError

    with pytest.raises(UndoneError):
        store.run(work, write=True, keyed=False)
