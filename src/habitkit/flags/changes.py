"""Changes of single flags: each is a revision, written if the whole set is valid afterwards.

There is one set of flags and one counter of revisions, under the lock of a system owner. What
changes nothing makes no revision.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from attrs import frozen

from habitkit._codec import digest
from habitkit.errors import InvalidInput, NotFound
from habitkit.flags.domain.compiler import compile_document
from habitkit.flags.domain.document_parts import SETTINGS, join
from habitkit.flags.domain.faults import Fault, json_path
from habitkit.flags.domain.model import Revision
from habitkit.flags.errors import FlagDefinitionError, RevisionConflict
from habitkit.flags.evaluator import Evaluator
from habitkit.flags.events import FlagChanged
from habitkit.flags.inputs import (
    FLAGS_OWNER,
    changed_by,
    expect_no_scope,
    flag_definition,
    flag_key,
    revision_note,
    revision_number,
)
from habitkit.flags.store import FLAGS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from habitkit.flags.builders import Flag
    from habitkit.flags.domain.flag_set import FlagSet
    from habitkit.flags.domain.model import FlagVersion
    from habitkit.transaction import Transaction

__all__ = [
    "add_revision",
    "definitions_of",
    "delete",
    "put",
    "rollback",
    "set_in_use",
    "toggle",
]


def put(
    tx: Transaction,
    key: str,
    definition: Mapping[str, Any] | Flag,
    *,
    by: str,
    note: str = "",
    expected_revision: int | None = None,
) -> Revision:
    """Add a flag, or give it another definition.

    Args:
        tx: The transaction.
        key: The flag, up to 200 characters.
        definition: A builder such as ``Flag.boolean(default="off")``, or flagd's object of a flag,
            up to 1 MB of JSON; our own settings are its member ``"$habitkit"``.
        by: Who changes it.
        note: Why.
        expected_revision: The flag's last revision as the caller knows it; 0 if there must be no
            such flag, because there never was one or it was deleted. None to overwrite whatever
            is there.

    Returns:
        The new revision, or the flag's last one, as ``history(key)`` has it, if the definition is
        the same.

    Raises:
        RevisionConflict: If the flag's last revision is another one.
        FlagDefinitionError: If the set of flags would have faults.
    """
    made = _Change.of("put", key, by, note, expected_revision)
    checked = flag_definition(definition)
    made.begin(tx)
    return made.write(tx, checked)


def toggle(
    tx: Transaction,
    key: str,
    enabled: bool,  # noqa: FBT001 - the new state, the subject of the call
    *,
    by: str,
    note: str = "",
    expected_revision: int | None = None,
) -> Revision:
    """Enable or disable a flag; a disabled flag has the caller's default.

    Args:
        tx: The transaction.
        key: The flag.
        enabled: What it is to be.
        by: Who changes it.
        note: Why.
        expected_revision: As for ``put``.

    Returns:
        The new revision, or the flag's last one if it is in this state.

    Raises:
        NotFound: If there is no such flag.
        RevisionConflict: If the flag's last revision is another one.
        InvalidInput: If ``enabled`` is neither True nor False.
        FlagDefinitionError: If the set of flags would have faults.
    """
    made = _Change.of("toggle", key, by, note, expected_revision)
    if not isinstance(enabled, bool):
        raise InvalidInput("enabled", given=enabled, expected="True or False")
    definition = made.begin_on_existing(tx)
    return made.write(tx, {**definition, "state": "ENABLED" if enabled else "DISABLED"})


def delete(
    tx: Transaction, key: str, *, by: str, note: str = "", expected_revision: int | None = None
) -> Revision:
    """Delete a flag; ``rollback`` restores it.

    Args:
        tx: The transaction.
        key: The flag.
        by: Who deletes it.
        note: Why.
        expected_revision: As for ``put``.

    Raises:
        NotFound: If there is no such flag.
        RevisionConflict: If the flag's last revision is another one.
        FlagDefinitionError: If another flag needs it.
    """
    made = _Change.of("delete", key, by, note, expected_revision)
    made.begin_on_existing(tx)
    return made.write(tx, None)


def rollback(
    tx: Transaction,
    key: str,
    revision: int,
    *,
    by: str,
    note: str = "",
    expected_revision: int | None = None,
) -> Revision:
    """Give a flag the definition that it had at a revision; a deleted flag is restored.

    Args:
        tx: The transaction.
        key: The flag.
        revision: Any revision of the set: the flag gets what it was right after that one.
        by: Who does it.
        note: Why.
        expected_revision: As for ``put``.

    Returns:
        The new revision, or the flag's last one if the definition is the same.

    Raises:
        NotFound: If there is no such revision, or the flag did not exist at it.
        RevisionConflict: If the flag's last revision is another one.
        FlagDefinitionError: If the set of flags would have faults; it may need ``$evaluators`` or
            other flags that are different now, which ``rollback_document`` restores too.
    """
    made = _Change.of("rollback", key, by, note, expected_revision)
    number = revision_number("revision", revision, least=1)
    made.begin(tx)
    store = tx.port(FLAGS)
    if number > store.newest():
        raise NotFound("revision", number)
    found = store.versions(until=number, key=key)
    if not found or found[0].definition is None:
        kind = f"flag at revision {number}"
        raise NotFound(kind, key)
    return made.write(tx, found[0].definition)


@frozen
class _Change:
    """A change of one flag, with what all of them are given."""

    action: str
    key: str
    author: tuple[str, str]
    expected: int | None

    @classmethod
    def of(cls, action: str, key: object, by: object, note: object, expected: object) -> _Change:
        """Validate what all changes of one flag are given."""
        number = None if expected is None else revision_number("expected_revision", expected)
        return cls(action, flag_key(key), (changed_by(by), revision_note(note)), number)

    def begin(self, tx: Transaction) -> None:
        """Lock the set and expect the flag's last version.

        Raises:
            RevisionConflict: If it is another one.
        """
        self._expect(self._last(tx))

    def begin_on_existing(self, tx: Transaction) -> Mapping[str, Any]:
        """Lock the set, expect the flag's last version and return its definition.

        Raises:
            NotFound: If there is no such flag, whatever is expected.
            RevisionConflict: If its last version is another one.
        """
        version = self._last(tx)
        if version is None or version.definition is None:
            raise NotFound("flag", self.key)
        self._expect(version)
        return version.definition

    def _last(self, tx: Transaction) -> FlagVersion | None:
        """Lock the set and return the flag's last version."""
        expect_no_scope(tx, self.key)
        tx.lock(FLAGS_OWNER)
        found = tx.port(FLAGS).versions(key=self.key)
        return found[0] if found else None

    def _expect(self, version: FlagVersion | None) -> None:
        """Refuse a flag whose last version is not the expected one."""
        found = 0 if version is None else version.revision
        gone = version is None or version.definition is None
        if self.expected in {None, found} or (self.expected == 0 and gone):
            return
        raise RevisionConflict(key=self.key, expected=self.expected or 0, found=found)

    def write(self, tx: Transaction, definition: Mapping[str, Any] | None) -> Revision:
        """Give the flag a definition, if the set is valid then."""
        store = tx.port(FLAGS)
        flags = definitions_of(store.versions())
        if self.key in flags and digest(flags[self.key]) == digest(definition):
            return store.revisions(self.key, None, 1)[0]
        if definition is None:
            _expect_not_needed(self.key, flags)
            del flags[self.key]
        else:
            flags[self.key] = definition
        document = join(flags, store.shared().shared)
        compile_document(document, tx.now.timestamp, set_in_use(tx))
        return add_revision(tx, self.action, self.author, {self.key: definition})


