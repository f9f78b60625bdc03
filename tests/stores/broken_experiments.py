"""Stores whose experiments are broken in one place each, put to the case that has to notice.

pytest does not collect this file by itself; ``test_contracts.py`` runs it.
"""

from __future__ import annotations

from datetime import timedelta

from attrs import evolve

from habitkit.backends.memory import _experiments
from habitkit.experiments.domain.exposures import ExposureCounts
from habitkit.experiments.domain.stats.moments import Bivariate
from habitkit.experiments.store import EXPERIMENTS
from tests.stores.breaking import breaker
from tests.stores.broken_ledgers import around, not_undone

EXPECTED: list[str] = []
noticed_by = breaker(globals(), EXPECTED)

TICK = timedelta(microseconds=1)


def changing(stores, **changes):
    """Let a store measure by other queries: ``changes`` are functions of the query."""
    port = stores.port(EXPERIMENTS)

    @around(port, "_values")
    def wrong(call, query):
        return call(evolve(query, **{name: of(query) for name, of in changes.items()}))


def measuring(stores, **changes):
    """Let a store measure by other measures: ``changes`` are functions of the measure."""

    def wrong(measure):
        return measure and evolve(measure, **{name: of(measure) for name, of in changes.items()})

    changing(stores, x=lambda query: wrong(query.x), y=lambda query: wrong(query.y))


@noticed_by("test_exposures_come_back_as_they_were_in_the_order_of_experiment_and_variant")
def lists_exposures_as_they_came(_, stores):
    port = stores.port(EXPERIMENTS)
    port.exposures = lambda unit: list(port._units.get(unit, ()))


@noticed_by("test_exposures_come_back_as_they_were_in_the_order_of_experiment_and_variant")
def rounds_propensities(_, stores):
    @around(stores.port(EXPERIMENTS), "exposures")
    def wrong(call, unit):
        return [evolve(each, propensity=round(each.propensity, 9)) for each in call(unit)]


@noticed_by("test_of_one_experiment_unit_and_variant_the_least_instant_stays")
def keeps_the_first_exposure_it_gets(_, stores):
    port = stores.port(EXPERIMENTS)

    @around(port, "expose")
    def wrong(call, exposures):
        for each in exposures:
            rows = port._units.get(each.unit)
            if rows is None or (each.experiment, each.variant) not in rows:
                call([each])


@noticed_by("test_of_one_experiment_unit_and_variant_the_least_instant_stays")
def replaces_an_exposure_of_the_same_instant(_, stores):
    port = stores.port(EXPERIMENTS)

    @around(port, "expose")
    def wrong(call, exposures):
        for each in exposures:
            call([each])
            place = each.experiment, each.variant
            if port._units[each.unit].rows[place].at == each.at:
                port._units[each.unit].put(place, each)


@noticed_by("test_of_one_experiment_unit_and_variant_the_least_instant_stays")
def moves_the_instant_alone(_, stores):
    port = stores.port(EXPERIMENTS)

    @around(port, "expose")
    def wrong(call, exposures):
        for each in exposures:
            rows = port._units.get(each.unit)
            stored = None if rows is None else rows.get((each.experiment, each.variant))
            call([each if stored is None else evolve(stored, at=each.at)])


@noticed_by("test_an_undone_write_leaves_nothing_of_exposures")
def exposes_for_good(_, stores):
    @around(stores.port(EXPERIMENTS), "expose")
    def wrong(call, exposures):
        with not_undone(stores):
            call(exposures)


@noticed_by("test_forgetting_deletes_the_exposures_of_one_unit")
def forgets_everybodys_exposures(_, stores):
    port = stores.port(EXPERIMENTS)

    @around(port, "forget")
    def wrong(call, unit):
        return {each: call(each) for each in list(port._units)}.get(unit, 0)


@noticed_by("test_units_are_counted_by_variant_and_version_and_those_of_several_apart")
def counts_later_exposures(_, stores):
    @around(stores.port(EXPERIMENTS), "counts")
    def wrong(call, experiment, as_of):
        return call(experiment, as_of + timedelta(days=300))


@noticed_by("test_units_are_counted_by_variant_and_version_and_those_of_several_apart")
def counts_no_units_of_several(_, stores):
    @around(stores.port(EXPERIMENTS), "counts")
    def wrong(call, experiment, as_of):
        return ExposureCounts(call(experiment, as_of).arms, 0)


@noticed_by("test_only_units_that_have_seen_one_variant_by_then_are_measured")
def measures_units_of_several_variants(_, stores):
    port = stores.port(EXPERIMENTS)

    @around(port, "_seen")
    def wrong(call, unit, experiment, as_of):
        return call(unit, experiment, as_of)[:1]


@noticed_by("test_groups_come_in_the_order_of_variant_and_version")
def lists_groups_by_version(_, stores):
    @around(stores.port(EXPERIMENTS), "moments")
    def wrong(call, query):
        return sorted(call(query), key=lambda group: group.version)


@noticed_by("test_order_statistics_are_the_values_at_ranks_of_all_versions_of_a_variant")
def ranks_from_zero(_, stores):
    @around(stores.port(EXPERIMENTS), "order_statistics")
    def wrong(call, query, ranks):
        return call(query, {arm: [max(n - 1, 1) for n in it] for arm, it in ranks.items()})


