"""The demo as a user starts it: once, twice, with exports of all kinds, interrupted."""

import os
import re
import shutil
import signal
import subprocess
import sys
import zipfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from habitkit import HabitKit

EXAMPLES = Path(__file__).parents[2] / "examples"
SAMPLE = EXAMPLES / "data" / "loop-export"
COMMAND = [sys.executable, "-W", "error", str(EXAMPLES / "demo.py")]


def demo(
    place: Path, *arguments: str, status: int = 0, **settings: str
) -> subprocess.CompletedProcess[str]:
    run = subprocess.run(
        [*COMMAND, *arguments],
        cwd=place,
        env={**os.environ, "PYTHONIOENCODING": "utf-8", **settings},
        capture_output=True,
        encoding="utf-8",
        timeout=100,
        check=False,
    )
    assert run.returncode == status, run.stdout + run.stderr
    return run


def part(text: str, title: str, next_title: str) -> str:
    return text.partition(title)[2].partition(next_title)[0]


def ledger(text: str) -> list[list[str]]:
    """Return the rows of the ledger as words."""
    table = part(text, "5. The ledger", "6. Limit")
    return [line.split() for line in table.splitlines() if re.match(r" *\d+ ", line)]


def write_export(place: Path, name: str = "Run", *days: str) -> Path:
    place.mkdir()
    (place / "Habits.csv").write_text(
        f"Position,Name,Question,Description,NumRepetitions,Interval,Color\n001,{name},,,1,1,#000\n"
    )
    (place / "001 x").mkdir()
    (place / "001 x" / "Checkmarks.csv").write_text("".join(f"{day},2\n" for day in days))
    return place


# --- the tour --------------------------------------------------------------------------------


def test_the_demo_imports_the_sample_and_prints_where_everything_is(tmp_path):
    said = demo(tmp_path).stdout

    assert "1720/1720 days" in said
    assert "loop-export: 5 habits, 5 of them new; 1,720 new days, 0 known." in said
    assert "Today is Sunday, 1 November 2026" in said
    assert re.search(r"Meditate +0 days +28 days +2025-11-01 +2025-11-28", said)
    assert re.search(r"Go for a run +47 days +121 days +\S+ +\S+ +47, 121\n", said)
    assert "Go for a run: due on 3 of 7 days, in Loop and here" in said
    assert re.search(r"Read before bed +1 day +14 days +2026-06-23 +2026-07-06", said)
    maps = re.findall(r"(?:^(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun) [■·]{53}\n){7}", said, re.MULTILINE)
    counts = re.findall(r"■ done   · not done   (\d+) of 371 days", said)
    assert [str(drawn.count("■")) for drawn in maps] == counts
    assert counts == ["288", "270", "216", "127", "74"]
    assert "InsufficientFunds: cannot take" in said
    assert ledger(said) == [
        ["1", "award:", "for", "a", "visit", "+40", "40"],
        ["2", "reward", "+10", "50"],
        ["3", "spend:", "a", "coffee", "-25", "25"],
        ["4", "correction", "-10", "15"],
    ]
    assert str(tmp_path / "habitkit-demo.db") in said
    assert [file.name for file in tmp_path.iterdir()] == ["habitkit-demo.db"]


def test_the_demo_a_second_time_doubles_nothing_and_says_so(tmp_path):
    first = demo(tmp_path).stdout
    second = demo(tmp_path).stdout

    assert "5 habits, 0 of them new; 0 new days, 1,720 known." in second
    assert "nothing happened twice" in second
    assert "nothing happened twice" not in first
    assert ledger(second) == ledger(first)
    with HabitKit.open(f"sqlite:///{tmp_path / 'habitkit-demo.db'}") as kit:
        assert len(kit.habits.list("you")) == 5
        assert kit.coins.balance("you").posted == 15


