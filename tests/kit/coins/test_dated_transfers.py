"""Transfers that happened before they are recorded, and the balances of all owners by pages."""

from __future__ import annotations

from datetime import timedelta, timezone

import pytest

from habitkit.coins import Balance, InsufficientFunds, Posting, UnknownCurrency
from habitkit.errors import (
    IdempotencyConflict,
    InvalidInput,
    InvalidInstant,
    InvalidOwner,
    NotFound,
)
from habitkit.testing.contracts._sample_facts import NOW
from tests.kit.coins.support import traces_of
from tests.kit.coins.tampered_ledger import TamperedLedger

DAY = timedelta(days=1)


class TestDatedTransfers:
    def test_a_balance_counts_a_transfer_from_when_it_happened(self, kit):
        kit.coins.award("ada", 100, idempotency_key="a")
        kit.clock.advance(days=10)
        kit.coins.spend("ada", 10, idempotency_key="s")
        kit.sweep()
        heads = kit.coins.head("ada")

        gift = kit.coins.transfer("ada", "bob", 40, at=NOW + 3 * DAY, idempotency_key="t")
        kit.coins.award("bob", 5, at=NOW - DAY, idempotency_key="b")
        kit.coins.spend("bob", 7, at=NOW + 4 * DAY, idempotency_key="s")

        assert gift.at == NOW + 3 * DAY
        days = [-2, -1, 0, 2, 3, 4, 9, 10, 11]
        for owner, wanted in (
            ("ada", [0, 0, 100, 100, 60, 60, 60, 50, 50]),
            ("bob", [0, 5, 5, 5, 45, 38, 38, 38, 38]),
        ):
            at = [kit.coins.balance(owner, as_of=NOW + n * DAY).posted for n in days]
            assert at == wanted
        newest = kit.coins.statement("ada")[0]
        assert (newest.seq, newest.at, newest.recorded_at) == (3, gift.at, NOW + 10 * DAY)
        assert kit.coins.statement("ada")[1].recorded_at is None
        assert kit.coins.audit(heads=heads).findings == ()
        assert kit.sweep().counts["sealed_entries"] == 4
        report = kit.coins.audit(heads=[*heads, *kit.coins.head("ada"), *kit.coins.head("bob")])
        assert (report.findings, report.sealed) == ((), 6)

    def test_a_dated_transfer_is_made_once_per_key(self, kit, store):
        kit.clock.advance(days=1)
        award = kit.coins.award("ada", 10, at=NOW, idempotency_key="a")
        vienna = NOW.astimezone(timezone(timedelta(hours=2)))
        before = traces_of(kit, store, "ada")
        kit.clock.advance(days=1)

        assert kit.coins.award("ada", 10, at=vienna, idempotency_key="a") == award
        for at in (None, NOW + DAY):
            with pytest.raises(IdempotencyConflict) as conflict:
                kit.coins.award("ada", 10, at=at, idempotency_key="a")
            assert conflict.value.differing == ("at",)
        assert traces_of(kit, store, "ada") == before

    def test_what_has_not_happened_yet_or_has_no_zone_is_refused(self, kit):
        unfit = [NOW + timedelta(microseconds=1), NOW.replace(tzinfo=None), NOW.date(), "now", 0]

        for at in unfit:
            with pytest.raises(InvalidInstant):
                kit.coins.award("ada", 1, at=at, idempotency_key="a")
        assert kit.coins.statement("ada") == []
        assert kit.coins.award("ada", 1, at=NOW, idempotency_key="a").at == NOW
        assert kit.coins.statement("ada")[0].recorded_at is None

    def test_the_floor_is_that_of_now(self, kit):
        kit.coins.award("ada", 10, idempotency_key="a")
        kit.clock.advance(days=1)

        with pytest.raises(InsufficientFunds):
            kit.coins.spend("ada", 11, at=NOW - DAY, idempotency_key="s")
        kit.coins.spend("ada", 10, at=NOW - DAY, idempotency_key="s")

        assert kit.coins.balance("ada", as_of=NOW - DAY).posted == -10

    def test_a_batch_has_dates_of_its_own(self, kit):
        kit.clock.advance(days=5)
        batch = [
            Posting.award("ada", 9, at=NOW + DAY),
            Posting.award("ada", 1),
            Posting.transfer("ada", "bob", 3, at=NOW + 2 * DAY),
        ]

        done = kit.coins.post_many(batch, idempotency_key="b")

        assert kit.coins.post_many(batch, idempotency_key="b") == done
        assert [each.at for each in done] == [NOW + DAY, NOW + 5 * DAY, NOW + 2 * DAY]
        at = [kit.coins.balance("ada", as_of=NOW + n * DAY).posted for n in (0, 1, 2, 5)]
        assert at == [0, 9, 6, 7]
        assert kit.coins.audit().ok

    def test_a_clock_that_was_set_back_keeps_every_instant_right(self, kit):
        kit.coins.award("ada", 10, idempotency_key="a")
        kit.clock.advance(days=-5)

        early = kit.coins.award("ada", 1, at=NOW - 6 * DAY, idempotency_key="b")
        plain = kit.coins.award("ada", 2, idempotency_key="c")

        assert (early.at, plain.at) == (NOW - 6 * DAY, NOW)
        at = [kit.coins.balance("ada", as_of=NOW + n * DAY).posted for n in (-7, -6, -1, 0)]
        assert at == [0, 1, 1, 13]
        assert kit.coins.audit().ok

    @pytest.mark.parametrize(
        ("table", "column"), [("entries", "dated_at"), ("transfers", "at"), ("both", "")]
    )
    @pytest.mark.parametrize("to", [None, NOW.replace(year=2019)], ids=["now", "another instant"])
    def test_a_changed_date_is_found(self, tamper, store, table, column, to):
        ledger = TamperedLedger(tamper, store)
        past = NOW.replace(year=2020)
        award = ledger.kit.coins.award("ada", 10, at=past, idempotency_key="d")
        while ledger.kit.sweep().counts["sealed_entries"]:
            pass
        assert ledger.found_at() is None
        row = {"account_id": ledger.wallet.id, "seq": 7}

        if table != "transfers":
            tamper.change("entries", row, {"dated_at": to})
        if table != "entries":
            tamper.change("transfers", {"id": award.id}, {"at": to or NOW})

        assert ledger.found_at() == 7

    def test_reversals_beyond_the_whole_are_found(self, tamper, store):
        ledger = TamperedLedger(tamper, store)
        award = ledger.kit.coins.award("ada", 10, idempotency_key="d")
        for key in ("r1", "r2"):
            ledger.kit.coins.reverse(award.id, 3, idempotency_key=key)
        assert ledger.found_at() is None

        tamper.change("transfers", {"id": award.id}, {"reverses": ledger.transfers[0].id})
        assert ledger.found_at() is None, "of an award it means nothing"
        last = ledger.kit.coins.statement("ada")[0].transfer_id
        for reverses, problem in (
            (None, "it is a reversal, and names no transfer"),
            (award.id.__class__(int=1), "the transfer that it reverses, "),
        ):
            tamper.change("transfers", {"id": last}, {"reverses": reverses})
            (finding,) = (each for each in ledger.findings() if each.role == "wallet")
            assert (finding.seq, finding.problem[: len(problem)]) == (9, problem)


