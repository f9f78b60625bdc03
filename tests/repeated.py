"""Repeating a test of a broken backend whose race was not lost the first time."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]


def fails_again(test: str) -> bool:
    """Return whether a test fails in one of five more runs; an error is no failure."""
    command = [sys.executable, "-m", "pytest", "-rf", "-p", "no:cacheprovider", test]
    env = {name: value for name, value in os.environ.items() if "COV" not in name and name != "CI"}
    for _ in range(5):
        run = subprocess.run(
            command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=20, check=False
        )
        if "\nFAILED " in run.stdout:
            return True
    return False
