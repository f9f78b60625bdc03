"""Contract of ``PlainPostings``: whichever road a transfer takes, it ends in the same state."""
# ruff: noqa: S101 - numbers are the point of a test, assert is its voice

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import habitkit.testing
from habitkit.errors import HabitKitError
from habitkit.events import CoinsPosted
from habitkit.reactions import on
from habitkit.testing.contracts._facts import events_of
from habitkit.testing.contracts._frame import Contract
from habitkit.testing.contracts._ledger_facts import LARGEST, balances_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from habitkit.store import Store
    from habitkit.testing import TestKit

__all__ = ["PlainCases"]


class PlainCases(Contract):
    """Part of ``CoinsContract``: a reaction to every posting closes the plain road."""

    def test_the_plain_road_and_the_long_one_end_in_the_same_state(self, store: Store) -> None:
        watched: list[object] = []
        reactions = [on(CoinsPosted, lambda tx, owner, events: watched.append((tx, owner, events)))]

        plain = _live(habitkit.testing.kit(store=store), "plain")
        long = _live(habitkit.testing.kit(store=store, reactions=reactions), "long")

        assert watched
        assert plain == long
        kit = habitkit.testing.kit(store=store)
        while kit.sweep().more:
            pass
        assert kit.coins.audit().findings == ()
        assert balances_of(store, "plain/ada") == balances_of(store, "long/ada")


def _live(kit: TestKit, prefix: str) -> list[Any]:
    """Do all that a transfer may come to, with owners of a name of its own; return what is seen."""
    ada, bob, max_ = (f"{prefix}/{name}" for name in ("ada", "bob", "max"))
    seen: list[Any] = []

    def do(call: Callable[..., Any], *args: Any, key: str, **more: Any) -> None:
        try:
            done = call(*args, idempotency_key=key, **more)
        except HabitKitError as error:
            seen.append((type(error), getattr(error, "differing", None)))
        else:
            seen.append((done.kind, done.amount, done.memo, done.metadata, done.at))

    coins = kit.coins
    for _ in range(2):
        do(coins.award, ada, 30, key="a1")
        do(coins.award, ada, 30, key="a2", memo="hi", metadata={"n": [1, None, "é"]})
        do(coins.award, ada, 31, key="a2")
        do(coins.award, max_, LARGEST, key="m1")
        do(coins.award, max_, 1, key="m2")
        do(coins.spend, ada, 5, key="s1", memo="hat")
        do(coins.spend, ada, 6, key="s1", memo="hat")
        do(coins.spend, ada, 1000, key="s2")
        do(coins.spend, bob, 1, key="s1")
        do(coins.transfer, ada, bob, 7, key="t1")
        do(coins.transfer, ada, bob, 8, key="t2", memo="to bob")
        do(coins.transfer, bob, ada, 3, key="t1")
        do(coins.transfer, ada, max_, 1, key="t3")
        do(coins.transfer, ada, bob, 1000, key="t4")
        kit.clock.advance(hours=-1)
    coins.open(bob, floor=-5)
    do(coins.spend, bob, 17, key="s3")
    do(coins.spend, bob, 1, key="s4")
    for owner in (ada, bob, max_):
        history = coins.history(owner, limit=1000)
        seen += [(e.seq, e.kind, e.amount, e.balance, e.at, e.memo, e.metadata) for e in history]
        for event in events_of(kit, owner):
            fields = {name: value for name, value in event.fields.items() if name != "transfer_id"}
            seen.append((event.rev, event.position, event.type, event.at, fields))
    return seen
