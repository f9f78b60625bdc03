"""Statistics of random exposures and events equal those of a naive count, on every backend."""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, datetime, timedelta, timezone
from fractions import Fraction
from math import sqrt
from operator import attrgetter
from typing import Any

import pytest
from attrs import frozen
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import create_engine

from habitkit.backends.memory import MemoryStore
from habitkit.backends.sqlalchemy import SqlStore, sqlite_engine
from habitkit.events import Event, Recorded, Retracted
from habitkit.experiments.domain.exposures import ArmCount, Exposure, ExposureCounts, Overlap
from habitkit.experiments.domain.measures import Measure, MomentsQuery
from habitkit.experiments.domain.stats.moments import Bivariate
from habitkit.experiments.store import EXPERIMENTS
from habitkit.journal.domain.model import EventRow

START = datetime(2026, 1, 1, 8, tzinfo=UTC)
MICROSECONDS = [-86_400_000_000, -60_000_000, -1, 0, 1, 59_999_999, 60_000_000, 60_000_001]
AFTER = 86_400_000_000
ZONE = timezone(timedelta(hours=-3, minutes=-30))
UNITS = ["ada", "bob", "cyd", "dan", "eve"]
EXAMPLES = 25


class UndoneError(Exception):
    """Ends the transaction of an example."""


@frozen
class Keyed(Event):
    """An event of a host with any fields, and a key or none."""

    name: str
    given: str | None
    amount: Any
    done_at: Any

    @property
    def type(self) -> str:
        """The type it is recorded under."""
        return self.name

    @property
    def key(self) -> str | None:
        """The key."""
        return self.given


instants = st.sampled_from(MICROSECONDS).map(lambda it: START + timedelta(microseconds=it))
dyadic = st.integers(-(2**20), 2**20).map(lambda it: it / 8)
amounts = st.one_of(
    dyadic,
    st.integers(-1000, 1000),
    st.sampled_from([1e9, 1e12 + 0.5, -1e12, 2**40]),
    st.sampled_from([True, None, "5", [1], {"n": 1}]),
)
done = st.one_of(
    st.none(),
    st.none(),
    instants.map(lambda it: it.isoformat()),
    instants.map(lambda it: it.astimezone(ZONE).isoformat()),
    st.sampled_from(["soon", 5]),
)
keys = st.sampled_from([None, None, "k1", "k2"])
events = st.one_of(
    st.builds(Keyed, st.sampled_from(UNITS), instants, st.sampled_from("xxy"), keys, amounts, done),
    st.builds(
        Recorded,
        st.sampled_from(UNITS),
        instants,
        st.sampled_from("xy"),
        st.dictionaries(st.sampled_from(["amount", "other"]), amounts),
    ),
    st.builds(
        Retracted, st.sampled_from(UNITS), instants, st.just("x"), st.sampled_from(["k1", "k2"])
    ),
)
exposures = st.builds(
    Exposure,
    st.sampled_from("eeef"),
    st.sampled_from(UNITS),
    st.sampled_from("aaab"),
    st.integers(1, 2),
    st.just(0.5),
    instants,
)
measures = st.builds(
    Measure,
    st.sampled_from("xxy"),
    st.sampled_from(["sum", "sum", "count", "any"]),
    st.just("amount"),
    st.sampled_from([0, 0, -60, 60, -90_000, 1]),
    st.sampled_from([None, 0, 60, 61, 90_000]),
    st.sampled_from([None, None, 1, 2.5, 1e9]),
    st.booleans(),
)
queries = st.builds(
    MomentsQuery,
    st.just("e"),
    st.sampled_from([0, 1, 60_000_000, 60_000_001, AFTER]).map(
        lambda it: START + timedelta(microseconds=it)
    ),
    measures,
    st.none() | measures,
    st.sampled_from([0, 0, 60, 86_400]),
)


# -- the oracle: the sentences of the port, one after the other -----------------------------------


