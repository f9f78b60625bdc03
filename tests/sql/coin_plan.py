"""A plan of keyed steps that move coins, for trials of the ledger and the processes they start.

It is apart from what checks a ledger, since that brings pytest and hypothesis with it, and a
process that only works would take twice as long to start.
"""

from __future__ import annotations

import random
from typing import Any

from habitkit import AsyncHabitKit
from habitkit.coins import Posting
from habitkit.errors import OutcomeUnknown
from tests.sql.kit_modes import Act

OWNERS = ("ada", "bob", "cleo", "dan")
RICH = 1_000_000
MOST_TRIES = 20


async def step(kit: AsyncHabitKit, number: int) -> None:
    """Do one step of the plan. Done again, it changes nothing; none is ever refused."""
    coins, key = kit.coins, f"step {number}"
    if number < len(OWNERS):
        await coins.award(OWNERS[number], RICH, idempotency_key=key, memo="to begin with")
        return
    chance = random.Random(number)
    source, target = chance.sample(OWNERS, 2)
    amount = chance.randint(1, 100)
    kind = number % 6
    if kind == 0:
        await coins.transfer(source, target, amount, idempotency_key=key)
    elif kind == 1:
        given = await coins.award(source, amount, idempotency_key=key, memo=key)
        await coins.reverse(given.id, idempotency_key=key)
    elif kind == 2:
        hold = await coins.reserve(source, amount, idempotency_key=key)
        await surely(lambda: coins.settle(hold.id, 1))
    elif kind == 3:
        hold = await coins.reserve(source, amount, idempotency_key=key, expires_in_seconds=60)
        await surely(lambda: coins.release(hold.id))
    elif kind == 4:
        batch = [
            Posting.spend(source, amount),
            Posting.transfer(target, source, amount, memo=key),
            Posting.award("eve", amount),
        ]
        await coins.post_many(batch, idempotency_key=key)
    else:
        await coins.spend(source, amount, idempotency_key=key, metadata={"number": number})
        await surely(kit.sweep)


async def surely(act: Act) -> Any:
    """Do what has no key but may be done again, until the outcome is known."""
    for _ in range(MOST_TRIES):
        try:
            return await act()
        except OutcomeUnknown:
            continue
    msg = "the outcome stays unknown"
    raise AssertionError(msg)
