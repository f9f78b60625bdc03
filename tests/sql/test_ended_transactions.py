"""After the end of a transaction its ports refuse everything: others may have its connection."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import Engine

import habitkit.testing
from habitkit import Schedule
from habitkit.backends.sqlalchemy import SqlStore
from habitkit.coins.store import COINS
from habitkit.errors import TransactionEnded
from habitkit.habits.store import HABITS
from habitkit.testing import TestKit
from habitkit.transaction import Transaction
from tests.sql.opened import Opened
from tests.sql.support import nothing_written

Kept = tuple[Transaction, Any, Any, Any]

USES: dict[str, Callable[[Transaction, Any, Any, Any], object]] = {
    "the transaction": lambda tx, *_: tx.lock("ada"),
    "a prepared statement": lambda _tx, stores, *_: stores.owners.lock(["ada"]),
    "another statement": lambda _tx, stores, *_: stores.events.page("ada", None, 1),
    "a port made before": lambda _tx, _stores, habits, _: habits.facts("ada"),
    "a port used before": lambda _tx, _stores, _habits, coins: coins.accounts(["ada"], "coin"),
    "a savepoint": lambda _tx, stores, *_: stores.savepoint().__enter__(),
}


def keep(tx: Transaction) -> Kept:
    tx.port(COINS).accounts(["ada"], "coin")
    return tx, tx.stores, tx.port(HABITS), tx.port(COINS)


def refuse_all(kept: Kept) -> None:
    for use in USES.values():
        with pytest.raises(TransactionEnded):
            use(*kept)


def failed(run: Callable[[Callable[[Transaction], object]], object]) -> Kept:
    """Return what was kept of a transaction that was undone."""
    kept: list[Kept] = []

    def work(tx: Transaction) -> None:
        kept.append(keep(tx))
        raise ArithmeticError

    with pytest.raises(ArithmeticError):
        run(work)
    return kept[0]


def test_nothing_works_after_the_end_of_a_transaction_of_our_own(kit: TestKit) -> None:
    for run in (kit.run, kit.read, kit.rehearse):
        refuse_all(run(keep))
        refuse_all(failed(run))

    kit.habits.create("ada", "Run", Schedule.daily())


def test_nothing_works_after_the_end_of_an_action_in_a_transaction_of_the_host(
    host: Engine,
) -> None:
    kit = habitkit.testing.kit(store=SqlStore(host))

    with host.connect() as connection:
        refuse_all(kit.on(connection).run(keep))
        refuse_all(kit.on(connection).read(keep))
        refuse_all(failed(kit.on(connection).run))
        kit.on(connection).habits.create("ada", "Run", Schedule.daily())
        connection.commit()

    assert len(kit.habits.list("ada")) == 1


async def test_nothing_works_after_the_end_of_an_async_transaction(
    opened: Callable[..., Opened], database: Engine
) -> None:
    made = opened()

    with nothing_written(database):
        refuse_all(await made.kit.run(keep))
        await made.all_are_back()