def set_in_use(tx: Transaction) -> FlagSet | None:
    """Return the set that this process has compiled; validation goes on from it."""
    resident = tx.resident("flags")
    return resident.current() if isinstance(resident, Evaluator) else None


def _expect_not_needed(key: str, flags: Mapping[str, Mapping[str, Any]]) -> None:
    """Refuse to delete a flag that is a prerequisite of others.

    Raises:
        FlagDefinitionError: With a fault for each of them.
    """
    faults = [
        Fault(
            json_path((SETTINGS, other, "prerequisites", index, "flag")),
            f"flag {other!r} needs {key!r}; remove this prerequisite before you delete {key!r}",
        )
        for other, definition in flags.items()
        for index, wanted in enumerate(definition.get(SETTINGS, {}).get("prerequisites", ()))
        if other != key and wanted["flag"] == key
    ]
    if faults:
        raise FlagDefinitionError(faults)


def definitions_of(versions: list[FlagVersion]) -> dict[str, Mapping[str, Any]]:
    """Return the definitions of the flags that are not deleted."""
    return {each.key: each.definition for each in versions if each.definition is not None}


def add_revision(
    tx: Transaction,
    action: str,
    author: tuple[str, str],
    changes: Mapping[str, Mapping[str, Any] | None],
    shared: Mapping[str, Any] | None = None,
) -> Revision:
    """Add the next revision and emit what it changed."""
    by, note = author
    number = tx.port(FLAGS).newest() + 1
    revision = Revision(number, tx.now, by, note, action, changes, shared)
    tx.port(FLAGS).add(revision)
    changed: list[str | None] = [*changes]
    if shared is not None:
        changed.append(None)
    tx.emit(FLAGS_OWNER, [FlagChanged(FLAGS_OWNER, tx.now, key, number, by) for key in changed])
    return revision
