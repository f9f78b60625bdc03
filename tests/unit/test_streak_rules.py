"""Streaks, against a set of dates that is walked day by day."""

from __future__ import annotations

from datetime import date, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from habitkit.streaks import rules
from habitkit.streaks.model import Snapshot, Streak, StreakState

HABIT = UUID(int=7)
BASE = date(2026, 2, 20)
DAY = timedelta(days=1)

day_sets = st.lists(st.sampled_from([True] * 6 + [False]), max_size=60).map(
    lambda marks: {BASE + n * DAY for n, done in enumerate(marks) if done}
)
days = st.integers(-5, 70).map(lambda n: BASE + n * DAY)
turns = st.lists(st.tuples(st.integers(0, 24).map(lambda n: BASE + n * DAY), st.booleans()))


# -- the oracle: sets of dates, one day after the other ------------------------------------------


def oracle_runs(done: set[date]) -> list[list[date]]:
    runs: list[list[date]] = []
    for day in sorted(done):
        if runs and runs[-1][-1] == day - DAY:
            runs[-1].append(day)
        else:
            runs.append([day])
    return runs


def oracle_streak(run: list[date]) -> Streak:
    return Streak(len(run), run[0], run[-1]) if run else Streak(0)


def oracle_current(done: set[date], today: date) -> Streak:
    day = today if today in done else today - DAY
    run: list[date] = []
    while day in done:
        run.insert(0, day)
        day -= DAY
    return oracle_streak(run)


def oracle_best(done: set[date]) -> Streak:
    best: list[date] = []
    for run in oracle_runs(done):
        if len(run) >= len(best):
            best = run
    return oracle_streak(best)


def oracle_milestones(done: set[date]) -> set[tuple[date, int]]:
    reached = set()
    for run in oracle_runs(done):
        for slots, day in enumerate(run, start=1):
            if slots % 7 == 0:
                reached.add((day, slots))
    return reached


def built(done: set[date], rev: int = 1) -> Snapshot:
    return rules.build(HABIT, "ada", done, rev)


# -- the rules against it ------------------------------------------------------------------------


@given(day_sets)
def test_a_strip_holds_the_done_days_and_nothing_else(done):
    snapshot = built(done)

    assert {day for day in _around(done) if rules.is_done(snapshot, day)} == done
    assert snapshot.best == oracle_best(done).slots


@given(day_sets)
def test_a_strip_begins_and_ends_with_a_done_day_or_is_empty(done):
    snapshot = built(done)

    assert set(snapshot.marks) <= set(b"1x")
    if done:
        assert snapshot.first_day == min(done)
        assert len(snapshot.marks) == (max(done) - min(done)).days + 1
        assert snapshot.marks[:1] == snapshot.marks[-1:] == b"1"
    else:
        assert snapshot == rules.empty(HABIT, "ada")._replace(rev=1)


@given(day_sets, st.randoms(use_true_random=False))
def test_a_strip_depends_neither_on_the_order_of_days_nor_on_repetitions(done, random):
    mixed = [*done, *done]
    random.shuffle(mixed)

    assert rules.build(HABIT, "ada", iter(mixed), 1) == built(done)


@given(day_sets, turns)
def test_any_sequence_of_marks_equals_a_strip_built_of_the_outcome(done, sequence):
    snapshot, done = built(done, rev=0), set(done)

    for rev, (day, is_done) in enumerate(sequence, start=1):
        snapshot = rules.mark(snapshot, day, rev, done=is_done)
        (done.add if is_done else done.discard)(day)

        assert snapshot == built(done, rev)


@given(st.permutations([BASE + n * DAY for n in range(8)]))
def test_marking_and_unmarking_every_day_in_any_order_ends_empty(order):
    snapshot = rules.empty(HABIT, "ada")
    for day in order:
        snapshot = rules.mark(snapshot, day, 3, done=True)
    assert snapshot == built(set(order), 3)
    for day in reversed(order[3:] + order[:3]):
        snapshot = rules.mark(snapshot, day, 4, done=False)

    assert snapshot == built(set(), 4)


@given(day_sets, days)
def test_the_current_run_is_found_by_counting_back_from_today_or_yesterday(done, today):
    assert rules.current_run(built(done), today) == oracle_current(done, today)


