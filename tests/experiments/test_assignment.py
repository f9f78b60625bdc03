"""Assignment by hashes: against a naive oracle, and what must hold for many units."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from fractions import Fraction
from itertools import product
from unittest.mock import patch

import mmh3
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from habitkit.errors import InvalidInput
from habitkit.experiments.domain.assignment import (
    Assigner,
    AssignmentReason,
    Holdouts,
)
from habitkit.experiments.domain.definition import (
    Experiment,
    State,
    StoredExperiment,
    WeightVersion,
)
from habitkit.experiments.domain.layers import allocate, free_segments
from habitkit.flags.domain.evaluation import Exposed

AT = datetime(2027, 1, 31, 9, tzinfo=UTC)
ALL = 2**64
UNITS = [f"user-{number}" for number in range(100_000)]
NOBODY = Holdouts({})
UNLIKELY = 10.83  # chi-square of one degree of freedom: p = 0.001


def running(key="checkout", variants=("old", "new"), *, segments=((0, 10_000),), **given):
    versions = [WeightVersion(weights, AT) for weights in given.pop("versions", ())]
    experiment = Experiment(key, variants, **given)
    return StoredExperiment(experiment, State.RUNNING, segments, tuple(versions))


def assigner(*args, holdouts=NOBODY, **given):
    return Assigner(running(*args, **given), holdouts)


def drawn(experiment, units, version=1):
    return {unit: experiment.assign(unit, version).variant for unit in units}


def chi_square(pairs):
    """Return Pearson's statistic of the independence of two properties."""
    counts = Counter(pairs)
    total = sum(counts.values())
    rows, columns = Counter[object](), Counter[object]()
    for (row, column), count in counts.items():
        rows[row] += count
        columns[column] += count
    assert len(rows) == len(columns) == 2
    expected = {(r, c): rows[r] * columns[c] / total for r in rows for c in columns}
    return sum((counts[cell] - of) ** 2 / of for cell, of in expected.items())


# -- against an oracle -----------------------------------------------------------------------------


def near(bounds):
    """Return numbers, most of them beside bounds, which are fractions."""
    beside = st.builds(
        lambda bound, more: min(max(int(bound * ALL) + more, 0), ALL - 1),
        bounds,
        st.integers(-1, 1),
    )
    return beside | st.integers(0, ALL - 1)


NUMBERS = near(st.integers(0, 10_000).map(lambda segment: Fraction(segment, 10_000)))
WEIGHTS = st.sampled_from([1, 2, 3, 0.1, 0.2, 0.7, 1e-9, 0.333])
SHARES = st.sampled_from([0, 0.1, 0.5, 0.8, 1, 1 / 3])


@st.composite
def ranges(draw, most=4):
    bounds = sorted(draw(st.sets(st.integers(0, 10_000), max_size=2 * most)))
    return tuple(zip(bounds[::2], bounds[1::2], strict=False))


@st.composite
def experiments(draw):
    names = draw(st.lists(st.sampled_from("zyabcd"), min_size=2, max_size=5, unique=True))

    def weights():
        return {name: draw(WEIGHTS) for name in names}

    return running(
        variants=weights(),
        layer=draw(st.none() | st.just("prices")),
        segments=draw(ranges().filter(bool)),
        coverage=draw(SHARES),
        versions=[weights() for _ in range(draw(st.integers(0, 3)))],
    )


def variant_bounds(stored, version, coverage):
    """Return the variants with their weights and the bounds of their ranges, as fractions."""
    weights = [each.weights for each in stored.versions] or [stored.experiment.variants]
    number = version if version and version <= len(weights) else len(weights)
    chosen = weights[number - 1]
    exact = {name: Fraction(str(chosen[name])) for name in stored.experiment.variants}
    begin, found = Fraction(0), []
    for name, weight in exact.items():
        share = weight / sum(exact.values())
        found.append((name, share, begin, begin + share * Fraction(str(coverage))))
        begin += share
    return found, number


