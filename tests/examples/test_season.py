"""The season is played to its end, and what it prints is what its plans lead to."""

import os
import re
import subprocess
import sys
from pathlib import Path

from habitkit import HabitKit

SCRIPT = Path(__file__).parents[2] / "examples" / "season.py"


def season(*arguments: str, place: Path, status: int = 0) -> subprocess.CompletedProcess[str]:
    run = subprocess.run(
        [sys.executable, "-W", "error", SCRIPT, *arguments],
        cwd=place,
        env={**os.environ, "COLUMNS": "150"},
        capture_output=True,
        encoding="utf-8",
        timeout=100,
        check=False,
    )
    assert run.returncode == status, run.stdout + run.stderr
    return run


def rows(text: str, name: str) -> list[list[str]]:
    """Return the cells of the rows of tables that begin with a name."""
    found = [line for line in text.splitlines() if re.match(rf"{name} {{2,}}", line)]
    return [re.split(r" {2,}", line.strip()) for line in found]


def test_a_season_is_previewed_played_and_kept_in_the_file_that_was_named(tmp_path):
    said = season("--database", "season.db", place=tmp_path).stdout
    parts = re.split(r"^[1-6]\. .+$", said, flags=re.MULTILINE)
    _, preview, begin, undo, end, journal, final = parts

    assert rows(preview, "completion") == [  # 29 runs in the two weeks before
        ["completion", "coin", "29", "290", "290", "+0"],
        ["completion", "xp", "29", "290", "0", "+290"],
    ]
    assert rows(preview, "streak")[0] == ["streak", "coin", "2", "125", "100", "+25"]
    assert rows(begin, "(?:ada|ben|cho)") == [  # only the first achievement is backdated
        [owner, f"{before} of 10", "0 of 20", "0 of 27", "spring"]
        for owner, before in (("ada", 10), ("ben", 10), ("cho", 5))
    ]
    assert "cannot start quest 'unbroken'" in begin
    assert undo.split("\n")[2:5] == [
        "ben, before: 140 coins, badges ['10']",
        "ben, checked in for the fifth time this week: 180 coins, badges ['10', 'steady']",
        "ben, undone: 140 coins, badges ['10']",
    ]
    assert re.findall(r"(\w+): Twenty days in spring, (\d+) of 20, (\w+)", end) == [
        ("ada", "20", "CLAIMED"),
        ("ben", "20", "CLAIMED"),
        ("cho", "9", "EXPIRED"),
    ]
    assert "emitted 3 events: quests that have expired" in end
    days = {what: journal.partition(what)[0].splitlines()[-1][:16] for what in ("freeze", "laces")}
    assert days == {"freeze": "Thu 12 Mar   ada", "laces": "Wed 18 Mar   ada"}
    assert rows(final, "ben") == [
        ["ben", "4 of 4", "20 of 20, CLAIMED", "5 of 30, EXPIRED"],
        ["ben", "5 days", "620", "6 (+0 xp)", "0", "10, steady, 20, spring", "water-bottle"],
    ]
    assert "nothing to repair" in final

    assert [file.name for file in tmp_path.iterdir()] == ["season.db"]
    with HabitKit.open(f"sqlite:///{tmp_path / 'season.db'}") as kit:
        coins = {owner: kit.coins.balance(owner).posted for owner in ("ada", "ben", "cho")}
        assert coins == {
            "ada": (14 * 10 + 2 * 50) + 27 * 10 + 3 * 75 + 4 * 30 + 200 + 100,
            "ben": 10 * 10 + 20 * 10 + 4 * 30 + 200,
            "cho": 5 * 10 + 9 * 10 + 30,
        }
        xp = {owner: kit.coins.balance(owner, "xp").posted for owner in coins}
        assert xp == {"ada": 27 * 10 + 4 * 50 + 100, "ben": 20 * 10 + 4 * 50 + 100, "cho": 90 + 50}
        assert [it.name for it in kit.quests.badges("cho")] == ["10", "steady"]
        assert kit.quests.items("ada") == {"water-bottle": 1, "golden-laces": 1}


def test_a_file_that_exists_is_refused(tmp_path):
    (tmp_path / "season.db").touch()
    run = season("--database", "season.db", place=tmp_path, status=2)
    assert "expected a file that does not exist, got season.db" in run.stderr
