"""One body of a trial for sync kits and async ones: it is written with ``await``."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any, ParamSpec, TypeVar, cast

from habitkit import AsyncHabitKit, HabitKit

P = ParamSpec("P")
T = TypeVar("T")

Act = Callable[[], Coroutine[Any, Any, Any]]


class _Awaited:
    """A sync kit, or one of its services, whose methods are awaited and have ended by then."""

    def __init__(self, of: Any) -> None:
        self._of = of

    def __getattr__(self, name: str) -> Any:
        attribute = getattr(self._of, name)
        if not callable(attribute):
            return _Awaited(attribute)

        async def call(*args: Any, **kwargs: Any) -> Any:
            return attribute(*args, **kwargs)

        return call


def awaited(kit: HabitKit) -> AsyncHabitKit:
    """Return a sync kit as a trial takes it."""
    return cast("AsyncHabitKit", _Awaited(kit))


def at_once(body: Callable[P, Coroutine[Any, Any, T]], *args: P.args, **kwargs: P.kwargs) -> T:
    """Run the body of a trial with awaited sync kits, in this thread."""
    try:
        body(*args, **kwargs).send(None)
    except StopIteration as end:
        return cast("T", end.value)
    msg = "a sync kit has nothing to wait for"
    raise AssertionError(msg)
