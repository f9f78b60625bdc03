"""The index of words: it finds what the rule finds, follows every write, and may be missing."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import timedelta
from functools import partial
from typing import Any
from uuid import UUID, uuid4

import hypothesis
import pytest
from attrs import evolve
from hypothesis import strategies as st
from sqlalchemy import Connection, Engine, create_engine, event, func, inspect, select
from sqlalchemy.exc import DatabaseError

import habitkit.testing
from habitkit import Schedule
from habitkit.backends.memory import MemoryStore
from habitkit.backends.sqlalchemy import LATEST, SqlStore, _words, schema, sqlite_engine, upgrade
from habitkit.backends.sqlalchemy._prepared import Link, Prepared
from habitkit.backends.sqlalchemy.tables import check_ins, habits, schema_version
from habitkit.habits.facts import CheckIn, Void
from habitkit.habits.words import matching, words
from habitkit.store import Store, Stores
from habitkit.testing.contracts._facts import NOW
from habitkit.testing.contracts._frame import read, write
from habitkit.testing.contracts._habit_store import RUN
from habitkit.testing.contracts._searches import SearchCases
from tests.sql.support import write_history

DAILY = Schedule.daily()

# -- the same results ----------------------------------------------------------------------------

PIECES = st.sampled_from(
    [
        *("run", "Runs", "RUN", "r", "wal", "walk", "and", "OR", "NOT", "near", "10", "1", "_"),
        *("straße", "STRASSE", "\u0130", "\u0131", "i", "Σ", "ς", "é", "e\u0301", "\u0301"),
        *(
            "日本",
            "日",
            "ガ",
            "カ\u3099",
            "हिन्दी",
            "🏃",
            "👩\u200d🚀",
            "\u2764\ufe0f",
            "½",
            "ﬁ",
            "\u00ad",
        ),
        *(
            " ",
            " ",
            " ",
            "'",
            '"',
            "*",
            ":",
            "-",
            "(",
            ")",
            "^",
            "&",
            "|",
            "!",
            "\\",
            "{}",
            "%",
            "\n",
        ),
    ]
)
TEXTS = st.lists(PIECES, min_size=1, max_size=8).map("".join) | st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), min_size=1, max_size=20
)


@st.composite
def written(draw: st.DrawFn) -> list[tuple[str, list[str], list[tuple[str, bool]]]]:
    """Titles, tags and notes, some of them taken back."""
    note = st.tuples(TEXTS | st.just(""), st.booleans())
    habit = st.tuples(TEXTS, st.lists(TEXTS, max_size=3), st.lists(note, max_size=4))
    return draw(st.lists(habit, min_size=1, max_size=4))


def write_all(stores: Stores, owner: str, given: Any) -> None:
    stores.owners.lock(owner)
    for title, tags, notes in given:
        habit = evolve(RUN, id=uuid4(), owner=owner, title="before", tags=tuple(tags))
        stores.habits.add(habit)
        stores.habits.put(evolve(habit, title=title))
        facts = [
            CheckIn(uuid4(), habit.id, owner, NOW.date(), NOW, "UTC", note, "full", "app", NOW)
            for note, _ in notes
        ]
        stores.habits.add_check_ins(facts)
        for fact, (_, back) in zip(facts, notes, strict=True):
            if back:
                stores.habits.add_void(Void(uuid4(), habit.id, owner, fact.id, NOW))


def differences(owner: str, texts: list[str], stores: Stores) -> list[tuple[str, Any, Any]]:
    """Return the texts for which something else is found than the rule finds, with both."""
    every, notes = stores.habits.of_owner(owner, None, 1000), stores.habits.notes(owner)
    wrong = []
    for text in texts:
        if wanted := words(text):
            found = stores.habits.search(owner, wanted, None, 1000)
            right = matching(wanted, every, notes)
            if found != right:
                wrong.append((text, found, right))
    return wrong


def differs_nowhere(store: Store) -> Callable[[], None]:
    """Return a property: a store finds what the rule finds."""

    @hypothesis.settings(max_examples=60, database=None)
    @hypothesis.given(written(), st.lists(TEXTS, min_size=1, max_size=5))
    def holds(given: Any, asked: list[str]) -> None:
        owner = f"{uuid4()}"
        write(store, lambda stores: write_all(stores, owner, given))
        of_it = [text for title, tags, notes in given for text in (title, *tags, *dict(notes))]
        texts = [*asked, *of_it, *(text[:2] for text in of_it)]
        assert read(store, partial(differences, owner, texts)) == []

    return holds


def test_whatever_is_written_an_index_finds_what_the_rule_finds(engine):
    differs_nowhere(SqlStore(engine))()

    with engine.connect() as connection:
        assert unindexed(connection) == (0, 0)


def test_whatever_is_written_memory_finds_what_the_rule_finds():
    differs_nowhere(MemoryStore())()


def test_a_search_for_many_words_is_not_too_deep(engine):
    store = SqlStore(engine)
    write(store, lambda stores: write_all(stores, "ada", [("1 2 3", [], [])]))
    many = [f"{n}" for n in range(1000)]

    assert read(store, lambda stores: stores.habits.search("ada", many, None, 9)) == []
    assert len(read(store, lambda stores: stores.habits.search("ada", many[1:4], None, 9))) == 1


# -- what it costs -------------------------------------------------------------------------------


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the index's own statements, as they are sent."""
    named = {
        statement: name
        for kind in (_words.Words, _words.Fts5)
        for name, statement in vars(kind).items()
        if isinstance(statement, Prepared)
    }
    names: list[str] = []
    for method in ("rows", "run", "run_many"):
        monkeypatch.setattr(Link, method, _noting(getattr(Link, method), named, names))
    return names


