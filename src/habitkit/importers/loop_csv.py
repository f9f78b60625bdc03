"""Import from Loop Habit Tracker's CSV export."""

from habitkit.importers._loop_reader import read
from habitkit.importers._loop_values import (
    LoopEntry,
    LoopExport,
    LoopHabit,
    LoopValue,
)

__all__ = ["LoopEntry", "LoopExport", "LoopHabit", "LoopValue", "read"]
