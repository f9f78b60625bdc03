"""The description of the habits module."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from habitkit.habits.events import (
    FreezeEarned,
    FreezeUsed,
    HabitCompleted,
    HabitCreated,
    StreakBroken,
    StreakReached,
)
from habitkit.habits.settings import HabitSettings
from habitkit.habits.store import HABITS, STREAKS
from habitkit.module import Module

if TYPE_CHECKING:
    from collections.abc import Mapping

    from habitkit.module import Sweeper
    from habitkit.transaction import Transaction

__all__ = ["MODULE"]


class _Habits(Module):
    name = "habits"
    ports = (HABITS, STREAKS)
    events = (
        HabitCreated,
        HabitCompleted,
        StreakReached,
        StreakBroken,
        FreezeEarned,
        FreezeUsed,
    )
    settings = HabitSettings

    def sweepers(self) -> Mapping[str, Sweeper]:
        from habitkit.habits.expiry import sweep_habits  # noqa: PLC0415 - only in a sweep

        return {"habits": sweep_habits}

    def forget(self, tx: Transaction, owner: str) -> int:
        from habitkit.habits.erasure import forget  # noqa: PLC0415

        return forget(tx, owner)

    def export(self, tx: Transaction, owner: str) -> Mapping[str, Any]:
        from habitkit.habits.erasure import export  # noqa: PLC0415

        return export(tx, owner)


MODULE = _Habits()
