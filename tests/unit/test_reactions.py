"""Reactions and subscribers: how they are made, and how a transaction lets them act."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, date, datetime
from functools import partial
from typing import Any
from uuid import UUID

import pytest
from attrs import frozen

import habitkit.testing
from habitkit import Economy, Event, RewardRule, Schedule, on, subscribe
from habitkit.backends.memory import MemoryStore
from habitkit.coins import CoinSettings, CoinsPosted, HoldClosed, InsufficientFunds
from habitkit.coins import service as coins
from habitkit.coins.rewards import reconcile
from habitkit.coins.store import COINS
from habitkit.errors import InvalidEvent, NotLocked, ReactionLoop, ReadOnlyTransaction
from habitkit.events import Recorded, Retracted
from habitkit.habits import HabitChanged, HabitCompleted, HabitCreated, StreakReached
from habitkit.habits.check_ins import check_in
from habitkit.habits.edits import update
from habitkit.modules import vocabulary
from habitkit.options import make_settings
from habitkit.quests import rewards
from habitkit.quests.advancing import advance, follow_streaks
from habitkit.quests.leveling import reach_levels
from habitkit.reactions import Reaction, Subscriber, default_reactions
from tests.unit.support import nothing_written

NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)


@frozen
class BookRead(Event):
    """A host's own event."""

    title: str


@frozen
class BookFinished(BookRead):
    """One that may be rewarded."""

    @property
    def key(self):
        return f"finished:{self.title}"


def react(tx, owner, events):
    """Do nothing."""


def tell(event):
    """Do nothing."""


# -- making them ---------------------------------------------------------------------------------


def test_a_reaction_names_its_events_and_its_function():
    assert on(HabitCompleted, StreakReached, react) == Reaction(
        (HabitCompleted, StreakReached), react
    )
    assert on(Event, print).types == (Event,)


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        (HabitCompleted,),
        (react,),
        (react, HabitCompleted),
        ("HabitCompleted", react),
        (HabitCompleted, None),
        (HabitCompleted, "react"),
        (int, react),
        (HabitCompleted, react, react),
        (HabitCompleted, StreakReached),
        ([HabitCompleted], react),
    ],
)
def test_an_invalid_reaction_is_refused(arguments):
    with pytest.raises(TypeError, match="expected"):
        on(*arguments)


async def react_later(tx, owner, events, *more):
    """Do nothing, when awaited."""


class Later:
    """Calling it gives a coroutine."""

    async def __call__(self, tx, owner, events):
        """Do nothing, when awaited."""

    async def react(self, tx, owner, events):
        """Do nothing, when awaited."""


@pytest.mark.parametrize(
    "run",
    [
        react_later,
        partial(react_later),
        partial(partial(react_later), None),
        Later(),
        partial(Later()),
        Later().react,
    ],
)
def test_a_coroutine_function_is_refused_as_a_reaction(run):
    with pytest.raises(TypeError, match=r"expected a plain function(.|\n)*use subscribe"):
        on(HabitCompleted, run)


def test_a_coroutine_function_may_be_a_subscriber():
    async def tell_later(event):
        """Do nothing, when awaited."""

    made = subscribe(HabitCompleted, tell_later)

    assert made == Subscriber(frozenset({"HabitCompleted"}), tell_later)


def test_a_subscriber_names_its_events_by_class_or_by_type():
    assert subscribe(HabitCompleted, "book.read", tell) == Subscriber(
        frozenset({"HabitCompleted", "book.read"}), tell
    )


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        (HabitCompleted,),
        (react,),
        ("book.read",),
        (react, "book.read"),
        (None, react),
        (5, react),
        (int, react),
        (HabitCompleted, react, react),
        ("book.read", HabitCompleted),
        ("book.read", None),
        (["book.read"], react),
    ],
)
def test_an_invalid_subscriber_is_refused(arguments):
    with pytest.raises(TypeError, match="expected subscribe"):
        subscribe(*arguments)


@pytest.mark.parametrize("name", sorted(vocabulary()))
def test_a_class_of_the_hosts_own_with_the_name_of_one_of_habitkits_is_refused(name):
    namesake = type(name, (BookRead,), {})

    for make in (on, subscribe):
        with pytest.raises(
            InvalidEvent, match=f"event class: expected a class name other than {name},"
        ):
            make(BookRead, namesake, react)
        assert make(BookRead, vocabulary()[name], react).run is react