@noticed_by("test_overlaps_count_the_units_of_each_pair_of_experiments")
def counts_no_experiment_with_itself(_, stores):
    @around(stores.port(EXPERIMENTS), "overlaps")
    def wrong(call, as_of):
        return [each for each in call(as_of) if each.first != each.second]


@noticed_by("test_cells_measure_the_units_of_one_variant_of_each_of_two_experiments")
def measures_cells_by_the_first_other_variant(_, stores):
    @around(stores.port(EXPERIMENTS), "_seen")
    def wrong(call, unit, experiment, as_of):
        return call(unit, experiment, as_of)[: 1 if experiment == "o" else None]


@noticed_by("test_each_kind_of_measure_counts_the_events_of_its_type_and_a_unit_without_any_is_0")
def leaves_out_units_without_events(_, stores):
    @around(stores.port(EXPERIMENTS), "_values")
    def wrong(call, query):
        return [each for each in call(query) if each.pair and each.pair[0]]


@noticed_by("test_a_window_has_its_beginning_and_not_its_end")
def begins_after_the_exposure(_, stores):
    measuring(stores, start_seconds=lambda measure: measure.start_seconds + 1)


@noticed_by("test_a_window_has_its_beginning_and_not_its_end")
def includes_the_end(_, stores):
    scaled = _experiments._microseconds

    @around(stores.port(EXPERIMENTS), "_measured")
    def wrong(call, exposure, query):
        _experiments._microseconds = lambda delta: scaled(delta) - (delta > timedelta(0))
        try:
            return call(exposure, query)
        finally:
            _experiments._microseconds = scaled


@noticed_by("test_events_after_the_instant_of_the_analysis_do_not_count")
def includes_later_events(_, stores):
    @around(stores.port(EXPERIMENTS), "_measured")
    def wrong(call, exposure, query):
        return call(exposure, evolve(query, as_of=query.as_of + TICK))


@noticed_by("test_a_larger_number_of_a_unit_counts_as_the_cap")
def has_no_caps(_, stores):
    measuring(stores, cap=lambda _: None)


@noticed_by("test_a_larger_number_of_a_unit_counts_as_the_cap")
def caps_each_event(_, stores):
    @around(stores.port(EXPERIMENTS)._events, "last")
    def wrong(call, owner, types):
        def small(event):
            return evolve(event, fields={**event.fields, "amount": 1})

        return [small(event) for event in call(owner, types)]


@noticed_by("test_values_that_are_no_numbers_are_left_out_and_counted")
def takes_booleans_for_numbers(_, stores):
    @around(stores.port(EXPERIMENTS)._events, "last")
    def wrong(call, owner, types):
        def number(value):
            return int(value) if isinstance(value, bool) else value

        return [
            evolve(event, fields={name: number(it) for name, it in event.fields.items()})
            for event in call(owner, types)
        ]


@noticed_by("test_values_that_are_no_numbers_are_left_out_and_counted")
def counts_no_values_that_are_left_out(_, stores):
    @around(stores.port(EXPERIMENTS), "moments")
    def wrong(call, query):
        return [evolve(group, not_numbers=0) for group in call(query)]


@noticed_by("test_an_event_is_left_out_once_of_two_measures_that_sum_it")
def counts_what_is_left_out_by_measure(_, stores):
    @around(stores.port(EXPERIMENTS), "_measured")
    def wrong(call, exposure, query):
        value = call(exposure, query)
        parts = [call(exposure, evolve(query, x=it, y=None)) for it in (query.x, query.y) if it]
        return evolve(value, not_numbers=sum(part.not_numbers for part in parts))


@noticed_by("test_units_whose_exposure_is_too_recent_are_left_out_and_counted")
def measures_all_units(_, stores):
    changing(stores, matures_seconds=lambda _: 0)


@noticed_by("test_an_event_with_a_key_counts_if_it_is_the_last_of_its_owner_and_key")
def measures_what_was_retracted(_, stores):
    events = stores.port(EXPERIMENTS)._events

    @around(events, "last")
    def wrong(call, owner, types):
        return [event for event in events.page(owner, None, 10**6) if event.type in types]


@noticed_by("test_events_may_say_when_they_were_done")
def measures_by_the_instant_of_events(_, stores):
    measuring(stores, by_done_at=lambda _: False)


@noticed_by("test_two_measures_of_a_unit_are_one_pair")
def loses_the_covariance(_, stores):
    @around(stores.port(EXPERIMENTS), "moments")
    def wrong(call, query):
        return [evolve(it, moments=evolve(it.moments, Cxy=0.0)) for it in call(query)]


@noticed_by("test_the_squares_of_large_numbers_do_not_cancel")
def keeps_sums_of_squares(_, stores):
    def of(pairs):
        n, sx, sy = len(pairs), sum(x for x, _ in pairs), sum(y for _, y in pairs)
        squares = [sum(it) for it in zip(*((x * x, y * y, x * y) for x, y in pairs), strict=True)]
        products = (sx * sx, sy * sy, sx * sy)
        return Bivariate(
            n, sx / n, sy / n, *(a - b / n for a, b in zip(squares, products, strict=True))
        )

    @around(stores.port(EXPERIMENTS), "moments")
    def wrong(call, query):
        pairs = [value.pair for value in stores.port(EXPERIMENTS)._values(query)]
        size = len(pairs) // 3
        return [
            evolve(group, moments=of(pairs[n * size : (n + 1) * size]))
            for n, group in enumerate(call(query))
        ]