@given(day_sets)
def test_the_best_run_is_the_longest_and_of_several_the_latest(done):
    assert rules.best_run(built(done)) == oracle_best(done)


@given(day_sets, days)
def test_the_state_is_made_of_these(done, today):
    assert rules.state(built(done), today) == StreakState(
        HABIT, today, today in done, oracle_current(done, today), oracle_best(done)
    )


@given(day_sets, days, days)
def test_the_done_days_of_a_window_are_those_inside_it(done, start, end):
    assert rules.done_days(built(done), start, end) == [
        day for day in sorted(done) if start <= day <= end
    ]


@given(day_sets.filter(bool), st.data())
def test_the_run_around_a_done_day_reaches_as_far_as_the_days_are_done(done, data):
    snapshot, day = built(done), data.draw(st.sampled_from(sorted(done)))

    start, end = rules.run_around(snapshot.marks, (day - snapshot.first_day).days)

    (run,) = [run for run in oracle_runs(done) if day in run]
    assert snapshot.first_day + start * DAY == run[0]
    assert snapshot.first_day + (end - 1) * DAY == run[-1]


@given(day_sets, days)
def test_turning_a_day_moves_exactly_the_milestones_that_differ(done, day):
    other = done ^ {day}
    old, new = oracle_milestones(done), oracle_milestones(other)

    after = rules.mark(built(done), day, 2, done=day in other)
    lost, gained = rules.milestones_moved(built(done), after, day)

    assert sorted(lost) == sorted(old - new)
    assert sorted(gained) == sorted(new - old)


@given(day_sets, day_sets)
def test_between_two_histories_exactly_the_milestones_that_differ_move(before, after):
    old, new = oracle_milestones(before), oracle_milestones(after)

    lost, gained = rules.milestones_between(built(before), built(after))

    assert lost == sorted(old - new)
    assert gained == sorted(new - old)


@given(day_sets.filter(bool), st.data())
def test_a_done_day_carries_its_milestone_if_it_has_one(done, data):
    day = data.draw(st.sampled_from(sorted(done)))

    assert rules.milestone_on(built(done), day) == [
        milestone for milestone in oracle_milestones(done) if milestone[0] == day
    ]


# -- examples to read ----------------------------------------------------------------------------


def test_a_week_in_a_row_reaches_the_first_milestone_on_its_seventh_day():
    week = {BASE + n * DAY for n in range(7)}

    lost, gained = rules.milestones_moved(
        built(week - {BASE + 6 * DAY}), built(week), BASE + 6 * DAY
    )

    assert (lost, gained) == ([], [(BASE + 6 * DAY, 7)])


def test_closing_a_gap_moves_the_milestones_behind_it():
    days = {BASE + n * DAY for n in range(14)}
    gap = BASE + 3 * DAY

    lost, gained = rules.milestones_moved(built(days - {gap}), built(days), gap)

    assert lost == [(BASE + 10 * DAY, 7)]
    assert gained == [(BASE + 6 * DAY, 7), (BASE + 13 * DAY, 14)]


def test_today_stays_open_until_it_ends():
    yesterday = built({BASE})

    assert rules.current_run(yesterday, BASE + DAY) == Streak(1, BASE, BASE)
    assert rules.current_run(yesterday, BASE + 2 * DAY) == Streak(0)


@pytest.mark.parametrize("days_before", [1, 2, 5, 30])
def test_a_day_before_the_first_done_day_has_no_run(days_before):
    ten_days = built({BASE + n * DAY for n in range(10)})

    assert rules.current_run(ten_days, BASE - days_before * DAY) == Streak(0)


def test_a_habit_that_was_never_done_has_no_run_no_best_and_no_days():
    never = rules.empty(HABIT, "ada")

    assert rules.state(never, BASE) == StreakState(HABIT, BASE, False, Streak(0), Streak(0))
    assert rules.done_days(never, date.min, date.max) == []
    assert not rules.is_done(never, date.min)
    assert rules.mark(never, BASE, 5, done=False) == never._replace(rev=5)


def _around(done: set[date]) -> list[date]:
    first, last = min(done, default=BASE), max(done, default=BASE)
    return [first + n * DAY for n in range(-3, (last - first).days + 4)]
