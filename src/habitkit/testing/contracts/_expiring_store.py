"""Contract of ``ExpiringStore`` on the bare port."""
# ruff: noqa: S101 - tests assert

from __future__ import annotations

from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

import pytest
from attrs import evolve

from habitkit.coins.domain.expiring import AwardUse, ExpiringAward
from habitkit.coins.store import EXPIRING
from habitkit.errors import Duplicate
from habitkit.testing.contracts._base import read, write
from habitkit.testing.contracts._sample_facts import NOW
from habitkit.testing.contracts._sample_ledger import (
    LARGEST,
    MINT,
    WALLET,
    LedgerFixture,
    SampleLedger,
    an_id,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from habitkit.coins.store import ExpiringStore
    from habitkit.store import Store, Stores

__all__ = ["ExpiringStoreCases"]

T = TypeVar("T")

SECOND = timedelta(seconds=1)


class ExpiringStoreCases(LedgerFixture):
    """Part of ``CoinsContract``: awards whose coins expire.

    It is optional: a store that offers it has ``coins.expiring`` among its modules.
    """

    @pytest.fixture
    def expiring_ledger(self, store: Store, sample_ledger: SampleLedger) -> SampleLedger:
        """Ten transfers, in a store that keeps awards that expire."""
        self.skip_without(store, "coins.expiring")
        for n in range(20, 30):
            sample_ledger.move(n, MINT, WALLET)
        return sample_ledger

    def test_an_expiring_award_comes_back_as_it_was_added_once(
        self, expiring_ledger: SampleLedger
    ) -> None:
        award = an_award(20, NOW.replace(microsecond=123_456), LARGEST, used=3, reversed=LARGEST)
        _add(expiring_ledger, award)

        with pytest.raises(Duplicate):
            _add(expiring_ledger, evolve(award, used=0))

        assert _ask(expiring_ledger, lambda it: it.get(an_id(20))) == award
        assert _ask(expiring_ledger, lambda it: it.get(an_id(21))) is None

    def test_only_what_was_used_and_reversed_of_an_award_is_written(
        self, expiring_ledger: SampleLedger
    ) -> None:
        first, second = an_award(20, NOW, 9), an_award(21, NOW, 9)
        _add(expiring_ledger, first, second)
        _do(expiring_ledger, lambda it: it.put([]))
        _do(expiring_ledger, lambda it: it.put([evolve(first, amount=1, used=4, reversed=5)]))

        found = _ask(expiring_ledger, lambda it: it.of_owner("ada", None, 9))
        assert found == [evolve(first, used=4, reversed=5), second]

    def test_unused_awards_come_page_by_page_by_their_end(
        self, expiring_ledger: SampleLedger
    ) -> None:
        late, tie, early = an_award(20, NOW + SECOND), an_award(22, NOW), an_award(21, NOW)
        _add(
            expiring_ledger,
            *(late, tie, early),
            an_award(23, NOW, used=1),
            an_award(24, NOW, LARGEST, used=LARGEST, reversed=LARGEST),
            an_award(25, NOW, owner="bob"),
            an_award(26, NOW, currency="gem"),
        )

        def unused(after: ExpiringAward | None, limit: int) -> list[ExpiringAward]:
            return _ask(expiring_ledger, lambda it: it.unused("ada", "coin", after, limit))

        assert unused(None, 2) == [early, tie]
        assert unused(early, 9) == [tie, late]
        assert unused(tie, 9) == [late]
        assert unused(late, 9) == []

    def test_due_awards_are_those_of_all_owners_that_have_ended_unused(
        self, expiring_ledger: SampleLedger
    ) -> None:
        bobs, adas = an_award(21, NOW, owner="bob"), an_award(22, NOW - SECOND)
        _add(
            expiring_ledger,
            an_award(20, NOW + timedelta(microseconds=1)),
            *(bobs, adas),
            an_award(23, NOW, reversed=1),
        )

        assert _ask(expiring_ledger, lambda it: it.due(NOW, 9)) == [adas, bobs]
        assert _ask(expiring_ledger, lambda it: it.due(NOW, 1)) == [adas]

    def test_an_owners_awards_come_page_by_page_by_their_id(
        self, expiring_ledger: SampleLedger
    ) -> None:
        mine = [an_award(20 + n, NOW - n * SECOND, used=n % 2) for n in range(3)]
        _add(expiring_ledger, *mine[::-1], an_award(25, NOW, owner="bob"))

        def page(after: int | None, limit: int) -> list[ExpiringAward]:
            place = None if after is None else an_id(after)
            return _ask(expiring_ledger, lambda it: it.of_owner("ada", place, limit))

        assert page(None, 2) == mine[:2]
        assert page(21, 9) == mine[2:]

    def test_what_a_transfer_uses_of_awards_is_replaced_and_comes_by_their_end(
        self, expiring_ledger: SampleLedger
    ) -> None:
        _add(expiring_ledger, an_award(20, NOW + SECOND), an_award(21, NOW), an_award(22, NOW))
        uses = [AwardUse(an_id(25), an_id(n), LARGEST - n) for n in (22, 20, 21)]
        other = AwardUse(an_id(26), an_id(20), 1)
        _do(expiring_ledger, lambda it: it.put_uses([*uses, other]))
        _do(expiring_ledger, lambda it: it.put_uses([evolve(uses[0], amount=0)]))

        def used(transfer: int) -> list[AwardUse]:
            return _ask(expiring_ledger, lambda it: it.uses(an_id(transfer)))

        assert used(25) == [uses[2], evolve(uses[0], amount=0), uses[1]]
        assert used(26) == [other]
        assert used(27) == []

    def test_the_next_expiry_is_written_to_its_account_alone(
        self, expiring_ledger: SampleLedger
    ) -> None:
        at = NOW.replace(microsecond=123_456)
        before = expiring_ledger.stored()
        assert before[WALLET.id].next_expiry is None
        _do(expiring_ledger, lambda it: it.set_next_expiry(WALLET.id, at))

        expected = {**before, WALLET.id: evolve(before[WALLET.id], next_expiry=at)}
        assert expiring_ledger.stored() == expected
        expiring_ledger.move(40, MINT, WALLET)
        assert expiring_ledger.stored()[WALLET.id].next_expiry == at


def an_award(number: int, expires_at: datetime, amount: int = 1, **changes: Any) -> ExpiringAward:
    """Return an award of ada's that expires; its transfer has the same number."""
    fields: dict[str, Any] = {"owner": "ada", "currency": "coin", **changes}
    return ExpiringAward(id=an_id(number), amount=amount, expires_at=expires_at, **fields)


def _add(ledger: SampleLedger, *awards: ExpiringAward) -> None:
    for award in awards:
        write(ledger.store, partial(_add_one, award=award))


def _add_one(stores: Stores, award: ExpiringAward) -> None:
    stores.port(EXPIRING).add(award)


def _do(ledger: SampleLedger, work: Callable[[ExpiringStore], None]) -> None:
    write(ledger.store, lambda stores: work(stores.port(EXPIRING)))


def _ask(ledger: SampleLedger, query: Callable[[ExpiringStore], T]) -> T:
    return read(ledger.store, lambda stores: query(stores.port(EXPIRING)))
