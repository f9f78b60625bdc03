"""What a rule is compiled to and for: nodes, and where they stand."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from attrs import define, field, frozen

from habitkit.flags.domain.json_values import UNDEFINED

if TYPE_CHECKING:
    from habitkit.flags.domain.evaluation import Evaluation, Expression

__all__ = ["ABSENT", "NULL", "VARIES", "Node", "RuleContext", "Scope", "SharedRule", "constant"]


class _Varies:
    """The constant of a node that has none."""


VARIES: Final = _Varies()


@frozen
class SharedRule:
    """An evaluator that is compiled once, for all flags that refer to it.

    Attributes:
        node: What it was compiled to.
        timed: Whether it reads the time.
        calls: How many operators it has.
        values: How many values it has.
        levels: How many levels it has.
    """

    node: Node
    timed: bool
    calls: int
    values: int
    levels: int


@frozen
class RuleContext:
    """What a rule is compiled for.

    Attributes:
        flag_key: The flag that the rule belongs to.
        bucketing: How ``fractional`` assigns: ``v1``, ``v2`` or ``v3``.
        evaluators: What ``$ref`` names: rules that are not compiled.
        sticky: Whether ``fractional`` keeps to stored assignments.
        shared: The evaluators that are compiled, by name and by where they stand; it is filled.
    """

    flag_key: str
    bucketing: str = "v2"
    evaluators: Mapping[str, Any] = field(factory=dict)
    sticky: bool = False
    shared: dict[tuple[str, bool, int], SharedRule] = field(factory=dict, eq=False, repr=False)


@define
class Node:
    """A compiled part of a rule.

    Attributes:
        run: Evaluates it.
        constant: Its value, if that is always the same.
        boolean: It returns True, False or None, so that Python's truth is JsonLogic's.
        name: The attribute of the context that it reads, if it does nothing else.
        loops: How many loops stand in each other at the deepest place in it.
    """

    run: Expression
    constant: Any = VARIES
    boolean: bool = False
    name: str | None = None
    loops: int = 0

    @property
    def varies(self) -> bool:
        """Whether the value is not always the same."""
        return self.constant is VARIES


def constant(value: Any) -> Node:
    """Return the node of a value that is always the same."""

    def run(_data: Any, _evaluation: Evaluation | None) -> Any:
        return value

    return Node(run, value, boolean=value is None or isinstance(value, bool))


NULL: Final = constant(None)
ABSENT: Final = constant(UNDEFINED)


@define
class Scope:
    """Where in a rule a call stands.

    Attributes:
        depth: How many levels there are above it.
        references: The evaluators it stands in.
        loops: How many loops it stands in.
        top: Whether ``var`` reads the context, not an element of a list.
        result: Whether the value here is the result of the rule, not what an operator works with.
    """

    depth: int = 0
    references: tuple[str, ...] = ()
    loops: int = 0
    top: bool = True
    result: bool = False

    def argument(self) -> Scope:
        """Return the scope of a value that an operator works with."""
        if not self.result:
            return self
        return Scope(self.depth, self.references, self.loops, self.top)
