"""Importing one habit of Loop: an action, and what has to be checked before the first."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Final
from uuid import UUID  # noqa: TC003 - for whoever reads the report's type hints

from attrs import frozen

from habitkit import ids
from habitkit.errors import InvalidInput
from habitkit.habits import service
from habitkit.habits.archiving import first_archivable_day
from habitkit.habits.backfills import past_day_id
from habitkit.habits.domain import rules
from habitkit.habits.domain.days import habit_day, zone
from habitkit.habits.domain.facts import Archived, Skip
from habitkit.habits.domain.history import History
from habitkit.habits.domain.model import DayClock
from habitkit.habits.domain.past_days import PastDay
from habitkit.habits.errors import DayOutOfRange
from habitkit.habits.store import HABITS
from habitkit.importers._loop_plans import ZEROS_LEFT_OUT, last_day, plan_of
from habitkit.importers._loop_streaks import LoopStreaks, compare_streaks
from habitkit.importers._loop_text import refuse
from habitkit.importers._loop_values import LoopExport

if TYPE_CHECKING:
    from collections.abc import Collection

    from habitkit.habits.domain.facts import CheckIn, Fact
    from habitkit.habits.domain.model import Habit
    from habitkit.importers._loop_plans import Plan
    from habitkit.importers._loop_values import LoopHabit
    from habitkit.transaction import Transaction

__all__ = ["SOURCE", "ImportedHabit", "check_days", "import_habit"]

SOURCE: Final = "loop-csv"
"""The ``source`` of every check-in that was imported from here, unless the host names another."""


@frozen
class ImportedHabit:
    """The result of importing one habit of an export.

    Attributes:
        id: The habit here.
        title: Its title here.
        created: False if an earlier import had created it.
        days_new: How many days were added: done, recorded with an amount, or skipped.
        days_known: How many days an earlier import had added.
        remarks: What was simplified or left out, one sentence each.
        streaks: How Loop's own streaks compare with those here; None if Loop's cannot be computed.
        outdated: True if an earlier import made the habit with another schedule or goal than this
            one would.
    """

    id: UUID
    title: str
    created: bool
    days_new: int = 0
    days_known: int = 0
    remarks: tuple[str, ...] = ()
    streaks: LoopStreaks | None = None
    outdated: bool = False


def import_habit(
    tx: Transaction,
    owner: str,
    habit: LoopHabit,
    *,
    tz: str | None = None,
    source: str = SOURCE,
) -> ImportedHabit:
    """Give an owner one habit of an export: an action, for ``kit.run`` or an action of your own.

    Args:
        tx: The transaction.
        owner: Whose habit it will be.
        habit: The habit with its days.
        tz: The IANA zone of the habit if it is new; UTC by default.
        source: Where the days come from.

    Raises:
        DayOutOfRange: If a day has not begun or lies more than a hundred years back.
        InvalidInput: If the owner, the name, the zone or the source is not acceptable.
    """
    tx.own(ids.owner(owner))
    rules.source(source)
    tx.lock(owner)
    stored = tx.port(HABITS).get(_habit_id(owner, habit, source))
    plan = plan_of(habit)
    if stored is not None and stored.deleted_at is not None:
        remark = "deleted here since an earlier import; import with another source to make it anew"
        return ImportedHabit(stored.id, plan.title, created=False, remarks=(remark,))
    there = stored or service.create(
        tx,
        owner,
        plan.title,
        plan.schedule,
        plan.goal,
        clock=DayClock(tz),
        metadata=plan.metadata,
        idempotency_key=_key(habit, source),
    )
    days, wanted = _recordable(tx, there, plan), {}
    for day in days:
        wanted[past_day_id(owner, source, there.id, day)] = day
    earlier = {} if stored is None else _imported(tx, there, source)
    skipped_before = set[date]() if stored is None else _imported_skips(tx, there, source)
    new = service.backfill(tx, there.id, days, source=source)
    if _archive_once(tx, there, habit):
        plan.remarks.append(
            "no longer archived in Loop, and stays archived here: restore it with "
            "kit.habits.restore"
        )
    outdated = (there.schedule, there.goal) != (plan.schedule, plan.goal)
    if outdated:
        plan.remarks.append(
            "an earlier import made this habit with another schedule or goal, which it keeps; "
            "import with another source to make it anew"
        )
    changed = [(fact, wanted.get(fact_id)) for fact_id, fact in earlier.items()]
    undone = sum(day is None for _, day in changed)
    undone += len(skipped_before.difference(day.day for day in days))
    if undone:
        remark = "days that are not done in Loop by now and stay done or skipped here"
        plan.remarks.append(f"{remark}: {undone}")
    if differing := sum(
        day is not None and (day.amount, day.note) != (fact.amount, fact.note)
        for fact, day in changed
    ):
        remark = "days that have another amount or note in Loop by now and stay as they are"
        plan.remarks.append(f"{remark}: {differing}")
    return ImportedHabit(
        id=there.id,
        title=there.title,
        created=stored is None,
        days_new=new,
        days_known=len(days) - new,
        remarks=tuple(plan.remarks),
        streaks=_streaks(tx, there, habit, wanted, outdated=outdated),
        outdated=outdated,
    )


def check_days(
    tx: Transaction,
    owner: str,
    export: LoopExport,
    *,
    tz: str | None = None,
    source: str = SOURCE,
) -> None:
    """Refuse an export with a day that cannot be imported, before anything is written.

    Args:
        tx: The transaction.
        owner: Whose habits they will be.
        export: The export.
        tz: The IANA zone of new habits; UTC by default.
        source: Where the days come from.

    Raises:
        ImportRefused: If a day has not begun or lies more than a hundred years back; it names the
            file and the line that say so.
        InvalidInput: If the export is not what ``read`` returns, or the owner, the zone or the
            source is not acceptable.
    """
    given: object = export
    if not isinstance(given, LoopExport):
        expected = "what loop_csv.read(path) returns"
        raise InvalidInput("export", given=given, expected=expected)
    tx.own(ids.owner(owner))
    zone(tz or "UTC")
    rules.source(source)
    for habit in export.habits:
        stored = tx.port(HABITS).get(_habit_id(owner, habit, source))
        if stored is None:
            days = rules.days_by(DayClock(tz), tx.port(HABITS).facts(owner))
        else:
            days = rules.timeline(stored, tx.port(HABITS).facts(owner, stored.id))
        where, day_start = days.zone_at(tx.now), days.day_start_at(tx.now)
        today = habit_day(tx.now, where, day_start)
        for entry, _ in plan_of(habit).days:
            try:
                rules.credit(entry.day, today, tx.now, where, day_start)
            except DayOutOfRange as error:
                reason = f"{error}; today is {today} in {where.key}, check the owner's time zone"
                if entry.file is None:  # made by the host, so the habit's name identifies it
                    refuse(habit.name, None, reason)
                refuse(entry.file, entry.line, reason)


def _key(habit: LoopHabit, source: str) -> str:
    """Return the idempotency key of a habit: its name, and which of that name it is."""
    which = () if habit.namesake == 1 else (str(habit.namesake),)
    return f"{source}:{ids.derived_id(source, habit.name, *which)}"


def _habit_id(owner: str, habit: LoopHabit, source: str) -> UUID:
    """Return the id that ``create`` derives from the key; it outlives the idempotency record."""
    return ids.derived_id(owner, "habits.create", _key(habit, source))


def _history(tx: Transaction, habit: Habit) -> History:
    return History(habit, tx.port(HABITS).facts(habit.owner, habit.id), tx.now)


def _recordable(tx: Transaction, habit: Habit, plan: Plan) -> list[PastDay]:
    """Return the past days that fit the habit, and count the others.

    A day without an amount fits no goal that counts none; the goal may be another than planned.
    """
    history = _history(tx, habit)
    every = [day for _, day in plan.days]
    fitting = [
        day for day in every if day.amount or history.version_on(day.day).goal.kind != "done"
    ]
    if len(fitting) < len(every):
        plan.remarks.append(f"{ZEROS_LEFT_OUT}: {len(every) - len(fitting)}")
    return fitting


def _imported(tx: Transaction, habit: Habit, source: str) -> dict[UUID, CheckIn]:
    """Return the check-ins of earlier imports that still count and were not edited, by id."""
    live = [fact for fact in tx.port(HABITS).live(habit.id) if fact.source == source]
    names = (habit.owner, source, habit.id)
    return {fact.id: fact for fact in live if fact.id == past_day_id(*names, PastDay(fact.day))}


def _imported_skips(tx: Transaction, habit: Habit, source: str) -> set[date]:
    """Return the days that earlier imports have skipped and that still are."""
    skips = [fact for fact in _history(tx, habit).others if isinstance(fact, Skip)]
    names = (habit.owner, source, habit.id)
    return {
        fact.day
        for fact in skips
        if fact.id == past_day_id(*names, PastDay(fact.day, skipped=True))
    }


def _archive_once(tx: Transaction, habit: Habit, loop_habit: LoopHabit) -> bool:
    """Archive what is archived in Loop, unless it was archived here before: it may be restored.

    Returns:
        True if it is archived here although it is not in Loop.
    """
    history = _history(tx, habit)
    if not loop_habit.archived:
        return history.archived
    if not any(isinstance(it, Archived) for it in history.facts):
        day = first_archivable_day(tx, habit, last_day(loop_habit, history.today))
        service.archive(tx, habit.id, day=None if day > history.today else day)
    return False


def _streaks(
    tx: Transaction,
    habit: Habit,
    loop_habit: LoopHabit,
    wanted: Collection[UUID],
    *,
    outdated: bool,
) -> LoopStreaks | None:
    """Compare Loop's own streaks with those here."""
    live = tx.port(HABITS).live(habit.id)
    history = _history(tx, habit)
    changed = None
    if outdated:
        changed = "schedule of an earlier import"
    elif _is_changed(live, history.facts, wanted):
        changed = "changed here"
    return compare_streaks(
        loop_habit,
        service.state(tx, habit.id),
        first=min([history.created, *(fact.day for fact in live)]),
        archived=history.lasting_until if history.archived else None,
        by_period=habit.schedule.kind == "quota",
        changed=changed,
    )


def _is_changed(
    live: Collection[CheckIn], others: Collection[Fact], wanted: Collection[UUID]
) -> bool:
    """Return whether the facts of a habit are not those of the export alone."""
    facts = {fact.id for fact in (*live, *others) if not isinstance(fact, Archived)}
    return facts != set(wanted)