class WithoutQuests(MemoryStore):
    modules = MemoryStore.modules - {"quests"}


def settings_of(economy, store):
    return make_settings(store, {"coins": CoinSettings(economy)})


def test_by_default_rules_pay_then_quests_move_on_then_levels_are_reached():
    reactions = default_reactions(settings_of(Economy.without_rewards(), MemoryStore()))

    assert [it.run for it in reactions] == [
        rewards.reconcile,
        advance,
        follow_streaks,
        reach_levels,
    ]
    assert [it.types for it in reactions] == [
        (Event,),
        (Event,),
        (HabitChanged,),
        (CoinsPosted, HoldClosed),
    ]


def test_on_a_store_without_quests_what_is_done_is_rewarded_by_the_economy():
    (reward,) = default_reactions(settings_of(Economy.default(), WithoutQuests()))

    assert reward.run is reconcile
    assert set(reward.types) == {HabitCompleted, StreakReached, Retracted}
    assert default_reactions(settings_of(Economy.without_rewards(), WithoutQuests())) == ()


# -- what a repeated request returns -------------------------------------------------------------


@frozen
class Cheered(Event):
    """A host's own event, with values that JSON lacks."""

    habit_id: UUID
    days: tuple[date, ...]


def cheer(tx, owner, events):
    """Cheer at every habit that is done."""
    days = tuple(event.day for event in events)
    tx.emit(owner, [Cheered(owner, tx.now, events[0].habit_id, days)])


@pytest.mark.parametrize("declared", [(Cheered,), (Cheered, Event), (Event, Recorded, Cheered)])
def test_a_repeated_result_has_a_hosts_events_as_the_classes_registered_in_the_kit(store, declared):
    reactions = [on(HabitCompleted, cheer), on(*declared, react)]
    kit = habitkit.testing.kit("2026-03-10T12:00Z", store=store, reactions=reactions)
    run = kit.habits.create("ada", "Run", Schedule.daily())

    first = kit.habits.check_in(run.id, idempotency_key="tap")
    again = kit.habits.check_in(run.id, idempotency_key="tap")

    cheered = Cheered("ada", NOW, run.id, (date(2026, 3, 10),))
    assert cheered in first.events
    assert again == first
    assert [type(event) for event in again.events] == [type(event) for event in first.events]


def test_each_kit_repeats_results_by_its_own_registered_classes(store):
    knows = [on(HabitCompleted, cheer), on(Cheered, react)]
    kit = habitkit.testing.kit(store=store, reactions=knows)
    run = kit.habits.create("ada", "Run", Schedule.daily())
    kit.habits.check_in(run.id, idempotency_key="tap")

    def cheers(**made_with):
        kit = habitkit.testing.kit(store=store, **made_with)
        events = kit.habits.check_in(run.id, idempotency_key="tap").events
        return [type(event) for event in events if event.type == "Cheered"]

    assert cheers() == [Recorded]
    assert cheers(reactions=knows) == [Cheered]
    assert cheers() == [Recorded]


def test_a_record_outlives_a_change_of_a_hosts_class(store):
    kit = habitkit.testing.kit(store=store, reactions=[on(HabitCompleted, cheer)])
    run = kit.habits.create("ada", "Run", Schedule.daily())
    first = kit.habits.check_in(run.id, idempotency_key="tap")

    changed = frozen(type("Cheered", (Event,), {"__annotations__": {"loudness": int}}))
    kit = habitkit.testing.kit(store=store, reactions=[on(changed, react)])
    again = kit.habits.check_in(run.id, idempotency_key="tap")

    (loose,) = (event for event in again.events if event.type == "Cheered")
    assert isinstance(loose, Recorded)
    assert loose.fields["days"] == [str(first.day)]
    assert (again.id, again.coins) == (first.id, first.coins)


