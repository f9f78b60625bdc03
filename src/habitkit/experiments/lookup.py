"""Finding experiments: in the kit's store, or in the set of flags that comes from elsewhere."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from habitkit.errors import InvalidInput, NotFound
from habitkit.experiments.domain.definition_json import read_experiment
from habitkit.flags.changes import set_in_use
from habitkit.flags.inputs import expect_no_scope
from habitkit.flags.settings import FlagSettings
from habitkit.flags.store import FLAGS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from habitkit.experiments.domain.definition import StoredExperiment
    from habitkit.transaction import Transaction

__all__ = [
    "HOLDOUTS",
    "SECTION",
    "experiment_key",
    "experiments_of",
    "find",
    "stored_section",
]

HOLDOUTS = "$holdouts"
SECTION = "$experiments"
_LONGEST_KEY = 200


def experiment_key(value: object) -> str:
    """Return a valid key of an experiment or a holdout.

    Raises:
        InvalidInput: If it is anything else.
    """
    if isinstance(value, str) and 0 < len(value) <= _LONGEST_KEY:
        return value
    expected = f"a non-empty string of at most {_LONGEST_KEY} characters"
    raise InvalidInput("key", given=value, expected=expected)


def find(tx: Transaction, key: str) -> StoredExperiment:
    """Return an experiment.

    Raises:
        NotFound: If there is none of this key.
    """
    experiment_key(key)
    expect_no_scope(tx, key)
    found = experiments_of(tx, key).get(key)
    if found is None:
        raise NotFound("experiment", key)
    return found


def experiments_of(tx: Transaction, key: str | None = None) -> dict[str, StoredExperiment]:
    """Return the experiments by key.

    Args:
        tx: The transaction.
        key: Only this one; None for all.
    """
    if tx.settings(FlagSettings).source is not None:
        flags = set_in_use(tx)
        sections = None if flags is None else flags.definitions.sections
        return {} if sections is None else {**sections.experiments}
    section = stored_section(tx)
    keys = section.keys() if key is None else section.keys() & {key}
    read = {it: read_experiment(it, section[it], (SECTION, it), []) for it in sorted(keys)}
    return {it: found for it, found in read.items() if found is not None}


def stored_section(tx: Transaction) -> Mapping[str, Any]:
    """Return the experiments of the set of flags in the kit's store, as JSON."""
    section: Mapping[str, Any] = tx.port(FLAGS).shared().shared.get(SECTION, {})
    return section
