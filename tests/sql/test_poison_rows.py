"""One row of the journal that nobody can read stops nobody else."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.ext.asyncio import create_async_engine

import habitkit.testing
from habitkit import AsyncHabitKit, subscribe
from habitkit.backends.sqlalchemy import AsyncSqlStore, SqlStore
from habitkit.events import Recorded
from habitkit.journal.domain.rules import (
    MAX_DELIVERY_ATTEMPTS,
    MAX_MESSAGE_ATTEMPTS,
    retry_delay,
)
from habitkit.testing import TestKit
from habitkit.transaction import Transaction

POISON = {
    "sqlite": ["at = '0000-01-01'", "at = 'soon'", "fields = '{oops'", "fields = '[1]'",
               "fields = 'null'", "fields = CAST(x'ff' AS TEXT)", "fields = x'ff'"],
    "postgresql": ["at = 'infinity'", "at = '4000-01-01 BC'", "at = '20000-01-01'",
                   "fields = '[1]'", "fields = 'null'", "fields = '\"text\"'"],
}  # fmt: skip
CASES = [(name, change) for name, changes in POISON.items() for change in changes]


@pytest.fixture
def poisoned(request: pytest.FixtureRequest) -> Any:
    """Return a function that makes rows of a table unreadable, by an engine of the database."""
    name, change = request.param
    engine: Engine = request.getfixturevalue({"sqlite": "sqlite", "postgresql": "postgres"}[name])

    def poison(table: str, condition: str) -> None:
        with engine.begin() as connection:
            statement = f"UPDATE habitkit_{table} SET {change} WHERE {condition}"  # noqa: S608 - ours
            assert connection.execute(text(statement)).rowcount == 1

    return engine, poison


def send(owner: str, key: str, tx: Transaction) -> bool:
    return tx.send(Recorded(owner, tx.now, "cheered", {"key": key}), key)


def names(kit: TestKit, owner: str) -> list[str]:
    return [event.type for event in kit.events.page(owner)]


@pytest.mark.parametrize("poisoned", CASES, ids=" ".join, indirect=True)
def test_an_unreadable_event_is_counted_and_dies_and_the_others_are_delivered(
    poisoned: Any,
) -> None:
    engine, poison = poisoned
    seen: list[str] = []
    kit = habitkit.testing.kit(
        store=SqlStore(engine),
        subscribers=[subscribe("noted", lambda event: seen.append(event.id))],
    )
    for owner in ("ada", "bob", "cyd"):
        kit.events.record(owner, "noted")
    poison("events", "owner = 'bob'")

    report = kit.relay.run_once()

    assert (report.delivered, [failure.id for failure in report.failures]) == (2, ["bob:1:0"])
    assert seen == ["ada:1:0", "cyd:1:0"]
    for attempt in range(1, MAX_DELIVERY_ATTEMPTS):
        kit.clock.advance(seconds=retry_delay(attempt).total_seconds())
        report = kit.relay.run_once()
    assert [died.id for died in report.dead] == ["bob:1:0"]
    (dead,) = kit.relay.dead()
    assert (dead.id, dead.type, dead.attempts, dead.event) == ("bob:1:0", "noted", 10, None)
    assert dead.error
    kit.relay.drop(dead.id)
    assert kit.relay.dead() == []


@pytest.mark.parametrize("poisoned", CASES, ids=" ".join, indirect=True)
def test_an_unreadable_message_stops_neither_its_owner_nor_the_sweep(poisoned: Any) -> None:
    engine, poison = poisoned
    kit = habitkit.testing.kit(store=SqlStore(engine))
    for owner, key in [("ada", "k"), ("bob", "bad"), ("bob", "good"), ("cyd", "k")]:
        kit.run(partial(send, owner, key))
    poison("inbox", "key = 'bad'")

    kit.events.record("bob", "noted")

    assert names(kit, "bob") == ["cheered", "noted"]
    report = kit.sweep()
    assert report.counts["messages"] == 2
    assert [failure.attempts for failure in report.failures] == [2]
    for _ in range(MAX_MESSAGE_ATTEMPTS - 2):
        report = kit.sweep()
    assert (len(report.failures), kit.sweep().failures) == (1, ())
    (dead,) = kit.relay.dead()
    assert (dead.kind, dead.owner, dead.type, dead.event) == ("message", "bob", "Recorded", None)
    kit.relay.drop(dead.id)
    assert kit.relay.dead() == []


@pytest.mark.parametrize("poisoned", CASES, ids=" ".join, indirect=True)
def test_a_message_that_can_be_read_again_is_applied_after_a_retry(poisoned: Any) -> None:
    engine, poison = poisoned
    kit = habitkit.testing.kit(store=SqlStore(engine))
    kit.run(partial(send, "bob", "bad"))
    with engine.begin() as connection:
        ((at, fields),) = connection.execute(
            text("SELECT CAST(at AS TEXT), CAST(fields AS TEXT) FROM habitkit_inbox")
        )
    poison("inbox", "key = 'bad'")
    for _ in range(MAX_MESSAGE_ATTEMPTS):
        kit.sweep()
    with engine.begin() as connection:
        repair = f"UPDATE habitkit_inbox SET at = '{at}', fields = '{fields}'"  # noqa: S608 - its own
        connection.exec_driver_sql(repair)

    kit.relay.retry(kit.relay.dead()[0].id)

    assert kit.sweep().counts["messages"] == 1
    assert names(kit, "bob") == ["cheered"]


@pytest.mark.parametrize("driver", ["psycopg", "asyncpg"])
@pytest.mark.parametrize("change", POISON["postgresql"][1:])  # asyncpg reads infinity
async def test_async_drivers_read_the_rest_as_well(
    postgres: Engine, driver: str, change: str
) -> None:
    engine = create_async_engine(postgres.url.set(drivername=f"postgresql+{driver}"))
    kit = AsyncHabitKit(AsyncSqlStore(engine), subscribers=[subscribe("noted", _ignore)])
    for owner in ("ada", "bob"):
        await kit.events.record(owner, "noted")
        await kit.run(partial(send, owner, "k"))
    with postgres.begin() as connection:
        for table in ("events", "inbox"):
            statement = f"UPDATE habitkit_{table} SET {change} WHERE owner = 'ada'"  # noqa: S608 - ours
            connection.exec_driver_sql(statement)

    relayed = await kit.relay.run_once()
    swept = await kit.sweep()

    assert (relayed.delivered, len(relayed.failures)) == (1, 1)
    assert (swept.counts["messages"], len(swept.failures)) == (1, 1)
    await engine.dispose()


def _ignore(_: object) -> None:
    pass


def test_two_relays_of_different_subscribers_deliver_each_its_own(postgres: Engine) -> None:
    mails: list[str] = []
    hooks: list[str] = []
    store = SqlStore(postgres)
    mail = subscribe("mail", lambda event: mails.append(event.id))
    hook = subscribe("hook", lambda event: hooks.append(event.id))
    writer = habitkit.testing.kit(store=store, subscribers=[mail, hook])
    for n in range(20):
        writer.events.record(f"owner{n % 3}", "mail" if n < 15 else "hook")
    mailing = habitkit.testing.kit(store=SqlStore(postgres), subscribers=[mail])
    hooking = habitkit.testing.kit(store=SqlStore(postgres), subscribers=[hook])

    first = [hooking.relay.run_once(limit=3).delivered for _ in range(3)]
    second = [mailing.relay.run_once(limit=10).delivered for _ in range(3)]

    assert (first, second) == ([3, 2, 0], [10, 5, 0])
    assert (len(set(mails)), len(set(hooks))) == (15, 5)
