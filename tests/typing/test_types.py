"""The type checkers agree with every line of api.py, the marked errors included."""

from __future__ import annotations

import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

FOLDER = Path(__file__).parent
ROOT = FOLDER.parents[1]
MARKS = re.compile(r"# type: ignore\[[\w, -]+\]  # pyright: ignore\[\w+\]$", re.MULTILINE)
LOOSE = re.compile(r"# (type|pyright): ignore")


def run(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", *command],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )


@pytest.mark.skipif(not find_spec("mypy"), reason="mypy is not installed; make check runs it")
def test_mypy_agrees() -> None:
    done = run("mypy", "tests/typing/api.py")

    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.slow
@pytest.mark.skipif(not find_spec("pyright"), reason="pyright is not installed; make check runs it")
def test_pyright_agrees() -> None:
    done = run("pyright", "--project", str(FOLDER), "--pythonpath", sys.executable)

    assert done.returncode == 0, done.stdout + done.stderr


def test_each_error_is_marked_for_both_checkers() -> None:
    """A mark that is not needed is an error for both; so each of these lines is proven wrong."""
    text = (FOLDER / "api.py").read_text("utf-8")

    assert len(MARKS.findall(text)) > 40
    assert len(LOOSE.findall(text)) == 2 * len(MARKS.findall(text))
