"""Habits are found by the words in titles, tags and notes, whatever the store."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any
from uuid import UUID

import pytest
from attrs import evolve
from sqlalchemy import Engine

import habitkit.testing
from habitkit import OfflineCheckIn, Schedule
from habitkit.backends.memory import MemoryStore
from habitkit.backends.sqlalchemy import SqlStore, sqlite_engine
from habitkit.errors import InvalidId
from habitkit.habits import InvalidHabit
from habitkit.habits.domain.words import matching, words
from habitkit.habits.store import HABITS
from habitkit.store import Store, Stores
from habitkit.testing.contracts._base import read, write
from habitkit.testing.contracts._sample_facts import NOW, STRANGE_TEXTS
from habitkit.testing.contracts._sample_habits import RUN

DAILY = Schedule.daily()

WRITTEN = (
    *STRANGE_TEXTS,
    "STRASSE Maße",
    "\u0130stanbul ISTANBUL \u0131l\u0131k",
    "ΣΊΣΥΦΟΣ Σίσυφος",
    "Cafe\u0301 CAFÉ \uff23\uff41\uff46\uff45",
    'Don\u00b4t don\'t d:on-t "d*on" (t)',
    "हिन्दी לָשׁוֹן ไทย 日本語で書く ランニング カ\u3099 ガ",
    "❤️ 👩‍🚀 👍🏽 1️⃣ 🇦🇹 ½ 42 4.2 ⅷ",
    "snake_case OR NOT AND NEAR a^b {c} w' 'w & | ! <-> \\",
    "x" * 200,
    "!?* ... --",
)
ASKED = (
    *WRITTEN,
    *(text[:n] for text in WRITTEN for n in (1, 2, 4)),
    "s",
    "mass",
    "maße strasse",
    "run maße",
    "or",
    "x" * 50,
    "y" * 51,
    "書 日",
    " ".join(f"{n}" for n in range(70)),
)


@pytest.fixture(params=["memory", "sqlite"])
def store(
    request: pytest.FixtureRequest, ready_sqlite: Callable[[Engine], None]
) -> Iterator[Store]:
    """A store of each kind in turn."""
    if request.param == "memory":
        yield MemoryStore()
        return
    engine = sqlite_engine("sqlite://")
    ready_sqlite(engine)
    yield SqlStore(engine)
    engine.dispose()


@pytest.fixture
def kit(store: Store) -> habitkit.testing.TestKit:
    """A kit whose clock stands at ``NOW``."""
    return habitkit.testing.kit(NOW, store=store)


def test_a_habit_is_found_by_the_beginnings_of_words_in_its_title_and_its_tags(kit):
    run = kit.habits.create("ada", "Run to the Straße", DAILY, tags=["Sport", "early bird"])
    kit.clock.advance(seconds=1)
    walk = kit.habits.create("ada", "Walk", DAILY, tags=["sport"])

    def found(text: str | None) -> list[str]:
        return [habit.title for habit in kit.habits.search("ada", text)]

    assert found(None) == found("sport") == found("SP") == [run.title, walk.title]
    assert found("run") == found("STRASSE bird ru") == found("early,run!") == [run.title]
    assert found("un") == found("running") == found("run walk") == []
    assert found("") == found(" \t") == found("*") == found('"') == []


def test_the_words_must_all_be_in_title_and_tags_or_in_one_note(kit, run):
    kit.habits.check_in(run.id, note="Felt great, like a BIRD")
    kit.habits.check_in(run.id, note="rained")
    kit.habits.check_in(run.id, note="")
    kit.habits.check_in(run.id)

    for text in ("great", "bird fel", "rain", "run"):
        assert kit.habits.search("ada", text) == [run], text
    for text in ("run great", "great rained", "none", "n"):
        assert kit.habits.search("ada", text) == [], text


def test_what_is_written_now_counts(kit, run):
    def found(text: str) -> bool:
        return bool(kit.habits.search("ada", text) == [kit.habits.get(run.id)])

    kit.habits.update(run.id, title="Walk", tags=["slow"])
    assert (found("run"), found("walk"), found("slow")) == (False, True, True)
    kit.habits.update(run.id, tags=["fast"])
    assert (found("slow"), found("fast"), found("walk fast")) == (False, True, True)
    kit.habits.reorder("ada", [run.id])
    assert (found("slow"), found("walk fast")) == (False, True)

    done = kit.habits.check_in(run.id, note="great")
    done = kit.habits.edit(done.id, note="bad")
    assert (found("great"), found("bad")) == (False, True)
    done = kit.habits.edit(done.id, note=False)
    assert found("bad") is False
    done = kit.habits.edit(done.id, note="good")
    assert found("good")
    kit.habits.undo(done.id)
    assert found("good") is False
    again = kit.habits.check_in(run.id, note="good")
    assert found("good")
    kit.habits.undo(again.id)
    assert found("good") is False


def test_notes_of_a_batch_are_found(kit, run):
    batch = [OfflineCheckIn(run.id, note=f"note{n}" if n % 2 else None) for n in range(6)]
    kit.habits.check_in_many([*batch, OfflineCheckIn(run.id, amount=-1, note="refused")])

    assert [n for n in range(6) if kit.habits.search("ada", f"note{n}")] == [1, 3, 5]
    assert kit.habits.search("ada", "refused") == []


def test_habits_undone_by_an_error_are_not_found(kit, store, run):
    def fail(stores: Stores) -> None:
        stores.owners.lock(["ada"])
        stores.port(HABITS).put(evolve(run, title="Walk"))
        stores.port(HABITS).add(evolve(run, id=UUID(int=1), title="Swim"))
        raise ZeroDivisionError

    def fail_inside(stores: Stores) -> None:
        with pytest.raises(ZeroDivisionError), stores.savepoint():
            fail(stores)

    with pytest.raises(ZeroDivisionError):
        write(store, fail)
    write(store, fail_inside)

    assert kit.habits.search("ada", "run") == [run]
    assert kit.habits.search("ada", "walk") == kit.habits.search("ada", "swim") == []


def test_habits_of_others_are_not_found(kit, run):
    others_habit = kit.habits.create("Ada", "Run", DAILY)
    kit.habits.check_in(others_habit.id, note="great")
    alike = {"plumless": "plum", "buckeroo": "buck"}  # whose CRC-32 is the same
    made = {owner: kit.habits.create(owner, title, DAILY) for owner, title in alike.items()}

    assert kit.habits.search("ada", "run") == [run]
    assert kit.habits.search("Ada", "run") == kit.habits.search("Ada", "great") == [others_habit]
    assert kit.habits.search("ada", "great") == []
    assert kit.habits.search("plumless", "plum") == [made["plumless"]]
    assert kit.habits.search("plumless", "buck") == []


def test_search_results_are_paged_oldest_first(kit):
    made = [kit.habits.create("ada", f"Run {n}", DAILY) for n in range(7)]
    kit.habits.check_in(made[2].id, note="run run")
    kit.habits.create("ada", "Walk", DAILY)

    assert kit.habits.search("ada", "run") == made
    assert kit.habits.search("ada", "run", limit=3) == made[:3]
    assert kit.habits.search("ada", "run", limit=3, after=made[2].id) == made[3:6]
    assert kit.habits.search("ada", "run", limit=3, after=f"{made[5].id}") == made[6:]
    assert kit.habits.search("ada", "run", after=made[6].id) == []


def test_a_tag_is_found_however_its_accents_are_written(kit):
    coffee = kit.habits.create("ada", "Less of it", Schedule.daily(), tags=("Caf\u00e9",))

    assert kit.habits.search("ada", tags=["CAFE\u0301"]) == [coffee]


def test_a_search_may_ask_for_tags_and_for_what_is_archived(kit):
    made = [
        kit.habits.create("ada", f"Run {n}", DAILY, tags=["All", f"Mod {n % 2}"]) for n in range(6)
    ]
    for habit in made[:2]:
        kit.habits.archive(habit.id)
    even = [habit for habit in made[2:] if "Mod 0" in habit.tags]

    assert kit.habits.search("ada", "run", limit=2) == made[2:4]
    archived = kit.habits.search("ada", "run", archived=True)
    assert [habit.id for habit in archived] == [habit.id for habit in made[:2]]
    assert kit.habits.search("ada", tags=["all", "MOD 0"]) == even
    assert kit.habits.search("ada", "run", tags=["mod 0"], limit=1) == even[:1]
    assert kit.habits.search("ada", "run", tags=["mod"]) == []


def test_a_search_for_a_value_that_is_not_a_string_is_refused(kit):
    unfit: list[Any] = [7, b"run", ["run"], "x" * 201]
    for text in unfit:
        with pytest.raises(InvalidHabit):
            kit.habits.search("ada", text)
    with pytest.raises(InvalidId):
        kit.habits.search("ada", "run", after="run")
    assert kit.habits.search("ada", "x" * 200) == kit.habits.search("ada", "a\x00\ud800") == []


def test_search_results_equal_those_of_the_pure_rule_for_any_text(kit, store):
    for text in WRITTEN:
        named = kit.habits.create("ada", text, DAILY, tags=[f"{text[:20]}.", "tag"])
        kit.habits.check_in(named.id, note=f"{text} noted")
    plain = kit.habits.create("ada", "Plain", DAILY)
    for text in WRITTEN:
        kit.habits.check_in(plain.id, day=NOW.date(), note=text)
    every = kit.habits.list("ada", limit=1000)
    notes = read(store, lambda stores: stores.port(HABITS).notes("ada"))

    for text in ASKED:
        right = matching(words(text), every, notes) if words(text) else []
        assert kit.habits.search("ada", text[:200], limit=1000) == right, text


def test_an_owner_with_more_habits_than_are_read_at_once_finds_all_of_them(kit, store):
    made = [evolve(RUN, id=UUID(int=n), title=f"Run {n}", seq=n) for n in range(1, 1202)]

    def add(stores: Stores) -> None:
        stores.owners.lock(["ada"])
        for habit in made:
            stores.port(HABITS).add(habit)

    write(store, add)

    assert kit.habits.search("ada", "run", limit=1000) == made[:1000]
    assert kit.habits.search("ada", "1201 run") == made[1200:]
    assert kit.habits.search("ada", limit=1000, after=made[999].id) == made[1000:]


def test_a_search_for_many_words_is_not_too_deep(kit):
    kit.habits.create("ada", " ".join(f"{n}" for n in range(50)), DAILY)

    assert len(kit.habits.search("ada", " ".join(f"{n}" for n in range(50)))) == 1
    assert kit.habits.search("ada", " ".join(f"{n}" for n in range(1, 60))) == []


def test_what_a_host_rolls_back_is_not_found(tmp_path, ready_sqlite):
    engine = sqlite_engine(f"sqlite:///{tmp_path / 'habits.db'}")
    ready_sqlite(engine)
    kit = habitkit.testing.kit(store=SqlStore(engine))
    run = kit.habits.create("ada", "Run", DAILY)
    with engine.connect() as connection:
        inside = kit.on(connection)
        inside.habits.update(run.id, title="Walk")
        inside.habits.check_in(run.id, note="great")
        assert len(inside.habits.search("ada", "walk")) == 1
        assert len(inside.habits.search("ada", "great")) == 1
        connection.rollback()

    assert len(kit.habits.search("ada", "run")) == 1
    assert kit.habits.search("ada", "walk") == kit.habits.search("ada", "great") == []
    engine.dispose()
