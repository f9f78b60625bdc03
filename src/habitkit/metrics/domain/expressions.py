"""Expressions over metrics: frozen values that are combined with operators.

    rate("requests", "5m", where={"outcome": "error"}) / rate("requests", "5m") > 0.05

Comparisons filter: they keep the samples for which they hold, with the value of the left side, as
in PromQL. ``==`` and ``!=`` are such comparisons too, so an expression has no truth value, and is
compared with another by ``same_as``.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from attrs import frozen

from habitkit.metrics.domain.durations import seconds
from habitkit.metrics.domain.matchers import ALL, By, Matcher
from habitkit.metrics.domain.operators import ARITHMETIC, COMPARISONS, SETS, Operators, no_set
from habitkit.metrics.domain.series import Series
from habitkit.metrics.errors import InvalidMetric

__all__ = [
    "INSTANT_SECONDS",
    "Aggregate",
    "Binary",
    "Expression",
    "Now",
    "Number",
    "Selector",
    "Transform",
    "as_expression",
    "parts",
]

INSTANT_SECONDS = 60
"""How long the last value of a gauge holds."""

_MOST_LEVELS = 100
_MOST_NODES = 1000
_LARGEST = 2.0**1000


class Expression(Operators):
    """What a query computes at an instant: a number for each set of labels, or a single number.

    The constructors are ``metric``, ``rate``, ``increase``, ``quantile``, ``mean``, ``total``,
    ``count``, ``fraction``, ``last``, ``minimum``, ``maximum``, ``topk``, ``absent`` and ``now``.
    """

    __slots__ = ()

    @property
    def children(self) -> tuple[Expression, ...]:
        """The expressions that it is made of."""
        return ()

    @property
    def is_scalar(self) -> bool:
        """Whether it is a single number without labels."""
        return False

    def walk(self) -> Iterator[Expression]:
        """Return it and all that it is made of."""
        yield self
        for child in self.children:
            yield from child.walk()

    def metrics(self) -> frozenset[str]:
        """Return the names of the metrics that it reads."""
        leaves = (it for it in self.walk() if isinstance(it, Aggregate | Selector))
        return frozenset(it.name if isinstance(it, Selector) else it.of.name for it in leaves)

    def to_dict(self) -> dict[str, Any]:
        """Return it as a JSON object, of which ``from_dict`` makes it again."""
        from habitkit.metrics.domain.expression_json import to_json  # noqa: PLC0415 - needs this

        content: dict[str, Any] = to_json(self)
        return content

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> Expression:
        """Make an expression of what ``to_dict`` returns.

        Raises:
            InvalidMetric: If it is something else; it says where.
        """
        from habitkit.metrics.domain.expression_json import from_json  # noqa: PLC0415 - needs this

        return from_json(content)

    def canonical(self) -> str:
        """Return a text that is equal for equal expressions, to compare, to hash and to store."""
        return json.dumps(self.to_dict(), sort_keys=True, separators=(",", ":"))

    def same_as(self, other: object) -> bool:
        """Tell whether another one is equal: ``==`` makes a comparison instead."""
        return isinstance(other, Expression) and self.canonical() == other.canonical()

    def promql(self, known: Iterable[Series] = ()) -> str:
        """Return it in PromQL, with the names that the exporter for Prometheus gives.

        Counters end in ``_total``, units are appended, distributions are native histograms. See
        ``habitkit.metrics.domain.promql`` for what has no exact equivalent.

        Args:
            known: Series that tell the unit and the kind of each metric, such as a store has; a
                metric that is not among them has no unit, and the kind that its function is for.
        """
        from habitkit.metrics.domain.promql import promql  # noqa: PLC0415 - needs this

        return promql(self, known)

    def ago(self, duration: str | int) -> Expression:
        """Return what it was some time ago.

        Args:
            duration: Such as ``"1w"``, or seconds.
        """
        return Transform("ago", as_expression(self), seconds(duration, "ago"))

    def _joined(self, op: str, other: object, *, reflected: bool = False) -> Expression:
        left, right = as_expression(self), as_expression(other)
        return Binary(op, right, left) if reflected else Binary(op, left, right)

    def __repr__(self) -> str:
        from habitkit.metrics.domain.expression_text import text  # noqa: PLC0415 - needs this

        return text(self)


def as_expression(value: Any) -> Expression:
    """Return an operand as an expression: a number becomes one, and a selector its last value.

    Raises:
        InvalidMetric: If it is neither an expression nor a finite number.
    """
    if isinstance(value, Selector):
        return Aggregate("last", value, INSTANT_SECONDS, ALL)
    return value if isinstance(value, Expression) else Number(value)


def parts(expression: Expression) -> tuple[bool, Expression]:
    """Return whether an expression is a comparison, and the side whose samples it filters.

    That is the left side, but the right one if only that has labels: ``now() > last("expires")``.
    Of what is no comparison it is the expression itself.
    """
    if not isinstance(expression, Binary) or expression.op not in COMPARISONS:
        return False, expression
    swapped = expression.left.is_scalar and not expression.right.is_scalar
    return True, expression.right if swapped else expression.left


def _check_size(children: Iterable[Expression]) -> None:
    """Refuse an expression that is too large to be walked."""
    level, count, depth = [*children], 0, 0
    while level:
        count, depth = count + len(level), depth + 1
        if count > _MOST_NODES or depth > _MOST_LEVELS:
            expected = f"at most {_MOST_NODES} parts in {_MOST_LEVELS} levels"
            raise InvalidMetric("expression", given=f"{count}, {depth}", expected=expected)
        level = [child for each in level for child in each.children]


@frozen(eq=False, repr=False)
class Number(Expression):
    """A number beside an operator.

    Attributes:
        value: A finite one; a whole one stays an int.
    """

    value: float

    def __attrs_post_init__(self) -> None:
        """Refuse what is no finite number."""
        if type(self.value) not in {int, float} or not abs(self.value) <= _LARGEST:
            expected = "an expression or a finite number"
            raise InvalidMetric("operand", given=self.value, expected=expected)

    @property
    def is_scalar(self) -> bool:
        """Whether it is a single number without labels: yes."""
        return True


@frozen(eq=False, repr=False)
class Now(Expression):
    """The instant of the evaluation, in seconds since 1970."""

    @property
    def is_scalar(self) -> bool:
        """Whether it is a single number without labels: yes."""
        return True


@frozen(eq=False, repr=False)
class Selector(Expression):
    """Some series of a metric; as an expression, their values at an instant: see ``last``.

    Attributes:
        name: The metric's name.
        where: Conditions on its attributes, sorted by attribute.
    """

    name: str
    where: tuple[tuple[str, Matcher], ...] = ()


@frozen(eq=False, repr=False)
class Aggregate(Expression):
    """What a function computes of the points of some series in a window.

    Attributes:
        function: Its name, such as ``rate``.
        of: The series.
        over: The length of the window in seconds.
        by: How the results are grouped.
        argument: The ``q`` of ``quantile``, the ``below`` of ``fraction``.
    """

    function: str
    of: Selector
    over: int
    by: By = None
    argument: float | None = None


@frozen(eq=False, repr=False)
class Binary(Expression):
    """Two expressions and an operator between them.

    Attributes:
        op: One of ``ARITHMETIC``, ``COMPARISONS`` and ``SETS``.
        left: The first.
        right: The second.
    """

    op: str
    left: Expression
    right: Expression

    def __attrs_post_init__(self) -> None:
        """Refuse numbers as operands of sets, and what is nested too deeply."""
        if self.op in SETS and (self.left.is_scalar or self.right.is_scalar):
            raise no_set(self.left if self.left.is_scalar else self.right)
        _check_size(self.children)

    @property
    def children(self) -> tuple[Expression, ...]:
        """The expressions that it is made of."""
        return (self.left, self.right)

    @property
    def is_scalar(self) -> bool:
        """Whether it is a single number without labels."""
        return self.op in ARITHMETIC and self.left.is_scalar and self.right.is_scalar


@frozen(eq=False, repr=False)
class Transform(Expression):
    """What a function makes of the samples of an expression.

    Attributes:
        function: ``topk``, ``absent`` or ``ago``.
        of: The expression.
        argument: The ``k`` of ``topk``, the seconds of ``ago``; None for ``absent``.
    """

    function: str
    of: Expression
    argument: int | None = None

    def __attrs_post_init__(self) -> None:
        """Refuse a number, but for ``ago``, and what is nested too deeply."""
        if self.of.is_scalar and self.function != "ago":
            raise no_set(self.of)
        _check_size(self.children)

    @property
    def children(self) -> tuple[Expression, ...]:
        """The expressions that it is made of."""
        return (self.of,)

    @property
    def is_scalar(self) -> bool:
        """Whether it is a single number without labels."""
        return self.of.is_scalar
