"""Every statement that the services prepare finds its rows by an index."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from contextlib import suppress
from datetime import date, timedelta
from functools import partial
from importlib import import_module
from pkgutil import iter_modules
from typing import Any, Self
from uuid import UUID

import psycopg
import pytest
from sqlalchemy import Engine, create_engine

import habitkit.testing
from habitkit import OfflineCheckIn, Schedule, on, subscribe
from habitkit.alerts.store import ALERTS, GroupRow, ReceiverRow, SilenceRow
from habitkit.backends import sqlalchemy as backend
from habitkit.backends.sqlalchemy import (
    SqlCache,
    SqlLimits,
    SqlStore,
)
from habitkit.backends.sqlalchemy._prepared import Prepared, _Form
from habitkit.backends.sqlalchemy.series import SqlSeries
from habitkit.cache.port import CacheBackend, Item
from habitkit.coins import Posting
from habitkit.errors import NotFound
from habitkit.events import Recorded
from habitkit.experiments.domain.exposures import Exposure
from habitkit.experiments.domain.measures import Measure, MomentsQuery
from habitkit.experiments.store import EXPERIMENTS
from habitkit.flags import FLAGS, StickyAssignment
from habitkit.journal.domain.rules import (
    MAX_DELIVERY_ATTEMPTS,
    MAX_MESSAGE_ATTEMPTS,
    retry_delay,
)
from habitkit.limits import Limiter
from habitkit.metrics.domain.points import encode_increase
from habitkit.metrics.domain.series import Series
from habitkit.metrics.port import Point
from habitkit.quests.domain.runs import Contribution, Definition, Grant, Run
from habitkit.quests.store import DEFINITIONS, QUESTS
from habitkit.transaction import Transaction

IN_STEPS = {"Coins._TRANSFER", "Coins._MOVE", "Coins._ENTRY"}
"""The steps in which SQLite posts; PostgreSQL does them in one."""

MODULES = [
    import_module(found.name) for found in iter_modules(backend.__path__, f"{backend.__name__}.")
]

ON = {"state": "ENABLED", "variants": {"on": True, "off": False}, "defaultVariant": "on"}

Plans = dict[str, str]

plans: Plans = {}
"""What the cursors below learned: the plan by statement."""


class ExplainingCursor(sqlite3.Cursor):
    """A cursor of SQLite that asks for the plan of each new statement first."""

    def execute(self, sql: str, parameters: Any = ()) -> Self:
        self._explain(sql, parameters)
        return super().execute(sql, parameters)

    def executemany(self, sql: str, rows: Any) -> Self:
        self._explain(sql, rows[0])
        return super().executemany(sql, rows)

    def _explain(self, sql: str, parameters: Any) -> None:
        if "habitkit_" in sql and sql not in plans:
            cursor = sqlite3.Cursor(self.connection)
            plan = cursor.execute(f"EXPLAIN QUERY PLAN {sql}", parameters).fetchall()
            plans[sql] = "\n".join(detail for *_, detail in plan)


class ExplainingConnection(sqlite3.Connection):
    """A connection of SQLite with such cursors."""

    def cursor(self, factory: Any = ExplainingCursor) -> Any:
        return super().cursor(factory)


def explaining(kind: type[psycopg.Cursor[Any]]) -> type[psycopg.Cursor[Any]]:
    """Return a kind of cursors of PostgreSQL that ask for the plan of each new statement first."""

    class Explaining(kind):  # type: ignore[misc, valid-type]
        def execute(self, query: Any, params: Any = None, **options: Any) -> Any:
            self._explain(query, params)
            return super().execute(query, params, **options)

        def executemany(self, query: Any, params_seq: Any, **options: Any) -> Any:
            self._explain(query, params_seq[0])
            return super().executemany(query, params_seq, **options)

        def _explain(self, query: Any, params: Any) -> None:
            if "habitkit_" in str(query) and str(query) not in plans:
                with kind(self.connection) as cursor:
                    plan = cursor.execute(f"EXPLAIN {query}", params).fetchall()
                plans[str(query)] = "\n".join(line for (line,) in plan)

    return Explaining


REALISTIC = """
SET LOCAL session_replication_role = replica;
INSERT INTO habitkit_owners SELECT 'owner' || n, 100 FROM generate_series(1, 1000) n;
INSERT INTO habitkit_habits
    SELECT md5('habit' || n)::uuid, 'owner' || (1 + mod(n, 1000)), 'Run', '{"kind": "daily"}', NULL,
           '00:00', now(), NULL, NULL, NULL, NULL, NULL, NULL, n FROM generate_series(1, 3000) n;
