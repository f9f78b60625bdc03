"""The settings of habits."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from attrs import field, frozen

from habitkit.errors import ConfigurationError
from habitkit.habits.domain.strength import smoothed

if TYPE_CHECKING:
    from habitkit.habits.domain.strength import Strength

__all__ = ["HabitSettings"]


def _none_for_default(strength: Strength | None) -> Strength | None:
    """Use None for ``smoothed``, as the default has faster paths."""
    return None if strength is smoothed else strength


def _expect_function(_: Any, __: Any, value: Any) -> None:
    if value is not None and not callable(value):
        msg = f"strength: expected a function (previous, slot) -> float, got {value!r}"
        raise ConfigurationError(msg)


@frozen
class HabitSettings:
    """The settings of the habits module.

    Attributes:
        strength: How a slot moves the strength of a habit; None for the default, ``smoothed``.

    Raises:
        ConfigurationError: If it is not a function.
    """

    strength: Strength | None = field(
        default=None, converter=_none_for_default, validator=_expect_function
    )
