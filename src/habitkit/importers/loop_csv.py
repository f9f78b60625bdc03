"""Import from Loop Habit Tracker's CSV export.

    export = loop_csv.read("Loop Habits CSV 2026-10-31.zip")        all or nothing, writes nothing
    report = loop_csv.import_export(kit, "ada", export, tz="Europe/Vienna")

Each habit of the export becomes a habit, each day on which it was done by hand becomes a check-in
of history credit: it counts for the streak and earns nothing. A habit is found again by its name
in the export, so an import may be repeated, at any time and with a later export: only what is new
is added. A habit that was renamed in Loop in between is a new one; a day that was unticked there
stays done here.

Not everything can be imported yet. What an import simplifies or leaves out, it lists in
``ImportedHabit.remarks``; questions, descriptions and colors are left out without a remark.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final
from uuid import UUID  # noqa: TC003 - for whoever reads the report's type hints

from attrs import frozen

from habitkit import ids
from habitkit.habits import service
from habitkit.habits.domain import rules
from habitkit.habits.domain.days import habit_day, zone
from habitkit.habits.domain.model import DayClock, Schedule
from habitkit.habits.errors import DayOutOfRange
from habitkit.habits.store import HABITS
from habitkit.importers._loop_reader import read
from habitkit.importers._loop_text import refuse
from habitkit.importers._loop_values import (
    LoopEntry,
    LoopExport,
    LoopHabit,
    LoopValue,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from habitkit.binding import Async, Sync
    from habitkit.services import Services
    from habitkit.transaction import Transaction

__all__ = [
    "SOURCE",
    "ImportReport",
    "ImportedHabit",
    "LoopEntry",
    "LoopExport",
    "LoopHabit",
    "LoopValue",
    "check_days",
    "import_export",
    "import_export_async",
    "import_habit",
    "read",
]

SOURCE: Final = "loop-csv"
"""The ``source`` of every check-in that was imported from here."""

_LONGEST_TITLE: Final = 200


@frozen
class ImportedHabit:
    """The result of importing one habit of an export.

    Attributes:
        id: The habit here.
        title: Its title here.
        created: False if an earlier import had created it.
        days_new: How many days were added.
        days_known: How many days an earlier import had added.
        remarks: What was simplified or left out, one sentence each.
    """

    id: UUID
    title: str
    created: bool
    days_new: int
    days_known: int
    remarks: tuple[str, ...] = ()


@frozen
class ImportReport:
    """The result of an import.

    Attributes:
        habits: The habits in the order of the export.
    """

    habits: tuple[ImportedHabit, ...]

    @property
    def created(self) -> int:
        """How many habits were created."""
        return sum(habit.created for habit in self.habits)

    @property
    def days_new(self) -> int:
        """How many days were added, over all habits."""
        return sum(habit.days_new for habit in self.habits)

    @property
    def days_known(self) -> int:
        """How many days earlier imports had added, over all habits."""
        return sum(habit.days_known for habit in self.habits)


def import_export(
    kit: Services[Sync],
    owner: str,
    export: LoopExport,
    *,
    tz: str | None = None,
    progress: Callable[[int, int], object] | None = None,
) -> ImportReport:
    """Give an owner the habits of an export, with every day on which they were done.

    Each habit is one transaction: whole or not at all. An import that was interrupted is finished
    by running it again. ``kit.on(session)`` makes it all or nothing, in the host's transaction.

    Args:
        kit: The kit, or ``kit.owned_by(owner)``.
        owner: Whose habits they will be.
        export: What ``read`` returned.
        tz: The IANA zone of new habits, where the phone was; UTC by default.
        progress: Called after each habit with the days so far and the days in all.

    Returns:
        What was created, added and already there.

    Raises:
        ImportRefused: If a day of the export has not begun or lies more than a hundred years
            back; it names the file and the line, and nothing was written.
        InvalidInput: If the owner or the zone is not acceptable; nothing was written.

    Example:
        >>> from datetime import date
        >>> import habitkit.testing
        >>> from habitkit.importers import loop_csv
        >>> kit = habitkit.testing.kit(now="2026-01-03T08:00Z")
        >>> days = (date(2026, 1, 1), date(2026, 1, 2))
        >>> ticks = tuple(loop_csv.LoopEntry(day, loop_csv.LoopValue.YES_MANUAL) for day in days)
        >>> run = loop_csv.LoopHabit("Run", "", "", 1, 1, False, ticks)
        >>> export = loop_csv.LoopExport((run,))
        >>> loop_csv.import_export(kit, "ada", export).days_new
        2
        >>> loop_csv.import_export(kit, "ada", export).days_new
        0
    """
    kit.run(partial(check_days, owner=owner, export=export, tz=tz))
    total, done = sum(len(habit.done_days) for habit in export.habits), 0
    habits: list[ImportedHabit] = []
    for habit in export.habits:
        taken = kit.run(partial(import_habit, owner=owner, habit=habit, tz=tz))
        habits.append(taken)
        done += taken.days_new + taken.days_known
        if progress is not None:
            progress(done, total)
    return ImportReport(tuple(habits))


async def import_export_async(
    kit: Services[Async],
    owner: str,
    export: LoopExport,
    *,
    tz: str | None = None,
    progress: Callable[[int, int], object] | None = None,
) -> ImportReport:
    """Do what ``import_export`` does, with an async kit.

    ``read`` blocks; an async host calls it as ``await asyncio.to_thread(loop_csv.read, path)``.
    """
    await kit.run(partial(check_days, owner=owner, export=export, tz=tz))
    total, done = sum(len(habit.done_days) for habit in export.habits), 0
    habits: list[ImportedHabit] = []
    for habit in export.habits:
        taken = await kit.run(partial(import_habit, owner=owner, habit=habit, tz=tz))
        habits.append(taken)
        done += taken.days_new + taken.days_known
        if progress is not None:
            progress(done, total)
    return ImportReport(tuple(habits))


def import_habit(
    tx: Transaction, owner: str, habit: LoopHabit, *, tz: str | None = None
) -> ImportedHabit:
    """Give an owner one habit of an export: an action, for ``kit.run`` or an action of your own.

    Args:
        tx: The transaction.
        owner: Whose habit it will be.
        habit: The habit with its days.
        tz: The IANA zone of the habit if it is new; UTC by default.

    Raises:
        DayOutOfRange: If a day has not begun or lies more than a hundred years back.
        InvalidInput: If the owner, the name or the zone is not acceptable.
    """
    tx.own(ids.owner(owner))
    tx.lock(owner)
    stored = tx.port(HABITS).get(_habit_id(owner, habit))
    there = stored or service.create(
        tx,
        owner,
        _title(habit),
        Schedule.daily(),
        clock=DayClock(tz),
        idempotency_key=_key(habit),
    )
    days = habit.done_days
    new = service.backfill(tx, there.id, days, source=SOURCE)
    return ImportedHabit(
        id=there.id,
        title=there.title,
        created=stored is None,
        days_new=new,
        days_known=len(days) - new,
        remarks=_remarks(habit),
    )


def check_days(tx: Transaction, owner: str, export: LoopExport, *, tz: str | None = None) -> None:
    """Refuse an export with a day that cannot be imported, before anything is written.

    Args:
        tx: The transaction.
        owner: Whose habits they will be.
        export: The export.
        tz: The IANA zone of new habits; UTC by default.

    Raises:
        ImportRefused: If a day has not begun or lies more than a hundred years back; it names the
            file and the line that say so.
        InvalidInput: If the owner or the zone is not acceptable.
    """
    tx.own(ids.owner(owner))
    zone(tz or "UTC")
    for habit in export.habits:
        stored = tx.port(HABITS).get(_habit_id(owner, habit))
        clock = DayClock(tz) if stored is None else stored.clock
        name = clock.tz or "UTC"
        today = habit_day(tx.now, zone(name), clock.day_start)
        for entry in habit.done_entries:
            try:
                rules.credit(entry.day, today, tx.now, zone(name), clock.day_start)
            except DayOutOfRange as error:
                reason = f"{error}; today is {today} in {name}, check the owner's time zone"
                if entry.file is None:  # made by the host, so the habit's name identifies it
                    refuse(habit.name, None, reason)
                refuse(entry.file, entry.line, reason)


def _key(habit: LoopHabit) -> str:
    """Return the idempotency key of a habit: its name, which is unique in an export."""
    return f"{SOURCE}:{ids.derived_id(SOURCE, habit.name)}"


def _habit_id(owner: str, habit: LoopHabit) -> UUID:
    """Return the id that ``create`` derives from the key; it outlives the idempotency record."""
    return ids.derived_id(owner, "habits.create", _key(habit))


def _title(habit: LoopHabit) -> str:
    """Return a name as a title, cut where Loop allows more."""
    if len(habit.name) <= _LONGEST_TITLE:
        return habit.name
    return f"{habit.name[: _LONGEST_TITLE - 1]}…"


def _remarks(habit: LoopHabit) -> tuple[str, ...]:
    """Describe what an import simplifies or leaves out."""
    remarks = []
    if habit.numerator < habit.denominator:
        remarks.append(
            f"due on {habit.numerator} of {habit.denominator} days in Loop; "
            "imported as due every day"
        )
    if habit.archived:
        remarks.append("archived in Loop; imported as active")
    if habit.numerical:
        remarks.append("measured in Loop; imported as done or not done, without amounts")
    if skipped := sum(entry.value is LoopValue.SKIP for entry in habit.entries):
        remarks.append(f"skipped days imported as not done: {skipped}")
    if notes := sum(entry.notes is not None for entry in habit.entries):
        remarks.append(f"notes not imported: {notes}")
    if len(habit.name) > _LONGEST_TITLE:
        remarks.append(f"the name was truncated to {_LONGEST_TITLE} characters")
    return tuple(remarks)