INSERT INTO habitkit_check_ins
    SELECT md5('fact' || n)::uuid, md5('habit' || (1 + mod(n, 3000)))::uuid, 'owner' || (1 + mod(n, 1000)),
           date '2025-01-01' + n / 3000, now(), 'UTC', CASE mod(n, 10) WHEN 0 THEN 'a note' END, 'full', 'app', now(),
           NULL, n
    FROM generate_series(1, 30000) n;
INSERT INTO habitkit_voids
    SELECT md5('fact' || n)::uuid, md5('void' || n)::uuid, md5('habit' || (1 + mod(n, 3000)))::uuid,
           'owner' || (1 + mod(n, 1000)), now(), n FROM generate_series(1, 3000) n;
INSERT INTO habitkit_facts
    SELECT md5('skip' || n)::uuid, 'owner' || (1 + mod(n, 1000)), md5('habit' || (1 + mod(n, 3000)))::uuid,
           'Skip', '{}' FROM generate_series(1, 10000) n;
INSERT INTO habitkit_snapshots
    SELECT md5('habit' || n)::uuid, 'owner' || (1 + mod(n, 1000)), 1, now(),
           CASE WHEN mod(n, 20) > 0 THEN now() + n * interval '1 hour' END, NULL, NULL, NULL
    FROM generate_series(1, 3000) n;
INSERT INTO habitkit_accounts
    SELECT md5(role || n)::uuid, 'owner' || n, role, 'coin', 5, 10, now(), 0, 0, 9
    FROM generate_series(1, 10000) n, unnest(ARRAY['wallet', 'mint', 'sink', 'escrow']) role;
INSERT INTO habitkit_transfers
    SELECT md5('transfer' || n)::uuid, 'award', 'a', 'b', 'coin', 5, 'well done', now()
    FROM generate_series(0, 9999) n;
INSERT INTO habitkit_transfers
    SELECT md5('reversal' || n)::uuid, 'reversal', 'b', 'a', 'coin', 5, NULL, now(), NULL,
           md5('transfer' || n)::uuid FROM generate_series(1, 1000) n;
INSERT INTO habitkit_entries
    SELECT md5(role || (1 + mod(n, 1000)))::uuid, 1 + n / 1000, md5('transfer' || n)::uuid, 5, 5,
           now() + n * interval '1 minute'
    FROM generate_series(0, 9999) n, unnest(ARRAY['wallet', 'mint']) role;
INSERT INTO habitkit_holds
    SELECT md5('transfer' || n)::uuid, 'owner' || (1 + mod(n, 1000)), 'coin', n / 1000, 5, now(),
           now() + (n + 1000) * interval '1 minute', CASE mod(n, 20) WHEN 0 THEN 'open' ELSE 'settled' END, 0,
           CASE mod(n, 20) WHEN 0 THEN NULL ELSE now() END
    FROM generate_series(1, 9999) n;
INSERT INTO habitkit_expiring_awards
    SELECT md5('transfer' || n)::uuid, 'owner' || (1 + mod(n, 1000)), 'coin', 5,
           now() + (n + 1000) * interval '1 minute', CASE mod(n, 20) WHEN 0 THEN 0 ELSE 5 END, 0
    FROM generate_series(1, 9999) n;
INSERT INTO habitkit_award_uses
    SELECT md5('transfer' || (n - 1))::uuid, md5('transfer' || n)::uuid, 5 FROM generate_series(1, 9999) n;