class TestOwners:
    def test_owners_and_their_balances_come_in_pages(self, kit):
        assert kit.coins.owners() == []
        with pytest.raises(
            NotFound, match="'eve'; this kit is of one owner, so call it on the kit"
        ):
            kit.owned_by("eve").coins.owners()
        for n, owner in enumerate(["cyd", "ada", "bob"]):
            kit.coins.award(owner, 10 + n, idempotency_key="a")
        kit.coins.set_floor("dan", floor=-5)
        kit.coins.reserve("bob", 4, idempotency_key="h")
        kit.coins.reserve("bob", 3, expires_in_seconds=1, idempotency_key="l")
        kit.clock.advance(seconds=1)

        first = kit.coins.owners(limit=3)

        assert first == [
            Balance("ada", "coin", 11),
            Balance("bob", "coin", 12, pending=4),
            Balance("cyd", "coin", 10),
        ]
        rest = kit.coins.owners(after="cyd")
        assert rest == [Balance("dan", "coin", 0, floor=-5)]
        assert [kit.coins.balance(each.owner) for each in (*first, *rest)] == [*first, *rest]

    def test_a_page_that_makes_no_sense_is_refused(self, kit):
        with pytest.raises(UnknownCurrency):
            kit.coins.owners("gem")
        with pytest.raises(InvalidOwner, match=r"^after: "):
            kit.coins.owners(after="")
        for limit in (0, 1001):
            with pytest.raises(InvalidInput):
                kit.coins.owners(limit=limit)
