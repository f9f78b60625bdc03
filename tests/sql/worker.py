"""A process that works on a ledger until it is done or killed: ``python worker.py URL NOW JOB ...``.

It opens the store, says ``ready``, waits for a line, and does its job:

    steps FIRST LAST    do the steps of the plan from FIRST up to LAST, saying ``committing`` before
                        each COMMIT of the database and ``done N`` after each step
    buy HOW OWNER N     spend, transfer, reserve or post 10 coins of an owner's; says ``bought`` or
                        ``refused``
"""

from __future__ import annotations

import sys
from typing import Any

from sqlalchemy import event

from habitkit import HabitKit
from habitkit.testing import FakeClock
from tests.sql.buying import buy
from tests.sql.ledger import step


def say(what: str) -> None:
    sys.stdout.write(f"{what}\n")
    sys.stdout.flush()


def main(url: str, now: str, job: str, *args: str) -> None:
    with HabitKit.open(url, clock=FakeClock(now)) as kit:
        say("ready")
        sys.stdin.readline()
        if job == "buy":
            how, owner, number = args
            say(buy(kit, how, owner, number))
        else:
            steps(kit, int(args[0]), int(args[1]))


def steps(kit: HabitKit, first: int, last: int) -> None:
    store: Any = kit._runner.store
    event.listen(store._engine, "commit", lambda _: say("committing"))
    for number in range(first, last):
        step(kit, number)
        say(f"done {number}")


if __name__ == "__main__":
    main(*sys.argv[1:])
