"""Compiling a document of flags: each flag becomes a function of the context."""

from __future__ import annotations

from graphlib import CycleError, TopologicalSorter
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from attrs import evolve, frozen

from habitkit.flags.domain.documents import read_document
from habitkit.flags.domain.evaluation import Evaluation
from habitkit.flags.domain.faults import Fault, json_path
from habitkit.flags.domain.flag_set import TYPES, CompiledFlag, FlagSet
from habitkit.flags.domain.resolution import ErrorCode, Reason, Resolution
from habitkit.flags.domain.rules import RuleContext, compile_rule
from habitkit.flags.domain.schedules import scheduled
from habitkit.flags.errors import FlagDefinitionError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

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


@frozen
class _Results:
    """The results that a flag may have; made once, and given out again and again."""

    static: Resolution
    default: Resolution
    matches: Mapping[str, Resolution]
    splits: Mapping[str, Resolution]


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
            resolve = _with_evaluation(resolve, self._now)
        fits = TYPES[flag.kind]
        shared = frozenset() if flag.kind == "object" else fits | {type(None)}
        return CompiledFlag(flag, resolve, resolve, shared, fits)

    def _resolver(self, flag: FlagDefinition) -> Resolver:
        """Return the function that evaluates a flag, in which every part may be missing."""
        metadata = MappingProxyType({**flag.metadata})
        results = _results(flag, metadata)
        rule = self._rule(flag)
        gates = [*self._segments(flag), *self._prerequisites(flag)]
        base = _always(results.default if rule or gates else results.static)
        if flag.options.schedule is not None:
            self._with_evaluation.add(flag.key)
            bucketing = self._definitions.bucketing
            base = scheduled(flag, bucketing, results.default, results.splits, self._faults)
        resolve = base
        if rule is not None:
            resolve = _targeted(rule.run, results.matches, base, metadata)
        if flag.key in self._with_evaluation and flag.options.sticky is not None:
            resolve = _sticky(flag.key, resolve, _lasting(flag, results.splits))
        if gates:
            resolve = _gated(gates, resolve, results.default)
        if gates or flag.options.schedule is not None:
            resolve = _guarded(resolve, metadata)
        if not flag.enabled:
            resolve = _always(Resolution(None, None, Reason.DISABLED, metadata=metadata))
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
                gates.append(_gate(self._resolvers[wanted.flag], frozenset(wanted.variants)))
            if wanted.flag in self._with_evaluation:
                self._with_evaluation.add(flag.key)
        self._depths[flag.key] = depth
        if depth > _DEEPEST_PREREQUISITES:
            message = f"expected at most {_DEEPEST_PREREQUISITES} flags in a row, got {depth}"
            self._fault(("$habitkit", flag.key, "prerequisites"), message)
        return gates

    def _fault(self, path: tuple[str | int, ...], message: str) -> None:
        self._faults.append(Fault(json_path(path), message))


def _results(flag: FlagDefinition, metadata: Mapping[str, Any]) -> _Results:
    """Make the results that a flag may have."""

    def of(variant: str | None, reason: Reason) -> Resolution:
        value = None if variant is None else flag.variants[variant]
        return Resolution(value, variant, reason, metadata=metadata)

    default = flag.default_variant
    return _Results(
        static=of(default, Reason.DEFAULT if default is None else Reason.STATIC),
        default=of(default, Reason.DEFAULT),
        matches={name: of(name, Reason.TARGETING_MATCH) for name in flag.variants},
        splits={name: of(name, Reason.SPLIT) for name in flag.variants},
    )


def _always(result: Resolution) -> Resolver:
    """Return a function whose result is always the same."""
    return lambda _, __: result


def _targeted(
    run: Expression, matches: Mapping[str, Resolution], base: Resolver, metadata: Mapping[str, Any]
) -> Resolver:
    """Return a function that serves the variant that a rule names, or else what is the base."""

    def resolve(context: Mapping[str, Any], evaluation: Evaluation | None) -> Resolution:
        try:
            variant = run(context, evaluation)
            if variant is None:
                return base(context, evaluation)
            if type(variant) is str and variant in matches:
                return matches[variant]
            return _coerced(variant, matches, metadata)
        except Exception as error:  # noqa: BLE001 - a flag must not break its host
            return _broken(error, metadata)

    return resolve


