"""The calls of a cache, and the steps that they consist of.

The rules of a cache are generators of steps, which a cache executes, sync or async, and whose
replies or errors it sends into them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from habitkit.cache.events import CacheEvent

if TYPE_CHECKING:
    from collections.abc import Callable, Generator
    from typing import TypeAlias, TypeVar

    from habitkit.cache.domain.names import Key
    from habitkit.cache.entry import Entry
    from habitkit.cache.state import CacheState

    R = TypeVar("R")
    Steps: TypeAlias = Generator["Step", Any, R]

__all__ = ["MISSING", "Call", "Step", "lifetime_ms", "report"]

_MS = 1_000_000


class _Missing:
    """The type of ``MISSING``."""

    def __repr__(self) -> str:
        return "MISSING"

    def __bool__(self) -> bool:
        return False


MISSING = _Missing()
"""What stands for a value that is not there, where None may be a value."""


class Step(NamedTuple):
    """Something to be executed.

    Attributes:
        verb: The name of a backend's method, or ``load``, ``sleep``,
            ``subscribe``, or ``offer``: give an old value to those who wait.
        arguments: Its arguments.
    """

    verb: str
    arguments: tuple[Any, ...] = ()


class Call(NamedTuple):
    """A call of a cache, validated.

    Attributes:
        key: The key in the local dict.
        name: The name of its value.
        namespace: The cache's namespace.
        home: The local dict.
        kind: The type to read it back as; None if none was given.
        loader: Makes the value; None for ``get``.
        ttl_ns: How long it is fresh.
        stale_ns: How long it may be used after that.
        tags: The names of its tags.
    """

    key: Key
    name: str
    namespace: str
    home: dict[Key, Entry]
    kind: Any = None
    loader: Callable[[], Any] | None = None
    ttl_ns: int = 0
    stale_ns: int = 0
    tags: tuple[str, ...] = ()


def lifetime_ms(call: Call) -> int:
    """Return after how many ms a backend may drop the value of a call."""
    return -(-(call.ttl_ns + call.stale_ns) // _MS)


def report(state: CacheState, call: Call, outcome: Any, **details: Any) -> None:
    """Report what came of a call to the host's hook."""
    if state.settings.observe is not None:
        state.observed(CacheEvent(outcome, call.key, call.namespace, **details))
