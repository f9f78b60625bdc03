"""Contract of experiments: which events of a unit are measured, and the moments of the units."""
# ruff: noqa: PLR2004, S101 - tests compare plain numbers and assert

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

from attrs import evolve

from habitkit.experiments.domain.measures import Measure
from habitkit.testing.contracts._base import Contract
from habitkit.testing.contracts._sample_exposures import (
    AMOUNT,
    DAY,
    LATER,
    QUERY,
    TICK,
    bought,
    expose,
    exposed,
    groups,
    log,
    measured,
    moments,
    recorded,
    returned,
    same_moments,
)
from habitkit.testing.contracts._sample_facts import NOW, STRANGE_TEXTS, Placed, event_row
from habitkit.testing.contracts._threads import all_of

if TYPE_CHECKING:
    from habitkit.store import Store

__all__ = ["MeasureCases"]

MINUTE = timedelta(minutes=1)
COUNT = Measure("Bought", "count")
ANY = Measure("Bought", "any")
BY_DONE_AT = evolve(AMOUNT, by_done_at=True)
NO_NUMBERS = ["5", "", True, False, None, [], [1], {}, {"amount": 1}]


class MeasureCases(Contract):
    """Part of ``ExperimentsContract``: measures of units, and their moments."""

    def test_each_kind_of_measure_counts_the_events_of_its_type_and_a_unit_without_any_is_0(
        self, store: Store
    ) -> None:
        expose(store, exposed("ada"), exposed("bob"), exposed("cyd", "b"))
        log(store, bought("ada", 2), bought("ada", 0.5), bought("cyd", -3), bought("eve", 64))
        log(store, event_row("ada", 0, amount=9).event, event_row("bob", 0, amount=9).event)

        for measure, values in ((AMOUNT, (2.5, 0, -3)), (COUNT, (2, 0, 1)), (ANY, (1, 0, 1))):
            first, second = moments(store, evolve(QUERY, x=measure))
            assert same_moments(first.moments, *[(it, 0) for it in values[:2]])
            assert same_moments(second.moments, (values[2], 0))
            assert (first.immature, first.not_numbers) == (0, 0)

    def test_a_window_has_its_beginning_and_not_its_end(self, store: Store) -> None:
        at = NOW.replace(microsecond=999_999)
        expose(store, exposed("ada", at=at))
        edges = {-60: 1, 0: 16, 60: 256}
        for seconds, value in edges.items():
            edge = at + timedelta(seconds=seconds)
            log(store, bought("ada", value, at=edge), bought("ada", value * 2, at=edge - TICK))
        windows: dict[tuple[int, int | None], int] = {
            (-60, 0): 1 + 32,
            (-60, None): 1 + 32 + 16 + 512 + 256,
            (-61, -60): 2,
            (0, 60): 16 + 512,
            (0, 61): 16 + 512 + 256,
            (60, None): 256,
            (60, 61): 256,
            (0, 0): 0,
            (-(10**13), 0): 1 + 2 + 32,
            (-(10**13), 10**13): sum(edges.values()) * 3,
            (10**13, None): 0,
            (-(10**13), -(10**12)): 0,
        }

        found = {it: measured(store, _window(AMOUNT, *it)) for it in windows}

        assert found == windows
        assert measured(store, _window(COUNT, -60, 0)) == 2
        assert measured(store, _window(ANY, 10**13, None)) == 0

    def test_events_after_the_instant_of_the_analysis_do_not_count(self, store: Store) -> None:
        as_of = NOW + MINUTE
        expose(store, exposed("ada"))
        log(store, bought("ada", 1, at=as_of), bought("ada", 2, at=as_of + TICK))

        assert measured(store, AMOUNT, as_of=as_of) == 1
        assert measured(store, AMOUNT, as_of=as_of + TICK) == 3
        assert measured(store, _window(AMOUNT, 0, 600), as_of=as_of) == 1

    def test_a_larger_number_of_a_unit_counts_as_the_cap(self, store: Store) -> None:
        expose(store, exposed("ada"), exposed("bob"), exposed("cyd"))
        log(store, *(bought("ada", it) for it in (3, -1, 3)), bought("bob", 4.25))

        (group,) = moments(store, evolve(QUERY, x=evolve(AMOUNT, cap=4.5)))
        assert same_moments(group.moments, (4.5, 0), (4.25, 0), (0, 0))
        (group,) = moments(store, evolve(QUERY, x=COUNT, y=evolve(COUNT, cap=2)))
        assert same_moments(group.moments, (3, 2), (1, 1), (0, 0))
        (group,) = moments(store, evolve(QUERY, x=evolve(ANY, cap=0.5)))
        assert same_moments(group.moments, (0.5, 0), (0.5, 0), (0, 0))
        (group,) = moments(store, evolve(QUERY, x=evolve(AMOUNT, cap=-1)))
        assert same_moments(group.moments, (-1, 0), (-1, 0), (-1, 0))

    def test_values_that_are_no_numbers_are_left_out_and_counted(self, store: Store) -> None:
        expose(store, exposed("ada"), exposed("bob", "b"), exposed("cyd"), exposed("cyd", "b"))
        expose(store, exposed("young", "b", at=LATER))
        log(store, *(bought("ada", it) for it in (*NO_NUMBERS, 2, 0.25, -1)), recorded("ada", {}))
        log(store, bought("bob", "1", at=NOW - TICK), bought("bob", 7), bought("cyd", "1"))
        log(store, recorded("bob", {"amount": 1}), bought("young", "1", at=LATER))
        log(store, event_row("ada", 0, amount="1").event)
        query = evolve(QUERY, matures_seconds=1)

        first, second = moments(store, query)
        assert same_moments(first.moments, (1.25, 0))
        assert same_moments(second.moments, (8, 0))
        assert (first.not_numbers, second.not_numbers) == (len(NO_NUMBERS) + 1, 0)
        before = _window(AMOUNT, -60, 0)
        assert [it.not_numbers for it in moments(store, evolve(query, x=before))] == [0, 1]
        for other in (COUNT, ANY):
            assert [it.not_numbers for it in moments(store, evolve(query, x=other))] == [0, 0]

    def test_an_event_is_left_out_once_of_two_measures_that_sum_it(self, store: Store) -> None:
        expose(store, exposed("ada"))
        log(store, recorded("ada", {"a": 1, "b": "1"}), recorded("ada", {"a": "1", "b": None}))
        log(store, recorded("ada", {"a": 2, "b": 5}), recorded("ada", {}, at=NOW - TICK))
        a, b = (Measure("Bought", "sum", name) for name in "ab")

        (group,) = moments(store, evolve(QUERY, x=a, y=b))
        assert same_moments(group.moments, (3, 5))
        assert group.not_numbers == 2
        (group,) = moments(store, evolve(QUERY, x=a, y=_window(b, -1, None)))
        assert group.not_numbers == 3
        (group,) = moments(store, evolve(QUERY, x=COUNT, y=a))
        assert same_moments(group.moments, (3, 3))
        assert group.not_numbers == 1
        (group,) = moments(store, evolve(QUERY, x=evolve(a, field=None)))
        assert (group.moments.mx, group.not_numbers) == (0, 3)

    def test_a_field_may_have_any_name_and_a_number_any_size(self, store: Store) -> None:
        names = (*STRANGE_TEXTS, "", "a.b", "a[0]", "$", "$.a", "#", '"', 'a"b"', "\\", "\n", "'")
        expose(store, exposed("ada"))
        log(store, recorded("ada", {name: 2**n for n, name in enumerate(names)}))
        huge = [10**400, -(10**400), 1.5e300, 2**63, 2**63, 2**64, 5e-324, -0.0, 1e15 + 0.5]
        log(store, *(bought("ada", it) for it in huge))

        for n, name in enumerate(names):
            assert measured(store, Measure("Bought", "sum", name)) == 2**n, name
        (group,) = moments(store, evolve(QUERY, x=AMOUNT))
        assert 0.99e100 < group.moments.mx < 1.01e100
        assert group.not_numbers == 1

    def test_units_whose_exposure_is_too_recent_are_left_out_and_counted(
        self, store: Store
    ) -> None:
        expose(store, exposed("ada", at=LATER - MINUTE), exposed("bob", at=LATER - MINUTE + TICK))
        expose(store, exposed("cyd", "b", at=LATER), exposed("dan", "b", at=LATER + TICK))
        expose(store, exposed("eve", at=LATER), exposed("eve", "b"), exposed("fay", version=2))
        log(store, *(bought(who, 1, at=LATER - TICK) for who in ("ada", "bob", "cyd", "fay")))

        first, second, third = moments(store, evolve(QUERY, matures_seconds=60))

        assert groups(store) == [("a", 1), ("a", 2), ("b", 1)]
        assert same_moments(first.moments, (1, 0))
        assert same_moments(second.moments, (1, 0))
        assert same_moments(third.moments)
        assert [it.immature for it in (first, second, third)] == [1, 0, 1]
        none = moments(store, evolve(QUERY, matures_seconds=10**13))
        assert [(it.moments.n, it.immature) for it in none] == [(0, 2), (0, 1), (0, 1)]

    def test_an_event_with_a_key_counts_if_it_is_the_last_of_its_owner_and_key(
        self, store: Store
    ) -> None:
        expose(store, exposed("ada"), exposed("bob", "b"))
        log(store, *(bought("ada", 2**n, order=f"{n}") for n in range(7)), bought("ada", 128))
        log(store, returned("ada", "0"), returned("ada", "1"), returned("ada", "2", sealed=True))
        log(store, bought("ada", 256, order="1"), bought("ada", 512, order="3", at=NOW - DAY))
        log(store, bought("bob", 4, order="4"), returned("bob", "5"), bought("ada", "x", order="6"))
        log(store, returned("bob", "none"), bought("ada", 1024, order="5", at=LATER + TICK))

        first, second = moments(store)

        assert same_moments(first.moments, (16 + 128 + 256, 0))
        assert first.not_numbers == 1
        assert same_moments(second.moments, (4, 0))
        (first, second) = moments(store, evolve(QUERY, x=_window(AMOUNT, -86_400, None)))
        assert first.moments.mx == 16 + 128 + 256 + 512

    def test_the_last_event_of_a_key_may_be_of_another_type(self, store: Store) -> None:
        expose(store, exposed("ada"))
        log(store, bought("ada", order="a"), bought("ada", order="b"))
        log(store, Placed("ada", NOW, "a", 1))

        assert measured(store, COUNT) == 1

    def test_events_may_say_when_they_were_done(self, store: Store) -> None:
        in_time, late = NOW + MINUTE - TICK, NOW + MINUTE
        east = timezone(timedelta(hours=5, minutes=30))
        whole = NOW.replace(microsecond=0)
        expose(store, exposed("ada"))
        log(store, bought("ada", 1, at=late, done_at=in_time), bought("ada", 2, done_at=late))
        log(store, bought("ada", 4, at=in_time), bought("ada", 8, at=late))
        log(store, bought("ada", 16, at=late, done_at=whole), bought("ada", 32, done_at=NOW - TICK))
        log(store, bought("ada", 64, at=late, done_at=in_time.astimezone(east)))
        log(store, bought("ada", 128, done_at=late.astimezone(east)))
        log(store, recorded("ada", {"amount": 256}), recorded("ada", {"amount": 512}, at=late))
        minute = _window(BY_DONE_AT, 0, 60)

        assert measured(store, minute) == 1 + 4 + 16 + 64 + 256
        assert measured(store, BY_DONE_AT, as_of=in_time) == 1 + 4 + 16 + 64 + 256
        assert measured(store, evolve(minute, by_done_at=False)) == 2 + 4 + 32 + 128 + 256
        query = evolve(QUERY, x=minute, y=evolve(minute, by_done_at=False))
        assert same_moments(moments(store, query)[0].moments, (341, 422))

    def test_what_is_no_instant_says_nothing_of_when_an_event_was_done(self, store: Store) -> None:
        wrong: list[Any] = [
            *("", "yesterday", 5, True, None, {}, "2025-13-01T00:00:00+00:00", "2025-01-01"),
            *("2025-02-29T00:00:00+00:00", "2025-04-31T00:00:00+00:00", "2025-01-01T00:00:00"),
            *("1900-02-29T00:00:00+00:00", "2025-01-00T00:00:00+00:00", "2025-01-01 00:00:00Z"),
            *("2025-01-01T24:00:00+00:00", "2025-01-01T00:60:00+00:00", "2025-01-01T00:00+00:00"),
            *("2025-01-01T00:00:00.123+00:00", "0001-01-01T00:00:00+00:00", "2025-01-01T00:00:00Z"),
            *("9999-12-31T00:00:00+00:00", "2025-01-01T00:00:00+15:00", "infinity", "now"),
            *("2025-01-01T00:00:00+00:00\n", " 2025-01-01T00:00:00+00:00", "epoch"),
        ]
        right = ["2024-02-29T00:00:00+00:00", "2000-02-29T23:59:59.999999-12:00"]
        expose(store, exposed("ada"))
        log(store, *(recorded("ada", {"amount": 1, "done_at": it}) for it in wrong))
        log(store, *(recorded("ada", {"amount": 64, "done_at": it}) for it in right))

        assert measured(store, BY_DONE_AT) == len(wrong)
        assert measured(store, _window(BY_DONE_AT, -(10**13), 0)) == 128

    def test_two_measures_of_a_unit_are_one_pair(self, store: Store) -> None:
        units = {f"unit {n}": (n * 1.5, 7.0 - n * n) for n in range(6)}
        expose(store, *(exposed(it) for it in units), exposed("none"), exposed("old"))
        for unit, (x, y) in units.items():
            log(store, bought(unit, x), bought(unit, y, at=NOW - DAY))
        log(store, bought("old", 99, at=NOW - 2 * DAY), event_row("old", 0, n=4).event)
        before = _window(AMOUNT, -86_400, 0)

        (group,) = moments(store, evolve(QUERY, y=before))
        assert same_moments(group.moments, *units.values(), (0, 0), (0, 0))
        (group,) = moments(store, evolve(QUERY, x=before, y=Measure("noted", "sum", "n")))
        pairs = [(y, 0.0) for _, y in units.values()]
        assert same_moments(group.moments, *pairs, (0, 0), (0, 4))

    def test_the_squares_of_large_numbers_do_not_cancel(self, store: Store) -> None:
        for offset, arm in ((1e9, "a"), (-3e12, "b"), (0.0, "c")):
            pairs = [(offset + n % 3, offset - 2.0 * (n % 5)) for n in range(40)]
            expose(store, *(exposed(f"{arm}{n}", arm) for n in range(40)))
            for n, (x, y) in enumerate(pairs):
                log(store, recorded(f"{arm}{n}", {"x": x, "y": y}))
        query = evolve(QUERY, x=Measure("Bought", "sum", "x"), y=Measure("Bought", "sum", "y"))

        found = [group.moments for group in moments(store, query)]

        for each in found:
            assert abs(each.Mxx / found[2].Mxx - 1) < 1e-9
            assert abs(each.Myy / found[2].Myy - 1) < 1e-9
            assert abs(each.Cxy - found[2].Cxy) < 1e-6
        assert abs(found[0].mx - 1e9 - 0.975) < 1e-6

    def test_instants_at_the_ends_of_the_calendar_have_windows(self, store: Store) -> None:
        first, last = datetime(2, 1, 1, tzinfo=UTC), datetime(9998, 12, 31, tzinfo=UTC)
        expose(store, exposed("ada", at=first), exposed("bob", "b", at=last - DAY))
        log(store, bought("ada", 1, at=first), bought("bob", 2, at=last - TICK))
        for measure in (
            AMOUNT,
            _window(AMOUNT, -(10**11), 10**11),
            _window(BY_DONE_AT, -60, 10**6),
        ):
            query = evolve(QUERY, as_of=last, x=measure)
            assert [group.moments.mx for group in moments(store, query)] == [1, 2]

    def test_readers_at_once_get_the_same_moments(self, store: Store) -> None:
        expose(store, *(exposed(f"{n}", "ab"[n % 2]) for n in range(20)))
        log(store, *(bought(f"{n}", n) for n in range(20)))
        query = evolve(QUERY, x=_window(AMOUNT, 0, 60))

        found = all_of([lambda: moments(store, query)] * 3)

        assert found[0] == found[1] == found[2]


def _window(measure: Measure, start: int, end: int | None) -> Measure:
    """Return a measure with another window, in seconds."""
    return evolve(measure, start_seconds=start, end_seconds=end)
