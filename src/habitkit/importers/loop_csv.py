"""Import from Loop Habit Tracker's CSV export.

    export = loop_csv.read("Loop Habits CSV 2026-10-31.zip")        all or nothing, writes nothing
    report = loop_csv.import_export(kit, "ada", export, tz="Europe/Vienna")

Each habit of the export becomes a habit that is due as in Loop, each day on which it was done by
hand a check-in of history credit with its amount and note, and each skipped day a skip: they count
for the streak and earn nothing. A habit is found again by its name in the export, so an import may
be repeated, at any time and with a later export: only what is new is added. A habit that was
renamed in Loop in between is a new one; a day that was unticked there stays done here.

What an import simplifies or leaves out, it lists in ``ImportedHabit.remarks``, and how Loop's own
streaks compare with those here in ``ImportedHabit.streaks``.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from attrs import frozen

from habitkit.importers._loop_habits import SOURCE, ImportedHabit, check_days, import_habit
from habitkit.importers._loop_plans import plan_of
from habitkit.importers._loop_reader import read
from habitkit.importers._loop_streaks import LoopStreaks
from habitkit.importers._loop_values import LoopEntry, LoopExport, LoopHabit, LoopValue

if TYPE_CHECKING:
    from collections.abc import Callable

    from habitkit.binding import Async, Sync
    from habitkit.services import Services

__all__ = [
    "SOURCE",
    "ImportReport",
    "ImportedHabit",
    "LoopEntry",
    "LoopExport",
    "LoopHabit",
    "LoopStreaks",
    "LoopValue",
    "check_days",
    "import_export",
    "import_export_async",
    "import_habit",
    "read",
]


@frozen
class ImportReport:
    """The result of an import.

    Attributes:
        habits: The habits in the order of the export.
        remarks: What of the export belongs to none of them, one sentence each.
    """

    habits: tuple[ImportedHabit, ...]
    remarks: tuple[str, ...] = ()

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
    source: str = SOURCE,
    progress: Callable[[int, int], object] | None = None,
) -> ImportReport:
    """Give an owner the habits of an export, with all their days.

    Each habit is one transaction: whole or not at all. An import that was interrupted is finished
    by running it again. ``kit.on(session)`` makes it all or nothing, in the host's transaction.

    Args:
        kit: The kit, or ``kit.owned_by(owner)``.
        owner: Whose habits they will be.
        export: What ``read`` returned.
        tz: The IANA zone of new habits, where the phone was; UTC by default.
        source: Where the days come from. Another source makes other habits: see how to import anew
            in the guide.
        progress: Called after each habit with the days so far and the days in all.

    Returns:
        What was created, added and already there.

    Raises:
        ImportRefused: If a day of the export has not begun or lies more than a hundred years
            back; it names the file and the line, and nothing was written.
        InvalidInput: If the export is not what ``read`` returns, or the owner, the zone or the
            source is not acceptable; nothing was written.

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
    kit.run(partial(check_days, owner=owner, export=export, tz=tz, source=source))
    total, done = sum(len(plan_of(habit).days) for habit in export.habits), 0
    habits: list[ImportedHabit] = []
    for habit in export.habits:
        taken = kit.run(partial(import_habit, owner=owner, habit=habit, tz=tz, source=source))
        habits.append(taken)
        done += taken.days_new + taken.days_known
        if progress is not None:
            progress(done, total)
    return ImportReport(tuple(habits), export.remarks)


async def import_export_async(
    kit: Services[Async],
    owner: str,
    export: LoopExport,
    *,
    tz: str | None = None,
    source: str = SOURCE,
    progress: Callable[[int, int], object] | None = None,
) -> ImportReport:
    """Do what ``import_export`` does, with an async kit.

    ``read`` blocks; an async host calls it as ``await asyncio.to_thread(loop_csv.read, path)``.
    """
    await kit.run(partial(check_days, owner=owner, export=export, tz=tz, source=source))
    total, done = sum(len(plan_of(habit).days) for habit in export.habits), 0
    habits: list[ImportedHabit] = []
    for habit in export.habits:
        taken = await kit.run(partial(import_habit, owner=owner, habit=habit, tz=tz, source=source))
        habits.append(taken)
        done += taken.days_new + taken.days_known
        if progress is not None:
            progress(done, total)
    return ImportReport(tuple(habits), export.remarks)
