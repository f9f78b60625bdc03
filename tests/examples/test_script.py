"""The script of a dozen lines, as a process of its own."""

import subprocess
import sys
from pathlib import Path

SCRIPT = Path(__file__).parents[2] / "examples" / "script.py"


def test_the_script_keeps_one_habit_however_often_it_runs(tmp_path):
    said = [
        subprocess.run(
            [sys.executable, "-W", "error", SCRIPT],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        ).stdout
        for _ in range(2)
    ]

    for text in said:
        assert "a streak of " in text
        assert text.endswith(" coins in the wallet\n")
    assert said[0].splitlines()[0].endswith("a streak of 1, 10 coins earned")
    assert [file.name for file in tmp_path.iterdir()] == ["habits.db"]
