"""The results that experiments and holdouts give a flag, and the functions that pick one."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from habitkit.flags.domain.json_values import truthy
from habitkit.flags.domain.resolution import Reason, Resolution

if TYPE_CHECKING:
    from collections.abc import Mapping

    from habitkit.experiments.domain.assignment import Assigner, Holdouts
    from habitkit.flags.domain.documents import FlagDefinition
    from habitkit.flags.domain.evaluation import Evaluation
    from habitkit.flags.domain.flag_set import Resolver
    from habitkit.flags.domain.rules import Rule

__all__ = ["Splits", "admitted", "for_units", "held_out_results", "shipped", "unless_held_out"]

_NAMES: Final = frozenset(
    ["experiment", "experimentVersion", "experimentWeights", "propensity", "holdout"]
)
_BY_VERSION_1: Final = {"experimentWeights": "of version 1"}


def held_out_results(flag: FlagDefinition, names: set[str | None]) -> dict[str, Resolution]:
    """Return what a flag serves those who are in holdouts."""
    default = flag.default_variant
    value = None if default is None else flag.variants[default]
    return {
        name: Resolution(
            value, default, Reason.DEFAULT, metadata=_metadata(flag, {"holdout": name})
        )
        for name in names
        if name is not None
    }


def _metadata(flag: FlagDefinition, more: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the metadata of a flag, and what decided; its names mean nothing else there."""
    own = {name: value for name, value in flag.metadata.items() if name not in _NAMES}
    return MappingProxyType({**own, **more})


class Splits:
    """The results of an experiment for one flag: by version, and by position of the variant.

    Attributes:
        rows: Those of each version from 1 on, and at last those of version 1 where nobody has read
            what the unit was exposed to.
    """

    def __init__(self, flag: FlagDefinition, key: str, assigner: Assigner) -> None:
        """Make the results."""
        self._key = key
        self._assigner = assigner
        numbers = range(1, assigner.versions + 1)
        more: Mapping[str, Any] = _BY_VERSION_1 if assigner.versions > 1 else {}
        self.rows = [self._row(flag, number, {}) for number in numbers]
        self.rows.append(self._row(flag, 1, more))

    def _row(self, flag: FlagDefinition, number: int, more: Mapping[str, Any]) -> list[Resolution]:
        chances = self._assigner.propensities[number - 1]
        fields = {"experiment": self._key, "experimentVersion": number}
        return [
            Resolution(
                flag.variants.get(name),
                name,
                Reason.SPLIT,
                metadata=_metadata(flag, {**fields, "propensity": chance, **more}),
            )
            for name, chance in zip(self._assigner.variants, chances, strict=True)
        ]

    def resolver(self, otherwise: Resolver) -> Resolver:
        """Return the function that serves a unit its variant: that of its exposure, or drawn."""
        key, rows, assigner = self._key, self.rows, self._assigner
        newest, by_hash = rows[assigner.versions - 1], rows[-1]
        position, positions, known = assigner.position, assigner.positions, assigner.known

        def resolve(context: Mapping[str, Any], evaluation: Evaluation | None) -> Resolution:
            unit = context["targetingKey"]
            if evaluation is None or evaluation.exposed is None:
                index = position(unit)
                return by_hash[index] if index >= 0 else otherwise(context, evaluation)
            exposed = evaluation.exposed.get(key)
            if exposed is not None and exposed.variant in positions:
                return rows[known(exposed.version) - 1][positions[exposed.variant]]
            index = position(unit, None)
            return newest[index] if index >= 0 else otherwise(context, evaluation)

        return resolve


def shipped(result: Resolution | None, otherwise: Resolver) -> Resolver:
    """Return the function that serves everybody the variant that was shipped."""
    return otherwise if result is None else lambda _, __: result


def for_units(resolve: Resolver, otherwise: Resolver) -> Resolver:
    """Return a function that evaluates as an experiment does those who have a targeting key."""

    def resolve_units(context: Mapping[str, Any], evaluation: Evaluation | None) -> Resolution:
        unit = context.get("targetingKey")
        chosen = resolve if isinstance(unit, str) and unit else otherwise
        return chosen(context, evaluation)

    return resolve_units


def admitted(rule: Rule | None, resolve: Resolver, otherwise: Resolver) -> Resolver:
    """Return a function that evaluates as an experiment does those whom its rule admits."""
    if rule is None:
        return resolve
    run = rule.run

    def resolve_admitted(context: Mapping[str, Any], evaluation: Evaluation | None) -> Resolution:
        chosen = resolve if truthy(run(context, evaluation)) else otherwise
        return chosen(context, evaluation)

    return resolve_admitted


def unless_held_out(
    holdouts: Holdouts, results: Mapping[str, Resolution], resolve: Resolver
) -> Resolver:
    """Return a function that serves the default to those who are in some of the holdouts."""
    find = holdouts.of

    def resolve_others(context: Mapping[str, Any], evaluation: Evaluation | None) -> Resolution:
        unit = context.get("targetingKey")
        if isinstance(unit, str) and unit:
            name = find(unit)
            if name is not None and name in results:
                return results[name]
        return resolve(context, evaluation)

    return resolve_others
