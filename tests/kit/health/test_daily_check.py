"""``kit.daily_check``: what is found once a day, in memory and in a SQLite file."""

from __future__ import annotations

import json
from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import habitkit.testing
from habitkit import HabitKit, Schedule, subscribe
from habitkit.__main__ import main
from habitkit.backends.memory import MemoryStore
from habitkit.backends.sqlalchemy import LATEST, SqlStore, sqlite_engine
from habitkit.backends.sqlalchemy.tables import schema_version
from habitkit.coins.settings import CoinSettings
from habitkit.errors import KitClosed, StoreError
from habitkit.events import Recorded
from habitkit.health import DailyReport, daily
from habitkit.health.domain.daily import DailyFinding, is_sampled, shortened
from habitkit.journal.domain.rules import MAX_DELIVERY_ATTEMPTS, MAX_MESSAGE_ATTEMPTS, retry_delay
from habitkit.quests.store import QUESTS
from habitkit.reactions import on
from habitkit.testing import TestKit

OWNERS = [f"owner {n}" for n in range(60)]
KEY = b"0123456789abcdef"


def ids(report: DailyReport) -> list[str]:
    return [it.id for it in report.findings]


def month(kit: TestKit) -> list[DailyReport]:
    """Check on 28 days in a row; everything due is swept before."""
    reports = []
    for _ in range(28):
        while kit.sweep().more:
            pass
        reports.append(kit.daily_check())
        kit.clock.advance(days=1)
    return reports


def test_within_28_days_every_owner_is_visited_once_and_nothing_is_found(store):
    kit = habitkit.testing.kit(store=store)
    for owner in OWNERS[:30]:
        kit.coins.award(owner, 5, idempotency_key="a")
    for owner in OWNERS[20:]:
        kit.habits.check_in(kit.habits.create(owner, "Run", Schedule.daily()).id)

    reports = month(kit)

    assert sum(it.owners for it in reports) == len(OWNERS)
    assert [it.findings for it in reports] == [()] * 28
    assert max(it.owners for it in reports) < 12
    assert reports[1].at - reports[0].at == timedelta(days=1)


@given(st.text(), st.dates(date(2020, 1, 1), date(2030, 1, 1)))
def test_an_owner_is_in_the_sample_on_one_of_any_28_days_in_a_row(owner, first):
    days = [first + timedelta(days=n) for n in range(56)]
    sampled = [is_sampled(owner, day) for day in days]
    assert sampled[:28].count(True) == 1
    assert sampled[:28] == sampled[28:]


def test_a_changed_ledger_and_a_changed_snapshot_are_found_on_the_day_of_their_owner(store, tamper):
    kit = habitkit.testing.kit(store=store)
    runs = {owner: kit.habits.create(owner, "Run", Schedule.daily()) for owner in ("ada", "bob")}
    for owner, habit in runs.items():
        kit.coins.award(owner, 5, idempotency_key="a")
        kit.habits.check_in(habit.id)
    run = runs["ada"]
    tamper.change("accounts", {"owner": "ada", "role": "wallet"}, {"balance": 99})
    tamper.remove("snapshots", {"habit_id": run.id})

    reports = [it for it in month(kit) if it.owners]

    texts = [[it.text for it in report.findings] for report in reports]
    sums = [text for found in texts for text in found if "sum to" in text]
    assert len(sums) == len(reports)  # sums are those of the whole ledger, each day
    own = [[text for text in found if "sum to" not in text] for found in texts]
    (of_ada,) = [found for found in own if found]
    assert of_ada[0].startswith("ada wallet coin")
    assert of_ada[1] == f"the snapshot of habit {run.id} is not what its facts give"
    remedies = {it.id: it.remedy for report in reports for it in report.findings}
    assert set(remedies) == {"ledger.fault", "streaks.snapshot_differs"}
    assert all(remedies.values())
    assert kit.rebuild().repaired == (run.id,), "the check itself repairs nothing"


def test_what_was_given_up_and_what_waits_is_found(store):
    def fail(*given: object) -> None:
        if "ada" not in given[1:2]:  # a reaction to hers would keep it from being recorded
            raise ValueError("not now")

    kit = habitkit.testing.kit(
        store=store, subscribers=[subscribe("noted", fail)], reactions=[on(Recorded, fail)]
    )
    kit.events.record("ada", "noted")
    kit.run(lambda tx: tx.send(Recorded("bob", tx.now, "hello", {}), "key"))
    kit.clock.advance(seconds=3601)
    waiting = kit.daily_check()
    assert ids(waiting) == ["relay.behind", "sweep.behind", "outbox.old", "inbox.old"]
    assert {it.severity for it in waiting.findings} == {"warning"}
    for attempt in range(1, MAX_DELIVERY_ATTEMPTS + 1):
        kit.relay.run_once()
        kit.clock.advance(seconds=retry_delay(attempt).total_seconds())
    for _ in range(MAX_MESSAGE_ATTEMPTS):
        kit.sweep()

    dead = kit.daily_check()

    assert ids(dead) == ["events.dead", "messages.dead"]
    assert [it.severity for it in dead.findings] == ["error", "error"]
    assert dead.findings[0].text == "1 deliveries were given up; the first: ValueError: not now"