INSERT INTO habitkit_blocks
    SELECT md5('wallet' || (1 + mod(n, 1000)))::uuid, 1 + n / 1000, 1 + n / 1000, '111'::bytea, '1'::bytea, now()
    FROM generate_series(0, 8999) n;
INSERT INTO habitkit_unsealed SELECT md5('wallet' || n)::uuid FROM generate_series(1, 1000) n;
INSERT INTO habitkit_entitlements
    SELECT 'owner' || (1 + mod(n, 1000)), 'done:' || n, 'coin', 10 FROM generate_series(1, 10000) n;
INSERT INTO habitkit_events
    SELECT 'owner' || (1 + mod(n, 1000)), n / 1000, 0, 'noted', now(),
           CASE mod(n, 2) WHEN 0 THEN 'key' || n END, '{}'
    FROM generate_series(1, 20000) n;
INSERT INTO habitkit_outbox
    SELECT 'owner' || (1 + mod(n, 1000)), n / 1000, 0, CASE mod(n, 2) WHEN 0 THEN 'noted' ELSE 'foreign' END,
           now() - n * interval '1 minute', 0, NULL, CASE WHEN mod(n, 100) = 0 THEN now() END
    FROM generate_series(1, 5000) n;
INSERT INTO habitkit_inbox
    SELECT md5('message' || n)::uuid, 'owner' || (1 + mod(n, 1000)), 'key' || n, 'noted', now(), '{}', 0,
           CASE WHEN mod(n, 100) > 0 THEN now() - n * interval '1 minute' END, NULL,
           CASE WHEN mod(n, 200) = 0 THEN now() END
    FROM generate_series(1, 5000) n;
INSERT INTO habitkit_idempotency
    SELECT 'owner' || (1 + mod(n, 1000)), 'coins.award', 'key' || n, '{}', '{}',
           now() - n * interval '1 minute' FROM generate_series(1, 10000) n;
INSERT INTO habitkit_limits
    SELECT 'key' || n, '5/60/5', (extract(epoch FROM now())::bigint + n * 60 - 6000) * 1000000000,
           60000000000
    FROM generate_series(1, 20000) n;
INSERT INTO habitkit_cache
    SELECT 'v:key' || n, 'value', NULL,
           (extract(epoch FROM now())::bigint + n * 60 - 6000) * 1000000000
    FROM generate_series(1, 20000) n;
INSERT INTO habitkit_flag_revisions
    SELECT n, now(), 'ada', '', 'put', CASE WHEN mod(n, 1000) = 1 THEN '{}'::jsonb END FROM generate_series(1, 20000) n;
INSERT INTO habitkit_flag_changes
    SELECT 'flag' || mod(n, 1000), n,
           '{"state": "ENABLED", "variants": {"on": true}, "defaultVariant": "on"}'
    FROM generate_series(1, 20000) n;
INSERT INTO habitkit_flag_assignments
    SELECT 'owner' || n, 'flag' || mod(n, 1000), 1, 'on', now() FROM generate_series(1, 20000) n;
INSERT INTO habitkit_exposures
    SELECT 'experiment' || mod(n, 100), 'owner' || n / 20, 'a', 1, 0.5, now() FROM generate_series(1, 20000) n;
INSERT INTO habitkit_flag_usage SELECT 'flag' || n, now() FROM generate_series(0, 999) n;
INSERT INTO habitkit_quest_definitions
    SELECT md5('definition' || n)::uuid, n, now(), 'quest', 'quest' || mod(n, 100), now(),
           '{"title": "Read", "objective": {"kind": "count", "event": "read", "n": 3}, "reward": {}, "window": null,
             "requires": [], "claim": "auto", "repeat": null, "tiers": [], "revoke": "never", "start": "manual",
             "backdate": false, "credits": ["full"], "habit": null}', 'ada', ''
    FROM generate_series(1, 5000) n;
