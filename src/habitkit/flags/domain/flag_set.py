"""A compiled set of flags, quick to evaluate."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from attrs import define, evolve, frozen

from habitkit.flags.domain.faults import shown
from habitkit.flags.domain.resolution import ErrorCode, Reason, Resolution

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import TypeAlias

    from habitkit.flags.domain.documents import Definitions, FlagDefinition
    from habitkit.flags.domain.evaluation import Evaluation
    from habitkit.flags.domain.experiments import Experiments
    from habitkit.flags.domain.expressions import SharedRule
    from habitkit.flags.domain.options import FlagOptions

__all__ = [
    "TYPES",
    "CompiledDefinition",
    "CompiledFlag",
    "FlagSet",
    "Resolver",
    "failed",
    "is_mapping",
    "is_of_kind",
    "same_experiment",
]

Resolver: TypeAlias = "Callable[[Mapping[str, Any], Evaluation | None], Resolution]"
"""Evaluates one flag; it never raises. Without a variant the caller's default is the value."""

_NONE = type(None)
TYPES = {
    "boolean": frozenset({bool}),
    "string": frozenset({str}),
    "number": frozenset({int, float}),
    "object": frozenset({dict, list}),
}
"""The types of a caller's default, by the kind of flag that it fits to."""

_CLASSES: dict[str, tuple[type, ...]] = {
    "boolean": (bool,),
    "string": (str,),
    "number": (int, float),
    "object": (Mapping, list),
}
_EMPTY: dict[str, Any] = {}
_NOTHING_DECIDED: Mapping[int, Mapping[str, Any]] = MappingProxyType({})


def is_of_kind(value: Any, kind: str) -> bool:
    """Tell whether a caller's default fits to a kind of flag; subclasses such as enums do."""
    if type(value) in TYPES[kind]:
        return True
    return isinstance(value, _CLASSES[kind]) and not (kind == "number" and isinstance(value, bool))


@frozen(eq=False)
class CompiledDefinition:
    """What is compiled of a flag; it does not depend on the clock, and sets may share it.

    Attributes:
        resolve: Evaluates the flag; given an evaluation if it needs one.
        needs_evaluation: Whether it depends on the time or on assignments.
        depth: How many prerequisites follow each other.
        decided: The metadata of results that an experiment or a holdout decides, by ``id``.
    """

    resolve: Resolver
    needs_evaluation: bool
    depth: int
    decided: Mapping[int, Mapping[str, Any]] = _NOTHING_DECIDED


@define(eq=False)
class CompiledFlag:
    """A flag of a set.

    Attributes:
        definition: What it was compiled from.
        compiled: What was compiled of it.
        resolve: Evaluates it.
        direct_types: The types of a default with which a result is given out as it is.
        used: Whether it was evaluated since this was last set to False.
    """

    definition: FlagDefinition
    compiled: CompiledDefinition
    resolve: Resolver
    direct_types: frozenset[type]
    used: bool = False


