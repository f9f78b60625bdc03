"""``HabitsContract``: what a store that keeps habits and streaks must hold."""

from __future__ import annotations

from habitkit.testing.contracts._bulk import HabitsInBulk
from habitkit.testing.contracts._check_ins import CheckInCases
from habitkit.testing.contracts._derived_state import HistoryCases
from habitkit.testing.contracts._edits_and_batches import EditCases, OfflineCases
from habitkit.testing.contracts._exempt_days import ArchiveCases, FreeDayCases
from habitkit.testing.contracts._fact_store import FactStoreCases, SweepOrderCases
from habitkit.testing.contracts._freezes_and_breaks import BreakCases, MendingCases
from habitkit.testing.contracts._goals import GoalCases
from habitkit.testing.contracts._habit_races import HabitRaces
from habitkit.testing.contracts._habit_store import HabitStoreCases
from habitkit.testing.contracts._habits import HabitCases, WhoseCases
from habitkit.testing.contracts._streak_properties import LawCases
from habitkit.testing.contracts._streak_queries import StreakQueryCases
from habitkit.testing.contracts._streak_store import StreakStoreCases
from habitkit.testing.contracts._streaks import BackfillCases, StreakCases, UndoCases
from habitkit.testing.contracts._travel import TravelCases

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
    StreakQueryCases,
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
    SweepOrderCases,
    HabitRaces,
):
    """What a store must hold that supports the modules ``habits`` and ``streaks``."""

    proves = frozenset({"habits"})