INSERT INTO habitkit_quest_runs
    SELECT 'owner' || (1 + mod(n, 1000)), 'quest' || n / 1000, CASE mod(n, 2) WHEN 0 THEN '2026-03-02' ELSE '' END, 1,
           'ACTIVE', now(), current_date, '["1"]', NULL, NULL, 0, NULL,
           CASE mod(n, 10) WHEN 0 THEN now() + (n - 1000) * interval '1 minute' END, false
    FROM generate_series(1, 20000) n;
INSERT INTO habitkit_quest_contributions
    SELECT 'owner' || (1 + mod(n, 1000)), 'quest:quest' || mod(n / 1000, 5) || ':', 0, 'done:' || n, now(),
           current_date, '1', '' FROM generate_series(1, 30000) n;
INSERT INTO habitkit_quest_grants
    SELECT 'owner' || (1 + mod(n, 1000)), 'done:' || n || ':badge', 'badge', 'badge' || n / 1000, 1, now(), NULL
    FROM generate_series(1, 20000) n;
INSERT INTO habitkit_alert_groups SELECT 'group' || n, now(), repeat('x', 1000) FROM generate_series(1, 1000) n;
INSERT INTO habitkit_alert_receivers
    SELECT 'receiver' || n, NULL, NULL, repeat('x', 1000) FROM generate_series(1, 1000) n;
INSERT INTO habitkit_alert_silences
    SELECT md5('silence' || n)::uuid, '{}', now(), timestamptz '2026-03-10 12:00Z' - n * interval '1 minute', 'ada', ''
    FROM generate_series(1, 5000) n;
INSERT INTO habitkit_metric_series
    SELECT n, '["counter","metric' || mod(n, 100) || '","","last"]', 'metric' || mod(n, 100), 1900022400 + n
    FROM generate_series(1, 2000) n;
INSERT INTO habitkit_metric_points
    SELECT 1 + mod(n, 2000), step, 1900022400 + n - mod(n, step), 1, '1'
    FROM generate_series(1, 200000, 10) n, unnest(ARRAY[10, 60, 3600, 86400]) step ON CONFLICT DO NOTHING;
INSERT INTO habitkit_metric_marks
    SELECT step, 1900022400 + n * step, writer, 1
    FROM generate_series(1, 1000) n, generate_series(1, 10) writer, unnest(ARRAY[60, 3600, 86400]) step;
ANALYZE;
"""


def send(tx: Transaction, kind: str, key: str) -> None:
    tx.send(Recorded("bob", tx.now, kind, {}), key)


def use_coins(kit: habitkit.testing.TestKit) -> None:
    """Let a kit run each of the ledger's statements."""
    coins = kit.coins
    for n in range(3):
        coins.award("ada", 50, idempotency_key=f"award {n}", memo="given")
        coins.transfer("ada", "bob", 5, idempotency_key=f"gift {n}")
    given = coins.award("ada", 50, idempotency_key="given")
    coins.reverse(given.id, idempotency_key="back")
    coins.set_floor("bob", floor=-5)
    batch = [Posting.transfer("ada", owner, 1) for owner in ("bob", "cleo", "dan")]
    for _ in range(2):
        coins.post_many(batch, idempotency_key="batch")
    for after in (None, 1):
        for newest_first in (True, False):
            coins.statement("ada", after=after, newest_first=newest_first)
        for ended in (True, False):
            coins.holds("ada", after=after, ended=ended)
    held = [
        coins.reserve("ada", 5, idempotency_key=f"hold {n}", expires_in_seconds=seconds)
        for n, seconds in enumerate([60, 60, 1, 1])
    ]
    coins.settle(held[0].id, 3)
    coins.release(held[1].id)
    kit.clock.advance(seconds=2)
    coins.balance("ada", as_of=kit.clock.now())
    coins.spend("ada", coins.balance("ada").available, idempotency_key="all of it")
    coins.reserve("bob", 5, idempotency_key="hold", expires_in_seconds=1)
    kit.clock.advance(seconds=2)
    kit.sweep()
    coins.award("ada", 5, idempotency_key="after sealing")
    kit.sweep()
    coins.head("ada")
    coins.audit("ada")
    coins.export("ada")
    coins.forget("ada")


