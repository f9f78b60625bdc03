"""``kit.health``: habitkit's own checks, in memory and in a SQLite file."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import pytest

import habitkit.testing
from habitkit import AsyncHabitKit, HabitKit, Schedule, subscribe
from habitkit.backends.memory import MemoryStore
from habitkit.backends.sqlalchemy import LATEST, SqlStore, sqlite_engine
from habitkit.backends.sqlalchemy.tables import schema_version
from habitkit.events import Recorded
from habitkit.flags import FlagSettings
from habitkit.flags.errors import SourceUnavailable
from habitkit.flags.sources import Fetched
from habitkit.habits.store import STREAKS
from habitkit.health import CheckResult, HealthSettings
from habitkit.quests import Count, Quest, Window
from habitkit.quests.store import QUESTS
from habitkit.store import Database

if TYPE_CHECKING:
    from habitkit.store import Store
    from habitkit.testing import TestKit
    from habitkit.transaction import Transaction

FLAG = {"state": "ENABLED", "variants": {"on": True, "off": False}, "defaultVariant": "on"}


def checked(kit: HabitKit, name: str, level: Any = "deep") -> CheckResult:
    """Return the result of one check, without what was found a moment ago."""
    kit._health_checks._runs.clear()
    health = kit.health(level)
    assert health.status == (
        "pass" if all(it.status == "pass" for it in health.checks.values()) else health.status
    )
    return health.checks[name]


def test_a_new_kit_is_well_at_every_level(store):
    kit = HabitKit(store)
    assert [kit.health(level).status for level in ("live", "ready", "deep")] == ["pass"] * 3


def test_events_that_wait_for_the_relay_warn_after_five_minutes(store):
    kit = habitkit.testing.kit(store=store, subscribers=[subscribe("noted", print)])
    for kind in ("noted", "unheard"):
        kit.events.record("ada", kind)
    kit.clock.advance(seconds=300)
    assert checked(kit, "relay") == CheckResult("pass", "", 300.0, "seconds", kit.clock.now())
    kit.clock.advance(seconds=1)

    late = checked(kit, "relay")
    assert (late.status, late.value) == ("warn", 301.0)
    assert late.text == "events wait for kit.relay.run_once() for 301 s, expected at most 300 s"
    assert kit.health().response().status_code == 200
    kit.relay.run_once()
    assert checked(kit, "relay").value == 0


def test_the_outbox_is_checked_for_events_of_all_services(store):
    settings = HealthSettings(outbox_age_seconds=60)
    other = habitkit.testing.kit(store=store, subscribers=[subscribe("noted", print)])
    other.events.record("ada", "noted")
    kit = habitkit.testing.kit(store=store, health=settings)
    kit.clock.advance(seconds=61)

    assert checked(kit, "relay").value is None  # it has no subscribers itself
    assert checked(kit, "outbox").text == "events wait for a relay for 61 s, expected at most 60 s"


def due(kit: TestKit, kind: str) -> timedelta:
    """Make something due that the sweep has to do; return when it is."""
    now = kit.clock.now()
    if kind == "messages":
        kit.run(lambda tx: tx.send(Recorded("bob", now, "hello", {}), "key"))
        return timedelta(0)
    if kind == "habits":
        run = kit.habits.create("ada", "Run", Schedule.daily())
        kit.habits.check_in(run.id)
        snapshot: Any = kit.read(lambda tx: tx.port(STREAKS).get(run.id))
        return cast("timedelta", snapshot.next_check_at - now)
    if kind == "expired holds":
        kit.coins.award("ada", 10, idempotency_key="a")
        kit.coins.reserve("ada", 5, expires_in_seconds=60, idempotency_key="h")
        return timedelta(minutes=1)
    if kind == "expired awards":
        kit.coins.award("ada", 10, idempotency_key="a", expires_at=now + timedelta(days=1))
        return timedelta(days=1)
    quest = Quest("walk", "Walk", Count("walk", 9), window=Window.from_start(2))
    kit.quests.define(quest)
    kit.quests.start("ada", "walk")
    at: Any = kit.read(lambda tx: tx.port(QUESTS).runs("ada")[0].check_at)
    return cast("timedelta", at - now)


@pytest.mark.parametrize(
    "kind", ["messages", "habits", "expired holds", "expired awards", "quests"]
)
def test_what_waits_for_the_sweep_warns_after_a_quarter_of_an_hour(store, kind):
    kit = habitkit.testing.kit(store=store)
    wait = due(kit, kind)
    kit.clock.advance(seconds=wait.total_seconds() + 900)
    assert checked(kit, "sweep").status == "pass"
    kit.clock.advance(seconds=1)

    late = checked(kit, "sweep")

    assert (late.status, late.value) == ("warn", 901.0)
    assert late.text == f"{kind} wait for kit.sweep() for 901 s, expected at most 900 s"
    while kit.sweep().more:
        pass
    assert checked(kit, "sweep").value == 0


class Source:
    """A source of flags that fails when it is told to."""

    name = "somewhere"
    fails = False

    def close(self) -> None:
        """Do nothing."""

    def fetch(self, known: str | None) -> Fetched | None:
        if self.fails:
            raise SourceUnavailable(self.name, "it is down")
        return Fetched({"flags": {"a": FLAG}}, "1")


def test_flags_fail_until_they_were_fetched_and_warn_when_they_are_stale(store):
    source = Source()
    source.fails = True
    kit = habitkit.testing.kit(store=store, flags=FlagSettings(source=source))

    assert checked(kit, "flags").text == (
        "there are no flags from somewhere yet: call kit.refresh(), or use kit.background()"
    )
    kit.refresh()
    assert checked(kit, "flags").status == "fail"
    assert "it is down" in checked(kit, "flags").text
    assert kit.health().status == "fail"
    source.fails = False
    kit.refresh()
    kit.clock.advance(seconds=60)
    assert checked(kit, "flags") == CheckResult("pass", "", 60.0, "seconds", kit.clock.now())
    kit.clock.advance(seconds=1)
    assert checked(kit, "flags").text.startswith("the flags from somewhere are stale: nobody has")
    source.fails = True
    kit.refresh()
    assert "it is down" in checked(kit, "flags").text
    assert kit.health().status == "warn"


def test_a_kit_without_flags_needs_no_fresh_ones(store):
    kit = habitkit.testing.kit(store=store)
    assert checked(kit, "flags").status == "pass"
    kit.refresh()
    kit.clock.advance(days=1)
    assert checked(kit, "flags").status == "pass"
    kit.flags.put("a", FLAG, by="ada")
    assert checked(kit, "flags").status == "pass"
    kit.clock.advance(days=1)
    assert checked(kit, "flags").status == "warn"


class NoStore(MemoryStore):
    """A store that cannot be reached."""

    def run(self, work: Any, *, write: bool, keyed: bool) -> Any:
        raise OSError("unreachable at db.internal")


def test_without_its_store_a_kit_lives_but_is_not_ready():
    kit = HabitKit(NoStore())
    assert kit.health("live").response().status_code == 200

    health = kit.health()

    assert (health.status, health.response().status_code) == ("fail", 503)
    assert health.checks["store"].text == "OSError: unreachable at db.internal"
    assert {name for name, it in health.checks.items() if it.status == "fail"} == {
        "store",
        "schema",
        "sweep",
    }


def test_a_closed_kit_is_not_ready(store):
    kit = HabitKit(store)
    kit.close()
    assert (kit.health("live").status, kit.health().status) == ("pass", "fail")
    assert "KitClosed" in kit.health().checks["store"].text


def test_a_sqlite_file_that_is_gone_broken_or_closed_is_found(tmp_path, ready_sqlite):
    file = Path(tmp_path / "habits.db")
    engine = sqlite_engine(f"sqlite:///{file}")
    ready_sqlite(engine)
    kit = HabitKit(SqlStore(engine))
    assert kit.health().status == "pass"
    engine.dispose()
    for each in tmp_path.glob("habits.db-*"):
        each.unlink()
    file.write_bytes(b"no database at all " * 500)
    assert "not a database" in checked(kit, "store", "ready").text
    file.unlink()

    assert checked(kit, "store", "ready").status == "pass"  # SQLite makes a new, empty file
    schema = checked(kit, "schema", "ready")
    assert schema.status == "fail"
    assert schema.text.startswith("SchemaMissing: the database has no habitkit tables")


def test_the_version_of_the_tables_is_read_each_time(tmp_path, ready_sqlite):
    engine = sqlite_engine(f"sqlite:///{tmp_path}/habits.db")
    ready_sqlite(engine)
    old, new = HabitKit(SqlStore(engine)), HabitKit(SqlStore(engine))
    assert checked(old, "schema").status == "pass"

    def set_version(number: int) -> None:
        with engine.begin() as connection:
            connection.execute(schema_version.update().values(version=number))

    set_version(LATEST + 1)
    assert old.health().status == "pass"  # found a moment ago
    newer = checked(old, "schema")
    assert (newer.status, checked(old, "store").status) == ("warn", "pass")
    assert newer.text.endswith(
        f"have version {LATEST + 1}, expected {LATEST}; install a newer habitkit"
    )
    assert checked(new, "schema").status == "fail"  # it was started after the upgrade
    set_version(LATEST - 1)
    assert checked(old, "schema").text.startswith("SchemaOutdated: ")
    engine.dispose()


class Ahead:
    """The stores of a database whose clock is ahead of the kit's."""

    def __init__(self, stores: Any, seconds: float, kit: list[TestKit]) -> None:
        self._stores, self._seconds, self._kit = stores, seconds, kit

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stores, name)

    def check_schema(self) -> None:
        """Accept all."""

    def server_now(self) -> Any:
        return self._kit[0].clock.now() + timedelta(seconds=self._seconds)


