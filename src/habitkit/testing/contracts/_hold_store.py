"""Contract of ``HoldStore`` on the bare port."""
# ruff: noqa: PLR2004, S101 - tests compare plain numbers and assert

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from attrs import evolve

from habitkit.coins.store import AUDIT, HOLDS
from habitkit.errors import Duplicate, IntegrityError
from habitkit.testing.contracts._base import Contract, read, write
from habitkit.testing.contracts._sample_facts import NOW
from habitkit.testing.contracts._sample_ledger import (
    LARGEST,
    SampleLedger,
    a_hold,
    an_account,
    an_id,
)

if TYPE_CHECKING:
    from datetime import datetime

    from habitkit.coins.domain.model import Hold
    from habitkit.store import Store, Stores

__all__ = ["HoldStoreCases"]

WALLET, ESCROW = an_account(1, floor=-1000), an_account(2, role="escrow")
SECOND = timedelta(seconds=1)


class HoldStoreCases(Contract):
    """Part of ``CoinsContract``: what ``HoldStore`` keeps."""

    @pytest.fixture
    def escrow(self, store: Store) -> SampleLedger:
        """Ada's wallet and escrow, between which ten transfers were posted."""
        escrow = SampleLedger(store, WALLET, ESCROW)
        for n in range(20, 30):
            escrow.move(n, WALLET, ESCROW, kind="reserve")
        return escrow

    def test_a_hold_comes_back_as_it_was_added(self, escrow: SampleLedger) -> None:
        at = NOW.replace(microsecond=123_456)
        brief = a_hold(20, 1, LARGEST, at=at, expires_at=at + SECOND)
        lasting = a_hold(21, 2)
        _add(escrow, brief, lasting)

        assert [_get(escrow, 20), _get(escrow, 21), _get(escrow, 99)] == [brief, lasting, None]

    def test_a_hold_is_added_once(self, escrow: SampleLedger) -> None:
        _add(escrow, a_hold(20, 1))

        with pytest.raises(Duplicate):
            _add(escrow, a_hold(20, 2))

        assert _get(escrow, 20) == a_hold(20, 1)

    def test_a_hold_is_ended_once(self, escrow: SampleLedger) -> None:
        _add(escrow, a_hold(20, 1, 5))
        ended = a_hold(20, 1, 5, state="settled", settled=3, ended_at=NOW + SECOND)
        _end(escrow, ended)

        for other in ("released", "expired", "settled"):
            with pytest.raises(IntegrityError):
                _end(escrow, evolve(ended, state=other, settled=0))
        with pytest.raises(IntegrityError):
            _end(escrow, a_hold(99, 1, state="released", ended_at=NOW))

        assert _get(escrow, 20) == ended

    def test_ending_a_hold_leaves_what_it_was_and_every_other_hold(
        self, escrow: SampleLedger
    ) -> None:
        at = NOW.replace(microsecond=123_456)
        holds = [a_hold(20 + n, n + 1, 5, expires_at=at + SECOND) for n in range(4)]
        ended = [
            evolve(holds[0], state="settled", settled=5, ended_at=at),
            evolve(holds[1], state="released", ended_at=at),
            evolve(holds[2], state="expired", ended_at=at),
        ]
        _add(escrow, *holds)

        for hold in ended:
            _end(escrow, hold)

        assert [_get(escrow, 20 + n) for n in range(4)] == [*ended, holds[3]]
        assert _page(escrow) == [*ended, holds[3]]

    def test_holds_come_page_by_page_in_the_order_of_their_numbers(
        self, escrow: SampleLedger
    ) -> None:
        holds = [a_hold(29 - n, n + 1) for n in range(4)]
        _add(escrow, *holds[::-1])
        _add(escrow, a_hold(20, 1, owner="bob"), a_hold(21, 2, currency="gem"))

        def page(after: int | None, limit: int) -> list[Hold]:
            return _page(escrow, after=after, limit=limit)

        assert page(None, 3) == holds[:3]
        assert page(3, 3) == holds[3:]
        assert page(4, 3) == []
        assert [hold.owner for hold in _page(escrow, owner="bob")] == ["bob"]
        assert [hold.currency for hold in _page(escrow, currency="gem")] == ["gem"]
        assert _page(escrow, owner="cyd") == []

    def test_a_page_of_open_holds_leaves_out_what_has_ended_or_expired_by_then(
        self, escrow: SampleLedger
    ) -> None:
        _add(
            escrow,
            a_hold(20, 1),
            a_hold(21, 2, expires_at=NOW + SECOND),
            a_hold(22, 3, expires_at=NOW + 2 * SECOND),
            a_hold(23, 4),
        )
        _end(escrow, a_hold(23, 4, state="released", ended_at=NOW))

        def open_at(seconds: int) -> list[int]:
            return [hold.seq for hold in _page(escrow, open_at=NOW + seconds * SECOND)]

        assert [open_at(n) for n in range(4)] == [[1, 2, 3], [1, 3], [1], [1]]
        assert [hold.seq for hold in _page(escrow)] == [1, 2, 3, 4]
        assert [hold.seq for hold in _page(escrow, open_at=NOW, after=1, limit=1)] == [2]
        assert [hold.seq for hold in _page(escrow, open_at=NOW + SECOND, after=1, limit=1)] == [3]

    def test_lapsed_holds_are_those_expired_and_not_ended_at_the_instant(
        self, escrow: SampleLedger
    ) -> None:
        _add(
            escrow,
            a_hold(20, 1, 1),
            a_hold(21, 2, 10, expires_at=NOW + 2 * SECOND),
            a_hold(22, 3, 100, expires_at=NOW + 2 * SECOND),
            a_hold(23, 4, 1000, at=NOW + 3 * SECOND, expires_at=NOW + 3 * SECOND),
            a_hold(24, 5, 10_000, expires_at=NOW + 9 * SECOND),
        )
        _end(escrow, a_hold(22, 3, 100, state="expired", ended_at=NOW + 4 * SECOND))
        _end(escrow, a_hold(24, 5, 10_000, state="settled", settled=1, ended_at=NOW + 5 * SECOND))

        def lapsed(
            at: datetime, owner: str = "ada", currency: str = "coin", *, still_open: bool = False
        ) -> int:
            return read(
                escrow.store,
                lambda stores: stores.port(HOLDS).lapsed(
                    owner, currency, at, still_open=still_open
                ),
            )

        assert [lapsed(NOW + n * SECOND) for n in range(6)] == [0, 0, 110, 1110, 1010, 1010]
        assert [lapsed(NOW + n * SECOND, still_open=True) for n in range(4)] == [0, 0, 10, 1010]
        assert lapsed(NOW + 2 * SECOND - timedelta(microseconds=1)) == 0
        assert lapsed(NOW + 99 * SECOND) == 1010
        assert lapsed(NOW + 99 * SECOND, "bob") == lapsed(NOW + 99 * SECOND, "ada", "gem") == 0
        assert type(lapsed(NOW)) is type(lapsed(NOW + 2 * SECOND)) is int

    def test_overdue_holds_are_returned_the_longest_overdue_first(
        self, escrow: SampleLedger
    ) -> None:
        _add(
            escrow,
            a_hold(22, 1, expires_at=NOW + SECOND),
            a_hold(21, 2, expires_at=NOW + SECOND),
            a_hold(20, 3, expires_at=NOW + 3 * SECOND, owner="bob"),
            a_hold(23, 4, expires_at=NOW, currency="gem"),
            a_hold(24, 5),
            a_hold(25, 6, expires_at=NOW),
        )
        _end(escrow, a_hold(25, 6, state="expired", ended_at=NOW))

        def overdue(seconds: int, limit: int = 9, **of: str) -> list[int]:
            at = NOW + seconds * SECOND
            overdue = read(escrow.store, lambda stores: stores.port(HOLDS).overdue(at, limit, **of))
            return [hold.id.int for hold in overdue]

        assert [overdue(n) for n in (-1, 0, 1, 3)] == [[], [23], [23, 21, 22], [23, 21, 22, 20]]
        assert overdue(3, limit=2) == [23, 21]
        assert overdue(3, owner="ada", currency="coin") == [21, 22]
        assert overdue(3, limit=1, owner="ada", currency="coin") == [21]
        assert overdue(3, owner="bob", currency="gem") == []

    def test_the_held_amount_is_the_sum_of_open_holds(self, escrow: SampleLedger) -> None:
        self.skip_without(escrow.store, "coins.audit")
        _add(
            escrow,
            a_hold(20, 1, 1),
            a_hold(21, 2, 10, expires_at=NOW),
            a_hold(22, 3, 100),
            a_hold(23, 4, 1000, owner="bob"),
            a_hold(24, 5, 10_000, currency="gem"),
        )
        _end(escrow, a_hold(22, 3, 100, state="settled", settled=1, ended_at=NOW))

        def held(owner: str, currency: str = "coin") -> int:
            return read(escrow.store, lambda stores: stores.port(AUDIT).held(owner, currency))

        assert [held("ada"), held("bob"), held("ada", "gem"), held("cyd")] == [11, 1000, 10_000, 0]


def _add(escrow: SampleLedger, *holds: Hold) -> None:
    def work(stores: Stores) -> None:
        for hold in holds:
            stores.port(HOLDS).add(hold)

    write(escrow.store, work)


def _end(escrow: SampleLedger, hold: Hold) -> None:
    write(escrow.store, lambda stores: stores.port(HOLDS).end(hold))


def _get(escrow: SampleLedger, number: int) -> Hold | None:
    return read(escrow.store, lambda stores: stores.port(HOLDS).get(an_id(number)))


def _page(
    escrow: SampleLedger,
    *,
    owner: str = "ada",
    currency: str = "coin",
    after: int | None = None,
    limit: int = 100,
    open_at: datetime | None = None,
) -> list[Hold]:
    return read(
        escrow.store,
        lambda stores: stores.port(HOLDS).page(owner, currency, after, limit, open_at=open_at),
    )
