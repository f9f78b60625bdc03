"""The definition of an experiment, and its state as it is stored in the set of flags."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any

from attrs import frozen

from habitkit.experiments.domain.metrics import Guardrail, Metric
from habitkit.experiments.domain.plans import Allocation, Analysis, Rules

__all__ = ["Experiment", "Holdout", "State", "StoredExperiment", "WeightVersion"]

SEGMENTS = 10_000


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
    """

    key: str
    variants: Mapping[str, float]
    control: str | None = None
    layer: str | None = None
    share: float = 1.0
    coverage: float = 1.0
    targeting: Mapping[str, Any] | None = None
    salt: str | None = None
    metrics: tuple[Metric, ...] = ()
    guardrails: tuple[Guardrail, ...] = ()
    analysis: Analysis = Analysis.always_valid()
    allocation: Allocation | None = None
    rules: Rules = Rules()
    description: str = ""


@frozen
class Holdout:
    """A share of all units that is kept out of every experiment.

    Attributes:
        key: Its name.
        share: The share of all units.
    """

    key: str
    share: float


@frozen
class WeightVersion:
    """The weights of the variants from an instant on, for units that were not yet exposed.

    Attributes:
        weights: By variant.
        at: Since when.
    """

    weights: Mapping[str, float]
    at: datetime

    def propensity(self, variant: str) -> float:
        """Return the probability of a variant."""
        return self.weights.get(variant, 0.0) / sum(self.weights.values())


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
    """

    experiment: Experiment
    state: State = State.DRAFT
    segments: tuple[tuple[int, int], ...] = ((0, SEGMENTS),)
    versions: tuple[WeightVersion, ...] = ()
    shipped: str | None = None
    started_at: datetime | None = None
    ended_at: datetime | None = None
