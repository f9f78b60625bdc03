"""The operators of expressions: what Python calls for each."""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn

from habitkit.errors import UsageError
from habitkit.metrics.errors import InvalidMetric

if TYPE_CHECKING:
    from habitkit.metrics.domain.expressions import Expression

__all__ = ["ARITHMETIC", "COMPARISONS", "SETS", "Operators", "no_set"]

ARITHMETIC = ("+", "-", "*", "/")
"""Operators that compute."""

COMPARISONS = ("==", "!=", "<", "<=", ">", ">=")
"""Operators that filter."""

SETS = ("&", "|", "unless")
"""Operators that combine samples by their labels."""


def no_set(given: object) -> InvalidMetric:
    """Return the error for a number as an operand of what combines samples by their labels."""
    expected = "expressions with labels; put comparisons into parentheses: (a > 1) & (b > 2)"
    return InvalidMetric("operand", given=given, expected=expected)


class Operators:
    """What all expressions inherit: each operator makes another expression."""

    __slots__ = ()

    def _joined(self, op: str, other: object, *, reflected: bool = False) -> Expression:
        """Return the expression of an operator; reflected if the other one is on its left."""
        raise NotImplementedError

    def unless(self, other: Expression) -> Expression:
        """Return the samples that have no counterpart with equal labels in another expression."""
        return self._joined("unless", other)

    def __add__(self, other: Expression | float) -> Expression:
        return self._joined("+", other)

    def __radd__(self, other: Expression | float) -> Expression:
        return self._joined("+", other, reflected=True)

    def __sub__(self, other: Expression | float) -> Expression:
        return self._joined("-", other)

    def __rsub__(self, other: Expression | float) -> Expression:
        return self._joined("-", other, reflected=True)

    def __mul__(self, other: Expression | float) -> Expression:
        return self._joined("*", other)

    def __rmul__(self, other: Expression | float) -> Expression:
        return self._joined("*", other, reflected=True)

    def __truediv__(self, other: Expression | float) -> Expression:
        return self._joined("/", other)

    def __rtruediv__(self, other: Expression | float) -> Expression:
        return self._joined("/", other, reflected=True)

    def __lt__(self, other: Expression | float) -> Expression:
        return self._joined("<", other)

    def __le__(self, other: Expression | float) -> Expression:
        return self._joined("<=", other)

    def __gt__(self, other: Expression | float) -> Expression:
        return self._joined(">", other)

    def __ge__(self, other: Expression | float) -> Expression:
        return self._joined(">=", other)

    def __eq__(self, other: Expression | float) -> Expression:  # type: ignore[override]  # pyright: ignore[reportIncompatibleMethodOverride]
        return self._joined("==", other)

    def __ne__(self, other: Expression | float) -> Expression:  # type: ignore[override]  # pyright: ignore[reportIncompatibleMethodOverride]
        return self._joined("!=", other)

    __hash__ = object.__hash__  # not by content, as == has another meaning

    def __and__(self, other: Expression) -> Expression:
        return self._joined("&", other)

    def __or__(self, other: Expression) -> Expression:
        return self._joined("|", other)

    def __rand__(self, other: object) -> NoReturn:
        """Refuse ``1 & expression``, which a comparison without parentheses becomes."""
        raise no_set(other)

    __ror__ = __rand__

    def __bool__(self) -> NoReturn:
        msg = (
            "an expression has no truth value; combine expressions with &, | and .unless() instead "
            "of and, or and not, write a < b < c as two comparisons, and compare two expressions "
            "with same_as()"
        )
        raise UsageError(msg)