def test_the_demo_limits_attempts_and_allows_one_when_its_time_has_come(tmp_path):
    first, second = [part(demo(tmp_path).stdout, "6. Limit", "7. Cache") for _ in range(2)]

    rows = [line.split() for line in first.splitlines() if re.match(r"\d  ", line)]
    assert [row[1:] for row in rows] == [
        *(["yes", str(left)] for left in (4, 3, 2, 1, 0)),
        *[["no", "0", "12", "s"]] * 3,
    ]
    headers = ['RateLimit-Policy: "5/min";q=5;w=60', 'RateLimit: "5/min";r=0;t=60']
    assert all(header in first for header in [*headers, "Retry-After: 12"])
    assert "12 seconds later the next one is allowed." in first
    assert second == first


def test_the_demo_computes_a_report_once_and_again_when_its_tag_is_invalidated(tmp_path):
    said = demo(tmp_path).stdout
    shown = part(said, "7. Cache", "8. Change")

    rows = re.findall(r"^(.+?)  +[\d,.]+ (?:ms|µs) +(\d+) +(yes|no)$", shown, re.MULTILINE)
    days = int(rows[0][1])
    assert days >= sum(map(int, re.findall(r"(\d+) of 371 days", said)))
    assert rows == [
        ("first call", f"{days}", "yes"),
        ("second call", f"{days}", "no"),
        ("after a check-in", f"{days}", "no"),
        ('after invalidating the tag "you"', f"{days + 1}", "yes"),
    ]
    assert "50 threads ask at once: the report is computed 1 time" in " ".join(shown.split())


def test_the_demo_changes_a_flag_that_another_process_sees_within_its_interval(tmp_path):
    said = demo(tmp_path).stdout

    shown = part(said, "8. Change a flag", "9. Compare")
    rows = re.findall(r"^([a-z ]+?)  +(\d+) of 1,000 +(\w+) +(\d+) ms$", shown, re.MULTILINE)
    assert [row[:3] for row in rows] == [
        ("on for a quarter", "253", "TARGETING_MATCH"),
        ("disabled", "0", "DISABLED"),
        ("enabled", "253", "TARGETING_MATCH"),
        ("rolled back", "0", "STATIC"),
    ]
    assert all(int(row[3]) < 2000 for row in rows)  # 200 ms and what a busy machine adds
    assert "revision: put, toggle, toggle, rollback." in " ".join(shown.split())


@pytest.fixture(scope="module")
def said(tmp_path_factory):
    return demo(tmp_path_factory.mktemp("demo")).stdout


def test_the_demo_compares_two_variants_and_decides(said):
    shown = " ".join(part(said, "9. Compare", "10. Set").split())

    assert "2,000 simulated owners evaluate" in shown
    row = re.search(r"checked in ([\d.]+)% ([\d.]+)% \+([\d.]+)% \+([\d.]+)% to \+([\d.]+)%", shown)
    assert row is not None, shown
    plain, friendly, effect, low, high = map(float, row.groups())
    assert effect == pytest.approx(friendly - plain, abs=0.11)
    assert 0 < low < 8 < high, "the true difference is in the interval"
    assert "Decision: ship friendly. friendly: checked in is better" in shown


def test_the_demo_completes_a_quest_and_takes_its_reward_back(said):
    shown = part(said, "10. Set a quest", "11. Watch")

    rows = re.findall(
        r"^(check-in \d|undo.*?)  +(\d) of 5 +(\w+) +(\S+) +(\w+)", shown, re.MULTILINE
    )
    assert [row[1:] for row in rows] == [
        *((str(day), "ACTIVE", "+10", "none") for day in (1, 2, 3, 4)),
        ("5", "COMPLETED", "+110", "five"),
        ("4", "ACTIVE", "-110", "none"),
    ]
    assert re.search(r"completion +coin +5 +60 +50 +\+10", shown), shown
    assert re.search(r"completion +xp +5 +25 +0 +\+25", shown), shown


