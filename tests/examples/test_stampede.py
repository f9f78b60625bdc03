"""The picture in the docs is the one that the example draws."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_picture_in_the_docs_is_what_caches_do_today():
    run = subprocess.run(
        [sys.executable, "-W", "error", ROOT / "examples" / "stampede.py"],
        capture_output=True,
        encoding="utf-8",
        timeout=100,
        check=True,
    )
    drawn = (ROOT / "docs" / "images" / "stampede.svg").read_text("utf-8")
    assert run.stdout == drawn, "run python examples/stampede.py > docs/images/stampede.svg"


def test_the_picture_shows_a_stampede_without_single_flight_alone():
    drawn = (ROOT / "docs" / "images" / "stampede.svg").read_text("utf-8")
    assert [
        drawn.count(f">{calls}, longest") for calls in ("50 loader calls", "1 loader call")
    ] == [
        1,
        3,
    ]
