"""Serialization failures and deadlocks in the middle of a posting: ours are repeated, a host's not.

A trigger of the database raises them, so that the ledger meets them where it writes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, exc

import habitkit.testing
from habitkit.backends.sqlalchemy import SqlStore, _retry
from habitkit.coins import Posting
from habitkit.errors import StoreBusy
from habitkit.testing import TestKit
from tests.sql.ledger import assert_sound
from tests.sql.support import notes_in, nothing_written, sqlstate_of, write_note

pytestmark = pytest.mark.postgres

MAX_ATTEMPTS = _retry._MAX_ATTEMPTS

TROUBLE = """
CREATE SEQUENCE habitkit_trouble;
CREATE FUNCTION habitkit_trouble() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF nextval('habitkit_trouble') <= %(times)s THEN
        RAISE EXCEPTION 'on purpose' USING ERRCODE = '%(sqlstate)s';
    END IF;
    RETURN NULL;
END
$$;
CREATE TRIGGER habitkit_trouble AFTER %(when)s ON habitkit_%(table)s
    FOR EACH STATEMENT EXECUTE FUNCTION habitkit_trouble();
"""

NO_TROUBLE = """
DROP FUNCTION IF EXISTS habitkit_trouble CASCADE;
DROP SEQUENCE IF EXISTS habitkit_trouble;
"""

Trouble = Callable[..., None]


@pytest.fixture
def trouble(postgres: Engine) -> Iterator[Trouble]:
    """Let the next writes to a table fail, as a function."""

    def make(table: str, sqlstate: str, times: int) -> None:
        when = "UPDATE" if table == "accounts" else "INSERT"
        values = {"table": table, "sqlstate": sqlstate, "times": times, "when": when}
        with postgres.begin() as connection:
            connection.exec_driver_sql(NO_TROUBLE + TROUBLE % values)

    yield make
    with postgres.begin() as connection:
        connection.exec_driver_sql(NO_TROUBLE)


@pytest.fixture
def kit(postgres: Engine) -> TestKit:
    """A kit on PostgreSQL whose owners have a hundred coins each, and ten of ada's are held."""
    kit = habitkit.testing.kit(store=SqlStore(postgres))
    for owner in ("ada", "bob"):
        kit.coins.award(owner, 100, idempotency_key="begin")
        kit.coins.spend(owner, 1, idempotency_key="begin")
    kit.coins.reserve("ada", 10, idempotency_key="begin")
    return kit


ACTIONS: dict[str, Callable[[Any], Any]] = {
    "award": lambda coins: coins.award("ada", 7, idempotency_key="k"),
    "award to somebody new": lambda coins: coins.award("cleo", 7, idempotency_key="k"),
    "spend": lambda coins: coins.spend("ada", 7, idempotency_key="k"),
    "transfer": lambda coins: coins.transfer("ada", "bob", 7, idempotency_key="k"),
    "post_many": lambda coins: coins.post_many(
        [
            Posting.transfer("ada", "bob", 7),
            Posting.transfer("bob", "ada", 5),
            Posting.award("ada", 3),
        ],
        idempotency_key="k",
    ),
    "reserve": lambda coins: coins.reserve("ada", 7, idempotency_key="k"),
    "settle": lambda coins: coins.settle(coins.holds("ada")[0].id, 4),
    "release": lambda coins: coins.release(coins.holds("ada")[0].id),
    "reverse": lambda coins: coins.reverse(
        coins.statement("bob", newest_first=False)[0].transfer_id, idempotency_key="k"
    ),
}

EVERY_ACTION = pytest.mark.parametrize("act", ACTIONS.values(), ids=ACTIONS)
EVERY_CONFLICT = pytest.mark.parametrize("sqlstate", ["40001", "40P01"])


def state(kit: TestKit) -> list[Any]:
    """Return all that an owner would see."""
    return [
        [kit.coins.balance(owner), len(kit.coins.statement(owner)), len(kit.events.page(owner))]
        for owner in ("ada", "bob", "cleo")
    ]


@EVERY_ACTION
@pytest.mark.parametrize(("sqlstate", "table"), [("40001", "accounts"), ("40P01", "entries")])
def test_a_conflict_in_the_middle_of_a_posting_is_repeated_until_it_works(
    kit, trouble, act, sqlstate, table
):
    trouble(table, sqlstate, times=2)

    done = act(kit.coins)

    after = state(kit)
    assert_sound(kit, "ada", "bob")
    assert [each[2] for each in after] == [
        len({(event.rev, event.position) for event in kit.events.page(owner)})
        for owner in ("ada", "bob", "cleo")
    ]
    again = act(kit.coins) if not hasattr(done, "ended_at") or done.state == "open" else done
    assert again == done
    assert state(kit) == after, "once, however often it was tried"


@EVERY_ACTION
def test_a_conflict_without_end_is_a_busy_store_and_nothing_is_written(
    postgres, kit, trouble, act, monkeypatch
):
    monkeypatch.setattr(_retry, "_MAX_ATTEMPTS", 3)
    trouble("entries", "40001", times=10**6)

    with nothing_written(postgres), pytest.raises(StoreBusy) as caught:
        act(kit.coins)

    assert caught.value.attempts == 3
    assert sqlstate_of(caught.value.__cause__) == "40001"


@EVERY_ACTION
@EVERY_CONFLICT
def test_a_conflict_inside_a_hosts_transaction_is_the_hosts_to_see(
    postgres, kit, trouble, act, sqlstate
):
    trouble("entries", sqlstate, times=1)

    with nothing_written(postgres), postgres.connect() as connection:
        write_note(connection)
        with pytest.raises(exc.DBAPIError) as caught:
            act(kit.on(connection).coins)
        connection.rollback()

    assert sqlstate_of(caught.value) == sqlstate, "the database's own error, unchanged"
    assert notes_in(postgres) == []
    with postgres.begin() as connection:
        act(kit.on(connection).coins)
    assert_sound(kit, "ada", "bob")


@EVERY_CONFLICT
def test_a_host_may_go_on_after_a_conflict_as_the_action_has_left_nothing(
    postgres, kit, trouble, sqlstate
):
    trouble("entries", sqlstate, times=1)

    def attempt(connection: Connection) -> None:
        kit.on(connection).coins.transfer("ada", "bob", 7, idempotency_key="k")

    with postgres.begin() as connection:
        write_note(connection)
        with pytest.raises(exc.DBAPIError):
            attempt(connection)
        attempt(connection)

    assert notes_in(postgres) == ["mine"]
    assert [kit.coins.balance(owner).posted for owner in ("ada", "bob")] == [92, 106]
    assert_sound(kit, "ada", "bob")