@pytest.mark.parametrize(
    ("seconds", "text"), [(5, ""), (-5, ""), (5.1, "5.1 s behind"), (-9, "9.0 s ahead of")]
)
def test_clocks_that_differ_by_more_than_five_seconds_warn(seconds, text):
    kits: list[TestKit] = []

    class Server(MemoryStore):
        def run(self, work: Any, *, write: bool, keyed: bool) -> Any:
            return super().run(
                lambda stores: work(Ahead(stores, seconds, kits)), write=write, keyed=keyed
            )

    kits.append(habitkit.testing.kit(store=Server()))

    clock = checked(kits[0], "clock")

    assert (clock.status, clock.value) == ("warn" if text else "pass", -seconds)
    assert text in clock.text


def test_only_a_database_tells_of_itself(store):
    kit = habitkit.testing.kit(store=store)

    def told(tx: Transaction) -> tuple[bool, object]:
        stores = tx.stores
        return (True, stores.server_now()) if isinstance(stores, Database) else (False, None)

    assert kit.read(told) == (not isinstance(store, MemoryStore), None)


def test_an_async_kit_checks_the_same(store: Store):
    from habitkit.backends.threaded import ThreadedStore

    async def check() -> None:
        clock = habitkit.testing.FakeClock()
        kit = AsyncHabitKit(
            ThreadedStore(store), clock=clock, subscribers=[subscribe("noted", print)]
        )
        await kit.events.record("ada", "noted")
        clock.advance(seconds=301)
        health = await kit.health("deep")
        assert (health.status, health.checks["relay"].status) == ("warn", "warn")
        await kit.close()
        clock.advance(seconds=10)
        assert (await kit.health()).status == "fail"

    asyncio.run(check())
