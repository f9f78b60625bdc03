"""Actions of six owners who have to do with each other, for trials that many of them run in at
once."""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from uuid import UUID

from habitkit import AsyncHabitKit, OfflineCheckIn, Schedule, on
from habitkit.coins import CoinsPosted, Posting
from habitkit.coins import service as coins
from habitkit.errors import Refused
from habitkit.events import Recorded
from habitkit.testing import FakeClock
from habitkit.transaction import Transaction

OWNERS = ("ada", "bob", "cleo", "dan", "eve", "fay")
SHARED_KEYS = 4
"""So few keys do messages have that one is often sent while it is applied."""

Habits = dict[str, UUID]
Work = Callable[[AsyncHabitKit, Habits, random.Random, str], Awaitable[object]]


async def transfer(kit: AsyncHabitKit, _: Habits, chance: random.Random, key: str) -> None:
    source, target = chance.sample(OWNERS, 2)
    await kit.coins.transfer(source, target, 1, idempotency_key=key, memo="thank you")


async def there_and_back(kit: AsyncHabitKit, _: Habits, chance: random.Random, key: str) -> None:
    first, second = chance.sample(OWNERS, 2)

    def work(tx: Transaction) -> None:
        coins.transfer(tx, first, second, 2, idempotency_key=f"{key} there")
        coins.transfer(tx, second, first, 1, idempotency_key=f"{key} back")

    await kit.run(work)


async def reverse(kit: AsyncHabitKit, _: Habits, chance: random.Random, key: str) -> None:
    source, target = chance.sample(OWNERS, 2)
    done = await kit.coins.transfer(source, target, 3, idempotency_key=key)
    await kit.coins.reverse(done.id, idempotency_key=key)


async def post_many(kit: AsyncHabitKit, _: Habits, chance: random.Random, key: str) -> None:
    first, second, third = chance.sample(OWNERS, 3)
    batch = [
        Posting.transfer(first, second, 1, memo=key),
        Posting.spend(third, 1),
        Posting.transfer(third, first, 1),
        Posting.award(second, 1),
    ]
    await kit.coins.post_many(batch, idempotency_key=key)


async def check_in(kit: AsyncHabitKit, habits: Habits, chance: random.Random, _: str) -> None:
    done = await kit.habits.check_in(habits[chance.choice(OWNERS)])
    if chance.random() < 0.1:
        await kit.habits.undo(done.id)


async def check_in_many(
    kit: AsyncHabitKit, habits: Habits, chance: random.Random, key: str
) -> None:
    owners = chance.sample(OWNERS, 4)
    await kit.habits.check_in_many(
        [OfflineCheckIn(habits[owner], idempotency_key=f"{key} {owner}") for owner in owners]
    )


async def hold(kit: AsyncHabitKit, _: Habits, chance: random.Random, key: str) -> None:
    made = await kit.coins.reserve(
        chance.choice(OWNERS), 2, idempotency_key=key, expires_in_seconds=3600
    )
    how = chance.randrange(3)
    if how == 0:
        await kit.coins.settle(made.id, 1)
    elif how == 1:
        await kit.coins.release(made.id)


async def sweep(kit: AsyncHabitKit, _: Habits, __: random.Random, ___: str) -> None:
    await kit.sweep(10)


async def forget(kit: AsyncHabitKit, _: Habits, chance: random.Random, __: str) -> None:
    await kit.coins.forget(chance.choice(OWNERS))


ACTIONS: Sequence[Work] = (
    transfer,
    transfer,
    there_and_back,
    reverse,
    post_many,
    check_in,
    check_in,
    check_in_many,
    hold,
    hold,
    sweep,
    forget,
)


def thank(tx: Transaction, owner: str, events: Sequence[CoinsPosted]) -> None:
    """Leave a message for the next owner, whose key others have used too."""
    for event in events:
        if event.kind == "transfer":
            receiver = OWNERS[(OWNERS.index(owner) + 1) % len(OWNERS)]
            thanks = Recorded(receiver, tx.now, "thanks", {})
            tx.send(thanks, key=f"thanks {event.transfer_id.int % SHARED_KEYS}")


def pass_on(tx: Transaction, owner: str, events: Sequence[Recorded]) -> None:
    """Reward who is thanked, and leave a message for another owner."""
    for event in events:
        if event.name == "thanks":
            coins.award(tx, owner, 1, idempotency_key=str(tx.new_id()))
            receiver = OWNERS[(OWNERS.index(owner) + 3) % len(OWNERS)]
            tx.send(
                Recorded(receiver, tx.now, "passed on", {}),
                key=f"from {owner} {tx.now.minute % SHARED_KEYS}",
            )


async def do(kit: AsyncHabitKit, habits: Habits, number: int) -> str:
    """Do the action of a number; return what it is called."""
    chance = random.Random(number)
    act = chance.choice(ACTIONS)
    with suppress(Refused):  # a wallet may be empty
        await act(kit, habits, chance, f"action {number}")
    return act.__name__


async def do_all(
    kit: AsyncHabitKit, habits: Habits, clock: FakeClock, numbers: Sequence[int]
) -> None:
    """Do the actions of some numbers one after the other."""
    for number in numbers:
        await do(kit, habits, number)
        clock.advance(minutes=17)


async def begin(kit: AsyncHabitKit) -> Habits:
    """Give each owner coins and a habit."""
    habits = {}
    for owner in OWNERS:
        await kit.coins.award(owner, 1000, idempotency_key="welcome")
        habits[owner] = (await kit.habits.create(owner, "Run", Schedule.daily())).id
    return habits


REACTIONS = [on(CoinsPosted, thank), on(Recorded, pass_on)]
