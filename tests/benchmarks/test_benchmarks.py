"""The benchmarks run, and the floor does what the kit does."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks import by_hand
from benchmarks._same import check_statements
from tests.services import find_postgres

ROOT = Path(__file__).parents[2]
STORES = {
    "memory",
    "memory, 10-year habit",
    "SQLite, FULL",
    "SQLite, NORMAL",
    "SQLite, NORMAL, 10-year habit",
    "SQLite, NORMAL, threaded",
}
ON_POSTGRES = {"PostgreSQL, psycopg", "PostgreSQL, psycopg async", "PostgreSQL, asyncpg"}


def test_a_quick_run_measures_every_store_and_prints_the_tables(tmp_path):
    path = tmp_path / "figures.json"
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks", "--quick", "--json", path],
        check=False,
        cwd=ROOT,
        capture_output=True,
        text=True,
        encoding="utf-8",
        env={**os.environ, "PYTHONIOENCODING": "utf-8"},
    )
    assert done.returncode == 0, done.stderr
    figures = json.loads(path.read_text())
    measured = {row["store"] for row in figures["check_in"]}
    expected = STORES | ON_POSTGRES if find_postgres() else STORES
    assert measured == expected
    for store in expected:
        assert f"| {store} " in done.stdout
    assert all(row["kit_us"] > 0 and row["floor_us"] > 0 for row in figures["check_in"])
    assert [row["program"] for row in figures["start_up"]][-1] == "import habitkit"
    assert "| import habitkit " in done.stdout


def test_the_floor_sends_what_the_kit_sends():
    check_statements()


def test_a_floor_that_sends_something_else_is_found_out(monkeypatch):
    monkeypatch.setattr(by_hand, "OWNER_OF", f"{by_hand.OWNER_OF} LIMIT 1")
    with pytest.raises(AssertionError, match=r"no longer does what the kit does(.|\n)*LIMIT"):
        check_statements()
