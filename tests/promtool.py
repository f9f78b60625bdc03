"""Prometheus' own program that checks files."""

from __future__ import annotations

import subprocess
from pathlib import Path

from tests.conftest import without_service
from tests.prometheus_servers import find
from tests.services import ServiceMissing

__all__ = ["promtool"]


def promtool(*arguments: str | Path) -> None:
    """Run promtool, and expect that it agrees; skip or fail the test if it is not there."""
    program, missing = "", ""
    try:
        program = find("promtool")
    except ServiceMissing as error:
        missing = str(error)
    if missing:
        without_service(missing)
    done = subprocess.run([program, *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
