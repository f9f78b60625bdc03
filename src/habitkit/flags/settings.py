"""The settings of flags."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from attrs import field, frozen

from habitkit.errors import ConfigurationError

if TYPE_CHECKING:
    from habitkit.flags.sources import AsyncSource, Source
    from habitkit.flags.wake_up import WakeUp

__all__ = ["FlagSettings", "expect_source"]


def expect_source(value: Any) -> None:
    """Refuse what is no source of flags.

    Raises:
        ConfigurationError: If it is none.
    """
    if not (callable(getattr(value, "fetch", None)) and hasattr(value, "name")):
        msg = f"source: expected a source such as FileSource(path), got {value!r}"
        raise ConfigurationError(msg)


def _expect_source_or_none(_: object, __: object, value: Any) -> None:
    if value is not None:
        expect_source(value)


def _expect_wake_up_or_none(_: object, __: object, value: Any) -> None:
    calls = ("announce", "poll", "close", "after_fork")
    is_one = hasattr(value, "name") and all(callable(getattr(value, it, None)) for it in calls)
    if value is not None and not is_one:
        msg = f"wake_up: expected a wake-up such as RedisWakeUp(client), got {value!r}"
        raise ConfigurationError(msg)


def _expect_seconds(_: object, attribute: Any, value: object) -> None:
    if (
        isinstance(value, bool)
        or not isinstance(value, int | float)
        or not 0 < value < float("inf")
    ):
        msg = f"{attribute.name}: expected seconds, a number above 0, got {value!r}"
        raise ConfigurationError(msg)


def _expect_seconds_or_none(instance: object, attribute: Any, value: object) -> None:
    if value is not None:
        _expect_seconds(instance, attribute, value)


@frozen
class FlagSettings:
    """The settings of the flags module.

    Attributes:
        source: Where definitions come from: ``FileSource(path)``, ``HttpSource(url)``, or one of
            your own; None for the kit's store, in which ``kit.flags`` can also change them.
        poll_seconds: How often ``kit.background()`` looks for a change.
        max_age_seconds: After how many seconds without a successful look the reason of a result is
            ``STALE``; None for never.
        wake_up: Tells the other processes of a change, so that they see it within a second:
            ``PostgresWakeUp(store)``, ``RedisWakeUp(client)``, or one of your own; one for each
            kit. The kit does not close it.

    Raises:
        ConfigurationError: If one of them is not what is expected.
    """

    source: Source | AsyncSource | None = field(default=None, validator=_expect_source_or_none)
    poll_seconds: float = field(default=10.0, validator=_expect_seconds)
    max_age_seconds: float | None = field(default=60.0, validator=_expect_seconds_or_none)
    wake_up: WakeUp | None = field(default=None, validator=_expect_wake_up_or_none)
