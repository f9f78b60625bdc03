"""Contract of offline batches: a batch ends as its items do, one by one in the same transaction."""
# ruff: noqa: S101 - assert is how a test speaks

from __future__ import annotations

import re
from contextlib import nullcontext, suppress
from datetime import time, timedelta
from itertools import count
from typing import TYPE_CHECKING, Any, NamedTuple
from uuid import UUID

from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

import habitkit.testing
from habitkit import _codec
from habitkit.coins.actions import award
from habitkit.errors import HabitKitError, Refused
from habitkit.events import HabitCompleted, Recorded, StreakReached
from habitkit.habits.actions import check_in
from habitkit.habits.model import CheckedIn, DayClock, Goal, OfflineCheckIn, Refusal, Schedule
from habitkit.habits.offline import check_in_many
from habitkit.reactions import on
from habitkit.testing.contracts._facts import NOW, days, events_of
from habitkit.testing.contracts._frame import Contract, read

if TYPE_CHECKING:
    from collections.abc import Sequence

    from habitkit.habits.model import Habit
    from habitkit.reactions import Reaction
    from habitkit.store import Store, Stores
    from habitkit.testing import TestKit
    from habitkit.transaction import Transaction

__all__ = ["AlikeCases"]

TODAY = NOW.date()
NO_ID = UUID(int=0)
_IDS = re.compile(r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}")
_KEYS = tuple(f"phone:{n}" for n in range(6))
_HABITS = (
    ("ada", Schedule.daily(), Goal.done(), DayClock()),
    ("ada", Schedule.daily(), Goal.done(), DayClock("Pacific/Auckland", time(3))),
    ("bob", Schedule.daily(), Goal.done(), DayClock("Europe/Vienna")),
    ("bob", Schedule.daily(), Goal.at_least(2), DayClock()),
)


class Item(NamedTuple):
    """A check-in that is sent, in terms that two worlds share."""

    habit: int
    day: int | None
    hours: int | None
    tz: str | None
    amount: Any
    note: str | None
    key: str | None


class World(NamedTuple):
    """Owners and habits that differ from those of another world in names alone."""

    kit: TestKit
    store: Store
    prefix: str
    habits: list[Habit]

    def offline(self, item: Item) -> OfflineCheckIn:
        """Return an item as this world's device sends it."""
        habit_id: UUID | str = self.habits[item.habit].id if item.habit >= 0 else str(NO_ID)
        now = self.kit.clock.now()
        return OfflineCheckIn(
            habit_id,
            None if item.day is None else now.date() - days(item.day),
            None if item.hours is None else now - timedelta(hours=item.hours),
            item.tz,
            item.amount,
            item.note,
            item.key,
        )

    def named(self, text: str) -> str:
        """Return a text in which owners and habits are called the same in every world."""
        for number, habit in enumerate(self.habits):
            text = text.replace(str(habit.id), f"habit {number}")
        return text.replace(self.prefix, "")


_MOSTLY_ONE = st.sampled_from((1, 1, 1, 1, 1, 1, 2.5, 0, float("nan")))
_RARELY = st.sampled_from((None, None, None, None, "Asia/Tokyo", "America/Los_Angeles", "Mars/X"))
_ITEMS = st.lists(
    st.builds(
        Item,
        st.sampled_from((0, 0, 0, 1, 1, 2, 2, 3, -1)),
        st.one_of(st.none(), st.integers(0, 9), st.sampled_from((-1, -9, 30, 31, 40_000))),
        st.sampled_from((None, None, None, 0, 1, 30, 80, 200, -2)),
        _RARELY,
        _MOSTLY_ONE,
        st.sampled_from((None, None, "note", "\x00")),
        st.sampled_from((None, None, None, *_KEYS)),
    ),
    max_size=14,
)
_PAST = st.lists(
    st.tuples(st.sampled_from((0, 0, 1, 2, 3)), st.integers(0, 9), st.sampled_from("cccukw")),
    max_size=10,
)


class AlikeCases(Contract):
    """Part of ``HabitsContract``: what a batch leaves behind."""

    def test_a_batch_leaves_what_its_items_leave_one_by_one(self, store: Store) -> None:
        self._compare(store, ())

    def test_a_batch_does_so_where_a_hosts_reaction_asks_the_store_for_more(
        self, store: Store
    ) -> None:
        self._compare(store, (on(HabitCompleted, _tell_another),))

    def test_a_batch_does_so_where_a_hosts_reaction_refuses_or_rewards(self, store: Store) -> None:
        rewards = (on(StreakReached, _reward),) if "coins" in store.rooms else ()
        self._compare(store, (on(HabitCompleted, _refuse_mondays), *rewards))

    def _compare(self, store: Store, reactions: Sequence[Reaction]) -> None:
        """Let two worlds live alike, until one gets a batch and the other its items."""
        numbers = count()

        @self.cases(15)
        @given(_PAST, _ITEMS)
        def check(past: list[tuple[int, int, str]], items: list[Item]) -> None:
            number = next(numbers)
            outcomes = []
            for side, way in (("many", check_in_many), ("single", _one_by_one)):
                kit = habitkit.testing.kit(store=store, reactions=reactions)
                world = _world(kit, store, f"{side}{number}-")
                _live(world, past)
                sent = [world.offline(item) for item in items]
                told = kit.run(lambda tx: way(tx, sent))  # noqa: B023
                again = kit.run(lambda tx: way(tx, sent[::2]))  # noqa: B023
                outcomes.append(_plain(world, [told, again, _facts(world, told), _left(world)]))
                for habit in world.habits:
                    assert kit.streaks.rebuild(habit.id).repaired == ()
                if "coins" in store.rooms:
                    assert kit.coins.audit(f"{world.prefix}ada").ok
            assert outcomes[0] == outcomes[1]

        check()


