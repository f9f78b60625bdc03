"""Exemplars: single values that were recorded, and what for, such as a trace."""

from __future__ import annotations

from collections.abc import Mapping
from math import frexp
from typing import Any

from attrs import frozen

from habitkit.metrics.domain.names import attribute_texts
from habitkit.metrics.domain.series import Labels
from habitkit.metrics.errors import InvalidMetric

__all__ = ["Exemplar", "Exemplars", "exemplar_texts"]

_MOST = 16
_LONGEST = 128


@frozen
class Exemplar:
    """A recorded value and what it was recorded for, such as a trace.

    Attributes:
        attributes: Names and texts, such as the trace's id.
        value: What was recorded.
        at_ns: When: nanoseconds since 1970.
    """

    attributes: Labels
    value: float
    at_ns: int


class Exemplars:
    """The newest exemplar of each power of two, of 16 at most the newest."""

    def __init__(self) -> None:
        """Begin with none."""
        self._found: dict[tuple[bool, int], Exemplar] = {}

    def add(self, exemplar: Exemplar) -> None:
        """Keep one, if it is the newest of its power of two; of too many the oldest goes."""
        power = (exemplar.value < 0, frexp(exemplar.value)[1])
        other = self._found.get(power)
        if other is None or other.at_ns <= exemplar.at_ns:
            self._found[power] = exemplar
        if len(self._found) > _MOST:
            del self._found[min(self._found, key=lambda it: self._found[it].at_ns)]

    def all(self) -> tuple[Exemplar, ...]:
        """Return them."""
        return tuple(self._found.values())


def exemplar_texts(attributes: Mapping[str, Any]) -> Labels:
    """Return what an exemplar says as sorted pairs of texts, as ``attribute_texts`` does.

    Raises:
        InvalidMetric: If a name or value is not acceptable, or all together are longer than 128
            characters, which is the limit of OpenMetrics.
    """
    texts = attribute_texts(attributes)
    if sum(len(name) + len(value) for name, value in texts) > _LONGEST:
        expected = f"names and values of at most {_LONGEST} characters together"
        raise InvalidMetric("exemplar", given=attributes, expected=expected)
    return texts
