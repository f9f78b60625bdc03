"""Actions of the ledger cancelled at each of their awaits: every coin has moved, or none has."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from sqlalchemy import Engine

import habitkit.testing
from habitkit.backends.sqlalchemy import SqlStore
from habitkit.coins import HoldEnded, Posting
from habitkit.kit import AsyncHabitKit
from tests.sql.ledger import assert_sound
from tests.sql.opened import MOST_AWAITS, cancelled_at
from tests.sql.support import contents

OWNERS = ("ada", "bob")
HELD = 5


async def award(kit: AsyncHabitKit, key: str) -> Any:
    return await kit.coins.award("ada", 1, idempotency_key=key, memo="given")


async def transfer(kit: AsyncHabitKit, key: str) -> Any:
    return await kit.coins.transfer("ada", "bob", 1, idempotency_key=key)


async def post_many(kit: AsyncHabitKit, key: str) -> Any:
    batch = [
        Posting.transfer("ada", "bob", 3),
        Posting.spend("bob", 1),
        Posting.transfer("bob", "ada", 1),
    ]
    return await kit.coins.post_many(batch, idempotency_key=key)


async def reserve(kit: AsyncHabitKit, key: str) -> Any:
    return await kit.coins.reserve("ada", 1, idempotency_key=key)


async def settle(kit: AsyncHabitKit, key: str) -> Any:
    """End the newest of ada's holds; there is one for each key."""
    (hold,) = await kit.coins.holds("ada")
    try:
        return await kit.coins.settle(hold.id, 2)
    except HoldEnded:
        raise AssertionError(key) from None


ACTIONS: dict[str, tuple[Callable[[AsyncHabitKit, str], Awaitable[Any]], dict[str, int]]] = {
    "award": (award, {"ada": 1, "bob": 0}),
    "transfer": (transfer, {"ada": -1, "bob": 1}),
    "post_many": (post_many, {"ada": -2, "bob": 1}),
    "reserve": (reserve, {"ada": 0, "bob": 0}),
    "settle": (settle, {"ada": -2, "bob": 0}),
}

IN_SHORT = ("post_many", "settle")


async def state(kit: AsyncHabitKit) -> dict[str, int]:
    """Return what owners have."""
    return {owner: (await kit.coins.balance(owner)).posted for owner in OWNERS}


@pytest.mark.parametrize(
    ("act", "change"),
    [
        pytest.param(*case, id=name, marks=() if name in IN_SHORT else pytest.mark.slow)
        for name, case in ACTIONS.items()
    ],
)
@pytest.mark.parametrize("connection", ["of the pool", pytest.param("new", marks=pytest.mark.slow)])
async def test_coins_of_an_action_cancelled_at_any_await_have_all_moved_or_none(
    opened, database: Engine, act, change, connection
):
    made = opened()
    kit, sync = made.kit, habitkit.testing.kit(store=SqlStore(database))
    for owner in OWNERS:
        await kit.coins.award(owner, 1000, idempotency_key="all there is")
    kept = n = 0
    for n in range(1, MOST_AWAITS):
        if act is settle and not await kit.coins.holds("ada"):
            await kit.coins.reserve("ada", HELD, idempotency_key=f"held {n}")
        rows, before = contents(database), await state(kit)
        if connection == "new":
            await made.forget_connections()

        was_cancelled = await cancelled_at(n, made, act(kit, str(n)))

        if contents(database) != rows:
            kept += 1
            assert await state(kit) == {owner: before[owner] + change[owner] for owner in OWNERS}
            assert sync.coins.audit().findings == ()
        if not was_cancelled:
            break
    else:
        pytest.fail("the action has no end")

    assert n > 1
    assert kept >= 1, "the last one was not cancelled"
    assert_sound(sync, *OWNERS)
    if act is not settle:
        for again in range(1, n + 1):
            await act(kit, str(again))
        began = {owner: 1000 + n * change[owner] for owner in OWNERS}
        assert await state(kit) == began, "once each, whatever was cancelled"
    assert_sound(sync, *OWNERS)
