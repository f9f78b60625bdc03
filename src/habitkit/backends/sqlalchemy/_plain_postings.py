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
from sqlalchemy import (
    BigInteger,
    Integer,
    String,
    Text,
    bindparam,
    case,
    cast,
    exists,
    func,
    literal_column,
    null,
    or_,
    select,
    union,
    union_all,
    update,
)
from sqlalchemy.exc import DBAPIError

from habitkit import _codec
from habitkit.backends.sqlalchemy import _failures
from habitkit.backends.sqlalchemy._coins import FACTS, transfer_values
from habitkit.backends.sqlalchemy._messages import OPEN
from habitkit.backends.sqlalchemy._postgres_coins import AFTER, MOVE, PostgresCoins
from habitkit.backends.sqlalchemy._prepared import Prepared
from habitkit.backends.sqlalchemy._types import Id, Instant, Json
from habitkit.backends.sqlalchemy.tables import (
    accounts,
    answers,
    entries,
    events,
    inbox,
    owners,
    transfers,
)
from habitkit.errors import Duplicate
from habitkit.events import CoinsPosted

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from sqlalchemy import CTE

    from habitkit.backends.sqlalchemy._attempts import Attempts
    from habitkit.backends.sqlalchemy._prepared import Link
    from habitkit.coins.model import PlainOrder, Transfer

__all__ = ["PlainPostgresCoins"]

_LARGEST = 2**63 - 1
_IDLE = 0  # libpq's PQTRANS_IDLE


def _post_plain(insert: Callable[..., Any]) -> Any:
    """Return the statement that locks, asks, and posts a plain transfer."""
    source, target, now = _text("source"), _text("target"), bindparam("now", type_=Instant())
    transfer_id, amount = bindparam("id", type_=Id()), bindparam("amount", type_=BigInteger())
    parties = union(select(source.label("owner")), select(target)).subquery("parties")
    taker = accounts.alias("taker_before")
    locked = (
        insert(owners)
        .from_select(
            ["owner", "rev"],
            select(parties.c.owner, literal_column("1"))
            .where(
                ~exists(
                    select(literal_column("1"))
                    .select_from(inbox)
                    .where(inbox.c.owner.in_([source, target]), OPEN)
                ),
                ~exists(select(literal_column("1")).select_from(answers).where(*_key())),
                ~exists(
                    select(literal_column("1"))
                    .select_from(transfers)
                    .where(transfers.c.id == transfer_id)
                ),
                exists(
                    select(literal_column("1")).select_from(taker).where(*_can_take(taker, target))
                ),
            )
            .order_by(parties.c.owner.collate("C")),  # as Python sorts, who locks them elsewhere
        )
        .on_conflict_do_update(
            index_elements=[owners.c.owner], set_={"rev": owners.c.rev + literal_column("1")}
        )
        .returning(owners.c.owner, owners.c.rev)
        .cte("locked")
    )
    giver = (
        update(accounts)
        .where(
            accounts.c.owner == source,
            accounts.c.currency == _text("currency"),
            accounts.c.role == _text("giver"),
            accounts.c.balance >= bindparam("lowest", type_=BigInteger()),
            or_(accounts.c.floor.is_(None), accounts.c.balance - amount >= accounts.c.floor),
            _noted(accounts),
            exists(select(literal_column("1")).select_from(locked)),  # the locks come first
        )
        .values(
            balance=accounts.c.balance - amount,
            seq=accounts.c.seq + literal_column("1"),
            at=func.greatest(accounts.c.at, now),
            debt=literal_column("0"),
        )
        .returning(*AFTER)
        .cte("giver_after")
    )
    after = accounts.c.balance + amount
    taken = (
        update(accounts)
        .where(
            *_can_take(accounts, target),
            accounts.c.id != giver.c.id,
            accounts.c.at <= giver.c.at,  # both sides have one instant
        )
        .values(
            balance=after,
            seq=accounts.c.seq + literal_column("1"),
            at=giver.c.at,
            debt=case(
                (accounts.c.floor > after, accounts.c.floor - after), else_=literal_column("0")
            ),
        )
        .returning(*AFTER)
        .cte("taker_after")
    )
    made = (
        insert(transfers)
        .from_select(
            [c.name for c in FACTS],
            select(
                transfer_id, _text("kind"), source, target, _text("currency"), amount,
                bindparam("memo", type_=Text()), giver.c.at, cast(_text("metadata"), Json()),
                bindparam("reverses", type_=Id()),
            ).select_from(giver).join(taken, literal_column("true")),
        )
        .cte("made")
    )  # fmt: skip
    entered = (
        insert(entries)
        .from_select(
            [*(c.name for c in MOVE), "transfer_id"],
            union_all(
                select(giver.c.id, giver.c.seq, -amount, giver.c.balance, giver.c.at, transfer_id),
                select(taken.c.id, taken.c.seq, amount, taken.c.balance, taken.c.at, transfer_id),
            ),
        )
        .cte("entered")
    )
    answered = (
        insert(answers)
        .from_select(
            [c.name for c in answers.c],
            select(
                source, _text("operation"), _text("key"), cast(_text("request"), Json()),
                bindparam("result", type_=Text()), now,
            ).select_from(giver),
        )
        .cte("answered")
    )  # fmt: skip
    told = (
        insert(events)
        .from_select(
            [c.name for c in events.c],
            union_all(
                _event(locked, giver, source, "giver", now),
                _event(locked, taken, target, "taker", now),
            ),
        )
        .cte("told")
    )
    moved = case((taken.c.id.is_not(None), literal_column("1")), else_=literal_column("0"))
    outcome = select(giver.c.at, literal_column("1") / moved).select_from(
        locked.outerjoin(giver, literal_column("true")).outerjoin(taken, literal_column("true"))
    )
    return outcome.add_cte(made, entered, answered, told)


def _text(name: str) -> Any:
    """Return a parameter that is a text."""
    return bindparam(name, type_=String())


def _key() -> tuple[Any, ...]:
    """Return what finds the answer to the caller's key."""
    return (
        answers.c.owner == _text("source"),
        answers.c.operation == _text("operation"),
        answers.c.key == _text("key"),
    )


def _noted(of: Any) -> Any:
    """Return the condition that a wallet's new entry needs no note for the sweep."""
    return or_(of.c.role != literal_column("'wallet'"), of.c.seq > of.c.sealed)


def _can_take(of: Any, target: Any) -> tuple[Any, ...]:
    """Return what finds the account that receives, if it may."""
    return (
        of.c.owner == target,
        of.c.currency == _text("currency"),
        of.c.role == _text("taker"),
        of.c.balance <= bindparam("highest", type_=BigInteger()),
        _noted(of),
    )


def _event(locked: CTE, side: CTE, owner: Any, which: str, now: Any) -> Any:
    """Return the event of one side, if it is a wallet's."""
    balance = func.jsonb_build_object(literal_column("'balance'"), side.c.balance)
    return select(
        owner,
        locked.c.rev,
        cast(literal_column("0"), Integer()),
        _text("event"),
        now,
        cast(null(), Text()),
        cast(_text(f"{which}_fields"), Json()).op("||")(balance),
    ).where(locked.c.owner == owner, _text(which) == literal_column("'wallet'"))


class PlainPostgresCoins(PostgresCoins):
    """The same in a transaction of our own that has not begun yet, with the plain road."""

    _POST_PLAIN = Prepared(_post_plain, kind="transfer", only="postgresql")

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
