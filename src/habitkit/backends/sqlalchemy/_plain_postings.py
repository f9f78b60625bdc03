"""The plain road of coins on PostgreSQL: lock, ask, post and commit by one statement.

Theory of operation. The statement is a transaction of its own: it locks the
owners, moves both accounts, writes transfer, entries, answer and events, and commits. All of its
parts see the state from before it began. What others commit while it waits for an owner's lock is
seen only where a row is updated: PostgreSQL then takes the newest version of that row and tests the
conditions again (READ COMMITTED). So whatever decides over coins stands in the conditions of an
UPDATE. What is asked beside it, such as whether the key was used before, is asked of the old state;
if that has changed meanwhile, a unique key breaks. If one side of the transfer does not move, the
statement divides by zero. Either way it has done nothing, and the long road finds out why.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

from attrs import evolve
from sqlalchemy.exc import DBAPIError

from habitkit import _codec
from habitkit.backends.sqlalchemy import _failures
from habitkit.backends.sqlalchemy._coins import transfer_values
from habitkit.backends.sqlalchemy._plain_statement import post_plain
from habitkit.backends.sqlalchemy._postgres_coins import PostgresCoins
from habitkit.backends.sqlalchemy._prepared import Prepared
from habitkit.errors import Duplicate
from habitkit.events import CoinsPosted

if TYPE_CHECKING:
    from datetime import datetime

    from habitkit.backends.sqlalchemy._attempts import Attempts
    from habitkit.backends.sqlalchemy._prepared import Link
    from habitkit.coins.model import PlainOrder, Transfer

__all__ = ["PlainPostgresCoins"]

_LARGEST = 2**63 - 1
_IDLE = 0  # libpq's PQTRANS_IDLE


class PlainPostgresCoins(PostgresCoins):
    """The same in a transaction of our own that has not begun yet, with the plain road."""

    _POST_PLAIN = Prepared(post_plain, kind="transfer", only="postgresql")

    def __init__(self, link: Link, attempts: Attempts) -> None:
        """Work on one transaction.

        Args:
            link: Its road to psycopg, which sends BEGIN with the first statement.
            attempts: What is told that a statement commits by itself.
        """
        super().__init__(link)
        self._attempts = attempts

    def post_plain(self, order: PlainOrder) -> Transfer | None:
        """Lock the owners, post and commit, if the transfer is plain; see ``PlainPostings``."""
        transfer, answer = order.transfer, order.answer
        told = {
            "transfer_id": transfer.id,
            "kind": transfer.kind,
            "currency": transfer.currency,
        }
        values = {
            **transfer_values(transfer),
            "now": transfer.at,
            "giver": order.giver,
            "taker": order.taker,
            "lowest": transfer.amount - _LARGEST - 1,
            "highest": _LARGEST - transfer.amount,
            "operation": answer.operation,
            "key": answer.key,
            "request": _codec.to_json(answer.request),
            "result": answer.result,
            "event": CoinsPosted.__name__,
            "giver_fields": _codec.to_json({**told, "amount": -transfer.amount}),
            "taker_fields": _codec.to_json({**told, "amount": transfer.amount}),
        }
        at = self._commit(values)
        return None if at is None else evolve(transfer, at=at)

    def _commit(self, values: dict[str, Any]) -> datetime | None:
        """Run the statement as a transaction of its own; return the transfer's instant, or None.

        A transaction that has begun, by a listener of the host's engine say, is left as it is.
        """
        connection = self._link.connection
        driver: Any = connection.connection.driver_connection
        if driver.info.transaction_status != _IDLE:
            return None
        driver.autocommit = self._attempts.committing = True
        try:
            row = self._link.row(self._POST_PLAIN, values)
        except Duplicate:
            row = None
        except DBAPIError as error:
            if not _failures.is_division_by_zero(error):
                raise
            row = None
        except BaseException:
            # It may wait for a lock still, and would commit later.
            with suppress(Exception):
                driver.cancel()
            connection.invalidate()
            raise
        finally:
            if not driver.closed and driver.info.transaction_status == _IDLE:
                driver.autocommit = False
        self._attempts.committing = False
        return None if row is None else row[0]