def use_expiring_coins(kit: habitkit.testing.TestKit) -> None:
    """Let a kit run each of the statements for awards that expire, of which there is a full page."""
    coins, soon = kit.coins, kit.clock.now() + timedelta(seconds=5)
    ends = [soon, *(soon + timedelta(hours=n) for n in range(110))]
    batch = [Posting.award("ada", 5, expires_at=end) for end in ends]
    coins.post_many(batch, idempotency_key="expiring")
    spent = coins.spend("ada", 12, idempotency_key="expiring")
    coins.reverse(spent.id, idempotency_key="back again")
    assert len(coins.expiring("ada", limit=200)) == 110
    kit.clock.advance(seconds=10)
    coins.export("ada")
    assert kit.sweep().counts["expired_awards"] == 2


def use_facts(kit: habitkit.testing.TestKit, habit_id: UUID) -> None:
    """Let a kit run each of the statements for facts that are no check-ins."""
    kit.streaks.today("ada")
    kit.habits.check_in(habit_id, note="well done")
    kit.habits.search("ada", "done")
    kit.habits.update(habit_id, title="Run far")
    skipped = kit.habits.skip(habit_id, date(2026, 3, 9))
    kit.habits.undo(skipped.id)


def use_batches(kit: habitkit.testing.TestKit) -> None:
    """Let a kit run each of the statements for what a phone has gathered."""
    habits = [kit.habits.create("ada", "Read", Schedule.daily()).id for _ in range(2)]
    days = [date(2026, 3, day) for day in range(8, 11)]
    kit.habits.backfill(habits[0], days, source="elsewhere")
    kit.habits.check_in_many(
        [
            OfflineCheckIn(habit_id, day, idempotency_key=f"phone:{habit_id}:{day}")
            for habit_id in habits
            for day in days
        ]
    )


def use_checkpoints(kit: habitkit.testing.TestKit, *habit_ids: UUID) -> None:
    """Let a kit run each of the statements for what has happened since a checkpoint."""
    for _ in range(3):
        for habit_id in habit_ids:
            kit.habits.check_in(habit_id)
        kit.clock.advance(days=20)


def use_reminders(kit: habitkit.testing.TestKit) -> None:
    """Let a kit run each of the statements for reminders, and delete a habit."""
    habit = kit.habits.create("ada", "Smoke", Schedule.daily())
    kit.habits.check_in(habit.id, note="once more")
    kit.clock.advance(days=1)
    until = kit.clock.now() + timedelta(days=1)
    (first,) = kit.streaks.at_risk(until, limit=1)
    kit.streaks.at_risk(until, after=first, limit=1)
    kit.habits.delete(habit.id)


def use_dead_letters(kit: habitkit.testing.TestKit) -> None:
    """Let a kit run each of the statements for what was given up."""
    for attempt in range(1, MAX_DELIVERY_ATTEMPTS):
        kit.clock.advance(seconds=retry_delay(attempt).total_seconds())
        kit.relay.run_once(limit=1000)
        kit.read(lambda tx: (tx.stores.outbox.oldest(), tx.stores.outbox.oldest(["noted"])))
        kit.read(lambda tx: tx.stores.outbox.count_waiting(1000))
    dead = [each.id for each in kit.relay.dead(1000) if each.owner in {"ada", "bob"}]
    assert len(dead) == 2
    for each in dead:
        kit.relay.drop(each)
        with suppress(NotFound):
            kit.relay.retry(each)


def use_flags(kit: habitkit.testing.TestKit) -> None:
    """Let a kit run each of the statements for flags; a refresh, which reads what is new, comes first."""
    flags, at = kit.flags, kit.clock.now()

    def use(tx: Transaction) -> None:
        store = tx.port(FLAGS)
        store.assign([StickyAssignment("ada", key, 1, "on", at) for key in ("flag1", "flag2")])
        store.used(["flag1", "flag2"], at)
        assert len(store.assignments("ada")) == 2
        assert store.versions(after=store.newest(), until=None) == []

    kit.run(use)
    flags.put("flag1", {**ON, "metadata": {"n": 1}}, by="ada")
    flags.get("flag1")
    for key in (None, "flag1"):
        flags.history(key, limit=10)
    kit.read(lambda tx: tx.port(FLAGS).last_used())