@pytest.mark.parametrize("kind", [Event, Recorded])
@pytest.mark.parametrize(
    "sent",
    [
        Event("ada", NOW),
        Recorded("ada", NOW, "Event", {"n": 1}),
        Recorded("ada", NOW, "Recorded", {}),
    ],
    ids=["plain", "loose Event", "loose Recorded"],
)
def test_a_message_without_a_class_of_its_own_reaches_who_reacts_to_what_it_is_as_it_was_sent(
    kind, sent
):
    emitted = []
    kit = habitkit.testing.kit(
        reactions=[on(kind, lambda tx, owner, events: emitted.extend(events))]
    )
    kit.run(lambda tx: tx.send(sent, key="once"))

    report = kit.sweep()

    assert (report.counts["messages"], report.failures) == (1, ())
    assert emitted == ([sent] if isinstance(sent, kind) else [])


# -- letting them act ----------------------------------------------------------------------------


def test_a_reaction_acts_inside_the_transaction_on_the_events_of_its_types(store):
    seen: list[Any] = []

    def greet(tx, owner, events):
        seen.append((tx.now, owner, [type(event) for event in events]))
        coins.award(tx, owner, 5, idempotency_key=f"welcome-{owner}")

    kit = habitkit.testing.kit(
        "2026-03-10T12:00Z", store=store, reactions=[on(HabitCreated, greet)]
    )
    run = kit.habits.create("ada", "Run", Schedule.daily())
    kit.habits.check_in(run.id)

    assert seen == [(NOW, "ada", [HabitCreated])]
    assert kit.coins.balance("ada").posted == 15


def test_reactions_act_in_the_order_in_which_they_were_given_after_the_kits_own():
    order = []

    def record(name):
        return lambda tx, owner, events: order.append(
            (name, tx.port(COINS).accounts((owner,), "coin") != [])
        )

    kit = habitkit.testing.kit(
        reactions=[on(HabitCompleted, record("first")), on(HabitCompleted, record("second"))]
    )
    kit.habits.check_in(kit.habits.create("ada", "Run", Schedule.daily()).id)

    assert order == [("first", True), ("second", True)]


def test_a_reaction_on_the_base_class_receives_all_events_in_batches():
    batches = []
    kit = habitkit.testing.kit(
        reactions=[on(Event, lambda tx, owner, events: batches.append([e.type for e in events]))]
    )

    kit.habits.check_in(kit.habits.create("ada", "Run", Schedule.daily()).id)

    assert batches == [["HabitCreated"], ["CoinsPosted"], ["HabitCompleted"]]


def test_an_action_returns_causes_before_effects(kit, run):
    done = kit.habits.check_in(run.id)

    assert [event.type for event in done.events] == ["HabitCompleted", "CoinsPosted"]


def test_a_reaction_that_fails_undoes_the_action_that_caused_it(store):
    def charge(tx, owner, events):
        coins.spend(tx, owner, 1_000_000, idempotency_key="fee")

    kit = habitkit.testing.kit(store=store, reactions=[on(HabitCompleted, charge)])
    run = kit.habits.create("ada", "Run", Schedule.daily())

    with nothing_written(store), pytest.raises(InsufficientFunds):
        kit.habits.check_in(run.id)


def test_reactions_that_cause_each_other_without_end_are_stopped_and_undone(store):
    def again(tx, owner, events):
        tx.emit(owner, [BookRead(owner, tx.now, "Emma")])

    kit = habitkit.testing.kit(store=store, reactions=[on(HabitCreated, BookRead, again)])

    with (
        nothing_written(store),
        pytest.raises(ReactionLoop, match="HabitCreated -> BookRead") as loop,
    ):
        kit.habits.create("ada", "Run", Schedule.daily())

    assert loop.value.chain == ("HabitCreated", *["BookRead"] * 16)


def test_so_are_those_to_an_event_that_is_not_kept(store):
    def rename(tx, owner, events):
        update(tx, events[0].habit_id, tags=[str(tx.new_id())])

    kit = habitkit.testing.kit(store=store, reactions=[on(HabitChanged, rename)])
    run = kit.habits.create("ada", "Run", Schedule.daily())

    with nothing_written(store), pytest.raises(ReactionLoop) as loop:
        kit.habits.update(run.id, tags=["sport"])

    assert loop.value.chain == ("HabitChanged",) * 17


