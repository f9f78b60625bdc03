"""Compiling a tree of operators to closures: nodes, calls, and the limits of a rule.

An operator is a function from a ``Call`` (its name and arguments, not compiled yet) to a ``Node``
(the closure, and what is known about it). What is at fault in a call is noted with its path, and
the compiler goes on, so that one pass finds all faults. None of these values is changed once it is
made; they are not frozen because large documents make them by the hundred thousand.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from attrs import define, field

from habitkit.flags.domain.faults import Fault, Path, json_path, shown
from habitkit.flags.domain.limits import DEEPEST, MOST_FAULTS, MOST_OPERATORS, MOST_VALUES
from habitkit.flags.domain.nodes import (
    ABSENT,
    NULL,
    VARIES,
    Node,
    RuleContext,
    Scope,
    SharedRule,
    constant,
)

if TYPE_CHECKING:
    from habitkit.flags.domain.evaluation import Evaluation

__all__ = [
    "ABSENT",
    "NULL",
    "VARIES",
    "Call",
    "Compiler",
    "Node",
    "Operator",
    "RuleContext",
    "Scope",
    "SharedRule",
    "constant",
]

_SCALARS: Final = frozenset([str, int, float, bool, type(None)])


@define
class Call:
    """An operator with its arguments, to be compiled.

    Attributes:
        name: The operator.
        values: The arguments as they stand in the rule.
        listed: Whether they stand in a list; a single one need not.
        path: Where they stand.
        scope: What surrounds them.
        compiler: Compiles them.
    """

    name: str
    values: Sequence[Any]
    listed: bool
    path: Path
    scope: Scope
    compiler: Compiler

    def path_of(self, index: int) -> Path:
        """Return the path of an argument."""
        return (*self.path, index) if self.listed else self.path

    def node(self, index: int, *, result: bool = False) -> Node:
        """Compile an argument; one that is not there is JavaScript's undefined.

        Args:
            index: Which one.
            result: Whether the operator returns it as it is.
        """
        if index >= len(self.values):
            return ABSENT
        scope = self.scope if result else self.scope.argument()
        return self.compiler.node(self.values[index], self.path_of(index), scope)

    def nodes(self, start: int = 0) -> list[Node]:
        """Compile the arguments from one on."""
        return [self.node(index) for index in range(start, len(self.values))]

    def body(self, index: int) -> Node:
        """Compile the argument that is evaluated for each element of a list."""
        if index >= len(self.values):
            return ABSENT
        outer = self.scope
        scope = Scope(outer.depth, outer.references, outer.loops + 1, top=False)
        return self.compiler.node(self.values[index], self.path_of(index), scope)

    def fault(self, message: str, index: int | None = None) -> Node:
        """Note a fault, of an argument or of all of them, and return a node in its place."""
        path = self.path if index is None else self.path_of(index)
        return self.compiler.fault(path, message)


Operator: TypeAlias = Callable[[Call], Node]


@define
class Compiler:
    """Compiles one rule, and notes its faults.

    Attributes:
        context: What the rule is compiled for.
        operators: From the name of an operator to what compiles it.
        faults: What was found wrong.
        timed: Whether the rule reads the time.
        splits: Whether the rule assigns by a hash.
        keyed: Whether the rule reads the key of the flag.
    """

    context: RuleContext
    operators: Mapping[str, Operator]
    faults: list[Fault] = field(factory=list)
    timed: bool = False
    splits: bool = False
    keyed: bool = False
    _deepest: int = 0
    _calls: int = 0
    _values: int = 0
    _full: bool = False

    def fault(self, path: Path, message: str) -> Node:
        """Note a fault and return a node in its place."""
        fault = Fault(json_path(path), message)
        if not self.faults or self.faults[-1] != fault:
            self.faults.append(fault)
            self._full = self._full or len(self.faults) == MOST_FAULTS
        return NULL

    def node(self, value: Any, path: Path, scope: Scope) -> Node:
        """Compile a value of a rule."""
        self._values += 1
        if isinstance(value, (dict, list)) and value:
            self._calls += isinstance(value, dict)
            if self._full or self._calls > MOST_OPERATORS or self._values > MOST_VALUES:
                return self._too_large(path)
            if scope.depth >= DEEPEST:
                return self.fault(
                    path,
                    f"the rule is nested too deeply; expected at most {DEEPEST} levels",
                )
            self._deepest = max(self._deepest, scope.depth + 1)
            inner = Scope(scope.depth + 1, scope.references, scope.loops, scope.top, scope.result)
            if isinstance(value, dict):
                return self._call(value, path, inner)
            return self._list(value, path, inner.argument())
        if value is None or isinstance(value, (str, int, float, list, dict)):
            return constant(value)
        return self.fault(path, f"expected a rule or a JSON value, found {type(value).__name__}")

    def _too_large(self, path: Path) -> Node:
        if not self._full:
            self._full = True
            self.fault(
                path,
                f"the rule is too large, with what its references bring in; expected at most "
                f"{MOST_OPERATORS} operators and {MOST_VALUES} values",
            )
        return NULL

    def _list(self, values: list[Any], path: Path, scope: Scope) -> Node:
        if _SCALARS.issuperset(map(type, values)):
            self._values += len(values)
            return constant(values)
        nodes = []
        for index, value in enumerate(values):
            if self._full:
                return NULL
            nodes.append(self.node(value, (*path, index), scope))
        if not any(node.varies for node in nodes):
            return constant([node.constant for node in nodes])
        runs = [node.run for node in nodes]

        def run(data: Any, evaluation: Evaluation | None) -> Any:
            return [item(data, evaluation) for item in runs]

        return Node(run, loops=max(node.loops for node in nodes))

    def _call(self, rule: dict[Any, Any], path: Path, scope: Scope) -> Node:
        if len(rule) > 1:
            names = ", ".join(shown(name) for name in list(rule)[:3])
            return self.fault(
                path, f"expected an object with one operator, found {len(rule)} members: {names}"
            )
        ((name, given),) = rule.items()
        if name == "$ref":
            return self._reference(given, (*path, "$ref"), scope)
        operator = self.operators.get(name)
        if operator is None:
            known = ", ".join(sorted(self.operators))
            return self.fault(path, f"unknown operator {shown(name)}; expected one of {known}")
        listed = isinstance(given, list)
        values = given if listed else [given]
        return operator(Call(name, values, listed, (*path, name), scope, self))

    def _reference(self, name: Any, path: Path, scope: Scope) -> Node:
        if not isinstance(name, str) or name not in self.context.evaluators:
            known = ", ".join(sorted(self.context.evaluators)[:20]) or "nothing"
            return self.fault(
                path, f"there is no {shown(name)} in $evaluators, which holds {known}"
            )
        if name in scope.references:
            circle = " -> ".join([*scope.references, name])
            return self.fault(path, f"the evaluators refer to each other in a circle: {circle}")
        references = (*scope.references, name)
        inner = Scope(scope.depth, references, scope.loops, scope.top, scope.result)
        place = (name, scope.top, scope.loops)
        shared = self.context.shared.get(place)
        if shared is None or scope.depth + shared.levels > DEEPEST:
            return self._evaluator(name, place, inner)
        self.timed = self.timed or shared.timed
        self._deepest = max(self._deepest, scope.depth + shared.levels)
        self._calls += shared.calls
        self._values += shared.values
        if self._calls > MOST_OPERATORS or self._values > MOST_VALUES:
            return self._too_large(path)
        return shared.node

    def _evaluator(self, name: str, place: tuple[str, bool, int], scope: Scope) -> Node:
        """Compile an evaluator, and share it if it is the same for every flag."""
        timed, splits, keyed, deepest = self.timed, self.splits, self.keyed, self._deepest
        calls, values = self._calls, self._values
        self.timed = self.splits = self.keyed = False
        self._deepest = scope.depth
        node = self.node(self.context.evaluators[name], ("$evaluators", name), scope)
        if not (self.faults or self.splits or self.keyed):
            self.context.shared[place] = SharedRule(
                node,
                self.timed,
                self._calls - calls,
                self._values - values,
                self._deepest - scope.depth,
            )
        self.timed, self.splits = self.timed or timed, self.splits or splits
        self.keyed, self._deepest = self.keyed or keyed, max(self._deepest, deepest)
        return node
