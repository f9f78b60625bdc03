"""The strength of a habit: the default function, and the type of a custom one."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import lru_cache, partial
from math import exp2, isfinite, sqrt

from habitkit.errors import ConfigurationError
from habitkit.habits.domain.streaks import Slot

__all__ = ["Strength", "moved", "name_of", "smoothed", "strength_of"]

Strength = Callable[[float, Slot], float]
"""Takes the strength before a slot and the slot, and returns the strength after it."""

_COUNTED = frozenset({"DONE", "MISSED"})


def smoothed(previous: float, slot: Slot) -> float:
    """Move the strength towards the result of a slot; exempt slots do not change it.

    It is exponential smoothing as Loop Habit Tracker publishes it (``Score.compute``): each day the
    old strength weighs ``0.5 ** (sqrt(freq) / 13)``, with ``freq`` completions a day asked for; a
    slot of several days counts as so many days. After 13 missed days half is left of a daily habit.
    """
    if slot.status not in _COUNTED:
        return previous
    kept = _kept(slot.freq, slot.span_days)
    return previous * kept + slot.progress * (1 - kept)


def name_of(strength: Strength) -> str:
    """Return the name of a strength function, as checkpoints record it; empty for the default.

    It is the function's attribute ``name`` if it has one, or else its module and qualified name;
    that of a ``partial`` includes its arguments.
    """
    if strength is smoothed:
        return ""
    if isinstance(strength, partial):
        return f"{name_of(strength.func)}{strength.args}{sorted(strength.keywords.items())}"
    own = getattr(strength, "name", None)
    if isinstance(own, str) and own:
        return own
    named = strength if hasattr(strength, "__qualname__") else type(strength)
    return f"{getattr(named, '__module__', '')}.{named.__qualname__}"


def moved(strength: Strength, level: float, slot: Slot) -> float:
    """Return the strength after one more slot; one that is still open leaves it and is not shown.

    Raises:
        ConfigurationError: If the function does not return a finite number.
    """
    if slot.status == "OPEN":
        return level
    result: object = strength(level, slot)
    if isinstance(result, int | float) and isfinite(result):
        return float(result)
    msg = f"strength: expected a finite number from {name_of(strength)}, got {result!r}"
    raise ConfigurationError(msg)


def strength_of(slots: Iterable[Slot], strength: Strength, start: float) -> float:
    """Return the strength after some slots; those still open do not count.

    Args:
        slots: The slots in order.
        strength: How one slot moves it.
        start: The strength before the first.

    Raises:
        ConfigurationError: If the function does not return a finite number.
    """
    level = start
    for slot in slots:
        level = moved(strength, level, slot)
    return level


@lru_cache(maxsize=1024)
def _kept(freq: float, span_days: float) -> float:
    return exp2(-sqrt(freq) / 13 * span_days)
