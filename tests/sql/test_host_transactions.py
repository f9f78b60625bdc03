"""The kit inside a transaction of the host: what is kept, what is undone, what is refused."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from sqlalchemy import Connection, Engine

import habitkit.testing
from habitkit import Schedule, on
from habitkit.backends.sqlalchemy import SqlStore
from habitkit.coins import CoinsPosted, InsufficientFunds
from habitkit.coins.store import COINS
from habitkit.coins.transfers import award
from habitkit.errors import Duplicate, NestedTransaction
from habitkit.testing import TestKit
from tests.sql.support import (
    notes,
    notes_in,
    nothing_written,
    write_note,
)


@pytest.fixture
def kit(host: Engine) -> TestKit:
    """A kit on the host's engine."""
    return habitkit.testing.kit(store=SqlStore(host))


def balance(kit: TestKit, owner: str = "ada") -> int:
    return kit.coins.balance(owner).available


def fail_to_spend(kit: TestKit, connection: Connection) -> None:
    """Let an action write and then fail."""

    def work(tx):
        award(tx, "ada", 3, idempotency_key="lost")
        connection.execute(notes.insert().values(text="lost"))
        raise ArithmeticError

    with pytest.raises(ArithmeticError):
        kit.on(connection).run(work)
    with pytest.raises(InsufficientFunds):
        kit.on(connection).coins.spend("ada", 10**6, idempotency_key="too much")


BEGINNINGS: dict[str, Callable[[Connection], object]] = {
    "not begun": lambda _: None,
    "begun by writing": write_note,
    "begun by reading": lambda connection: connection.execute(notes.select()).all(),
    "begun by a query of the kit": lambda _: None,
    "begun by a failed action": lambda _: None,
}


@pytest.fixture(params=BEGINNINGS)
def begin(request: pytest.FixtureRequest, kit: TestKit) -> Callable[[Connection], object]:
    """How the host's transaction begins."""
    if "query" in request.param:
        return lambda connection: kit.on(connection).coins.balance("ada")
    if "failed" in request.param:
        return lambda connection: fail_to_spend(kit, connection)
    return BEGINNINGS[request.param]


# -- all or nothing ------------------------------------------------------------------------------


def test_the_hosts_rollback_undoes_everything(host, kit, begin):
    with host.connect() as connection, nothing_written(host):
        begin(connection)
        kit.on(connection).coins.award("ada", 5, idempotency_key="gift")
        write_note(connection)
        assert kit.on(connection).coins.balance("ada").available == 5
        connection.rollback()

    assert notes_in(host) == []


def test_the_hosts_commit_keeps_everything(host, kit, begin):
    with host.connect() as connection:
        begin(connection)
        kit.on(connection).coins.award("ada", 5, idempotency_key="gift")
        write_note(connection, "last")
        connection.commit()

    assert balance(kit) == 5
    assert notes_in(host)[-1] == "last"


def test_a_failed_action_leaves_nothing_behind_and_the_host_goes_on(host, kit, begin):
    with host.connect() as connection:
        begin(connection)
        fail_to_spend(kit, connection)
        write_note(connection, "last")
        connection.commit()

    assert balance(kit) == 0
    assert kit.events.page("ada") == []
    assert "lost" not in notes_in(host)
    assert notes_in(host)[-1] == "last"


def test_the_hosts_rollback_undoes_its_own_work_after_a_failed_action_too(host, kit, begin):
    with host.connect() as connection:
        begin(connection)
        fail_to_spend(kit, connection)
        write_note(connection)
        connection.rollback()

    assert notes_in(host) == []


def test_actions_before_a_failed_one_stay(host, kit):
    with host.begin() as connection:
        inside = kit.on(connection)
        run = inside.habits.create("ada", "Run", Schedule.daily(), idempotency_key="run")
        inside.habits.check_in(run.id)
        fail_to_spend(kit, connection)
        inside.habits.check_in(run.id, day=kit.clock.now().date().replace(month=1, day=1))

    assert len(kit.habits.list("ada")) == 1
    assert balance(kit) == 10


