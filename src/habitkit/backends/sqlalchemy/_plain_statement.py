"""The statement of the plain road, part by part; see ``_plain_postings`` for how it works."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

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

from habitkit.backends.sqlalchemy._coins import FACTS
from habitkit.backends.sqlalchemy._messages import OPEN
from habitkit.backends.sqlalchemy._postgres_coins import AFTER, MOVE
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

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy import CTE

    Insert = Callable[..., Any]

__all__ = ["post_plain"]


def _text(name: str) -> Any:
    """Return a parameter that is a text."""
    return bindparam(name, type_=String())


_SOURCE, _TARGET, _CURRENCY = _text("source"), _text("target"), _text("currency")
_NOW = bindparam("now", type_=Instant())
_TRANSFER_ID = bindparam("id", type_=Id())
_AMOUNT = bindparam("amount", type_=BigInteger())
_ZERO: Any = literal_column("0")
_ONE: Any = literal_column("1")
_TRUE: Any = literal_column("true")


def post_plain(insert: Insert) -> Any:
    """Return the statement that locks, asks, and posts a plain transfer.

    It returns one row, the transfer's instant first; none if something is asked of the long road;
    and divides by zero if the taker does not move.
    """
    locked = _locked(insert)
    giver = _giver_moved(locked)
    taker = _taker_moved(giver)
    written = (
        _transfer(insert, giver, taker),
        _entries(insert, giver, taker),
        _answer(insert, giver),
        _told(insert, locked, giver, taker),
    )
    moved = case((taker.c.id.is_not(None), _ONE), else_=_ZERO)
    outcome = select(giver.c.at, _ONE / moved).select_from(
        locked.outerjoin(giver, _TRUE).outerjoin(taker, _TRUE)
    )
    return outcome.add_cte(*written)


def _locked(insert: Insert) -> CTE:
    """Lock both owners, unless something is in the way that the long road must see to."""
    parties = union(select(_SOURCE.label("owner")), select(_TARGET)).subquery("parties")
    taker = accounts.alias("taker_before")
    message = inbox.c.owner.in_([_SOURCE, _TARGET]), OPEN
    answer = (
        answers.c.owner == _SOURCE,
        answers.c.operation == _text("operation"),
        answers.c.key == _text("key"),
    )
    locked: CTE = (
        insert(owners)
        .from_select(
            ["owner", "rev"],
            select(parties.c.owner, _ONE)
            .where(
                ~_any(inbox, *message),
                ~_any(answers, *answer),
                ~_any(transfers, transfers.c.id == _TRANSFER_ID),
                _any(taker, *_can_take(taker)),
            )
            .order_by(parties.c.owner.collate("C")),  # as Python sorts, who locks them elsewhere
        )
        .on_conflict_do_update(index_elements=[owners.c.owner], set_={"rev": owners.c.rev + _ONE})
        .returning(owners.c.owner, owners.c.rev)
        .cte("locked")
    )
    return locked


def _giver_moved(locked: CTE) -> CTE:
    """Take the amount from the account that gives, if it may go so low."""
    return (
        update(accounts)
        .where(
            accounts.c.owner == _SOURCE,
            accounts.c.currency == _CURRENCY,
            accounts.c.role == _text("giver"),
            accounts.c.balance >= bindparam("lowest", type_=BigInteger()),
            or_(accounts.c.floor.is_(None), accounts.c.balance - _AMOUNT >= accounts.c.floor),
            _noted(accounts),
            _any(locked),  # the locks come first
        )
        .values(
            balance=accounts.c.balance - _AMOUNT,
            seq=accounts.c.seq + _ONE,
            at=func.greatest(accounts.c.at, _NOW),
            debt=_ZERO,
        )
        .returning(*AFTER)
        .cte("giver_after")
    )


def _taker_moved(giver: CTE) -> CTE:
    """Add the amount to the account that receives, which may still be in debt afterwards."""
    after = accounts.c.balance + _AMOUNT
    return (
        update(accounts)
        .where(
            *_can_take(accounts),
            accounts.c.id != giver.c.id,
            accounts.c.at <= giver.c.at,  # both sides have one instant
        )
        .values(
            balance=after,
            seq=accounts.c.seq + _ONE,
            at=giver.c.at,
            debt=case((accounts.c.floor > after, accounts.c.floor - after), else_=_ZERO),
        )
        .returning(*AFTER)
        .cte("taker_after")
    )


def _transfer(insert: Insert, giver: CTE, taker: CTE) -> CTE:
    """Write the transfer."""
    facts = select(
        _TRANSFER_ID, _text("kind"), _SOURCE, _TARGET, _CURRENCY, _AMOUNT,
        bindparam("memo", type_=Text()), giver.c.at, cast(_text("metadata"), Json()),
        bindparam("reverses", type_=Id()),
    )  # fmt: skip
    both = facts.select_from(giver).join(taker, _TRUE)
    return _inserted(insert, "made", FACTS, both)


def _entries(insert: Insert, giver: CTE, taker: CTE) -> CTE:
    """Write both sides' entries."""
    sides = (
        select(side.c.id, side.c.seq, change, side.c.balance, side.c.at, _TRANSFER_ID)
        for side, change in ((giver, -_AMOUNT), (taker, _AMOUNT))
    )
    return _inserted(insert, "entered", (*MOVE, entries.c.transfer_id), union_all(*sides))


def _answer(insert: Insert, giver: CTE) -> CTE:
    """Keep the answer under the caller's key."""
    kept = select(
        _SOURCE, _text("operation"), _text("key"), cast(_text("request"), Json()),
        bindparam("result", type_=Text()), _NOW,
    )  # fmt: skip
    return _inserted(insert, "answered", answers.c, kept.select_from(giver))


def _told(insert: Insert, locked: CTE, giver: CTE, taker: CTE) -> CTE:
    """Write the events of those sides that are wallets."""
    both = union_all(
        _event(locked, giver, _SOURCE, "giver"), _event(locked, taker, _TARGET, "taker")
    )
    return _inserted(insert, "told", events.c, both)


def _event(locked: CTE, side: CTE, owner: Any, which: str) -> Any:
    """Return the event of one side, if it is a wallet's."""
    balance = func.jsonb_build_object(literal_column("'balance'"), side.c.balance)
    return select(
        owner,
        locked.c.rev,
        cast(_ZERO, Integer()),
        _text("event"),
        _NOW,
        cast(null(), Text()),
        cast(_text(f"{which}_fields"), Json()).op("||")(balance),
    ).where(locked.c.owner == owner, _text(which) == literal_column("'wallet'"))


def _can_take(of: Any) -> tuple[Any, ...]:
    """Return what finds the account that receives, if it may."""
    return (
        of.c.owner == _TARGET,
        of.c.currency == _CURRENCY,
        of.c.role == _text("taker"),
        of.c.balance <= bindparam("highest", type_=BigInteger()),
        _noted(of),
    )


def _noted(of: Any) -> Any:
    """Return the condition that a wallet's new entry needs no note for the sweep."""
    return or_(of.c.role != literal_column("'wallet'"), of.c.seq > of.c.sealed)


def _any(of: Any, *conditions: Any) -> Any:
    """Return the condition that there is such a row."""
    return exists(select(_ONE).select_from(of).where(*conditions))


def _inserted(insert: Insert, name: str, columns: Any, rows: Any) -> CTE:
    """Return the part that inserts rows, under a name."""
    names = [column.name for column in columns]
    part: CTE = insert(next(iter(columns)).table).from_select(names, rows).cte(name)
    return part
