"""Loop's own results: the figures of its unit tests, and a slow reading of its rules.

The figures are those that uhabits-core 2.x expects of itself in the test that is named
(EntryListTest at commit 4ffd785, ScoreListTest at 6249a76, StreakListTest at 6156e7f). Loop's tests
count days back from 2015-01-25, and so does ``ago``.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta
from decimal import Decimal
from itertools import takewhile
from math import inf, isclose, nan, sqrt

import hypothesis
import pytest
from hypothesis import strategies as st

from habitkit.habits import InvalidHabit
from habitkit.habits.domain.loop import Frequency, Mark, Run, Target, entries, scores, streaks

UNKNOWN, NO, AUTO, DONE, SKIP = Mark
TODAY = date(2015, 1, 25)
DAY = timedelta(days=1)
DAILY = Frequency()
WEEKLY = Frequency(1, 7)
CLOSE = 1e-6  # what Loop's tests allow

TWENTY_DAYS = [
    0.655747, 0.636894, 0.617008, 0.596033, 0.573910, 0.550574, 0.525961, 0.500000, 0.472617,
    0.443734, 0.413270, 0.381137, 0.347244, 0.311495, 0.273788, 0.234017, 0.192067, 0.147820,
    0.101149, 0.051922,
]  # fmt: skip
"""The scores of 20 done days, newest first: ScoreListTest, test_getValue."""
LONG_HABIT = [
    0, 1, 3, 5, 7, 8, 9, 10, 12, 14, 15, 17, 19, 20, 26, 27, 28, 50, 51, 52, 53, 54, 58, 60, 63, 65,
    70, 71, 72, 73, 74, 75, 80, 81, 83, 89, 90, 91, 95, 102, 103, 108, 109, 120,
]  # fmt: skip
"""The done days of HabitFixtures, createLongHabit."""

Marks = dict[date, int]


def ago(days: int) -> date:
    return TODAY - DAY * days


def each(days: range | list[int], value: int = DONE) -> Marks:
    return {ago(n): value for n in days}


def newest_first(computed: dict[date, float]) -> list[float]:
    assert list(computed) == sorted(computed)
    return [computed[day] for day in reversed(computed)]


def filled_in(marks: Marks, frequency: Frequency, end: date) -> set[date]:
    """Return the days that count, ticked or filled in."""
    computed = entries(marks, frequency=frequency, end=end)
    return {day for day, value in computed.items() if value in {AUTO, DONE}}


# -- entries -----------------------------------------------------------------------------------


def test_a_done_day_fills_in_the_days_around_it():
    """EntryListTest, testComputeBoolean."""
    computed = entries(each([4, 9, 10]), frequency=Frequency(1, 3), end=ago(0))

    assert list(computed.values()) == [
        AUTO, AUTO, DONE, DONE, AUTO, AUTO, UNKNOWN, UNKNOWN, DONE, AUTO, AUTO, UNKNOWN, UNKNOWN,
    ]  # fmt: skip
    assert list(computed) == [ago(n) for n in range(12, -1, -1)]


def test_spans_of_a_week_begin_with_their_done_day_and_slide_until_they_touch():
    """EntryListTest: testBuildIntervals1, and the spans of testSnapIntervalsTogether1."""
    assert filled_in(each([8, 18, 23]), WEEKLY, ago(0)) == (
        {ago(n) for n in range(2, 9)}
        | {ago(n) for n in range(12, 19)}
        | {ago(n) for n in range(19, 26)}  # not 17 to 23
    )
    assert filled_in(each([8, 12, 20, 27]), WEEKLY, ago(0)) == (
        {ago(n) for n in range(2, 9)}
        | {ago(n) for n in range(9, 16)}
        | {ago(n) for n in range(16, 23)}
        | {ago(n) for n in range(23, 30)}
    )


def test_it_takes_as_many_done_days_within_a_span_as_are_asked_for():
    """EntryListTest: testBuildIntervals3 and testBuildIntervals4."""
    days = each([8, 15, 18, 22, 23])
    skipped = each([10, 30]) | each([20], SKIP)

    # from 18 to 12; from 22 to 16 and from 23 to 17, which slide as far as their later day lets
    # them
    assert filled_in(days, Frequency(2, 7), ago(0)) == {ago(n) for n in [8, *range(12, 29)]}
    assert filled_in(skipped, Frequency(1, 3), ago(0)) == {ago(n) for n in (8, 9, 10, 28, 29, 30)}


def test_no_days_are_filled_in_for_daily_habits():
    """EntryListTest, testBuildIntervals2."""
    assert filled_in(each([8, 18, 23]), DAILY, ago(0)) == {ago(n) for n in (8, 18, 23)}
    assert Frequency(30, 30) == DAILY


def test_a_no_within_a_span_is_filled_in_and_a_skip_is_not():
    """EntryListTest, testAddFromInterval, whose spans no frequency makes: here one does."""
    marks = each([5]) | each([4, 1], NO) | each([3], SKIP)

    computed = entries(marks, frequency=Frequency(1, 4), end=ago(0))

    assert list(computed.values()) == [DONE, AUTO, SKIP, AUTO, NO, UNKNOWN]


@pytest.mark.parametrize(
    ("done", "last"),
    [
        (date(2015, 1, 30), date(2015, 3, 1)),  # 31 days, as January has
        (date(2015, 1, 31), date(2015, 2, 27)),  # 28, as February has, which follows
        (date(2016, 1, 31), date(2016, 2, 28)),
        (date(2015, 2, 28), date(2015, 3, 30)),
        (date(2015, 4, 1), date(2015, 4, 30)),
    ],
)
@pytest.mark.parametrize("den", [30, 31])
def test_a_month_is_as_long_as_that_of_its_first_day(done, last, den):
    computed = filled_in({done: DONE}, Frequency(1, den), date(2017, 1, 1))

    assert (min(computed), max(computed)) == (done, last)
    assert len(computed) == (last - done).days + 1


def test_amounts_are_left_as_they_are():
    """EntryListTest, testComputeNumerical."""
    marks = {ago(4): 100, ago(9): 200, ago(10): 300}

    computed = entries(marks, frequency=Frequency(1, 3), end=ago(4), target=Target(2))

    assert list(computed.values()) == [300, 200, UNKNOWN, UNKNOWN, UNKNOWN, UNKNOWN, 100]


def test_days_out_of_sight_fill_in_others_all_the_same():
    computed = entries(each([8]), frequency=WEEKLY, start=ago(6), end=ago(0))

    assert list(computed.values()) == [AUTO] * 5 + [UNKNOWN] * 2


def test_an_empty_history_has_one_unknown_day():
    for marks in ({}, {ago(3): UNKNOWN}, {ago(-3): DONE}):
        assert entries(marks, frequency=DAILY, end=TODAY) == {TODAY: UNKNOWN}
        assert scores(marks, frequency=DAILY, end=TODAY) == {TODAY: 0.0}
        assert streaks(marks, frequency=DAILY, end=TODAY) == []


# -- scores ------------------------------------------------------------------------------------


def of_ticks(marks: Marks, frequency: Frequency = DAILY) -> list[float]:
    return newest_first(scores(marks, frequency=frequency, end=TODAY))


def of_amounts(
    marks: Marks, target: Target, frequency: Frequency = DAILY, start: date | None = None
) -> list[float]:
    return newest_first(scores(marks, frequency=frequency, start=start, end=TODAY, target=target))


def close(expected: list[float]) -> object:
    return pytest.approx(expected, abs=CLOSE)


def test_the_score_of_done_days_rises_by_half_of_what_is_missing_in_13_days():
    assert of_ticks(each(range(20))) == close(TWENTY_DAYS)


def test_a_skipped_day_leaves_the_score():
    """ScoreListTest: test_getValueWithSkip and test_getValueWithSkip2."""
    skipping = each(range(20)) | each([5, 10, 11], SKIP)
    expected = TWENTY_DAYS[3:]
    expected[5:5] = [expected[5]]
    expected[10:10] = [expected[10]] * 2

    assert of_ticks(skipping) == close(expected)
    assert of_ticks(each([5]) | each([4], SKIP)) == close(
        [0.041949, 0.044247, 0.046670, 0.049226, 0.051922, 0.051922]
    )


@pytest.mark.parametrize(
    ("frequency", "expected"),
    [(DAILY, 0.101149), (Frequency(1, 2), 0.054816)],
)
def test_two_done_days_count_as_much_as_the_frequency_asks(frequency, expected):
    """ScoreListTest, test_recompute."""
    assert of_ticks(each([0, 1]), frequency)[0] == pytest.approx(expected, abs=CLOSE)


def test_a_partly_met_frequency_gives_that_part_of_the_score():
    """ScoreListTest, test_imperfectNonDaily: two of three, and two of four, for 100 weeks."""
    marks = each([7 * week + n for week in range(100) for n in (0, 1)])

    assert of_ticks(marks, Frequency(3, 7))[0] == pytest.approx(2 / 3, abs=CLOSE)
    assert of_ticks(marks, Frequency(4, 7))[0] == pytest.approx(0.5, abs=CLOSE)


def test_a_weekly_habit_may_wander_within_the_week():
    """ScoreListTest, test_irregularNonDaily."""
    marks = each([14 * pair + n for pair in range(100) for n in (0, 13)])

    assert of_ticks(marks, WEEKLY)[0] == pytest.approx(1, abs=1e-3)


@pytest.mark.parametrize(("times", "days"), [(90, 1), (39, 7), (18, 30)])
def test_a_high_score_takes_months(times, days):
    """ScoreListTest, shouldAchieveHighScoreInReasonableTime: ticks and amounts above 0.99."""
    done = range(0, times * days, days)

    assert of_ticks(each(done), Frequency(1, days))[0] > 0.99
    assert of_amounts(each(done, 2000), Target(2), Frequency(1, days))[0] > 0.99


def test_amounts_are_scored_by_the_part_of_the_target():
    """ScoreListTest, NumericalAtLeastScoreListTest."""
    assert of_amounts(each(range(20), 2000), Target(2)) == close(TWENTY_DAYS)
    assert of_amounts(each(range(500), 1000), Target(2))[0] == pytest.approx(0.5, abs=CLOSE)
    assert of_amounts(each(range(500), 500), Target(2))[0] == pytest.approx(0.25, abs=CLOSE)
    assert of_amounts(each([0], 10_000_000), Target(2)) == close([0.051922])


def test_amounts_are_summed_over_the_days_of_the_frequency():
    """ScoreListTest, test_recompute of both kinds of targets."""
    every_other = Frequency(1, 2)

    assert of_amounts(each([0, 1], 2000), Target(2))[0] == pytest.approx(0.101149, abs=CLOSE)
    assert of_amounts(each([0, 1], 2000), Target(2), every_other)[0] == pytest.approx(
        0.072631, abs=CLOSE
    )
    assert of_amounts(each([0, 1], 5000), Target(2, "at_most"), every_other)[0] == pytest.approx(
        0.927369, abs=CLOSE
    )


def test_a_skipped_day_leaves_the_score_of_amounts():
    """ScoreListTest, NumericalAtLeastScoreListWithSkipTest."""
    marks = each(range(20), 2000) | each([10, 15], SKIP)
    expected = TWENTY_DAYS[2:]
    expected[10:10] = [expected[10]]
    expected[15:15] = [expected[15]]

    assert of_amounts(marks, Target(2)) == close(expected)


def test_a_skipped_day_adds_three_thousandths_to_the_sums_that_follow():
    marks = {ago(1): SKIP, ago(0): 0}

    computed = of_amounts(marks, Target(2), Frequency(1, 7))

    kept = 0.5 ** (sqrt(1 / 7) / 13)
    assert computed == pytest.approx([0.003 / 2 * (1 - kept), 0])


def test_a_ceiling_begins_with_a_full_score_and_loses_it_at_its_double():
    """ScoreListTest, NumericalAtMostScoreListTest."""
    most = Target(2, "at_most")
    over = each(range(20), 5000) | {ago(20): 1000}

    assert of_amounts(over, most) == close([*(1 - score for score in TWENTY_DAYS), 1.0])
    assert of_amounts({}, most) == [1.0]
    assert of_amounts(each([0, 1], 5000), most)[0] == pytest.approx(0.898850, abs=CLOSE)
    assert of_amounts(each(range(500), 3000), most)[0] == pytest.approx(0.5, abs=CLOSE)
    assert of_amounts(each(range(500), 3500), most)[0] == pytest.approx(0.25, abs=CLOSE)
    assert of_amounts(each([1], 10_000_000), most)[0] == pytest.approx(0.950773, abs=CLOSE)
    for amount in (0, 1000):
        computed = of_amounts({ago(1): amount, ago(0): 5000}, most)
        assert computed[0] == pytest.approx(0.948077, abs=CLOSE)


def test_a_target_of_nothing_is_always_reached_and_a_ceiling_of_nothing_by_nothing_alone():
    kept = 0.5 ** (1 / 13)

    assert of_amounts({ago(1): 500}, Target(0)) == pytest.approx([1 - kept**2, 1 - kept])
    assert of_amounts({ago(1): 500}, Target(0, "at_most")) == pytest.approx(
        [kept**2 + 1 - kept, kept]
    )


def test_ticks_cannot_reach_more_than_once_a_day():
    often = Frequency(2, 1)
    kept = 0.5 ** (sqrt(2) / 13)

    assert filled_in(each([0, 1]), often, TODAY) == {ago(0), ago(1)}
    assert of_ticks(each([0, 1]), often) == pytest.approx([(1 - kept**2) / 2, (1 - kept) / 2])


def test_scores_begin_where_they_are_asked_to():
    computed = of_amounts(each(range(30), 2000), Target(2), start=ago(19))

    assert computed == close(TWENTY_DAYS)


# -- streaks -----------------------------------------------------------------------------------


def of_days(runs: list[Run]) -> list[int]:
    return [run.days for run in runs]


def test_the_streaks_of_a_long_history():
    """StreakListTest: testGetAll, newest first, and the four best of testGetBest."""
    runs = streaks(each(LONG_HABIT), frequency=DAILY, end=TODAY + 30 * DAY)

    best = sorted(runs, key=lambda run: (run.days, run.last))
    assert len(runs) == 22
    assert of_days(runs)[::-1][:4] == [2, 1, 1, 4]
    assert of_days(sorted(best[-4:]))[::-1] == [4, 3, 5, 6]
    assert of_days(sorted(best[-2:]))[::-1] == [5, 6]
    assert runs == sorted(runs)
    assert Run(ago(75), ago(70)) in runs


def test_days_that_were_not_done_make_no_streak():
    """StreakListTest, testGetBest_withUnknowns."""
    marks = {TODAY: DONE, ago(5): NO}

    assert streaks(marks, frequency=DAILY, end=TODAY + 30 * DAY) == [Run(TODAY, TODAY)]


def test_days_filled_in_and_skipped_belong_to_a_streak_of_ticks():
    marks = each([8]) | {ago(1): SKIP}

    assert streaks(marks, frequency=WEEKLY, end=TODAY) == [Run(ago(8), ago(1))]


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        (Target(2), [5, 3]),
        (Target(0.003), [5, 4, 3, 1]),
        (Target(0), [5, 4, 3, 2, 1]),
        (Target(2, "at_most"), [4, 3, 2, 1]),
        (Target(0, "at_most"), [2]),
    ],
)
def test_each_amount_must_meet_the_target_by_itself(target, expected):
    """A skipped day is an amount of 0.003, and an unknown one, today, meets nothing."""
    marks = {ago(5): 2500, ago(4): SKIP, ago(3): 2000, ago(2): 0, ago(1): 1999}

    runs = streaks(marks, frequency=WEEKLY, end=TODAY, target=target)

    computed = [n for n in range(10) if any(run.first <= ago(n) <= run.last for run in runs)]
    assert computed[::-1] == expected


# -- a slow reading of the rules ---------------------------------------------------------------


def slow_entries(marks: Marks, frequency: Frequency, days: list[date]) -> list[int]:
    """Slide each span day by day; look through all spans for each day."""
    done = sorted(day for day, value in marks.items() if value == DONE)
    occurrences_of: list[list[date]] = []  # the newest first
    for oldest, newest in reversed(list(zip(done, done[frequency.num - 1 :], strict=False))):
        size = frequency.den
        if size in {30, 31}:
            next_month = ((oldest + DAY).replace(day=28) + 4 * DAY).replace(day=1)
            size = (next_month - DAY).day
        span = [oldest + n * DAY for n in range(size)]
        if newest in span:
            while occurrences_of and occurrences_of[-1][0] <= span[-1] > newest:
                span = [day - DAY for day in span]
            occurrences_of.append(span)
    filled = [any(day in span for span in occurrences_of) for day in days]
    return [
        AUTO if auto and marks.get(day) not in {DONE, SKIP} else marks.get(day, UNKNOWN)
        for day, auto in zip(days, filled, strict=True)
    ]


def slow_scores(values: list[int], frequency: Frequency, target: Target | None) -> list[float]:
    """Weigh every day before by how many scored days came after it."""
    kept = 0.5 ** (sqrt(frequency.num / frequency.den) / 13)
    twice = 2 if target is None and frequency.num < frequency.den else 1
    window = twice * frequency.den
    parts: list[float | None] = []
    for at, value in enumerate(values):
        last = values[max(at + 1 - window, 0) : at + 1]
        amount = sum(v for v in last if v > 0) / 1000
        asked = 0.0 if target is None else float(target.amount)
        if value == SKIP:
            part = None
        elif target is None:
            part = min(1, last.count(DONE) / (twice * frequency.num))
        elif target.kind == "at_least":
            part = 1 if amount >= asked else amount / asked
        elif amount <= asked:
            part = 1
        else:
            part = max(0, 2 - amount / asked) if asked else 0
        parts.append(part)
    computed = []
    for at in range(len(parts)):
        scored = [part for part in parts[: at + 1] if part is not None]
        begun = 1 if target is not None and target.kind == "at_most" else 0
        weights = [(1 - kept) * kept**n for n in reversed(range(len(scored)))]
        past = sum(w * part for w, part in zip(weights, scored, strict=True))
        computed.append(begun * kept ** len(scored) + past)
    return computed


def slow_streaks(values: list[int], days: list[date], target: Target | None) -> list[Run]:
    """Begin one at each day that counts after one that does not."""

    def counts(value: int) -> bool:
        if target is None:
            return value in {AUTO, DONE, SKIP}
        if target.kind == "at_least":
            return value != UNKNOWN and Decimal(value) / 1000 >= target.amount
        return value != UNKNOWN and Decimal(value) / 1000 <= target.amount

    met = [counts(value) for value in values]
    return [
        Run(days[at], days[at + len(list(takewhile(bool, met[at:]))) - 1])
        for at in range(len(days))
        if met[at] and not (at and met[at - 1])
    ]


@st.composite
def histories(draw: st.DrawFn) -> tuple[Marks, Frequency, Target | None, date, date]:
    """Some days around the end of February, mostly in a leap year, and what is asked of them."""
    den = draw(st.sampled_from([1, 2, 3, 7, 14, 30, 31, 40]))
    frequency = Frequency(draw(st.integers(1, 9)), den)
    target = draw(
        st.none()
        | st.builds(
            Target, st.sampled_from([0, 0.003, 1, 2.5]), st.sampled_from(["at_least", "at_most"])
        )
    )
    amounts = st.sampled_from([UNKNOWN, 0, 1, SKIP, 500, 1000, 2500, 9999])
    ticks = st.sampled_from([*Mark, DONE, DONE, DONE])
    first = date(draw(st.sampled_from([2023, 2024])), 1, 1)
    marks = draw(
        st.dictionaries(
            st.integers(0, 150).map(lambda n: first + n * DAY),
            ticks if target is None else amounts,
            max_size=60,
        )
    )
    start = first + draw(st.integers(-70, 100)) * DAY
    return marks, frequency, target, start, start + draw(st.integers(0, 200)) * DAY


@hypothesis.settings(max_examples=60)
@hypothesis.given(histories())
def test_all_results_are_those_of_a_slow_reading(history):
    marks, frequency, target, start, end = history
    days = [start + n * DAY for n in range((end - start).days + 1)]
    values = (
        slow_entries(marks, frequency, days)
        if target is None
        else [marks.get(day, UNKNOWN) for day in days]
    )

    def read(function):
        return function(marks, frequency=frequency, start=start, end=end, target=target)

    computed = read(scores)
    expected = slow_scores(values, frequency, target)
    assert read(entries) == dict(zip(days, values, strict=True))
    assert list(computed) == days
    assert all(
        isclose(one, other, rel_tol=1e-9, abs_tol=1e-12)
        for one, other in zip(computed.values(), expected, strict=True)
    )
    assert read(streaks) == slow_streaks(values, days, target)


@hypothesis.settings(max_examples=40)
@hypothesis.given(histories())
def test_by_default_all_that_is_known_is_shown(history):
    marks, frequency, target, *_, end = history

    computed = entries(marks, frequency=frequency, end=end, target=target)

    long_ago = entries(marks, frequency=frequency, start=date(2022, 1, 1), end=end, target=target)
    known = [day for day, value in long_ago.items() if value != UNKNOWN]
    if target is not None:
        known += [day for day in marks if day <= end]
    assert min(computed) == min(known, default=end)
    assert max(computed) == end


# -- what cannot be ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("num", "den"), [(0, 1), (-1, 7), (2**31, 7), (1, 0), (1, 3651), (1.0, 7), (True, 7), ("1", 7)]
)
def test_a_frequency_is_some_times_in_some_days(num, den):
    with pytest.raises(InvalidHabit):
        Frequency(num, den)


@pytest.mark.parametrize("amount", [nan, inf, -inf, -1, 10**400, "2", None, True])
def test_a_target_is_a_finite_amount(amount):
    with pytest.raises(InvalidHabit, match="amount"):
        Target(amount)


@pytest.mark.parametrize("kind", ["between", None, []])
def test_a_target_is_to_be_reached_or_not_to_be_exceeded(kind):
    with pytest.raises(InvalidHabit, match="kind"):
        Target(1, kind)


@pytest.mark.parametrize(
    ("wrong", "what"),
    [
        ({"marks": {TODAY: 4}}, "marks"),
        ({"marks": {TODAY: -2}}, "marks"),
        ({"marks": {TODAY: True}}, "marks"),
        ({"marks": {TODAY: 1.0}}, "marks"),
        ({"marks": {TODAY: nan}}, "marks"),
        ({"marks": {TODAY: "YES_MANUAL"}}, "marks"),
        ({"marks": {"2015-01-25": DONE}}, "marks"),
        ({"marks": {datetime(2015, 1, 25): DONE}}, "marks"),  # noqa: DTZ001
        ({"marks": {date.max: DONE}}, "marks"),
        ({"marks": {date.min: DONE}}, "marks"),
        ({"marks": [TODAY]}, "marks"),
        ({"marks": {TODAY: 2**31}, "target": Target(1)}, "marks"),
        ({"target": 2}, "target"),
        ({"frequency": (1, 7)}, "frequency"),
        ({"end": "2015-01-25"}, "end"),
        ({"end": date.max}, "end"),
        ({"start": datetime(2015, 1, 25)}, "start"),  # noqa: DTZ001
        ({"start": TODAY + DAY}, "start"),
    ],
)
@pytest.mark.parametrize("function", [entries, scores, streaks])
def test_an_invalid_argument_is_refused_and_named(function, wrong, what):
    arguments = {"marks": {}, "frequency": WEEKLY, "end": TODAY} | wrong

    with pytest.raises(InvalidHabit, match=f"^{what}: expected"):
        function(arguments.pop("marks"), **arguments)
