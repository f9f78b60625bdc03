"""Values at the edges of every type that stores keep: written through the ports and through a kit."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, date, datetime, time, timedelta
from functools import partial
from inspect import isawaitable
from typing import Any
from uuid import UUID

from attrs import evolve

from habitkit import DayClock, FreezeRule, Goal, OfflineCheckIn, Schedule
from habitkit._codec import plain_object
from habitkit.events import Recorded
from habitkit.habits.facts import (
    CheckIn,
    FreezeGranted,
    Pause,
    ScheduleChanged,
    Skip,
    Void,
    ZoneChanged,
)
from habitkit.habits.model import Habit
from habitkit.journal.model import Answer, Delivery, EventRow, Message, StoredEvent
from habitkit.store import Stores
from habitkit.streaks.model import NO_DAY, Snapshot
from habitkit.testing.contracts._facts import STRANGE_TEXTS
from habitkit.testing.contracts._streak_store import CHECKPOINTS
from habitkit.transaction import Transaction

FIRST = datetime(2, 1, 1, tzinfo=UTC)
LAST = datetime(9998, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC)
NOW = datetime(2026, 1, 1, 8, tzinfo=UTC)
LARGEST = 2**63 - 1
LARGEST_ID = UUID(int=2**128 - 1)

TEXTS = ("", " ", "NULL", "null", "{}", '"', "\\", "\\x00", *STRANGE_TEXTS)
NUMBERS = [
    *(0, -1, LARGEST, -LARGEST - 1, 2**64, 10**300, True),
    *(0.0, -0.0, 0.1, 1 / 3, 5e-324, 2.2250738585072014e-308, 1e15 + 0.5, 1e16, 1e22, 1e308),
    *(1.7976931348623157e308, -1.7976931348623157e308),
]
FIELDS = plain_object(
    {
        "numbers": NUMBERS,
        "texts": list(TEXTS),
        "empty": [None, "", [], {}, False],
        **{text: n for n, text in enumerate(TEXTS)},
    },
    64 * 1024,
)
ENDS_OF_TIME = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)
AMOUNTS = (0, 1, 1.0, 0.1, 5e-324, 2**53 + 2, 1e16, 1e308, 1.7976931348623157e308)
EARLIEST, LATEST_DAY = date(1, 1, 2), date(9999, 12, 30)
DAYS = (EARLIEST, date(1926, 1, 1), date(2000, 2, 29), date(2026, 1, 1), LATEST_DAY)
INSTANTS = (FIRST, NOW - timedelta(microseconds=1), NOW, LAST)


# -- the ports -----------------------------------------------------------------------------------


def habits() -> list[Habit]:
    """Return habits with the ends of what each of their columns takes."""
    goals = (
        *(Goal.done(), Goal.avoid(), Goal.at_least(5e-324), Goal.at_least(1e308, "é", fold="max")),
        *(Goal.at_most(0, unrecorded="exempt"), Goal.between(0.1, 1e16, "km", fold="last")),
    )
    clocks = (
        DayClock(),
        DayClock("Asia/Tokyo", time(23, 59, 59, 999_999), "sun", timedelta(0)),
        DayClock("Africa/Monrovia", time(0, 0, 0, 1), "sat", timedelta(days=1)),
    )
    rules = (None, FreezeRule(1, 1), FreezeRule(100, 100))
    return [
        Habit(
            UUID(int=n) if n else LARGEST_ID,
            "ada",
            text if text.strip() else "title",
            Schedule.daily(),
            clocks[n % 3],
            INSTANTS[n % 4],
            goals[n % 6],
            TEXTS[1:n],
            rules[n % 3],
            (None, 0, 2**31 - 1)[n % 3],
        )
        for n, text in enumerate(TEXTS)
    ]


def check_ins() -> list[CheckIn]:
    """Return check-ins with the ends of what each of their columns takes."""
    return [
        CheckIn(
            UUID(int=100 + n),
            LARGEST_ID,
            "ada",
            DAYS[n % 5],
            INSTANTS[n % 4],
            "America/Argentina/ComodRivadavia",
            None if n == 3 else TEXTS[n],
            "history" if n % 2 else "full",
            TEXTS[n + 1],
            INSTANTS[n % 3],
            amount,
        )
        for n, amount in enumerate(AMOUNTS)
    ]


def other_facts() -> list[Any]:
    """Return facts that are no check-ins, with the ends of the calendar in them."""
    about = (LARGEST_ID, "ada", LAST)
    return [
        Skip(UUID(int=201), *about, date.min),
        Pause(UUID(int=202), *about, date.min, date.max),
        Pause(UUID(int=203), None, "ada", FIRST, date.max, None),
        FreezeGranted(UUID(int=204), *about, date.min, LARGEST, date.max),
        ScheduleChanged(
            UUID(int=205), *about, date.max, Schedule.quota(3), Goal.at_least(1e308, "'")
        ),
        ZoneChanged(UUID(int=206), "ada", FIRST, "Pacific/Kiritimati"),
        Void(UUID(int=207), None, "ada", UUID(int=203), LAST),
    ]


def snapshots() -> list[Snapshot]:
    """Return the snapshots of the first habits."""
    ids = [habit.id for habit in habits()]
    return [
        Snapshot(ids[0], "ada", NO_DAY, b"", 0, LARGEST, FIRST, LAST, CHECKPOINTS),
        Snapshot(ids[1], "ada", EARLIEST, bytes(range(256)), 2**31 - 1, 0, LAST, FIRST),
        Snapshot(ids[2], "ada", LATEST_DAY, b"1" + b"x" * 36_524 + b"\x00", 1, 1),
        Snapshot(ids[3], "ada", NO_DAY, b"", 0, 1),
    ]


def events() -> list[EventRow]:
    """Return events, two to be written alone and some together."""
    return [
        EventRow(LARGEST - n, n, Recorded("ada", at, "a" * 100, FIELDS if n else {}), deliver=True)
        for n, at in enumerate(INSTANTS)
    ]


def messages() -> list[Message]:
    """Return messages, one a text."""
    return [
        Message(UUID(int=300 + n), "ada", text, "noted", INSTANTS[n % 4], FIELDS)
        for n, text in enumerate(TEXTS)
    ]


def answers() -> list[Answer]:
    """Return what idempotency keys were answered with, one a text."""
    request = {f"{n}{text}": text for n, text in enumerate(TEXTS)}
    return [
        Answer("ada", "noted", f"key {text}", request, text, INSTANTS[n % 4])
        for n, text in enumerate(TEXTS)
    ]


def write_ports(stores: Stores) -> None:
    """Write all of it."""
    stores.owners.lock("ada")
    stores.events.append(events()[:1])
    stores.events.append(events()[1:])
    for message in messages():
        assert stores.inbox.add(message)
        stores.inbox.failed(message, message.key)
    for answer in answers():
        stores.answers.put(answer)
    for habit in habits():
        stores.habits.add(habit)
    facts = check_ins()
    stores.habits.add_check_ins(facts[:2])
    stores.habits.add_check_ins(facts[2:])
    for fact, at in zip(facts[::3], INSTANTS, strict=False):
        stores.habits.add_void(Void(UUID(int=fact.id.int + 900), LARGEST_ID, "ada", fact.id, at))
    stores.habits.add_facts(other_facts())
    for snapshot in snapshots():
        stores.streaks.put(snapshot)


def written() -> dict[str, Any]:
    """Return what ``read_ports`` has to find."""
    facts = sorted(check_ins(), key=lambda fact: (fact.day, fact.at, fact.id))
    voided = check_ins()[::3]
    stored = [
        StoredEvent("ada", row.rev, row.position, row.event.type, row.event.at, None, fields(row))
        for row in sorted(events())
    ]
    failed = [evolve(message, attempts=1, error=message.key) for message in messages()]
    return {
        "events": stored,
        "deliveries": [Delivery(event, 1) for event in stored],
        "messages": sorted(failed, key=lambda message: (message.at, message.key)),
        "answers": answers(),
        "habits": sorted(habits(), key=lambda habit: habit.id),
        "live": [fact for fact in facts if fact not in voided],
        "since": [fact for fact in facts if fact not in voided and fact.day >= DAYS[1]],
        "voided": list(zip(voided, INSTANTS, strict=False)),
        "facts": other_facts(),
        "notes": sorted(f.note for f in facts if f.note is not None and f not in voided),
        "snapshots": snapshots(),
        "due": [("ada", snapshots()[1].habit_id), ("ada", snapshots()[0].habit_id)],
    }


def fields(row: EventRow) -> Any:
    event: Any = row.event
    return event.fields


def read_ports(stores: Stores) -> dict[str, Any]:
    """Read all of it, and leave it as it was."""
    with undone(stores):
        deliveries = stores.outbox.claim(LAST, LAST, 100)
    voided = stores.habits.voided(LARGEST_ID)
    assert sorted(stores.habits.voided(LARGEST_ID, EARLIEST), key=by_id) == sorted(
        voided, key=by_id
    )
    every = stores.habits.live(LARGEST_ID)
    recent = stores.habits.recent({LARGEST_ID: None})
    assert sorted(recent, key=lambda fact: fact.id) == sorted(every, key=lambda fact: fact.id)
    return {
        "events": stores.events.page("ada", None, 100),
        "deliveries": sorted(deliveries, key=lambda each: each.event.rev),
        "messages": stores.inbox.waiting("ada", 100),
        "answers": [stores.answers.get("ada", "noted", f"key {text}") for text in TEXTS],
        "habits": stores.habits.of_owner("ada", None, 100),
        "live": every,
        "since": stores.habits.live(LARGEST_ID, DAYS[1]),
        "voided": sorted(voided, key=by_id),
        "facts": sorted(stores.habits.facts("ada"), key=lambda fact: fact.id),
        "notes": sorted(note for _, note in stores.habits.notes("ada")),
        "snapshots": [stores.streaks.get(snapshot.habit_id) for snapshot in snapshots()],
        "due": stores.streaks.to_look_at(LAST, 100),
    }


def by_id(voided: tuple[CheckIn, datetime]) -> UUID:
    return voided[0].id


@contextmanager
def undone(stores: Stores) -> Iterator[None]:
    """Undo what the block writes."""
    with suppress(ZeroDivisionError), stores.savepoint():
        yield
        raise ZeroDivisionError


# -- a kit ---------------------------------------------------------------------------------------


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
            await done(habits_.edit(noted.id, amount=5e-324 if n else 1, note=""))
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
    await done(coins.open("bob", floor=-LARGEST - 1))
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
    found: dict[str, Any] = {"habits": await done(kit.habits.list("ada"))}
    for habit in found["habits"]:
        found[habit.title] = [
            await done(streaks.state(habit.id)),
            await done(streaks.history(habit.id, date.min, date.max)),
            await done(streaks.done_days(habit.id, date.min, date.max)),
            await done(streaks.runs(habit.id)),
            await done(streaks.explain(habit.id, NOW.date())),
        ]
    for owner in ("ada", "bob", "cleo", "dan"):
        found[f"coins of {owner}"] = [
            await done(coins.export(owner)),
            await done(coins.balance(owner)),
            *[await done(coins.holds(owner, ended=ended)) for ended in (False, True)],
            await done(coins.head(owner)),
        ]
        found[f"events of {owner}"] = await done(kit.events.page(owner, limit=1000))
    found["ends of time"] = [
        (await done(coins.balance("ada", as_of=end))).posted for end in ENDS_OF_TIME
    ]
    found["audit"] = await done(coins.audit())
    found["search"] = await done(kit.habits.search("ada", "habit"))
    return found
