"""An audit names what nobody could read, and goes on: a row that holds what its column cannot
mean."""

from __future__ import annotations

import pytest
from sqlalchemy import Engine, text

import habitkit.testing
from habitkit.backends.sqlalchemy import SqlStore
from habitkit.testing import TestKit

THIRD = "(SELECT transfer_id FROM habitkit_entries WHERE seq = 3 AND account_id = {wallet})"
WALLET = "(SELECT id FROM habitkit_accounts WHERE owner = 'ada' AND role = 'wallet')"
OF_TRANSFER = f"UPDATE habitkit_transfers SET {{what}} WHERE id = {THIRD.format(wallet=WALLET)}"  # noqa: S608 - of our own words
OF_ENTRY = f"UPDATE habitkit_entries SET {{what}} WHERE seq = 3 AND account_id = {WALLET}"  # noqa: S608

BOB_HAS_MORE = """UPDATE habitkit_entries SET balance = 9 WHERE account_id =
    (SELECT id FROM habitkit_accounts WHERE owner = 'bob' AND role = 'wallet')"""


@pytest.fixture
def sqlite_kit(sqlite: Engine) -> TestKit:
    """A kit whose database holds whatever a test puts into it: ada has five entries, bob one."""
    kit = habitkit.testing.kit(store=SqlStore(sqlite))
    for n in range(5):
        kit.coins.award("ada", 1, idempotency_key=f"{n}", memo="well done", metadata={"n": n})
    kit.coins.award("bob", 1, idempotency_key="b")
    kit.sweep()
    return kit


@pytest.mark.parametrize(
    "statement",
    [
        OF_TRANSFER.format(what="metadata = '{oops'"),
        OF_TRANSFER.format(what="memo = x'ff'"),
        OF_ENTRY.format(what="at = 'yesterday'"),
        OF_ENTRY.format(what="transfer_id = 'nope'"),
        OF_ENTRY.format(what="amount = 'lots'"),
    ],
    ids=["metadata", "memo", "instant", "id", "amount"],
)
def test_an_unreadable_entry_is_named_and_hides_no_other_finding(
    sqlite: Engine, sqlite_kit: TestKit, statement: str
) -> None:
    with sqlite.connect() as connection:
        connection.execute(text("PRAGMA foreign_keys = OFF"))
        connection.execute(text("PRAGMA ignore_check_constraints = ON"))
        connection.commit()
        assert connection.execute(text(statement)).rowcount == 1
        connection.execute(text(BOB_HAS_MORE))
        connection.commit()

    found = {(each.owner, each.role, each.seq) for each in sqlite_kit.coins.audit().findings}

    assert {("ada", "wallet", 3), ("bob", "wallet", 1)} <= found


def test_a_wallet_removed_from_the_sealing_queue_is_found(engine: Engine, kit: TestKit) -> None:
    kit.coins.award("ada", 1, idempotency_key="a")
    with engine.begin() as connection:
        connection.execute(text("DELETE FROM habitkit_unsealed"))
    kit.coins.award("ada", 1, idempotency_key="b")
    assert kit.sweep().counts["sealed_entries"] == 0

    (finding,) = kit.coins.audit().findings

    assert (finding.owner, finding.role, finding.seq) == ("ada", "wallet", 1)
    assert finding.problem == "entries after 0 are not sealed, and not queued for sealing"
