"""Layers: which of 10,000 segments of units each experiment of a layer has."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

from habitkit.errors import InvalidInput
from habitkit.experiments.domain.definition import SEGMENTS

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import TypeAlias

    Range: TypeAlias = tuple[int, int]

__all__ = ["allocate", "exact", "free_segments", "merged_ranges"]


def free_segments(taken: Iterable[Range]) -> tuple[Range, ...]:
    """Return the ranges of a layer's segments that are not taken.

    Args:
        taken: Ranges ``(first, end)`` of 10,000, with ``end`` excluded; in any order.
    """
    found, free_from = [], 0
    for first, end in [*merged_ranges(taken), (SEGMENTS, SEGMENTS)]:
        if free_from < first:
            found.append((free_from, first))
        free_from = max(free_from, end)
    return tuple(found)


def allocate(layer: str, share: float, taken: Iterable[Range]) -> tuple[Range, ...]:
    """Return segments for an experiment: the first free range that is large enough.

    If there is none, the free ranges are used from the first one on.

    Args:
        layer: The name of the layer, for the message.
        share: Its share of all segments, above 0 and up to 1.
        taken: The ranges that the other experiments of the layer have.

    Raises:
        InvalidInput: If the layer has not so many free segments, or the share is less than one.
    """
    wanted = round(exact(share) * SEGMENTS)
    free = free_segments(taken)
    left = sum(end - first for first, end in free)
    if not 0 < wanted <= left:
        expected = (
            f"a share of layer {layer!r} from {1 / SEGMENTS} up to what is free there, "
            f"{left / SEGMENTS:g} ({left} of {SEGMENTS} segments); stop another experiment of the "
            "layer, or ask for less"
        )
        raise InvalidInput("share", given=share, expected=expected)
    for first, end in free:
        if end - first >= wanted:
            return ((first, first + wanted),)
    found: list[Range] = []
    for first, end in free:
        size = min(end - first, wanted)
        wanted -= size
        if size:
            found.append((first, first + size))
    return tuple(found)


def merged_ranges(ranges: Iterable[Range]) -> list[Range]:
    """Return ranges in their order, those that touch or overlap as one, without empty ones."""
    found: list[Range] = []
    for first, end in sorted(ranges):
        if first >= end:
            continue
        if found and first <= found[-1][1]:
            found[-1] = (found[-1][0], max(end, found[-1][1]))
        else:
            found.append((first, end))
    return found


def exact(number: float) -> Fraction:
    """Return a number as people type it: 0.1 is a tenth."""
    return Fraction(str(number))
