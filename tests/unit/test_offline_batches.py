"""A batch of check-ins is the same calls in one transaction, in memory and on SQLite."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest

import habitkit.testing
from habitkit import Goal, OfflineCheckIn, Refusal, Schedule, on, plugins
from habitkit.coins.store import COINS, HOLDS, LEDGER
from habitkit.coins.transfers import award
from habitkit.errors import HabitKitError, Refused
from habitkit.events import Recorded
from habitkit.habits import HabitCompleted, InvalidHabit, StreakReached
from habitkit.habits.service import check_in
from habitkit.habits.store import HABITS, STREAKS
from habitkit.store import Store
from habitkit.testing import TestKit

pytestmark = pytest.mark.usefixtures("own_backends")

TODAY = date(2026, 3, 10)
DAY = timedelta(days=1)


OPENED: list[Store] = []
"""The stores that a test has opened."""


@pytest.fixture(autouse=True)
def _closed() -> Iterator[None]:
    """Close what a test has opened."""
    yield
    while OPENED:
        OPENED.pop().close()


@pytest.fixture(params=["memory", "sqlite"])
def urls(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """URLs of new stores."""
    if request.param == "memory":
        return iter(["memory://"] * 2)
    return iter([f"sqlite:///{tmp_path}/one.db", f"sqlite:///{tmp_path}/two.db"])


def kit_of(urls: Iterator[str], *reactions: Any) -> tuple[TestKit, Store]:
    """Return a kit on the next store, and the store."""
    store = plugins.open_store(next(urls))
    OPENED.append(store)
    return habitkit.testing.kit("2026-03-10T12:00Z", store=store, reactions=reactions), store


def test_a_reaction_to_an_item_may_use_every_port(urls):
    seen: list[Any] = []

    def react(tx: Any, owner: str, events: Any) -> None:
        wallets = [it for it in tx.port(COINS).accounts((owner,), "coin") if it.role == "wallet"]
        seen.append(
            (
                [wallet.balance for wallet in wallets],
                [habit.title for habit in tx.port(HABITS).page(None, 10, owner=owner)],
                tx.port(HOLDS).page(owner, "coin", None, 10, open_at=tx.now),
                tx.port(LEDGER).entitlements(owner, None, 10) != [],
                tx.stores.connection is not None,
                len(tx.stores.events.page(owner, None, 10)),
                tx.stores.inbox.unapplied(owner, 10),
                len(tx.port(STREAKS).of_owner(owner)),
            )
        )
        tx.emit(owner, [Recorded(owner, tx.now, "cheered", {"day": str(events[0].day)})])
        tx.send(Recorded("bob", tx.now, "cheered", {}), str(events[0].key))

    kit, store = kit_of(urls, on(HabitCompleted, react))
    run = kit.habits.create("ada", "Run", Schedule.daily())

    emitted: Any = kit.habits.check_in_many(
        [OfflineCheckIn(run.id, TODAY - n * DAY) for n in (1, 0)]
    )

    assert [each.coins for each in emitted] == [10, 10]
    on_sql = store.name != "memory"
    assert seen == [([n], ["Run"], [], True, on_sql, 1, [], 1) for n in (10, 20)]
    cheered = [event.fields for event in kit.events.page("ada") if event.type == "cheered"]
    assert cheered == [{"day": "2026-03-09"}, {"day": "2026-03-10"}]
    assert kit.sweep().counts["messages"] == 2


def test_a_batch_ends_as_the_same_calls_in_savepoints(urls):
    outcomes = []
    for in_run in (False, True):
        kit, _ = kit_of(
            urls,
            on(HabitCompleted, refuse_mondays),
            on(HabitCompleted, tell_eve),
            on(StreakReached, reward),
        )
        batch = list(sent_by(kit))
        send = partial(send_in_run, kit) if in_run else kit.habits.check_in_many
        emitted = [send(batch), send(batch[::2])]
        assert kit.rebuild().repaired == ()
        assert kit.coins.audit().ok
        kit.sweep()
        left = [kit.events.page(owner, limit=1000) for owner in ("ada", "bob", "eve")]
        outcomes.append((emitted, left, kit.coins.balance("ada"), kit.coins.balance("bob")))

    assert outcomes[0] == outcomes[1]
    errors = {each.error for each in outcomes[0][0][0] if isinstance(each, Refusal)}
    assert errors == {"DayOutOfRange", "IdempotencyConflict", "InvalidId", "NotFound", "Refused"}


def sent_by(kit: TestKit) -> Iterator[OfflineCheckIn]:
    """Make habits of two owners; return what a device has gathered of them, with faults in it."""
    run = kit.habits.create("bob", "Run", Schedule.daily(), idempotency_key="run").id
    read = kit.habits.create(
        "ada", "Read", Schedule.daily(), Goal.at_least(2), idempotency_key="read"
    ).id
    for n in reversed(range(9)):
        yield OfflineCheckIn(run, TODAY - n * DAY, idempotency_key=f"run {n}")
        yield OfflineCheckIn(read, TODAY - n * DAY, amount=n % 3, idempotency_key=f"read {n}")
    yield OfflineCheckIn(run, TODAY, idempotency_key="run 5")
    yield OfflineCheckIn(run, TODAY + 3 * DAY, idempotency_key="tomorrow")
    yield OfflineCheckIn("00000000-0000-0000-0000-000000000000", idempotency_key="unknown")
    yield OfflineCheckIn("run", idempotency_key="no id")


def send_in_run(kit: TestKit, batch: list[OfflineCheckIn]) -> list[Any]:
    """Send a batch as a host would do it by itself."""
    return kit.run(lambda tx: check_in_each(tx, batch))


def check_in_each(tx: Any, batch: list[OfflineCheckIn]) -> list[Any]:
    """Do what a batch does, item by item."""
    tx.lock("ada", "bob")
    emitted: list[Any] = []
    for place, item in enumerate(batch):
        try:
            with tx.savepoint():
                emitted.append(
                    check_in(
                        tx,
                        item.habit_id,
                        day=item.day,
                        amount=item.amount,
                        idempotency_key=item.idempotency_key,
                    )
                )
        except HabitKitError as error:
            emitted.append(Refusal(place, type(error).__name__, str(error)))
    return emitted


def refuse_mondays(_: Any, owner: str, events: Any) -> None:
    """Refuse some days, as a host's reaction may."""
    for event in events:
        if not event.day.weekday():
            raise Refused(owner, "no Mondays")


