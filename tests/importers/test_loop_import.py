"""From a Loop export to facts: every day once, however often and in whatever pieces it is
imported."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import create_engine
from sqlalchemy.orm import Session

import habitkit.testing
from habitkit import AsyncHabitKit, HabitKit
from habitkit.backends.memory import MemoryStore
from habitkit.backends.sqlalchemy import SqlStore, sqlite_engine, upgrade
from habitkit.backends.threaded import ThreadedStore
from habitkit.coins import transfers
from habitkit.errors import InvalidInput, InvalidOwner, NotFound
from habitkit.habits import InvalidZone
from habitkit.habits.store import HABITS
from habitkit.importers import loop_csv
from habitkit.importers.errors import ImportRefused
from habitkit.importers.loop_csv import LoopEntry, LoopExport, LoopHabit, LoopValue
from habitkit.testing import FakeClock, TestKit

SAMPLE = Path(__file__).parents[2] / "examples" / "data" / "loop-export"
NOW = "2026-01-10T08:00Z"
TODAY = date(2026, 1, 10)


def january(*days: int) -> list[date]:
    return [date(2026, 1, day) for day in days]


def habit_of(name: str, days: list[date], *, value: LoopValue = LoopValue.YES_MANUAL) -> LoopHabit:
    entries = tuple(LoopEntry(day, value) for day in sorted(days))
    return LoopHabit(name, "", "", 1, 1, archived=False, entries=entries)


RUN = habit_of("Run", january(1, 2, 3, 5, 6))
READ = habit_of("Read", january(2, 9))
BOTH = LoopExport((RUN, READ))


def done_days(kit: HabitKit, habit_id: object) -> list[date]:
    return kit.streaks.done_days(str(habit_id), date(1900, 1, 1), date(2100, 1, 1))


def facts(kit: HabitKit, owner: str = "ada") -> int:
    """Count the check-ins of an owner, through the port."""
    return kit.run(
        lambda tx: sum(
            len(tx.port(HABITS).live(habit.id))
            for habit in tx.port(HABITS).page(None, 100, owner=owner)
        )
    )


@pytest.fixture(params=["memory", "sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def kit(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[TestKit]:
    if request.param == "memory":
        yield habitkit.testing.kit(NOW)
        return
    if request.param == "sqlite":
        engine = sqlite_engine(f"sqlite:///{tmp_path / 'kit.db'}")
    else:
        engine = create_engine(request.getfixturevalue("fresh_postgres_url"))
    upgrade(engine)
    yield habitkit.testing.kit(NOW, store=SqlStore(engine))
    engine.dispose()


# --- what becomes of an export ---------------------------------------------------------------


def test_each_habit_gets_its_done_days_and_nothing_is_earned(kit):
    report = loop_csv.import_export(kit, "ada", BOTH)

    assert [(habit.title, habit.created, habit.days_new) for habit in report.habits] == [
        ("Run", True, 5),
        ("Read", True, 2),
    ]
    assert (report.created, report.days_new, report.days_known) == (2, 7, 0)
    run, read = (kit.habits.get(habit.id) for habit in report.habits)
    assert done_days(kit, run.id) == january(1, 2, 3, 5, 6)
    assert kit.streaks.state(run.id).best.slots == 3
    assert kit.streaks.state(read.id).streak.slots == 1
    assert {fact.credit for fact in kit.run(lambda tx: tx.port(HABITS).live(run.id))} == {"history"}
    assert kit.coins.balance("ada").posted == 0
    assert kit.coins.statement("ada") == []


def test_what_was_not_done_by_hand_is_not_imported(kit):
    others = (LoopValue.UNKNOWN, LoopValue.NO, LoopValue.YES_AUTO)
    entries = tuple(
        LoopEntry(date(2026, 1, number), value) for number, value in enumerate(others, 1)
    )
    habit = LoopHabit("Run", "", "", 1, 1, archived=False, entries=entries)

    report = loop_csv.import_export(kit, "ada", LoopExport((habit,)))

    assert (report.created, report.days_new) == (1, 0)
    assert facts(kit) == 0


def test_the_sample_is_imported_whole():
    kit = habitkit.testing.kit("2026-11-01T12:00Z")
    export = loop_csv.read(SAMPLE)

    report = loop_csv.import_export(kit, "ada", export)

    assert (report.created, report.days_new) == (5, 1720)
    for imported, habit in zip(report.habits, export.habits, strict=True):
        assert done_days(kit, imported.id) == list(habit.done_days)
        assert kit.streaks.rebuild(imported.id).repaired == ()


def test_an_empty_export_is_an_empty_report(kit):
    assert loop_csv.import_export(kit, "ada", LoopExport(())) == loop_csv.ImportReport(())


def test_new_habits_are_in_the_zone_that_was_named(kit):
    (imported,) = loop_csv.import_export(kit, "ada", LoopExport((RUN,)), tz="Asia/Tokyo").habits
    assert kit.habits.get(imported.id).clock.tz == "Asia/Tokyo"


def test_it_reports_how_far_it_is(kit):
    steps = []
    loop_csv.import_export(kit, "ada", BOTH, progress=lambda *step: steps.append(step))
    assert steps == [(5, 7), (7, 7)]


async def test_an_async_kit_imports_the_same():
    clock, steps = FakeClock(NOW), []
    kit = AsyncHabitKit(ThreadedStore(MemoryStore()), clock=clock)

    report = await loop_csv.import_export_async(
        kit, "ada", BOTH, progress=lambda *step: steps.append(step)
    )
    again = await loop_csv.import_export_async(kit.owned_by("ada"), "ada", BOTH)

    assert report == loop_csv.import_export(habitkit.testing.kit(NOW), "ada", BOTH)
    assert (again.created, again.days_new, again.days_known) == (0, 0, 7)
    assert steps == [(5, 7), (7, 7)]
    await kit.close()


# --- once more -------------------------------------------------------------------------------


def test_importing_again_doubles_nothing(kit):
    first = loop_csv.import_export(kit, "ada", BOTH)
    events = kit.events.page("ada", limit=1000)

    second = loop_csv.import_export(kit, "ada", BOTH)

    assert (second.created, second.days_new, second.days_known) == (0, 0, 7)
    assert [habit.id for habit in second.habits] == [habit.id for habit in first.habits]
    assert facts(kit) == 7
    assert len(kit.habits.list("ada")) == 2
    assert kit.events.page("ada", limit=1000) == events


def test_importing_again_doubles_nothing_when_the_keys_are_long_forgotten(kit):
    first = loop_csv.import_export(kit, "ada", BOTH)
    kit.clock.advance(days=400)
    while kit.sweep().more:
        pass
    assert kit.sweep().counts["old_keys"] == 0

    second = loop_csv.import_export(kit, "ada", BOTH)

    assert (second.created, second.days_new, second.days_known) == (0, 0, 7)
    assert [habit.id for habit in second.habits] == [habit.id for habit in first.habits]
    assert facts(kit) == 7


def test_importing_again_from_another_zone_keeps_the_habits_own(kit):
    loop_csv.import_export(kit, "ada", BOTH, tz="Europe/Vienna")
    report = loop_csv.import_export(kit, "ada", BOTH, tz="Asia/Tokyo")
    assert report.days_new == 0
    assert {habit.clock.tz for habit in kit.habits.list("ada")} == {"Europe/Vienna"}


def test_a_later_export_adds_its_new_days_only(kit):
    loop_csv.import_export(kit, "ada", BOTH)
    later = LoopExport((habit_of("Run", january(1, 2, 3, 4, 5, 6, 7)), READ))

    report = loop_csv.import_export(kit, "ada", later)

    assert [(habit.days_new, habit.days_known) for habit in report.habits] == [(2, 5), (0, 2)]
    assert kit.streaks.state(report.habits[0].id).best.slots == 7
    assert kit.coins.balance("ada").posted == 0


def test_a_day_that_a_later_export_lacks_stays_done(kit):
    loop_csv.import_export(kit, "ada", BOTH)
    fewer = LoopExport((habit_of("Run", january(1)),))
    (run,) = loop_csv.import_export(kit, "ada", fewer).habits
    assert len(done_days(kit, run.id)) == 5


def test_a_day_that_was_undone_here_stays_undone(kit):
    run, _ = loop_csv.import_export(kit, "ada", BOTH).habits
    day = date(2026, 1, 6)
    fact, *_ = kit.run(lambda tx: tx.port(HABITS).live(run.id, day))
    kit.habits.undo(fact.id)

    report = loop_csv.import_export(kit, "ada", BOTH)

    assert report.days_new == 0
    assert done_days(kit, run.id) == january(1, 2, 3, 5)


def test_a_day_that_was_checked_in_here_too_counts_once(kit):
    (run,) = loop_csv.import_export(kit, "ada", LoopExport((RUN,))).habits
    kit.habits.check_in(run.id)
    export = LoopExport((habit_of("Run", [*RUN.done_days, TODAY]),))

    loop_csv.import_export(kit, "ada", export)

    assert kit.streaks.state(run.id).streak.slots == 1
    assert kit.coins.balance("ada").posted == 10


def test_a_habit_that_was_renamed_in_loop_is_a_new_one(kit):
    loop_csv.import_export(kit, "ada", LoopExport((RUN,)))
    report = loop_csv.import_export(kit, "ada", LoopExport((habit_of("Jog", january(1)),)))
    assert report.created == 1


def test_habits_are_listed_in_the_order_of_the_export(kit):
    names = [f"Habit {n}" for n in range(12)]

    loop_csv.import_export(kit, "ada", LoopExport(tuple(habit_of(it, january(1)) for it in names)))

    assert [habit.title for habit in kit.habits.list("ada")] == names


def test_an_interrupted_import_is_finished_by_another(kit):
    def stop(*_: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        loop_csv.import_export(kit, "ada", BOTH, progress=stop)
    assert [habit.title for habit in kit.habits.list("ada")] == ["Run"]

    report = loop_csv.import_export(kit, "ada", BOTH)

    assert (report.created, report.days_new, report.days_known) == (1, 2, 5)
    assert facts(kit) == 7


def test_two_imports_at_once_add_each_day_once(kit):
    with ThreadPoolExecutor(4) as threads:
        reports = list(
            threads.map(lambda _: loop_csv.import_export(kit, "ada", BOTH), range(4), timeout=60)
        )
    assert sum(report.created for report in reports) == 2
    assert sum(report.days_new for report in reports) == 7
    assert facts(kit) == 7


@given(st.lists(st.sets(st.integers(0, 40)), min_size=1, max_size=4))
def test_pieces_in_any_order_end_where_the_whole_does(pieces):
    first = date(2025, 12, 1)
    whole = {first + timedelta(days=offset) for piece in pieces for offset in piece}
    one, many = habitkit.testing.kit(NOW), habitkit.testing.kit(NOW)

    (at_once,) = loop_csv.import_export(one, "ada", LoopExport((habit_of("R", [*whole]),))).habits
    for piece in pieces:
        some = [first + timedelta(days=offset) for offset in piece]
        loop_csv.import_export(many, "ada", LoopExport((habit_of("R", some),)))

    assert done_days(many, at_once.id) == done_days(one, at_once.id) == sorted(whole)
    assert many.streaks.state(at_once.id) == one.streaks.state(at_once.id)
    assert facts(many) == len(whole)


# --- whose it is -----------------------------------------------------------------------------


def test_each_owner_has_habits_of_their_own(kit):
    ada = loop_csv.import_export(kit.owned_by("ada"), "ada", BOTH)
    bob = loop_csv.import_export(kit.owned_by("bob"), "bob", BOTH)
    assert bob.days_new == 7
    assert {habit.id for habit in ada.habits}.isdisjoint(habit.id for habit in bob.habits)


def test_an_owned_kit_imports_for_nobody_else(kit):
    with pytest.raises(NotFound):
        loop_csv.import_export(kit.owned_by("ada"), "bob", BOTH)
    assert kit.habits.list("bob") == []


# --- refused before anything is written ------------------------------------------------------


@pytest.mark.parametrize(
    ("day", "said"),
    [
        (date(2026, 1, 11), "cannot check in for 2026-01-11"),
        (date(1912, 6, 23), "cannot check in for 1912-06-23"),
    ],
)
def test_a_day_that_cannot_be_refuses_the_whole_export_and_names_a_habit_of_the_hosts_own(
    kit, day, said
):
    with pytest.raises(ImportRefused, match=said) as caught:
        loop_csv.import_export(kit, "ada", LoopExport((RUN, habit_of("Read", [day]))))

    assert caught.value.file == "Read"
    assert "today is 2026-01-10 in UTC, check the owner's time zone" in caught.value.reason
    assert kit.habits.list("ada") == []


@pytest.mark.parametrize(
    ("own_file", "file"),
    [(True, "002 Read/Checkmarks.csv"), (False, "Checkmarks.csv")],
    ids=["a file of its own", "the table of all"],
)
def test_a_day_that_cannot_be_is_named_by_its_file_and_line(kit, tmp_path, own_file, file):
    (tmp_path / "Habits.csv").write_text(
        "Position,Name,NumRepetitions,Interval\n001,Run,1,1\n002,Read,1,1\n"
    )
    (tmp_path / "001 Run").mkdir()
    (tmp_path / "001 Run" / "Checkmarks.csv").write_text("2026-01-02,2\n")
    if own_file:
        (tmp_path / "002 Read").mkdir()
        (tmp_path / file).write_text("2026-01-12,0\n2026-01-11,2\n2026-01-02,2\n")
    else:
        (tmp_path / file).write_text("Date,Run,Read,\n2026-01-11,0,2,\n2026-01-02,2,2,\n")

    with pytest.raises(ImportRefused, match="cannot check in for 2026-01-11") as caught:
        loop_csv.import_export(kit, "ada", loop_csv.read(tmp_path))

    assert (caught.value.file, caught.value.line) == (file, 2)
    assert str(caught.value).startswith(f"{file}, line 2: ")


def test_the_place_of_an_entry_makes_it_no_other_entry():
    entry = LoopEntry(date(2026, 1, 1), LoopValue.NO)

    assert entry == LoopEntry(entry.day, entry.value, file="Checkmarks.csv", line=2)


def test_today_where_the_owner_lives_is_fine_if_the_zone_is_named(kit):
    kit.clock.set("2026-01-10T20:00Z")  # the 11th in Auckland
    export = LoopExport((habit_of("Run", january(10, 11)),))
    report = loop_csv.import_export(kit, "ada", export, tz="Pacific/Auckland")
    assert kit.streaks.state(report.habits[0].id).streak.slots == 2


def test_the_days_of_a_known_habit_are_held_against_its_own_zone(kit):
    loop_csv.import_export(kit, "ada", LoopExport((RUN,)))
    kit.clock.set("2026-01-10T20:00Z")
    later = LoopExport((habit_of("Swim", january(11)), habit_of("Run", january(11))))

    with pytest.raises(ImportRefused, match=r"Run: .* today is 2026-01-10 in UTC"):
        loop_csv.import_export(kit, "ada", later, tz="Pacific/Auckland")

    assert [habit.title for habit in kit.habits.list("ada")] == ["Run"]


@pytest.mark.parametrize("by", ["a change of the clock", "travel"])
def test_the_days_are_held_against_the_zone_in_force(kit, by):
    report = loop_csv.import_export(kit, "ada", LoopExport((RUN,)))
    kit.clock.set("2026-01-10T20:00Z")  # the 11th in Auckland
    if by == "travel":
        kit.habits.travel("ada", "Pacific/Auckland")
    else:
        kit.habits.change_clock(
            report.habits[0].id, tz="Pacific/Auckland", effective_day=date(2026, 1, 10)
        )

    again = loop_csv.import_export(kit, "ada", LoopExport((habit_of("Run", january(11)),)))

    assert again.habits[0].days_new == 1
    if by == "travel":  # a new habit is where its owner is
        new = loop_csv.import_export(kit, "ada", LoopExport((habit_of("Swim", january(11)),)))
        assert new.habits[0].days_new == 1


@pytest.mark.parametrize(
    ("owner", "tz", "error"),
    [("", None, InvalidOwner), ("ada", "Mars/Base", InvalidZone)],
)
def test_an_owner_or_a_zone_that_cannot_be_is_refused(kit, owner, tz, error):
    with pytest.raises(error):
        loop_csv.import_export(kit, owner, BOTH, tz=tz)
    assert kit.habits.list("ada") == []


# --- inside the host's transaction -----------------------------------------------------------


def test_in_the_hosts_transaction_it_is_all_or_nothing(tmp_path):
    engine = sqlite_engine(f"sqlite:///{tmp_path / 'host.db'}")
    upgrade(engine)
    kit = habitkit.testing.kit(NOW, store=SqlStore(engine))
    with Session(engine) as session:
        assert loop_csv.import_export(kit.on(session), "ada", BOTH).days_new == 7
        session.rollback()
        assert kit.habits.list("ada") == []
        loop_csv.import_export(kit.on(session), "ada", BOTH)
        session.commit()
    assert facts(kit) == 7
    engine.dispose()


def test_one_habit_composes_with_other_actions(kit):
    def welcome(tx: habitkit.Transaction) -> int:
        transfers.award(tx, "ada", 5, idempotency_key="welcome")
        return loop_csv.import_habit(tx, "ada", RUN).days_new

    assert kit.run(welcome) == 5
    assert kit.coins.balance("ada").posted == 5


# --- what it says about what it leaves behind ------------------------------------------------


def run_with(**changes: object) -> Callable[[], LoopHabit]:
    given: dict[str, object] = {
        "name": "Run",
        "question": "",
        "description": "",
        "numerator": 1,
        "denominator": 1,
        "archived": False,
    }
    return lambda: LoopHabit(**{**given, **changes})  # type: ignore[arg-type]


DAY = date(2026, 1, 1)


@pytest.mark.parametrize(
    ("make", "remarks"),
    [
        (run_with(), ()),
        (run_with(numerator=7, denominator=7), ()),
        (run_with(numerator=3, denominator=7), ()),
        (
            run_with(numerator=5, denominator=3),
            ("due 5 times in 3 days in Loop; imported as due every day",),
        ),
        (run_with(archived=True), ()),
        (run_with(entries=(LoopEntry(DAY, LoopValue.SKIP),)), ()),
        (run_with(entries=(LoopEntry(DAY, LoopValue.YES_MANUAL, "New year"),)), ()),
        (
            run_with(numerical=True, unit="litres"),
            ("no target is known; a day counts as done if its amount is above 0",),
        ),
        (
            run_with(
                numerical=True,
                target=Decimal(0),
                entries=(LoopEntry(DAY, LoopValue.AMOUNT, "none", Decimal(0)),),
            ),
            (
                "the target is 0; a day counts as done if its amount is above 0",
                "notes of days that were not done, not imported: 1",
                "days with an amount of 0, not imported as the goal counts no amounts: 1",
            ),
        ),
        (
            run_with(numerical=True, target=Decimal(20), denominator=7),
            ("the target is one of any 7 days in Loop; imported as one of each calendar week",),
        ),
        (
            run_with(numerical=True, target=Decimal(20), denominator=3),
            ("the target is one of any 3 days in Loop; imported as one a day",),
        ),
        (
            run_with(
                entries=(
                    LoopEntry(DAY, LoopValue.YES_MANUAL, "n" * 2001),
                    LoopEntry(DAY + timedelta(days=1), LoopValue.NO, "ill"),
                    LoopEntry(DAY + timedelta(days=2), LoopValue.SKIP, "away"),
                    LoopEntry(DAY + timedelta(days=3), LoopValue.UNKNOWN, "?"),
                )
            ),
            (
                "notes truncated to 2000 characters: 1",
                "notes of days that were not done, not imported: 3",
            ),
        ),
        (run_with(name="R" * 201), ("the name was truncated to 200 characters",)),
        (
            run_with(description="走" * 2000),
            ("the description was truncated to 599 characters",),
        ),
    ],
)
def test_the_report_says_what_was_simplified_or_left_behind(make, remarks):
    kit = habitkit.testing.kit(NOW)
    for _ in range(2):
        (imported,) = loop_csv.import_export(kit, "ada", LoopExport((make(),))).habits
        assert imported.remarks == remarks


def test_long_names_are_cut_but_delivered_apart():
    kit = habitkit.testing.kit(NOW)
    names = ["n" * 300 + "1", "n" * 300 + "2", "n" * 200]
    report = loop_csv.import_export(kit, "ada", LoopExport(tuple(habit_of(n, []) for n in names)))
    assert report.created == 3
    assert [habit.title for habit in report.habits] == ["n" * 199 + "…"] * 2 + ["n" * 200]
    assert [habit.id for habit in report.habits] == [
        habit.id
        for habit in loop_csv.import_export(
            kit, "ada", LoopExport(tuple(habit_of(n, []) for n in names))
        ).habits
    ]


async def test_a_path_instead_of_an_export_is_refused_with_the_call_that_reads_it():
    store = MemoryStore()
    async_kit = AsyncHabitKit(ThreadedStore(store))
    path: Any = "loop.zip"

    message = r"export: expected what loop_csv.read\(path\) returns, got 'loop.zip'"
    with pytest.raises(InvalidInput, match=message):
        loop_csv.import_export(HabitKit(store), "ada", path)
    with pytest.raises(InvalidInput, match=message):
        await loop_csv.import_export_async(async_kit, "ada", path)
