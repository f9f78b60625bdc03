"""A process that works on a ledger until it is done or killed: ``python worker.py COLOUR URL NOW JOB ...``.

It opens the store for a kit that is ``sync`` or ``async``, says ``ready``, waits for a line, and does its job:

    steps FIRST LAST    do the steps of the plan from FIRST up to LAST, saying ``committing`` before
                        each COMMIT of the database and ``done N`` after each step
    buy HOW OWNER N     spend, transfer, reserve or post 10 coins of an owner's; says ``bought`` or
                        ``refused``
"""

from __future__ import annotations

import asyncio
import sys
from typing import Any

from sqlalchemy import Engine, event

from habitkit import AsyncHabitKit, HabitKit
from habitkit.testing import FakeClock
from tests.sql.buying import buy
from tests.sql.colours import at_once, awaited
from tests.sql.steps import step


def say(what: str) -> None:
    sys.stdout.write(f"{what}\n")
    sys.stdout.flush()


def main(colour: str, url: str, now: str, job: str, *args: str) -> None:
    clock = FakeClock(now)
    if colour == "sync":
        with HabitKit.open(url, clock=clock) as kit:
            store: Any = kit._runner.store
            at_once(work, awaited(kit), store._engine, job, args)
    else:
        asyncio.run(as_async(url, clock, job, args))


async def as_async(url: str, clock: FakeClock, job: str, args: tuple[str, ...]) -> None:
    async with await AsyncHabitKit.open(url, clock=clock) as kit:
        store: Any = kit._runner.store
        engine = store._store._engine if url.startswith("sqlite") else store._engine.sync_engine
        await work(kit, engine, job, args)


async def work(kit: AsyncHabitKit, engine: Engine, job: str, args: tuple[str, ...]) -> None:
    say("ready")
    sys.stdin.readline()
    if job == "buy":
        say(await buy(kit, *args))
        return
    event.listen(engine, "commit", lambda _: say("committing"))
    first, last = map(int, args)
    for number in range(first, last):
        await step(kit, number)
        say(f"done {number}")


if __name__ == "__main__":
    main(*sys.argv[1:])