def use_experiments(kit: habitkit.testing.TestKit) -> None:
    """Let a kit run each of the statements for exposures, and measure an experiment."""
    at = kit.clock.now()
    query = MomentsQuery("experiment1", at, Measure("noted", "count", None, 0, 60))

    def use(tx: Transaction) -> None:
        store = tx.port(EXPERIMENTS)
        for units in (["ada"], ["ada", "bob", "cyd"]):
            store.expose([Exposure("experiment1", unit, "a", 1, 0.5, at) for unit in units])
        assert len(store.exposures("ada")) == 1
        assert store.counts("experiment1", at).arms[0].units >= 3
        assert store.moments(query)[0].moments.n >= 3
        store.forget("ada")

    kit.run(use)


def use_quests(kit: habitkit.testing.TestKit) -> None:
    """Let a kit run each of the statements for quests: alone, and for many rows at once."""
    at, day = kit.clock.now(), date(2026, 3, 10)
    keys = ["done:1", "done:2", "done:3"]

    def use(tx: Transaction) -> None:
        store, log = tx.port(QUESTS), tx.port(DEFINITIONS)
        log.add(Definition(UUID(int=1), 10**6, at, "quest", "quest1", at, None))
        assert log.newest() == UUID(int=1)
        assert len(log.after(10**6 - 1)) == 1
        for some in (keys[:1], keys):
            rows = [Contribution("ada", "quest:quest1:", 0, key, at, day) for key in some]
            store.put_runs([Run("ada", key, "", 1, "ACTIVE", at, day, check_at=at) for key in some])
            store.put(rows)
            store.put_grants([Grant("ada", key, "badge", "badge1", 1, at) for key in some])
            assert store.of_events("ada", some) == store.of_subject("ada", "quest:quest1:") == rows
            store.remove(rows)
        for quests in (None, keys):
            assert len(store.runs("ada", quests)) == len(store.runs("ada", quests, [""])) == 3
        assert len(store.grants("ada")) == len(store.grants("ada", keys)) == 3
        assert len(store.granted("ada", "badge", "badge1")) == 3
        assert len(store.due(at, 2)) == 2
        assert store.owners(None, 2)[0] == "ada"
        store.remove_grants("ada", keys)

    kit.run(use)


def use_alerts(kit: habitkit.testing.TestKit) -> None:
    """Let a kit run each of the statements for alerts."""
    at, silence = kit.clock.now(), UUID(int=1)

    def use(tx: Transaction) -> None:
        store = tx.port(ALERTS)
        store.put_group(GroupRow("group1", at, ""))
        store.put_receiver(ReceiverRow("receiver1", at, silence, ""))
        store.put_silence(SilenceRow(silence, {}, at, at + timedelta(hours=1), "ada", ""))
        assert store.group("group1") == GroupRow("group1", store.evaluated()["group1"], "")
        assert store.receiver("receiver1") == ReceiverRow("receiver1", at, silence, "")
        assert store.silence(silence) == store.silences(at)[0]
        store.delete_silences(at - timedelta(days=5), 10)

    kit.run(use)


def use_limits(limiter: Limiter) -> None:
    """Let a limiter run each of its statements; the first call cleans."""
    for _ in range(2):
        limiter.acquire("ada", "1/h")
    limiter.refund(limiter.acquire("ada", "5/h; 5/d exact"))
    limiter.reset("ada")


def use_cache(cache: CacheBackend) -> None:
    """Run each of a cache's statements; the first call cleans."""
    cache.set_many([Item(f"v:{key}", b"value", 60_000) for key in ("ada", "bob")])
    cache.add(Item("l:ada", b"token", 60_000))
    cache.end_lease("l:ada", b"token", Item("v:ada", b"loaded", 60_000))
    cache.incr("n:ada", 1, 60_000)
    cache.get_many(["v:ada", "v:bob", "l:ada"])
    cache.delete_many(["v:ada", "l:ada"])


