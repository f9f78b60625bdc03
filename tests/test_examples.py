"""Every program in examples/ runs to its end, without a warning."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
LARGE = {"experiment.py", "two_workers.py"}  # the tests of these are in tests/examples
PROGRAMS = sorted(it for it in (ROOT / "examples").glob("*.py") if it.name not in LARGE)


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda path: path.stem)
def test_the_example_runs(program, tmp_path):
    run = subprocess.run(
        [sys.executable, "-W", "error", program],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )

    assert run.returncode == 0, run.stdout + run.stderr