def test_the_demo_fires_an_alert_tells_it_and_its_end_and_stays_ready_with_a_warning(said):
    shown = part(said, "11. Watch requests", "All of it")

    rows = re.findall(
        r"^(\d+) min +300 +(\d+) ms +(\d+) ms +([\d.]+)% +(\S+) +(\S+) +200, (\w+)$",
        shown,
        re.MULTILINE,
    )
    assert [row[4:] for row in rows] == [
        *[("-", "-", "pass")] * 3,
        *[("pending", "-", "warn")] * 2,
        ("firing", "firing", "warn"),
        *[("firing", "-", "warn")] * 2,
        ("-", "resolved", "pass"),
        *[("-", "-", "pass")] * 3,
    ]
    assert all((float(row[3]) > 20) == (int(row[1]) > 100) == (row[6] == "warn") for row in rows)
    assert re.search(r"firing: \d+% of the requests fail\n +resolved: ", shown), shown
    found, exact = map(float, re.findall(r"is ([\d.]+) ms", " ".join(shown.split())))
    assert found == pytest.approx(exact, rel=0.0109)


def test_each_new_day_begins_anew(tmp_path):
    days = ("2026-11-01", "2026-11-02")
    first, second = [demo(tmp_path, "--today", day).stdout for day in days]
    assert "nothing happened twice" not in first + second
    assert [row[-1] for row in ledger(second)] == ["40", "50", "25", "15", "55", "65", "40", "30"]


@pytest.mark.parametrize("columns", [80, 120])
def test_without_a_terminal_it_stays_within_the_width_and_without_mode(tmp_path, columns):
    said = demo(tmp_path, COLUMNS=str(columns)).stdout
    *lines, place, _ = said.splitlines()
    assert "All of it is in" in place  # a path is never broken
    assert max(map(len, lines)) <= columns
    assert "\x1b" not in said


def test_a_pipe_that_knows_no_squares_still_gets_the_map(tmp_path):
    run = subprocess.run(
        COMMAND,
        cwd=tmp_path,
        env={**os.environ, "PYTHONIOENCODING": "latin-1"},
        capture_output=True,
        encoding="latin-1",
        timeout=100,
        check=True,
    )
    assert "Mon ·?????·?·?????··" in run.stdout


# --- an export of one's own ------------------------------------------------------------------


def test_a_zip_and_a_file_of_choice(tmp_path):
    path = tmp_path / "Loop Habits CSV.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for file in SAMPLE.rglob("*.csv"):
            archive.write(file, file.relative_to(SAMPLE))
    arguments = [path.name, "--db", "mine.db", "--today", "2026-11-01"]

    assert "5 of them new; 1,720 new days, 0 known." in demo(tmp_path, *arguments).stdout
    assert "0 of them new; 0 new days, 1,720 known." in demo(tmp_path, *arguments).stdout
    assert sorted(file.name for file in tmp_path.iterdir()) == [path.name, "mine.db"]


def test_an_own_export_is_seen_from_today(tmp_path):
    now = datetime.now(UTC)
    days = [str(now.date() - timedelta(days=ago)) for ago in (1, 2, 3)]
    write_export(tmp_path / "mine", "Run", *days)
    said = demo(tmp_path, "mine").stdout
    assert re.search(r"Run +3 days +3 days", said)
    assert "check in: Run, streak 4 " in said
    assert "undo the check-in, streak 3 " in said


def test_an_export_without_habits_is_no_trouble(tmp_path):
    (tmp_path / "empty").mkdir()
    header = (SAMPLE / "Habits.csv").read_text().splitlines()[0]
    (tmp_path / "empty" / "Habits.csv").write_text(header)
    assert "The export holds no habits" in demo(tmp_path, "empty").stdout


def test_what_an_export_says_cannot_steer_the_terminal(tmp_path):
    write_export(tmp_path / "mine", "[red]\x1b[31mRun", "2026-01-01")
    said = demo(tmp_path, "mine", "--today", "2026-01-02").stdout
    assert "\x1b" not in said
    assert "check in: [red]?[31mRun, streak 2" in said
    refused = demo(tmp_path, "mine", "--today", "2025-12-31", status=2)
    assert "\x1b" not in refused.stderr
    assert "001 x/Checkmarks.csv, line 1: cannot check in for 2026-01-01" in refused.stderr


# --- refused ---------------------------------------------------------------------------------


