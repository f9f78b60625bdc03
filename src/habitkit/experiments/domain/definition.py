"""The definition of an experiment, and its state as it is stored in the set of flags."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any

from attrs import field, frozen

from habitkit.errors import InvalidInput
from habitkit.experiments.domain.checks import (
    SEGMENTS,
    are_ranges,
    expect,
    expect_instance,
    expect_key,
    expect_number,
    expect_text,
    is_instant,
    is_key,
    or_none,
    weights_of,
)
from habitkit.experiments.domain.metrics import Guardrail, Metric
from habitkit.experiments.domain.plans import Allocation, Analysis, Rules

__all__ = ["SEGMENTS", "Experiment", "Holdout", "State", "StoredExperiment", "WeightVersion"]

_MOST_METRICS = 100
_LONGEST_DESCRIPTION = 10_000
_BINARY = {"conversion", "retention"}


def _variants(given: Mapping[str, float] | Sequence[str]) -> Mapping[str, float]:
    return weights_of(given, "variants")


def _weights_of_version(given: Mapping[str, float] | Sequence[str]) -> Mapping[str, float]:
    return weights_of(given, "weights")


def _text(given: str | None) -> str:
    return "" if given is None else given


def _tuple(given: Any) -> Any:
    """Return a list as a tuple; whatever else is given is for the validator."""
    return tuple(given) if isinstance(given, list) else given


def _is_json_object(given: object) -> bool:
    from habitkit.flags.domain.json_checks import expect_json  # noqa: PLC0415 - few have targeting

    faults: list[Any] = []
    expect_json(given, (), faults)
    return isinstance(given, Mapping) and not faults


def _all_of(kind: type) -> Any:
    name = kind.__name__
    return expect(
        lambda value: (
            isinstance(value, tuple)
            and len(value) <= _MOST_METRICS
            and all(isinstance(each, kind) for each in value)
        ),
        f"a tuple of at most {_MOST_METRICS} of {name}, such as ({name}(...),)",
    )


class State(StrEnum):
    """The state of an experiment."""

    DRAFT = "draft"
    RUNNING = "running"
    PAUSED = "paused"
    STOPPED = "stopped"
    SHIPPED = "shipped"


@frozen
class Experiment:
    """What a host defines: ``kit.experiments.define(Experiment("checkout", ["old", "new"]))``.

    Attributes:
        key: The name by which flags refer to it: ``{"experiment": key}`` in their ``$habitkit``.
        variants: The weights by variant, or a list of variants with equal weights. Each flag that
            names the experiment must have these variants.
        control: The variant that the others are compared with; the first one by default.
        layer: The name of a layer: a unit is in at most one of the experiments of a layer. None for
            a layer of its own, which excludes nobody.
        share: The share of the layer's segments that it takes, so that others fit beside it.
        coverage: The share of its units that take part; raising it moves nobody who is in.
        targeting: Who may take part: a rule of flags, as JsonLogic; None for everybody.
        salt: What the variants are drawn by, with the unit; the key by default. Another one draws
            anew.
        metrics: What it is to change; the first one decides.
        guardrails: What it must not make worse.
        analysis: How effects are judged.
        allocation: How a bandit moves the weights; None for fixed weights.
        rules: When to decide.
        description: What it is about, for people.

    Raises:
        InvalidInput: If a value is not what is expected.
    """

    key: str = field(validator=expect_key())
    variants: Mapping[str, float] = field(converter=_variants)
    control: str = field(default=None, converter=_text)
    layer: str | None = field(default=None, validator=or_none(expect_key()))
    share: float = field(
        default=1.0,
        validator=expect_number("a number above 0, at most 1", lambda it: 0 < it <= 1),
    )
    coverage: float = field(
        default=1.0, validator=expect_number("a number from 0 to 1", lambda it: 0 <= it <= 1)
    )
    targeting: Mapping[str, Any] | None = field(
        default=None,
        validator=or_none(expect(_is_json_object, "a JSON object, a rule in JsonLogic")),
    )
    salt: str | None = field(default=None, validator=or_none(expect_key()))
    metrics: tuple[Metric, ...] = field(default=(), converter=_tuple, validator=_all_of(Metric))
    guardrails: tuple[Guardrail, ...] = field(
        default=(), converter=_tuple, validator=_all_of(Guardrail)
    )
    analysis: Analysis = field(
        factory=Analysis.always_valid,
        validator=expect_instance(Analysis, "an Analysis, such as Analysis.always_valid()"),
    )
    allocation: Allocation | None = field(
        default=None,
        validator=or_none(
            expect_instance(Allocation, "an Allocation, such as Allocation.thompson()")
        ),
    )
    rules: Rules = field(factory=Rules, validator=expect_instance(Rules, "Rules(...)"))
    description: str = field(default="", validator=expect_text(_LONGEST_DESCRIPTION))

    def __attrs_post_init__(self) -> None:
        """Refuse metrics of one name, and what does not go with the method or the allocation.

        Raises:
            InvalidInput: If there is something of that.
        """
        if self.control == "":  # by default it is the first
            object.__setattr__(self, "control", next(iter(self.variants)))
        if not is_key(self.control) or self.control not in self.variants:
            expected = f"one of the variants, {', '.join(self.variants)}"
            raise InvalidInput("control", given=self.control, expected=expected)
        names = [each.name for each in self.measured]
        for index, name in enumerate(names):
            if name in names[:index]:
                expected = "metrics and guardrails of different names; pass name=..."
                raise InvalidInput("metrics", given=name, expected=expected)
        if self.analysis.method == "e_process":
            for metric in self.measured:
                if metric.kind not in _BINARY:
                    expected = "conversions and retention alone for Analysis.e_process()"
                    raise InvalidInput("metrics", given=metric.name, expected=expected)
        if self.allocation is not None:
            self._expect_allocation(self.allocation)

    def _expect_allocation(self, allocation: Allocation) -> None:
        """Refuse an allocation that the experiment cannot have."""
        count = len(self.variants)
        if allocation.floor * count > 1:
            expected = f"an allocation whose floor is at most 1/{count} for {count} variants"
            raise InvalidInput("allocation", given=allocation.floor, expected=expected)
        if not self.metrics or self.metrics[0].kind == "quantile":
            given = self.metrics[0].name if self.metrics else ()
            expected = "a first metric, no quantile, by which the allocation moves the weights"
            raise InvalidInput("metrics", given=given, expected=expected)

    @property
    def measured(self) -> tuple[Metric, ...]:
        """The metrics, and those of the guardrails."""
        return (*self.metrics, *(each.metric for each in self.guardrails))


@frozen
class Holdout:
    """A share of all units that is kept out of every experiment.

    Attributes:
        key: Its name.
        share: The share of all units.

    Raises:
        InvalidInput: If a value is not what is expected.
    """

    key: str = field(validator=expect_key())
    share: float = field(validator=expect_number("a number between 0 and 1", lambda it: 0 < it < 1))


@frozen
class WeightVersion:
    """The weights of the variants from an instant on, for units that were not yet exposed.

    Attributes:
        weights: By variant.
        at: Since when.

    Raises:
        InvalidInput: If a value is not what is expected.
    """

    weights: Mapping[str, float] = field(converter=_weights_of_version)
    at: datetime = field(validator=expect(is_instant, "an aware datetime"))

    def propensity(self, variant: str) -> float:
        """Return the probability of a variant."""
        return self.weights.get(variant, 0.0) / sum(self.weights.values())


_RANGES = f"ranges (first, end) in the order of segments, from 0 to {SEGMENTS}, that do not overlap"
_INSTANT_OR_NONE = or_none(expect(is_instant, "an aware datetime"))


@frozen
class StoredExperiment:
    """An experiment as the set of flags keeps it.

    Attributes:
        experiment: What the host defined; its ``variants`` are the weights of version 1.
        state: Its state.
        segments: The segments of its layer that it has, as ranges ``(first, end)`` of 10,000, with
            ``end`` excluded.
        versions: The weights; version 1 is the first.
        shipped: The variant that everybody gets, once it is shipped.
        started_at: When it was started first.
        ended_at: When it was stopped or shipped.

    Raises:
        InvalidInput: If a value is not what is expected.
    """

    experiment: Experiment = field(validator=expect_instance(Experiment, "an Experiment"))
    state: State = field(
        default=State.DRAFT, validator=expect_instance(State, "a State, such as State.RUNNING")
    )
    segments: tuple[tuple[int, int], ...] = field(
        default=((0, SEGMENTS),), validator=expect(are_ranges, _RANGES)
    )
    versions: tuple[WeightVersion, ...] = field(
        default=(),
        validator=expect(
            lambda value: (
                isinstance(value, tuple) and all(isinstance(it, WeightVersion) for it in value)
            ),
            "a tuple of WeightVersion",
        ),
    )
    shipped: str | None = field(default=None, validator=or_none(expect_key()))
    started_at: datetime | None = field(default=None, validator=_INSTANT_OR_NONE)
    ended_at: datetime | None = field(default=None, validator=_INSTANT_OR_NONE)

    def __attrs_post_init__(self) -> None:
        """Refuse versions of other variants, and a shipped variant that is none.

        Raises:
            InvalidInput: If there is one.
        """
        variants = self.experiment.variants
        for version in self.versions:
            if version.weights.keys() != variants.keys():
                expected = f"weights of the variants {', '.join(variants)}"
                raise InvalidInput("versions", given=version.weights, expected=expected)
        if (self.state is State.SHIPPED) is not (self.shipped is not None):
            expected = "a variant where the state is shipped, None in other states"
            raise InvalidInput("shipped", given=self.shipped, expected=expected)
        if self.shipped is not None and not (is_key(self.shipped) and self.shipped in variants):
            expected = f"one of the variants, {', '.join(variants)}"
            raise InvalidInput("shipped", given=self.shipped, expected=expected)

    @property
    def newest(self) -> int:
        """The version by which units are assigned now."""
        return max(1, len(self.versions))

    def weights(self, version: int) -> Mapping[str, float]:
        """Return the weights of a version, by variant; they need not have the sum 1.

        Raises:
            InvalidInput: If there is no such version.
        """
        if 1 <= version <= len(self.versions):
            return self.versions[version - 1].weights
        if version == 1:
            return self.experiment.variants
        expected = f"a version from 1 to {self.newest}"
        raise InvalidInput("version", given=version, expected=expected)
