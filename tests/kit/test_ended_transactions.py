"""A transaction that was kept in a variable refuses everything after its end."""

from __future__ import annotations

import asyncio
from functools import partial

import pytest

from habitkit import AsyncHabitKit, Schedule, coins, on
from habitkit.backends.threaded import ThreadedStore
from habitkit.coins.store import COINS
from habitkit.errors import TransactionEnded
from habitkit.events import Recorded
from habitkit.habits.store import HABITS
from habitkit.testing.contracts._sample_facts import NOW

WAYS = {"run": "run", "read": "read", "rehearse": "rehearse", "a scope": "run"}

USES = {
    "an action": lambda tx: coins.award(tx, "ada", 1, idempotency_key="k"),
    "a query": lambda tx: coins.balance(tx, "ada"),
    "a port": lambda tx: tx.port(COINS),
    "the stores": lambda tx: tx.stores,
    "the connection": lambda tx: tx.connection,
    "the instant": lambda tx: tx.now,
    "an id": lambda tx: tx.new_id(),
    "a lock": lambda tx: tx.lock("ada"),
    "an event": lambda tx: tx.emit("ada", [Recorded("ada", NOW, "noted", {})]),
    "no event": lambda tx: tx.emit("ada", []),
    "a message": lambda tx: tx.send(Recorded("bob", NOW, "noted", {}), "k"),
    "messages": lambda tx: tx.apply_messages("ada", 10),
    "a revision": lambda tx: tx.rev("ada"),
    "a savepoint": lambda tx: tx.savepoint().__enter__(),
    "a key": lambda tx: tx.once("ada", "notes.add", None, {}, str, str),
    "a cause": lambda tx: tx.cause,
}


def kept(kit, way):
    """Return a transaction that has ended in some way."""
    view = kit.owned_by("ada") if way == "a scope" else kit
    return getattr(view, WAYS[way])(lambda tx: tx)


def failed(kit):
    """Return a transaction that was undone."""
    transactions = []

    def work(tx):
        transactions.append(tx)
        raise ArithmeticError

    with pytest.raises(ArithmeticError):
        kit.run(work)
    return transactions[0]


@pytest.mark.parametrize("use", USES)
@pytest.mark.parametrize("way", [*WAYS, "a failure"])
def test_whatever_a_transaction_offers_is_refused_after_its_end(kit, way, use):
    kit.habits.create("ada", "Run", Schedule.daily())
    before = kit.export("ada")
    tx = failed(kit) if way == "a failure" else kept(kit, way)

    with pytest.raises(TransactionEnded, match=r"this transaction has ended; .* kit\.run\(work\)"):
        USES[use](tx)

    assert kit.export("ada") == before


def test_the_transaction_of_a_reaction_ends_with_its_action(store):
    transactions = []
    kit = AsyncHabitKit(
        ThreadedStore(store), reactions=[on(Recorded, lambda tx, *_: transactions.append(tx))]
    )

    async def record():
        await kit.events.record("ada", "noted")
        await kit.close()

    asyncio.run(record())

    with pytest.raises(TransactionEnded):
        transactions[0].lock("ada")


def test_a_transaction_can_still_be_shown_after_its_end(kit):
    assert "Transaction" in repr(kept(kit, "run"))


def test_a_port_writes_nothing_after_the_end_of_its_transaction(kit, store):
    run = kit.habits.create("ada", "Run", Schedule.daily())
    before = kit.export("ada")
    port, stores = kit.run(lambda tx: (tx.port(HABITS), tx.stores))

    for use in (
        partial(stores.owners.lock, ["ada"]),
        partial(stores.owners.lock, ["new"]),
        partial(port.erase, "ada", "erased"),
    ):
        with pytest.raises(TransactionEnded):
            use()

    assert kit.export("ada") == before
    assert kit.habits.check_in(run.id).coins == 10
