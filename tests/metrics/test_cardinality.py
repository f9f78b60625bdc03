"""Caps bound the series of an instrument, and keep totals and filters by few values right."""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from math import prod

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from habitkit.errors import ConfigurationError
from habitkit.metrics.domain.cardinality import MAX_NAMES, OTHER, RESERVED, Caps, Folded
from habitkit.metrics.domain.series import Labels, labels_of


def record(caps: Caps, recordings: list[dict[str, str]]) -> Counter[Labels]:
    """Record one for each, as an instrument does: known labels are not asked for again."""
    counts: Counter[Labels] = Counter()
    for attributes in recordings:
        labels = labels_of(attributes)
        counts[labels if labels in counts else caps.admit(labels)] += 1
    return counts


def by(counts: Counter[Labels], *names: str) -> Counter[tuple[str | None, ...]]:
    found: Counter[tuple[str | None, ...]] = Counter()
    for labels, count in counts.items():
        found[tuple(dict(labels).get(name) for name in names)] += count
    return found


def exact(recordings: list[dict[str, str]], *names: str) -> Counter[tuple[str | None, ...]]:
    return Counter(tuple(it.get(name) for name in names) for it in recordings)


def visits(seed: int, length: int, users: int, pages: int) -> list[dict[str, str]]:
    shuffled = random.Random(seed)
    return [
        {
            "user_id": str(shuffled.randrange(users)),
            "page": str(int(shuffled.paretovariate(0.3)) % pages),
            "zone": shuffled.choice(["eu", "us", "ap", "af"]),
            "outcome": shuffled.choice(["ok", "error", "refused"]),
        }
        for _ in range(length)
    ]


@settings(max_examples=15)
@given(st.integers(0, 10**6), st.integers(60, 400), st.sampled_from([20, 100]))
def test_a_user_id_as_attribute_leaves_totals_and_filters_by_few_values_exact(seed, cap, values):
    recordings = visits(seed, 3000, users=2000, pages=80)
    caps = Caps(max_series=cap, max_values=values)
    counts = record(caps, recordings)

    assert counts.total() == len(recordings)
    assert by(counts, "zone", "outcome") == exact(recordings, "zone", "outcome")
    assert len(counts) == len(caps) <= cap + RESERVED
    assert len(by(counts, "user_id")) <= values + 1
    users = {it["user_id"] for it in recordings}
    true = exact(recordings, "user_id") + Counter({(OTHER,): len(recordings)})
    assert by(counts, "user_id") <= true
    folded = {it.attribute: it for it in caps.folded()}
    assert {"user_id"} <= {*folded} <= {"user_id", "page"}
    assert folded["user_id"].count == by(counts, "user_id")[OTHER,]
    assert len(set(folded["user_id"].examples)) == 5
    assert set(folded["user_id"].examples) <= users


def test_one_attribute_with_very_many_values_changes_nothing_else():
    recordings = visits(1, 5000, users=5000, pages=4)
    counts = record(Caps(), recordings)

    names = ("page", "zone", "outcome")
    assert by(counts, *names) == exact(recordings, *names)


def test_a_value_past_the_cap_is_other_in_its_attribute_alone_and_reported():
    caps = Caps(max_values=2)
    for n, user in enumerate("abccdefghij"):
        zone = "eu" if n % 2 else "us"
        expected = user if user in "ab" else OTHER
        given_labels = labels_of({"user": user, "zone": zone})
        assert caps.admit(given_labels) == (("user", expected), ("zone", zone))

    assert caps.folded() == (Folded("user", 9, ("c", "d", "e", "f", "g")),)
    assert len(caps) == 4
    assert Caps().folded() == ()


def test_places_are_left_for_combinations_that_keep_no_attribute():
    caps = Caps(max_series=1, max_values=200)
    counts = record(caps, [{"a": str(n), "b": str(n)} for n in range(200)])

    assert len(caps) == 1 + 90 + 1
    assert counts[("a", OTHER), ("b", OTHER)] == 200 - 1 - 90


def test_texts_that_python_takes_for_equal_values_are_two_series():
    counts = record(Caps(), [{"ok": "1"}, {"ok": "true"}, {"ok": "1.0"}, {}])
    assert len(counts) == 4


