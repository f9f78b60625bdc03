"""``HabitsContract``: what a store that keeps habits and streaks must hold."""

from __future__ import annotations

from habitkit.testing.contracts._check_ins import CheckInCases
from habitkit.testing.contracts._habit_races import HabitRaces
from habitkit.testing.contracts._habit_store import HabitStoreCases, StreakStoreCases
from habitkit.testing.contracts._habits import HabitCases, WhoseCases
from habitkit.testing.contracts._histories import HistoryCases
from habitkit.testing.contracts._streaks import BackfillCases, StreakCases, UndoCases

__all__ = ["HabitsContract"]


class HabitsContract(
    HabitCases,
    WhoseCases,
    CheckInCases,
    UndoCases,
    StreakCases,
    BackfillCases,
    HistoryCases,
    HabitStoreCases,
    StreakStoreCases,
    HabitRaces,
):
    """What a store must hold that keeps the rooms ``habits`` and ``streaks``."""

    proves = frozenset({"habits", "streaks"})
