"""What tests of rules need: compiling, and comparing values as JavaScript's."""

from __future__ import annotations

import math
from typing import Any

from habitkit.flags.domain.evaluation import Evaluation
from habitkit.flags.domain.rules import Rule, RuleContext, compile_rule

PATH = ("flags", "new-checkout", "targeting")


def compiled(rule: Any, **context: Any) -> Rule:
    """Compile a rule that has no faults."""
    faults: list[Any] = []
    result = compile_rule(rule, PATH, RuleContext("new-checkout", **context), faults)
    assert result is not None, [str(fault) for fault in faults]
    assert not faults
    return result


def evaluated(rule: Any, data: Any = None, *, at: float = 0, **context: Any) -> Any:
    """Compile a rule without faults, and evaluate it."""
    return compiled(rule, **context).run({} if data is None else data, Evaluation(at))


def faults_of(rule: Any, **context: Any) -> list[str]:
    """Return the faults of a rule, as ``path: message`` below that of the rule."""
    faults: list[Any] = []
    result = compile_rule(rule, PATH, RuleContext("new-checkout", **context), faults)
    assert (result is None) is bool(faults)
    return [str(fault).replace("$.flags.new-checkout.targeting", "") for fault in faults]


def same(left: Any, right: Any, *, signed_zero: bool = True) -> bool:
    """Return whether two values are the same JSON: numbers by value, NaN as itself."""
    if isinstance(left, bool) or isinstance(right, bool):
        return left is right
    if isinstance(left, (int, float)) and isinstance(right, (int, float)):
        first, second = float(left), float(right)
        signs = not signed_zero or math.copysign(1, first) == math.copysign(1, second)
        return (math.isnan(first) and math.isnan(second)) or (first == second and signs)

    def equal(one: Any, other: Any) -> bool:
        return same(one, other, signed_zero=signed_zero)

    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(equal, left, right))
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(equal(left[key], right[key]) for key in left)
    return type(left) is type(right) and bool(left == right)