def test_nothing_is_seen_by_others_before_the_hosts_commit(host, kit):
    with host.connect() as connection:
        with nothing_written(host):
            kit.on(connection).coins.award("ada", 5, idempotency_key="gift")
        connection.commit()

    assert balance(kit) == 5


def test_a_connection_serves_one_transaction_after_the_other(host, kit):
    with host.connect() as connection:
        inside = kit.on(connection)
        for n, end in enumerate([connection.rollback, connection.commit] * 3):
            inside.coins.award("ada", 5, idempotency_key=str(n))
            end()

    assert balance(kit) == 15


def test_two_kits_work_in_one_host_transaction(host, kit):
    other = habitkit.testing.kit(store=SqlStore(host))

    with host.connect() as connection:
        kit.on(connection).coins.award("ada", 5, idempotency_key="one")
        other.on(connection).coins.award("ada", 7, idempotency_key="two")
        other.on(connection).coins.spend("ada", 1, idempotency_key="three")
        connection.rollback()
        assert balance(kit) == 0
        kit.on(connection).coins.award("ada", 5, idempotency_key="one")
        other.on(connection).coins.award("ada", 7, idempotency_key="two")
        connection.commit()

    assert balance(kit) == balance(other) == 12
    assert [event.rev for event in kit.events.page("ada")] == [1, 2]


def test_a_kit_inside_a_transaction_of_its_own_is_refused(host, kit):
    def work(tx):
        award(tx, "ada", 5, idempotency_key="gift")
        with host.connect() as connection:
            kit.on(connection).coins.award("ada", 5, idempotency_key="other")

    with nothing_written(host), pytest.raises(NestedTransaction):
        kit.run(work)


def test_a_reaction_of_the_hosts_writes_its_own_table_in_the_same_transaction(host):
    def note(tx, owner, events):
        for posted in events:
            tx.connection.execute(notes.insert().values(text=f"{owner}: {posted.amount}"))

    kit = habitkit.testing.kit(store=SqlStore(host), reactions=[on(CoinsPosted, note)])

    with host.connect() as connection:
        kit.on(connection).coins.award("ada", 5, idempotency_key="one")
        connection.rollback()
        kit.on(connection).coins.award("ada", 7, idempotency_key="two")
        connection.commit()
    kit.coins.award("ada", 9, idempotency_key="three")

    assert notes_in(host) == ["ada: 7", "ada: 9"]


def test_a_duplicate_in_an_action_is_raised_and_the_host_goes_on(host, kit):
    def twice(tx):
        tx.lock("ada")
        transfer = award(tx, "ada", 5, idempotency_key="gift")
        tx.port(COINS).post((transfer,), ())

    with host.begin() as connection:
        with pytest.raises(Duplicate, match="this transfer already exists"):
            kit.on(connection).run(twice)
        write_note(connection)

    assert notes_in(host) == ["mine"]
    assert balance(kit) == 0


# -- savepoints of the host's own ----------------------------------------------------------------


def test_a_savepoint_of_the_hosts_that_fails_undoes_the_action_in_it(host, kit):
    with host.connect() as connection:
        kit.on(connection).coins.award("ada", 5, idempotency_key="kept")
        with pytest.raises(ArithmeticError), connection.begin_nested():  # noqa: PT012
            kit.on(connection).coins.award("ada", 7, idempotency_key="lost")
            raise ArithmeticError
        with connection.begin_nested(), connection.begin_nested():
            kit.on(connection).coins.award("ada", 9, idempotency_key="also kept")
            fail_to_spend(kit, connection)
        connection.commit()

    assert balance(kit) == 14


def test_the_hosts_rollback_undoes_what_its_savepoints_kept(host, kit):
    with host.connect() as connection:
        write_note(connection)
        with connection.begin_nested():
            kit.on(connection).coins.award("ada", 5, idempotency_key="gift")
        connection.rollback()

    assert (balance(kit), notes_in(host)) == (0, [])
