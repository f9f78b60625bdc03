"""What ``import habitkit`` costs: nothing that the host may never need."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from tests.architecture.source import PACKAGE, module_folders

HEAVY = [
    "aiosqlite",
    "asyncio",
    "asyncpg",
    "cattrs",
    "concurrent",
    "dateutil",
    "django",
    "fastapi",
    "flask",
    "greenlet",
    "habitkit.backends",
    "habitkit.contrib",
    "habitkit.importers",
    "habitkit.testing",
    "http",
    "hypothesis",
    "importlib.metadata",
    "psycopg",
    "pymemcache",
    "pytest",
    "redis",
    "rich",
    "sqlalchemy",
    "sqlite3",
    "ssl",
    "urllib.request",
    "zoneinfo",
]

SCRIPT = """
import json, sys

seen = []

def watch(event, arguments):
    if event.startswith(("socket.", "subprocess.", "os.system", "urllib.", "sqlite3.")):
        seen.append(event)
    if event == "open" and isinstance(arguments[1], str) and set(arguments[1]) & set("wax+"):
        seen.append(f"open {arguments[0]} for writing")

before = set(sys.modules)
sys.addaudithook(watch)
sys.dont_write_bytecode = True
%s
print(json.dumps({"modules": sorted(set(sys.modules) - before), "seen": seen}))
"""


def run(statements: str) -> dict[str, list[str]]:
    """Run statements in a fresh Python; return the modules it loaded and what it did meanwhile."""
    done = subprocess.run(
        [
            sys.executable,
            "-S",
            "-c",
            f"import sys; sys.path[:0] = {sys.path!r}\n" + SCRIPT % statements,
        ],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    found: dict[str, list[str]] = json.loads(done.stdout)
    return found


@pytest.fixture(scope="module")
def imported() -> dict[str, list[str]]:
    return run("import habitkit")


@pytest.mark.parametrize("module", HEAVY)
def test_importing_the_package_does_not_load(module, imported):
    assert not [name for name in imported["modules"] if f"{name}.".startswith(f"{module}.")]


def test_opening_a_store_of_the_packages_own_looks_for_no_installed_packages():
    loaded = run("import habitkit; habitkit.HabitKit.open('memory://')")["modules"]

    assert not {"importlib.metadata", "habitkit.habits.domain.words", "sqlalchemy"} & set(loaded)


def test_importing_the_package_loads_the_package(imported):
    assert {"habitkit", "habitkit.kit", "habitkit.habits.domain.model"} <= set(imported["modules"])


@pytest.mark.parametrize("module", sorted(module_folders()))
def test_a_service_that_nobody_uses_is_not_loaded(module, imported):
    assert f"habitkit.{module}.service" not in imported["modules"]


def test_importing_the_package_opens_no_connection_and_writes_no_file(imported):
    assert imported["seen"] == []


def test_the_watch_is_not_blind():
    assert run("import socket; socket.socket().close()")["seen"]


def test_a_whole_day_in_memory_needs_neither_a_database_nor_a_loop():
    loaded = run(
        "from habitkit.backends.memory import MemoryStore\n"
        "from habitkit import HabitKit, Schedule\n"
        "kit = HabitKit(MemoryStore())\n"
        "run = kit.habits.create('ada', 'Run', Schedule.daily())\n"
        "kit.habits.check_in(run.id)\n"
    )

    names = {name.split(".")[0] for name in loaded["modules"]}
    assert not names & {"sqlalchemy", "asyncio", "cattrs", "sqlite3"}
    assert loaded["seen"] == []


def test_the_plugin_for_pytest_loads_only_what_it_says():
    """pytest loads it in every project that has habitkit installed."""
    loaded = run("import habitkit.testing.plugin")["modules"]

    assert not {"sqlalchemy", "cattrs", "hypothesis"} & set(loaded)


def test_the_source_is_the_one_that_is_tested():
    import habitkit

    assert habitkit.__path__ == [str(PACKAGE)]