def _coerced(
    variant: Any, matches: Mapping[str, Resolution], metadata: Mapping[str, Any]
) -> Resolution:
    """Return the result of a rule that gave no name of a variant: ``true`` may mean one."""
    name = str(variant).lower() if isinstance(variant, bool) else str(variant)
    if name in matches:
        return matches[name]
    message = f"its targeting gave {name!r:.60}, which is none of its variants"
    return Resolution(None, None, Reason.ERROR, ErrorCode.GENERAL, message, metadata)


def _gated(gates: list[Callable[..., Any]], resolve: Resolver, blocked: Resolution) -> Resolver:
    """Return a function that serves the default unless all gates let through."""

    def gated(context: Mapping[str, Any], evaluation: Evaluation | None) -> Resolution:
        for gate in gates:
            if not gate(context, evaluation):
                return blocked
        return resolve(context, evaluation)

    return gated


def _lasting(flag: FlagDefinition, splits: Mapping[str, Resolution]) -> Mapping[str, Resolution]:
    """Return the results of a schedule's percentage that are stored.

    Of a progressive rollout that is its variant alone: who has the default still waits for it.
    """
    schedule = flag.options.schedule
    if schedule is None or schedule.progressive is None:
        return splits
    variant = schedule.progressive.variant
    return {name: result for name, result in splits.items() if name == variant}


def _sticky(key: str, resolve: Resolver, lasting: Mapping[str, Resolution]) -> Resolver:
    """Return a function that serves the stored variant of a percentage, and says if there is none.

    The operator ``fractional`` reads and writes assignments itself; this is for schedules.

    Args:
        key: The flag.
        resolve: Evaluates it.
        lasting: The results that are stored, by variant.
    """

    def sticky(context: Mapping[str, Any], evaluation: Evaluation | None) -> Resolution:
        resolution = resolve(context, evaluation)
        if resolution.error_code is not None and evaluation is not None:
            evaluation.assigned.pop(key, None)  # what the rule gave is no variant
        if evaluation is None or evaluation.assignments is None:
            metadata = MappingProxyType({**resolution.metadata, "sticky": "by hash"})
            return evolve(resolution, metadata=metadata)
        if resolution.reason is not Reason.SPLIT:
            return resolution
        stored = evaluation.assignments.get(key)
        if stored is not None and stored in lasting:
            return lasting[stored]
        if resolution.variant is not None and resolution.variant in lasting:
            evaluation.assigned[key] = resolution.variant
        return resolution

    return sticky


def _gate(resolve: Resolver, variants: frozenset[str]) -> Callable[..., bool]:
    """Return whether another flag has one of some variants."""
    return lambda context, evaluation: resolve(context, evaluation).variant in variants


def _guarded(resolve: Resolver, metadata: Mapping[str, Any]) -> Resolver:
    """Return the same function, which now never raises."""

    def guarded(context: Mapping[str, Any], evaluation: Evaluation | None) -> Resolution:
        try:
            return resolve(context, evaluation)
        except Exception as error:  # noqa: BLE001 - a flag must not break its host
            return _broken(error, metadata)

    return guarded


def _broken(error: Exception, metadata: Mapping[str, Any]) -> Resolution:
    """Return the result of an evaluation that raised."""
    message = f"its evaluation failed: {type(error).__name__}: {error!s:.200}"
    return Resolution(None, None, Reason.ERROR, ErrorCode.GENERAL, message, metadata)


def _with_evaluation(resolve: Resolver, now: Callable[[], float]) -> Resolver:
    """Return the same function, which now reads the clock if it is not told the time."""

    def timed(context: Mapping[str, Any], evaluation: Evaluation | None) -> Resolution:
        if evaluation is None:
            evaluation = Evaluation(now())
        return resolve(context, evaluation)

    return timed
