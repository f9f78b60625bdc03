"""Contract of ``CoinStore`` on the bare port: the constraints that the store itself enforces."""
# ruff: noqa: PLR2004, S101 - tests compare plain numbers and assert

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest
from attrs import evolve

from habitkit.coins.domain.model import Account, Entry, Move, Settled, Transfer
from habitkit.coins.store import COINS
from habitkit.errors import Duplicate, IntegrityError
from habitkit.testing.contracts._base import Contract, read, write
from habitkit.testing.contracts._sample_facts import NOW, STRANGE_TEXTS, days

if TYPE_CHECKING:
    from collections.abc import Callable

    from habitkit.coins.domain.model import Role
    from habitkit.store import Store, Stores

__all__ = ["LedgerCases"]

LARGEST = 2**63 - 1
WALLET, MINT = UUID(int=2), UUID(int=1)


class LedgerCases(Contract):
    """Part of ``CoinsContract``: what ``CoinStore`` keeps, and what it refuses."""

    @pytest.fixture
    def ledger(self, store: Store) -> Store:
        """A store with ada's wallet, whose floor is 0, and her mint."""
        _open(store, _account(WALLET, "wallet", floor=0))
        _open(store, _account(MINT, "mint"))
        return store

    def test_an_account_comes_back_as_it_was_opened(self, ledger: Store) -> None:
        write(ledger, lambda stores: stores.port(COINS).open([]))

        assert _accounts(ledger) == [
            _account(MINT, "mint"),
            _account(WALLET, "wallet", floor=0),
        ]
        assert read(ledger, lambda stores: stores.port(COINS).accounts(("bob",), "coin")) == []
        assert read(ledger, lambda stores: stores.port(COINS).accounts(("ada",), "gem")) == []

    def test_an_owner_has_one_account_a_role_and_currency(self, ledger: Store) -> None:
        with pytest.raises(Duplicate):
            _open(ledger, _account(UUID(int=3), "wallet"))

        _open(ledger, _account(UUID(int=4), "wallet", currency="gem"))
        _open(ledger, _account(UUID(int=5), "sink"))
        assert len(_accounts(ledger)) == 3

    def test_posting_moves_the_accounts_on_and_adds_entries(self, ledger: Store) -> None:
        memo = " ".join(STRANGE_TEXTS)
        transfer = Transfer(
            UUID(int=9), "award", "ada", "ada", "coin", 7, memo, NOW.replace(microsecond=1)
        )
        moves = _moves(7)

        write(ledger, lambda stores: stores.port(COINS).post((transfer,), moves))

        mint, wallet = _accounts(ledger)
        assert (mint.balance, mint.seq, mint.at) == (-7, 1, NOW)
        assert (wallet.balance, wallet.seq, wallet.debt) == (7, 1, 0)
        assert _entries(ledger) == [Entry(1, transfer.id, "award", memo, 7, 7, NOW)]

    def test_a_transfer_is_posted_once(self, ledger: Store) -> None:
        _post(ledger, _moves(7))

        _refused(ledger, _moves(7, seq=2, before=7), Duplicate, transfer_id=UUID(int=9))

    def test_entries_are_numbered_without_gaps(self, ledger: Store) -> None:
        _post(ledger, _moves(7))

        for seq in (0, 1, 3):
            _refused(ledger, _moves(7, seq=seq, before=7), IntegrityError)

    def test_the_moves_of_a_transfer_sum_to_zero(self, ledger: Store) -> None:
        source, target = _moves(7)

        _refused(ledger, [source._replace(amount=-6, balance=-6), target], IntegrityError)
        _refused(ledger, [target], IntegrityError)

    def test_no_balance_falls_below_its_floor_by_more_than_its_debt(self, ledger: Store) -> None:
        below = _moves(-5)

        _refused(ledger, below, IntegrityError)
        _refused(ledger, [below[0], below[1]._replace(debt=4)], IntegrityError)

        _post(ledger, [below[0], below[1]._replace(debt=5)])
        _, wallet = _accounts(ledger)
        assert (wallet.balance, wallet.debt) == (-5, 5)

    def test_an_account_without_a_floor_may_fall_as_far_as_64_bits_go(self, ledger: Store) -> None:
        _post(ledger, _moves(LARGEST))

        mint, wallet = _accounts(ledger)
        assert (mint.balance, wallet.balance) == (-LARGEST, LARGEST)
        (entry,) = _entries(ledger)
        assert (entry.amount, entry.balance, type(entry.balance)) == (LARGEST, LARGEST, int)

    def test_a_refused_posting_inside_a_savepoint_leaves_the_transaction_usable(
        self, ledger: Store
    ) -> None:
        def work(stores: Stores) -> None:
            with pytest.raises(IntegrityError), stores.savepoint():
                stores.port(COINS).post((_transfer(UUID(int=8), 5),), _moves(-5))
            stores.port(COINS).post((_transfer(UUID(int=9), 5),), _moves(5))

        write(ledger, work)

        assert [entry.amount for entry in _entries(ledger)] == [5]

    def test_entries_come_page_by_page_both_ways(self, ledger: Store) -> None:
        for n in range(5):
            _post(ledger, _moves(1, seq=n + 1, before=n), transfer_id=UUID(int=20 + n))

        def page(after: int | None, limit: int, *, newest_first: bool) -> list[int]:
            def work(stores: Stores) -> list[Entry]:
                return stores.port(COINS).entries(WALLET, after, limit, newest_first=newest_first)

            return [entry.seq for entry in read(ledger, work)]

        assert page(None, 2, newest_first=True) == [5, 4]
        assert page(4, 2, newest_first=True) == [3, 2]
        assert page(1, 2, newest_first=True) == []
        assert page(99, 2, newest_first=True) == [5, 4]
        assert page(0, 2, newest_first=False) == [1, 2]
        assert page(None, 2, newest_first=False) == [1, 2]
        assert page(2, 9, newest_first=False) == [3, 4, 5]
        assert page(5, 9, newest_first=False) == []

    def test_paid_entitlements_are_kept_and_overwritten(self, ledger: Store) -> None:
        rows = [Settled(f"done:{text}", "coin", n) for n, text in enumerate(STRANGE_TEXTS)]
        keys = [row.key for row in rows]

        def settle(owner: str, *given: Settled) -> None:
            write(ledger, lambda stores: stores.port(COINS).settle(owner, given))

        def settled(owner: str, asked: list[str]) -> dict[str, Settled]:
            return read(ledger, lambda stores: stores.port(COINS).settled(owner, asked))

        settle("ada", *rows)
        settle("ada", evolve(rows[1], amount=0))
        settle("bob", evolve(rows[1], amount=50))
        settle("ada")

        assert settled("ada", keys[:1]) == {keys[0]: rows[0]}
        assert settled("ada", [keys[1], "unknown"]) == {keys[1]: evolve(rows[1], amount=0)}
        assert settled("bob", keys) == {keys[1]: evolve(rows[1], amount=50)}
        assert settled("ada", []) == {}
        assert len(settled("ada", keys)) == len(keys)

    def test_many_entitlements_are_settled_and_asked_for_at_once(self, ledger: Store) -> None:
        rows = {f"done:{n}": Settled(f"done:{n}", "coin", n) for n in range(2_000)}
        kept = dict(list(rows.items())[::2])
        write(ledger, lambda stores: stores.port(COINS).settle("ada", list(kept.values())))

        settled = read(ledger, lambda stores: stores.port(COINS).settled("ada", list(rows)))

        assert settled == kept

    def test_an_entitlement_may_be_paid_in_another_currency(self, ledger: Store) -> None:
        for row in (Settled("done:1", "coin", 10), Settled("done:1", "xp", -7)):
            write(ledger, lambda stores, row=row: stores.port(COINS).settle("ada", [row]))  # type: ignore[misc]

            settled = read(ledger, lambda stores: stores.port(COINS).settled("ada", ["done:1"]))
            assert settled == {"done:1": row}

    def test_the_last_move_sets_the_debt(self, ledger: Store) -> None:
        mint, wallet = _moves(-5)
        _post(ledger, [mint, wallet._replace(debt=5)])
        mint, wallet = _moves(3, seq=2, before=-5)
        later = mint._replace(at=NOW + days(1)), wallet._replace(at=NOW + days(1), debt=2)

        _post(ledger, [*later], transfer_id=UUID(int=10))

        _, account = _accounts(ledger)
        assert (account.balance, account.debt, account.at) == (-2, 2, NOW + days(1))


