"""Which spans of time an expression reads, so that each is read once.

A window is [at - over, at), cut inwards to whole slots. At one instant it is read as such, with the
coarsest slots inside. At several instants one span is read for all, with slots that each window is
made of as a whole.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from attrs import field, frozen

from habitkit.metrics.domain.durations import text_of
from habitkit.metrics.domain.expressions import (
    INSTANT_SECONDS,
    Aggregate,
    Expression,
    Transform,
)
from habitkit.metrics.domain.tiers import SeriesTier, kept_from, slot_of
from habitkit.metrics.errors import InvalidMetric

__all__ = ["Instants", "Leaf", "Read", "ceiling", "leaves", "reads_of"]


@frozen
class Instants:
    """When an expression is evaluated: from ``start`` to ``end``, both included.

    Attributes:
        start: The first instant, in seconds since 1970.
        end: The last one, or a time before the next one.
        step: The seconds between two of them.
    """

    start: int
    end: int
    step: int = 1

    @property
    def all(self) -> range:
        """The instants."""
        return range(self.start, self.end + 1, self.step)

    @property
    def is_single(self) -> bool:
        """Whether it is only one."""
        return self.start + self.step > self.end


@frozen
class Read:
    """A span of time to be read.

    Attributes:
        start: From when.
        end: Up to when, excluded.
        coarsest: No longer slots than this; None if all of it is one window.
        grid: The windows in it begin and end at multiples of this.
    """

    start: int
    end: int
    coarsest: int | None = None
    grid: int = 1


@frozen
class Leaf:
    """A function of points in an expression.

    Attributes:
        of: The function.
        shift: How long ago, in seconds.
        key: A text that is equal for what gives the same result.
    """

    of: Aggregate = field(eq=False)
    shift: int = field(eq=False)
    key: str


def leaves(expression: Expression, shift: int = 0) -> Iterator[Leaf]:
    """Return the functions of points in an expression, from left to right."""
    if isinstance(expression, Aggregate):
        yield Leaf(expression, shift, f"{shift} {expression.canonical()}")
    elif isinstance(expression, Transform) and expression.function == "ago":
        shift += expression.argument or 0
    for child in expression.children:
        yield from leaves(child, shift)


def reads_of(
    leaf: Leaf, instants: Instants, now: int, tiers: Sequence[SeriesTier]
) -> tuple[Read, ...]:
    """Return the spans that a function needs: one, or two for ``last``.

    The second one of ``last`` is what lies before the last minute, for a longer window.

    Args:
        leaf: The function.
        instants: When it is evaluated.
        now: When, in seconds since 1970.
        tiers: What the store keeps, the finest first.

    Raises:
        InvalidMetric: If the window is shorter than the slots that are kept at that time.
    """
    over, first, last = leaf.of.over, instants.start - leaf.shift, instants.end - leaf.shift
    newest = slot_of(now, tiers[0].step_seconds)
    if leaf.of.function == "last":
        step = _finest(first - INSTANT_SECONDS, now, tiers)
        held = ceiling(INSTANT_SECONDS, step)
        begin = slot_of(first, step) - held
        recent = Read(begin, min(slot_of(last, step), newest), step, step)
        if over <= held:
            return (recent,)
        step = _finest(first - over, now, tiers)
        return recent, Read(ceiling(first - over, step), recent.end, step, step)
    step = _finest(first - over, now, tiers)
    if over < step or _covers_no_slot(over, range(first, last + 1, instants.step), step):
        least = step if over < step else 2 * step
        expected = f"at least {text_of(least)}: the slots that are kept of that time are this long"
        expected = expected if over < step else expected.replace("this", "half as")
        raise InvalidMetric("over", given=text_of(over), expected=expected)
    if instants.is_single:
        return (Read(first - over, min(first, newest)),)
    fitting = (
        tier.step_seconds
        for tier in tiers
        if not any(it % tier.step_seconds for it in (first, over, instants.step))
    )
    grid = max((step, *fitting))
    return (Read(ceiling(first - over, grid), min(slot_of(last, grid), newest), grid, grid),)


def _covers_no_slot(over: int, ends: range, step: int) -> bool:
    """Return whether no window of this length has a whole slot in it, whichever its end is."""
    return over < 2 * step and all(ceiling(at - over, step) >= slot_of(at, step) for at in ends)


def ceiling(at: int, step: int) -> int:
    """Return the first multiple of a step at an instant or after it."""
    return -(-at // step) * step


def _finest(at: int, now: int, tiers: Sequence[SeriesTier]) -> int:
    """Return the length of the shortest slots that are kept from an instant on."""
    for tier in tiers:
        if ceiling(at, tier.step_seconds) >= kept_from(now, tier):
            return tier.step_seconds
    return tiers[-1].step_seconds