class Oracle:
    """Counts everything anew, in fractions."""

    def __init__(self, given, log):
        self.log = list(enumerate(log))
        self.seen: dict[tuple[str, str, str], Exposure] = {}
        for each in given:
            place = each.experiment, each.unit, each.variant
            if place not in self.seen or each.at < self.seen[place].at:
                self.seen[place] = each

    def alone(self, experiment, as_of):
        """Return the units that have seen one variant, and how many have seen several."""
        of_unit = defaultdict(list)
        for each in self.seen.values():
            if each.experiment == experiment and each.at <= as_of:
                of_unit[each.unit].append(each)
        ones = {unit: each[0] for unit, each in of_unit.items() if len(each) == 1}
        return ones, len(of_unit) - len(ones)

    def net(self, owner, kind):
        """Return the net events of a type, by number."""
        own = [(n, event) for n, event in self.log if event.owner == owner]
        return [
            (n, event)
            for n, event in own
            if event.type == kind
            and (event.key is None or not any(m > n and it.key == event.key for m, it in own))
        ]

    def number(self, exposure, measure, as_of):
        """Return the number of a unit, and the events that were left out."""
        inside, total, left_out = 0, Fraction(), set()
        for n, event in self.net(exposure.unit, measure.event):
            fields = (
                event.fields
                if isinstance(event, Recorded)
                else {
                    "amount": event.amount,
                    "done_at": event.done_at,
                }
            )
            written = fields.get("done_at") if measure.by_done_at else None
            at = event.at
            if isinstance(written, str) and written != "soon":
                at = datetime.fromisoformat(written)
            start = exposure.at + timedelta(seconds=measure.start_seconds)
            if at < start or at > as_of:
                continue
            end = measure.end_seconds
            if end is not None and at >= exposure.at + timedelta(seconds=end):
                continue
            value = fields.get(measure.field)
            if measure.kind != "sum":
                inside += 1
            elif isinstance(value, (int, float)) and not isinstance(value, bool):
                total += Fraction(value)
            else:
                left_out.add(n)
        if measure.kind == "any":
            total = Fraction(bool(inside))
        elif measure.kind == "count":
            total = Fraction(inside)
        return total if measure.cap is None else min(total, Fraction(measure.cap)), left_out

    def values(self, query):
        """Return each unit's exposure, pair, and how many of its events were left out."""
        for exposure in self.alone(query.experiment, query.as_of)[0].values():
            if exposure.at > query.as_of - timedelta(seconds=query.matures_seconds):
                yield exposure, None, 0
                continue
            x, left_out = self.number(exposure, query.x, query.as_of)
            y = Fraction()
            if query.y is not None:
                y, more = self.number(exposure, query.y, query.as_of)
                left_out |= more
            yield exposure, (x, y), len(left_out)

    def moments(self, query):
        """Return what the store is to return, by group."""
        groups: dict[tuple[str, int], list[Any]] = defaultdict(lambda: [[], 0, 0])
        for exposure, pair, left_out in self.values(query):
            group = groups[exposure.variant, exposure.version]
            group[0] += [] if pair is None else [pair]
            group[1] += pair is None
            group[2] += left_out
        return dict(groups)

    def cells(self, query, other):
        """Return pairs by the variants of two experiments."""
        also = self.alone(other, query.as_of)[0]
        cells = defaultdict(list)
        for exposure, pair, _ in self.values(query):
            if pair is not None and exposure.unit in also:
                cells[exposure.variant, also[exposure.unit].variant].append(pair)
        return dict(cells)

    def counts(self, experiment, as_of):
        """Return the counts of units."""
        ones, several = self.alone(experiment, as_of)
        arms = sorted((each.variant, each.version) for each in ones.values())
        return ExposureCounts(
            tuple(ArmCount(*arm, arms.count(arm)) for arm in sorted(set(arms))), several
        )

    def overlaps(self, as_of):
        """Return the counts of units of pairs of experiments."""
        seen = {(it.experiment, it.unit) for it in self.seen.values() if it.at <= as_of}
        names = sorted({name for name, _ in seen})
        pairs = [(a, b) for a in names for b in names if a <= b]
        units = {pair: sum({(it, unit) for it in pair} <= seen for unit in UNITS) for pair in pairs}
        return [Overlap(*pair, count) for pair, count in units.items() if count]


def exact(pairs):
    """Return the moments of pairs of fractions."""
    n = len(pairs)
    if not n:
        return Bivariate()
    mx, my = sum(x for x, _ in pairs) / n, sum(y for _, y in pairs) / n
    products = (
        sum((x - mx) ** 2 for x, _ in pairs),
        sum((y - my) ** 2 for _, y in pairs),
        sum((x - mx) * (y - my) for x, y in pairs),
    )
    return Bivariate(n, float(mx), float(my), *map(float, products))


