"""A batch of check-ins takes as many statements as a small one, and a little time a check-in."""

from __future__ import annotations

from collections import Counter
from datetime import date, timedelta
from typing import Any

import pytest

import habitkit.testing
from habitkit import OfflineCheckIn, Schedule, on
from habitkit.backends.sqlalchemy import SqlStore
from habitkit.backends.sqlalchemy._prepared import Link
from habitkit.coins import Economy, Posting
from habitkit.events import HabitCompleted, Recorded

TODAY = date(2026, 3, 10)
HABITS = 10
TWO = Economy(rules=(), currencies=frozenset({"coin", "gem"}))


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """What is sent to the database, by the method that sends it."""
    counted: Counter[str] = Counter()
    for name in ("rows", "run", "run_many", "select", "send"):
        method = getattr(Link, name)

        def count(link: Link, *given: Any, name: str = name, method: Any = method) -> Any:
            counted[name] += 1
            return method(link, *given)

        monkeypatch.setattr(Link, name, count)
    return counted


def make(engine: Any, reactions: Any = ()) -> tuple[habitkit.testing.TestKit, list[Any]]:
    """Return a kit and the habits of an owner."""
    kit = habitkit.testing.kit("2026-03-10T12:00Z", store=SqlStore(engine), reactions=reactions)
    return kit, [kit.habits.create("ada", "Run", Schedule.daily()).id for _ in range(HABITS)]


def gathered(habits: list[Any], days: int, key: str | None = "phone") -> list[OfflineCheckIn]:
    """Return what a phone has gathered, oldest first."""
    return [
        OfflineCheckIn(
            habit_id,
            TODAY - timedelta(ago),
            idempotency_key=key and f"{key}:{habit_id}:{ago}",
        )
        for ago in reversed(range(days))
        for habit_id in habits
    ]


def test_a_batch_takes_as_many_statements_as_a_small_one(engine, sent):
    kit, habits = make(engine)
    kit.habits.check_in_many(gathered(habits[:3], 1, "first"))
    counts = []

    for days in (3, 60):
        sent.clear()
        told: Any = kit.habits.check_in_many(gathered(habits, days))
        assert [each.day for each in told[-HABITS:]] == [TODAY] * HABITS
        counts.append(sum(sent.values()))

    assert counts[1] <= counts[0] + HABITS, "a few for what was there on the days sent again"
    assert counts[0] < 40


def test_what_is_sent_again_is_answered_in_as_few(engine, sent):
    kit, habits = make(engine)
    batch = gathered(habits, 30)
    told = kit.habits.check_in_many(batch)
    sent.clear()

    assert kit.habits.check_in_many(batch) == told

    assert sum(sent.values()) < 10


def test_streaks_that_are_reached_take_no_statement_each(engine, sent):
    kit, habits = make(engine)
    for day in range(6):
        kit.clock.set(f"2026-03-{4 + day:02}T12:00Z")
        kit.habits.check_in_many([OfflineCheckIn(habit_id) for habit_id in habits])
    kit.clock.set("2026-03-10T12:00Z")
    sent.clear()

    told: Any = kit.habits.check_in_many([OfflineCheckIn(habit_id) for habit_id in habits])

    assert [each.coins for each in told] == [60] * HABITS
    assert sum(sent.values()) < 25


def test_a_reaction_that_asks_for_more_sends_the_rest_one_by_one(engine, sent):
    def tell(tx: Any, _: str, events: Any) -> None:
        tx.send(Recorded("bob", tx.now, "cheered", {}), str(events[0].key))

    kit, habits = make(engine, [on(HabitCompleted, tell)])
    sent.clear()

    told = kit.habits.check_in_many(gathered(habits, 1))

    assert len(told) == HABITS
    assert sum(sent.values()) > HABITS * 10
    assert kit.sweep().applied == HABITS


@pytest.mark.parametrize("alike", [True, False], ids=["alike", "all kinds"])
def test_a_batch_of_postings_is_read_as_it_was_posted(engine, alike):
    kit = habitkit.testing.kit("2026-03-10T12:00Z", store=SqlStore(engine), economy=TWO)
    kit.coins.award("ada", 100, idempotency_key="first")
    kit.clock.set("2026-03-10T11:00Z")  # put back: ada's next entries are later than bob's
    postings = [Posting.award(f"owner {number}", 5) for number in range(3)]
    if not alike:
        postings += [
            Posting.award("bob", 7, currency="gem", memo='an "odd" \\ memo, {in} braces'),
            Posting.transfer("ada", "bob", 9, metadata={"of": ['"', None]}),
            Posting.spend("ada", 11, memo=""),
        ]

    posted = kit.coins.post_many(postings, idempotency_key="batch")

    assert [(each.kind, each.memo, each.metadata) for each in posted] == [
        (each.kind, each.memo, each.metadata) for each in postings
    ]
    assert len({each.at for each in posted}) == (1 if alike else 2)
    assert kit.run(lambda tx: [tx.coins.transfer(each.id) for each in posted]) == posted
    for each in posted:
        (entry, *_) = kit.coins.history(each.target, newest_first=False, currency=each.currency)
        assert entry.at >= kit.clock.now()
    owners = {each.target for each in posted}
    told = kit.run(lambda tx: [tx.stores.events.page(owner, None, 10)[0] for owner in owners])
    assert {(event.owner, event.type) for event in told} == {(o, "CoinsPosted") for o in owners}
    assert not kit.coins.audit().findings
