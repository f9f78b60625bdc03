"""Compiling a document of flags: each flag becomes a function of the context."""

from __future__ import annotations

from graphlib import CycleError, TopologicalSorter
from typing import TYPE_CHECKING, Any

from habitkit.flags.domain.documents import read_document
from habitkit.flags.domain.faults import Fault, json_path
from habitkit.flags.domain.flag_set import (
    TYPES,
    CompiledDefinition,
    CompiledFlag,
    FlagSet,
    same_experiment,
)
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
    from collections.abc import Callable, Mapping

    from habitkit.flags.domain.documents import Definitions, FlagDefinition
    from habitkit.flags.domain.evaluation import Expression
    from habitkit.flags.domain.experiments import Experiments
    from habitkit.flags.domain.expressions import SharedRule
    from habitkit.flags.domain.flag_set import Resolver
    from habitkit.flags.domain.rules import Rule

__all__ = ["compile_document"]

_DEEPEST_PREREQUISITES = 16


def compile_document(
    document: object, now: Callable[[], float], reuse: FlagSet | None = None
) -> FlagSet:
    """Compile a document in flagd's format.

    Args:
        document: A mapping, or JSON text as ``str`` or ``bytes``; not to be changed afterwards.
        now: Gives the time for schedules and ``$flagd.timestamp``, in seconds since 1970.
        reuse: A set compiled earlier: what is the same in both is not read and compiled again.

    Returns:
        The compiled set.

    Raises:
        FlagDefinitionError: If the document has faults; ``error.faults`` has each with its path.
    """
    faults: list[Fault] = []
    definitions = read_document(document, faults, None if reuse is None else reuse.definitions)
    compiler = _Compiler(definitions, now, faults, reuse)
    compiled = compiler.flags()
    if faults:
        raise FlagDefinitionError(faults)
    return FlagSet(compiled, definitions, compiler.shared, compiler.experiments)


