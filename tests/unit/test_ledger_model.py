"""The ledger against a naive model of it: whatever is done, both hold the same coins."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import hypothesis
import pytest
from attrs import define, evolve, field
from hypothesis import strategies as st

import habitkit.testing
from habitkit import Posting
from habitkit.coins import (
    AlreadyReversed,
    BatchRefused,
    HoldEnded,
    InsufficientFunds,
    InvalidAmount,
)
from habitkit.errors import Refused

NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)
OWNERS = ("ada", "bob", "cyd")
REVERSIBLE = {"award", "spend", "transfer"}


@define
class Held:
    """What the model knows of a hold."""

    owner: str
    amount: int
    until: datetime | None
    state: str = "open"

    def lapsed(self, now: datetime) -> bool:
        return self.state == "open" and self.until is not None and self.until <= now


@define
class Model:
    """Three numbers and two lists, and no idea of accounts, entries or locks."""

    now: datetime = NOW
    coins: dict[str, int] = field(factory=lambda: dict.fromkeys(OWNERS, 0))
    holds: list[Held] = field(factory=list)
    done: list[tuple[str, str, str, int]] = field(factory=list)
    taken_back: dict[int, int] = field(factory=dict)
    changes: list[tuple[datetime, str, int]] = field(factory=list)

    def lapse(self) -> None:
        for hold in self.holds:
            if hold.lapsed(self.now):
                hold.state = "expired"
                self.coins[hold.owner] += hold.amount

    def take(self, owner: str, amount: int) -> None:
        self.lapse()
        if self.coins[owner] < amount:
            raise InsufficientFunds(
                owner=owner, currency="coin", balance=self.coins[owner], floor=0, amount=amount
            )
        self.coins[owner] -= amount

    def post(self, kind: str, source: str, target: str, amount: int, seconds: int = 0) -> None:
        """Move coins, so many seconds ago."""
        at = self.now - seconds * SECOND
        if kind != "award":
            self.take(source, amount)
            self.changes.append((at, source, -amount))
        if kind != "spend":
            self.coins[target] += amount
            self.changes.append((at, target, amount))

    def reverse(self, number: int, wanted: int | None) -> None:
        kind, source, target, whole = self.done[number]
        if wanted is not None and wanted > whole:
            raise InvalidAmount("amount", given=wanted, expected="less")
        left = whole - self.taken_back.get(number, 0)
        amount = left if wanted is None else wanted
        if not 0 < amount <= left:
            raise AlreadyReversed(transfer_id=NOBODY, reversal_id=NOBODY, left=left)
        self.taken_back[number] = whole - left + amount
        if kind != "award":
            self.coins[source] += amount
        if kind != "spend":
            self.coins[target] -= amount

    def balance(self, owner: str) -> tuple[int, int]:
        self.lapse()
        pending = sum(h.amount for h in self.holds if h.owner == owner and h.state == "open")
        return self.coins[owner] + pending, pending


NOBODY: Any = None
owners, amounts, which = st.sampled_from(OWNERS), st.integers(1, 9), st.integers(0, 50)
pairs = st.permutations(OWNERS)
postings = st.one_of(
    st.builds(Posting.award, owners, amounts),
    st.builds(Posting.spend, owners, amounts),
    st.builds(lambda order, amount: Posting.transfer(order[0], order[1], amount), pairs, amounts),
)
steps = st.one_of(
    st.tuples(st.just("post"), postings),
    st.tuples(st.just("batch"), st.lists(postings, min_size=1, max_size=4)),
    st.tuples(st.just("reserve"), st.tuples(owners, amounts, st.sampled_from([None, 1, 3, 10]))),
    st.tuples(st.just("settle"), st.tuples(which, st.none() | amounts)),
    st.tuples(st.just("release"), which),
    st.tuples(st.just("reverse"), st.tuples(which, st.none() | amounts)),
    st.tuples(st.just("earlier"), st.tuples(postings, st.integers(0, 30))),
    st.tuples(st.just("wait"), st.integers(1, 5)),
    st.tuples(st.just("sweep"), st.integers(1, 3)),
)


class Both:
    """A kit and the model, to which the same things happen."""

    def __init__(self) -> None:
        self.kit = habitkit.testing.kit(NOW)
        self.model = Model()
        self.posted: list[Any] = []
        self.reserved: list[Any] = []
        self.seen: list[tuple[datetime, str, tuple[int, int]]] = []
        self.count = 0

    def key(self) -> str:
        self.count += 1
        return str(self.count)

    def step(self, name: str, what: Any) -> None:
        getattr(self, name)(what)
        for owner in OWNERS:
            balance = self.kit.coins.balance(owner)
            expected = self.model.balance(owner)
            assert (balance.posted, balance.pending) == expected
            assert balance.available == max(expected[0] - expected[1], 0)
            self.seen.append((self.model.now, owner, expected))
        self.wait(1)

    def same(self, act: Any, expect: Any) -> Any:
        """Do it in both, and be refused by both or by none, for the same reason."""
        outcomes: list[Any] = []
        for call in (act, expect):
            try:
                outcomes.append(call())
            except (Refused, InvalidAmount) as refusal:
                outcomes.append(refusal)
        real, expected = outcomes
        refusals = [type(each) for each in outcomes if isinstance(each, Exception)]
        assert refusals in ([], [type(expected)] * 2), outcomes
        if isinstance(real, BatchRefused) and isinstance(expected, BatchRefused):
            assert real.index == expected.index
        return None if isinstance(real, Exception) else real

    def post(self, posting: Posting) -> None:
        kind, source, target, amount = _plain(posting)
        parties = (source, target) if kind == "transfer" else (source,)
        call = getattr(self.kit.coins, kind)
        done = self.same(
            lambda: call(*parties, amount, idempotency_key=self.key()),
            lambda: self.model.post(*_plain(posting)),
        )
        if done:
            self.posted.append(done.id)
            self.model.done.append(_plain(posting))

    def earlier(self, what: tuple[Posting, int]) -> None:
        """Post what happened some seconds ago, and correct what was seen since then."""
        posting, seconds = what
        kind, source, target, amount = _plain(posting)
        at = self.model.now - seconds * SECOND
        begun = len(self.model.changes)
        if source == target and kind == "transfer":
            return
        dated = evolve(posting, at=at)
        done = self.same(
            lambda: self._alone(dated),
            lambda: self.model.post(kind, source, target, amount, seconds),
        )
        if not done:
            return
        assert done.at == at
        self.posted.append(done.id)
        self.model.done.append(_plain(posting))
        for _, of, change in self.model.changes[begun:]:
            self.seen = [
                (when, owner, (posted + change, pending) if owner == of and when >= at else both)
                for when, owner, both in self.seen
                for posted, pending in [both]
            ]

    def _alone(self, posting: Posting) -> Any:
        kind, source, target, amount = _plain(posting)
        parties = (source, target) if kind == "transfer" else (source,)
        call = getattr(self.kit.coins, kind)
        return call(*parties, amount, at=posting.at, idempotency_key=self.key())

    def batch(self, batch: list[Posting]) -> None:
        def expected() -> None:
            self.model.lapse()
            before = dict(self.model.coins)
            for index, posting in enumerate(batch):
                try:
                    self.model.post(*_plain(posting))
                except InsufficientFunds as reason:
                    self.model.coins = before
                    raise BatchRefused(index=index, reason=reason) from None

        key = self.key()
        done = self.same(lambda: self.kit.coins.post_many(batch, idempotency_key=key), expected)
        if done:
            assert self.kit.coins.post_many(batch, idempotency_key=key) == done
            self.posted += [each.id for each in done]
            self.model.done += map(_plain, batch)

    def reserve(self, what: tuple[str, int, int | None]) -> None:
        owner, amount, seconds = what
        hold = self.same(
            lambda: self.kit.coins.reserve(
                owner, amount, expires_in_seconds=seconds, idempotency_key=self.key()
            ),
            lambda: self.model.take(owner, amount),
        )
        if hold:
            until = None if seconds is None else self.model.now + seconds * SECOND
            self.reserved.append(hold.id)
            self.model.holds.append(Held(owner, amount, until))
            assert hold.expires_at == until

    def settle(self, what: tuple[int, int | None]) -> None:
        number, amount = what
        self._end(number, "settled", amount)

    def release(self, number: int) -> None:
        self._end(number, "released", 0)

    def _end(self, number: int, state: str, amount: int | None) -> None:
        if not self.reserved:
            return
        number %= len(self.reserved)
        held, hold_id = self.model.holds[number], self.reserved[number]
        if held.state == state:
            return  # saying the same again is tested elsewhere
        spent = held.amount if amount is None else amount

        def expected() -> None:
            if spent > held.amount:
                raise InvalidAmount("amount", given=spent, expected="less")
            self.model.lapse()
            if held.state != "open":
                raise HoldEnded(hold_id=hold_id, state=held.state, settled=0)
            held.state = state
            self.model.coins[held.owner] += held.amount - spent

        coins = self.kit.coins
        self.same(
            lambda: coins.settle(hold_id, amount) if state == "settled" else coins.release(hold_id),
            expected,
        )

    def reverse(self, what: tuple[int, int | None]) -> None:
        number, amount = what
        if self.posted:
            number %= len(self.posted)
            self.same(
                lambda: self.kit.coins.reverse(
                    self.posted[number], amount, idempotency_key=self.key()
                ),
                lambda: self.model.reverse(number, amount),
            )

    def wait(self, seconds: int) -> None:
        self.kit.clock.advance(seconds=seconds)
        self.model.now += seconds * SECOND

    def sweep(self, limit: int) -> None:
        self.kit.sweep(limit)

    def check_the_end(self) -> None:
        """Nothing is lost, the past is as it was seen, and the books are in order."""
        for _ in range(2):
            for at, owner, expected in self.seen:
                found = self.kit.coins.balance(owner, as_of=at)
                assert (found.posted, found.pending) == expected
            report = self.kit.coins.audit()
            assert report.findings == ()
            while self.kit.sweep().more:
                pass
        for owner in OWNERS:
            open_holds = self.kit.coins.holds(owner, limit=1000)
            expected_ids = [
                hold_id
                for hold_id, held in zip(self.reserved, self.model.holds, strict=True)
                if held.owner == owner and held.state == "open"
            ]
            assert [hold.id for hold in open_holds] == expected_ids
            history = self.kit.coins.statement(owner, limit=1000)
            assert sum(entry.amount for entry in history) == self.model.coins[owner]


def _plain(posting: Posting) -> tuple[str, str, str, int]:
    return posting.kind, posting.source, posting.target, posting.amount


def live(script: list[tuple[str, Any]]) -> None:
    both = Both()
    for name, what in script:
        both.step(name, what)
    both.model.lapse()
    both.check_the_end()


@hypothesis.settings(max_examples=60, deadline=None)
@hypothesis.given(st.lists(steps, min_size=5, max_size=40))
def test_after_random_histories_the_ledger_equals_a_naive_model(script):
    live(script)


@pytest.mark.slow
@hypothesis.settings(max_examples=2_000, deadline=None)
@hypothesis.given(st.lists(steps, min_size=20, max_size=100))
def test_after_long_random_histories_the_ledger_equals_a_naive_model(script):
    live(script)
