"""Expiring awards against single coins: whatever happens in whatever order, with and without sweep."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID

import hypothesis
from hypothesis import strategies as st

import habitkit.testing
from habitkit.backends.memory import MemoryStore
from habitkit.coins import (
    AlreadyReversed,
    BatchRefused,
    ExpiringCoins,
    InsufficientFunds,
    InvalidAmount,
    Posting,
)
from habitkit.testing import TestKit
from habitkit.testing.contracts._sample_ledger import sum_of_all
from tests.kit.coins.tokens import Coin, Tokens

HOUR = timedelta(hours=1)

amounts = st.integers(1, 9)
steps = st.one_of(
    st.tuples(st.just("award"), amounts, st.just(0)),
    st.tuples(st.just("expiring"), amounts, st.integers(1, 6)),
    st.tuples(st.just("batch"), amounts, st.integers(1, 6)),
    st.tuples(st.just("spend"), amounts, st.just(0)),
    st.tuples(st.just("transfer"), amounts, st.just(0)),
    st.tuples(st.just("reserve"), amounts, st.integers(1, 5)),
    st.tuples(st.just("end"), st.integers(0, 5), st.integers(0, 9)),
    st.tuples(st.just("reverse"), st.integers(0, 9), amounts),
    st.tuples(st.just("wait"), st.integers(1, 3), st.just(0)),
    st.tuples(st.just("sweep"), st.just(0), st.just(0)),
)


class Play:
    """The same steps on a kit and on single coins."""

    def __init__(self, kit: TestKit) -> None:
        self.kit = kit
        self.tokens = Tokens()
        self.made: list[tuple[UUID, str, Coin]] = []
        self.holds: list[UUID] = []
        self.lapse_at: dict[UUID, datetime] = {}
        self.n = 0
        self.seen: dict[datetime, int] = {}
        kit.coins.set_floor("ada", floor=-5)

    def expire(self) -> None:
        """End holds and coins, as time does it."""
        now = self.kit.clock.now()
        for hold, at in sorted(self.lapse_at.items(), key=lambda item: (item[1], item[0])):
            if at <= now:
                self.release(hold, 0)
        self.tokens.expire(now)

    def release(self, hold: UUID, settled: int) -> None:
        name = str(hold)
        self.tokens.give_back(name, len(self.tokens.taken[name]) - settled)
        del self.lapse_at[hold]
        self.holds.remove(hold)

    def step(self, kind: str, a: int, b: int) -> None:
        getattr(self, f"do_{kind}")(f"k{self.n}", a, b)
        self.n += 1

    def do_award(self, key: str, amount: int, _: int) -> None:
        done = self.kit.coins.award("ada", amount, idempotency_key=key)
        self.tokens.gain([None] * amount)
        self.made.append((done.id, "", None))

    def do_expiring(self, key: str, amount: int, hours: int) -> None:
        until = self.kit.clock.now() + hours * HOUR
        done = self.kit.coins.award("ada", amount, idempotency_key=key, expires_at=until)
        coin = (until, self.n)
        self.tokens.gain([coin] * amount)
        self.made.append((done.id, "", coin))

    def do_batch(self, key: str, amount: int, hours: int) -> None:
        until = self.kit.clock.now() + hours * HOUR
        batch = [Posting.award("ada", amount, expires_at=until), Posting.spend("ada", amount)]
        try:
            made = self.kit.coins.post_many(batch, idempotency_key=key)
        except BatchRefused:
            assert self.tokens.balance < -5
            return
        assert self.tokens.balance >= -5
        coin = (until, self.n)
        self.tokens.gain([coin] * amount)
        self.tokens.spend(str(made[1].id), amount)
        self.made += [(made[0].id, "", coin), (made[1].id, str(made[1].id), None)]

    def _take(self, amount: int, act: Callable[[], Any]) -> UUID | None:
        try:
            done = act()
        except InsufficientFunds:
            assert self.tokens.balance - amount < -5
            return None
        assert self.tokens.balance - amount >= -5
        taken: UUID = done.id
        self.tokens.spend(str(taken), amount)
        return taken

    def do_spend(self, key: str, amount: int, _: int) -> None:
        act = partial(self.kit.coins.spend, "ada", amount, idempotency_key=key)
        if done := self._take(amount, act):
            self.made.append((done, str(done), None))

    def do_transfer(self, key: str, amount: int, _: int) -> None:
        act = partial(self.kit.coins.transfer, "ada", "bob", amount, idempotency_key=key)
        if done := self._take(amount, act):
            self.made.append((done, str(done), None))

    def do_reserve(self, key: str, amount: int, hours: int) -> None:
        act = partial(
            self.kit.coins.reserve,
            "ada",
            amount,
            idempotency_key=key,
            expires_in_seconds=3600 * hours,
        )
        if done := self._take(amount, act):
            self.holds.append(done)
            self.lapse_at[done] = self.kit.clock.now() + hours * HOUR

    def do_end(self, _: str, which: int, settled: int) -> None:
        if which >= len(self.holds):
            return
        hold = self.holds[which]
        settled = min(settled, len(self.tokens.taken[str(hold)]))
        if settled:
            ended = self.kit.coins.settle(hold, settled)
            assert ended.settlement_id is not None
            self.made.append((ended.settlement_id, str(hold), None))
        else:
            self.kit.coins.release(hold)
        self.release(hold, settled)

    def do_reverse(self, key: str, which: int, amount: int) -> None:
        if which >= len(self.made):
            return
        transfer_id, name, coin = self.made[which]
        try:
            done = self.kit.coins.reverse(transfer_id, amount, idempotency_key=key)
        except (AlreadyReversed, InvalidAmount):
            return
        if name:
            self.tokens.give_back(name, done.amount)
        else:
            self.tokens.take_back(done.amount, coin)

    def do_wait(self, _: str, hours: int, __: int) -> None:
        self.kit.clock.advance(hours=hours)

    def do_sweep(self, _: str, __: int, ___: int) -> None:
        self.kit.sweep()
        assert self.kit.sweep().counts["expired_awards"] == 0

    def check(self) -> None:
        """Compare what everybody can read."""
        kit, tokens = self.kit, self.tokens
        pending = sum(len(tokens.taken[str(hold)]) for hold in self.holds)
        balance = kit.coins.balance("ada")
        assert (balance.posted - balance.pending, balance.pending) == (tokens.balance, pending)
        assert balance.available == max(tokens.balance + 5, 0)
        self.seen[kit.clock.now()] = balance.posted
        assert kit.coins.expiring("ada") == [
            ExpiringCoins(amount, end) for end, amount in tokens.left().items()
        ]


@hypothesis.settings(max_examples=80, deadline=None)
@hypothesis.given(st.lists(steps, max_size=25))
def test_what_is_left_of_awards_is_what_single_coins_are_left(steps):
    store = MemoryStore()
    kit = habitkit.testing.kit(store=store)
    play = Play(kit)

    for kind, a, b in steps:
        play.step(kind, a, b)
        play.expire()
        play.check()

    kit.sweep()
    play.check()
    if not any(kind == "reserve" for kind, *_ in steps):
        assert play.seen == {at: kit.coins.balance("ada", as_of=at).posted for at in play.seen}
    assert kit.coins.audit().ok, kit.coins.audit().findings
    assert sum_of_all(store, "ada", "bob") == 0
