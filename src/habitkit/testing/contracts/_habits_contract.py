"""``HabitsContract``: what a store that keeps habits and streaks must hold."""

from __future__ import annotations

from habitkit.testing.contracts._answers import AnswerCases
from habitkit.testing.contracts._bulk import HabitsInBulk
from habitkit.testing.contracts._check_ins import CheckInCases
from habitkit.testing.contracts._fact_laws import LawCases
from habitkit.testing.contracts._fact_store import FactStoreCases, LookAtCases
from habitkit.testing.contracts._free_days import ArchiveCases, FreeDayCases
from habitkit.testing.contracts._goals import GoalCases
from habitkit.testing.contracts._habit_races import HabitRaces
from habitkit.testing.contracts._habit_store import HabitStoreCases
from habitkit.testing.contracts._habits import HabitCases, WhoseCases
from habitkit.testing.contracts._histories import HistoryCases
from habitkit.testing.contracts._mending import BreakCases, MendingCases
from habitkit.testing.contracts._put_right import EditCases, OfflineCases
from habitkit.testing.contracts._streak_store import StreakStoreCases
from habitkit.testing.contracts._streaks import BackfillCases, StreakCases, UndoCases
from habitkit.testing.contracts._travels import TravelCases

__all__ = ["HabitsContract"]


class HabitsContract(
    HabitCases,
    WhoseCases,
    CheckInCases,
    UndoCases,
    StreakCases,
    BackfillCases,
    HistoryCases,
    EditCases,
    OfflineCases,
    AnswerCases,
    FreeDayCases,
    ArchiveCases,
    MendingCases,
    BreakCases,
    GoalCases,
    TravelCases,
    LawCases,
    HabitStoreCases,
    StreakStoreCases,
    FactStoreCases,
    HabitsInBulk,
    LookAtCases,
    HabitRaces,
):
    """What a store must hold that keeps the rooms ``habits`` and ``streaks``."""

    proves = frozenset({"habits", "streaks"})
