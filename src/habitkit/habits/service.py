"""The services ``kit.habits`` and ``kit.streaks``: a list of their use cases."""

from __future__ import annotations

from habitkit.binding import M, Service, action, query
from habitkit.habits.archiving import archive, restore
from habitkit.habits.backfills import backfill
from habitkit.habits.batch import check_in_many
from habitkit.habits.changes import change_clock, change_freezes, change_schedule
from habitkit.habits.check_ins import check_in
from habitkit.habits.creation import create
from habitkit.habits.deletion import delete
from habitkit.habits.edits import edit, reorder, update
from habitkit.habits.freezes import grant_freeze, repair
from habitkit.habits.lookup import get, of_owner
from habitkit.habits.pauses import pause, pause_all, resume, resume_all, skip, unskip
from habitkit.habits.queries import dashboard, done_days, explain, history, runs, simulate, state
from habitkit.habits.rebuilding import rebuild
from habitkit.habits.searching import search
from habitkit.habits.streaks_at_risk import at_risk
from habitkit.habits.travels import travel
from habitkit.habits.undoing import undo

__all__ = [
    "HabitService",
    "StreakService",
    "archive",
    "at_risk",
    "backfill",
    "change_clock",
    "change_freezes",
    "change_schedule",
    "check_in",
    "check_in_many",
    "create",
    "dashboard",
    "delete",
    "done_days",
    "edit",
    "explain",
    "get",
    "grant_freeze",
    "history",
    "of_owner",
    "pause",
    "pause_all",
    "rebuild",
    "reorder",
    "repair",
    "restore",
    "resume",
    "resume_all",
    "runs",
    "search",
    "simulate",
    "skip",
    "state",
    "travel",
    "undo",
    "unskip",
    "update",
]


class HabitService(Service[M]):
    """The methods of ``kit.habits``."""

    create = action(create)
    get = query(get)
    list = query(of_owner)
    search = query(search)
    check_in = action(check_in)
    check_in_many = action(check_in_many)
    edit = action(edit)
    undo = action(undo)
    backfill = action(backfill)
    update = action(update)
    reorder = action(reorder)
    skip = action(skip)
    unskip = action(unskip)
    pause = action(pause)
    pause_all = action(pause_all)
    resume = action(resume)
    resume_all = action(resume_all)
    grant_freeze = action(grant_freeze)
    repair = action(repair)
    change_schedule = action(change_schedule)
    change_clock = action(change_clock)
    change_freezes = action(change_freezes)
    archive = action(archive)
    restore = action(restore)
    delete = action(delete)
    travel = action(travel)


class StreakService(Service[M]):
    """The methods of ``kit.streaks``."""

    state = query(state)
    today = query(dashboard)
    at_risk = query(at_risk)
    history = query(history)
    runs = query(runs)
    explain = query(explain)
    simulate = query(simulate)
    done_days = query(done_days)
    rebuild = action(rebuild)
