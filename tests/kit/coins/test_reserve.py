"""Reserving: coins set aside for something that may still come about."""

from __future__ import annotations

from typing import Any

import pytest

import habitkit.testing
from habitkit.coins import CoinsPosted, InsufficientFunds, InvalidAmount, UnknownCurrency
from habitkit.coins.domain.model import Balance
from habitkit.coins.reservations import reserve
from habitkit.errors import IdempotencyConflict, InvalidInput
from habitkit.reactions import on
from habitkit.testing.contracts._sample_facts import NOW
from habitkit.testing.contracts._sample_ledger import sum_of_all
from tests.kit.coins.support import traces_of


class TestReserve:
    # -- setting aside -------------------------------------------------------------------------

    def test_reserved_coins_stay_in_the_posted_balance_and_cannot_be_spent(self, rich, store):
        hold = rich.coins.reserve("ada", 60, memo="bike", metadata={"n": 1}, idempotency_key="h")

        assert (hold.owner, hold.currency, hold.amount, hold.at) == ("ada", "coin", 60, NOW)
        assert (hold.state, hold.settled, hold.expires_at, hold.ended_at) == ("open", 0, None, None)
        assert rich.coins.balance("ada") == Balance("ada", "coin", 100, 0, 60)
        assert rich.coins.balance("ada").available == 40
        entry = rich.coins.statement("ada")[0]
        assert (entry.kind, entry.amount, entry.transfer_id) == ("reserve", -60, hold.id)
        assert (entry.memo, entry.metadata) == ("bike", {"n": 1})
        with pytest.raises(InsufficientFunds):
            rich.coins.spend("ada", 41, idempotency_key="s")
        with pytest.raises(InsufficientFunds):
            rich.coins.transfer("ada", "bob", 41, idempotency_key="t")
        assert sum_of_all(store, "ada") == 0

    def test_more_than_is_available_cannot_be_reserved(self, rich, store):
        rich.coins.reserve("ada", 60, idempotency_key="h")
        before = traces_of(rich, store, "ada")

        with pytest.raises(InsufficientFunds) as refused:
            rich.coins.reserve("ada", 41, idempotency_key="h2")

        assert (refused.value.balance, refused.value.amount) == (40, 41)
        assert traces_of(rich, store, "ada") == before
        rich.coins.reserve("ada", 40, idempotency_key="h2")
        assert rich.coins.balance("ada") == Balance("ada", "coin", 100, 0, 100)

    def test_an_invalid_reservation_is_refused(self, rich, store):
        before = traces_of(rich, store, "ada")
        unfit: list[tuple[int, dict[str, Any], type[Exception]]] = [
            (0, {}, InvalidAmount),
            (1, {"expires_in_seconds": 0}, InvalidInput),
            (1, {"expires_in_seconds": -1}, InvalidInput),
            (1, {"expires_in_seconds": float("nan")}, InvalidInput),
            (1, {"expires_in_seconds": 367 * 86_400}, InvalidInput),
            (1, {"memo": "x" * 501}, InvalidInput),
            (1, {"metadata": {"n": object()}}, InvalidInput),
            (1, {"currency": "gold"}, UnknownCurrency),
        ]

        for amount, named, error in unfit:
            with pytest.raises(error):
                rich.coins.reserve("ada", amount, **named, idempotency_key="h")

        assert traces_of(rich, store, "ada") == before

    def test_reserving_again_under_a_key_gives_the_same_hold(self, rich, store):
        def reserve(**changes):
            request = {"amount": 10, "expires_in_seconds": 60, "memo": "bike", **changes}
            return rich.coins.reserve("ada", **request, idempotency_key="h")

        hold = reserve()
        rich.coins.settle(hold.id, 4)
        before = traces_of(rich, store, "ada")
        rich.clock.advance(minutes=5)

        assert reserve() == hold, "as it was when it was made"
        for change in ({"amount": 11}, {"expires_in_seconds": 61}, {"memo": None}):
            with pytest.raises(IdempotencyConflict) as conflict:
                reserve(**change)
            assert conflict.value.differing == tuple(change)
        assert traces_of(rich, store, "ada") == before

    # -- the end -------------------------------------------------------------------------------

    def test_a_number_of_seconds_is_the_same_request_however_it_is_written(self, rich):
        for key, first, again in (("i", 900, 900.0), ("f", 900.0, 900)):
            hold = rich.coins.reserve("ada", 5, idempotency_key=key, expires_in_seconds=first)

            same = rich.coins.reserve("ada", 5, idempotency_key=key, expires_in_seconds=again)

            assert same == hold
        assert rich.coins.balance("ada").pending == 10

    def test_a_hold_is_numbered_by_its_own_entry_when_a_reaction_reserves_too(self, store):
        def reserve_too(tx, owner, events):
            if any((event.kind, event.amount) == ("reserve", -60) for event in events):
                reserve(tx, owner, 7, idempotency_key="too")

        kit = habitkit.testing.kit(store=store, reactions=[on(CoinsPosted, reserve_too)])
        kit.coins.award("ada", 100, idempotency_key="a")

        hold = kit.coins.reserve("ada", 60, idempotency_key="h")

        assert [(h.seq, h.amount) for h in kit.coins.holds("ada")] == [(1, 60), (2, 7)]
        assert kit.coins.holds("ada", limit=1) == [hold]
        assert [h.amount for h in kit.coins.holds("ada", after=hold.seq)] == [7]
