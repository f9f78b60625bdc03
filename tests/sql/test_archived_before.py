"""The migration to version 5 finds out from the facts which habits are archived."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import habitkit.testing
from habitkit import Schedule
from habitkit.backends.sqlalchemy import LATEST, SqlStore, upgrade
from habitkit.habits.store import HABITS
from tests.sql.support import contents

BACK_TO_VERSION_4 = """
DROP TABLE habitkit_alert_groups; DROP TABLE habitkit_alert_receivers;
DROP TABLE habitkit_alert_silences;
DROP TABLE habitkit_metric_series; DROP TABLE habitkit_metric_points; DROP TABLE habitkit_metric_marks;
DROP TABLE habitkit_award_uses; DROP TABLE habitkit_expiring_awards;
ALTER TABLE habitkit_accounts DROP COLUMN next_expiry;
DROP TABLE habitkit_quest_definitions; DROP TABLE habitkit_quest_runs;
DROP TABLE habitkit_quest_contributions; DROP TABLE habitkit_quest_grants;
DROP TABLE habitkit_exposures;
DROP INDEX habitkit_entries_dated_at; ALTER TABLE habitkit_entries DROP COLUMN dated_at;
DROP INDEX habitkit_snapshots_act_by; ALTER TABLE habitkit_snapshots DROP COLUMN act_by;
ALTER TABLE habitkit_habits DROP COLUMN archived_on; ALTER TABLE habitkit_habits DROP COLUMN deleted_at;
UPDATE habitkit_schema_version SET version = 4
"""


def test_habits_that_were_archived_before_version_5_are_archived_after_it(empty_engine):
    upgrade(empty_engine)
    kit = habitkit.testing.kit("2026-03-10T12:00Z", store=SqlStore(empty_engine))
    marks = {"kept": "", "archived": "a", "restored": "ar", "twice": "ara", "undone": "au"}
    marks |= {"undone restore": "aru", "undone again": "arau"}

    def undo(habit_id: Any) -> None:
        facts: list[Any] = kit.read(lambda tx: tx.port(HABITS).facts("ada"))
        last = max((it for it in facts if it.habit_id == habit_id), key=lambda it: it.seq)
        kit.habits.undo(last.id)

    steps = {"a": kit.habits.archive, "r": kit.habits.restore, "u": undo}
    for title, letters in marks.items():
        habit = kit.habits.create("ada", title, Schedule.daily())
        kit.habits.check_in(habit.id)
        for letter in letters:
            kit.clock.advance(hours=13)
            steps[letter](habit.id)
    for habit in kit.habits.list("ada", archived=False):
        kit.habits.check_in(habit.id)
    kit.clock.advance(days=1)
    until = kit.clock.now() + timedelta(days=1)
    before = contents(empty_engine)["habitkit_habits"]
    archived = {habit.title for habit in kit.habits.list("ada", archived=True)}
    at_risk = [it.habit_id for it in kit.streaks.at_risk(until)]
    with empty_engine.begin() as connection:
        for statement in BACK_TO_VERSION_4.split(";"):
            connection.exec_driver_sql(statement)

    assert upgrade(empty_engine) == (4, LATEST)

    assert contents(empty_engine)["habitkit_habits"] == before
    assert archived == {"archived", "twice", "undone restore"}
    assert at_risk
    assert [it.habit_id for it in kit.streaks.at_risk(until)] == at_risk
