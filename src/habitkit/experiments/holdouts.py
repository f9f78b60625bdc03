"""Holdouts: shares of all units that are kept out of every experiment."""

from __future__ import annotations

from typing import TYPE_CHECKING

from habitkit.errors import InvalidInput
from habitkit.experiments.domain.definition import SEGMENTS, Holdout, State
from habitkit.experiments.domain.layers import allocate
from habitkit.experiments.errors import ExperimentStateConflict
from habitkit.experiments.lookup import (
    HOLDOUTS,
    experiment_key,
    experiments_of,
)
from habitkit.experiments.publishing import AUTHOR, author_of, begin, publish
from habitkit.flags.changes import set_in_use
from habitkit.flags.inputs import expect_no_scope
from habitkit.flags.settings import FlagSettings
from habitkit.flags.store import FLAGS

if TYPE_CHECKING:
    from habitkit.transaction import Transaction

__all__ = ["end_holdout", "hold_out", "list_holdouts"]


def hold_out(
    tx: Transaction, key: str, share: float, *, by: str = AUTHOR, note: str = ""
) -> Holdout:
    """Keep a share of all units out of every experiment, from now on.

    They get the default of each flag that names an experiment, or the holdout.

    Args:
        tx: The transaction.
        key: The name of the holdout.
        share: The share of all units.
        by: Who asks for it.
        note: Why.

    Returns:
        The holdout.

    Raises:
        InvalidInput: If the share is not between 0 and 1, or the other holdouts leave less.
        ExperimentStateConflict: If an experiment runs or is paused, from which units would be taken
            that are in.
        FlagsReadOnly: If the flags do not come from the kit's store.
    """
    author = author_of(by, note)
    experiment_key(key)
    holdout = Holdout(key, share)
    begin(tx)
    _expect_none_started(tx)
    section = tx.port(FLAGS).shared().shared.get(HOLDOUTS, {})
    others = [(it["first"], it["end"]) for name, it in section.items() if name != key]
    ((first, end), *more) = allocate("holdouts", holdout.share, others)
    if more:
        expected = "a share that fits between the other holdouts; end one of them first"
        raise InvalidInput("share", given=share, expected=expected)
    publish(tx, "hold out", author, HOLDOUTS, key, {"first": first, "end": end})
    return holdout


def end_holdout(tx: Transaction, key: str, *, by: str = AUTHOR, note: str = "") -> None:
    """End a holdout: its units take part in experiments from now on.

    Args:
        tx: The transaction.
        key: The name of the holdout.
        by: Who ends it.
        note: Why.

    Raises:
        NotFound: If there is no such holdout.
        FlagsReadOnly: If the flags do not come from the kit's store.
    """
    author = author_of(by, note)
    experiment_key(key)
    begin(tx)
    publish(tx, "end holdout", author, HOLDOUTS, key, None)


def list_holdouts(tx: Transaction) -> list[Holdout]:
    """Return the holdouts, in the order of their names."""
    expect_no_scope(tx)
    flags = set_in_use(tx)
    if tx.settings(FlagSettings).source is not None:
        sections = None if flags is None else flags.definitions.sections
        ranges = {} if sections is None else {**sections.holdouts}
    else:
        section = tx.port(FLAGS).shared().shared.get(HOLDOUTS, {})
        ranges = {key: (it["first"], it["end"]) for key, it in section.items()}
    return [Holdout(key, (end - first) / SEGMENTS) for key, (first, end) in sorted(ranges.items())]


def _expect_none_started(tx: Transaction) -> None:
    """Refuse a holdout that would take units out of experiments."""
    for key, it in experiments_of(tx).items():
        if it.state in {State.RUNNING, State.PAUSED}:
            raise ExperimentStateConflict(
                experiment=key,
                state=it.state,
                action="hold units out of",
                hint="define holdouts before experiments are started",
            )