def naive(stored, holdouts, version, hashes):
    """Return the variant and its propensity as the specification says, by fractions alone."""
    segments = {name: int(Fraction(hashed, ALL) * 10_000) for name, hashed in hashes.items()}
    experiment = stored.experiment
    if any(first <= segments["holdout"] < end for first, end in holdouts):
        return "HELD_OUT"
    if experiment.layer is not None and not any(
        first <= segments["segment"] < end for first, end in stored.segments
    ):
        return "NOT_IN_LAYER"
    covered, _ = variant_bounds(stored, 1, experiment.coverage)
    if not any(begin <= Fraction(hashes["variant"], ALL) < end for *_, begin, end in covered):
        return "NOT_COVERED"
    bounds, number = variant_bounds(stored, version, 1)
    drawn_by = hashes["variant" if number == 1 else f"variant {number}"]
    if number == 1:
        bounds = [
            (name, share, begin, end)
            for (name, share, begin, _), (*_, end) in zip(bounds, covered, strict=True)
        ]
    ((name, share),) = (
        (name, share)
        for name, share, begin, end in bounds
        if begin <= Fraction(drawn_by, ALL) < end
    )
    return name, pytest.approx(float(share)), number


@settings(max_examples=200)
@given(
    stored=experiments(),
    holdouts=ranges(),
    version=st.none() | st.integers(1, 5),
    hashes=st.fixed_dictionaries({"holdout": NUMBERS, "segment": NUMBERS}),
    data=st.data(),
)
def test_assigning_is_what_the_specification_says(stored, holdouts, version, hashes, data):
    for number in range(1, 5):
        bounds, _ = variant_bounds(stored, number, stored.experiment.coverage if number == 1 else 1)
        ends = st.sampled_from([end for *_, begin, end_ in bounds for end in (begin, end_)])
        hashes["variant" if number == 1 else f"variant {number}"] = data.draw(near(ends))

    def hashed(text):
        return hashes[text.split(b"\0")[1].decode()] | 7 * ALL  # the first half is the lower one

    with patch("mmh3.mmh3_x64_128_uintdigest", hashed):
        named = Holdouts({str(first): (first, end) for first, end in holdouts})
        found = Assigner(stored, named).assign("ada", version)

    expected = naive(stored, holdouts, version, hashes)
    if isinstance(expected, str):
        assert (found.reason, found.variant, found.in_experiment) == (expected, None, False)
        assert (found.propensity, found.version) == (None, None)
    else:
        assert (found.variant, found.propensity) == expected[:2]
        assert (found.reason, found.in_experiment) == ("ASSIGNED", True)
        weights = [each.weights for each in stored.versions] or [stored.experiment.variants]
        assert found.version is not None
        assert weights[found.version - 1] == weights[expected[2] - 1]


def test_the_hash_is_the_first_half_of_murmur3_of_the_name_and_the_unit():
    experiment = assigner(coverage=0.8)
    for unit in ["ada", "Ä\0", "\ud800", *UNITS[:2000]]:
        text = f"checkout\0variant\0{unit}".encode("utf-8", "surrogatepass")
        point = Fraction(mmh3.hash64(text, signed=False)[0], ALL)
        expected = None
        if point < Fraction(4, 10):
            expected = "old"
        elif Fraction(5, 10) <= point < Fraction(9, 10):
            expected = "new"
        assert experiment.assign(unit).variant == expected


def test_assignments_never_change():
    """Change these and every unit of every experiment that runs is drawn anew."""
    experiment = assigner(
        layer="prices", segments=((0, 6000),), holdouts=Holdouts({"h": (0, 2000)})
    )
    found = [experiment.assign(unit) for unit in UNITS[:12]]
    assert " ".join(it.variant or it.reason.value for it in found) == (
        "HELD_OUT NOT_IN_LAYER HELD_OUT HELD_OUT NOT_IN_LAYER HELD_OUT NOT_IN_LAYER new old HELD_OUT old new"
    )


# -- many units ------------------------------------------------------------------------------------