def test_a_broken_export_is_refused_by_file_line_and_reason(tmp_path):
    shutil.copytree(SAMPLE, tmp_path / "mine")
    file = tmp_path / "mine" / "004 Practise guitar" / "Checkmarks.csv"
    lines = file.read_text().splitlines(keepends=True)
    lines[6] = "2026-02-30,YES_MANUAL,\n"
    file.write_text("".join(lines))

    run = demo(tmp_path, "mine", status=2)

    assert run.stderr == (
        "Cannot import mine, nothing was written.\n004 Practise guitar/Checkmarks.csv, line 7: "
        "expected a date like 2026-01-31, got '2026-02-30'\n"
    )
    assert [file.name for file in tmp_path.iterdir()] == ["mine"]


def test_an_export_from_the_future_is_refused_too(tmp_path):
    write_export(tmp_path / "mine", "Run", "2026-01-03")
    run = demo(tmp_path, "mine", "--today", "2026-01-02", status=2)
    assert "001 x/Checkmarks.csv, line 1: cannot check in for 2026-01-03" in run.stderr
    assert [file.name for file in tmp_path.iterdir()] == ["mine"]


def test_a_refusal_leaves_a_database_that_was_there_alone(tmp_path):
    demo(tmp_path)
    write_export(tmp_path / "mine", "Run", "2026-01-03")
    demo(tmp_path, "mine", "--today", "2026-01-02", status=2)
    demo(tmp_path, "nowhere", status=2)
    assert "0 new days, 1,720 known." in demo(tmp_path).stdout


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nowhere"], "nowhere: no such file or folder, or it cannot be read"),
        (["--tz", "Mars/Base"], "expected a zone such as Europe/Vienna, got 'Mars/Base'"),
        (["--today", "tomorrow"], "expected a day such as 2026-01-31, got 'tomorrow'"),
        (["--db", "no/such/folder.db"], "unable to open database file"),
        (["--db", "."], "unable to open database file"),
    ],
)
def test_what_cannot_be_used_is_said_in_a_line_or_two(tmp_path, arguments, said):
    run = demo(tmp_path, *arguments, status=2)
    assert said in run.stderr
    assert "Traceback" not in run.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["a?b.db", "a%20b.db", "a#b+c d.db", ":memory:"])
def test_everything_is_in_the_very_file_that_was_named(tmp_path, name):
    write_export(tmp_path / "mine", "Run", "2026-01-01")

    said = demo(tmp_path, "mine", "--db", name, "--today", "2026-01-02").stdout

    assert f"All of it is in {tmp_path / name}" in said
    assert {file.name for file in tmp_path.iterdir()} == {"mine", name}
    again = demo(tmp_path, "mine", "--db", name, "--today", "2026-01-02").stdout
    assert "0 new days, 1 known." in again


# --- interrupted -----------------------------------------------------------------------------


@pytest.fixture
def in_the_foreground():
    """Let the program hear the signal, which a job in the background and its children ignore."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("in_the_foreground")
def test_ctrl_c_ends_it_in_one_line_and_the_next_run_goes_on(tmp_path):
    place = tmp_path / "mine"
    place.mkdir()
    header, *_ = (SAMPLE / "Habits.csv").read_text().splitlines()
    habits, days = [header], (SAMPLE / "001 Meditate" / "Checkmarks.csv").read_text()
    for number in range(1, 41):  # some seconds of work
        habits.append(f"{number:03d},Habit {number},YES_NO,,,1,1,#000,,,,false")
        (place / f"{number:03d} x").mkdir()
        (place / f"{number:03d} x" / "Checkmarks.csv").write_text(days)
    (place / "Habits.csv").write_text("\n".join(habits))
    arguments = ["mine", "--today", "2026-11-01"]
    running = subprocess.Popen(
        [*COMMAND, *arguments],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
    )
    assert running.stdout is not None
    for line in running.stdout:
        if line.startswith("1. Take over"):
            break
    running.send_signal(signal.SIGINT)
    _, said = running.communicate(timeout=60)

    assert running.returncode == 130, said
    assert said == "\nStopped. What was done is kept; run it again to go on.\n"
    assert "40 habits" in demo(tmp_path, *arguments).stdout
    assert "0 of them new; 0 new days, 22,960 known." in demo(tmp_path, *arguments).stdout