def test_a_part_that_fails_is_a_finding_and_stops_no_other(store, monkeypatch):
    def broken(*_: object) -> Any:
        yield from ()
        raise RuntimeError("no such thing")

    monkeypatch.setattr(daily, "PARTS", {"broken": broken, **daily.PARTS})
    kit = habitkit.testing.kit(store=store)
    for owner in OWNERS[:28]:
        kit.coins.award(owner, 5, idempotency_key="a")

    report = kit.daily_check()

    (finding,) = report.findings
    assert (finding.id, finding.severity) == ("daily.not_checked", "error")
    assert finding.text == "the part 'broken' could not be checked: RuntimeError: no such thing"


def test_of_many_findings_a_hundred_are_kept_and_the_rest_counted():
    many = [DailyFinding("a", "error", str(n), "fix") for n in range(103)]
    assert shortened(many[:100]) == many[:100]
    assert shortened(many)[:100] == many[:100]
    assert shortened(many)[100:] == [
        DailyFinding("a", "error", "there are 3 more findings of this kind", "fix")
    ]


class NoStore(MemoryStore):
    """A store that cannot be reached."""

    def run(self, work: Any, *, write: bool, keyed: bool) -> Any:
        raise StoreError("unreachable")


def test_without_a_store_there_is_an_error_and_no_report(store):
    with pytest.raises(StoreError, match="unreachable"):
        HabitKit(NoStore()).daily_check()
    kit = HabitKit(store)
    kit.close()
    with pytest.raises(KitClosed):
        kit.daily_check()


class Partial(MemoryStore):
    """A store that supports no module."""

    modules: Any = frozenset()


def test_a_store_that_supports_less_is_checked_for_less():
    assert HabitKit(Partial()).daily_check().findings == ()
    assert QUESTS.module not in Partial().modules


@pytest.fixture
def file(tmp_path, ready_sqlite):
    """A file with tables, and the store on it."""
    engine = sqlite_engine(f"sqlite:///{tmp_path}/habits.db")
    ready_sqlite(engine)
    yield f"sqlite:///{tmp_path}/habits.db", SqlStore(engine)
    engine.dispose()


def test_the_command_says_what_was_found_and_how_it_ended(file, tmp_path, capsys):
    url, store = file
    assert main(["daily-check", url]) == 0
    assert capsys.readouterr().out == "nothing was found; the sample had 0 owners\n"
    assert main(["daily-check", url, "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == []

    with store._engine.begin() as connection:
        connection.execute(schema_version.update().values(version=LATEST + 1))

    assert main(["daily-check", url]) == 1
    first, remedy = capsys.readouterr().out.splitlines()
    assert first.startswith("error: schema.refused: SchemaOutdated: ")
    assert remedy == "    upgrade the tables, or install the version of habitkit that made them"
    assert main(["daily-check", url, "--json"]) == 1
    (finding,) = json.loads(capsys.readouterr().out)
    assert list(finding) == ["id", "severity", "text", "remedy"]
    missing = f"sqlite:///{tmp_path}/none.db"
    for arguments in (
        [missing],
        ["sqlite://"],
        ["mysql://x"],
        [url, "--schema", "a"],
        [url, "--audit-key", "none"],
    ):
        assert main(["daily-check", *arguments]) == 2
        assert capsys.readouterr().err.startswith("cannot check the database: ")
    assert not (tmp_path / "none.db").exists()


def test_the_command_needs_the_audit_key_of_the_ledger(file, tmp_path, capsys):
    url, store = file
    kit = habitkit.testing.kit(store=store, coins=CoinSettings(audit_key=KEY))
    today = HabitKit(store)._runner.settings.clock.now().date()
    owner = next(it for it in OWNERS * 9 if is_sampled(it, today))
    kit.coins.award(owner, 5, idempotency_key="a")
    kit.sweep()
    (tmp_path / "key").write_bytes(KEY)

    assert main(["daily-check", url, "--audit-key", str(tmp_path / "key")]) == 0
    assert main(["daily-check", url]) == 1
    assert "ledger.fault" in capsys.readouterr().out