def _one_by_one(tx: Transaction, batch: Sequence[OfflineCheckIn]) -> list[CheckedIn | Refusal]:
    """Do what a batch does, the plain way."""
    habits = {habit.id: habit.owner for item in batch if (habit := _habit(tx, item))}
    tx.lock_all(sorted(set(habits.values())))
    told: list[CheckedIn | Refusal] = []
    for place, item in enumerate(batch):
        habit_id, day, at, tz, amount, note, key = item
        try:
            with tx.savepoint():
                done = check_in(
                    tx,
                    habit_id,
                    day=day,
                    at=at,
                    tz=tz,
                    amount=amount,
                    note=note,
                    idempotency_key=key,
                )
        except HabitKitError as error:
            told.append(Refusal(place, type(error).__name__, str(error)))
        else:
            told.append(done)
    return told


def _habit(tx: Transaction, item: OfflineCheckIn) -> Habit | None:
    return None if isinstance(item.habit_id, str) else tx.habits.get(item.habit_id)


def _world(kit: TestKit, store: Store, prefix: str) -> World:
    """Make the owners and their habits; one of them has travelled."""
    habits = [
        kit.habits.create(f"{prefix}{owner}", "Run", schedule, goal=goal, clock=clock)
        for owner, schedule, goal, clock in _HABITS
    ]
    return World(kit, store, prefix, habits)


def _live(world: World, past: Sequence[tuple[int, int, str]]) -> None:
    """Live a while before the batch: check in, undo, use keys, wait."""
    kit, last = world.kit, None
    kit.clock.advance(days=40)
    for habit, ago, what in past:
        if what == "w":
            kit.clock.advance(days=ago, hours=5)
            kit.sweep()
        elif what == "u" and last is not None:
            kit.habits.undo(last)
        else:
            key = _KEYS[ago % len(_KEYS)] if what == "k" else None
            sent = world.offline(Item(habit, ago, None, None, 1, None, key))
            (done,) = kit.habits.check_in_many([sent])
            last = done.id if isinstance(done, CheckedIn) else last


def _facts(world: World, told: Sequence[CheckedIn | Refusal]) -> list[Any]:
    """Return the facts that were made, in the order of the batch."""
    made = [each.id for each in told if isinstance(each, CheckedIn)]
    return read(world.store, lambda stores: [stores.habits.check_in(fact_id) for fact_id in made])


def _left(world: World) -> list[Any]:
    """Return all that is there of a world."""
    owners = [f"{world.prefix}{name}" for name in ("ada", "bob", "eve")]
    found: list[Any] = [events_of(world.kit, owner) for owner in owners]

    def work(stores: Stores) -> list[Any]:
        rows: list[Any] = []
        for habit in world.habits:
            live = [evolve(fact, id=NO_ID) for fact in stores.habits.live(habit.id)]
            rows += [stores.streaks.get(habit.id), sorted(live, key=repr)]
        for owner in owners:
            rows += [stores.answers.get(owner, "habits.check_in", key) for key in _KEYS]
            rows.append(stores.inbox.waiting(owner, 1000))
        return rows

    found.append(read(world.store, work))
    if "coins" in world.store.rooms:
        found.append(read(world.store, lambda stores: _ledger(world, stores, owners)))
    return found


def _ledger(world: World, stores: Stores, owners: Sequence[str]) -> list[Any]:
    """Return the ledger of some owners."""
    rows: list[Any] = []
    coins = stores.coins
    for owner in owners:
        accounts = sorted(coins.accounts((owner,), "coin"), key=lambda account: account.role)
        rows.append(accounts)
        for account in accounts:
            entries = coins.entries(account.id, None, 1000, newest_first=False)
            rows += [entries, [coins.transfer(entry.transfer_id) for entry in entries]]
            noted = {account_id for account_id, _ in coins.books.to_seal(None, 10_000)}
            rows.append(account.id in noted)
        paid = coins.books.entitlements(owner, None, 1000)
        rows.append(sorted(paid, key=lambda row: world.named(row.key)))
    return rows


def _plain(world: World, value: Any) -> str:
    """Return values as text, in which names and ids are the same in every world."""
    text = world.named(_codec.dump(_values(value)))
    known: dict[str, str] = {}
    return _IDS.sub(lambda found: known.setdefault(found[0], f"id {len(known)}"), text)


def _values(value: Any) -> Any:
    """Return what JSON can hold of a value."""
    if isinstance(value, bytes):
        return value.decode()
    names: tuple[str, ...] | None = getattr(value, "_fields", None)  # of a named tuple
    if names is not None:
        return {name: _values(getattr(value, name)) for name in names}
    if isinstance(value, list | tuple):
        return [_values(each) for each in value]
    return value


def _tell_another(tx: Transaction, owner: str, events: Sequence[HabitCompleted]) -> None:
    """Leave a message for another owner, as a host's reaction may, even a careless one."""
    for event in events:
        receiver = owner.replace("ada", "eve").replace("bob", "eve")
        with suppress(BaseException) if event.day.day % 2 else nullcontext():
            tx.send(Recorded(receiver, tx.now, "cheered", {"day": event.day}), str(event.day))


def _refuse_mondays(_: Transaction, owner: str, events: Sequence[HabitCompleted]) -> None:
    """Refuse some days, as a host's reaction may."""
    for event in events:
        if not event.day.weekday():
            raise Refused(owner.rpartition("-")[2], "no Mondays")


def _reward(tx: Transaction, owner: str, events: Sequence[StreakReached]) -> None:
    """Give coins, as a host's reaction may."""
    for event in events:
        award(tx, owner, event.slots, idempotency_key=str(event.slots))
