"""Habits and streaks: habits, their check-ins and other facts, and the state derived from them.

The use cases are those of ``kit.habits`` and ``kit.streaks``, for ``kit.run`` and reactions:
``habits.check_in(tx, ...)``.
"""

from typing import TYPE_CHECKING

from habitkit._lazy import lazy_names

if TYPE_CHECKING:
    from habitkit.habits.domain.evaluation import Explanation, evaluate, slots
    from habitkit.habits.domain.model import CheckedIn, CheckIn, DayClock, Habit, Schedule, Undone
    from habitkit.habits.domain.past_days import PastDay
    from habitkit.habits.domain.streaks import AtRisk, HabitState, RebuildReport, Slot, Streak
    from habitkit.habits.domain.strength import Strength, smoothed
    from habitkit.habits.errors import DayOutOfRange, InvalidHabit, InvalidZone
    from habitkit.habits.events import (
        FreezeEarned,
        FreezeUsed,
        HabitChanged,
        HabitCompleted,
        HabitCreated,
        StreakBroken,
        StreakReached,
    )
    from habitkit.habits.habit_days import habit_day
    from habitkit.habits.service import (
        archive,
        at_risk,
        backfill,
        change_clock,
        change_freezes,
        change_schedule,
        check_in,
        check_in_many,
        create,
        dashboard,
        delete,
        done_days,
        edit,
        explain,
        get,
        grant_freeze,
        history,
        of_owner,
        pause,
        pause_all,
        rebuild,
        reorder,
        repair,
        restore,
        resume,
        resume_all,
        runs,
        search,
        simulate,
        skip,
        state,
        travel,
        undo,
        unskip,
        update,
    )
    from habitkit.habits.settings import HabitSettings
    from habitkit.habits.store import HABITS, STREAKS, HabitStore, StreakStore

__all__ = [
    "HABITS",
    "STREAKS",
    "AtRisk",
    "CheckIn",
    "CheckedIn",
    "DayClock",
    "DayOutOfRange",
    "Explanation",
    "FreezeEarned",
    "FreezeUsed",
    "Habit",
    "HabitChanged",
    "HabitCompleted",
    "HabitCreated",
    "HabitSettings",
    "HabitState",
    "HabitStore",
    "InvalidHabit",
    "InvalidZone",
    "PastDay",
    "RebuildReport",
    "Schedule",
    "Slot",
    "Streak",
    "StreakBroken",
    "StreakReached",
    "StreakStore",
    "Strength",
    "Undone",
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
    "evaluate",
    "explain",
    "get",
    "grant_freeze",
    "habit_day",
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
    "slots",
    "smoothed",
    "state",
    "travel",
    "undo",
    "unskip",
    "update",
]

if not TYPE_CHECKING:
    __getattr__ = lazy_names(
        __name__,
        __all__,
        [
            "domain.model",
            "domain.past_days",
            "habit_days",
            "domain.streaks",
            "domain.strength",
            "domain.evaluation",
            "errors",
            "events",
            "settings",
            "store",
            "service",
        ],
    )