def _noting(original: Any, named: dict[Prepared, str], names: list[str]) -> Any:
    def send(link: Link, statement: Prepared, *values: Any) -> Any:
        if statement in named:
            names.append(named[statement])
        return original(link, statement, *values)

    return send


def test_a_check_in_without_a_note_sends_nothing_for_the_index(kit, engine, sent):
    run = kit.habits.create("ada", "Run", DAILY)
    sent.clear()

    done = kit.habits.check_in(run.id)
    kit.habits.check_in(run.id, amount=2, idempotency_key="k")
    kit.habits.backfill(run.id, [NOW.date() - timedelta(days=n) for n in range(9)], source="s")
    kit.habits.undo(done.id)
    assert sent == []

    noted = kit.habits.check_in(run.id, note="great")
    assert set(sent) == ({"_IS_THERE", "_ADD"} if engine.dialect.name == "sqlite" else set())
    sent.clear()
    kit.habits.undo(noted.id)
    assert sent == []


MANY = 1000


@pytest.fixture
def crowded(engine: Engine) -> Engine:
    """A database in which ada and four others have written many notes each, and gus one."""

    def fill(stores: Stores) -> None:
        for number, owner in enumerate(("ada", "bob", "cid", "dan", "eve", "gus"), 1):
            habit = evolve(RUN, id=UUID(int=number << 64), owner=owner)
            stores.habits.add(habit)
            made = CheckIn(
                UUID(int=1), habit.id, owner, NOW.date(), NOW, "UTC", "", "full", "app", NOW
            )
            stores.habits.add_check_ins(
                [
                    evolve(made, id=UUID(int=number << 64 | n), note=f"ran {n} times around it")
                    for n in range(1 if owner == "gus" else MANY)
                ]
            )
            if owner in {"bob", "cid"}:
                for n in range(MANY):
                    fact_id = UUID(int=number << 64 | n)
                    stores.habits.add_void(Void(uuid4(), habit.id, owner, fact_id, NOW))

    write(SqlStore(engine), fill)
    if engine.dialect.name == "postgresql":
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.exec_driver_sql("VACUUM ANALYZE")
    return engine


def plan_of(engine: Engine, owner: str, text: str) -> str:
    """Return how a database looks for a text."""
    explain = {"sqlite": "EXPLAIN QUERY PLAN", "postgresql": "EXPLAIN (ANALYZE, TIMING off)"}
    lines: list[str] = []
    asking = create_engine(engine.url)

    @event.listens_for(asking, "before_cursor_execute")
    def ask(connection: Connection, cursor: Any, sql: str, values: Any, *_: Any) -> None:
        if "ORDER BY" in sql:
            cursor.execute(f"{explain[engine.dialect.name]} {sql}", values)
            lines.extend(str(row[-1]) for row in cursor.fetchall())

    kit = habitkit.testing.kit(store=SqlStore(asking))
    assert len(kit.habits.search(owner, text)) == 1
    asking.dispose()
    return "\n".join(lines)


def test_a_search_looks_words_up_in_the_index_and_reads_no_notes(crowded):
    plan = plan_of(crowded, "ada", "ran 77")

    if crowded.dialect.name == "sqlite":
        assert "SCAN habitkit_words VIRTUAL TABLE INDEX 0:M" in plan
        assert "habitkit_check_ins" not in plan
    else:
        assert "Bitmap Index Scan on habitkit_check_ins_words" in plan
        assert "Scan on habitkit_check_ins " in plan
        assert "Seq Scan" not in plan.replace("Seq Scan on habitkit_habits", "")