def test_a_ramp_moves_nobody_who_is_in():
    before: dict[str, str] = {}
    for coverage in (0.1, 0.5, 1.0):
        experiment = assigner(variants={"a": 1, "b": 2, "c": 1}, coverage=coverage)
        now = {unit: it for unit, it in drawn(experiment, UNITS[:20_000]).items() if it}
        assert before.items() <= now.items()
        assert len(now) == pytest.approx(20_000 * coverage, rel=0.05)
        before = now
    shares = Counter(before.values())
    assert [round(shares[name] / 20_000, 2) for name in "abc"] == [0.25, 0.5, 0.25]


def test_who_was_not_covered_gets_the_variants_of_later_weights_by_their_propensities():
    versions = [{"old": 1, "new": 1}, {"old": 1, "new": 3}]
    first = assigner(coverage=0.3, versions=versions[:1])
    left_out = [unit for unit, it in drawn(first, UNITS[:20_000]).items() if it is None]

    again = assigner(coverage=0.3, versions=versions)
    assert not any(drawn(again, left_out, None).values()), "other weights cover nobody else"
    ramped = assigner(coverage=0.6, versions=versions)
    counts = Counter(drawn(ramped, left_out, None).values())
    assert counts["new"] / (counts["old"] + counts["new"]) == pytest.approx(0.75, abs=0.02)


def test_no_unit_is_in_two_experiments_of_a_layer_and_layers_are_independent():
    one = assigner("one", layer="prices", segments=((0, 3000), (9000, 10_000)))
    two = assigner("two", layer="prices", segments=((3000, 6000),))
    other = assigner("other", layer="pages", segments=((0, 5000),))
    found = {it: drawn(it, UNITS) for it in (one, two, other)}
    both = [unit for unit in UNITS if found[one][unit] and found[two][unit]]
    assert both == []
    counts = [sum(map(bool, variants.values())) for variants in found.values()]
    assert counts == pytest.approx([40_000, 30_000, 50_000], rel=0.02)

    in_one = [found[one][unit] is not None for unit in UNITS]
    in_other = [found[other][unit] is not None for unit in UNITS]
    assert chi_square(zip(in_one, in_other, strict=True)) < UNLIKELY
    assert chi_square(zip(in_one, in_one, strict=True)) > 1000 * UNLIKELY


def test_the_variant_is_independent_of_the_segment_and_of_other_experiments():
    lower = assigner(layer="prices", segments=((0, 5000),))
    upper = assigner(layer="prices", segments=((5000, 10_000),))
    other = assigner("other")
    in_lower = {unit: lower.assign(unit) for unit in UNITS}
    variants = {unit: it.variant or upper.assign(unit).variant for unit, it in in_lower.items()}
    pairs = [(it.in_experiment, variants[unit]) for unit, it in in_lower.items()]
    assert chi_square(pairs) < UNLIKELY
    assert chi_square((variants[u], other.assign(u).variant) for u in UNITS[:50_000]) < UNLIKELY
    again = assigner(salt="again")
    assert chi_square((variants[u], again.assign(u).variant) for u in UNITS[:50_000]) < UNLIKELY
    assert drawn(assigner("x", salt="checkout"), UNITS[:500]) == drawn(assigner(), UNITS[:500])


def test_who_is_held_out_is_out_of_every_experiment_and_is_a_random_share():
    holdouts = Holdouts({"year": (0, 500), "quarter": (500, 1000)})
    names = {unit: holdouts.of(unit) for unit in UNITS}
    counts = Counter(names.values())
    assert [counts["year"], counts["quarter"]] == pytest.approx([5000, 5000], rel=0.05)
    for layer in (None, "prices", ""):
        held = assigner(layer=layer or None, holdouts=holdouts, salt=f"of {layer}")
        free = assigner(layer=layer or None, salt=f"of {layer}")
        variants = drawn(free, UNITS[:20_000])
        for unit, variant in variants.items():
            found = held.assign(unit)
            is_out = names[unit] is not None
            assert found.variant == (None if is_out else variant)
            assert (found.reason is AssignmentReason.HELD_OUT) is is_out
        assert chi_square((names[unit] is None, it) for unit, it in variants.items()) < UNLIKELY


