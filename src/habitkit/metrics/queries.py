"""Queries: expressions evaluated on a store of time series.

They are workflows, so that sync and async hosts share them. What computes for long is a step to the
outside too: in an async host it runs in a thread.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import frozen

from habitkit.errors import HabitKitError, InvalidInput
from habitkit.metrics.domain.durations import seconds
from habitkit.metrics.domain.evaluation import samples_of
from habitkit.metrics.domain.expressions import as_expression
from habitkit.metrics.domain.functions import KINDS, metric
from habitkit.metrics.domain.vectors import Matrix, Row, Sample, Vector
from habitkit.metrics.domain.windows import Instants, leaves, reads_of
from habitkit.metrics.errors import InvalidMetric, QueryTooLarge, QueryTooSlow, UnknownMetric
from habitkit.metrics.frames import Frames, Loaded, fitting
from habitkit.metrics.port import Reading
from habitkit.workflow import Outside

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import Literal, TypeAlias

    from habitkit.metrics.domain.expressions import Aggregate, Expression
    from habitkit.metrics.domain.series import Labels
    from habitkit.metrics.domain.windows import Leaf, Read
    from habitkit.metrics.port import AsyncSeriesStore, KnownSeries, SeriesStore
    from habitkit.workflow import Steps

    Store: TypeAlias = SeriesStore | AsyncSeriesStore
    Known: TypeAlias = Mapping[str, Sequence[KnownSeries]]

__all__ = ["QueryLimits", "query_all", "query_range"]


@frozen
class QueryLimits:
    """How much a query may take.

    Attributes:
        steps: How many instants a range may have.
        series: How many series an expression may read.
        timeout_seconds: How long a query may take.
    """

    steps: int = 11_000
    series: int = 10_000
    timeout_seconds: float = 10.0


def query_all(
    store: Store,
    expressions: Sequence[Expression | str],
    at: int,
    now: int,
    *,
    elapsed: Callable[[], float],
    limits: QueryLimits = QueryLimits(),
    unknown: Literal["error", "empty"] = "empty",
) -> Steps[list[Vector | HabitKitError]]:
    """Evaluate expressions at one instant; each span of time is read once for all of them.

    Args:
        store: Where the points are.
        expressions: The expressions; the name of a gauge is one too.
        at: When, in seconds since 1970.
        now: The present, in seconds since 1970.
        elapsed: How many seconds all this took so far.
        limits: How much it may take.
        unknown: Whether a metric that nobody has recorded is an error, or has no samples.

    Returns:
        For each expression what it returned, or the error for which it returned nothing: a
        ``QueryError`` or an ``InvalidInput``.

    Raises:
        SeriesUnavailable: If the store cannot be reached.
    """
    query = _Query(expressions, Instants(at, at), now, limits, elapsed)
    yield from query.load(store, report_unknown=unknown == "error")
    found: list[Vector | HabitKitError] = yield Outside(query.vectors, ())
    return found


def query_range(
    store: Store,
    expression: Expression | str,
    start: int,
    end: int,
    step: str | int,
    now: int,
    *,
    elapsed: Callable[[], float],
    limits: QueryLimits = QueryLimits(),
) -> Steps[Matrix]:
    """Evaluate an expression at several instants; its points are read once.

    Args:
        store: Where the points are.
        expression: The expression, or the name of a gauge.
        start: The first instant, in seconds since 1970.
        end: The last one, or a time before the next one.
        step: The time between two of them, as a text or in seconds.
        now: The present, in seconds since 1970.
        elapsed: How many seconds all this took so far.
        limits: How much it may take.

    Raises:
        InvalidMetric: If an argument is not acceptable, or the expression cannot be evaluated.
        QueryTooLarge: If there are too many instants or series.
        QueryTooSlow: If there was not enough time.
        SeriesUnavailable: If the store cannot be reached.
        UnknownMetric: If nobody has recorded a metric in it.
    """
    length = seconds(step, "step")
    if start > end:
        raise InvalidMetric("end", given=end, expected=f"an instant at or after start, {start}")
    count = (end - start) // length + 1
    if count > limits.steps:
        msg = (
            f"the query has {count} steps, and {limits.steps} are allowed; "
            "ask for a longer step or a shorter time"
        )
        raise QueryTooLarge(msg)
    query = _Query([expression], Instants(start, end, length), now, limits, elapsed)
    yield from query.load(store, report_unknown=True)
    found: Matrix = yield Outside(query.matrix, ())
    return found


class _Query:
    """Expressions on their way to results."""

    def __init__(
        self,
        expressions: Sequence[Expression | str],
        instants: Instants,
        now: int,
        limits: QueryLimits,
        elapsed: Callable[[], float],
    ) -> None:
        self._instants = instants
        self._now = now
        self._limits = limits
        self._elapsed = elapsed
        self._errors: dict[int, HabitKitError] = {}
        self._expressions: dict[int, Expression] = {}
        self._leaves: dict[int, list[Leaf]] = {}
        self._series: dict[str, list[KnownSeries]] = {}
        self._ids: dict[str, list[int]] = {}
        self._fits: dict[object, list[KnownSeries]] = {}
        self._reads: dict[str, tuple[Read, ...]] = {}
        self._loaded: dict[Read, Loaded] = {}
        self._count = len(expressions)
        for place, given in enumerate(expressions):
            try:
                expression = as_expression(metric(given) if isinstance(given, str) else given)
            except InvalidInput as error:
                self._errors[place] = error
            else:
                self._expressions[place] = expression
                self._leaves[place] = list(leaves(expression))

    def load(self, store: Store, *, report_unknown: bool) -> Steps[None]:
        """Read what the expressions need."""
        names = sorted({leaf.of.of.name for of_one in self._leaves.values() for leaf in of_one})
        found: Sequence[KnownSeries] = (yield Outside(store.series, (names,))) if names else ()
        known: dict[str, list[KnownSeries]] = {name: [] for name in names}
        for it in found:
            known[it.series.metric].append(it)
        if report_unknown and not all(known.values()):
            everything: Sequence[KnownSeries] = yield Outside(store.series, ((),))
            self._report_unknown(known, {it.series.metric for it in everything})
        wanted: Mapping[Read, set[int]] = yield Outside(self._plan, (known, store))
        for read, ids in wanted.items():
            reading = Reading((), read.start, read.end)
            if ids and read.start < read.end and not self._is_late():
                args = (sorted(ids), read.start, read.end, self._now, read.coarsest)
                reading = yield Outside(store.read, args)
            self._loaded[read] = yield Outside(Loaded, (read, reading, self._check))

    def vectors(self) -> list[Vector | HabitKitError]:
        """Return the results at the only instant."""
        frames, at = self._frames(), self._instants.start
        results: list[Vector | HabitKitError] = []
        for place in range(self._count):
            error = self._errors.get(place)
            results.append(error or self._vector(place, frames, at))
        return results

    def matrix(self) -> Matrix:
        """Return the results of the only expression."""
        for error in self._errors.values():
            raise error
        (expression,), (of_one,) = self._expressions.values(), self._leaves.values()
        frames, instants = self._frames(), self._instants.all
        rows: dict[Labels, list[float | None]] = {}
        for place, at in enumerate(instants):
            self._check()
            for labels, value in samples_of(expression, at, frames).items():
                if labels not in rows:
                    rows[labels] = [None] * len(instants)
                rows[labels][place] = value
        return Matrix(
            tuple(Row(labels, tuple(values)) for labels, values in sorted(rows.items())),
            tuple(instants),
            frames.collapsed(of_one),
        )

    def _report_unknown(self, known: Known, names: set[str]) -> None:
        for place, of_one in self._leaves.items():
            missing = [leaf.of.of.name for leaf in of_one if not known[leaf.of.of.name]]
            if missing:
                self._errors.setdefault(place, UnknownMetric(missing[0], sorted(names)))

    def _plan(self, known: Known, store: Store) -> dict[Read, set[int]]:
        """Return the spans to be read, and of which series."""
        wanted: dict[Read, set[int]] = {}
        for place, of_one in self._leaves.items():
            if place in self._errors:
                continue
            try:
                for leaf in of_one:
                    if leaf.key not in self._reads:
                        self._series[leaf.key] = self._fitting(leaf.of, known)
                        self._ids[leaf.key] = [it.series.id for it in self._series[leaf.key]]
                        reads = reads_of(leaf, self._instants, self._now, store.tiers)
                        self._reads[leaf.key] = reads
                self._check_series(of_one)
            except HabitKitError as error:
                self._errors[place] = error
                continue
            for leaf in of_one:
                for read in self._reads[leaf.key]:
                    wanted.setdefault(read, set()).update(self._ids[leaf.key])
        return wanted

    def _fitting(self, of: Aggregate, known: Known) -> list[KnownSeries]:
        """Return the series that a function reads; many functions read the same."""
        key = KINDS[of.function], of.of.name, of.of.where
        if key not in self._fits:
            self._fits[key] = fitting(of, known[of.of.name])
        return self._fits[key]

    def _check_series(self, of_one: Sequence[Leaf]) -> None:
        ids = [self._ids[leaf.key] for leaf in of_one]
        if sum(map(len, ids)) <= self._limits.series:
            return
        count = len(set().union(*ids))
        if count > self._limits.series:
            msg = (
                f"the query reads {count} series, and {self._limits.series} are allowed; "
                "narrow it down with where"
            )
            raise QueryTooLarge(msg)

    def _frames(self) -> Frames:
        good = [
            leaf for place, it in self._leaves.items() if place not in self._errors for leaf in it
        ]
        keys = {leaf.key for leaf in good}
        loaded = {key: [self._loaded[read] for read in self._reads[key]] for key in keys}
        return Frames(good, self._series, loaded)

    def _vector(self, place: int, frames: Frames, at: int) -> Vector | HabitKitError:
        try:
            self._check()
            samples = samples_of(self._expressions[place], at, frames)
        except HabitKitError as error:
            return error
        of_one = self._leaves[place]
        read = [self._loaded[it] for leaf in of_one for it in self._reads[leaf.key]]
        spans = [it for it in read if it.start < it.end]
        return Vector(
            tuple(Sample(*it) for it in samples.items()),
            at,
            min((it.start for it in spans), default=at),
            max((it.end for it in spans), default=at),
            frames.collapsed(of_one),
        )

    def _is_late(self) -> bool:
        return self._elapsed() > self._limits.timeout_seconds

    def _check(self) -> None:
        if self._is_late():
            msg = (
                f"the query took longer than {self._limits.timeout_seconds:g} s; ask for a shorter "
                "time, fewer series or fewer steps"
            )
            raise QueryTooSlow(msg)