class FlagSet:
    """A compiled set of flags, which threads share without a lock.

    Its definitions and its results never change. Of a flag only ``used`` changes: it is a note of
    the process. ``habitkit.flags.compile`` makes a set.

    Attributes:
        flags: The compiled flags by key.
        definitions: What they were compiled from.
        shared_rules: The evaluators that are compiled, for a later set.
        metadata: The metadata of the set.
        evaluators: The shared rules by their names, as they stand in the document.
        bucketing: How percentages are bucketed: ``v1``, ``v2`` or ``v3``.
        sticky_versions: The version of each flag that is sticky.
        experiments: Its experiments and holdouts, compiled; None if the document has none.
        exposes: Whether experiments or holdouts decide about some of its flags.

    Example:
        >>> from habitkit import flags
        >>> flag = {"state": "ENABLED", "variants": {"on": True, "off": False}}
        >>> flag |= {"defaultVariant": "off", "targeting": {"if": [{"var": "staff"}, "on"]}}
        >>> compiled = flags.compile({"flags": {"quests": flag}})
        >>> compiled.details("quests", False, {"targetingKey": "ada", "staff": True}).value
        True
    """

    def __init__(
        self,
        flags: Mapping[str, CompiledFlag],
        definitions: Definitions,
        shared_rules: dict[tuple[str, bool, int], SharedRule],
        experiments: Experiments | None = None,
    ) -> None:
        """Keep the compiled flags; ``compile`` calls this."""
        self._flags = {**flags}
        self.flags: Mapping[str, CompiledFlag] = MappingProxyType(self._flags)
        self.definitions = definitions
        self.shared_rules = shared_rules
        self.metadata: Mapping[str, Any] = MappingProxyType({**definitions.metadata})
        self.evaluators = definitions.evaluators
        self.bucketing = definitions.bucketing
        self.sticky_versions = {
            key: flag.definition.options.sticky
            for key, flag in flags.items()
            if flag.definition.options.sticky is not None
        }
        self.experiments = experiments
        self.exposes = experiments is not None and any(
            flag.compiled.decided for flag in flags.values()
        )

    def __len__(self) -> int:
        """Return how many flags there are."""
        return len(self.flags)

    def __iter__(self) -> Iterator[str]:
        """Go through the keys of the flags."""
        return iter(self.flags)

    def __contains__(self, key: object) -> bool:
        """Tell whether there is a flag of this key."""
        return key in self.flags

    def details(
        self,
        key: str,
        default: Any,
        context: Mapping[str, Any] | None = None,
        evaluation: Evaluation | None = None,
    ) -> Resolution:
        """Evaluate a flag. It never raises, and does no I/O.

        Args:
            key: The flag.
            default: The value where the flag has none: it is missing, disabled, of another type, or
                something went wrong. None takes values of every type.
            context: Who and what it is evaluated for: JSON, with ``targetingKey`` for percentages.
            evaluation: The time and the stored assignments; by default the clock and none.
        """
        try:
            flag = self._flags[key]
        except Exception:  # noqa: BLE001 - a key of any type may be given
            message = f"there is no flag {shown(key)}"
            return failed(default, ErrorCode.FLAG_NOT_FOUND, message, self.metadata)
        if type(context) is not dict:
            if context is None:
                context = _EMPTY
            elif not is_mapping(context):
                message = f"context: expected a mapping, got {type(context).__name__}"
                metadata = flag.definition.metadata
                return failed(default, ErrorCode.INVALID_CONTEXT, message, metadata)
        flag.used = True
        resolution = flag.resolve(context, evaluation)
        if type(default) in flag.direct_types and resolution.variant is not None:
            return resolution
        return _finish(flag, resolution, default)

    def all(
        self, context: Mapping[str, Any] | None = None, evaluation: Evaluation | None = None
    ) -> dict[str, Resolution]:
        """Evaluate every flag that is enabled, for a whole client.

        Args:
            context: As for ``details``.
            evaluation: As for ``details``.

        Returns:
            The results by key. A value is None where the caller's default applies.
        """
        if context is None:
            context = _EMPTY
        elif not is_mapping(context):
            enabled = (key for key, flag in self.flags.items() if flag.definition.enabled)
            return {key: self.details(key, None, context) for key in enabled}
        found = {}
        for key, flag in self.flags.items():
            if flag.definition.enabled:
                flag.used = True
                found[key] = _finish(flag, flag.resolve(context, evaluation), None)
        return found

    def is_decided(self, key: str, resolution: Resolution) -> bool:
        """Tell whether an experiment or a holdout decided a result of this set.

        Args:
            key: The flag.
            resolution: The result, from this set or from elsewhere.
        """
        if resolution.error_code is not None:  # the key may be anything
            return False
        flag = self._flags.get(key)
        return flag is not None and id(resolution.metadata) in flag.compiled.decided


def is_mapping(value: object) -> bool:
    """Tell whether a value is a mapping, whatever its declared type."""
    return isinstance(value, Mapping)


def same_experiment(
    options: FlagOptions, one: Experiments | None, other: Experiments | None
) -> bool:
    """Tell whether experiments and holdouts have the same to do with a flag in two sets.

    Args:
        options: The settings of the flag, which are the same in both.
        one: The experiments of one set.
        other: Those of the other.
    """
    if options.experiment is None and options.holdout is None:
        return True
    mine, theirs = (
        (None, None, None) if each is None else each.depends_on(options) for each in (one, other)
    )
    return all(a is b for a, b in zip(mine, theirs, strict=True))


def failed(default: Any, code: ErrorCode, message: str, metadata: Mapping[str, Any]) -> Resolution:
    """Return the result of an evaluation that went wrong: the caller's default."""
    return Resolution(default, None, Reason.ERROR, code, message, metadata)


def _finish(flag: CompiledFlag, resolution: Resolution, default: Any) -> Resolution:
    """Return a result that cannot be given out as it is."""
    if resolution.variant is None:
        return evolve(resolution, value=default)
    if default is not None and not is_of_kind(default, flag.definition.kind):
        given = type(default).__name__
        message = f"its values are of kind {flag.definition.kind}, the default is of type {given}"
        code, metadata = ErrorCode.TYPE_MISMATCH, flag.definition.metadata
        return failed(default, code, message, metadata)
    if flag.definition.kind == "object":
        return evolve(resolution, value=_copied(resolution.value))
    return resolution


def _copied(value: Any) -> Any:
    """Return a copy of JSON, which a caller may change."""
    if isinstance(value, Mapping):
        return {name: _copied(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_copied(inner) for inner in value]
    return value
