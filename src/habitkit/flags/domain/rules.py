"""Targeting rules: JsonLogic with flagd's operators, compiled to closures.

Semantics are those of the npm package json-logic-js 2.0.5, and for what flagd adds those of flagd's
reference evaluators. These differences are meant:

- An object of several members is a fault; json-logic-js takes it for a value.
- ``and`` and ``or`` without arguments, and a loop without a body, yield null, not undefined.
- Members that JavaScript's objects inherit, such as ``constructor``, are not there.
- What a rule builds is bounded: texts, lists, and how often loops go round.
- ``missing`` takes the names it is given as they are; json-logic-js evaluates them a second time.
- An argument that an operator does not use is not evaluated, so that it cannot fail.
"""

from __future__ import annotations

from typing import Any

from attrs import frozen

from habitkit.flags.domain.evaluation import Expression
from habitkit.flags.domain.expressions import Compiler, RuleContext, Scope
from habitkit.flags.domain.faults import Fault, Path
from habitkit.flags.domain.operators.table import OPERATORS

__all__ = ["Rule", "RuleContext", "compile_rule"]


@frozen
class Rule:
    """A compiled rule.

    Attributes:
        run: Evaluates it: ``(data, evaluation) -> JSON value``. It may raise any ``Exception``.
        timed: Whether it reads the time, ``evaluation.at``.
        splits: Whether it assigns by a hash: it contains ``fractional`` or ``rollout``.
    """

    run: Expression
    timed: bool
    splits: bool


def compile_rule(rule: Any, path: Path, context: RuleContext, faults: list[Fault]) -> Rule | None:
    """Compile a rule.

    Args:
        rule: The rule, as parsed from JSON.
        path: Where it stands in the document.
        context: What it is compiled for.
        faults: Every fault that is found is added here, with its path.

    Returns:
        The compiled rule; None if it has faults.
    """
    compiler = Compiler(context, OPERATORS)
    node = compiler.node(rule, path, Scope(result=True))
    if compiler.faults:
        known = set(faults)  # several flags may refer to the same evaluator
        faults.extend(fault for fault in compiler.faults if fault not in known)
        return None
    return Rule(node.run, compiler.timed, compiler.splits)
