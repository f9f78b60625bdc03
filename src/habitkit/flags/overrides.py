"""Overriding flags for a block of code, in tests."""

from __future__ import annotations

from contextlib import contextmanager
from contextvars import ContextVar
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = ["Overrides", "overrides"]

_NONE: Mapping[str, Any] = MappingProxyType({})


class Overrides:
    """Values that take the place of flags, in one context of threads and tasks.

    Attributes:
        in_use: Whether there ever were any in this process: without, evaluating looks no further.
    """

    def __init__(self) -> None:
        """Begin with none."""
        self.in_use = False
        self._values: ContextVar[Mapping[str, Any]] = ContextVar("habitkit_flags", default=_NONE)

    def get(self) -> Mapping[str, Any]:
        """Return the values of this context by key."""
        return self._values.get()

    @contextmanager
    def use(self, values: Mapping[str, Any]) -> Iterator[None]:
        """Let values take the place of flags inside the block; an inner block adds to an outer."""
        self.in_use = True
        token = self._values.set({**self._values.get(), **values})
        try:
            yield
        finally:
            self._values.reset(token)


overrides = Overrides()
"""Those of this process, for all kits."""
