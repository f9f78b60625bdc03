"""The queries of flags: definitions, the whole document, its history."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from habitkit import ids
from habitkit._codec import digest
from habitkit.errors import NotFound
from habitkit.flags.domain.document_parts import join
from habitkit.flags.domain.model import FlagDifference
from habitkit.flags.inputs import expect_no_scope, flag_key, revision_number
from habitkit.flags.store import FLAGS

if TYPE_CHECKING:
    from habitkit.flags.domain.model import FlagVersion, Revision
    from habitkit.transaction import Transaction

__all__ = ["diff", "export", "get", "history", "list_flags", "revision"]


def get(tx: Transaction, key: str) -> FlagVersion:
    """Return the last definition of a flag, and the revision that wrote it.

    Args:
        tx: The transaction.
        key: The flag.

    Raises:
        NotFound: If there is no such flag.
    """
    flag_key(key)
    expect_no_scope(tx, key)
    found = tx.port(FLAGS).versions(key=key)
    if not found or found[0].definition is None:
        raise NotFound("flag", key)
    return found[0]


def list_flags(tx: Transaction) -> list[FlagVersion]:
    """Return the last definition of every flag, in the order of their keys."""
    expect_no_scope(tx)
    return [each for each in tx.port(FLAGS).versions() if each.definition is not None]


def revision(tx: Transaction) -> int:
    """Return the number of the last revision of the set; 0 if there is none.

    Read it before ``export``, and give it to ``put_document`` as ``expected_revision``.
    """
    expect_no_scope(tx)
    return tx.port(FLAGS).newest()


def export(tx: Transaction) -> dict[str, Any]:
    """Return all flags as one document in flagd's format.

    Our own settings are in its section ``"$habitkit"``, by flag. ``put_document`` takes it back.
    """
    expect_no_scope(tx)
    store = tx.port(FLAGS)
    flags = {each.key: each.definition for each in store.versions() if each.definition is not None}
    return join(flags, store.shared().shared)


def history(
    tx: Transaction, key: str | None = None, *, before: int | None = None, limit: int = 100
) -> list[Revision]:
    """Return revisions, the newest first, each with all that it changed.

    Args:
        tx: The transaction.
        key: Only those that changed the definition of this flag, which may be deleted, and of
            their ``changes`` only that one. A change of ``$evaluators`` is not among them,
            although the flag may refer to them. None for all revisions.
        before: Only those with a smaller number, to go on from the last one already seen.
        limit: How many at most, up to 1000.
    """
    if key is not None:
        flag_key(key)
    if before is not None:
        revision_number("before", before)
    ids.limit(limit)
    expect_no_scope(tx, key)
    return tx.port(FLAGS).revisions(key, before, limit)


def diff(tx: Transaction, a: int, b: int) -> list[FlagDifference]:
    """Return which flags differ between two revisions, in the order of their keys.

    If what the flags share differs, such as ``$evaluators`` or ``$experiments``, it comes last,
    with the key None.

    Args:
        tx: The transaction.
        a: The number of a revision; 0 for the empty set before the first one.
        b: The number of another one, in either direction.

    Raises:
        NotFound: If there is no such revision.
    """
    expect_no_scope(tx)
    store = tx.port(FLAGS)
    newest = store.newest()
    for what, number in (("a", a), ("b", b)):
        if revision_number(what, number) > newest:
            raise NotFound("revision", number)
    before, after = (
        {each.key: each.definition for each in store.versions(until=number)} for number in (a, b)
    )
    found = [
        FlagDifference(key, before.get(key), after.get(key))
        for key in sorted({*before, *after})
        if digest(before.get(key)) != digest(after.get(key))
    ]
    shared = [store.shared(until=number).shared for number in (a, b)]
    if digest(shared[0]) != digest(shared[1]):
        found.append(FlagDifference(None, *shared))
    return found
