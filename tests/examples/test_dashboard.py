"""The dashboard as a user starts it: on the sample, on a file, on what is no such file."""

import os
import re
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest

from habitkit import FreezeRule, Goal, HabitKit, Schedule

PROGRAM = Path(__file__).parents[2] / "examples" / "dashboard.py"
DAY_NAMES = "Mon|Tue|Wed|Thu|Fri|Sat|Sun"


def dashboard(
    place: Path, *arguments: str, status: int = 0, **settings: str
) -> subprocess.CompletedProcess[str]:
    run = subprocess.run(
        [sys.executable, "-W", "error", str(PROGRAM), *arguments],
        cwd=place,
        env={**os.environ, "COLUMNS": "80", "PYTHONIOENCODING": "utf-8", **settings},
        capture_output=True,
        encoding="utf-8",
        timeout=100,
        check=False,
    )
    assert run.returncode == status, run.stdout + run.stderr
    return run


def maps(text: str) -> list[str]:
    """Return the weeks of each habit, seven lines of 53 marks, one habit below the other."""
    drawn = re.findall(rf"^(?:{DAY_NAMES}) (.{{53}})", text, re.MULTILINE)
    return ["\n".join(drawn[at : at + 7]) for at in range(0, len(drawn), 7)]


# --- the sample ------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """The folder in which the sample was shown."""
    return tmp_path_factory.mktemp("sample")


@pytest.fixture(scope="module")
def sample(place):
    """What the sample shows, at a width of 80."""
    return dashboard(place, "--sample").stdout


def test_the_sample_shows_habits_that_stand_differently_and_leaves_nothing_behind(sample, place):
    said = sample
    assert re.search(
        r"^Meditate +■ done +safe +337 +337 +0 +30 h █████ 100% +2", said, re.MULTILINE
    )
    assert re.search(r"^Gym +- exempt +safe +62 +62 +0 +30 h █████ 100% +2", said, re.MULTILINE)
    assert re.search(r"^Pay the rent +- exempt +repairable +0 +10 +████░ +71%", said, re.MULTILINE)
    assert re.search(r"^Swim in the +○ open +at risk +8 +37 +0 +6 h ", said, re.MULTILINE)
    drawn = maps(said)
    assert len(drawn) == 8
    assert set("".join(drawn)) == set("■▣·○- \n")
    assert "    best: 337 from 2025-07-01" in said
    assert list(place.iterdir()) == []


@pytest.mark.parametrize("columns", [80, 130])
def test_it_stays_within_the_width_and_without_mode_in_a_pipe(tmp_path, sample, columns):
    said = dashboard(tmp_path, COLUMNS=str(columns)).stdout
    assert (said == sample) is (columns == 80), "without arguments it shows the sample"
    assert max(map(len, said.splitlines())) <= columns
    assert "…" not in said
    assert "\x1b" not in said


# --- a file of one's own ---------------------------------------------------------------------


def test_a_file_shows_the_habits_of_one_owner_as_they_are_today(tmp_path):
    with HabitKit.open(f"sqlite:///{tmp_path / 'mine.db'}") as kit:
        walk = kit.habits.create("ada", "Walk", Schedule.daily(), freezes=FreezeRule(2, 1))
        today = kit.streaks.state(walk.id).today
        kit.habits.backfill(walk.id, [today - timedelta(days=ago) for ago in (1, 2, 4)], source="t")
        kit.habits.create("ada", "Read", Schedule.daily(), Goal.at_least(5, "pages"))
        kit.habits.archive(kit.habits.create("ada", "Old", Schedule.daily()).id)
        kit.habits.create("bob", "Swim", Schedule.daily())

    said = dashboard(tmp_path, "mine.db", "--owner", "ada").stdout

    assert re.search(r"^Walk +○ open +protected +2 +2 +0 +\d+ h ", said, re.MULTILINE)
    assert re.search(r"^Read +○ open +none +0 +0 +░░░░░ +0%", said, re.MULTILINE)
    assert "Old" not in said
    assert "Swim" not in said
    walked, read = maps(said)
    assert [walked.count(mark) for mark in "■·○"] == [3, 1, 1]
    assert [read.count(mark) for mark in "■·○"] == [0, 0, 1]


def test_an_owner_without_habits_is_no_trouble(tmp_path):
    HabitKit.open(f"sqlite:///{tmp_path / 'mine.db'}").close()
    said = dashboard(tmp_path, "mine.db", "--owner", "[red]eve").stdout
    assert said == "[red]eve has no habits here.\n"


def test_a_title_cannot_steer_the_terminal(tmp_path):
    with HabitKit.open(f"sqlite:///{tmp_path / 'mine.db'}") as kit:
        kit.habits.create("you", "[red]\x1b[31mRun", Schedule.daily())
    said = dashboard(tmp_path, "mine.db").stdout
    assert "\x1b" not in said
    assert "    [red]?[31mRun" in said


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nowhere.db"], "there is no file 'nowhere.db'"),
        (["mine.txt", "--sample"], "not allowed with argument"),
        (["mine.txt", "--owner", ""], "owner: expected"),
    ],
)
def test_what_cannot_be_used_is_said_in_a_line_or_two(tmp_path, arguments, said):
    (tmp_path / "mine.txt").touch()
    run = dashboard(tmp_path, *arguments, status=2)
    assert said in run.stderr
    assert "Traceback" not in run.stderr
