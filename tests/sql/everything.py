"""A kit that writes of everything, and all that a kit shows of it."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from functools import partial
from inspect import isawaitable
from typing import Any

from habitkit import DayClock, FreezeRule, Goal, OfflineCheckIn, Schedule
from habitkit.events import Recorded
from habitkit.transaction import Transaction
from tests.sql.extremes import FIELDS, FIRST, LARGEST, NOW, TEXTS

ENDS_OF_TIME = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)


async def done(result: Any) -> Any:
    """Return what a call of a kit of either kind comes to."""
    return await result if isawaitable(result) else result


async def live(kit: Any, clock: Any) -> None:
    """Let a kit write of everything, for three weeks."""
    coins, habits_ = kit.coins, kit.habits
    await done(habits_.travel("ada", "Pacific/Kiritimati", at=NOW - timedelta(days=36_000)))
    for n, (schedule, more) in enumerate(HABITS):
        made = await done(
            habits_.create("ada", f"habit {n}", schedule, idempotency_key=f"{n}", **more)
        )
        if n % 2 == 0:
            noted = await done(habits_.check_in(made.id, amount=1e308, note=TEXTS[-1]))
            await done(habits_.edit(noted.id, amount=Decimal("1E-324") if n else 1, note=""))
    (plain, *_, last) = await done(habits_.list("ada"))
    await done(habits_.pause(last.id, date.max))
    await done(habits_.check_in_many([OfflineCheckIn(plain.id, NOW.date(), note=t) for t in TEXTS]))
    undone_ = await done(habits_.check_in(plain.id, idempotency_key="undone"))
    await done(habits_.undo(undone_.id))
    clock.advance(days=9)
    await done(kit.sweep())

    await done(coins.award("dan", LARGEST, idempotency_key="all", memo=""))
    await done(coins.award("ada", 1000, idempotency_key="some", memo=TEXTS[-1], metadata={}))
    await done(coins.transfer("ada", "bob", 7, idempotency_key="t", metadata=FIELDS))
    back = await done(coins.award("ada", 3, idempotency_key="wrong"))
    await done(coins.reverse(back.id, idempotency_key="right"))
    await done(coins.set_floor("bob", floor=-LARGEST - 1))
    for n, seconds in enumerate([None, 366 * 86_400, 0.001, 86_400]):
        key = f"hold {n}"
        held = await done(
            coins.reserve("ada", 5 + n, idempotency_key=key, expires_in_seconds=seconds)
        )
        if n == 3:
            await done(coins.settle(held.id, 1))
    clock.advance(days=9)
    await done(kit.sweep())

    for n, at in enumerate((FIRST, None)):
        record = partial(kit.events.record, "ada", "noted", FIELDS, at=at)
        await done(record(idempotency_key=f"noted {n}"))
    await done(kit.run(send))
    clock.advance(days=3)


HABITS: list[tuple[Schedule, dict[str, Any]]] = [
    (Schedule.daily(), {}),
    (Schedule.daily(), {}),
    (Schedule.quota(3), {}),
    (Schedule.daily(), {"goal": Goal.at_least(1e308, "km")}),
    (Schedule.daily(), {"freezes": FreezeRule(1, 100), "tags": ["é", "NULL"]}),
    (Schedule.daily(), {"goal": Goal.avoid()}),
    (Schedule.every(2, anchor="last_done"), {"clock": DayClock("Asia/Tokyo", time(23, 59, 59, 9))}),
    (Schedule.rolling(1, 7), {"goal": Goal.at_least(5e-324)}),
    (Schedule.daily(), {"goal": Goal.at_most(0)}),
]


def send(tx: Transaction) -> None:
    """Leave messages for an owner."""
    for n, at in enumerate((FIRST, tx.now)):
        tx.send(Recorded("cleo", at, "noted", FIELDS), f"{n} {TEXTS[-1]}")


async def seen(kit: Any) -> dict[str, Any]:
    """Return all that a kit shows."""
    coins, streaks = kit.coins, kit.streaks
    contents: dict[str, Any] = {"habits": await done(kit.habits.list("ada"))}
    for habit in contents["habits"]:
        contents[habit.title] = [
            await done(streaks.state(habit.id)),
            await done(streaks.history(habit.id, date.min, date.max)),
            await done(streaks.done_days(habit.id, date.min, date.max)),
            await done(streaks.runs(habit.id)),
            await done(streaks.explain(habit.id, NOW.date())),
        ]
    for owner in ("ada", "bob", "cleo", "dan"):
        contents[f"coins of {owner}"] = [
            await done(coins.export(owner)),
            await done(coins.balance(owner)),
            *[await done(coins.holds(owner, ended=ended)) for ended in (False, True)],
            await done(coins.head(owner)),
        ]
        contents[f"events of {owner}"] = await done(kit.events.page(owner, limit=1000))
    contents["ends of time"] = [
        (await done(coins.balance("ada", as_of=end))).posted for end in ENDS_OF_TIME
    ]
    contents["audit"] = await done(coins.audit())
    contents["search"] = await done(kit.habits.search("ada", "habit"))
    return contents
