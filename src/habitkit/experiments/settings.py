"""The settings of experiments."""

from __future__ import annotations

from typing import Any

from attrs import field, frozen

from habitkit.errors import ConfigurationError

__all__ = ["ExperimentSettings"]


def _expect_seconds(_: object, attribute: Any, value: object) -> None:
    if (
        isinstance(value, bool)
        or not isinstance(value, int | float)
        or not 0 < value < float("inf")
    ):
        msg = f"{attribute.name}: expected seconds, a number above 0, got {value!r}"
        raise ConfigurationError(msg)


def _expect_count(_: object, attribute: Any, value: object) -> None:
    if type(value) is not int or value < 1:
        msg = f"{attribute.name}: expected an int from 1, got {value!r}"
        raise ConfigurationError(msg)


@frozen
class ExperimentSettings:
    """The settings of the experiments module.

    Attributes:
        flush_seconds: How often ``kit.background()`` stores the exposures of this process.
        most_waiting: How many exposures may wait to be stored; further ones are dropped and
            counted.

    Raises:
        ConfigurationError: If one of them is not what is expected.
    """

    flush_seconds: float = field(default=5.0, validator=_expect_seconds)
    most_waiting: int = field(default=100_000, validator=_expect_count)