def use_series(store: SqlSeries) -> None:
    """Run each of the statements for time series."""
    hour = 500_000 * 3600
    some = [Series("ran", "counter", attributes=(("zone", zone),)) for zone in ("eu", "us")]
    store.write([Point(it.id, 10, hour, 7, encode_increase(1)) for it in some], some, hour)
    assert len(store.series(["ran"])) == 2
    assert len(store.series([])) >= 2
    assert len(store.read([it.id for it in some], hour, hour + 60, hour).points) == 2
    store.roll(hour + 90, 1)
    store.prune(hour + 10**7, 1)
    store._run(lambda rows: rows.drop_idle(1, 1))
    store._run(lambda rows: rows.has_idle(1))


def use_everything(engine: Engine) -> None:
    """Let a kit run each of its statements."""

    def refuse(event: Any) -> None:
        if event.fields["refuse"]:
            raise ArithmeticError

    def react(_tx: Any, _owner: str, events: Any) -> None:
        if events[0].type == "bad message":
            raise ArithmeticError

    kit = habitkit.testing.kit(
        "2026-03-10T12:00Z",
        store=SqlStore(engine),
        reactions=[on(Recorded, react)],
        subscribers=[subscribe("noted", refuse)],
    )
    run = kit.habits.create("ada", "Run", Schedule.daily())
    kit.habits.get(run.id)
    kit.habits.list("ada", after=kit.habits.list("ada")[0].id)
    done = kit.habits.check_in(run.id, idempotency_key="today")
    kit.habits.check_in(run.id, idempotency_key="today")
    kit.habits.check_in(run.id)
    kit.habits.backfill(run.id, [date(2026, 3, day) for day in range(1, 9)], source="elsewhere")
    kit.habits.undo(done.id)
    kit.streaks.state(run.id)
    kit.streaks.rebuild(run.id)
    use_facts(kit, run.id)
    use_batches(kit)
    use_coins(kit)
    use_expiring_coins(kit)
    for refuse_it in (True, False):
        kit.events.record("ada", "noted", {"refuse": refuse_it})
    kit.events.page("ada", after=(1, 0))
    kit.events.revision("ada")
    kit.events.net("ada", types=["HabitCompleted"], since=kit.clock.now())
    kit.relay.run_once()
    for number, kind in enumerate(["good message", "bad message"]):
        kit.run(partial(send, kind=kind, key=str(number)))
    for _ in range(MAX_MESSAGE_ATTEMPTS):
        kit.sweep()
    use_dead_letters(kit)
    use_checkpoints(kit, run.id, kit.habits.create("ada", "Swim", Schedule.rolling(1, 7)).id)
    use_reminders(kit)
    use_flags(kit)
    use_experiments(kit)
    use_quests(kit)
    use_alerts(kit)
    use_limits(Limiter(SqlLimits(SqlStore(engine)), cache_denials=False))
    use_cache(SqlCache(SqlStore(engine)))
    use_series(SqlSeries(SqlStore(engine)))
    with engine.connect() as connection:
        kit.on(connection).events.record("ada", "noted", {"refuse": False})
        connection.commit()
    kit.export("ada")
    kit.forget("ada")


@pytest.fixture
def explained(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Engine, Plans]]:
    """The plans of all statements that were run, on a database with many rows."""
    arguments: dict[str, Any] = {"factory": ExplainingConnection}
    if engine.dialect.name == "postgresql":
        arguments = {"cursor_factory": explaining(psycopg.Cursor)}
        monkeypatch.setattr(psycopg, "RawCursor", explaining(psycopg.RawCursor))
        with engine.begin() as connection:
            connection.exec_driver_sql(REALISTIC)
    asking = create_engine(engine.url, connect_args=arguments)
    plans.clear()
    with suppress(ArithmeticError):
        use_everything(asking)
    yield asking, plans
    asking.dispose()


