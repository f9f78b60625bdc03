"""Contract of the ledger's ports in transactions: own writes are seen, failed ones are undone."""
# ruff: noqa: S101 - tests compare plain numbers and assert

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest

from habitkit.coins.auditing.domain.model import Block, Digest
from habitkit.coins.domain.model import Settled
from habitkit.coins.store import AUDIT, COINS, HOLDS, LEDGER
from habitkit.errors import Duplicate, IntegrityError
from habitkit.testing.contracts._base import Contract, read, write
from habitkit.testing.contracts._sample_facts import NOW
from habitkit.testing.contracts._sample_ledger import (
    SampleLedger,
    a_hold,
    a_transfer,
    an_account,
    an_id,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from habitkit.store import Store, Stores

__all__ = ["LedgerTransactionCases"]

MINT, WALLET = an_account(1, role="mint"), an_account(2, floor=0)
ESCROW, BOBS = an_account(3, role="escrow"), an_account(4, "bob", floor=0)


class Stopped(Exception):
    """Raised in a transaction to have it undone."""


class LedgerTransactionCases(Contract):
    """Part of ``CoinsContract``: what the coins' ports do within one transaction."""

    @pytest.fixture
    def posted(self, store: Store) -> SampleLedger:
        """Ada's mint, wallet and escrow; two awards and two open holds."""
        posted = SampleLedger(store, MINT, WALLET, ESCROW)
        posted.move(20, MINT, WALLET, 5, memo="hi")
        posted.move(21, MINT, WALLET, 5, memo="ho")
        for number in (22, 23):
            posted.move(number, WALLET, ESCROW, kind="reserve")
            write(store, lambda stores, n=number: stores.port(HOLDS).add(a_hold(n, n)))  # type: ignore[misc]
        write(
            store, lambda stores: stores.port(COINS).settle("ada", [Settled("done:1", "coin", 10)])
        )
        return posted

    def test_a_transaction_sees_what_it_has_posted(self, store: Store) -> None:
        ledger = SampleLedger(store, MINT)
        moves = ledger.moves(20, (MINT, -7))
        ledger.state[WALLET.id] = WALLET
        moves += ledger.moves(20, (WALLET, 7))

        def work(stores: Stores) -> list[object]:
            stores.owners.lock(["ada"])
            stores.port(COINS).open([WALLET])
            stores.port(COINS).post([a_transfer(20, 7)], moves)
            entries = stores.port(COINS).entries(WALLET.id, None, 9, newest_first=True)
            return [
                sorted(stores.port(COINS).accounts(("ada",), "coin")),
                [(entry.seq, entry.balance) for entry in entries],
                stores.port(COINS).balance_at(WALLET.id, NOW),
                stores.port(COINS).transfer(an_id(20)),
            ]

        accounts, *others = write(store, work)
        assert accounts == [ledger.state[MINT.id], ledger.state[WALLET.id]]
        assert others == [[(1, 7)], 7, a_transfer(20, 7)]

    def test_a_transaction_may_post_to_an_account_again(self, posted: SampleLedger) -> None:
        first = posted.moves(30, (MINT, -1), (WALLET, 1))
        second = posted.moves(31, (MINT, -2), (WALLET, 2))

        def work(stores: Stores) -> None:
            stores.owners.lock(["ada"])
            stores.port(COINS).post([a_transfer(30)], first)
            stores.port(COINS).post([a_transfer(31, 2)], second)

        write(posted.store, work)

        assert posted.stored() == posted.state

    def test_a_transaction_sees_the_holds_it_has_ended(self, posted: SampleLedger) -> None:
        released = a_hold(22, 22, state="released", ended_at=NOW)

        def work(stores: Stores) -> list[object]:
            stores.owners.lock(["ada"])
            stores.port(HOLDS).add(a_hold(20, 30, 7, expires_at=NOW))
            stores.port(HOLDS).end(released)
            return [
                [hold.seq for hold in stores.port(HOLDS).page("ada", "coin", None, 9, open_at=NOW)],
                stores.port(HOLDS).get(an_id(22)),
                [hold.seq for hold in stores.port(HOLDS).overdue(NOW, 9)],
                stores.port(HOLDS).lapsed("ada", "coin", NOW, still_open=True),
            ]

        assert write(posted.store, work) == [[23], released, [30], 7]

    @pytest.mark.parametrize("end", ["rolled back", "in a savepoint"])
    def test_an_undone_write_leaves_nothing_in_the_ledger(
        self, posted: SampleLedger, end: str
    ) -> None:
        back = a_transfer(30, 5, kind="reversal", reverses=an_id(20))
        moves = posted.moves(30, (WALLET, -5), (MINT, 5))

        def change(stores: Stores) -> None:
            stores.port(COINS).open([BOBS])
            stores.port(COINS).post([back], moves)
            stores.port(COINS).set_floor(WALLET.id, -9, 0)
            stores.port(COINS).settle(
                "ada", [Settled("done:1", "coin", 0), Settled("new", "coin", 1)]
            )
            stores.port(HOLDS).add(a_hold(21, 99))
            stores.port(HOLDS).end(a_hold(22, 22, state="released", ended_at=NOW))
            stores.port(LEDGER).erase(WALLET.id, 0, 9)

        _undone_and_done(posted.store, _ledger, change, end)

    @pytest.mark.parametrize("end", ["rolled back", "in a savepoint"])
    def test_an_undone_write_leaves_nothing_under_a_block_hash(
        self, posted: SampleLedger, end: str
    ) -> None:
        self.skip_without(posted.store, "coins.audit")
        write(posted.store, lambda stores: stores.port(AUDIT).unsealed([WALLET.id, MINT.id]))

        def change(stores: Stores) -> None:
            stores.port(AUDIT).unsealed([ESCROW.id])
            stores.port(AUDIT).digest([Digest(an_id(20), bytes(16), bytes(32))])
            stores.port(AUDIT).seal(_block(1), more=True)
            stores.port(AUDIT).seal(_block(2), more=False)

        _undone_and_done(posted.store, _chain, change, end)

    def test_a_refusal_inside_a_savepoint_leaves_the_transaction_usable(
        self, posted: SampleLedger
    ) -> None:
        refused: list[tuple[type[Exception], Callable[[Stores], None]]] = [
            (Duplicate, lambda stores: stores.port(COINS).open([BOBS, an_account(9, role="mint")])),
            (IntegrityError, lambda stores: stores.port(COINS).set_floor(WALLET.id, 99, 0)),
            (Duplicate, lambda stores: stores.port(HOLDS).add(a_hold(22, 99))),
            (IntegrityError, lambda stores: stores.port(HOLDS).end(a_hold(21, 1, state="expired"))),
        ]
        before = read(posted.store, _ledger)

        def work(stores: Stores) -> None:
            stores.owners.lock(["ada"])
            for error, call in refused:
                with pytest.raises(error), stores.savepoint():
                    call(stores)
            stores.port(COINS).settle("ada", [Settled("last", "coin", 1)])

        write(posted.store, work)

        after = read(posted.store, _ledger)
        assert after["settled"].pop("last").amount == 1
        assert after == before

    def test_a_refused_block_inside_a_savepoint_leaves_the_transaction_usable(
        self, posted: SampleLedger
    ) -> None:
        self.skip_without(posted.store, "coins.audit")
        write(posted.store, lambda stores: stores.port(AUDIT).seal(_block(1), more=True))

        def work(stores: Stores) -> None:
            with pytest.raises(Duplicate), stores.savepoint():
                stores.port(AUDIT).seal(_block(1), more=False)
            stores.port(AUDIT).seal(_block(2), more=True)

        write(posted.store, work)

        assert read(posted.store, _chain)["blocks"] == [_block(1), _block(2)]


def _undone_and_done(
    store: Store,
    state: Callable[[Stores], dict[str, Any]],
    change: Callable[[Stores], None],
    end: str,
) -> None:
    """Make a change that is undone, and see nothing of it; make it again, and see all of it."""

    def stopped(stores: Stores) -> None:
        stores.owners.lock(["ada", "bob"])
        change(stores)
        raise Stopped

    def in_savepoint(stores: Stores) -> None:
        with suppress(Stopped), stores.savepoint():
            stopped(stores)

    before = read(store, state)
    with suppress(Stopped):
        write(store, in_savepoint if end == "in a savepoint" else stopped)
    assert read(store, state) == before

    write(store, change)
    after = read(store, state)
    assert [name for name in before if before[name] == after[name]] == []


def _ledger(stores: Stores) -> dict[str, Any]:
    """Return the rows of ada's ledger, and bob's accounts."""
    coins = stores.port(COINS)
    return {
        "accounts": sorted(coins.accounts(("ada",), "coin")),
        "bobs": coins.accounts(("bob",), "coin"),
        "entries": coins.entries(WALLET.id, None, 99, newest_first=False),
        "transfer": coins.transfer(an_id(30)),
        "reversed": coins.reversed(an_id(20)),
        "settled": coins.settled("ada", ["done:1", "new", "last"]),
        "holds": stores.port(HOLDS).page("ada", "coin", None, 99, open_at=None),
        "open": stores.port(HOLDS).page("ada", "coin", None, 99, open_at=NOW),
        "mint": coins.entries(MINT.id, None, 99, newest_first=False),
    }


def _chain(stores: Stores) -> dict[str, Any]:
    """Return the sealed and the unsealed entries of ada's wallet."""
    audit = stores.port(AUDIT)
    wallet = audit.account(WALLET.id)
    return {
        "sealed": None if wallet is None else wallet.sealed,
        "to seal": audit.to_seal(None, 99),
        "blocks": audit.blocks(WALLET.id, 0, 99),
        "last": audit.last_block(WALLET.id),
        "lines": stores.port(LEDGER).lines(WALLET.id, 0, 99),
    }


def _block(seq: int) -> Block:
    return Block(WALLET.id, seq, seq, bytes([seq] * 32), bytes(8), NOW)
