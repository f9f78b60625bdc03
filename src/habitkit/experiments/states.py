"""Moving experiments from state to state: start, pause, stop, ship."""

from __future__ import annotations

from typing import TYPE_CHECKING

from habitkit.experiments.domain.definition import State
from habitkit.experiments.domain.lifecycle import NEXT, moved
from habitkit.experiments.errors import ExperimentStateConflict
from habitkit.experiments.lookup import find
from habitkit.experiments.publishing import AUTHOR, author_of, begin, write

if TYPE_CHECKING:
    from habitkit.experiments.domain.definition import StoredExperiment
    from habitkit.transaction import Transaction

__all__ = ["pause", "ship", "start", "stop"]


def start(tx: Transaction, key: str, *, by: str = AUTHOR, note: str = "") -> StoredExperiment:
    """Start an experiment, or go on with one that is paused: from now on units are assigned.

    Args:
        tx: The transaction.
        key: The experiment.
        by: Who starts it.
        note: Why.

    Raises:
        NotFound: If there is no such experiment.
        ExperimentStateConflict: If it runs already, or has ended.
        FlagsReadOnly: If the flags do not come from the kit's store.
    """
    return _move(tx, key, "start", author_of(by, note))


def pause(tx: Transaction, key: str, *, by: str = AUTHOR, note: str = "") -> StoredExperiment:
    """Pause an experiment: until it is started again, its flags serve what they do without it.

    Args:
        tx: The transaction.
        key: The experiment.
        by: Who pauses it.
        note: Why.

    Raises:
        NotFound: If there is no such experiment.
        ExperimentStateConflict: If it does not run.
        FlagsReadOnly: If the flags do not come from the kit's store.
    """
    return _move(tx, key, "pause", author_of(by, note))


def stop(tx: Transaction, key: str, *, by: str = AUTHOR, note: str = "") -> StoredExperiment:
    """End an experiment without a winner: its flags serve what they do without it.

    Its segments of a layer are free again. One that was shipped can be stopped too.

    Args:
        tx: The transaction.
        key: The experiment.
        by: Who stops it.
        note: Why.

    Raises:
        NotFound: If there is no such experiment.
        ExperimentStateConflict: If it is stopped already.
        FlagsReadOnly: If the flags do not come from the kit's store.
    """
    return _move(tx, key, "stop", author_of(by, note))


def ship(
    tx: Transaction, key: str, variant: str, *, by: str = AUTHOR, note: str = ""
) -> StoredExperiment:
    """End an experiment with a winner: everybody whom its targeting admits gets this variant.

    Holdouts stay held out. Nothing is an exposure any more.

    Args:
        tx: The transaction.
        key: The experiment.
        variant: The winner, which may be the control.
        by: Who ships it.
        note: Why.

    Raises:
        NotFound: If there is no such experiment.
        InvalidInput: If it has no such variant.
        ExperimentStateConflict: If it was not started, or has ended.
        FlagsReadOnly: If the flags do not come from the kit's store.
    """
    return _move(tx, key, "ship", author_of(by, note), variant)


def _move(
    tx: Transaction, key: str, action: str, author: tuple[str, str], variant: str | None = None
) -> StoredExperiment:
    """Move an experiment to its next state.

    Raises:
        ExperimentStateConflict: If it is in none of the states in which this may be done.
    """
    begin(tx)
    before = find(tx, key)
    allowed = NEXT[action][0]
    if before.state not in allowed:
        states = " or ".join(state for state in State if state in allowed)
        raise ExperimentStateConflict(
            experiment=key, state=before.state, action=action, hint=f"expected one that is {states}"
        )
    return write(tx, action, author, before, moved(before, action, tx.now, variant))