def test_a_unit_is_drawn_by_a_version_or_keeps_what_it_was_exposed_to():
    versions = [{"old": 1, "new": 1}, {"old": 1, "new": 9}]
    experiment = assigner(variants=versions[0], versions=versions)
    assert experiment.versions == 2
    first, second, newest, unknown = (
        [experiment.assign(unit, version) for unit in UNITS[:2000]] for version in (1, 2, None, 7)
    )
    assert second == newest == unknown
    assert {(it.variant, it.propensity, it.version) for it in first} == {
        ("old", 0.5, 1),
        ("new", 0.5, 1),
    }
    assert {(it.variant, it.propensity, it.version) for it in second} == {
        ("old", 0.1, 2),
        ("new", 0.9, 2),
    }
    assert first == [assigner().assign(unit) for unit in UNITS[:2000]]
    assert experiment.assign("ada") is experiment.assign("ada", 1)

    nobody = assigner(variants=versions[0], versions=versions, coverage=0, layer="a", salt="b")
    for name, (version, known) in product(("old", "new"), [(1, 1), (2, 2), (3, 2)]):
        found = {nobody.assign(unit, None, Exposed(version, name)) for unit in UNITS[:20]}
        chance = {1: 0.5, 2: {"old": 0.1, "new": 0.9}[name]}[known]
        assert [(it.variant, it.version, it.propensity) for it in found] == [(name, known, chance)]
    assert nobody.assign("ada", None, Exposed(1, "red")).reason == "NOT_COVERED"


def of_state(state, shipped=None):
    stored = StoredExperiment(Experiment("e", ["a", "b"]), state, shipped=shipped)
    return Assigner(stored, Holdouts({"all": (0, 10_000)}))


@pytest.mark.parametrize(
    ("state", "unit", "admitted", "reason"),
    [
        ("draft", "ada", True, "NOT_RUNNING"),
        ("paused", "ada", True, "NOT_RUNNING"),
        ("stopped", None, False, "NOT_RUNNING"),
        ("running", None, True, "NO_UNIT"),
        ("running", "", True, "NO_UNIT"),
        ("running", "ada", False, "HELD_OUT"),
        ("shipped", "ada", True, "HELD_OUT"),
        ("shipped", None, True, "SHIPPED"),
        ("shipped", None, False, "NOT_TARGETED"),
    ],
)
def test_an_assignment_says_why_nobody_was_drawn(state, unit, admitted, reason):
    found = of_state(State(state), "b" if state == "shipped" else None).assign(
        unit, None, Exposed(1, "a"), admitted=admitted
    )
    assert (found.reason, found.in_experiment) == (reason, False)
    assert found.variant == ("b" if reason == "SHIPPED" else None)
    assert found.propensity is found.version is None


def test_who_is_not_targeted_is_not_in_the_experiment():
    assert assigner().assign("ada", admitted=False).reason == "NOT_TARGETED"


# -- segments of a layer ---------------------------------------------------------------------------


@given(taken=st.lists(ranges(2).filter(bool), max_size=4), share=st.floats(0.0001, 1))
def test_segments_are_allocated_among_those_that_are_free(taken, share):
    flat = [each for several in taken for each in several]
    used = {segment for first, end in flat for segment in range(first, end)}
    free = free_segments(flat)
    assert {s for first, end in free for s in range(first, end)} == {*range(10_000)} - used
    wanted = round(Fraction(str(share)) * 10_000)
    if wanted > 10_000 - len(used):
        with pytest.raises(InvalidInput) as refused:
            allocate("prices", share, flat)
        left = (10_000 - len(used)) / 10_000
        for part in ("'prices'", f"{left:g}", str(share)):
            assert part in str(refused.value)
        return
    found = allocate("prices", share, flat)
    mine = [segment for first, end in found for segment in range(first, end)]
    assert len({*mine}) == len(mine) == wanted
    assert mine == sorted(mine)
    assert not used & {*mine}
    whole = [(first, first + wanted) for first, end in free if end - first >= wanted]
    if whole:
        assert found == (whole[0],)


def test_a_share_of_less_than_a_segment_is_refused():
    with pytest.raises(InvalidInput, match="share of layer"):
        allocate("prices", 0.00004, [])