def test_what_others_have_written_costs_nothing(crowded):
    if crowded.dialect.name == "postgresql":
        plan = plan_of(crowded, "ada", "ran")
        (looked_up,) = re.findall(r"on habitkit_check_ins_words .*actual rows=(\d+)", plan)
        assert int(looked_up) == MANY
    else:
        assert steps(crowded, "gus") * 10 < steps(crowded, "ada")


def steps(engine: Engine, owner: str) -> int:
    """Return how many steps SQLite's machine takes for a search."""
    taken: list[int] = []
    watched = create_engine(engine.url)

    @event.listens_for(watched, "connect")
    def watch(driver: Any, _: object) -> None:
        driver.set_progress_handler(lambda: taken.append(1), 1)

    kit = habitkit.testing.kit(store=SqlStore(watched))
    assert len(kit.habits.search(owner, "ran")) == 1
    watched.dispose()
    return len(taken)


# -- older tables --------------------------------------------------------------------------------


def unindexed(connection: Connection) -> tuple[int, int]:
    """Return how many titles and notes are not in the index."""
    count = select(func.count())
    without = (
        count.select_from(habits).where(habits.c.words.is_(None)),
        count.select_from(check_ins).where(
            check_ins.c.note.is_not(None), check_ins.c.words.is_(None)
        ),
    )
    titles, notes = (connection.execute(one).scalar_one() for one in without)
    return titles, notes


def write_older_history(engine: Engine) -> None:
    """Fill the tables of the fifth step; some batches of notes are among it."""
    upgrade(engine, to=1)
    write_history(engine)
    upgrade(engine, to=5)
    copied = (
        "INSERT INTO habitkit_check_ins (id, habit_id, owner, day, at, tz, note, credit, source,"
        " received_at) SELECT {}, habit_id, owner, day, at, tz, '{}', credit, source, received_at"
        " FROM habitkit_check_ins WHERE note LIKE 'it''s%%'"
    )
    cast = "'::uuid" if engine.dialect.name == "postgresql" else "'"
    with engine.begin() as connection:
        for n in range(1, 1101):
            connection.exec_driver_sql(copied.format(f"'{n:032x}{cast}", f"note {n}"))
        connection.exec_driver_sql('UPDATE habitkit_habits SET tags = \'["Früh", "sport"]\'')


def is_found(engine: Engine) -> None:
    """Check that what the older history holds is found."""
    kit = habitkit.testing.kit("2026-01-04T08:00Z", store=SqlStore(engine))
    (run,) = kit.habits.list("ada")
    for text in ("run", "FRÜH spo", "rain km", "note 1", "note 500", "note 501", "note 1100"):
        assert kit.habits.search("ada", text) == [run], text
    for text in ("run rain", "note 1101", "note 1 2"):
        assert kit.habits.search("ada", text) == [], text


def test_an_upgrade_indexes_what_was_written_before(empty_engine, sent):
    write_older_history(empty_engine)

    assert upgrade(empty_engine) == (5, LATEST)

    with empty_engine.connect() as connection:
        assert unindexed(connection) == (0, 0)
    is_found(empty_engine)
    assert "_HABITS" in sent, "the notes were read by the upgrade alone"
    assert sent.count("_NOTES") == 4, "three batches, and the end of them"


@pytest.mark.parametrize("n", [1, 2, 700])
def test_an_upgrade_that_ends_while_it_indexes_leaves_nothing_behind(empty_engine, monkeypatch, n):
    write_older_history(empty_engine)
    original, calls = _words.tokens, []

    def fail(owner: str, text: str) -> str:
        calls.append(text)
        if len(calls) == n:
            raise KeyboardInterrupt
        return original(owner, text)

    monkeypatch.setattr(_words, "tokens", fail)
    with pytest.raises(KeyboardInterrupt):
        upgrade(empty_engine)

    with empty_engine.connect() as connection:
        assert schema.version(connection) == 5
        assert "words" not in {
            column["name"] for column in inspect(connection).get_columns("habitkit_habits")
        }
        assert "habitkit_words" not in inspect(connection).get_table_names()
    monkeypatch.undo()
    assert upgrade(empty_engine) == (5, LATEST)
    is_found(empty_engine)


def test_before_a_migration_of_the_hosts_fills_the_index_the_same_is_found(empty_engine):
    write_older_history(empty_engine)
    with empty_engine.begin() as connection:
        for statement in schema.statements(6, empty_engine.dialect.name):
            connection.exec_driver_sql(statement)
        connection.execute(schema_version.update().values(version=6))
        assert unindexed(connection) == (1, 1101)

    is_found(empty_engine)
    kit = habitkit.testing.kit("2026-01-04T08:00Z", store=SqlStore(empty_engine))
    (run,) = kit.habits.list("ada")
    kit.habits.check_in(run.id, note="written meanwhile")
    kit.habits.update(run.id, title="Runs")
    assert kit.habits.search("ada", "meanwhile") == kit.habits.search("ada", "runs") != []
    for _ in range(2):
        with empty_engine.begin() as connection:
            schema.fill(connection)
            assert unindexed(connection) == (0, 0)
    again = [kit.habits.search("ada", text) for text in ("meanwhile", "runs", "rain")]
    assert again == [kit.habits.list("ada")] * 3


