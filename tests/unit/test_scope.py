"""Through ``kit.owned_by("ada")`` whatever belongs to another does not exist, and gives no hint.

The table names every action of every service that such a kit has; an action that is added needs a
line in it.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from datetime import date, timedelta
from functools import cached_property
from typing import Any
from uuid import UUID

import pytest
from attrs import frozen

import habitkit.testing
from habitkit import AsyncOwnedKit, OfflineCheckIn, OwnedKit, Refusal, Schedule
from habitkit.backends.memory import MemoryStore
from habitkit.binding import Action, Workflow
from habitkit.coins.domain.model import Posting
from habitkit.errors import InvalidInput, NotFound
from habitkit.habits import HabitCompleted
from habitkit.quests import Count, Levels, Quest
from tests.unit.support import nothing_written

DAILY = Schedule.daily()
TODAY = date(2026, 3, 10)
DAY = timedelta(days=1)


@frozen
class Things:
    """What belongs to somebody."""

    owner: str
    habit: UUID
    fact: UUID
    award: UUID
    hold: UUID


Call = Callable[[Callable[..., Any], Things], Any]


def none_refused(results, of: Things) -> None:
    for result in results:
        if isinstance(result, Refusal):
            assert result.error == NotFound.__name__
            raise NotFound("habit", of.habit)


CASES: dict[str, Call] = {
    "coins.audit": lambda call, of: call(of.owner),
    "coins.award": lambda call, of: call(of.owner, 1, idempotency_key="k"),
    "coins.balance": lambda call, of: call(of.owner),
    "coins.export": lambda call, of: call(of.owner),
    "coins.forget": lambda call, of: call(of.owner),
    "coins.head": lambda call, of: call(of.owner),
    "coins.statement": lambda call, of: call(of.owner),
    "coins.holds": lambda call, of: call(of.owner),
    "coins.expiring": lambda call, of: call(of.owner),
    "coins.set_floor": lambda call, of: call(of.owner),
    "coins.post_many": lambda call, of: call([Posting.award(of.owner, 1)], idempotency_key="k"),
    "coins.hold": lambda call, of: call(of.hold),
    "coins.release": lambda call, of: call(of.hold),
    "coins.reserve": lambda call, of: call(of.owner, 1, idempotency_key="k"),
    "coins.reverse": lambda call, of: call(of.award, idempotency_key="k"),
    "coins.settle": lambda call, of: call(of.hold),
    "coins.spend": lambda call, of: call(of.owner, 1, idempotency_key="k"),
    "coins.transfer": lambda call, of: call(of.owner, "cid", 1, idempotency_key="k"),
    "events.page": lambda call, of: call(of.owner),
    "events.net": lambda call, of: call(of.owner, types=["read"]),
    "events.record": lambda call, of: call(of.owner, "read"),
    "events.revision": lambda call, of: call(of.owner),
    "habits.archive": lambda call, of: call(of.habit),
    "habits.backfill": lambda call, of: call(of.habit, [TODAY], source="paper"),
    "habits.change_clock": lambda call, of: call(of.habit, week_start="sun"),
    "habits.change_freezes": lambda call, of: call(of.habit, None),
    "habits.change_schedule": lambda call, of: call(of.habit, Schedule.quota(3)),
    "habits.check_in": lambda call, of: call(of.habit),
    "habits.check_in_many": lambda call, of: none_refused(call([OfflineCheckIn(of.habit)]), of),
    "habits.create": lambda call, of: call(of.owner, "Run", DAILY),
    "habits.delete": lambda call, of: call(of.habit),
    "habits.edit": lambda call, of: call(of.fact, note="again"),
    "habits.get": lambda call, of: call(of.habit),
    "habits.grant_freeze": lambda call, of: call(of.habit),
    "habits.list": lambda call, of: call(of.owner),
    "habits.pause": lambda call, of: call(of.habit, TODAY),
    "habits.pause_all": lambda call, of: call(of.owner, TODAY),
    "habits.reorder": lambda call, of: call(of.owner, [of.habit]),
    "habits.repair": lambda call, of: call(of.habit, TODAY - DAY),
    "habits.restore": lambda call, of: call(of.habit),
    "habits.resume": lambda call, of: call(of.habit, TODAY + 9 * DAY),
    "habits.resume_all": lambda call, of: call(of.owner, TODAY + 99 * DAY),
    "habits.search": lambda call, of: call(of.owner),
    "habits.skip": lambda call, of: call(of.habit),
    "habits.travel": lambda call, of: call(of.owner, "Asia/Tokyo"),
    "habits.unskip": lambda call, of: call(of.habit, TODAY - 9 * DAY),
    "habits.update": lambda call, of: call(of.habit, title="Walk"),
    "habits.undo": lambda call, of: call(of.fact),
    "quests.abandon": lambda call, of: call(of.owner, "hundred"),
    "quests.achievements": lambda call, of: call(of.owner),
    "quests.available": lambda call, of: call(of.owner),
    "quests.badges": lambda call, of: call(of.owner),
    "quests.claim": lambda call, of: call(of.owner, "one"),
    "quests.items": lambda call, of: call(of.owner),
    "quests.level": lambda call, of: call(of.owner),
    "quests.progress": lambda call, of: call(of.owner),
    "quests.rebuild": lambda call, of: call(of.owner),
    "quests.start": lambda call, of: call(of.owner, "next"),
    "streaks.explain": lambda call, of: call(of.habit, TODAY),
    "streaks.history": lambda call, of: call(of.habit, TODAY, TODAY),
    "streaks.runs": lambda call, of: call(of.habit),
    "streaks.simulate": lambda call, of: call(of.habit),
    "streaks.today": lambda call, of: call(of.owner),
    "streaks.done_days": lambda call, of: call(of.habit, TODAY, TODAY),
    "streaks.rebuild": lambda call, of: call(of.habit),
    "streaks.state": lambda call, of: call(of.habit),
}
WITH_ANOTHER_KEY: dict[str, Call] = {
    "habits.check_in": lambda call, of: call(of.habit, idempotency_key="used"),
    "habits.create": lambda call, of: call(of.owner, "Walk", DAILY, idempotency_key="used"),
    "events.record": lambda call, of: call(of.owner, "swim", idempotency_key="used"),
    "quests.start": lambda call, of: call(of.owner, "next", idempotency_key="used"),
    "coins.award": lambda call, of: call(of.owner, 2, idempotency_key="used"),
    "coins.reserve": lambda call, of: call(of.owner, 2, idempotency_key="used"),
}
OF_ALL_OWNERS = {
    "coins.owners",
    "streaks.at_risk",
    *(f"quests.{name}" for name in ("boosts", "get", "levels", "list", "rule_versions", "rules")),
}
"""They name no owner, so they have tests of their own."""

NOBODY = Things("nobody", UUID(int=7), UUID(int=8), UUID(int=9), UUID(int=10))


def feature_packages(kit: type) -> list[str]:
    """Return the services of a kit."""
    return [
        name for name in dir(kit) if isinstance(inspect.getattr_static(kit, name), cached_property)
    ]


def actions() -> dict[str, Action[..., Any] | Workflow[..., Any]]:
    """Return every action of every service of an owned kit."""
    kit = habitkit.testing.kit().owned_by("ada")
    return {
        f"{package}.{name}": value
        for package in feature_packages(OwnedKit)
        for name, value in inspect.getmembers(type(getattr(kit, package)))
        if isinstance(value, Action | Workflow)
    }


@pytest.fixture
def store():
    return MemoryStore()


@pytest.fixture
def kit(store):
    return habitkit.testing.kit("2026-03-10T12:00Z", store=store)


def things(kit, owner) -> Things:
    for key, count in (("one", 1), ("hundred", 100), ("next", 1)):
        kit.quests.define(Quest(key, key, Count(HabitCompleted, count), claim="manual"))
    kit.quests.set_levels(Levels.linear(100))
    kit.quests.start(owner, "one", idempotency_key="used")
    kit.quests.start(owner, "hundred")
    habit = kit.habits.create(owner, "Run", DAILY, idempotency_key="used")
    done = kit.habits.check_in(habit.id, idempotency_key="used")
    award = kit.coins.award(owner, 1, idempotency_key="used")
    hold = kit.coins.reserve(owner, 1, idempotency_key="used")
    kit.events.record(owner, "read", idempotency_key="used")
    kit.habits.backfill(habit.id, [TODAY - 2 * DAY], source="paper")
    kit.habits.skip(habit.id, TODAY - 9 * DAY)
    kit.habits.pause(habit.id, TODAY + 9 * DAY)
    kit.habits.pause_all(owner, TODAY + 99 * DAY)
    return Things(owner, habit.id, done.id, award.id, hold.id)


@pytest.fixture
def adas(kit) -> Things:
    return things(kit, "ada")


@pytest.fixture
def bobs(kit) -> Things:
    return things(kit, "bob")


def bound(kit, name: str) -> Callable[..., Any]:
    package, action = name.split(".")
    found: Callable[..., Any] = getattr(getattr(kit, package), action)
    return found


def in_a_transaction(kit, name: str) -> Callable[..., Any]:
    """Return the action composed by hand, as in ``kit.run(lambda tx: ...)``."""
    action = actions()[name]
    assert isinstance(action, Action)
    return lambda *args, **kwargs: kit.run(lambda tx: action.function(tx, *args, **kwargs))


def test_every_action_of_every_module_is_in_the_table():
    assert set(CASES) | OF_ALL_OWNERS == set(actions())


def test_a_scoped_kit_has_no_back_office_calls_and_the_async_one_has_the_same_services():
    assert not [name for name, value in actions().items() if isinstance(value, Workflow)]
    assert feature_packages(AsyncOwnedKit) == feature_packages(OwnedKit)


@pytest.mark.parametrize("name", sorted(CASES))
def test_a_scoped_kit_finds_its_owners_data(kit, adas, name):
    CASES[name](bound(kit.owned_by("ada"), name), adas)


@pytest.mark.parametrize("name", sorted(CASES))
def test_an_unscoped_kit_reaches_the_data_of_every_owner(kit, adas, bobs, name):
    CASES[name](bound(kit, name), bobs)


@pytest.mark.parametrize("form", [bound, in_a_transaction])
@pytest.mark.parametrize(
    ("name", "case"), [*sorted(CASES.items()), *sorted(WITH_ANOTHER_KEY.items())]
)
def test_what_belongs_to_another_does_not_exist(kit, store, adas, bobs, name, case, form):
    call = form(kit.owned_by("ada"), name)

    with nothing_written(store):
        of_bob = refusal(case, call, bobs)
        of_nobody = refusal(case, call, NOBODY)

    assert of_bob.kind == of_nobody.kind
    assert shape(of_bob, bobs) == shape(of_nobody, NOBODY)
    assert of_bob.__cause__ is of_bob.__context__ is None
    assert vars(of_bob).keys() == {"kind", "given"}
    assert "ada" not in str(of_bob)


def refusal(case: Call, call: Callable[..., Any], of: Things) -> NotFound:
    with pytest.raises(NotFound) as caught:
        case(call, of)
    assert type(caught.value) is NotFound
    return caught.value


def shape(error: NotFound, of: Things) -> str:
    """Return the message without what the caller gave."""
    text = str(error)
    for given in (of.owner, of.habit, of.fact, of.award, of.hold):
        text = text.replace(repr(given), "...")
    return text


def test_a_page_of_an_owner_begins_after_any_given_cursor(kit, adas, bobs):
    """A cursor is a place, no subject: it neither finds nor refuses what belongs to another."""
    owned = kit.owned_by("ada")

    for after in (bobs.habit, NOBODY.habit):
        assert {habit.owner for habit in owned.habits.list("ada", after=after)} <= {"ada"}


def test_a_scoped_kit_may_transfer_to_another_owner_but_learns_nothing_about_them(kit, adas, bobs):
    known = kit.owned_by("ada").coins.transfer("ada", "bob", 1, idempotency_key="k1")
    unknown = kit.owned_by("ada").coins.transfer("ada", "nobody", 1, idempotency_key="k2")

    assert (known.amount, known.target) == (1, "bob")
    assert (unknown.amount, unknown.target) == (1, "nobody")
    assert kit.coins.balance("bob").posted == 12


def test_what_a_scoped_kit_gives_to_another_owner_lifts_the_level_of_that_one(kit, adas, bobs):
    kit.quests.set_levels(Levels.table([kit.coins.balance("bob").posted + 1], currency="coin"))

    kit.owned_by("ada").coins.transfer("ada", "bob", 1, idempotency_key="k")

    assert kit.quests.level("bob").number == 2
    assert len(kit.events.net("bob", types=["LevelReached"])) == 1


def test_only_an_unscoped_kit_audits_the_whole_ledger(kit, store, bobs):
    owned = kit.owned_by("ada")

    with nothing_written(store), pytest.raises(NotFound) as refusal:
        owned.coins.audit()

    assert (refusal.value.kind, refusal.value.given) == ("ledger", None)
    assert owned.coins.audit("ada").accounts == 0
    assert kit.coins.audit().accounts == 3


def test_a_scoped_kit_does_not_reverse_a_transfer_with_another_party(kit, adas, bobs):
    given = kit.coins.transfer("ada", "bob", 1, idempotency_key="g")
    taken = kit.coins.transfer("bob", "ada", 1, idempotency_key="t")

    for shared in (given, taken):
        with pytest.raises(NotFound):
            kit.owned_by("ada").coins.reverse(shared.id, idempotency_key="r")
        assert kit.coins.reverse(shared.id, idempotency_key="r").reverses == shared.id


def test_a_batch_of_a_scoped_kit_gives_to_others_and_takes_from_its_owner_only(
    kit, store, adas, bobs
):
    owned = kit.owned_by("ada")
    gifts = [Posting.transfer("ada", "bob", 1), Posting.transfer("ada", "nobody", 1)]
    theft = [*gifts, Posting.transfer("bob", "ada", 1)]

    with nothing_written(store), pytest.raises(NotFound):
        owned.coins.post_many(theft, idempotency_key="k")
    assert [done.target for done in owned.coins.post_many(gifts, idempotency_key="k")] == [
        "bob",
        "nobody",
    ]


def test_invalid_input_is_refused_before_the_owner_is_checked(kit, store, bobs):
    """Invalid input is reported as such, not as ``NotFound``."""
    with nothing_written(store), pytest.raises(InvalidInput):
        kit.owned_by("ada").habits.list("")
