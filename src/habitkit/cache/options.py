"""The options of a cache, and the settings that its calls use."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any, TypedDict

from habitkit.cache.serializers import JsonSerializer
from habitkit.cache.tokens import chance
from habitkit.clock import ticks as monotonic_ticks
from habitkit.clock import wall_ns as machine_wall_ns
from habitkit.errors import ConfigurationError, InvalidInput

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Literal, TypeAlias

    from habitkit.cache.events import CacheEvent
    from habitkit.cache.serializers import Serializer

    OnError: TypeAlias = Literal["load", "raise"]

__all__ = ["MOST_SECONDS", "CacheOptions", "Settings", "make_settings", "seconds_ns"]

_NS = 1_000_000_000
MOST_SECONDS = 366 * 86_400
_LONGEST_SECONDS = 3600
_MOST_EARLY = 100
_LONGEST_LABEL = 32


class CacheOptions(TypedDict, total=False):
    """The options of ``Cache`` and ``AsyncCache``.

    Attributes:
        serializer: Writes values for the shared backend: JSON unless given.
        observe: Is called with a ``CacheEvent`` after each call, for metrics and logs.
        on_error: If the shared backend fails, ``get`` and ``get_or_create`` go on without it
            (``"load"``) or raise its error (``"raise"``). What sets or deletes always raises it.
        lease_seconds: For how long one caller may load a value while the others wait; longer than
            the slowest loader takes.
        local_seconds: For how long a value of the shared backend may be used from memory if that
            sends no messages about changes; if it does, for as long as the value is fresh.
        poll_seconds: How often messages that have arrived are read, at the first call after that
            time.
        early_refresh: Refreshes a value before its end, the earlier the longer it takes to load: 0
            for never, 1 is usual.
        ticks: A monotonic clock, in nanoseconds.
        wall_ns: The machine's clock, in nanoseconds since 1970.
        random: Returns random numbers in [0, 1), for ``early_refresh``.
    """

    serializer: Serializer | None
    observe: Callable[[CacheEvent], object] | None
    on_error: OnError
    lease_seconds: float
    local_seconds: float
    poll_seconds: float
    early_refresh: float
    ticks: Callable[[], int] | None
    wall_ns: Callable[[], int] | None
    random: Callable[[], float] | None


class Settings:
    """What a cache was made with.

    Attributes:
        lease_ns: For how long one caller may load while the others wait.
        local_ns: For how long a value of a shared backend is used from memory without hearing of
            invalidations.
        poll_ns: How often those that have arrived are read.
        early: The factor of early refreshing.
        on_error: Whether a failing shared backend is an error, or a reason to go on without it.
        serializer: Writes values for the shared backend.
        observe: The host's hook.
        ticks: A monotonic clock, in ns.
        wall_ns: The machine's clock, in ns since 1970.
        random: Returns random numbers in [0, 1).
    """

    __slots__ = (
        *("early", "lease_ns", "local_ns", "observe", "on_error", "poll_ns"),
        *("random", "serializer", "ticks", "wall_ns"),
    )

    lease_ns: int
    local_ns: int
    poll_ns: int
    early: float
    on_error: str
    serializer: Serializer
    observe: Callable[[CacheEvent], object] | None
    ticks: Callable[[], int]
    wall_ns: Callable[[], int]
    random: Callable[[], float]


def make_settings(
    *,
    serializer: Serializer | None = None,
    observe: Callable[[CacheEvent], object] | None = None,
    on_error: OnError = "load",
    lease_seconds: float = 30.0,
    local_seconds: float = 0.0,
    poll_seconds: float = 0.01,
    early_refresh: float = 0.0,
    ticks: Callable[[], int] | None = None,
    wall_ns: Callable[[], int] | None = None,
    random: Callable[[], float] | None = None,
) -> Settings:
    """Return the settings of a cache.

    Raises:
        ConfigurationError: If a serializer or a function is not what is expected.
        InvalidInput: If another option is not.
    """
    if on_error not in ("load", "raise"):
        raise InvalidInput("on_error", given=on_error, expected="'load' or 'raise'")
    settings = Settings()
    settings.lease_ns = seconds_ns(
        "lease_seconds", lease_seconds, least=0.001, most=_LONGEST_SECONDS
    )
    settings.local_ns = seconds_ns("local_seconds", local_seconds, most=_LONGEST_SECONDS)
    settings.poll_ns = seconds_ns("poll_seconds", poll_seconds, most=60)
    factor: object = early_refresh
    if not isinstance(factor, int | float) or not 0 <= factor <= _MOST_EARLY:
        expected = f"a number from 0 (never early) to {_MOST_EARLY}; 1 is usual"
        raise InvalidInput("early_refresh", given=early_refresh, expected=expected)
    settings.early = float(early_refresh)
    settings.on_error = on_error
    settings.serializer = _serializer(serializer)
    functions: dict[str, object] = {
        "observe": observe,
        "ticks": ticks,
        "wall_ns": wall_ns,
        "random": random,
    }
    for what, given in functions.items():
        if given is not None and (not callable(given) or inspect.iscoroutinefunction(given)):
            msg = f"{what}: expected a plain function, got {given!r}"
            raise ConfigurationError(msg)
    settings.observe = observe
    settings.ticks = monotonic_ticks if ticks is None else ticks
    settings.wall_ns = machine_wall_ns if wall_ns is None else wall_ns
    settings.random = chance if random is None else random
    return settings


def seconds_ns(what: str, given: Any, *, least: float = 0, most: float = MOST_SECONDS) -> int:
    """Return a number of seconds in nanoseconds.

    Raises:
        InvalidInput: If it is none, or out of range.
    """
    is_number = isinstance(given, int | float) and not isinstance(given, bool)
    if is_number and least <= given <= most:
        return int(given * _NS)
    raise InvalidInput(what, given=given, expected=f"a number of seconds from {least} to {most}")


def _serializer(given: Any) -> Serializer:
    """Return the serializer to use.

    Raises:
        ConfigurationError: If it is none.
    """
    if given is None:
        return JsonSerializer()
    label: object = getattr(given, "name", None)
    is_name = isinstance(label, str) and 0 < len(label) <= _LONGEST_LABEL and label.isascii()
    if isinstance(given, type) or not is_name or not hasattr(given, "dumps"):
        msg = (
            "serializer: expected an object with a name of 1 to 32 ASCII characters, dumps and "
            f"loads, such as JsonSerializer(), got {given!r}"
        )
        raise ConfigurationError(msg)
    return given  # type: ignore[no-any-return]
