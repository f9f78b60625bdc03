"""The functions that evaluate one flag: its targeting, its gates, its sticky variants."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from attrs import evolve, frozen

from habitkit.flags.domain.evaluation import Evaluation
from habitkit.flags.domain.resolution import ErrorCode, Reason, Resolution

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from habitkit.flags.domain.documents import FlagDefinition
    from habitkit.flags.domain.evaluation import Expression
    from habitkit.flags.domain.flag_set import Resolver

__all__ = [
    "Results",
    "always",
    "gate",
    "gated",
    "guarded",
    "kept",
    "lasting_results",
    "results_of",
    "targeted",
    "with_evaluation",
]


@frozen
class Results:
    """The results that a flag may have; made once, and given out again and again.

    Attributes:
        static: The default variant, of a flag for which nothing else decides.
        default: The default variant, where something else could have decided.
        matches: What a rule serves, by variant.
        splits: What a schedule's percentage serves, by variant.
    """

    static: Resolution
    default: Resolution
    matches: Mapping[str, Resolution]
    splits: Mapping[str, Resolution]


def results_of(flag: FlagDefinition, metadata: Mapping[str, Any]) -> Results:
    """Make the results that a flag may have."""

    def of(variant: str | None, reason: Reason) -> Resolution:
        value = None if variant is None else flag.variants[variant]
        return Resolution(value, variant, reason, metadata=metadata)

    default = flag.default_variant
    return Results(
        static=of(default, Reason.DEFAULT if default is None else Reason.STATIC),
        default=of(default, Reason.DEFAULT),
        matches={name: of(name, Reason.TARGETING_MATCH) for name in flag.variants},
        splits={name: of(name, Reason.SPLIT) for name in flag.variants},
    )


def always(result: Resolution) -> Resolver:
    """Return a function whose result is always the same."""
    return lambda _, __: result


def targeted(
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


def gated(gates: list[Callable[..., Any]], resolve: Resolver, blocked: Resolution) -> Resolver:
    """Return a function that serves the default unless all gates let through."""

    def resolve_gated(context: Mapping[str, Any], evaluation: Evaluation | None) -> Resolution:
        for gate in gates:
            if not gate(context, evaluation):
                return blocked
        return resolve(context, evaluation)

    return resolve_gated


def lasting_results(
    flag: FlagDefinition, splits: Mapping[str, Resolution]
) -> Mapping[str, Resolution]:
    """Return the results of a schedule's percentage that are stored.

    Of a progressive rollout that is its variant alone: who has the default still waits for it.
    """
    schedule = flag.options.schedule
    if schedule is None or schedule.progressive is None:
        return splits
    variant = schedule.progressive.variant
    return {name: result for name, result in splits.items() if name == variant}


def kept(key: str, resolve: Resolver, lasting: Mapping[str, Resolution]) -> Resolver:
    """Return a function that serves the stored variant of a percentage, and says if there is none.

    The operator ``fractional`` reads and writes assignments itself; this is for schedules.

    Args:
        key: The flag.
        resolve: Evaluates it.
        lasting: The results that are stored, by variant.
    """

    def resolve_kept(context: Mapping[str, Any], evaluation: Evaluation | None) -> Resolution:
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

    return resolve_kept


def gate(resolve: Resolver, variants: frozenset[str]) -> Callable[..., bool]:
    """Return whether another flag has one of some variants."""
    return lambda context, evaluation: resolve(context, evaluation).variant in variants


def guarded(resolve: Resolver, metadata: Mapping[str, Any]) -> Resolver:
    """Return the same function, which now never raises."""

    def resolve_guarded(context: Mapping[str, Any], evaluation: Evaluation | None) -> Resolution:
        try:
            return resolve(context, evaluation)
        except Exception as error:  # noqa: BLE001 - a flag must not break its host
            return _broken(error, metadata)

    return resolve_guarded


def _broken(error: Exception, metadata: Mapping[str, Any]) -> Resolution:
    """Return the result of an evaluation that raised."""
    message = f"its evaluation failed: {type(error).__name__}: {error!s:.200}"
    return Resolution(None, None, Reason.ERROR, ErrorCode.GENERAL, message, metadata)


def with_evaluation(resolve: Resolver, now: Callable[[], float]) -> Resolver:
    """Return the same function, which now reads the clock if it is not told the time."""

    def timed(context: Mapping[str, Any], evaluation: Evaluation | None) -> Resolution:
        if evaluation is None:
            evaluation = Evaluation(now())
        return resolve(context, evaluation)

    return timed
