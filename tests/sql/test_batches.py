"""Batches on SQL: a batch of check-ins sends what its check-ins send, a batch of postings is read
back."""

from __future__ import annotations

from collections import Counter
from datetime import date, timedelta
from typing import Any

import pytest

import habitkit.testing
from habitkit import OfflineCheckIn, Schedule, on
from habitkit.backends.sqlalchemy import SqlStore
from habitkit.backends.sqlalchemy._prepared import Link
from habitkit.coins import CoinSettings, Economy, Posting
from habitkit.coins.store import COINS
from habitkit.events import Recorded
from habitkit.habits import HabitCompleted
from habitkit.habits.service import check_in

TODAY = date(2026, 3, 10)
HABITS = 10
TWO = Economy(rules=(), currencies=frozenset({"coin", "gem"}))


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """What is sent to the database, by the method that sends it."""
    counted: Counter[str] = Counter()
    for name in ("rows", "run", "run_many", "select", "send"):
        method = getattr(Link, name)

        def count(link: Link, *args: Any, name: str = name, method: Any = method) -> Any:
            counted[name] += 1
            return method(link, *args)

        monkeypatch.setattr(Link, name, count)
    return counted


def make(engine: Any, reactions: Any = ()) -> tuple[habitkit.testing.TestKit, list[Any]]:
    """Return a kit and the habits of an owner."""
    kit = habitkit.testing.kit("2026-03-10T12:00Z", store=SqlStore(engine), reactions=reactions)
    return kit, [kit.habits.create("ada", "Run", Schedule.daily()).id for _ in range(HABITS)]


def gathered(habits: list[Any], days: int, key: str) -> list[OfflineCheckIn]:
    """Return what a phone has gathered, oldest first."""
    return [
        OfflineCheckIn(habit_id, TODAY - timedelta(ago), idempotency_key=f"{key}:{habit_id}:{ago}")
        for ago in reversed(range(days))
        for habit_id in habits
    ]


def test_a_batch_sends_no_more_than_the_same_check_ins_in_one_transaction(engine, sent):
    def each(tx: Any, batch: list[OfflineCheckIn]) -> list[Any]:
        results = []
        for item in batch:
            with tx.savepoint():
                done = check_in(
                    tx, item.habit_id, day=item.day, idempotency_key=item.idempotency_key
                )
            results.append(done)
        return results

    counts, results = [], []
    for way in (
        lambda kit, batch: kit.habits.check_in_many(batch),
        lambda kit, batch: kit.run(lambda tx: each(tx, batch)),
    ):
        kit, habits = make(engine)
        kit.coins.award("ada", 1, idempotency_key="open the accounts")
        sent.clear()
        results.append(way(kit, gathered(habits, 5, "phone")))
        counts.append(sum(sent.values()))

    assert [(done.day, done.coins) for done in results[0]] == [(d.day, d.coins) for d in results[1]]
    assert counts[0] <= counts[1] + HABITS, "and whose each habit is"


def test_a_reaction_to_an_item_may_send_a_message(engine):
    def tell(tx: Any, _: str, events: Any) -> None:
        tx.send(Recorded("bob", tx.now, "cheered", {}), str(events[0].key))

    kit, habits = make(engine, [on(HabitCompleted, tell)])

    results = kit.habits.check_in_many(gathered(habits, 1, "phone"))

    assert len(results) == HABITS
    assert kit.sweep().counts["messages"] == HABITS


@pytest.mark.parametrize("alike", [True, False], ids=["alike", "all kinds"])
def test_a_batch_of_postings_is_read_as_it_was_posted(engine, alike):
    kit = habitkit.testing.kit("2026-03-10T12:00Z", store=SqlStore(engine), coins=CoinSettings(TWO))
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
    assert kit.run(lambda tx: [tx.port(COINS).transfer(each.id) for each in posted]) == posted
    for each in posted:
        (entry, *_) = kit.coins.statement(each.target, newest_first=False, currency=each.currency)
        assert entry.at >= kit.clock.now()
    owners = {each.target for each in posted}
    results = kit.run(lambda tx: [tx.stores.events.page(owner, None, 10)[0] for owner in owners])
    assert {(event.owner, event.type) for event in results} == {(o, "CoinsPosted") for o in owners}
    assert not kit.coins.audit().findings