def assert_same(found, pairs):
    """Expect moments to 1e-9 of those of pairs; a covariance is small beside its variances."""
    expected = exact(pairs)
    assert found.n == expected.n
    scale = max((abs(float(it)) for pair in pairs for it in pair), default=0.0)
    for name in ("mx", "my"):
        difference = abs(getattr(found, name) - getattr(expected, name))
        assert difference <= 1e-15 * scale + 1e-9 * abs(getattr(expected, name)), name
    assert found.Mxx == pytest.approx(expected.Mxx, rel=1e-9)
    assert found.Myy == pytest.approx(expected.Myy, rel=1e-9)
    limit = 1e-9 * (sqrt(expected.Mxx * expected.Myy) or 1e-9)
    assert found.Cxy == pytest.approx(expected.Cxy, rel=1e-9, abs=limit)


def assert_all_same(port, oracle, query):
    """Expect a port to return what the oracle counts."""
    assert port.counts("e", query.as_of) == oracle.counts("e", query.as_of)
    assert port.overlaps(query.as_of) == oracle.overlaps(query.as_of)
    expected = oracle.moments(query)
    found = port.moments(query)
    assert [(it.variant, it.version) for it in found] == sorted(expected)
    for group in found:
        pairs, immature, left_out = expected[group.variant, group.version]
        assert (group.immature, group.not_numbers) == (immature, left_out)
        assert_same(group.moments, pairs)
    cells = oracle.cells(query, "f")
    found_cells = port.cells(query, "f")
    assert [(it.variant, it.other) for it in found_cells] == sorted(cells)
    for cell in found_cells:
        assert_same(cell.moments, cells[cell.variant, cell.other])
    ordered = {
        arm: sorted(
            float(x) for (it, _), (pairs, *_) in expected.items() if it == arm for x, _ in pairs
        )
        for arm in "ab"
    }
    ranks = {arm: range(1, len(values) + 1) for arm, values in ordered.items()}
    assert port.order_statistics(query, ranks) == ordered


def write_all(stores, given, log):
    """Store exposures and events; each event is a revision of its own."""
    stores.port(EXPERIMENTS).expose(given)
    rows = [EventRow(n + 1, 0, event, deliver=False) for n, event in enumerate(log)]
    stores.events.append(rows)


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
    st.lists(exposures, min_size=3, max_size=12),
    st.lists(events, max_size=30),
    st.lists(queries, min_size=3, max_size=3),
)
def test_statistics_of_random_events_equal_a_naive_count(store, given, log, asked):
    oracle = Oracle(given, log)

    def work(stores):
        write_all(stores, given, log)
        for query in asked:
            assert_all_same(stores.port(EXPERIMENTS), oracle, query)
        raise UndoneError

    with pytest.raises(UndoneError):
        store.run(work, write=True, keyed=False)


def test_statistics_of_a_thousand_units_of_large_numbers_are_exact(store):
    size = 1000
    offsets = {"a": 1e9, "b": 1e12}
    given = [Exposure("e", f"{arm}{n}", arm, 1, 0.5, START) for arm in offsets for n in range(size)]
    log = [
        Recorded(f"{arm}{n}", START, "x", {"amount": offset + (n * 7919 % 13 - 6) / 4})
        for arm, offset in offsets.items()
        for n in range(size)
    ]
    log += [Recorded(each.owner, START, "y", {"amount": n % 5}) for n, each in enumerate(log)]
    query = MomentsQuery(
        "e", START + timedelta(days=1), Measure("x", "sum", "amount"), Measure("y", "sum", "amount")
    )
    values = [
        (Fraction(log[n].fields["amount"]), Fraction(log[n + 2 * size].fields["amount"]))
        for n in range(2 * size)
    ]

    def work(stores):
        write_all(stores, given, log)
        return stores.port(EXPERIMENTS).moments(query)

    found = sorted(store.run(work, write=True, keyed=False), key=attrgetter("variant"))

    for n, group in enumerate(found):
        assert_same(group.moments, values[n * size : (n + 1) * size])
        assert 0.8 < group.moments.x.variance < 1.2
    assert len(found) == len(offsets)
