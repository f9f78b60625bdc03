"""``kit.export`` and ``kit.forget``: everything of one owner, and the words of it."""

from __future__ import annotations

import json

import pytest
from attrs import evolve, frozen

import habitkit.testing
from habitkit import Event, Schedule, on
from habitkit.backends.sqlalchemy import metadata
from habitkit.erasure import forget
from habitkit.errors import IdempotencyKeyExpired, NotFound

WORDS = ("secret-title", "secret-tag", "secret-note", "secret-memo", "secret-data", "secret-field")


@pytest.fixture
def run(kit):
    """A habit of Ada's, and words wherever there is room for some."""
    run = kit.habits.create(
        "ada", "secret-title", Schedule.daily(), tags=["secret-tag"], idempotency_key="c"
    )
    kit.habits.check_in(run.id, note="secret-note", idempotency_key="i")
    taken_back = kit.habits.check_in(run.id, note="secret-note again")
    kit.habits.undo(taken_back.id)
    kit.coins.award(
        "ada", 5, memo="secret-memo", metadata={"m": "secret-data"}, idempotency_key="a"
    )
    kit.events.record("ada", "book.read", {"title": "secret-field"}, idempotency_key="r")
    return run


def words_in(kit, owner="ada"):
    text = json.dumps(kit.export(owner))
    return [word for word in WORDS if word in text]


def test_an_export_holds_everything_as_json(kit, run):
    exported = kit.export("ada")

    assert json.loads(json.dumps(exported)) == exported
    assert exported.keys() >= {"journal", "habits", "coins"}
    assert words_in(kit) == list(WORDS)
    (habit,) = exported["habits"]["habits"]
    assert (habit["id"], habit["title"]) == (str(run.id), "secret-title")
    assert len(exported["habits"]["check_ins"]) == 1
    assert len(exported["habits"]["voided_check_ins"]) == 1
    assert sum(account["balance"] for account in exported["coins"]["accounts"]) == 0
    assert {event["type"] for event in exported["journal"]["events"]} >= {
        "HabitCreated",
        "CoinsPosted",
        "book.read",
    }


def test_an_export_contains_no_data_of_other_owners(kit, run):
    kit.habits.create("bob", "Swim", Schedule.daily())

    assert "Swim" not in json.dumps(kit.export("ada"))
    assert words_in(kit, "bob") == []


def test_forgetting_erases_the_words_and_leaves_the_sums(kit, run):
    kit.sweep()
    before = evolve(kit.streaks.state(run.id), title="(erased)"), kit.coins.balance("ada")
    events = [(event.id, event.type, event.key) for event in kit.events.page("ada")]

    erased = kit.forget("ada")

    assert (erased["journal"], erased["habits"], erased["coins"]) == (6, 3, 1)
    assert words_in(kit) == []
    assert (kit.streaks.state(run.id), kit.coins.balance("ada")) == before
    assert [(event.id, event.type, event.key) for event in kit.events.page("ada")] == events
    assert kit.coins.audit().ok
    assert kit.habits.get(run.id).title == "(erased)"


def test_forgetting_again_finds_nothing(kit, run):
    kit.forget("ada")

    assert not any(kit.forget("ada").values())
    assert not any(kit.forget("nobody").values())


def test_others_keep_their_words(kit, run):
    swim = kit.habits.create("bob", "Swim", Schedule.daily(), tags=["sport"])
    kit.habits.check_in(swim.id, note="cold")
    kit.events.record("bob", "book.read", {"title": "Emma"})
    before = kit.export("bob")

    kit.forget("ada")

    assert kit.export("bob") == before


def test_an_owner_goes_on_after_forgetting(kit, run):
    kit.forget("ada")
    kit.clock.advance(days=1)

    assert kit.habits.check_in(run.id).streak.days == 2
    assert kit.habits.update(run.id, title="Run").title == "Run"
    assert kit.rebuild().repaired == ()


def test_a_key_that_was_used_before_can_create_nothing_twice(kit, run):
    kit.forget("ada")

    with pytest.raises(IdempotencyKeyExpired):
        kit.coins.award("ada", 5, memo="secret-memo", idempotency_key="a")
    with pytest.raises(IdempotencyKeyExpired):
        kit.events.record("ada", "book.read", {"title": "secret-field"}, idempotency_key="r")


@frozen
class Cheered(Event):
    """A host's own event, which one owner sends to another."""

    message: str


@pytest.mark.parametrize("fails", [False, True])
def test_the_words_of_messages_that_wait_are_erased(store, fails):
    def react(tx, owner, events):
        if fails:
            raise ValueError(events[0].message)

    kit = habitkit.testing.kit(store=store, reactions=[on(Cheered, react)])
    kit.run(lambda tx: tx.send(Cheered("ada", tx.now, "secret-field"), key="k"))
    assert words_in(kit) == ["secret-field"]
    if fails:
        assert kit.sweep().failures

    kit.forget("ada")

    assert words_in(kit) == []
    assert "secret-field" not in everything_in(store)
    assert kit.sweep().counts["messages"] == 0
    assert kit.forget("ada")["journal"] == 0


def test_forgetting_is_undone_with_its_transaction(kit, run):
    before = kit.export("ada")

    kit.rehearse(lambda tx: forget(tx, "ada"))

    assert kit.export("ada") == before


def test_a_kit_of_one_owner_exports_and_forgets_that_one_alone(kit, run):
    ada = kit.owned_by("ada")

    assert ada.export("ada") == kit.export("ada")
    for verb in (ada.export, ada.forget):
        with pytest.raises(NotFound):
            verb("bob")


def everything_in(store):
    """All that a store keeps, as one text."""
    if store.name == "memory":
        stores = store._stores
        tables = [stores.inbox._rows, stores.idempotency._rows, *stores.events._logs.values()]
        return str([table.rows for table in tables])
    with store._engine.connect() as connection:
        found = [connection.execute(table.select()).all() for table in metadata.sorted_tables]
    return str(found)


def test_no_word_is_left_in_any_table(kit, store, run):
    kit.forget("ada")

    assert not [word for word in WORDS if word in everything_in(store)]
