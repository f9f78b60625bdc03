"""Wallets: opening them, their floors, their statements, and how they once stood."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

import habitkit.testing
from habitkit.coins import CoinSettings, InsufficientFunds, InvalidAmount, UnknownCurrency
from habitkit.coins.domain.economy import Economy
from habitkit.coins.domain.model import Balance
from habitkit.errors import IdempotencyConflict, InvalidInput, InvalidInstant
from habitkit.testing.contracts._sample_facts import NOW, STRANGE_TEXTS
from habitkit.testing.contracts._sample_ledger import sum_of_all
from tests.kit.coins.support import traces_of

HOUR = timedelta(hours=1)
LARGEST = 2**63 - 1


class TestFloorsMetadataAndCurrencies:
    # -- floors --------------------------------------------------------------------------------

    def test_a_wallet_may_have_credit(self, kit, store):
        assert kit.coins.set_floor("ada", floor=-50) == Balance("ada", "coin", 0, -50)
        assert kit.coins.balance("ada").available == 50

        kit.coins.spend("ada", 30, idempotency_key="s")
        kit.coins.transfer("ada", "bob", 20, idempotency_key="t")

        assert kit.coins.balance("ada") == Balance("ada", "coin", -50, -50)
        with pytest.raises(InsufficientFunds) as refused:
            kit.coins.spend("ada", 1, idempotency_key="s2")
        assert (refused.value.balance, refused.value.floor) == (-50, -50)
        assert sum_of_all(store, "ada", "bob") == 0

    def test_a_wallet_may_have_a_reserve_that_is_not_spent(self, kit):
        kit.coins.award("ada", 30, idempotency_key="a")

        assert kit.coins.set_floor("ada", floor=20) == Balance("ada", "coin", 30, 20)

        assert kit.coins.balance("ada").available == 10
        with pytest.raises(InsufficientFunds):
            kit.coins.spend("ada", 11, idempotency_key="s")
        with pytest.raises(InsufficientFunds):
            kit.coins.reserve("ada", 11, idempotency_key="h")
        kit.coins.spend("ada", 10, idempotency_key="s")

    def test_a_floor_is_not_raised_above_the_balance(self, kit, store):
        with pytest.raises(InsufficientFunds) as refused:
            kit.coins.set_floor("ada", floor=1)
        assert (refused.value.balance, refused.value.floor, refused.value.amount) == (0, 1, 1)
        assert kit.coins.export("ada").accounts == ()
        kit.coins.award("ada", 30, idempotency_key="a")
        kit.coins.reserve("ada", 5, idempotency_key="h")
        before = traces_of(kit, store, "ada")

        with pytest.raises(InsufficientFunds):
            kit.coins.set_floor("ada", floor=26)

        assert traces_of(kit, store, "ada") == before
        assert kit.coins.set_floor("ada", floor=25).available == 0

    def test_a_floor_is_changed_as_often_as_one_likes(self, kit):
        for floor in (0, 0, -50, -50, -10, -(2**63), 0):
            assert kit.coins.set_floor("ada", floor=floor) == Balance("ada", "coin", 0, floor)

        assert len(kit.coins.export("ada").accounts) == 1
        assert kit.coins.statement("ada") == []

    def test_a_wallet_in_debt_may_have_its_floor_lowered_and_not_raised(self, kit):
        award = kit.coins.award("ada", 30, idempotency_key="a")
        kit.coins.spend("ada", 30, idempotency_key="s")
        kit.coins.reverse(award.id, idempotency_key="r")
        assert kit.coins.balance("ada").posted == -30

        assert kit.coins.set_floor("ada", floor=-10).available == 0
        with pytest.raises(InsufficientFunds):
            kit.coins.set_floor("ada", floor=-9)
        assert kit.coins.set_floor("ada", floor=-40).available == 10
        kit.coins.spend("ada", 10, idempotency_key="s2")

    def test_an_invalid_floor_is_refused(self, kit):
        unfit = [None, True, 1.0, "0", 2**63, -(2**63) - 1]
        for floor in unfit:
            with pytest.raises(InvalidAmount):
                kit.coins.set_floor("ada", floor=floor)
        with pytest.raises(UnknownCurrency):
            kit.coins.set_floor("ada", "gold")

        assert kit.coins.export("ada").accounts == ()

    # -- currencies ----------------------------------------------------------------------------

    def test_experience_and_gems_are_currencies_like_any_other(self, store):
        kit = habitkit.testing.kit(
            store=store, coins=CoinSettings(Economy.without_rewards("xp", "gem"))
        )
        kit.coins.award("ada", 30, idempotency_key="k")
        kit.coins.award("ada", 500, currency="xp", idempotency_key="k2")
        kit.coins.set_floor("ada", "gem", floor=-3)

        hold = kit.coins.reserve("ada", 3, currency="gem", idempotency_key="h")
        kit.coins.settle(hold.id, 2)
        kit.coins.transfer("ada", "bob", 100, currency="xp", idempotency_key="t")

        assert kit.coins.balance("ada", "gem") == Balance("ada", "gem", -2, -3)
        assert kit.coins.balance("ada", "xp").posted == 400
        assert kit.coins.balance("bob", "xp").posted == 100
        assert kit.coins.balance("ada").posted == 30
        assert [h.currency for h in kit.coins.holds("ada", currency="gem", ended=True)] == ["gem"]
        assert kit.coins.holds("ada", ended=True) == []
        with pytest.raises(IdempotencyConflict) as conflict:
            kit.coins.award("ada", 30, currency="gem", idempotency_key="k")
        assert conflict.value.differing == ("currency",)
        kit.sweep()
        audited = kit.coins.audit()
        assert (audited.ok, audited.accounts) == (True, 8)

    # -- metadata ------------------------------------------------------------------------------

    def test_metadata_are_kept_beside_the_memo(self, kit):
        metadata = {"order": 5, "tags": list(STRANGE_TEXTS), "deep": {"é": None, "x": [1.5, True]}}

        kit.coins.award("ada", 30, metadata=metadata, idempotency_key="a")
        kit.coins.spend("ada", 5, metadata={}, memo="hat", idempotency_key="s")
        kit.coins.transfer("ada", "bob", 5, metadata={"n": 1}, idempotency_key="t")

        returned = [entry.metadata for entry in kit.coins.statement("ada")]
        assert returned == [{"n": 1}, {}, metadata]
        assert [entry.metadata for entry in kit.coins.statement("bob")] == [{"n": 1}]

    def test_metadata_are_a_part_of_the_request(self, kit):
        done = kit.coins.award("ada", 1, metadata={"a": 1, "b": 2}, idempotency_key="k")

        assert kit.coins.award("ada", 1, metadata={"b": 2, "a": 1}, idempotency_key="k") == done
        for other in ({"a": 1}, {"a": 1, "b": 3}, None):
            with pytest.raises(IdempotencyConflict) as conflict:
                kit.coins.award("ada", 1, metadata=other, idempotency_key="k")
            assert conflict.value.differing == ("metadata",)

    def test_invalid_metadata_are_refused_and_nothing_is_written(self, kit, store):
        before = traces_of(kit, store, "ada")
        deep: list[Any] = []
        for _ in range(5_000):
            deep = [deep]
        unfit = [
            "text", 5, [1], {1: "a"}, {"n": float("nan")}, {"o": object()}, {"n": "a\x00"},
            {"\ud800": 1}, {"long": "x" * 4096}, {"deep": deep},
        ]  # fmt: skip
        for metadata in unfit:
            with pytest.raises(InvalidInput):
                kit.coins.award("ada", 1, metadata=metadata, idempotency_key="k")

        assert traces_of(kit, store, "ada") == before
        kit.coins.award("ada", 1, metadata={"long": "x" * 4000}, idempotency_key="k")


class TestAsOf:
    def test_a_wallet_is_shown_as_it_stood(self, kit):
        for n in range(4):
            kit.coins.award("ada", 10**n, idempotency_key=f"a{n}")
            kit.clock.advance(hours=1)

        def posted(hours):
            return kit.coins.balance("ada", as_of=NOW + hours * HOUR).posted

        assert [posted(hours) for hours in (-1, 0, 0.5, 1, 2, 3, 99)] == [
            0, 1, 1, 11, 111, 1111, 1111,
        ]  # fmt: skip
        assert posted(-1 / 3600) == 0
        assert kit.coins.balance("bob", as_of=NOW) == Balance("bob", "coin", 0)
        vienna = (NOW + HOUR).astimezone(timezone(HOUR))
        assert kit.coins.balance("ada", as_of=vienna).posted == 11

    def test_an_invalid_instant_is_refused(self, kit):
        unfit = [NOW.replace(tzinfo=None), NOW.date(), "2026-01-01"]
        for as_of in unfit:
            with pytest.raises(InvalidInstant):
                kit.coins.balance("ada", as_of=as_of)

    def test_the_ends_of_time_are_instants_too(self, kit):
        kit.coins.award("ada", 5, idempotency_key="a")

        ends = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)
        assert [kit.coins.balance("ada", as_of=end).posted for end in ends] == [0, 5]

    def test_holds_are_shown_as_they_stood(self, kit):
        kit.coins.award("ada", 100, idempotency_key="a")
        kit.clock.set(NOW + HOUR)
        kit.coins.reserve("ada", 10, expires_in_seconds=7200, idempotency_key="h1")
        settled = kit.coins.reserve("ada", 20, idempotency_key="h2")
        kit.clock.set(NOW + 2 * HOUR)
        kit.coins.settle(settled.id, 15)
        kit.clock.set(NOW + 4 * HOUR)
        expected = [(100, 0), (100, 30), (85, 10), (85, 0), (85, 0)]

        def stood(hours):
            balance = kit.coins.balance("ada", as_of=NOW + hours * HOUR)
            return balance.posted, balance.pending

        assert [stood(hours) for hours in range(5)] == expected
        kit.sweep()
        assert [stood(hours) for hours in range(5)] == expected, "a sweep changes no past"
        assert stood(3 - 1 / 3600) == (85, 10)

    def test_a_clock_that_goes_back_makes_no_entry_earlier_than_the_one_before(self, kit):
        kit.coins.award("ada", 10, idempotency_key="a")
        kit.clock.set(NOW - HOUR)
        spend = kit.coins.spend("ada", 3, idempotency_key="s")
        kit.coins.award("bob", 1, idempotency_key="b")
        gift = kit.coins.transfer("bob", "ada", 1, idempotency_key="t")

        assert spend.at == gift.at == NOW
        posted = [kit.coins.balance("ada", as_of=NOW + n * HOUR).posted for n in (-1, 0)]
        assert posted == [0, 8]
        stood = [kit.coins.balance("bob", as_of=NOW + n * HOUR).posted for n in (-1, 0)]
        assert stood == [1, 0], "both sides of a transfer have one instant"

    def test_a_clock_that_goes_back_never_shows_held_coins_twice_or_not_at_all(self, kit):
        kit.coins.award("ada", 100, idempotency_key="a")
        kit.clock.set(NOW - HOUR)
        brief = kit.coins.reserve("ada", 10, expires_in_seconds=60, idempotency_key="h1")
        kit.coins.settle(kit.coins.reserve("ada", 20, idempotency_key="h2").id, 5)
        kit.clock.set(NOW + HOUR)
        late = kit.coins.reserve("ada", 30, expires_in_seconds=1, idempotency_key="h3")
        kit.clock.set(NOW + timedelta(minutes=30))
        assert kit.coins.balance("ada") == Balance("ada", "coin", 95, 0, 30)
        kit.sweep()

        assert brief.at == NOW
        assert brief.expires_at == NOW + timedelta(minutes=1)
        for minutes in range(-120, 120, 10):
            at = NOW + timedelta(minutes=minutes)
            balance = kit.coins.balance("ada", as_of=at)
            assert balance.posted == (0 if at < NOW else 95), at
            held = 10 * (NOW <= at < NOW + timedelta(minutes=1)) + 30 * (at == late.at)
            assert balance.pending == held, at
        assert kit.coins.audit().ok

    def test_a_caller_who_changes_metadata_changes_no_fact(self, kit):
        def award():
            return kit.coins.award("ada", 1, idempotency_key="a", metadata={"from": ["bob"]})

        first = award()
        kit.sweep()
        seen = [first, award(), kit.coins.statement("ada")[0]]
        for each in seen:
            each.metadata["from"].append("eve")

        assert award().metadata == kit.coins.statement("ada")[0].metadata == {"from": ["bob"]}
        assert kit.coins.audit().ok

    def test_a_hold_that_was_ended_is_not_open_because_the_clock_goes_back(self, kit):
        kit.coins.award("ada", 100, idempotency_key="a")
        kit.coins.reserve("ada", 60, expires_in_seconds=10, idempotency_key="h1")
        kit.coins.reserve("ada", 40, idempotency_key="h2")
        kit.clock.set(NOW + timedelta(seconds=11))
        kit.coins.spend("ada", 10, idempotency_key="s")

        kit.clock.set(NOW + timedelta(seconds=10.95))

        assert kit.coins.balance("ada") == Balance("ada", "coin", 90, 0, 40)
