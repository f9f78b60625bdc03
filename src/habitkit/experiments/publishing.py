"""Writing the definitions of experiments: each change is a revision of the set of flags."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from habitkit.errors import NotFound
from habitkit.experiments.domain.definition import State
from habitkit.experiments.domain.definition_json import experiment_to_json
from habitkit.experiments.errors import ExperimentStateConflict
from habitkit.experiments.events import ExperimentChanged
from habitkit.experiments.lookup import SECTION
from habitkit.flags.changes import add_revision, definitions_of, set_in_use
from habitkit.flags.domain.compiler import compile_document
from habitkit.flags.domain.document_parts import join
from habitkit.flags.errors import FlagsReadOnly
from habitkit.flags.inputs import FLAGS_OWNER, changed_by, expect_no_scope, revision_note
from habitkit.flags.settings import FlagSettings
from habitkit.flags.store import FLAGS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from habitkit.experiments.domain.definition import StoredExperiment
    from habitkit.transaction import Transaction

__all__ = ["AUTHOR", "author_of", "begin", "expect_open", "publish", "write"]

AUTHOR = "experiments"
"""Who makes a change if nobody is named."""


def author_of(by: object, note: object) -> tuple[str, str]:
    """Return who makes a change, and why.

    Raises:
        InvalidInput: If one of them is not acceptable.
    """
    return changed_by(by), revision_note(note)


def begin(tx: Transaction) -> None:
    """Lock the set of flags.

    Raises:
        FlagsReadOnly: If it does not come from the kit's store.
    """
    expect_no_scope(tx)
    source = tx.settings(FlagSettings).source
    if source is not None:
        raise FlagsReadOnly(source.name)
    tx.lock(FLAGS_OWNER)


def expect_open(before: StoredExperiment, action: str) -> None:
    """Refuse an experiment that has ended.

    Raises:
        ExperimentStateConflict: If it is stopped or shipped.
    """
    if before.state in {State.STOPPED, State.SHIPPED}:
        raise ExperimentStateConflict(
            experiment=before.experiment.key,
            state=before.state,
            action=action,
            hint="define one with another key",
        )


def write(
    tx: Transaction,
    action: str,
    author: tuple[str, str],
    before: StoredExperiment | None,
    after: StoredExperiment,
) -> StoredExperiment:
    """Store an experiment, unless nothing changed."""
    if after == before:
        return after
    key = after.experiment.key
    number = publish(tx, action, author, SECTION, key, experiment_to_json(after))
    event = ExperimentChanged(FLAGS_OWNER, tx.now, key, str(after.state), number, author[0])
    tx.emit(FLAGS_OWNER, [event])
    return after


def publish(
    tx: Transaction,
    action: str,
    author: tuple[str, str],
    name: str,
    key: str,
    given: Mapping[str, Any] | None,
) -> int:
    """Write a revision of the set of flags in which one member of a section is another one.

    Returns:
        The number of the revision.

    Raises:
        NotFound: If the member is to be removed, and there is none.
        FlagDefinitionError: If the set would have faults.
    """
    store = tx.port(FLAGS)
    shared = dict(store.shared().shared)
    section = {it: value for it, value in shared.get(name, {}).items() if it != key}
    if given is not None:
        section[key] = given
    elif key not in shared.get(name, {}):
        raise NotFound(name.removeprefix("$").removesuffix("s"), key)
    shared[name] = section
    document = join(definitions_of(store.versions()), shared)
    compile_document(document, tx.now.timestamp, set_in_use(tx))
    kept = {it: value for it, value in shared.items() if value}
    return add_revision(tx, f"experiment {action}"[:20], author, {}, kept).number
