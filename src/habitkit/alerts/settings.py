"""The settings of alerts."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from attrs import field, frozen

from habitkit.errors import ConfigurationError

if TYPE_CHECKING:
    from habitkit.alerts.domain.receivers import Receiver
    from habitkit.alerts.domain.rules import AlertGroup

__all__ = ["AlertSettings"]

_LONGEST_TIMEOUT = 60


def _as_tuple(given: Any) -> Any:
    return tuple(given) if isinstance(given, Iterable) else given


def _group() -> type:
    from habitkit.alerts.domain.rules import AlertGroup  # noqa: PLC0415 - see _expect_all_of

    return AlertGroup


def _receiver() -> type:
    from habitkit.alerts.domain.receivers import Receiver  # noqa: PLC0415 - see _expect_all_of

    return Receiver


def _expect_all_of(load: Callable[[], type], example: str) -> Any:
    """Return a validator of a tuple of values of one kind, no two of one name.

    The kind is loaded if there are values: a kit without alerts does not load it.
    """

    def check(_: object, attribute: Any, values: Any) -> None:
        if values == ():
            return
        kind = load()
        if not isinstance(values, tuple) or not all(isinstance(it, kind) for it in values):
            msg = f"{attribute.name}: expected a list such as [{example}], got {values!r}"
            raise ConfigurationError(msg)
        names = [it.name for it in values]
        for name in names:
            if names.count(name) > 1:
                msg = f"{attribute.name}: expected a different name for each, got {name!r} twice"
                raise ConfigurationError(msg)

    return check


def _expect_timeout(_: object, attribute: Any, value: Any) -> None:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if not is_number or not 0 < value <= _LONGEST_TIMEOUT:
        expected = f"seconds, a number above 0, at most {_LONGEST_TIMEOUT}"
        msg = f"{attribute.name}: expected {expected}, got {value!r}"
        raise ConfigurationError(msg)


@frozen
class AlertSettings:
    """The settings of the alerts module.

    Attributes:
        groups: Groups of rules; the same in all processes that share the store.
        receivers: Who is notified.
        send_seconds: How long a receiver may take for the notifications of one round.

    Raises:
        ConfigurationError: If one of them is not what is expected, or two have one name.
    """

    groups: tuple[AlertGroup, ...] = field(
        default=(),
        converter=_as_tuple,
        validator=_expect_all_of(_group, 'AlertGroup("app", [Alert(...)])'),
    )
    receivers: tuple[Receiver, ...] = field(
        default=(),
        converter=_as_tuple,
        validator=_expect_all_of(_receiver, 'Receiver("ops", send)'),
    )
    send_seconds: float = field(default=10.0, validator=_expect_timeout)
