"""Changes of the whole set of flags: each is one revision of all that differs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from attrs import frozen

from habitkit._codec import digest
from habitkit.errors import NotFound
from habitkit.flags.changes import add_revision, definitions_of, set_in_use
from habitkit.flags.domain.compiler import compile_document
from habitkit.flags.domain.document_parts import EXPERIMENTS, Parts, join, split
from habitkit.flags.domain.weight_history import keep_weight_history
from habitkit.flags.errors import FlagDefinitionError, RevisionConflict
from habitkit.flags.inputs import (
    FLAGS_OWNER,
    changed_by,
    expect_no_scope,
    flag_document,
    revision_note,
    revision_number,
)
from habitkit.flags.store import FLAGS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from habitkit.flags.domain.model import Revision
    from habitkit.transaction import Transaction

__all__ = ["put_document", "rollback_document"]


def put_document(
    tx: Transaction,
    document: Mapping[str, Any],
    *,
    by: str,
    note: str = "",
    expected_revision: int | None = None,
) -> Revision:
    """Make the set of flags what a document says, by one revision.

    Of an experiment that runs or is paused, before and after, nothing may change that would move
    units which are in, as in ``kit.experiments.define``; nor may its coverage become lower, or a
    holdout take units out of it. Other weights become one more version.

    Args:
        tx: The transaction.
        document: The whole set in flagd's format, up to 20 MB of JSON; our own settings are its
            section ``"$habitkit"``, by flag. Flags that it lacks are deleted.
        by: Who changes the set.
        note: Why.
        expected_revision: The last revision of the set as the caller knows it, from ``revision``;
            0 if there must be none. None to overwrite whatever is there.

    Returns:
        The new revision, with what differs; the last one of the set if nothing does.

    Raises:
        RevisionConflict: If the last revision of the set is another one.
        FlagDefinitionError: If the document has faults, or would move units of an experiment.
    """
    made = _SetChange.of("put_document", by, note, expected_revision)
    checked = flag_document(document)
    compile_document(checked, tx.now.timestamp, set_in_use(tx))
    made.begin(tx)
    return made.write(tx, split(checked))


def rollback_document(
    tx: Transaction,
    revision: int,
    *,
    by: str,
    note: str = "",
    expected_revision: int | None = None,
) -> Revision:
    """Make the whole set what it was at a revision, by one new revision.

    Unlike ``rollback`` of a flag it also restores ``$evaluators``, ``metadata``, ``$experiments``
    and ``$holdouts``, and deletes the flags that did not exist. The weights of an experiment that
    was started come back as one more version; what would move units of an experiment that runs or
    is paused, before and after, is refused as by ``put_document``.

    Args:
        tx: The transaction.
        revision: Any revision of the set: the set becomes what it was right after that one.
        by: Who does it.
        note: Why.
        expected_revision: As for ``put_document``.

    Returns:
        The new revision, with what differs; the last one of the set if nothing does.

    Raises:
        NotFound: If there is no such revision.
        RevisionConflict: If the last revision of the set is another one.
        FlagDefinitionError: If the set has faults, by the rules of this version of habitkit, or
            would move units of an experiment.
    """
    made = _SetChange.of("rollback_document", by, note, expected_revision)
    number = revision_number("revision", revision, least=1)
    made.begin(tx)
    store = tx.port(FLAGS)
    if number > store.newest():
        raise NotFound("revision", number)
    parts = Parts(definitions_of(store.versions(until=number)), store.shared(until=number).shared)
    document = join(parts.definitions, parts.shared)
    compile_document(document, tx.now.timestamp, set_in_use(tx))
    return made.write(tx, parts)


@frozen
class _SetChange:
    """A change of the whole set, with what all of them are given."""

    action: str
    author: tuple[str, str]
    expected: int | None

    @classmethod
    def of(cls, action: str, by: object, note: object, expected: object) -> _SetChange:
        """Validate what all changes of the set are given."""
        number = None if expected is None else revision_number("expected_revision", expected)
        return cls(action, (changed_by(by), revision_note(note)), number)

    def begin(self, tx: Transaction) -> None:
        """Lock the set and expect its last revision.

        Raises:
            RevisionConflict: If it is another one.
        """
        expect_no_scope(tx)
        tx.lock(FLAGS_OWNER)
        newest = tx.port(FLAGS).newest()
        if self.expected not in {None, newest}:
            raise RevisionConflict(key=None, expected=self.expected or 0, found=newest)

    def write(self, tx: Transaction, parts: Parts) -> Revision:
        """Make the set what valid parts say.

        Raises:
            FlagDefinitionError: If that would move units of an experiment.
        """
        store = tx.port(FLAGS)
        shared = store.shared().shared
        _expect_no_moves(shared, parts.shared)
        at = tx.now.isoformat().replace("+00:00", "Z")
        parts = Parts(parts.definitions, keep_weight_history(shared, parts.shared, at))
        before = definitions_of(store.versions())
        changes: dict[str, Mapping[str, Any] | None] = {
            key: definition
            for key, definition in parts.definitions.items()
            if key not in before or digest(before[key]) != digest(definition)
        }
        changes.update({key: None for key in before if key not in parts.definitions})
        kept = digest(shared) == digest(parts.shared)
        if kept and not changes:
            last = store.revisions(None, None, 1)
            if last:
                return last[0]
        return add_revision(tx, self.action, self.author, changes, None if kept else parts.shared)


def _expect_no_moves(before: Mapping[str, Any], after: Mapping[str, Any]) -> None:
    """Refuse a set that would move units of an experiment; what that needs is loaded only here.

    Raises:
        FlagDefinitionError: With a fault for each change that would.
    """
    if EXPERIMENTS in before and EXPERIMENTS in after:
        from habitkit.flags.domain.experiment_changes import moves  # noqa: PLC0415

        faults = moves(before, after)
        if faults:
            raise FlagDefinitionError(faults)
