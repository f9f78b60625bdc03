"""The small program with a flag, as a process of its own."""

import subprocess
import sys
from pathlib import Path

SCRIPT = Path(__file__).parents[2] / "examples" / "flags.py"


def test_the_flag_is_on_for_a_share_until_it_is_switched_off_and_on_again(tmp_path):
    said = [
        subprocess.run(
            [sys.executable, "-W", "error", SCRIPT, *wish],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        ).stdout.splitlines()
        for wish in ([], ["off"], ["on"])
    ]

    assert [lines[:2] for lines in said] == [
        ["255 of 1001 have the quests", "ada: True, TARGETING_MATCH"],
        ["0 of 1001 have the quests", "ada: False, DISABLED"],
        ["255 of 1001 have the quests", "ada: True, TARGETING_MATCH"],
    ]
    assert said[2][2:] == [
        "  revision 3: toggle by ada, switched on",
        "  revision 2: toggle by ada, switched off",
        "  revision 1: put by ada, the new quests",
    ]
    assert [file.name for file in tmp_path.iterdir()] == ["habits.db"]
