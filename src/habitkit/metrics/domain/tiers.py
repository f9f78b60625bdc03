"""Tiers of time series, and which slots of which tier make up a span of time."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from attrs import field, frozen

from habitkit.errors import ConfigurationError

__all__ = ["MEMORY_TIERS", "TIERS", "Cover", "Span", "Tier", "check_tiers", "cover", "slot_of"]

_DAY = 86_400


@frozen
class Tier:
    """A resolution at which points are kept.

    Attributes:
        step_seconds: The length of its slots, which begin at multiples of it since 1970.
        keep_seconds: How long its points are kept.
    """

    step_seconds: int = field()
    keep_seconds: int = field()

    @step_seconds.validator
    @keep_seconds.validator
    def _expect_seconds(self, attribute: Any, value: Any) -> None:
        if type(value) is not int or value < 1:
            msg = f"{attribute.name}: expected whole seconds, an int above 0, got {value!r}"
            raise ConfigurationError(msg)


TIERS = (Tier(10, 3 * 3600), Tier(60, 2 * _DAY), Tier(3600, 90 * _DAY), Tier(_DAY, 3 * 365 * _DAY))
"""What a database keeps."""

MEMORY_TIERS = (Tier(10, 3600), Tier(60, _DAY))
"""What a process keeps in memory."""


def slot_of(at: int, step: int) -> int:
    """Return the start of the slot in which an instant lies."""
    return at - at % step


def check_tiers(tiers: Sequence[Tier]) -> tuple[Tier, ...]:
    """Return tiers that fit together.

    Raises:
        ConfigurationError: If there is none, a step does not divide the next one, or a tier is
            kept for less than two steps of the next one.
    """
    raise NotImplementedError


@frozen
class Span:
    """Consecutive slots of one tier: from ``start`` up to ``end``, excluded."""

    step: int
    start: int
    end: int


@frozen
class Cover:
    """The slots that make up a span of time; ``start`` and ``end`` are what they cover."""

    spans: tuple[Span, ...]
    start: int
    end: int


def cover(
    start: int,
    end: int,
    now: int,
    tiers: Sequence[Tier],
    due: Collection[tuple[int, int]] = (),
    coarsest: int | None = None,
) -> Cover:
    """Return which slots to read for a span of time: as few as possible.

    Args:
        start: From when, in seconds since 1970.
        end: Up to when, excluded.
        now: When; a slot is kept if it ends after ``now - keep_seconds`` of its tier.
        tiers: The tiers, the finest first.
        due: The coarser slots that are not rolled up yet, as pairs of step and slot. A slot is not
            used if it is due, or if one of a finer tier inside it is.
        coarsest: No longer slots than this.
    """
    raise NotImplementedError