def test_any_number_of_names_and_of_sets_of_names_stays_within_the_caps():
    caps = Caps()
    recordings = [{f"name_{n}": "x", f"other_{n}": str(n % 3), "zone": "eu"} for n in range(500)]
    counts = record(caps, recordings)
    assert by(counts, "zone") == Counter({("eu",): 500})
    assert len({name for labels in counts for name, _ in labels}) == MAX_NAMES
    (left_out,) = caps.folded()
    assert (left_out.attribute, left_out.count) == (OTHER, 2 * 500 + 1 - MAX_NAMES)
    assert left_out.examples == ("other_49", "name_50", "other_50", "name_51", "other_51")

    caps = Caps(max_series=20)
    recordings = [{f"a{k}": "x" for k in range(9) if n >> k & 1} for n in range(1, 512)] * 2
    counts = record(caps, recordings)
    assert counts.total() == 2 * 511
    assert len(counts) == len(caps) == 20 + RESERVED
    assert counts[()] == 2 * (511 - 20 - (RESERVED - 1))


@pytest.mark.parametrize("cap", [0, -1, True, 1.5, None])
def test_a_cap_is_a_whole_number_above_zero(cap):
    for arguments in ({"max_series": cap}, {"max_values": cap}):
        with pytest.raises(ConfigurationError, match="expected an int above 0, got"):
            Caps(**arguments)


class Oracle:
    """The rule, on lists of all labels that were returned so far."""

    def __init__(self, max_series: int, max_values: int) -> None:
        self.max_series, self.max_values = max_series, max_values
        self.ordinary: list[Labels] = []
        self.reserved: list[Labels] = []
        self.values: defaultdict[str, list[str]] = defaultdict(list)

    def admit(self, labels: Labels) -> Labels:
        everything = self.ordinary + self.reserved
        if labels in everything:
            return labels
        first, *steps = self.steps(labels)
        if first not in everything and len(self.ordinary) < self.max_series:
            self.ordinary.append(first)
            return first
        for step in (first, *steps):
            if step in everything:
                return step
            if step in steps and self.fits(step):
                self.reserved.append(step)
                return step
        self.reserved.append(())
        return ()

    def steps(self, labels: Labels) -> list[Labels]:
        now = dict(labels)
        for name, value in labels:
            seen = self.values[name]
            if value not in [*seen, OTHER] and len(seen) < self.max_values:
                seen.append(value)
            if value not in seen:
                now[name] = OTHER
        steps = [labels_of(now)]
        for name in sorted(now, key=lambda name: (-len(self.values[name]), name)):
            now[name] = OTHER
            steps.append(labels_of(now))
        return steps

    def fits(self, step: Labels) -> bool:
        kept = {name for name, value in step if value != OTHER}
        places = len(self.reserved)
        if len(kept) == 0:
            return places < 99
        if len(kept) == 1:
            return places < 90
        alike = sum(
            [name for name, _ in it] == [name for name, _ in step]
            and {name for name, value in it if value != OTHER} == kept
            for it in self.reserved
        )
        missing = prod(len(self.values[name]) for name in kept) - alike
        return places + max(missing, 1) <= 50


@settings(max_examples=60)
@given(
    st.integers(0, 10**6),
    st.integers(1, 40),
    st.integers(1, 30),
    st.lists(st.integers(1, 40), min_size=1, max_size=4),
    st.floats(0, 1),
)
def test_random_combinations_are_admitted_by_the_rule(seed, max_series, max_values, sizes, missing):
    caps, oracle = Caps(max_series, max_values), Oracle(max_series, max_values)
    shuffled = random.Random(seed)
    for _ in range(250):
        attributes = {
            f"a{n}": shuffled.choice([OTHER, *map(str, range(int(1 + size * shuffled.random())))])
            for n, size in enumerate(sizes)
            if n == 0 or shuffled.random() >= missing
        }
        labels = labels_of(attributes)
        admitted = caps.admit(labels)
        assert admitted == oracle.admit(labels)
        assert caps.admit(admitted) == admitted
    assert len(caps) == len(oracle.ordinary) + len(oracle.reserved) <= max_series + RESERVED