# -- a SQLite library without FTS5 ---------------------------------------------------------------


@pytest.fixture
def without_fts5(sqlite_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Engine]:
    """A file that a SQLite library without FTS5 has made."""
    monkeypatch.setattr(schema, "_has_fts5", lambda _: False)
    engine = sqlite_engine(sqlite_url)
    assert upgrade(engine) == (0, LATEST)
    yield engine
    engine.dispose()


class TestWithoutFts5(SearchCases):
    """A search on a file that has no index finds the same."""

    @pytest.fixture
    def store(self, without_fts5: Engine) -> Store:
        return SqlStore(without_fts5)


def test_a_file_without_an_index_says_so_in_its_rows(without_fts5):
    differs_nowhere(SqlStore(without_fts5))()

    with without_fts5.connect() as connection:
        assert "habitkit_words" not in inspect(connection).get_table_names()
        assert connection.execute(select(habits.c.words).distinct()).all() == [(None,)]


def test_an_upgrade_without_fts5_leaves_the_older_rows_unindexed(sqlite_url, monkeypatch):
    monkeypatch.setattr(schema, "_has_fts5", lambda _: False)
    engine = sqlite_engine(sqlite_url)
    write_older_history(engine)

    assert upgrade(engine) == (5, LATEST)

    is_found(engine)
    engine.dispose()


def rename_module(engine: Engine, old: str, new: str) -> None:
    """Let a file name a module that the library has not, or has."""
    with engine.connect() as connection:
        driver: Any = connection.connection.driver_connection
        driver.execute("PRAGMA writable_schema = ON")
        driver.execute(
            "UPDATE sqlite_master SET sql = replace(sql, ?, ?) WHERE name = 'habitkit_words'",
            (old, new),
        )
        driver.commit()
    engine.dispose()


def test_a_library_without_fts5_may_use_a_file_with_an_index_and_nothing_is_lost(sqlite):
    kit = habitkit.testing.kit(store=SqlStore(sqlite))
    run = kit.habits.create("ada", "Run", DAILY)
    other = kit.habits.create("bob", "Run", DAILY)
    old = kit.habits.check_in(run.id, note="old")
    kit.habits.check_in(run.id, note="kept")

    def found(*texts: str) -> list[int]:
        return [len(kit.habits.search("ada", text)) for text in texts]

    rename_module(sqlite, "fts5", "fts9")
    assert found("run", "old", "new") == [1, 1, 0]
    kit.habits.update(run.id, title="Walk")
    kit.habits.edit(old.id, note="new")
    assert found("run", "walk", "old", "new", "kept") == [0, 1, 0, 1, 1]

    rename_module(sqlite, "fts9", "fts5")
    assert found("run", "walk", "old", "new", "kept") == [0, 1, 0, 1, 1]
    assert kit.habits.search("bob", "run") == [other]
    with sqlite.begin() as connection:
        schema.fill(connection)
        assert unindexed(connection) == (0, 0)
    assert found("run", "walk", "old", "new", "kept") == [0, 1, 0, 1, 1]
    kit.habits.update(run.id, title="Swim")
    assert found("walk", "swim") == [0, 1]


def test_an_error_that_is_no_missing_module_is_not_taken_for_one(sqlite):
    kit = habitkit.testing.kit(store=SqlStore(sqlite))
    kit.habits.create("ada", "Run", DAILY)
    with sqlite.begin() as connection:
        connection.exec_driver_sql("DROP TABLE habitkit_words_data")

    with pytest.raises(DatabaseError):
        kit.habits.search("ada", "run")


# -- transactions of the host --------------------------------------------------------------------


def test_what_a_host_rolls_back_is_not_in_the_index(host):
    kit = habitkit.testing.kit(store=SqlStore(host))
    run = kit.habits.create("ada", "Run", DAILY)
    with host.connect() as connection:
        inside = kit.on(connection)
        inside.habits.update(run.id, title="Walk")
        inside.habits.check_in(run.id, note="great")
        assert len(inside.habits.search("ada", "walk")) == 1
        assert len(inside.habits.search("ada", "great")) == 1
        connection.rollback()

    assert len(kit.habits.search("ada", "run")) == 1
    assert kit.habits.search("ada", "walk") == kit.habits.search("ada", "great") == []
