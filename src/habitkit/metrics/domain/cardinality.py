"""How many series an instrument may have, and what becomes of attributes that would make more.

An attribute with many values, such as a user's id, would make a series for each. Values and
combinations past the caps are *folded*: values are replaced by ``(other)``. A value past the cap of
its attribute is replaced in that attribute alone. Of a combination past the cap the attribute with
the most values is replaced first, then the next, until the combination is known or fits one of 100
reserved places. So totals are right, and so is every filter and group by an attribute with few
values. OpenTelemetry drops all attributes at once, so that filters undercount:
https://github.com/open-telemetry/opentelemetry-specification/issues/3578

Whether a folded combination fits depends on how many attributes it keeps, so that places are left
for those that keep fewer. Of the 100 places there may be taken then:

    2 or more   50, and only if all combinations of the kept attributes' values fit
    1           90
    0           99, usually one in all: one for each set of attribute names
    no labels   the last one, where not even that fits
"""

from __future__ import annotations

from collections import Counter
from math import prod

from attrs import define, frozen
from attrs import field as attribute

from habitkit.errors import ConfigurationError
from habitkit.metrics.domain.series import Labels

__all__ = ["MAX_NAMES", "MAX_SERIES", "MAX_VALUES", "OTHER", "RESERVED", "Caps", "Folded"]

MAX_NAMES = 100
"""How many different attributes an instrument may have; further ones are left out."""

MAX_SERIES = 2000
"""How many series an instrument may have by default, the reserved places not counted."""

MAX_VALUES = 100
"""How many values an attribute may have by default, ``(other)`` not counted."""

OTHER = "(other)"
"""What a folded value is replaced by."""

RESERVED = 100
"""How many places there are for folded combinations."""

_USABLE = (RESERVED - 1, RESERVED - 10, RESERVED // 2)  # by the number of kept attributes
_EXAMPLES = 5


@frozen
class Folded:
    """What was folded of an attribute.

    Attributes:
        attribute: The attribute's name; ``(other)`` for all that were left out.
        count: How many combinations were folded in it, each as often as it was admitted.
        examples: The first five of its values that were folded; of those left out, their names.
    """

    attribute: str
    count: int
    examples: tuple[str, ...]


@define
class _Tally:
    count: int = 0
    examples: list[str] = attribute(factory=list)


class Caps:
    """The series that one instrument has, and which it may have.

    Not safe to be used by several threads at once. The owner keeps the labels that were returned
    unchanged, and asks for others only.

    Attributes:
        max_series: How many series there may be, besides ``RESERVED``.
        max_values: How many values an attribute may have.
    """

    __slots__ = ("_folded", "_known", "_placed", "_reserved", "_values", "max_series", "max_values")

    def __init__(self, max_series: int = MAX_SERIES, max_values: int = MAX_VALUES) -> None:
        """Begin without a series.

        Raises:
            ConfigurationError: If a cap is not an int above 0.
        """
        for name, cap in (("max_series", max_series), ("max_values", max_values)):
            if type(cap) is not int or cap < 1:
                msg = f"{name}: expected an int above 0, got {cap!r}"
                raise ConfigurationError(msg)
        self.max_series = max_series
        self.max_values = max_values
        self._known: set[Labels] = set()
        self._values: dict[str, set[str]] = {}  # of each attribute, in whatever combination
        self._reserved = 0  # how many of the known are in reserved places
        self._placed: Counter[tuple[tuple[str, bool], ...]] = Counter()  # these by what they keep
        self._folded: dict[str, _Tally] = {}

    def __len__(self) -> int:
        """Return how many series there are."""
        return len(self._known)

    def admit(self, labels: Labels) -> Labels:
        """Return the labels under which a combination is recorded, and count what is folded.

        The same combination may be folded otherwise later, when attributes have other numbers of
        values. Labels that were returned once are known from then on, and are never folded.
        """
        if labels in self._known:
            return labels
        admitted = self._admitted(self._capped(labels))
        if admitted != labels:
            self._count(labels, dict(admitted))
        return admitted

    def folded(self) -> tuple[Folded, ...]:
        """Return what was folded so far, by the names of attributes."""
        return tuple(
            Folded(name, tally.count, tuple(tally.examples))
            for name, tally in sorted(self._folded.items())
        )

    def _capped(self, labels: Labels) -> Labels:
        """Replace the values past the cap of their attribute, and leave out names past theirs."""
        capped = []
        for name, value in labels:
            values = self._values.get(name)
            if values is None:
                if len(self._values) >= MAX_NAMES:
                    continue
                values = self._values[name] = set()
            if value not in values and value != OTHER:
                if len(values) < self.max_values:
                    values.add(value)
                else:
                    value = OTHER  # noqa: PLW2901 - the rest of the loop is about this one
            capped.append((name, value))
        return tuple(capped)

    def _admitted(self, labels: Labels) -> Labels:
        """Return a known combination or one that fits, as little folded as can be."""
        if labels in self._known:
            return labels
        if len(self._known) < self.max_series:  # no reserved place is taken before
            self._known.add(labels)
            return labels
        left = dict(labels)
        for name in sorted(left, key=lambda name: (-len(self._values[name]), name)):
            left[name] = OTHER
            candidate = tuple(left.items())
            if candidate in self._known or self._takes_place(candidate):
                return candidate
        if () not in self._known:
            self._known.add(())
            self._reserved += 1
        return ()

    def _takes_place(self, labels: Labels) -> bool:
        keeps = tuple((name, value != OTHER) for name, value in labels)
        kept = [name for name, is_kept in keeps if is_kept]
        needed = 1
        if len(kept) > 1:
            all_of_them = prod(len(self._values[name]) for name in kept)
            needed = max(1, all_of_them - self._placed[keeps])
        if self._reserved + needed > _USABLE[min(len(kept), 2)]:
            return False
        self._known.add(labels)
        self._reserved += 1
        self._placed[keeps] += 1
        return True

    def _count(self, labels: Labels, admitted: dict[str, str]) -> None:
        for name, value in labels:
            if admitted.get(name) == value:
                continue
            left_out = name not in self._values
            tally = self._folded.setdefault(OTHER if left_out else name, _Tally())
            example = name if left_out else value
            tally.count += 1
            if len(tally.examples) < _EXAMPLES and example not in tally.examples:
                tally.examples.append(example)
