"""The benchmarks run, and the floor does what the kit does."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from benchmarks import by_hand, spend_by_hand
from benchmarks._ledger_fill import LEFT, OWNERS, drift, fill
from benchmarks._same import check_statements
from benchmarks.experiments import ANALYSES, ASSIGNMENTS
from benchmarks.experiments_on_sqlite import JOINS
from benchmarks.flags import CLIENT, TASKS
from benchmarks.metrics import QUANTILES
from benchmarks.metrics import TASKS as METRIC_TASKS
from benchmarks.metrics_on_stores import FLUSH, RULES
from benchmarks.quests import STORES as QUEST_STORES
from habitkit import HabitKit
from tests.redis_servers import find_redis
from tests.services import find_postgres

KINDS = {"at_least", 'quota(3, "week")', "travelled", "rolling(3, 7)", "rolling(1, 7)"}
ROOT = Path(__file__).parents[2]
STORES = {
    "memory",
    "memory, 10-year habit",
    "SQLite, FULL",
    "SQLite, NORMAL",
    "SQLite, NORMAL, 10-year habit",
    "SQLite, NORMAL, threaded",
    *(f"SQLite, NORMAL, {kind}" for kind in KINDS),
}
ON_POSTGRES = {
    "PostgreSQL, psycopg",
    "PostgreSQL, psycopg async",
    "PostgreSQL, asyncpg",
    *(f"PostgreSQL, psycopg, {kind}" for kind in KINDS),
}
SPENDS = {"memory", "SQLite, FULL", "SQLite, NORMAL"}
SPENDS_ON_POSTGRES = {
    "PostgreSQL",
    "PostgreSQL, post_many of 100",
    "PostgreSQL, hot wallet, 8 threads",
}


@pytest.mark.timeout(300)  # it makes some thirty databases
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
    spends = {row["name"] for row in figures["spend"]}
    assert spends == (SPENDS | SPENDS_ON_POSTGRES if find_postgres() else SPENDS)
    assert all(row["kit_us"] > 0 and row["other_us"] > 0 for row in figures["spend"])
    grown = {row["store"] for row in figures["growth"]}
    assert grown == ({"SQLite, NORMAL", "PostgreSQL"} if find_postgres() else {"SQLite, NORMAL"})
    for row in figures["spend"] + figures["growth"]:
        assert row["drift"] == {"coins": 0, "findings": 0}
    limits = {row["name"]: row["value"] for row in figures["limits"]}
    assert {f"acquire in memory, {who}, habitkit" for who in ("1 thread", "8 threads")} < {*limits}
    assert ("acquire on Redis, habitkit" in limits) is bool(find_redis())
    assert all(value > 0 for value in limits.values())
    flags = {row["name"]: row["value"] for row in figures["flags"]}
    assert {f"{task}, habitkit" for task in (*TASKS.values(), CLIENT)} < {*flags}
    assert all(value > 0 for value in flags.values())
    experiments = {row["name"]: row["value"] for row in figures["experiments"]}
    assert {f"an analysis, {name}, habitkit" for name in ANALYSES} < {*experiments}
    assert {f"an assignment, {name}, habitkit" for name in ASSIGNMENTS} < {*experiments}
    assert all(any(f"{name}, habitkit" in row for row in experiments) for name in JOINS)
    assert all(value > 0 for value in experiments.values())
    quests = {row["name"]: row["us"] for row in figures["quests"]}
    assert all(f"check-in, {store}, 200 rules and 20 quests" in quests for store in QUEST_STORES)
    assert [row["name"].split(",")[0] for row in figures["quests"]][-1] == "preview"
    assert all(value > 0 for value in quests.values())
    metrics = {row["name"]: row["value"] for row in figures["metrics"]}
    tasks = [f"record, {task}" for task in METRIC_TASKS]
    errors = [f"error in percent at p{q * 100:g}" for q in QUANTILES]
    assert {f"{task}, habitkit" for task in (*tasks, *errors, FLUSH, RULES)} < {*metrics}
    assert all(metrics[f"{error}, habitkit"] <= 1.0831 for error in errors)
    assert all(value > 0 for value in metrics.values())
    assert [row["program"] for row in figures["start_up"]][-1] == "import habitkit"
    assert "| import habitkit " in done.stdout


def test_the_floor_sends_what_the_kit_sends():
    check_statements()


@pytest.mark.parametrize(
    ("floor", "statement"),
    [(by_hand, "HABIT"), (spend_by_hand, "RECORD")],
)
def test_a_floor_that_sends_something_else_is_found_out(monkeypatch, floor, statement):
    monkeypatch.setattr(floor, statement, f"{getattr(floor, statement)} LIMIT 1")
    with pytest.raises(AssertionError, match=r"no longer does what the kit does(.|\n)*LIMIT"):
        check_statements()


def test_a_coin_that_a_side_loses_is_drift(tmp_path):
    path = tmp_path / "ledger.db"
    before = len(OWNERS) * LEFT
    with HabitKit.open(f"sqlite:///{path}") as kit, closing(sqlite3.connect(path)) as raw:
        fill(kit)
        assert not drift(kit, raw.execute, before, 0)
        raw.execute(
            "UPDATE habitkit_accounts SET balance = balance - 1 "
            "WHERE owner = 'owner0' AND role = 'wallet'"
        )
        raw.commit()
        lost = drift(kit, raw.execute, before, 0)
    assert lost.coins == 3, "against what succeeded, against zero, against the entries"
    assert lost.findings
