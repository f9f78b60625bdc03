"""Overriding flags for a block of code, in tests."""

from __future__ import annotations

from collections import ChainMap
from contextlib import contextmanager
from contextvars import ContextVar
from copy import deepcopy
from typing import TYPE_CHECKING, Any

from habitkit.errors import InvalidInput
from habitkit.flags.domain.flag_set import TYPES, failed, is_of_kind
from habitkit.flags.domain.resolution import NO_METADATA, ErrorCode, Reason, Resolution

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

__all__ = ["VARIANT", "Overrides", "overrides"]

VARIANT = "override"
"""The variant of a flag that is overridden; the reason is ``STATIC``."""


class Overrides:
    """Values that take the place of flags, in one context of threads and tasks.

    Attributes:
        in_use: Whether there ever were any in this process: if not, evaluating skips them.
    """

    def __init__(self) -> None:
        """Begin with none."""
        self.in_use = False
        self._values: ContextVar[ChainMap[str, Any]] = ContextVar(
            "habitkit_flags",
            default=ChainMap(),  # noqa: B039 - it is never changed
        )

    def active(self) -> list[str]:
        """Return the flags that are overridden in this context."""
        return list(self._values.get())

    def find(self, key: str, default: Any) -> Resolution | None:
        """Return the result of a flag if it is overridden in this context.

        Args:
            key: The flag.
            default: The caller's; it must be of the kind of the value, or None.
        """
        try:
            value = self._values.get()[key]
        except Exception:  # noqa: BLE001 - a key of any type may be given
            return None
        kind = _kind(value)
        if default is not None and not is_of_kind(default, kind):
            given = type(default).__name__
            message = f"it is overridden by a value of kind {kind}, the default is of type {given}"
            return failed(default, ErrorCode.TYPE_MISMATCH, message, NO_METADATA)
        return Resolution(deepcopy(value), VARIANT, Reason.STATIC)

    @contextmanager
    def use(self, values: Mapping[str, Any]) -> Iterator[Callable[[Mapping[str, Any]], None]]:
        """Let values take the place of flags inside the block; an inner block wins over an outer.

        Yields:
            A function that adds values. It may also be called in another context, such as that of
            a task; the end of the block ends them there as well.

        Raises:
            InvalidInput: If a value is not JSON.
        """
        own = {key: _checked(key, value) for key, value in values.items()}

        def add(more: Mapping[str, Any]) -> None:
            own.update({key: _checked(key, value) for key, value in more.items()})
            others = self._values.get().maps
            if not any(it is own for it in others):
                self._values.set(ChainMap(own, *others))

        self.in_use = True
        token = self._values.set(ChainMap(own, *self._values.get().maps))
        try:
            yield add
        finally:
            own.clear()
            self._values.reset(token)


def _checked(key: str, value: Any) -> Any:
    """Return a value of which a flag can be."""
    if not any(type(value) in types for types in TYPES.values()):
        what = f"override of flag {key!r}"
        expected = "a bool, str, int, float, dict or list, as in JSON"
        raise InvalidInput(what, given=value, expected=expected)
    return value


def _kind(value: Any) -> str:
    """Return of which kind of flag a value is."""
    return next(kind for kind, types in TYPES.items() if type(value) in types)


overrides = Overrides()
"""Those of this process, for all kits."""
