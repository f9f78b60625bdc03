"""``ExperimentsContract``: the guarantees of a store that keeps experiments."""
# ruff: noqa: PLR2004, S101 - tests compare plain numbers and assert

from __future__ import annotations

from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING

from attrs import evolve

from habitkit.experiments.domain.exposures import ArmCount, ExposureCounts, Overlap
from habitkit.experiments.store import EXPERIMENTS
from habitkit.testing.contracts._base import Contract, write
from habitkit.testing.contracts._experiment_measures import MeasureCases
from habitkit.testing.contracts._sample_exposures import (
    DAY,
    LATER,
    QUERY,
    TICK,
    bought,
    cells,
    counts,
    expose,
    exposed,
    exposures,
    groups,
    log,
    moments,
    overlaps,
    ranked,
    same_moments,
)
from habitkit.testing.contracts._sample_facts import NOW, STRANGE_TEXTS
from habitkit.testing.contracts._threads import THREADS, all_of

if TYPE_CHECKING:
    from habitkit.experiments.domain.exposures import Exposure
    from habitkit.experiments.domain.stats.moments import Bivariate
    from habitkit.store import Store, Stores

__all__ = ["ExperimentDriverCases", "ExperimentsContract"]

LARGEST = 2**63 - 1
LONGEST = "\U0001f3c3" * 200
NAMES = (*STRANGE_TEXTS, LONGEST, "NULL", "{}", "")


class ExperimentDriverCases(Contract):
    """Part of ``ExperimentsContract``: what a driver can break: values, transactions, races."""

    def test_exposures_come_back_as_they_were_in_the_order_of_experiment_and_variant(
        self, store: Store
    ) -> None:
        at = NOW.replace(microsecond=123_456)
        propensities = (0.1 + 0.2, 1 / 3, 1.0, 5e-324, 1e-7)
        given = [
            *(exposed("ada", name, experiment=name, at=at) for name in NAMES),
            *(exposed("ada", f"{p}", experiment="p", propensity=p) for p in propensities),
            exposed("ada", "b", version=LARGEST, at=at + TICK),
            exposed("ada", "a"),
        ]
        others = [exposed(name) for name in NAMES]
        expose(store, *reversed(given), *others)

        assert exposures(store, "ada") == sorted(given, key=_place)
        assert [exposures(store, name) for name in NAMES] == [[each] for each in others]
        assert exposures(store, "nobody") == []

    def test_of_one_experiment_unit_and_variant_the_least_instant_stays(self, store: Store) -> None:
        first = exposed("ada", version=3, propensity=0.25)
        same = exposed("ada", version=4)
        before, after = (exposed("ada", version=n, at=NOW + n * TICK) for n in (-1, 1))
        others = [exposed("ada", "b", at=NOW - DAY), exposed("ada", experiment="x", at=NOW - DAY)]
        seen = []
        for given in ([after, first, same], [same, after], [], [after, before, first], [before]):
            expose(store, *given)
            seen.append(exposures(store, "ada"))

        assert seen == [[first], [first], [first], [before], [before]]
        expose(store, first, *others, exposed("bob", at=NOW - DAY))
        assert exposures(store, "ada") == [before, *others]

    def test_thousands_are_exposed_at_once(self, store: Store) -> None:
        given = [
            exposed(f"unit {n % 1500}", "ab"[n % 2], at=NOW - n * TICK, version=n)
            for n in range(3000)
        ]

        expose(store, *given)

        assert counts(store).several == 0
        assert sum(arm.units for arm in counts(store).arms) == 1500
        assert exposures(store, "unit 7") == [given[1507]]

    def test_an_undone_write_leaves_nothing_of_exposures(self, store: Store) -> None:
        expose(store, exposed("ada"), exposed("bob"))
        before = [exposures(store, unit) for unit in ("ada", "bob", "cyd")]

        def work(stores: Stores) -> None:
            with suppress(ZeroDivisionError), stores.savepoint():
                port = stores.port(EXPERIMENTS)
                port.expose([exposed("ada", at=NOW - TICK), exposed("cyd"), exposed("bob", "b")])
                port.forget("bob")
                raise ZeroDivisionError
            assert [
                stores.port(EXPERIMENTS).exposures(unit) for unit in ("ada", "bob", "cyd")
            ] == before

        write(store, work)
        assert [exposures(store, unit) for unit in ("ada", "bob", "cyd")] == before

    def test_writers_that_expose_the_same_units_at_once_leave_one_exposure_of_each(
        self, store: Store
    ) -> None:
        units = [f"unit {n}" for n in range(20)]

        def write_all(thread: int) -> None:
            given = [exposed(unit, version=thread, at=NOW - thread * TICK) for unit in units]
            expose(store, *(given if thread % 2 else reversed(given)))

        all_of([partial(write_all, thread) for thread in range(THREADS)])

        last = THREADS - 1
        assert [exposures(store, unit) for unit in units] == [
            [exposed(unit, version=last, at=NOW - last * TICK)] for unit in units
        ]
        assert counts(store) == ExposureCounts((ArmCount("a", last, 20),), 0)

    def test_the_measured_units_are_those_of_the_open_transaction_too(self, store: Store) -> None:
        def work(stores: Stores) -> list[Bivariate]:
            port = stores.port(EXPERIMENTS)
            port.expose([exposed(unit, "ab"[n % 2]) for n, unit in enumerate(NAMES)])
            return [group.moments for group in port.moments(QUERY)]

        log(store, *(bought(unit, 2**n + 0.5) for n, unit in enumerate(NAMES)))
        values = [[(2**n + 0.5, 0.0) for n in range(len(NAMES)) if n % 2 == arm] for arm in (0, 1)]
        found = write(store, work)
        for group, pairs in zip(found, values, strict=True):
            assert same_moments(group, *pairs)


