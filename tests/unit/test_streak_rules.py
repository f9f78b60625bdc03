"""Streaks, against two sets of dates that are walked day by day: done days and earned days."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from itertools import product
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from hypothesis import strategies as st

from habitkit.habits.domain import bitmap
from habitkit.habits.domain.model import CheckIn
from habitkit.habits.domain.stored import VoidedCheckIn
from habitkit.habits.domain.streaks import Snapshot, Streak
from tests.unit.support import given

HABIT = UUID(int=7)
BASE = date(2026, 2, 20)
DAY = timedelta(days=1)

Days = set[date]
History = tuple[Days, Days]
"""Done days and earned days."""

some_letters = st.sampled_from([*["1"] * 20, "h", "v", "x"])
histories = st.lists(some_letters, max_size=45).map(lambda letters: read("".join(letters)))
days = st.integers(-5, 55).map(lambda n: BASE + n * DAY)
near = st.integers(0, 20).map(lambda n: BASE + n * DAY)
turns = st.lists(st.tuples(near, st.booleans(), st.booleans()), max_size=30)


# -- the oracle: sets of dates, one day after the other ------------------------------------------


def oracle_runs(of: Days) -> list[list[date]]:
    runs: list[list[date]] = []
    for day in sorted(of):
        if runs and runs[-1][-1] == day - DAY:
            runs[-1].append(day)
        else:
            runs.append([day])
    return runs


def oracle_streak(run: list[date]) -> Streak:
    return Streak(len(run), run[0], run[-1]) if run else Streak(0)


def oracle_current(done: Days, today: date) -> Streak:
    day = today if today in done else today - DAY
    run: list[date] = []
    while day in done:
        run.insert(0, day)
        day -= DAY
    return oracle_streak(run)


def oracle_best(done: Days) -> Streak:
    best: list[date] = []
    for run in oracle_runs(done):
        if len(run) >= len(best):
            best = run
    return oracle_streak(best)


def oracle_milestones(earned: Days) -> set[tuple[date, int]]:
    reached = set()
    for run in oracle_runs(earned):
        for slots, day in enumerate(run, start=1):
            if slots % 7 == 0:
                reached.add((day, slots))
    return reached


def built(history: History, rev: int = 1) -> Snapshot:
    done, earned = history
    return bitmap.build(HABIT, "ada", done, rev, earned)


def read(letters: str) -> History:
    """Return the history that a bitmap stands for."""
    return (
        {BASE + n * DAY for n, letter in enumerate(letters) if letter in "1h"},
        {BASE + n * DAY for n, letter in enumerate(letters) if letter in "1v"},
    )


def around(history: History) -> list[date]:
    every = history[0] | history[1] | {BASE}
    return [min(every) + n * DAY for n in range(-3, (max(every) - min(every)).days + 4)]


# -- the rules against it ------------------------------------------------------------------------


@given(histories)
def test_a_bitmap_holds_the_done_and_the_earned_days_and_nothing_else(history):
    snapshot = built(history)

    assert {day for day in around(history) if bitmap.is_done(snapshot, day)} == history[0]
    assert {day for day in around(history) if bitmap.is_earned(snapshot, day)} == history[1]
    assert snapshot.best == oracle_best(history[0]).slots


@given(histories)
def test_a_bitmap_begins_and_ends_with_a_day_that_counts_or_is_empty(history):
    snapshot, every = built(history), history[0] | history[1]

    assert set(snapshot.bitmap) <= set(b"1hvx")
    if every:
        assert snapshot.first_day == min(every)
        assert len(snapshot.bitmap) == (max(every) - min(every)).days + 1
        assert ord("x") not in {snapshot.bitmap[0], snapshot.bitmap[-1]}
    else:
        assert snapshot == bitmap.empty(HABIT, "ada")._replace(rev=1)


@given(histories, st.randoms(use_true_random=False))
def test_a_bitmap_depends_neither_on_the_order_of_days_nor_on_repetitions(history, random):
    mixed = [[*of, *of] for of in history]
    for of in mixed:
        random.shuffle(of)

    assert bitmap.build(HABIT, "ada", iter(mixed[0]), 1, iter(mixed[1])) == built(history)


@given(st.sets(near))
def test_done_days_are_earned_by_default(done):
    snapshot = bitmap.build(HABIT, "ada", done, 1)

    assert snapshot == built((done, done))
    for day in done:
        assert bitmap.set_day(snapshot, day, 2, done=False) == built(
            (done - {day}, done - {day}), 2
        )
        break


@given(histories, turns)
def test_any_sequence_of_changes_equals_a_bitmap_built_of_the_outcome(history, sequence):
    snapshot, (done, earned) = built(history, rev=0), (set(history[0]), set(history[1]))

    for rev, (day, is_done, is_earned) in enumerate(sequence, start=1):
        snapshot = bitmap.set_day(snapshot, day, rev, done=is_done, earned=is_earned)
        (done.add if is_done else done.discard)(day)
        (earned.add if is_earned else earned.discard)(day)

        assert snapshot == built((done, earned), rev)


@given(histories, st.lists(days))
def test_many_days_set_to_done_at_once_earn_nothing(history, more):
    done, earned = history

    assert bitmap.set_done(built(history), iter(more), 5) == built((done | {*more}, earned), 5)


@given(st.permutations([BASE + n * DAY for n in range(8)]))
def test_marking_and_unmarking_every_day_in_any_order_ends_empty(order):
    snapshot = bitmap.empty(HABIT, "ada")
    for day in order:
        snapshot = bitmap.set_day(snapshot, day, 3, done=True)
    assert snapshot == built((set(order), set(order)), 3)
    for day in reversed(order[3:] + order[:3]):
        snapshot = bitmap.set_day(snapshot, day, 4, done=False)

    assert snapshot == built((set(), set()), 4)


@given(histories, days)
def test_the_current_run_is_found_by_counting_back_from_today_or_yesterday(history, today):
    assert bitmap.current_run(built(history), today) == oracle_current(history[0], today)


@given(histories)
def test_the_best_run_is_the_longest_and_of_several_the_latest(history):
    assert bitmap.best_run(built(history)) == oracle_best(history[0])


@given(histories, days, days)
def test_the_done_days_of_a_window_are_those_inside_it(history, start, end):
    assert bitmap.done_days(built(history), start, end) == [
        day for day in sorted(history[0]) if start <= day <= end
    ]


@given(histories, days, st.booleans(), st.booleans())
def test_turning_a_day_moves_exactly_the_milestones_that_differ(history, day, is_done, is_earned):
    done, earned = history
    other = earned | {day} if is_earned else earned - {day}
    old, new = oracle_milestones(earned), oracle_milestones(other)

    before = built(history)
    after = bitmap.set_day(before, day, 2, done=is_done, earned=is_earned)
    lost, gained = bitmap.milestones_moved(before, after, day)

    assert sorted(lost) == sorted(old - new)
    assert sorted(gained) == sorted(new - old)
    assert done == history[0]


def test_every_short_bitmap_has_the_runs_that_are_counted_day_by_day():
    for letters in map("".join, product("1hvx", repeat=5)):
        history = read(letters)
        snapshot = built(history)

        assert bitmap.best_run(snapshot) == oracle_best(history[0]), letters
        for n in range(-1, 7):
            today = BASE + n * DAY
            assert bitmap.current_run(snapshot, today) == oracle_current(history[0], today), letters


def test_every_turn_of_a_day_of_a_long_row_with_one_other_day_moves_the_right_milestones():
    for place, letter, turned, becomes in product(range(15), "1hvx", range(-1, 16), "1hvx"):
        letters = "1" * place + letter + "1" * (14 - place)
        day, (done, earned) = BASE + turned * DAY, read(letters)
        other = earned | {day} if becomes in "1v" else earned - {day}

        before = built((done, earned))
        after = bitmap.set_day(before, day, 2, done=becomes in "1h", earned=becomes in "1v")
        lost, gained = bitmap.milestones_moved(before, after, day)

        assert {*lost} == oracle_milestones(earned) - oracle_milestones(other), (letters, day)
        assert {*gained} == oracle_milestones(other) - oracle_milestones(earned), (letters, day)


# -- what is earned ------------------------------------------------------------------------------


@given(st.lists(st.tuples(near, st.booleans(), st.none() | st.integers(-100, 100)), max_size=20))
def test_a_day_is_earned_by_a_check_in_in_time_that_was_not_taken_back_before_the_seal(facts):
    live, voided, expected = [], [], set()
    for number, (day, in_time, hours) in enumerate(facts):
        fact = _fact(number, day, "full" if in_time else "history")
        sealed_at = datetime.combine(day + 3 * DAY, time(0), UTC)  # 48 h after the day's end
        if hours is None:
            live.append(fact)
        else:
            voided.append(VoidedCheckIn(fact, sealed_at + timedelta(hours=hours)))
        if in_time and (hours is None or hours > 0):
            expected.add(day)

    assert bitmap.earned_days(live, voided, ZoneInfo("UTC"), time(0)) == expected


# -- examples to read ----------------------------------------------------------------------------


def row(length: int) -> Days:
    return {BASE + n * DAY for n in range(length)}


def moved(before: Days, after: Days, day: date):
    return bitmap.milestones_moved(built((before, before)), built((after, after)), day)


def test_a_week_in_a_row_reaches_the_first_milestone_on_its_seventh_day():
    last = BASE + 6 * DAY

    assert moved(row(6), row(7), last) == ([], [(last, 7)])
    assert moved(row(7), row(6), last) == ([(last, 7)], [])


def test_closing_a_gap_moves_the_milestones_behind_it():
    gap = BASE + 3 * DAY

    assert moved(row(14) - {gap}, row(14), gap) == (
        [(BASE + 10 * DAY, 7)],
        [(BASE + 6 * DAY, 7), (BASE + 13 * DAY, 14)],
    )


def test_a_day_recorded_too_late_repairs_the_streak_but_reaches_no_milestone():
    gap = BASE + 3 * DAY
    before = built((row(7) - {gap}, row(7) - {gap}))

    after = bitmap.set_day(before, gap, 2, done=True, earned=False)

    assert bitmap.best_run(after).slots == 7
    assert bitmap.milestones_moved(before, after, gap) == ([], [])


def test_a_day_that_is_taken_back_after_its_seal_breaks_the_streak_and_loses_no_milestone():
    gap = BASE + 3 * DAY
    before = built((row(7), row(7)))

    after = bitmap.set_day(before, gap, 2, done=False, earned=True)

    assert bitmap.best_run(after) == Streak(3, BASE + 4 * DAY, BASE + 6 * DAY)
    assert bitmap.milestones_moved(before, after, gap) == ([], [])


def test_today_stays_open_until_it_ends():
    yesterday = built(({BASE}, {BASE}))

    assert bitmap.current_run(yesterday, BASE + DAY) == Streak(1, BASE, BASE)
    assert bitmap.current_run(yesterday, BASE + 2 * DAY) == Streak(0)


@pytest.mark.parametrize("days_before", [1, 2, 5, 30])
def test_a_day_before_the_first_done_day_has_no_run(days_before):
    assert bitmap.current_run(built((row(10), row(10))), BASE - days_before * DAY) == Streak(0)


def test_a_habit_that_was_never_done_has_no_run_no_best_and_no_days():
    never = bitmap.empty(HABIT, "ada")

    assert bitmap.current_run(never, BASE) == bitmap.best_run(never) == Streak(0)
    assert bitmap.done_days(never, date.min, date.max) == []
    assert not bitmap.is_done(never, date.min)
    assert not bitmap.is_earned(never, date.min)
    assert bitmap.set_day(never, BASE, 5, done=False) == never._replace(rev=5)
    assert bitmap.set_done(never, [], 5) == never._replace(rev=5)


def _fact(number: int, day: date, credit):
    at = datetime.combine(day, time(12), UTC)
    return CheckIn(UUID(int=number), HABIT, "ada", day, at, "UTC", None, credit, "app", at)
