"""Holds: coins set aside, spent or given back later, or free again in time."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

import pytest
from attrs import evolve

from habitkit.coins import BalanceOverflow, HoldEnded, InvalidAmount, UnknownCurrency
from habitkit.coins.domain.model import Balance, Posting
from habitkit.coins.service import settle
from habitkit.errors import InvalidId, NotFound, Refused
from habitkit.testing.contracts._sample_facts import NOW, events_of
from habitkit.testing.contracts._sample_ledger import balances_of, sum_of_all
from tests.kit.coins.support import traces_of

MINUTE = timedelta(minutes=1)


class TestHolds:
    def test_a_hold_is_spent_wholly(self, rich, store):
        hold = rich.coins.reserve("ada", 60, idempotency_key="h")
        rich.clock.advance(minutes=1)

        settled = rich.coins.settle(hold.id)

        assert settled == evolve(hold, state="settled", settled=60, ended_at=NOW + MINUTE)
        assert rich.coins.balance("ada") == Balance("ada", "coin", 40)
        assert balances_of(store, "ada") == {"mint": -100, "wallet": 40, "escrow": 0, "sink": 60}
        closed = events_of(rich, "ada")[-1]
        assert (closed.type, closed.fields) == (
            "HoldClosed",
            {
                "hold_id": str(hold.id),
                "state": "settled",
                "currency": "coin",
                "amount": 60,
                "settled": 60,
            },
        )

    def test_a_hold_is_spent_in_part_and_the_rest_comes_back(self, rich, store):
        hold = rich.coins.reserve("ada", 60, idempotency_key="h")

        settled = rich.coins.settle(str(hold.id), 25)

        assert (settled.state, settled.settled) == ("settled", 25)
        assert rich.coins.balance("ada") == Balance("ada", "coin", 75)
        assert [(e.kind, e.amount) for e in rich.coins.statement("ada", limit=2)] == [
            ("release", 35),
            ("reserve", -60),
        ]
        assert balances_of(store, "ada")["sink"] == 25

    def test_a_released_hold_comes_back(self, rich, store):
        hold = rich.coins.reserve("ada", 60, idempotency_key="h")

        released = rich.coins.release(hold.id)

        assert released == evolve(hold, state="released", ended_at=NOW)
        assert rich.coins.balance("ada") == Balance("ada", "coin", 100)
        assert balances_of(store, "ada") == {"mint": -100, "wallet": 100, "escrow": 0}

    def test_a_hold_ends_once_and_ending_it_the_same_way_again_changes_nothing(self, rich, store):
        one = rich.coins.reserve("ada", 10, idempotency_key="h1")
        two = rich.coins.reserve("ada", 10, idempotency_key="h2")
        settled, released = rich.coins.settle(one.id, 7), rich.coins.release(two.id)
        before = traces_of(rich, store, "ada")
        rich.clock.advance(minutes=1)

        assert rich.coins.settle(one.id, 7) == settled
        assert rich.coins.release(two.id) == released
        refused = [
            (lambda: rich.coins.settle(one.id), "settled"),
            (lambda: rich.coins.settle(one.id, 6), "settled"),
            (lambda: rich.coins.release(one.id), "settled"),
            (lambda: rich.coins.settle(two.id), "released"),
        ]
        for call, state in refused:
            with pytest.raises(HoldEnded) as ended:
                call()
            assert ended.value.state == state
        assert traces_of(rich, store, "ada") == before

    def test_no_more_is_settled_than_is_held(self, rich, store):
        hold = rich.coins.reserve("ada", 10, idempotency_key="h")
        before = traces_of(rich, store, "ada")

        unfit = [11, 0, -1, True, 1.0, "1", 2**63]
        for amount in unfit:
            with pytest.raises(InvalidAmount):
                rich.coins.settle(hold.id, amount)

        assert traces_of(rich, store, "ada") == before
        assert rich.coins.holds("ada") == [hold]

    def test_a_hold_that_is_not_there_cannot_be_ended(self, rich):
        award = rich.coins.award("ada", 1, idempotency_key="b")

        for hold_id in (UUID(int=7), str(UUID(int=7)), award.id):
            with pytest.raises(NotFound):
                rich.coins.settle(hold_id)
            with pytest.raises(NotFound):
                rich.coins.release(hold_id)
        with pytest.raises(InvalidId):
            rich.coins.settle("no id")

    # -- time ----------------------------------------------------------------------------------

    def test_a_hold_lasts_until_its_time_and_not_an_instant_longer(self, rich, store):
        one, two, three = (
            rich.coins.reserve("ada", 10, expires_in_seconds=60, idempotency_key=f"h{n}")
            for n in range(3)
        )
        assert one.expires_at == NOW + MINUTE

        rich.clock.set(NOW + MINUTE - timedelta(microseconds=1))
        assert rich.coins.balance("ada").pending == 30
        assert rich.coins.settle(one.id).state == "settled"

        rich.clock.set(NOW + MINUTE)
        before = traces_of(rich, store, "ada")
        for call in (rich.coins.settle, rich.coins.release):
            with pytest.raises(HoldEnded) as ended:
                call(two.id)
            assert (ended.value.hold_id, ended.value.state) == (two.id, "expired")
        assert traces_of(rich, store, "ada") == before
        assert rich.coins.balance("ada") == Balance("ada", "coin", 90)
        assert rich.coins.holds("ada") == []
        assert rich.coins.holds("ada", ended=True) == [
            evolve(one, state="settled", settled=10, ended_at=NOW + MINUTE - timedelta.resolution),
            evolve(two, state="expired"),
            evolve(three, state="expired"),
        ]

    def test_the_coins_of_an_expired_hold_can_be_spent_without_a_sweep(self, rich, store):
        spends = [
            lambda: rich.coins.spend("ada", 100, idempotency_key="s"),
            lambda: rich.coins.transfer("ada", "bob", 100, idempotency_key="t"),
            lambda: rich.coins.reserve("ada", 100, idempotency_key="r"),
            lambda: rich.coins.post_many([Posting.spend("ada", 100)], idempotency_key="m"),
            lambda: rich.coins.set_floor("ada", floor=100),
        ]
        for n, spend in enumerate(spends):
            for part in (60, 40):
                rich.coins.reserve(
                    "ada", part, expires_in_seconds=60, idempotency_key=f"{n}/{part}"
                )
            with pytest.raises(Refused):
                spend()
            rich.clock.advance(minutes=1)
            assert rich.coins.balance("ada").available == 100

            spend()

            assert rich.coins.balance("ada").available == 0
            assert rich.sweep().counts["expired_holds"] == 0, "the spend has written it down"
            rich.coins.award("ada", 100, idempotency_key=f"{n}")
            for hold in rich.coins.holds("ada"):
                rich.coins.settle(hold.id)
        assert sum_of_all(store, "ada", "bob") == 0
        assert rich.coins.audit().ok

    def test_as_few_holds_are_left_to_the_sweep_as_there_are(self, rich):
        brief = rich.coins.reserve("ada", 10, expires_in_seconds=1, idempotency_key="h1")
        lasting = rich.coins.reserve("ada", 20, idempotency_key="h2")
        assert rich.sweep().counts["expired_holds"] == 0
        rich.clock.advance(seconds=1)

        assert rich.sweep().counts["expired_holds"] == 1
        assert rich.sweep().counts["expired_holds"] == 0

        ended = evolve(brief, state="expired", ended_at=NOW + timedelta(seconds=1))
        assert rich.coins.holds("ada", ended=True) == [ended, lasting]
        assert rich.coins.balance("ada") == Balance("ada", "coin", 100, 0, 20)
        assert rich.coins.statement("ada")[0].kind == "expire"
        with pytest.raises(HoldEnded):
            rich.coins.release(brief.id)

    # -- looking -------------------------------------------------------------------------------

    def test_holds_are_listed_page_by_page(self, rich):
        holds = [rich.coins.reserve("ada", n + 1, idempotency_key=f"h{n}") for n in range(5)]
        ended = rich.coins.release(holds[1].id)

        assert rich.coins.holds("ada") == [holds[0], *holds[2:]]
        assert rich.coins.holds("ada", limit=2) == [holds[0], holds[2]]
        assert rich.coins.holds("ada", after=holds[2].seq) == holds[3:]
        assert rich.coins.holds("ada", ended=True, after=holds[0].seq, limit=2) == [ended, holds[2]]
        assert rich.coins.holds("bob") == []
        with pytest.raises(UnknownCurrency):
            rich.coins.holds("ada", currency="gold")

    def test_a_transfer_that_settled_a_hold_can_be_reversed(self, rich, store):
        hold = rich.coins.reserve("ada", 60, idempotency_key="h")
        rich.coins.settle(hold.id, 25)
        spent = next(
            event
            for event in events_of(rich, "ada")
            if event.type == "HoldClosed" and event.fields["hold_id"] == str(hold.id)
        )
        assert spent.fields["settled"] == 25
        ended = rich.coins.hold(hold.id)
        assert (ended.state, ended.settled) == ("settled", 25)
        assert rich.coins.hold(str(hold.id)) == ended
        assert ended.settlement_id is not None

        back = rich.coins.reverse(ended.settlement_id, idempotency_key="r")

        assert (back.kind, back.amount, back.reverses) == ("reversal", 25, ended.settlement_id)
        assert rich.coins.balance("ada") == Balance("ada", "coin", 100)
        assert balances_of(store, "ada")["sink"] == 0

    def test_a_hold_that_cannot_end_wholly_does_not_end_in_part(self, kit, store):
        kit.coins.award("ada", 100, idempotency_key="a")
        hold = kit.coins.reserve("ada", 60, idempotency_key="h")
        kit.coins.award("bob", 2**63 - 1 - 40, idempotency_key="b")
        kit.coins.transfer("bob", "ada", 2**63 - 1 - 40, idempotency_key="full")

        def work(tx):
            with pytest.raises(BalanceOverflow):
                settle(tx, hold.id, 45)

        kit.run(work)

        assert [each.state for each in kit.coins.holds("ada", ended=True)] == ["open"]
        assert balances_of(store, "ada")["escrow"] == 60
        assert kit.coins.audit().ok
        kit.coins.spend("ada", 15, idempotency_key="s")
        assert kit.coins.settle(hold.id, 45).settled == 45
        assert kit.coins.audit().ok
