"""The typed getters of flags."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Protocol

from habitkit.flags.domain.flag_set import TYPES

if TYPE_CHECKING:
    from habitkit.flags.domain.resolution import Resolution

    class _Evaluates(Protocol):
        def details(
            self, key: str, default: Any, context: Mapping[str, Any] | None = None
        ) -> Resolution: ...


__all__ = ["Getters"]


class Getters:
    """The typed getters, on ``details``."""

    def boolean(
        self: _Evaluates,
        key: str,
        default: bool,  # noqa: FBT001 - a value
        context: Mapping[str, Any] | None = None,
    ) -> bool:
        """Return the value of a flag whose values are booleans, or else the default.

        Args:
            key: The flag.
            default: The value where the flag has none; see ``details`` for why.
            context: Who and what it is evaluated for: JSON, with ``targetingKey`` for percentages.
        """
        resolution = self.details(key, default, context)
        return resolution.value if type(resolution.value) is bool else default

    def string(
        self: _Evaluates, key: str, default: str, context: Mapping[str, Any] | None = None
    ) -> str:
        """Return the value of a flag whose values are strings, or else the default."""
        resolution = self.details(key, default, context)
        return resolution.value if type(resolution.value) is str else default

    def integer(
        self: _Evaluates, key: str, default: int, context: Mapping[str, Any] | None = None
    ) -> int:
        """Return the value of a flag whose values are numbers, if it is whole, or else the default.

        A float such as 5.0 is returned as an int.
        """
        value = self.details(key, default, context).value
        if type(value) is float and value.is_integer():
            return int(value)
        return value if type(value) is int else default

    def float(
        self: _Evaluates, key: str, default: float, context: Mapping[str, Any] | None = None
    ) -> float:
        """Return the value of a flag whose values are numbers as a float, or else the default."""
        resolution = self.details(key, default, context)
        number = type(resolution.value) in TYPES["number"]
        return float(resolution.value) if number else default

    def object(
        self: _Evaluates,
        key: str,
        default: Mapping[str, Any],
        context: Mapping[str, Any] | None = None,
    ) -> Mapping[str, Any]:
        """Return the value of a flag whose values are objects, or else the default.

        It is a copy, which the caller may change.
        """
        resolution = self.details(key, default, context)
        return resolution.value if isinstance(resolution.value, Mapping) else default
