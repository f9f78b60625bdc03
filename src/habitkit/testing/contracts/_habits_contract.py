"""``HabitsContract``: the guarantees of a store that keeps habits and streaks."""

from __future__ import annotations

from habitkit.testing.contracts._check_in_store import CheckInStoreCases
from habitkit.testing.contracts._fact_store import FactStoreCases
from habitkit.testing.contracts._habit_codecs import HabitCodecs
from habitkit.testing.contracts._habit_races import HabitRaces
from habitkit.testing.contracts._habit_store import HabitStoreCases, HabitTransactionCases
from habitkit.testing.contracts._streak_store import StreakStoreCases

__all__ = ["HabitsContract"]


class HabitsContract(
    HabitStoreCases,
    HabitTransactionCases,
    CheckInStoreCases,
    FactStoreCases,
    StreakStoreCases,
    HabitCodecs,
    HabitRaces,
):
    """The guarantees of a store that supports the module ``habits``."""

    proves = frozenset({"habits"})
