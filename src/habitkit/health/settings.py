"""The settings of health, and the checks of a host."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Literal

from attrs import field, frozen

from habitkit.errors import ConfigurationError

__all__ = ["BUILT_IN_NAMES", "HealthSettings", "HostCheck", "check"]

BUILT_IN_NAMES = frozenset(
    {"store", "schema", "flags", "relay", "sweep", "outbox", "clock", "flush", "alerts"}
)
"""The names of habitkit's own checks."""

_LONGEST_NAME = 100
_LONGEST_TIMEOUT_SECONDS = 3600
_LONGEST_LAG_SECONDS = 7 * 86_400


def _expect_name(_: object, __: object, value: Any) -> None:
    is_name = isinstance(value, str) and 0 < len(value) <= _LONGEST_NAME and value.isprintable()
    if not is_name:
        msg = f"name: expected a printable text of 1 to {_LONGEST_NAME} characters, got {value!r}"
        raise ConfigurationError(msg)
    if value in BUILT_IN_NAMES:
        msg = f"name: expected another name than those of habitkit's own checks, got {value!r}"
        raise ConfigurationError(msg)


def _expect_call(_: object, __: object, value: Any) -> None:
    if not callable(value):
        msg = f"call: expected a function without arguments, got {value!r}"
        raise ConfigurationError(msg)


def _level(value: Any) -> Literal["ready", "deep"]:
    if value == "ready":
        return "ready"
    if value == "deep":
        return "deep"
    msg = f"level: expected 'ready' or 'deep' ('live' runs no checks), got {value!r}"
    raise ConfigurationError(msg)


def _expect_seconds(most: int) -> Any:
    """Return a validator of seconds."""

    def check(_: object, attribute: Any, value: Any) -> None:
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        if not (is_number and 0 < value <= most):
            expected = f"seconds, above 0 and at most {most}"
            msg = f"{attribute.name}: expected {expected}, got {value!r}"
            raise ConfigurationError(msg)

    return check


def _expect_bool(_: object, __: object, value: Any) -> None:
    if not isinstance(value, bool):
        msg = f"critical: expected True or False, got {value!r}"
        raise ConfigurationError(msg)


@frozen
class HostCheck:
    """A check of the host, as ``check`` makes it.

    Attributes:
        name: Under which name its result is reported.
        call: What is called: in an async kit it may be a coroutine function.
        level: The first level at which it is run.
        timeout_seconds: After how long without a result it counts as failed.
        critical: Whether the host is ``fail`` if the check fails; else it is ``warn``.
    """

    name: str = field(validator=_expect_name)
    call: Callable[[], Any] = field(validator=_expect_call)
    level: Literal["ready", "deep"] = field(default="ready", converter=_level)
    timeout_seconds: float = field(default=2.0, validator=_expect_seconds(_LONGEST_TIMEOUT_SECONDS))
    critical: bool = field(default=True, validator=_expect_bool)


def check(
    name: str,
    call: Callable[[], Any],
    *,
    level: Literal["ready", "deep"] = "ready",
    timeout_seconds: float = 2.0,
    critical: bool = True,
) -> HostCheck:
    """Return a check of the host's, for ``HealthSettings(checks=[...])``.

    Args:
        name: Under which name its result is reported, such as ``"smtp"``.
        call: A function without arguments. It passes if it returns None or True, and fails if it
            returns False or raises; or it returns a ``CheckResult``. In a sync kit it runs in a
            thread of its own; in an async kit too, unless it is a coroutine function.
        level: ``"ready"``, or ``"deep"`` for what a load balancer should not wait for.
        timeout_seconds: After how long without a result it counts as failed. It is not stopped, and
            not started a second time while it goes on.
        critical: Whether the host is ``fail`` if the check fails; else it is ``warn``.

    Raises:
        ConfigurationError: If an argument is not what is expected; it is named.

    Example:
        >>> from habitkit.health import HealthSettings, check
        >>> settings = HealthSettings(checks=[check("smtp", lambda: True, critical=False)])
    """
    return HostCheck(name, call, level, timeout_seconds, critical)


def _as_tuple(value: object) -> tuple[HostCheck, ...]:
    """Return checks as a tuple.

    Raises:
        ConfigurationError: If they are not checks, or two have the same name.
    """
    checks = tuple(value) if isinstance(value, Iterable) else (value,)
    found = tuple(it for it in checks if isinstance(it, HostCheck))
    if len(found) != len(checks):
        msg = f'checks: expected a list such as [check("smtp", ping)], got {value!r}'
        raise ConfigurationError(msg)
    names = [it.name for it in found]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        msg = f"checks: expected a name once, got {twice[0]!r} twice"
        raise ConfigurationError(msg)
    return found


@frozen
class HealthSettings:
    """The settings of health.

    Attributes:
        checks: The host's own checks, made by ``check``.
        relay_lag_seconds: How long events may wait for the relay before the check ``relay`` warns.
        sweep_lag_seconds: How long what is due may wait for the sweep before ``sweep`` warns.
        outbox_age_seconds: The same as ``relay_lag_seconds`` for events that no subscriber of this
            kit takes: they may wait for another service's relay.
        clock_skew_seconds: How far the kit's clock may be from the database's before ``clock``
            warns.
        flush_age_seconds: How long the metrics of this process may not have been stored before
            ``flush`` warns.

    Raises:
        ConfigurationError: If one of them is not what is expected.
    """

    checks: Iterable[HostCheck] = field(default=(), converter=_as_tuple)
    relay_lag_seconds: float = field(default=300, validator=_expect_seconds(_LONGEST_LAG_SECONDS))
    sweep_lag_seconds: float = field(default=900, validator=_expect_seconds(_LONGEST_LAG_SECONDS))
    outbox_age_seconds: float = field(default=3600, validator=_expect_seconds(_LONGEST_LAG_SECONDS))
    clock_skew_seconds: float = field(default=5, validator=_expect_seconds(_LONGEST_LAG_SECONDS))
    flush_age_seconds: float = field(default=60, validator=_expect_seconds(_LONGEST_LAG_SECONDS))
