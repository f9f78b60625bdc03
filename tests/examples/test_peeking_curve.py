"""The picture of peeking in the docs is the one that the example draws."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_picture_in_the_docs_is_what_tests_find_today():
    run = subprocess.run(
        [sys.executable, "-W", "error", ROOT / "examples" / "peeking_curve.py"],
        capture_output=True,
        encoding="utf-8",
        timeout=100,
        check=True,
    )
    drawn = (ROOT / "docs" / "images" / "peeking-curve.svg").read_text("utf-8")
    command = "python examples/peeking_curve.py > docs/images/peeking-curve.svg"
    assert run.stdout == drawn, f"run {command}"
