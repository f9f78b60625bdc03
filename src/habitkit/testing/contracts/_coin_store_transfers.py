"""Contract of ``CoinStore`` on the bare port: what a transfer keeps, reversals, instants."""
# ruff: noqa: PLR2004, S101 - tests compare plain numbers and assert

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from functools import partial
from typing import TYPE_CHECKING, Any

from habitkit.coins.domain.model import Reversed
from habitkit.coins.store import COINS, LEDGER
from habitkit.testing.contracts._base import read
from habitkit.testing.contracts._sample_facts import NOW, STRANGE_TEXTS
from habitkit.testing.contracts._sample_ledger import (
    BOBS,
    LARGEST,
    MINT,
    WALLET,
    LedgerFixture,
    SampleLedger,
    a_transfer,
    an_id,
    lines_of,
)

if TYPE_CHECKING:
    from uuid import UUID

    from habitkit.coins.domain.model import Account, Entry, Transfer
    from habitkit.store import Stores

__all__ = ["TransferCases"]

SECOND = timedelta(seconds=1)
MANY = 1000
"""As many postings as a batch may have."""


class TransferCases(LedgerFixture):
    """Part of ``CoinsContract``: what ``CoinStore`` keeps of each transfer, and when."""

    def test_the_reversals_of_a_transfer_add_up(self, sample_ledger: SampleLedger) -> None:
        sample_ledger.move(20, MINT, WALLET, LARGEST)

        def reversed_of(number: int) -> Reversed:
            return read(
                sample_ledger.store, lambda stores: stores.port(COINS).reversed(an_id(number))
            )

        assert reversed_of(20) == Reversed(0, None)
        for number, amount, seconds in ((23, LARGEST - 7, 0), (21, 4, 1), (22, 2, 1)):
            at = NOW + seconds * SECOND
            sample_ledger.move(
                number, WALLET, MINT, amount, at=at, kind="reversal", reverses=an_id(20)
            )

        assert reversed_of(20) == Reversed(LARGEST - 1, an_id(22))
        assert reversed_of(21) == reversed_of(99) == Reversed(0, None)
        entry = _entries(sample_ledger, WALLET)[-1]
        assert (entry.amount, entry.reverses) == (-2, an_id(20))

    def test_a_transfer_comes_back_with_all_it_has(self, sample_ledger: SampleLedger) -> None:
        metadata = {"order": 5, "tags": list(STRANGE_TEXTS), "deep": {"é": None}, "x": [1.5, True]}
        first = sample_ledger.move(20, MINT, WALLET, 3, memo="", metadata=metadata)
        empty = sample_ledger.move(21, MINT, WALLET, 1, metadata={})

        for transfer in (first, empty):
            assert read(sample_ledger.store, partial(_transfer, transfer.id)) == transfer
        assert [entry.metadata for entry in _entries(sample_ledger, WALLET)] == [metadata, {}]
        assert (
            read(sample_ledger.store, lambda stores: stores.port(COINS).transfer(an_id(99))) is None
        )

    def test_memos_come_back_as_they_were_given(self, sample_ledger: SampleLedger) -> None:
        memos = [*STRANGE_TEXTS, "", None, "🪙" * 500]
        for n, memo in enumerate(memos):
            sample_ledger.move(20 + n, MINT, WALLET, memo=memo)

        assert [entry.memo for entry in _entries(sample_ledger, WALLET)] == memos

    def test_numbers_in_metadata_keep_their_value_and_their_type(
        self, sample_ledger: SampleLedger
    ) -> None:
        numbers: list[Any] = [0.1, 1.0, -2.5e-7, 1e15, 9e15 + 0.5, 10**30, 5e-324, 0.0, 1, True]
        sample_ledger.move(20, MINT, WALLET, metadata={"n": numbers})

        transfer = read(sample_ledger.store, partial(_transfer, an_id(20)))
        (entry,) = _entries(sample_ledger, WALLET)

        assert transfer is not None
        for metadata in (transfer.metadata, entry.metadata):
            assert metadata is not None
            assert [(n, type(n)) for n in metadata["n"]] == [(n, type(n)) for n in numbers]

    def test_a_caller_who_changes_metadata_changes_no_fact(
        self, sample_ledger: SampleLedger
    ) -> None:
        given = {"from": ["bob"]}
        sample_ledger.move(20, MINT, WALLET, metadata=given)
        given["from"].append("eve")

        def returned(stores: Stores) -> list[Any]:
            transfer = stores.port(COINS).transfer(an_id(20))
            assert transfer is not None
            (entry,) = stores.port(COINS).entries(WALLET.id, None, 9, newest_first=True)
            (line,) = stores.port(LEDGER).lines(WALLET.id, 0, 9)
            return [transfer.metadata, entry.metadata, line.metadata]

        for metadata in read(sample_ledger.store, returned):
            metadata["from"].append("eve")

        assert read(sample_ledger.store, returned) == [{"from": ["bob"]}] * 3

    def test_a_thousand_transfers_are_posted_at_once(self, sample_ledger: SampleLedger) -> None:
        transfers = [a_transfer(20 + n, memo=f"m{n}") for n in range(MANY)]
        moves = [
            move
            for n in range(MANY)
            for move in sample_ledger.moves(20 + n, (MINT, -1), (WALLET, 1))
        ]

        sample_ledger.post(transfers, moves)

        assert sample_ledger.stored() == sample_ledger.state
        entries = _entries(sample_ledger, WALLET, MANY)
        assert [entry.transfer_id for entry in entries] == [each.id for each in transfers]
        assert [(entry.seq, entry.memo) for entry in entries[-2:]] == [
            (999, "m998"),
            (1000, "m999"),
        ]

    # -- instants ------------------------------------------------------------------------------

    def test_the_balance_at_an_instant_is_that_after_the_last_entry_until_then(
        self, sample_ledger: SampleLedger
    ) -> None:
        for n, seconds in enumerate((0, 2, 2, 5)):
            sample_ledger.move(20 + n, MINT, WALLET, 10**n, at=NOW + seconds * SECOND)

        def at(instant: datetime) -> int:
            return read(
                sample_ledger.store,
                lambda stores: stores.port(COINS).balance_at(WALLET.id, instant),
            )

        assert [at(NOW + n * SECOND) for n in range(-1, 7)] == [0, 1, 1, 111, 111, 111, 1111, 1111]
        assert at(NOW + timedelta(seconds=2, microseconds=-1)) == 1
        assert at(NOW + timedelta(seconds=5, microseconds=-1)) == 111
        assert (
            read(sample_ledger.store, lambda stores: stores.port(COINS).balance_at(BOBS.id, NOW))
            == 0
        )

    def test_an_entry_that_is_dated_earlier_counts_from_then(
        self, sample_ledger: SampleLedger
    ) -> None:
        def dated(number: int, *changes: tuple[Account, int], at: int, dated_at: int) -> None:
            moment, earlier = NOW + at * SECOND, NOW + dated_at * SECOND
            amount = max(amount for _, amount in changes)
            moves = [
                move._replace(dated_at=earlier)
                for move in sample_ledger.moves(number, *changes, at=moment)
            ]
            sample_ledger.post([a_transfer(number, amount, at=earlier)], moves)

        def at(instant: datetime, account: Account = WALLET) -> int:
            return read(
                sample_ledger.store,
                lambda stores: stores.port(COINS).balance_at(account.id, instant),
            )

        sample_ledger.move(20, MINT, WALLET, 1, at=NOW + 2 * SECOND)
        dated(21, (MINT, -LARGEST + 1), (WALLET, LARGEST - 1), at=4, dated_at=0)
        sample_ledger.move(22, WALLET, MINT, LARGEST, at=NOW + 5 * SECOND)
        dated(23, (MINT, -LARGEST), (WALLET, LARGEST), at=5, dated_at=3)
        dated(24, (WALLET, -5), (MINT, 5), at=5, dated_at=4)

        wanted = [0, LARGEST - 1, LARGEST - 1, LARGEST, 2 * LARGEST, 2 * LARGEST - 5, LARGEST - 5]
        assert [at(NOW + n * SECOND) for n in range(-1, 6)] == wanted
        assert [at(NOW + n * SECOND, MINT) for n in range(-1, 6)] == [-each for each in wanted]
        assert at(NOW - SECOND / 1000) == 0
        dates = [(e.seq, e.at, e.recorded_at) for e in _entries(sample_ledger, WALLET)]
        assert dates == [
            (1, NOW + 2 * SECOND, None),
            (2, NOW, NOW + 4 * SECOND),
            (3, NOW + 5 * SECOND, None),
            (4, NOW + 3 * SECOND, NOW + 5 * SECOND),
            (5, NOW + 4 * SECOND, NOW + 5 * SECOND),
        ]
        lines = lines_of(sample_ledger, WALLET)
        assert [line.dated_at for line in lines] == [at if made else None for _, at, made in dates]
        assert [line.at for line in lines] == [made or at for _, at, made in dates]
        assert [line.made_at for line in lines] == [at for _, at, _ in dates]
        assert sample_ledger.stored() == sample_ledger.state

    def test_a_balance_may_be_asked_for_at_any_instant(self, sample_ledger: SampleLedger) -> None:
        sample_ledger.move(20, MINT, WALLET, 5)
        sample_ledger.move(21, MINT, WALLET, 2, at=NOW + SECOND)
        ends = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)
        elsewhere = NOW.astimezone(timezone(timedelta(hours=5, minutes=45)))

        def at(instant: datetime) -> int:
            return read(
                sample_ledger.store,
                lambda stores: stores.port(COINS).balance_at(WALLET.id, instant),
            )

        assert [at(instant) for instant in (*ends, elsewhere)] == [0, 7, 5]


def _transfer(transfer_id: UUID, stores: Stores) -> Transfer | None:
    return stores.port(COINS).transfer(transfer_id)


def _entries(sample_ledger: SampleLedger, account: Account, limit: int = 100) -> list[Entry]:
    return read(
        sample_ledger.store,
        lambda stores: stores.port(COINS).entries(account.id, None, limit, newest_first=False),
    )