def prepared(dialect: str) -> dict[str, Prepared]:
    """Return every statement that a service prepares for a dialect, by its place."""
    return {
        f"{port.__name__}.{name}": value
        for module in MODULES
        for port in vars(module).values()
        if isinstance(port, type) and port.__module__ == module.__name__
        for name, value in vars(port).items()
        if isinstance(value, Prepared) and value.only in (None, dialect)
    }


def _without_numbers(sql: str) -> str:
    """Return a statement without the numbers of its arrays, which differ from time to time."""
    return re.sub(r"unnest_[0-9]+", "unnest", sql)


def test_each_statement_finds_its_rows_by_an_index(explained):
    engine, plans = explained
    scan = {"sqlite": "SCAN habitkit_", "postgresql": "Seq Scan on habitkit_"}[engine.dialect.name]
    numbered = engine.dialect.name == "postgresql"  # psycopg
    statements = {
        name: _Form(one, engine.dialect, None, numbered=numbered).sql
        for name, one in prepared(engine.dialect.name).items()
    }
    used = {_without_numbers(sql) for sql in plans}
    unused = {name for name, sql in statements.items() if _without_numbers(sql) not in used}
    assert unused == (IN_STEPS if numbered else set())
    assert len(plans) > len(statements), "those made on the spot were explained as well"
    scanning = {sql: plan for sql, plan in plans.items() if scan in plan}
    queue = [sql for sql in scanning if sql.startswith("SELECT habitkit_unsealed.account_id")]
    assert len(queue) <= 1, "what is to be sealed is read from its beginning, up to a limit"
    version = [sql for sql in scanning if "FROM habitkit_schema_version" in sql]
    assert len(version) == 1, "of one row, and read once a store"
    usage = [sql for sql in scanning if "FROM habitkit_flag_usage" in sql]
    assert len(usage) == 1, "the last use of all flags is asked for at once"
    series = [sql for sql in scanning if sql.endswith("FROM habitkit_metric_series")]
    assert len(series) == 1, "all series are asked for at once"
    groups = [sql for sql in scanning if sql.endswith("FROM habitkit_alert_groups")]
    assert len(groups) == 1, "the last evaluations of all groups are asked for at once"
    expected = {*queue, *version, *usage, *groups, *(it.strip() for it in series)}
    assert {sql: plan for sql, plan in scanning.items() if sql not in expected} == {}

    pages = [
        plan
        for sql, plan in plans.items()
        if "FROM habitkit_entries" in sql
        or re.match(r"SELECT(?s:.)*FROM habitkit_(events|habits)(?s:.)* LIMIT", sql)
    ]
    assert len(pages) >= 5, "two kinds of a statement, events, two kinds of lists of habits"
    assert [plan for plan in pages if "TEMP B-TREE" in plan] == [], "in the order of an index"


def test_the_last_event_of_a_key_is_found_by_an_index_of_keys(explained):
    _, plans = explained
    for alias in ("same", "again"):  # of one owner, and of all units of an experiment
        ((_, plan),) = [(sql, plan) for sql, plan in plans.items() if f"AS {alias}" in sql]
        assert re.search(r"(COVERING INDEX|Index Only Scan .*) habitkit_events_key", plan), plan


@pytest.mark.parametrize("unlike", ["hashagg", "hashjoin", "material", "nestloop"])
def test_a_claim_takes_no_more_than_its_limit_whatever_the_plan(postgres, unlike):
    off = {"material", "hashagg", "hashjoin", "mergejoin", "sort", "memoize"} ^ {unlike}
    options = " ".join(f"-c enable_{name}=off" for name in sorted(off))
    engine = create_engine(postgres.url, connect_args={"options": options})
    delivered: list[Any] = []
    kit = habitkit.testing.kit(
        store=SqlStore(engine), subscribers=[subscribe("noted", delivered.append)]
    )
    for _ in range(5):
        kit.events.record("ada", "noted")
    with postgres.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql("VACUUM ANALYZE habitkit_outbox")

    assert kit.relay.run_once(limit=1).delivered == 1
    assert kit.relay.run_once(limit=2).delivered == 2

    assert [event.rev for event in delivered] == [1, 2, 3]
    engine.dispose()