def test_a_chain_of_sixteen_is_no_loop(store):
    def count_down(tx, owner, events):
        left = int(events[0].title)
        if left:
            tx.emit(owner, [BookRead(owner, tx.now, str(left - 1))])

    kit = habitkit.testing.kit(store=store, reactions=[on(BookRead, count_down)])

    def read(tx):
        tx.lock("ada")
        return tx.emit("ada", [BookRead("ada", tx.now, "15")])

    assert len(kit.run(read)) == 16


def test_emitting_nothing_is_nothing(kit):
    assert kit.run(lambda tx: tx.emit("ada", [])) == []


def test_events_need_the_lock_of_their_owner(kit, store):
    def unlocked(tx):
        tx.emit("ada", [BookRead("ada", tx.now, "Emma")])

    with nothing_written(store), pytest.raises(NotLocked, match=r"call tx.lock\('ada'\) first"):
        kit.run(unlocked)


def test_an_event_of_another_owner_needs_that_owners_lock(kit, store):
    def of_bob(tx):
        tx.lock("ada")
        tx.emit("ada", [BookRead("bob", tx.now, "Emma")])

    with nothing_written(store), pytest.raises(NotLocked, match=r"call tx.lock\('bob'\) first"):
        kit.run(of_bob)


def test_reactions_that_fail_in_a_savepoint_do_not_count_as_a_loop():
    def fail(tx, owner, events):
        raise LookupError

    def stubborn(tx):
        tx.lock("ada")
        for _ in range(20):
            with pytest.raises(LookupError):
                tx.emit("ada", [BookRead("ada", tx.now, "Emma")])

    habitkit.testing.kit(reactions=[on(BookRead, fail)]).run(stubborn)


def test_a_query_cannot_lock(kit, store, run):
    from habitkit.binding import Service, Sync, query

    class Curious(Service[Sync]):
        look = query(lambda tx: tx.lock("ada"))

    with nothing_written(store), pytest.raises(ReadOnlyTransaction, match="declare the function"):
        Curious(kit._runner).look()


def test_locking_twice_is_free_and_the_revision_is_that_of_the_first(kit):
    def lock(tx):
        tx.lock("ada", "bob")
        first = tx.rev("ada"), tx.rev("bob")
        tx.lock("bob")
        tx.lock("ada", "ada")
        return first, (tx.rev("ada"), tx.rev("bob"))

    assert kit.run(lock) == ((1, 1), (1, 1))
    assert kit.run(lock) == ((2, 2), (2, 2))


def test_several_locks_are_taken_in_the_order_of_their_names(kit, monkeypatch):
    taken = []
    owners = kit._runner.store._stores.owners
    lock = owners.lock

    def watched(names):
        taken.extend(names)
        return lock(names)

    monkeypatch.setattr(owners, "lock", watched)

    kit.run(lambda tx: tx.lock("cid", "ada", "bob"))

    assert taken == ["ada", "bob", "cid"]


# -- messages to another owner -------------------------------------------------------------------


def follow(tx, owner, events):
    """Tell bob what ada created."""
    for event in events:
        if owner == "ada":
            tx.send(BookRead("bob", event.at, event.title), key=str(event.habit_id))


def give(tx, owner, events):
    for event in events:
        coins.award(tx, owner, 1, idempotency_key=event.title)


@pytest.fixture
def following(store):
    return habitkit.testing.kit(
        "2026-03-10T12:00Z",
        store=store,
        coins=CoinSettings(Economy.without_rewards()),
        reactions=[on(HabitCreated, follow), on(BookRead, give)],
    )


def test_a_message_is_applied_under_the_receivers_own_lock_at_its_next_action(following):
    following.habits.create("ada", "Emma", Schedule.daily())
    assert following.coins.balance("bob").posted == 0

    following.habits.create("bob", "Run", Schedule.daily())

    assert following.coins.balance("bob").posted == 1
    (read, posted, _) = following.events.page("bob")
    assert (read.type, read.at, read.fields) == ("BookRead", NOW, {"title": "Emma"})
    assert posted.type == CoinsPosted.__name__


