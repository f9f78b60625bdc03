"""Values at the edges of every type that stores keep, written and read through the ports."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from attrs import evolve

from habitkit import DayClock, FreezeRule, Goal, Schedule
from habitkit._codec import json_object
from habitkit.events import Recorded
from habitkit.habits.domain.facts import (
    CheckIn,
    CheckInVoid,
    ClockChanged,
    FreezeGranted,
    FreezeRuleChanged,
    Pause,
    ScheduleChanged,
    Skip,
    Void,
    ZoneChanged,
)
from habitkit.habits.domain.model import Habit
from habitkit.habits.domain.stored import DueHabit, VoidedCheckIn
from habitkit.habits.domain.streaks import Snapshot
from habitkit.habits.store import HABITS, STREAKS
from habitkit.journal.domain.model import (
    Delivery,
    EventRow,
    IdempotencyRecord,
    Message,
    StoredEvent,
)
from habitkit.store import Stores
from habitkit.testing.contracts._habit_codecs import CHECKPOINTS, CREDITED, EMITTED
from habitkit.testing.contracts._sample_facts import STRANGE_TEXTS

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
FIELDS = json_object(
    {
        "numbers": NUMBERS,
        "texts": list(TEXTS),
        "empty": [None, "", [], {}, False],
        **{text: n for n, text in enumerate(TEXTS)},
    },
    64 * 1024,
)
AMOUNTS: tuple[Decimal | float, ...] = (
    *(
        0,
        1,
        Decimal("1.0"),
        0.1,
        5e-324,
        2**53 + 1,
        1e16,
        Decimal("0.1234567890123456789012345678"),
    ),
    Decimal("9.99999999999999999999999999999E+308"),
)
EARLIEST, LATEST_DAY = date(1, 1, 2), date(9999, 12, 30)
DAYS = (EARLIEST, date(1926, 1, 1), date(2000, 2, 29), date(2026, 1, 1), LATEST_DAY)
INSTANTS = (FIRST, NOW - timedelta(microseconds=1), NOW, LAST)

CLOCKS = (
    DayClock(),
    DayClock("Asia/Tokyo", time(23, 59, 59, 999_999), "sun", timedelta(0)),
    DayClock("Africa/Monrovia", time(0, 0, 0, 1), "sat", timedelta(days=1)),
)

CLOCK_CHANGES: tuple[dict[str, Any], ...] = (
    {"tz": "owner", "min_day": timedelta(days=1)},
    {"tz": "Asia/Tokyo", "day_start": time(23, 59, 59, 999_999), "min_day": timedelta(0)},
    {"week_start": "sat"},
)


def habits() -> list[Habit]:
    """Return habits with the ends of what each of their columns takes."""
    goals = (
        *(Goal.done(), Goal.avoid(), Goal.at_least(5e-324), Goal.at_least(1e308, "é", fold="max")),
        *(
            Goal.at_most(0, unrecorded="exempt"),
            Goal.between(Decimal("1E-324"), 10**29 + 1, "km", fold="last"),
        ),
    )
    rules = (None, FreezeRule(1, 1), FreezeRule(100, 100))
    return [
        Habit(
            UUID(int=n) if n else LARGEST_ID,
            "ada",
            text if text.strip() else "title",
            Schedule.daily(),
            CLOCKS[n % 3],
            INSTANTS[n % 4],
            goals[n % 6],
            TEXTS[1:n],
            rules[n % 3],
            (None, 0, 2**31 - 1)[n % 3],
            2**63 - 1 - n,
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
            2**63 - 1 - n,
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
        *(
            ClockChanged(UUID(int=208 + n), *about, date.max, **it)
            for n, it in enumerate(CLOCK_CHANGES)
        ),
        FreezeRuleChanged(UUID(int=211), *about, date.min, None),
        FreezeRuleChanged(UUID(int=212), *about, date.max, FreezeRule(1000, 1000), 2**63 - 1),
        ZoneChanged(UUID(int=206), "ada", FIRST, "Pacific/Kiritimati", LAST, 2**63 - 1),
        Void(UUID(int=207), None, "ada", UUID(int=203), LAST),
    ]


def snapshots() -> list[Snapshot]:
    """Return the snapshots of the first habits."""
    ids = [habit.id for habit in habits()]
    return [
        Snapshot(ids[0], "ada", LARGEST, FIRST, LAST, CHECKPOINTS),
        Snapshot(ids[1], "ada", 0, LAST, FIRST, (), CREDITED),
        Snapshot(ids[2], "ada", 1, FIRST, None, (), None, EMITTED),
        Snapshot(ids[3], "ada", 1, LAST),
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


def records() -> list[IdempotencyRecord]:
    """Return the recorded results of idempotency keys, one a text."""
    request = {f"{n}{text}": text for n, text in enumerate(TEXTS)}
    return [
        IdempotencyRecord("ada", "noted", f"key {text}", request, text, INSTANTS[n % 4])
        for n, text in enumerate(TEXTS)
    ]


def write_ports(stores: Stores) -> None:
    """Write all of it."""
    stores.owners.lock(["ada"])
    stores.events.append(events()[:1])
    stores.events.append(events()[1:])
    for message in messages():
        assert stores.inbox.add(message)
        stores.inbox.failed(message, message.key)
    for record in records():
        stores.idempotency.put(record)
    for habit in habits():
        stores.port(HABITS).add(habit)
    facts = check_ins()
    stores.port(HABITS).add_facts(facts[:2])
    stores.port(HABITS).add_facts(facts[2:])
    for fact, at in zip(facts[::3], INSTANTS, strict=False):
        void = CheckInVoid(UUID(int=fact.id.int + 900), LARGEST_ID, "ada", fact.id, at, 2**63 - 1)
        stores.port(HABITS).add_facts([void])
    stores.port(HABITS).add_facts(other_facts())
    for snapshot in snapshots():
        stores.port(STREAKS).put(snapshot)


def written() -> dict[str, Any]:
    """Return what ``read_ports`` has to find."""
    facts = sorted(check_ins(), key=lambda fact: (fact.day, fact.at, fact.seq))
    voided = check_ins()[::3]
    stored = [
        StoredEvent("ada", row.rev, row.position, row.event.type, row.event.at, None, fields(row))
        for row in sorted(events())
    ]
    failed = [evolve(message, attempts=1, error=message.key) for message in messages()]
    return {
        "events": stored,
        "deliveries": [Delivery(event.event_id, event, 1) for event in stored],
        "messages": sorted(failed, key=lambda message: (message.at, message.key)),
        "idempotency": records(),
        "habits": sorted(habits(), key=lambda habit: habit.seq),
        "live": [fact for fact in facts if fact not in voided],
        "since": [fact for fact in facts if fact not in voided and fact.day >= DAYS[1]],
        "voided": [VoidedCheckIn(*each) for each in zip(voided, INSTANTS, strict=False)],
        "facts": sorted(other_facts(), key=lambda fact: fact.id),
        "notes": sorted(f.note for f in facts if f.note is not None and f not in voided),
        "snapshots": snapshots(),
        "due": [DueHabit("ada", snapshots()[n].habit_id) for n in (1, 0)],
    }


def fields(row: EventRow) -> Any:
    event: Any = row.event
    return event.fields


def read_ports(stores: Stores) -> dict[str, Any]:
    """Read all of it, and leave it as it was."""
    with undone(stores):
        deliveries = stores.outbox.claim(LAST, LAST, 100, ["a" * 100])
    voided = stores.port(HABITS).voided(LARGEST_ID)
    assert sorted(stores.port(HABITS).voided(LARGEST_ID, EARLIEST), key=by_id) == sorted(
        voided, key=by_id
    )
    every = stores.port(HABITS).live(LARGEST_ID)
    recent = stores.port(HABITS).recent({LARGEST_ID: None})
    assert sorted(recent, key=lambda fact: fact.id) == sorted(every, key=lambda fact: fact.id)
    return {
        "events": stores.events.page("ada", None, 100),
        "deliveries": sorted(deliveries, key=lambda each: each.id),
        "messages": stores.inbox.waiting("ada", 100, ["noted"]),
        "idempotency": [stores.idempotency.get("ada", "noted", f"key {text}") for text in TEXTS],
        "habits": stores.port(HABITS).page(None, 100, owner="ada"),
        "live": every,
        "since": stores.port(HABITS).live(LARGEST_ID, DAYS[1]),
        "voided": sorted(voided, key=by_id),
        "facts": sorted(stores.port(HABITS).facts("ada"), key=lambda fact: fact.id),
        "notes": sorted(note.text for note in stores.port(HABITS).notes("ada")),
        "snapshots": [stores.port(STREAKS).get(snapshot.habit_id) for snapshot in snapshots()],
        "due": stores.port(STREAKS).to_sweep(LAST, 100),
    }


def by_id(voided: VoidedCheckIn) -> UUID:
    return voided.check_in.id


@contextmanager
def undone(stores: Stores) -> Iterator[None]:
    """Undo what the block writes."""
    with suppress(ZeroDivisionError), stores.savepoint():
        yield
        raise ZeroDivisionError
