"""Assigning a unit to a variant by hand, and recording that it has seen it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from habitkit import ids
from habitkit.errors import InvalidInput, NotFound
from habitkit.experiments.domain.exposures import Exposure
from habitkit.experiments.lookup import experiment_key
from habitkit.experiments.store import EXPERIMENTS
from habitkit.flags.changes import set_in_use
from habitkit.flags.domain.evaluation import Evaluation
from habitkit.flags.domain.flag_set import is_mapping

if TYPE_CHECKING:
    from collections.abc import Mapping

    from habitkit.experiments.domain.assignment import Assignment
    from habitkit.experiments.exposure_buffer import ExposureBuffer
    from habitkit.transaction import Transaction

__all__ = ["assign", "expose"]


def assign(
    tx: Transaction, key: str, unit: str, context: Mapping[str, Any] | None = None
) -> Assignment:
    """Return which variant of an experiment a unit has; this is no exposure.

    A unit that was exposed keeps its variant, whatever has become of the weights, the coverage or
    the layer, as long as the experiment runs, targets it and has this variant, and it is not held
    out. Another one is drawn by the newest weights.

    Args:
        tx: The transaction.
        key: The experiment.
        unit: Who: an owner, or another targeting key.
        context: What the targeting of the experiment asks for, as for flags.

    Raises:
        NotFound: If the flags in use have no such experiment.
        InvalidInput: If the unit is no acceptable owner, or the context no mapping.
    """
    experiment_key(key)
    tx.own(ids.owner(unit, "unit"), "experiment", key)
    if context is not None and not is_mapping(context):
        raise InvalidInput("context", given=context, expected="a mapping, or None")
    flags = set_in_use(tx)
    found = None
    if flags is not None and flags.experiments is not None:
        exposed = cast("ExposureBuffer", tx.resident("experiments")).exposed(tx, unit)
        evaluation = Evaluation(tx.now.timestamp(), exposed=exposed)
        found = flags.experiments.assign(key, unit, context or {}, evaluation)
    if found is None:
        raise NotFound("experiment", key)
    return found


def expose(
    tx: Transaction, key: str, unit: str, context: Mapping[str, Any] | None = None
) -> Assignment:
    """Record that a unit sees its variant of an experiment, in this transaction.

    Evaluating a flag that names the experiment does it by itself; this is for what is shown without
    a flag, or must be recorded together with something else. Nothing is recorded of a unit that is
    not in the experiment.

    Args:
        tx: The transaction.
        key: The experiment.
        unit: Who: an owner, or another targeting key.
        context: What the targeting of the experiment asks for, as for flags.

    Returns:
        What the unit is assigned, as ``assign`` returns it.

    Raises:
        NotFound: If the flags in use have no such experiment.
        InvalidInput: If the unit is no acceptable owner, or the context no mapping.
    """
    found = assign(tx, key, unit, context)
    variant, version, propensity = found.variant, found.version, found.propensity
    if variant is not None and version is not None and propensity is not None:
        exposure = Exposure(key, unit, variant, version, propensity, tx.now)
        tx.lock(unit)
        tx.port(EXPERIMENTS).expose([exposure])
    return found
