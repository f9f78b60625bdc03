"""What a process does that works on a ledger until it is done or killed.

It opens the store for a kit that is ``sync`` or ``async``, says ``ready``, waits for a word, and
does its job:

    steps FIRST LAST    do the steps of the plan from FIRST up to LAST, saying ``committing`` before
                        each COMMIT of the database and ``done N`` after each step
    buy HOW OWNER N     spend, transfer, reserve or post 10 coins of an owner's; says ``bought`` or
                        ``refused``
"""

from __future__ import annotations

import asyncio
from typing import Any

from sqlalchemy import Engine, event

from habitkit import AsyncHabitKit, HabitKit
from habitkit.testing import FakeClock
from habitkit.testing._race_worker import Channel
from tests.sql.buying import buy
from tests.sql.coin_plan import step
from tests.sql.kit_modes import at_once, awaited


def at_work(channel: Channel, mode: str, url: str, now: str, job: str, *args: str) -> None:
    clock = FakeClock(now)
    if mode == "sync":
        with HabitKit.open(url, clock=clock) as kit:
            store: Any = kit._runner.store
            at_once(work, channel, awaited(kit), store._engine, job, args)
    else:
        asyncio.run(as_async(channel, url, clock, job, args))


async def as_async(
    channel: Channel, url: str, clock: FakeClock, job: str, args: tuple[str, ...]
) -> None:
    async with await AsyncHabitKit.open(url, clock=clock) as kit:
        store: Any = kit._runner.store
        engine = store._store._engine if url.startswith("sqlite") else store._engine.sync_engine
        await work(channel, kit, engine, job, args)


async def work(
    channel: Channel, kit: AsyncHabitKit, engine: Engine, job: str, args: tuple[str, ...]
) -> None:
    channel.say("ready")
    channel.wait()
    if job == "buy":
        channel.say(await buy(kit, *args))
        return
    event.listen(engine, "commit", lambda _: channel.say("committing"))
    first, last = map(int, args)
    for number in range(first, last):
        await step(kit, number)
        channel.say(f"done {number}")
