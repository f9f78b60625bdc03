"""A host whose engine says something to PostgreSQL whenever a transaction begins."""

from __future__ import annotations

from sqlalchemy import event

import habitkit.testing
from habitkit.backends.sqlalchemy import SqlStore


def test_a_transfer_happens_in_the_transaction_that_a_listener_has_begun(engine):
    said = []

    @event.listens_for(engine, "begin")
    def say(connection):
        said.append(connection.exec_driver_sql("SELECT 'hello'").scalar())

    kit = habitkit.testing.kit(store=SqlStore(engine))
    kit.coins.award("ada", 10, idempotency_key="a")
    for n in range(3):
        kit.coins.spend("ada", 1, idempotency_key=f"s{n}")

    assert kit.coins.balance("ada").available == 7
    assert len(said) == 5
    assert kit.coins.audit().ok
