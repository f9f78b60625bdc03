"""The example of a backend is installed as a user would, opens by its URL, and passes its tests."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLE = Path(__file__).parents[2] / "examples" / "custom_backend"
EXPECTED_SKIPS = (
    "does not support the module 'coins.audit'",
    "does not support the module 'coins.expiring'",
    "the backend supports exact limits",
    "the class does not declare 'publishes'",
)


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """The environment of a process in which the example is installed."""
    pytest.importorskip("hatchling", reason="a package is built by hatchling")
    site = tmp_path_factory.mktemp("site")
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "install", "--quiet"]
    run(
        [*pip, "--no-index", "--no-deps", "--no-build-isolation", "--target", site, EXAMPLE],
        PIP_ROOT_USER_ACTION="ignore",
    )
    return {"PYTHONPATH": os.pathsep.join([str(site), *filter(None, sys.path)])}


def test_it_opens_by_its_url(installed, tmp_path):
    program = (
        "from habitkit import HabitKit, Schedule\n"
        "with HabitKit.open('sqlite3:///habits.db') as kit:\n"
        "    run = kit.habits.create('ada', 'Run', Schedule.daily())\n"
        "    print(kit.habits.check_in(run.id).coins)\n"
    )

    said = run([sys.executable, "-W", "error", "-c", program], cwd=tmp_path, **installed)

    assert said == "10\n"
    assert (tmp_path / "habits.db").exists()


@pytest.mark.timeout(300)
def test_it_passes_the_contracts(installed, tmp_path):
    said = run(
        [sys.executable, "-m", "pytest", "-q", "-rs", "-p", "no:cacheprovider", EXAMPLE / "tests"],
        cwd=tmp_path,
        HYPOTHESIS_STORAGE_DIRECTORY=str(tmp_path),
        PYTHONDONTWRITEBYTECODE="1",
        **installed,
    )

    assert " passed" in said
    skipped = [line for line in said.splitlines() if line.startswith("SKIPPED")]
    assert all(line.endswith(EXPECTED_SKIPS) for line in skipped), said


def run(command, cwd=None, **environment):
    """Run a program to its end and return what it printed."""
    done = subprocess.run(
        command,
        cwd=cwd,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
