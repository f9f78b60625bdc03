"""Compiling a document of flags: each flag becomes a function of the context."""

from __future__ import annotations

from graphlib import CycleError, TopologicalSorter
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from habitkit.flags.domain.documents import read_document
from habitkit.flags.domain.faults import Fault, json_path
from habitkit.flags.domain.flag_set import TYPES, CompiledFlag, FlagSet
from habitkit.flags.domain.resolution import Reason, Resolution
from habitkit.flags.domain.resolvers import (
    always,
    gate,
    gated,
    guarded,
    kept,
    lasting_results,
    results_of,
    targeted,
    with_evaluation,
)
from habitkit.flags.domain.rules import RuleContext, compile_rule
from habitkit.flags.domain.schedules import scheduled
from habitkit.flags.errors import FlagDefinitionError

if TYPE_CHECKING:
    from collections.abc import Callable

    from habitkit.flags.domain.documents import Definitions, FlagDefinition
    from habitkit.flags.domain.evaluation import Expression
    from habitkit.flags.domain.flag_set import Resolver
    from habitkit.flags.domain.rules import Rule

__all__ = ["compile_document"]

_DEEPEST_PREREQUISITES = 16


def compile_document(document: object, now: Callable[[], float]) -> FlagSet:
    """Compile a document in flagd's format.

    Args:
        document: A mapping, or JSON text as ``str`` or ``bytes``; not to be changed afterwards.
        now: Gives the time for schedules and ``$flagd.timestamp``, in seconds since 1970.

    Returns:
        The compiled set.

    Raises:
        FlagDefinitionError: If the document has faults; ``error.faults`` has each with its path.
    """
    faults: list[Fault] = []
    definitions = read_document(document, faults)
    compiled = _Compiler(definitions, now, faults).flags()
    if faults:
        raise FlagDefinitionError(faults)
    return FlagSet(compiled, definitions)


class _Compiler:
    """Compiles the flags of one document, those first that others ask for."""

    def __init__(
        self, definitions: Definitions, now: Callable[[], float], faults: list[Fault]
    ) -> None:
        self._definitions = definitions
        self._now = now
        self._faults = faults
        self._depths: dict[str, int] = {}
        self._resolvers: dict[str, Resolver] = {}
        self._with_evaluation: set[str] = set()
        for name, rule in definitions.evaluators.items():
            context = RuleContext("", definitions.bucketing, definitions.evaluators)
            compile_rule(rule, ("$evaluators", name), context, faults)

    def flags(self) -> dict[str, CompiledFlag]:
        """Return the compiled flags, in the order of the document."""
        flags = self._definitions.flags
        graph = {
            key: [it.flag for it in flag.options.prerequisites if it.flag in flags]
            for key, flag in flags.items()
        }
        try:
            order = list(TopologicalSorter(graph).static_order())
        except CycleError as error:
            cycle: list[str] = error.args[1]
            self._fault(("$habitkit", cycle[0], "prerequisites"), f"a cycle: {' -> '.join(cycle)}")
            order = list(flags)
        compiled = {key: self._flag(flags[key]) for key in order}
        return {key: compiled[key] for key in flags}

    def _flag(self, flag: FlagDefinition) -> CompiledFlag:
        resolve = self._resolver(flag)
        if flag.key in self._with_evaluation:
            resolve = with_evaluation(resolve, self._now)
        fits = TYPES[flag.kind]
        shared = frozenset() if flag.kind == "object" else fits | {type(None)}
        return CompiledFlag(flag, resolve, resolve, shared, fits)

    def _resolver(self, flag: FlagDefinition) -> Resolver:
        """Return the function that evaluates a flag, in which every part may be missing."""
        metadata = MappingProxyType({**flag.metadata})
        results = results_of(flag, metadata)
        rule = self._rule(flag)
        gates = [*self._segments(flag), *self._prerequisites(flag)]
        base = always(results.default if rule or gates else results.static)
        if flag.options.schedule is not None:
            self._with_evaluation.add(flag.key)
            bucketing = self._definitions.bucketing
            base = scheduled(flag, bucketing, results.default, results.splits, self._faults)
        resolve = base
        if rule is not None:
            resolve = targeted(rule.run, results.matches, base, metadata)
        if flag.key in self._with_evaluation and flag.options.sticky is not None:
            resolve = kept(flag.key, resolve, lasting_results(flag, results.splits))
        if gates:
            resolve = gated(gates, resolve, results.default)
        if gates or flag.options.schedule is not None:
            resolve = guarded(resolve, metadata)
        if not flag.enabled:
            resolve = always(Resolution(None, None, Reason.DISABLED, metadata=metadata))
        self._resolvers[flag.key] = resolve
        return resolve

    def _rule(self, flag: FlagDefinition) -> Rule | None:
        """Return the compiled targeting of a flag."""
        if flag.targeting is None or flag.targeting == {}:
            return None
        definitions = self._definitions
        sticky = flag.options.sticky is not None
        context = RuleContext(
            flag.key, definitions.bucketing, definitions.evaluators, sticky=sticky
        )
        rule = compile_rule(flag.targeting, ("flags", flag.key, "targeting"), context, self._faults)
        if rule is not None and (rule.timed or (sticky and rule.splits)):
            self._with_evaluation.add(flag.key)
        return rule

    def _segments(self, flag: FlagDefinition) -> list[Callable[..., Any]]:
        """Return the gate that lets only members of a flag's segments through."""
        names = flag.options.segments
        rules: list[Expression] = []
        for index, name in enumerate(names):
            path = ("$habitkit", flag.key, "segments", index)
            if name not in self._definitions.evaluators:
                self._fault(path, f"there is no shared rule {name!r} in $evaluators")
                continue
            context = RuleContext(
                flag.key, self._definitions.bucketing, self._definitions.evaluators
            )
            rule = compile_rule({"!!": [{"$ref": name}]}, path, context, self._faults)
            if rule is None:
                continue
            if rule.timed:
                self._with_evaluation.add(flag.key)
            rules.append(rule.run)
        if not names:
            return []
        return [lambda context, evaluation: any(run(context, evaluation) for run in rules)]

    def _prerequisites(self, flag: FlagDefinition) -> list[Callable[..., Any]]:
        """Return the gates that let through where other flags have the variants wanted."""
        gates = []
        depth = 0
        for index, wanted in enumerate(flag.options.prerequisites):
            path = ("$habitkit", flag.key, "prerequisites", index)
            other = self._definitions.flags.get(wanted.flag)
            if other is None:
                self._fault((*path, "flag"), f"there is no flag {wanted.flag!r}")
                continue
            unknown = sorted({*wanted.variants} - other.variants.keys())
            if unknown:
                message = f"flag {wanted.flag!r} has no variant {unknown[0]!r}"
                self._fault((*path, "variants"), message)
            depth = max(depth, 1 + self._depths.get(wanted.flag, 0))
            if wanted.flag in self._resolvers:  # otherwise there is a cycle, which is a fault
                gates.append(gate(self._resolvers[wanted.flag], frozenset(wanted.variants)))
            if wanted.flag in self._with_evaluation:
                self._with_evaluation.add(flag.key)
        self._depths[flag.key] = depth
        if depth > _DEEPEST_PREREQUISITES:
            message = f"expected at most {_DEEPEST_PREREQUISITES} flags in a row, got {depth}"
            self._fault(("$habitkit", flag.key, "prerequisites"), message)
        return gates

    def _fault(self, path: tuple[str | int, ...], message: str) -> None:
        self._faults.append(Fault(json_path(path), message))