def _account(
    account_id: UUID, role: Role, *, currency: str = "coin", floor: int | None = None
) -> Account:
    return Account(account_id, "ada", role, currency, 0, 0, NOW - days(1), floor)


def _moves(amount: int, *, seq: int = 1, before: int = 0) -> list[Move]:
    """Return the mint's and the wallet's side of a transfer to the wallet."""
    return [
        Move(MINT, seq, UUID(int=9), -amount, -before - amount, NOW, 0),
        Move(WALLET, seq, UUID(int=9), amount, before + amount, NOW, 0),
    ]


def _transfer(transfer_id: UUID, amount: int) -> Transfer:
    return Transfer(transfer_id, "award", "ada", "ada", "coin", amount, None, NOW)


def _open(store: Store, account: Account) -> None:
    def work(stores: Stores) -> None:
        stores.owners.lock([account.owner])
        stores.port(COINS).open((account,))

    write(store, work)


def _post(store: Store, moves: list[Move], transfer_id: UUID = UUID(int=9)) -> None:  # noqa: B008
    def work(stores: Stores) -> None:
        stores.owners.lock(["ada"])
        stores.port(COINS).post(
            (_transfer(transfer_id, abs(moves[-1].amount)),),
            [move._replace(transfer_id=transfer_id) for move in moves],
        )

    write(store, work)


def _refused(
    store: Store,
    moves: list[Move],
    error: type[Exception],
    transfer_id: UUID = UUID(int=10),  # noqa: B008
) -> None:
    """Check that a posting is refused and leaves nothing behind."""

    def state() -> Any:
        return _accounts(store), _entries(store)

    before = state()
    with pytest.raises(error):
        _post(store, moves, transfer_id)
    assert state() == before


def _accounts(store: Store) -> list[Account]:
    def query(stores: Stores) -> list[Account]:
        return sorted(stores.port(COINS).accounts(("ada",), "coin"))

    return read(store, query)


def _entries(store: Store) -> list[Entry]:
    query: Callable[[Stores], list[Entry]] = lambda stores: stores.port(COINS).entries(  # noqa: E731
        WALLET, None, 100, newest_first=False
    )
    return read(store, query)