def test_messages_are_applied_when_all_locks_are_taken(store):
    """What a message causes may wait for others, who may wait for a lock that is not taken yet."""
    revisions = []

    def note(tx, owner, events):
        revisions.append((owner, tx.rev("ada"), tx.rev("bob"), tx.rev("cid")))

    kit = habitkit.testing.kit(store=store, reactions=[on(BookRead, note)])
    kit.run(
        lambda tx: [
            tx.send(BookRead(owner, tx.now, "Emma"), key="read") for owner in ("ada", "bob")
        ]
    )

    kit.run(lambda tx: tx.lock("cid", "bob", "ada"))

    assert revisions == [("ada", 1, 1, 1), ("bob", 1, 1, 1)]


def test_an_event_undone_by_a_savepoint_is_not_the_cause_of_later_events(store):
    economy = Economy(
        (RewardRule("finished", BookFinished, 5), RewardRule("done", HabitCompleted, 7))
    )
    kit = habitkit.testing.kit(store=store, coins=CoinSettings(economy))
    run = kit.habits.create("ada", "Run", Schedule.daily())

    def work(tx):
        with suppress(ZeroDivisionError), tx.savepoint():
            check_in(tx, run.id, idempotency_key="tap")
            raise ZeroDivisionError
        tx.lock("ada")
        tx.emit("ada", [BookFinished("ada", tx.now, "Emma")])

    kit.run(work)
    done = kit.habits.check_in(run.id, idempotency_key="tap")

    assert done.streak.slots == 1
    assert kit.coins.balance("ada").available == 12


def test_the_sweep_applies_messages_of_owners_who_do_nothing(following):
    following.habits.create("ada", "Emma", Schedule.daily())

    report = following.sweep()

    assert (report.counts["messages"], report.failures, report.more) == (1, (), False)
    assert following.coins.balance("bob").posted == 1
    assert following.sweep().counts["messages"] == 0
    assert following.coins.balance("bob").posted == 1


def test_a_message_of_a_key_that_was_used_does_nothing(following):
    def send_twice(tx):
        return [
            tx.send(BookRead("bob", tx.now, title), key="once") for title in ("Emma", "Ulysses")
        ]

    assert following.run(send_twice) == [True, False]
    following.sweep()

    assert following.run(send_twice) == [False, False]
    read = [event for event in following.events.page("bob") if event.type == "BookRead"]
    assert [event.fields for event in read] == [{"title": "Emma"}]


def test_a_message_that_cannot_be_applied_stops_neither_the_receiver_nor_the_others(
    following, store
):
    def send(tx):
        for title in ("Emma", "x" * 201, "Ulysses"):  # the second is no valid key
            tx.send(BookRead("bob", tx.now, title), key=title)

    following.run(send)

    report = following.sweep()

    assert report.counts["messages"] == 2
    (failure,) = report.failures
    assert failure.error.startswith("InvalidKey: ")
    assert failure.attempts == 1
    assert following.coins.balance("bob").posted == 2
    assert [e.fields["title"] for e in following.events.page("bob") if e.type == "BookRead"] == [
        "Emma",
        "Ulysses",
    ]


def test_what_a_failing_message_has_written_is_undone_and_nothing_else(store):
    def half(tx, owner, events):
        coins.award(tx, owner, 1, idempotency_key=events[0].title)
        if events[0].title == "Emma":
            raise LookupError("at the end")

    kit = habitkit.testing.kit(store=store, reactions=[on(BookRead, half)])

    def send(tx):
        for title in ("Emma", "Ulysses"):
            tx.send(BookRead("bob", tx.now, title), key=title)

    kit.run(send)

    run = kit.habits.create("bob", "Run", Schedule.daily())

    assert kit.habits.get(run.id) == run
    assert kit.coins.balance("bob").posted == 1
    assert [e.type for e in kit.events.page("bob")] == ["BookRead", "CoinsPosted", "HabitCreated"]


def test_a_message_is_given_up_after_five_attempts(following):
    following.run(lambda tx: tx.send(BookRead("bob", tx.now, "x" * 201), key="bad"))

    attempts = [[failure.attempts for failure in following.sweep().failures] for _ in range(7)]

    assert attempts == [[1], [2], [3], [4], [5], [], []]