class ExperimentsContract(ExperimentDriverCases, MeasureCases):
    """The guarantees of a store that supports the module ``experiments``."""

    proves = frozenset({"experiments"})

    def test_forgetting_deletes_the_exposures_of_one_unit(self, store: Store) -> None:
        expose(store, exposed("ada"), exposed("ada", "b"), exposed("ada", experiment="x"))
        expose(store, exposed("bob"))

        forgotten = [
            write(store, lambda stores: stores.port(EXPERIMENTS).forget("ada")) for _ in range(2)
        ]

        assert forgotten == [3, 0]
        assert [exposures(store, unit) for unit in ("ada", "bob")] == [[], [exposed("bob")]]
        later = exposed("ada", at=NOW + DAY)
        expose(store, later)
        assert exposures(store, "ada") == [later]

    def test_units_are_counted_by_variant_and_version_and_those_of_several_apart(
        self, store: Store
    ) -> None:
        expose(store, *(exposed(f"a{n}") for n in range(3)), exposed("v2", version=2))
        expose(store, exposed("Ä", "Ä"), exposed("both"), exposed("both", "b", at=NOW + DAY))
        expose(store, exposed("else", experiment="x"), exposed("a0", "b", experiment="x"))
        expose(store, exposed("late", "b", at=NOW + TICK))
        arms = (ArmCount("a", 1, 3), ArmCount("a", 2, 1))
        strange = ArmCount("Ä", 1, 1)
        early = ExposureCounts((ArmCount("a", 1, 4), arms[1], strange), 0)

        assert counts(store) == ExposureCounts((*arms, ArmCount("b", 1, 1), strange), 1)
        assert counts(store, NOW) == early
        assert (
            counts(store, NOW - TICK) == counts(store, experiment="none") == ExposureCounts((), 0)
        )

    def test_an_experiment_without_units_has_no_groups(self, store: Store) -> None:
        log(store, bought("ada"))
        expose(store, exposed("ada", experiment="x"), exposed("bob", at=LATER + TICK))
        expose(store, exposed("cyd"), exposed("cyd", "b"))

        assert moments(store) == []
        assert cells(store, "x") == []
        assert ranked(store, {}) == {}
        assert ranked(store, {"a": []}) == {"a": []}

    def test_only_units_that_have_seen_one_variant_by_then_are_measured(self, store: Store) -> None:
        expose(store, exposed("ada"), exposed("bob", "b"), exposed("bob"), exposed("cyd"))
        expose(store, exposed("cyd", "b", at=NOW + DAY), exposed("dan", at=NOW + DAY))
        expose(store, exposed("bob", experiment="x"), exposed("ada", "b", experiment="x"))
        log(store, *(bought(who, 2**n, at=NOW) for n, who in enumerate(["ada", "bob", "cyd"])))
        log(store, bought("dan", 8, at=NOW + DAY))

        (group,) = moments(store)
        assert same_moments(group.moments, (1, 0), (8, 0))
        (group,) = moments(store, evolve(QUERY, as_of=NOW + DAY - TICK))
        assert same_moments(group.moments, (1, 0), (4, 0))
        (group,) = moments(store, evolve(QUERY, as_of=NOW + DAY))
        assert same_moments(group.moments, (1, 0), (8, 0))

    def test_groups_come_in_the_order_of_variant_and_version(self, store: Store) -> None:
        arms = [("Ä", 1), ("b", 10), ("b", 9), ("B", 1), ("a", 2)]
        expose(store, *(exposed(f"{arm}", arm[0], version=arm[1]) for arm in arms))

        assert groups(store) == sorted(arms)

    def test_order_statistics_are_the_values_at_ranks_of_all_versions_of_a_variant(
        self, store: Store
    ) -> None:
        values = [5, 1, 1, 0, -2.5, 1e9]
        for n, value in enumerate(values):
            expose(store, exposed(f"a{n}", version=n), exposed(f"b{n}", "b"))
            log(store, bought(f"a{n}", value), bought(f"b{n}", -value))
        expose(store, exposed("young", at=LATER), exposed("both"), exposed("both", "b"))
        query = evolve(QUERY, matures_seconds=1)
        ordered = sorted(map(float, values))

        assert ranked(store, {"a": range(1, 7), "b": [6, 1, 6]}, query) == {
            "a": ordered,
            "b": [2.5, -1e9, 2.5],
        }
        assert ranked(store, {"a": [1], "b": []}, query) == {"a": [-2.5], "b": []}

    def test_overlaps_count_the_units_of_each_pair_of_experiments(self, store: Store) -> None:
        expose(store, *(exposed(f"{n}", experiment="b") for n in range(4)))
        expose(store, *(exposed(f"{n}", experiment="Ä") for n in range(2)))
        expose(store, exposed("0", experiment="B", at=NOW + DAY), exposed("z", experiment="Z"))
        expose(store, exposed("0", "second", experiment="b"), exposed("3", "c", experiment="Ä"))
        early = [
            *(Overlap("Z", "Z", 1), Overlap("b", "b", 4)),
            *(Overlap("b", "Ä", 3), Overlap("Ä", "Ä", 3)),
        ]

        assert overlaps(store, NOW) == early
        assert overlaps(store) == [
            *(Overlap("B", "B", 1), Overlap("B", "b", 1), Overlap("B", "Ä", 1)),
            *early,
        ]
        assert overlaps(store, NOW - TICK) == []

    def test_cells_measure_the_units_of_one_variant_of_each_of_two_experiments(
        self, store: Store
    ) -> None:
        seen = {"ada": "xa", "bob": "xa", "cyd": "ya", "dan": "xb", "eve": "a", "fay": "xya"}
        for n, (unit, variants) in enumerate(seen.items()):
            others = [exposed(unit, it, experiment="o", at=NOW + DAY) for it in variants[:-1]]
            expose(store, exposed(unit, variants[-1], version=n), *others)
            log(store, bought(unit, 2**n, at=NOW + TICK))
        expose(store, exposed("both", "x", experiment="o"), exposed("both"), exposed("both", "b"))
        expose(store, exposed("young", "b", at=LATER), exposed("young", "y", experiment="o"))

        first, second, third = cells(store, "o", evolve(QUERY, matures_seconds=1))

        assert [(it.variant, it.other) for it in (first, second, third)] == [
            *(("a", "x"), ("a", "y"), ("b", "x"))
        ]
        assert same_moments(first.moments, (1, 0), (2, 0))
        assert same_moments(second.moments, (4, 0))
        assert same_moments(third.moments, (8, 0))
        assert cells(store, "o", evolve(QUERY, as_of=NOW + DAY - TICK)) == []
        assert cells(store, "none") == []


def _place(exposure: Exposure) -> tuple[str, str]:
    return exposure.experiment, exposure.variant