class _Compiler:
    """Compiles the flags of one document, those first that others ask for."""

    def __init__(
        self,
        definitions: Definitions,
        now: Callable[[], float],
        faults: list[Fault],
        reuse: FlagSet | None,
    ) -> None:
        self._definitions = definitions
        self._now = now
        self._faults = faults
        self._compiled: dict[str, CompiledDefinition] = {}
        self._reused: set[str] = set()
        self._with_evaluation: set[str] = set()
        self._reuse: Mapping[str, CompiledFlag] = {}
        self.shared: dict[tuple[str, bool, int], SharedRule] = {}
        self._earlier: Experiments | None = None
        if reuse is not None and definitions.evaluators is reuse.definitions.evaluators:
            if definitions.metadata is reuse.definitions.metadata:
                self._reuse, self.shared = reuse.flags, reuse.shared_rules
                self._earlier = reuse.experiments
        else:
            for name, rule in definitions.evaluators.items():
                context = self._context("")
                compile_rule(rule, ("$evaluators", name), context, faults)
        self.experiments = self._experiments()

    def _experiments(self) -> Experiments | None:
        """Return the compiled experiments and holdouts; None if the document has none."""
        sections = self._definitions.sections
        if sections is None:
            return None
        from habitkit.flags.domain.experiments import Experiments  # noqa: PLC0415 - only then

        return Experiments(sections, self._context, self._faults, self._earlier)

    def flags(self) -> dict[str, CompiledFlag]:
        """Return the compiled flags, in the order of the document."""
        flags = self._definitions.flags
        graph = {
            key: [it.flag for it in flag.options.prerequisites if it.flag in flags]
            for key, flag in flags.items()
            if flag.options.prerequisites
        }
        try:
            order = list(TopologicalSorter(graph).static_order())
        except CycleError as error:
            cycle: list[str] = error.args[1]
            self._fault(("$habitkit", cycle[0], "prerequisites"), f"a cycle: {' -> '.join(cycle)}")
            order = list(graph)
        first = {key: self._flag(flags[key]) for key in order}
        return {key: first[key] if key in first else self._flag(flags[key]) for key in flags}

    def _flag(self, flag: FlagDefinition) -> CompiledFlag:
        compiled = self._reusable(flag)
        if compiled is None:
            gates, depth = self._prerequisites(flag)
            resolve, decided = self._resolver(flag, gates)
            timed = flag.key in self._with_evaluation
            compiled = CompiledDefinition(resolve, timed, depth, decided)
        self._compiled[flag.key] = compiled
        resolve = compiled.resolve
        if compiled.needs_evaluation:
            resolve = with_evaluation(resolve, self._now)
        types = TYPES[flag.kind] | {type(None)}
        direct = types if flag.kind != "object" else frozenset[type]()  # objects are copied
        return CompiledFlag(flag, compiled, resolve, direct)

    def _reusable(self, flag: FlagDefinition) -> CompiledDefinition | None:
        """Return what is compiled of a flag already, if neither it nor its prerequisites differ."""
        before = self._reuse.get(flag.key)
        if before is None or before.definition is not flag:
            return None
        if any(it.flag not in self._reused for it in flag.options.prerequisites):
            return None
        if not same_experiment(flag.options, self.experiments, self._earlier):
            return None
        self._reused.add(flag.key)
        return before.compiled

    def _resolver(
        self, flag: FlagDefinition, gates: list[Callable[..., Any]]
    ) -> tuple[Resolver, dict[int, Mapping[str, Any]]]:
        """Return the function that evaluates a flag, in which every part may be missing.

        Beside it the metadata of the results that an experiment or a holdout decides.
        """
        metadata = flag.metadata
        decided: dict[int, Mapping[str, Any]] = {}
        results = results_of(flag, metadata)
        rule = self._rule(flag)
        gates = [*self._segments(flag), *gates]
        experiments = self.experiments
        is_decided = experiments is not None and experiments.decide(flag.options)
        base = always(results.default if rule or gates or is_decided else results.static)
        if flag.options.schedule is not None:
            self._with_evaluation.add(flag.key)
            bucketing = self._definitions.bucketing
            base = scheduled(flag, bucketing, results.default, results.splits, self._faults)
        resolve = base
        if rule is not None:
            resolve = targeted(rule.run, results.matches, base, metadata)
        if flag.key in self._with_evaluation and flag.options.sticky is not None:
            resolve = kept(flag.key, resolve, lasting_results(flag, results.splits))
        if experiments is not None:
            experiments.expect_variants(flag)
            if is_decided and flag.enabled:
                part = experiments.part(flag, resolve, results.matches)
                resolve, decided = part.resolve, {id(it): it for it in part.decided}
                if part.timed:
                    self._with_evaluation.add(flag.key)
        if gates:
            resolve = gated(gates, resolve, results.default)
        if gates or is_decided or flag.options.schedule is not None:
            resolve = guarded(resolve, metadata)
        if not flag.enabled:
            resolve = always(Resolution(None, None, Reason.DISABLED, metadata=metadata))
        return resolve, decided

    def _rule(self, flag: FlagDefinition) -> Rule | None:
        """Return the compiled targeting of a flag."""
        if flag.targeting is None or flag.targeting == {}:
            return None
        sticky = flag.options.sticky is not None
        context = self._context(flag.key, sticky=sticky)
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
            context = self._context(flag.key)
            rule = compile_rule({"!!": [{"$ref": name}]}, path, context, self._faults)
            if rule is None:
                continue
            if rule.timed:
                self._with_evaluation.add(flag.key)
            rules.append(rule.run)
        if not names:
            return []
        return [lambda context, evaluation: any(run(context, evaluation) for run in rules)]

    def _prerequisites(self, flag: FlagDefinition) -> tuple[list[Callable[..., Any]], int]:
        """Return gates, which let through where other flags have a variant, and their depth."""
        gates: list[Callable[..., Any]] = []
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
            compiled = self._compiled.get(wanted.flag)
            if compiled is None:  # there is a cycle, which is a fault
                continue
            depth = max(depth, 1 + compiled.depth)
            gates.append(gate(compiled.resolve, frozenset(wanted.variants)))
            if compiled.needs_evaluation:
                self._with_evaluation.add(flag.key)
        if depth > _DEEPEST_PREREQUISITES:
            message = f"expected at most {_DEEPEST_PREREQUISITES} flags in a row, got {depth}"
            self._fault(("$habitkit", flag.key, "prerequisites"), message)
        return gates, depth

    def _context(self, key: str, *, sticky: bool = False) -> RuleContext:
        """Return what the rules of a flag are compiled for."""
        known = self._definitions
        return RuleContext(key, known.bucketing, known.evaluators, sticky, self.shared)

    def _fault(self, path: tuple[str | int, ...], message: str) -> None:
        self._faults.append(Fault(json_path(path), message))
