"""Experiments and holdouts in the evaluation of flags.

What is evaluated first decides:

1. a disabled flag, its segments and its prerequisites;
2. a holdout: the flag's default;
3. the targeting, the layer and the coverage of the experiment, if that runs: one of its variants;
4. the flag's own targeting, its schedule and its default.

Only experiments that run, or are shipped, have a part in it. Results are made once for each flag;
evaluating only picks one. This is imported for documents that have experiments or holdouts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from attrs import frozen

from habitkit.experiments.domain.assignment import Assigner, Holdouts, weights_of
from habitkit.experiments.domain.definition import State
from habitkit.flags.domain.experiment_results import (
    Splits,
    admitted,
    for_units,
    held_out_results,
    shipped,
    unless_held_out,
)
from habitkit.flags.domain.faults import Fault, json_path
from habitkit.flags.domain.json_values import truthy
from habitkit.flags.domain.rules import compile_rule

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from habitkit.experiments.domain.assignment import Assignment
    from habitkit.experiments.domain.definition import StoredExperiment
    from habitkit.flags.domain.documents import FlagDefinition
    from habitkit.flags.domain.evaluation import Evaluation
    from habitkit.flags.domain.experiment_sections import Sections
    from habitkit.flags.domain.flag_set import Resolver
    from habitkit.flags.domain.options import FlagOptions
    from habitkit.flags.domain.resolution import Resolution
    from habitkit.flags.domain.rules import Rule, RuleContext

__all__ = ["Experiments", "Part"]

_ACTIVE: Final = frozenset([State.RUNNING, State.SHIPPED])
_UNFINISHED: Final = frozenset([State.DRAFT, State.RUNNING, State.PAUSED])


@frozen(eq=False)
class _Active:
    """An experiment that runs or is shipped, compiled."""

    stored: StoredExperiment
    assigner: Assigner
    rule: Rule | None


@frozen(eq=False)
class Part:
    """What experiments and holdouts have to do with one flag.

    Attributes:
        resolve: Evaluates the flag.
        timed: Whether it reads the time.
        decided: The metadata of the results that an experiment or a holdout decides.
    """

    resolve: Resolver
    timed: bool
    decided: tuple[Mapping[str, Any], ...]


class Experiments:
    """The experiments and holdouts of a set of flags, compiled.

    Attributes:
        sections: What the document says of them.
        holdouts: The holdouts.
        active: The experiments that run, or are shipped, by their keys.
        have_versions: Whether an experiment that runs has several versions of its weights.
    """

    def __init__(
        self,
        sections: Sections,
        context: Callable[[str], RuleContext],
        faults: list[Fault],
        reuse: Experiments | None,
    ) -> None:
        """Compile them.

        Args:
            sections: What the document says of them.
            context: What a rule of an experiment is compiled for, by its key.
            faults: Every fault is appended.
            reuse: Those of an earlier set with the same shared rules: what is the same in both is
                the same object.
        """
        self.sections = sections
        self._faults = faults
        self.holdouts, before = Holdouts(sections.holdouts), dict[str, _Active]()
        if reuse is not None and reuse.sections.holdouts == sections.holdouts:
            self.holdouts, before = reuse.holdouts, reuse.active
        self.active: dict[str, _Active] = {}
        for key, stored in sections.experiments.items():
            known = before.get(key)
            if known is not None and known.stored is stored:
                self.active[key] = known
                continue
            path = ("$experiments", key, "targeting")
            targeting, rule = stored.experiment.targeting, None
            if targeting:
                rule = compile_rule(targeting, path, context(key), faults)
            if stored.state in _ACTIVE:
                assigner = Assigner(stored, self.holdouts)
                self.active[key] = _Active(stored, assigner, rule)
        self._expect_own_segments()
        self.have_versions = any(
            it.stored.state is State.RUNNING and it.assigner.versions > 1
            for it in self.active.values()
        )

    def _expect_own_segments(self) -> None:
        """Refuse two experiments with segments of one layer in common, unless one has ended."""
        layers: dict[str, list[tuple[int, int, str]]] = {}
        for key, stored in self.sections.experiments.items():
            layer = stored.experiment.layer
            if layer is not None and stored.state in _UNFINISHED:
                taken = layers.setdefault(layer, [])
                others = sorted(
                    {
                        other
                        for first, end in stored.segments
                        for other_first, other_end, other in taken
                        if first < other_end and other_first < end
                    }
                )
                if others:
                    message = f"experiment {others[0]!r} has some of these of layer {layer!r} too"
                    path = json_path(("$experiments", key, "segments"))
                    self._faults.append(Fault(path, message))
                taken += ((first, end, key) for first, end in stored.segments)

    def decide(self, options: FlagOptions) -> bool:
        """Tell whether an experiment, or a holdout, decides about a flag with these settings."""
        is_active = (options.experiment or "") in self.active
        return is_active or options.holdout in self.sections.holdouts

    def assign(
        self, key: str, unit: str | None, context: Mapping[str, Any], evaluation: Evaluation
    ) -> Assignment | None:
        """Assign a unit to an experiment, as evaluating a flag of it would.

        Args:
            key: The experiment.
            unit: The unit; None or empty if it is not known.
            context: What the experiment's targeting reads.
            evaluation: The time, and what the unit was exposed to.

        Returns:
            The assignment; None if there is no such experiment.

        Raises:
            Exception: Any, if the targeting cannot be evaluated.
        """
        stored, active = self.sections.experiments.get(key), self.active.get(key)
        if stored is None:
            return None
        if active is None:
            return Assigner(stored, self.holdouts).assign(unit)
        is_admitted = active.rule is None or truthy(
            active.rule.run({**context, "targetingKey": unit or ""}, evaluation)
        )
        if evaluation.exposed is None:
            return active.assigner.assign(unit, admitted=is_admitted)
        exposed = evaluation.exposed.get(key)
        return active.assigner.assign(unit, None, exposed, admitted=is_admitted)

    def depends_on(self, options: FlagOptions) -> tuple[object, ...]:
        """Return the objects that a flag with these settings is compiled with."""
        active = self.active.get(options.experiment or "")
        stored = self.sections.experiments.get(options.experiment or "")
        holdout = self.holdouts if options.holdout in self.sections.holdouts else None
        return active, stored, holdout

    def expect_variants(self, flag: FlagDefinition) -> None:
        """Refuse a flag that lacks a variant that its experiment may serve."""
        stored = self.sections.experiments.get(flag.options.experiment or "")
        if stored is None:
            return
        needed = set[str]()
        if stored.state in _UNFINISHED:
            needed = set(stored.experiment.variants).union(*weights_of(stored))
        elif stored.state is State.SHIPPED and stored.shipped is not None:
            needed = {stored.shipped}
        for name in sorted(needed - flag.variants.keys()):
            message = f"the flag has no variant {name!r}, which its experiment has"
            path = json_path(("$habitkit", flag.key, "experiment"))
            self._faults.append(Fault(path, message))

    def part(
        self, flag: FlagDefinition, otherwise: Resolver, matches: Mapping[str, Resolution]
    ) -> Part:
        """Return how a flag is evaluated about which they decide.

        Args:
            flag: The flag, which has the variants of its experiment.
            otherwise: Evaluates it for those whom neither decides about.
            matches: What a rule serves, by variant.
        """
        active = self.active.get(flag.options.experiment or "")
        if active is None:
            held_out = held_out_results(flag, {flag.options.holdout})
            resolve = unless_held_out(self.holdouts, held_out, otherwise)
            return Part(resolve, False, tuple(it.metadata for it in held_out.values()))  # noqa: FBT003
        held_out = held_out_results(flag, {*self.sections.holdouts})
        decided = [it.metadata for it in held_out.values()]
        if active.stored.state is State.SHIPPED:
            resolve = shipped(matches.get(active.stored.shipped or ""), otherwise)
            resolve = admitted(active.rule, resolve, otherwise)
        else:
            splits = Splits(flag, active.stored.experiment.key, active.assigner)
            decided += (it.metadata for row in splits.rows for it in row)
            resolve = admitted(active.rule, splits.resolver(otherwise), otherwise)
            resolve = for_units(resolve, otherwise)
        if held_out:
            resolve = unless_held_out(self.holdouts, held_out, resolve)
        return Part(resolve, active.rule is not None and active.rule.timed, tuple(decided))
