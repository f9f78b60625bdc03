"""What the tables refuse, whoever writes: rules never let it through, and a bug must not either."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID

import pytest
from attrs import evolve
from sqlalchemy import Engine, exc, select, text

import habitkit.testing
from habitkit import Schedule
from habitkit.backends.sqlalchemy import SqlStore
from habitkit.backends.sqlalchemy.tables import (
    accounts,
    blocks,
    entitlements,
    entries,
    holds,
    transfers,
    unsealed,
)
from habitkit.coins.auditing.domain.model import Block
from habitkit.coins.domain.model import Account, Hold, Move, Transfer
from habitkit.coins.store import AUDIT, COINS, HOLDS
from habitkit.errors import Duplicate, IntegrityError
from habitkit.events import Recorded
from habitkit.habits.domain.facts import CheckInVoid
from habitkit.habits.domain.model import CheckIn, DayClock, Habit
from habitkit.habits.domain.streaks import Snapshot
from habitkit.habits.store import HABITS, STREAKS
from habitkit.journal.domain.model import EventRow
from habitkit.store import Stores
from tests.sql.support import nothing_written

NOW = datetime(2026, 1, 1, 8, tzinfo=UTC)
LARGEST = 2**63 - 1


def an_id(number: int) -> UUID:
    return UUID(int=number)


HABIT = Habit(an_id(1), "ada", "Run", Schedule.daily(), DayClock(), NOW)
WALLET = Account(an_id(2), "ada", "wallet", "coin", 0, 0, NOW, 0)
MINT = Account(an_id(3), "ada", "mint", "coin", 0, 0, NOW, None)
FACT = CheckIn(an_id(4), HABIT.id, "ada", date(2026, 1, 1), NOW, "UTC", None, "full", "app", NOW)
VOID = CheckInVoid(an_id(5), HABIT.id, "ada", FACT.id, NOW)
AWARD = Transfer(an_id(6), "award", "ada", "ada", "coin", 5, None, NOW)
HOLD = Hold(AWARD.id, "ada", "coin", 1, 5, NOW, None)
BLOCK = Block(WALLET.id, 1, 1, b"hash", b"marks", NOW)
NOTED = EventRow(1, 0, Recorded("ada", NOW, "noted", {}), False)
MOVES = (
    Move(WALLET.id, 1, AWARD.id, 5, 5, NOW, 0),
    Move(MINT.id, 1, AWARD.id, -5, -5, NOW, 0),
)


@pytest.fixture
def store(engine: Engine) -> SqlStore:
    """A store that holds one of each."""
    store = SqlStore(engine)

    def fill(stores: Stores) -> None:
        stores.port(HABITS).add(HABIT)
        stores.port(HABITS).add_facts([FACT, VOID])
        stores.port(COINS).open((WALLET, MINT))
        stores.port(COINS).post((AWARD,), MOVES)
        stores.port(HOLDS).add(HOLD)
        stores.port(AUDIT).unsealed((WALLET.id,))
        stores.port(AUDIT).seal(BLOCK, more=True)
        stores.events.append([NOTED])

    store.run(fill, write=True, keyed=False)
    return store


def moved(**changes: Any) -> Any:
    """Return work that posts a transfer to the wallet with something wrong about it."""
    change = {"amount": 1, "balance": 6, "debt": 0, "seq": 2, **changes}
    seq, amount, balance, debt = (change[each] for each in ("seq", "amount", "balance", "debt"))
    transfer = evolve(AWARD, id=an_id(7), amount=abs(amount) or 1)
    wallet = Move(WALLET.id, seq, transfer.id, amount, balance, NOW, debt)
    mint = Move(MINT.id, 2, transfer.id, -amount, -5 - amount, NOW, 0)
    return lambda stores: stores.port(COINS).post((transfer,), (wallet, mint))


# -- duplicates ----------------------------------------------------------------------------------

DUPLICATES = {
    "habit": lambda stores: stores.port(HABITS).add(HABIT),
    "check-in": lambda stores: stores.port(HABITS).add_facts([FACT]),
    "void": lambda stores: stores.port(HABITS).add_facts([evolve(VOID, id=an_id(99))]),
    "account": lambda stores: stores.port(COINS).open((evolve(WALLET, id=an_id(99)),)),
    "transfer": lambda stores: stores.port(COINS).post((AWARD,), ()),
    "event": lambda stores: stores.events.append([NOTED]),
    "hold": lambda stores: stores.port(HOLDS).add(HOLD),
    "block": lambda stores: stores.port(AUDIT).seal(BLOCK, more=False),
}


@pytest.mark.parametrize("kind", DUPLICATES)
def test_a_duplicate_is_refused_and_its_kind_is_named(engine, store, kind):
    with nothing_written(engine), pytest.raises(Duplicate, match="already exists") as caught:
        store.run(DUPLICATES[kind], write=True, keyed=False)

    assert caught.value.kind == kind
    assert f"{kind}" in str(caught.value)


def test_one_duplicate_among_many_refuses_them_all(engine, store):
    new = evolve(FACT, id=an_id(99))

    with nothing_written(engine), pytest.raises(Duplicate, match="check-in"):
        store.run(lambda s: s.port(HABITS).add_facts([new, FACT]), write=True, keyed=False)


def test_a_second_entry_of_one_number_is_refused(engine, store):
    with (
        nothing_written(engine),
        pytest.raises(IntegrityError, match=r"changed after|already exists"),
    ):
        store.run(moved(seq=1), write=True, keyed=False)


# -- the ledger ----------------------------------------------------------------------------------

WRONG_MOVES = {
    "below the floor": ({"amount": -6, "balance": -1}, "floor"),
    "below the floor by more than the debt": ({"amount": -8, "balance": -3, "debt": 2}, "floor"),
    "a negative debt": ({"debt": -1}, "debt"),
}


@pytest.mark.parametrize(("wrong", "message"), WRONG_MOVES.values(), ids=WRONG_MOVES)
def test_a_move_that_no_rule_lets_through_is_refused(engine, store, wrong, message):
    with nothing_written(engine), pytest.raises(IntegrityError) as caught:
        store.run(moved(**wrong), write=True, keyed=False)

    assert message in str(caught.value) or "habitkit_accounts_check" in str(caught.value)
    assert not isinstance(caught.value, Duplicate)


def test_a_balance_may_be_below_its_floor_by_its_debt(store):
    store.run(moved(amount=-7, balance=-2, debt=2), write=True, keyed=False)


@pytest.mark.parametrize("amount", [0, -1])
def test_a_transfer_of_nothing_or_less_is_refused(engine, store, amount):
    transfer = evolve(AWARD, id=an_id(7), amount=amount)

    with nothing_written(engine), pytest.raises(IntegrityError, match="amount"):
        store.run(lambda stores: stores.port(COINS).post((transfer,), ()), write=True, keyed=False)


def test_moves_that_do_not_sum_to_zero_are_refused(engine, store):
    with nothing_written(engine), pytest.raises(IntegrityError, match="do not sum to zero"):
        store.run(
            lambda stores: stores.port(COINS).post((evolve(AWARD, id=an_id(7)),), MOVES[:1]),
            write=True,
            keyed=False,
        )


def test_the_largest_balance_is_kept_to_the_last_coin(engine):
    kit = habitkit.testing.kit(store=SqlStore(engine))

    kit.coins.award("ada", LARGEST, idempotency_key="all there is")

    assert kit.coins.balance("ada").available == LARGEST
    assert kit.coins.statement("ada")[0].amount == LARGEST


WRONG_HOLDS: dict[str, dict[str, Any]] = {
    "more spent than was held": {"settled": 6},
    "less than nothing spent": {"settled": -1},
    "open, but ended": {"ended_at": NOW},
    "ended at no time": {"state": "released"},
}


@pytest.mark.parametrize("wrong", WRONG_HOLDS.values(), ids=WRONG_HOLDS)
def test_a_hold_that_makes_no_sense_is_refused(engine, store, wrong):
    with engine.connect() as connection, pytest.raises(exc.IntegrityError, match=r"(?i)check"):
        connection.execute(holds.update().values(**wrong))


def test_a_hold_is_ended_once(engine, store):
    ended = evolve(HOLD, state="settled", settled=5, ended_at=NOW)
    store.run(lambda stores: stores.port(HOLDS).end(ended), write=True, keyed=False)

    for again in (ended, evolve(ended, state="released", settled=0), evolve(ended, id=an_id(99))):
        with nothing_written(engine), pytest.raises(IntegrityError, match="is not open"):
            store.run(lambda s, hold=again: s.port(HOLDS).end(hold), write=True, keyed=False)


def test_a_block_leaves_the_wallet_in_the_queue_only_if_there_is_more(engine, store):
    with engine.connect() as connection:
        sealed = select(accounts.c.sealed).where(accounts.c.id == WALLET.id)
        assert connection.scalar(sealed) == 1
        assert connection.scalars(select(unsealed.c.account_id)).all() == [WALLET.id]

    second = evolve(BLOCK, first=2, last=2)
    store.run(lambda s: s.port(AUDIT).seal(second, more=False), write=True, keyed=False)

    with engine.connect() as connection:
        assert connection.scalars(select(unsealed.c.account_id)).all() == []


REALS = [
    (accounts.c.balance, "UPDATE habitkit_accounts SET balance = 9223372036854775807 + balance"),
    (accounts.c.seq, "UPDATE habitkit_accounts SET seq = 9223372036854775807 + seq"),
    (accounts.c.debt, "UPDATE habitkit_accounts SET debt = 9223372036854775807 + 1"),
    (transfers.c.amount, "UPDATE habitkit_transfers SET amount = 9223372036854775807 + amount"),
    (entries.c.amount, "UPDATE habitkit_entries SET amount = 9223372036854775807 + 1"),
    (entries.c.balance, "UPDATE habitkit_entries SET balance = 9223372036854775807 + 1"),
    (accounts.c.sealed, "UPDATE habitkit_accounts SET sealed = 9223372036854775807 + 1"),
    (holds.c.seq, "UPDATE habitkit_holds SET seq = 9223372036854775807 + 1"),
    (holds.c.amount, "UPDATE habitkit_holds SET amount = 9223372036854775807 + 1"),
    (
        holds.c.settled,
        "UPDATE habitkit_holds SET settled = 2.5",
    ),
    (blocks.c.first, "UPDATE habitkit_blocks SET first = 9223372036854775807 + 1"),
    (blocks.c.last, "UPDATE habitkit_blocks SET last = 9223372036854775807 + 1"),
    (
        entitlements.c.settled,
        "INSERT INTO habitkit_entitlements VALUES ('ada', 'k', 'coin', 9223372036854775807 + 1)",
    ),
]


@pytest.mark.parametrize(("column", "overflow"), REALS, ids=[str(column) for column, _ in REALS])
@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_an_integer_that_sqlite_would_make_a_real_is_refused(engine, store, column, overflow):
    with engine.connect() as connection:
        assert connection.scalar(text("SELECT typeof(9223372036854775807 + 1)")) == "real"
        with pytest.raises(exc.IntegrityError) as caught:
            connection.exec_driver_sql(overflow)

    assert f"typeof({column.name}) = 'integer'" in str(caught.value)


# -- what belongs together -----------------------------------------------------------------------

ORPHANS = {
    "a check-in": lambda s: s.port(HABITS).add_facts(
        [evolve(FACT, id=an_id(8), habit_id=an_id(99))]
    ),
    "a void": lambda s: s.port(HABITS).add_facts(
        [evolve(VOID, fact_id=an_id(8), habit_id=an_id(99))]
    ),
    "a hold": lambda s: s.port(HOLDS).add(evolve(HOLD, id=an_id(99))),
    "a block": lambda s: s.port(AUDIT).seal(evolve(BLOCK, account_id=an_id(99)), more=True),
    "a note of what is to be sealed": lambda s: s.port(AUDIT).unsealed((an_id(99),)),
    "a snapshot": lambda s: s.port(STREAKS).put(Snapshot(an_id(99), "ada", 1, NOW)),
}


@pytest.mark.parametrize("orphan", ORPHANS.values(), ids=ORPHANS)
def test_a_fact_of_something_that_does_not_exist_is_refused(engine, store, orphan):
    with nothing_written(engine), pytest.raises(IntegrityError) as caught:
        store.run(orphan, write=True, keyed=False)

    assert "foreign key" in str(caught.value).lower()
    assert not isinstance(caught.value, Duplicate)


def test_an_entry_without_its_transfer_or_account_is_refused(engine, store):
    for account, transfer in ((WALLET.id, an_id(99)), (an_id(99), AWARD.id)):
        row = {"account_id": account, "transfer_id": transfer, "seq": 9, "amount": 1, "balance": 1}
        with (
            engine.connect() as connection,
            pytest.raises(exc.IntegrityError, match=r"(?i)foreign"),
        ):
            connection.execute(entries.insert().values(**row, at=NOW))


# -- late writes ---------------------------------------------------------------------------------


def test_a_snapshot_of_an_earlier_revision_does_not_replace_a_later_one(engine, store):
    def put(rev: int) -> Any:
        return lambda stores: stores.port(STREAKS).put(Snapshot(HABIT.id, "ada", rev, NOW))

    for rev in (1, 2, 2):
        store.run(put(rev), write=True, keyed=False)
    with nothing_written(engine), pytest.raises(IntegrityError, match="later revision"):
        store.run(put(1), write=True, keyed=False)


def test_an_error_of_the_store_names_no_driver_and_keeps_the_cause(store):
    with pytest.raises(IntegrityError) as caught:
        store.run(moved(debt=-1), write=True, keyed=False)

    assert "sqlalche.me" not in str(caught.value)
    assert "INSERT" not in str(caught.value)
    assert caught.value.__cause__ is not None
