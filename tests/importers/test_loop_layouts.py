"""Every layout that Loop has written, and exports that users have packed anew."""

from collections.abc import Callable
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Literal

import pytest

from habitkit.habits.domain import loop
from habitkit.importers.errors import ImportRefused
from habitkit.importers.loop_csv import LoopHabit, LoopValue, read
from tests.importers.loop_files import (
    LAYOUTS,
    NEWER_HEADER,
    OLDER_HEADER,
    PLAIN,
    READ,
    REPACKED,
    RUN,
    Files,
    write_folder,
    write_zip,
)

Pack = Callable[[Files], Path]


@pytest.fixture(params=[write_folder, write_zip], ids=["folder", "zip"])
def pack(request: pytest.FixtureRequest, tmp_path: Path) -> Pack:
    return lambda files: request.param(tmp_path / "export", files)


def days(habit: LoopHabit) -> list[tuple[int, LoopValue]]:
    return [(entry.day.day, entry.value) for entry in habit.entries]


@pytest.mark.parametrize(
    "files", [*LAYOUTS.values(), *REPACKED.values()], ids=[*LAYOUTS, *REPACKED]
)
def test_each_layout_gives_the_same_days(pack: Pack, files: Files) -> None:
    export = read(pack(files))
    by_name = {habit.name.title(): habit for habit in export.habits}
    assert sorted(by_name) == ["Read", "Run"]
    assert days(by_name["Read"]) == [(5, LoopValue.YES_MANUAL)]
    assert days(by_name["Run"]) == [
        (2, LoopValue.YES_MANUAL),
        (3, LoopValue.YES_AUTO),
        (4, LoopValue.NO),
        (5, LoopValue.YES_MANUAL),
    ]
    assert export.remarks == ()


def test_the_first_versions_exported_no_frequency_which_is_remarked(pack: Pack) -> None:
    files = {"Run/Walk/checkmarks.csv": RUN, "Read/checkmarks.csv": ""}
    names = {habit.name: habit for habit in read(pack(files)).habits}
    assert sorted(names) == ["Read", "Run/Walk"]
    assert names["Read"].remarks == (
        "this version of Loop exported no frequency; imported as due every day",
    )


def test_a_slash_in_a_name_makes_a_folder_in_a_folder(pack: Pack) -> None:
    header = "Name,Description,NumRepetitions,Interval,Color\n"
    files = {"Habits.csv": f"{header}Run/Walk,,1,1,#000\n", "001 Run/Walk/Checkmarks.csv": RUN}
    (habit,) = read(pack(files)).habits
    assert (habit.name, len(habit.done_days)) == ("Run/Walk", 2)


@pytest.mark.parametrize("second", ["Run", "Run "])
@pytest.mark.parametrize("table", [False, True])
def test_two_habits_of_one_name_keep_their_own_days(
    pack: Pack, second: str, *, table: bool
) -> None:
    files = {"Habits.csv": f"{OLDER_HEADER}001,Run,,,1,1,#000\n002,{second},,,1,1,#000\n"}
    if table:
        files["Checkmarks.csv"] = "Date,Run,Run,\n2026-01-05,2,2,\n2026-01-02,2,0,\n"
    else:
        files |= {"001 Run/Checkmarks.csv": RUN, "002 Run/Checkmarks.csv": READ}
    first, other = read(pack(files)).habits
    assert [len(first.done_days), len(other.done_days)] == [2, 1]
    assert [first.namesake, other.namesake] == [1, 2]


def test_the_export_of_one_habit_names_those_that_it_only_lists(pack: Pack) -> None:
    files = {name: content for name, content in PLAIN.items() if "Read" not in name}
    export = read(pack(files))
    assert [habit.name for habit in export.habits] == ["Run"]
    assert export.remarks == ("'Read' is listed in Habits.csv, but its days are not in the export",)


def test_without_a_list_the_folders_of_later_versions_are_refused(pack: Pack) -> None:
    files = {name: content for name, content in PLAIN.items() if name != "Habits.csv"}
    with pytest.raises(ImportRefused, match="has no such file"):
        read(pack(files))


@pytest.mark.parametrize("end", [0.3, 0.6, 0.9, 0.99])
def test_a_truncated_zip_is_refused(tmp_path: Path, end: float) -> None:
    path = write_zip(tmp_path, PLAIN)
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * end)])
    with pytest.raises(ImportRefused) as caught:
        read(path)
    assert caught.value.file == "export.zip"


# --- targets of versions that exported none --------------------------------------------------

FIRST = date(2026, 1, 1)
AMOUNTS = (60_000, 90_000, 0, 120_000, 30_000, 80_000, 200_000)


def untyped(
    target: str, kind: Literal["at_least", "at_most"], den: int = 1, scores: str | None = None
) -> Files:
    """Make an export of version 2.0: amounts and scores, but no target."""
    marks = {FIRST + timedelta(days=n): amount for n, amount in enumerate(AMOUNTS)}
    computed = loop.scores(
        marks,
        frequency=loop.Frequency(1, den),
        end=max(marks),
        target=loop.Target(Decimal(target), kind),
    )
    return {
        "Habits.csv": f"{OLDER_HEADER}001,Coffee,,,1,{den},#000\n",
        "001 Coffee/Checkmarks.csv": "".join(f"{day},{mark}\n" for day, mark in marks.items()),
        "001 Coffee/Scores.csv": scores
        or "".join(f"{day},{score:.4f}\n" for day, score in computed.items()),
    }


@pytest.mark.parametrize("den", [1, 7])
@pytest.mark.parametrize("kind", ["at_least", "at_most"])
@pytest.mark.parametrize("target", ["80", "75.5"])
def test_a_missing_target_and_its_direction_are_found_in_the_scores(
    pack: Pack, target: str, kind: Literal["at_least", "at_most"], den: int
) -> None:
    (habit,) = read(pack(untyped(target, kind, den))).habits
    assert (habit.at_most, habit.target) == (kind == "at_most", Decimal(target))
    words = kind.replace("_", " ")
    assert habit.remarks == (f"target inferred from Scores.csv: {words} {target}",)


def test_scores_that_fit_no_target_leave_the_direction_unknown(pack: Pack) -> None:
    scores = "".join(f"{FIRST + timedelta(days=n)},0.5000\n" for n in range(7))
    (habit,) = read(pack(untyped("80", "at_most", scores=scores))).habits
    assert (habit.at_most, habit.target) == (None, None)
    assert habit.remarks == (
        "the export does not say whether the target is a minimum or a maximum",
    )


def test_damaged_scores_are_refused_where_they_are_needed(pack: Pack) -> None:
    with pytest.raises(ImportRefused) as caught:
        read(pack(untyped("80", "at_most", scores="2026-01-01,0.9\n2026-01-02,many\n")))
    assert (caught.value.file, caught.value.line) == ("001 Coffee/Scores.csv", 2)


def test_a_type_without_a_direction_is_looked_up_as_well(pack: Pack) -> None:
    row = "001,Coffee,NUMERICAL,,,1,1,#000,cups,,80,false\n"
    files = {**untyped("80", "at_most"), "Habits.csv": NEWER_HEADER + row}
    (habit,) = read(pack(files)).habits
    assert (habit.at_most, habit.target) == (True, Decimal(80))
