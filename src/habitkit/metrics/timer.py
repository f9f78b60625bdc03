"""Timing blocks and functions, for distributions."""

from __future__ import annotations

import inspect
from functools import wraps
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from types import TracebackType
    from typing import Self

    from habitkit.metrics.instruments import Distribution

    Attributes = Mapping[str, Any]

__all__ = ["Timer"]

P = ParamSpec("P")
R = TypeVar("R")
_NS = 1_000_000_000


class Timer:
    """Records how many seconds a block or a function takes: see ``Distribution.time``."""

    def __init__(
        self,
        into: Distribution,
        attributes: Attributes | None,
        exemplar: Attributes | None,
        ticks: Callable[[], int],
    ) -> None:
        """Keep where to record."""
        self._into = into
        self._attributes = attributes
        self._exemplar = exemplar
        self._ticks = ticks
        self._started: list[int] = []

    def __enter__(self) -> Self:
        """Begin."""
        self._started.append(self._ticks())
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Record the seconds since the block began."""
        self._record(self._started.pop())

    def __call__(self, function: Callable[P, R]) -> Callable[P, R]:
        """Return a function that is timed at each call."""
        work: Any = function

        @wraps(work)
        async def awaited(*args: Any, **kwargs: Any) -> Any:
            began = self._ticks()
            try:
                return await work(*args, **kwargs)
            finally:
                self._record(began)

        @wraps(work)
        def called(*args: Any, **kwargs: Any) -> Any:
            began = self._ticks()
            try:
                return work(*args, **kwargs)
            finally:
                self._record(began)

        timed: Any = awaited if inspect.iscoroutinefunction(function) else called
        return timed  # type: ignore[no-any-return]

    def _record(self, began: int) -> None:
        taken = (self._ticks() - began) / _NS
        self._into.record(taken, self._attributes, exemplar=self._exemplar)