def tell_eve(tx: Any, owner: str, events: Any) -> None:
    """Leave messages for another owner, as a host's reaction may."""
    for event in events:
        tx.send(Recorded("eve", tx.now, "cheered", {}), f"{owner} {event.day}")


def reward(tx: Any, owner: str, events: Any) -> None:
    """Give coins, as a host's reaction may."""
    for event in events:
        award(tx, owner, event.slots, idempotency_key=str(event.slots))


def test_a_batch_that_is_too_long_is_refused_with_both_numbers(kit, run):
    assert len(kit.habits.check_in_many([OfflineCheckIn(run.id)] * 1_000)) == 1_000

    with pytest.raises(InvalidHabit, match=r"at most 1000.*several batches.*1001 items"):
        kit.habits.check_in_many([OfflineCheckIn(run.id)] * 1_001)


def test_a_batch_locks_its_owners_at_once_and_in_order(kit, store, run, monkeypatch):
    others = [kit.habits.create(owner, "Run", Schedule.daily()).id for owner in ("cleo", "bob")]
    locked: list[str] = []
    owners = store._stores.owners
    lock = owners.lock

    def noting(names: Sequence[str]) -> Any:
        locked.extend(names)
        return lock(names)

    monkeypatch.setattr(owners, "lock", noting)

    emitted = kit.habits.check_in_many([OfflineCheckIn(i) for i in (*others, run.id, "no id")])

    assert locked == ["ada", "bob", "cleo"]
    assert [type(each).__name__ for each in emitted] == [*["CheckedIn"] * 3, "Refusal"]
