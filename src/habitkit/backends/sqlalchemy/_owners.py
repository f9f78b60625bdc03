"""The owners' locks on SQL."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import (
    ARRAY,
    String,
    Text,
    bindparam,
    cast,
    exists,
    func,
    literal_column,
    select,
)

from habitkit.backends.sqlalchemy._inbox import OPEN
from habitkit.backends.sqlalchemy._prepared import Prepared
from habitkit.backends.sqlalchemy._rowsets import text_array
from habitkit.backends.sqlalchemy.tables import inbox, owners
from habitkit.journal.domain.model import Locked

if TYPE_CHECKING:
    from collections.abc import Sequence

    from habitkit.backends.sqlalchemy._prepared import Link

__all__ = ["Owners"]


class Owners:
    """The owners' locks: the row of an owner is locked by the upsert that bumps its revision."""

    _LOCK = Prepared(
        lambda insert: (
            insert(owners)
            .values(owner=bindparam("owner"), rev=1)
            .on_conflict_do_update(index_elements=[owners.c.owner], set_={"rev": owners.c.rev + 1})
            .returning(
                owners.c.rev,
                exists(
                    select(literal_column("1"))
                    .select_from(inbox)
                    .where(inbox.c.owner == bindparam("owner"), OPEN)
                ),
            )
        )
    )

    _LOCK_MANY = Prepared(
        lambda insert: (
            insert(owners)
            .from_select(
                ["owner", "rev"],
                select(
                    func.unnest(cast(bindparam("owners", type_=Text()), ARRAY(String))),
                    literal_column("1"),
                ),
            )
            .on_conflict_do_update(index_elements=[owners.c.owner], set_={"rev": owners.c.rev + 1})
            .returning(
                owners.c.owner,
                owners.c.rev,
                exists(
                    select(literal_column("1"))
                    .select_from(inbox)
                    .where(inbox.c.owner == literal_column("habitkit_owners.owner"), OPEN)
                ),
            )
        ),
        only="postgresql",
    )

    _REV = Prepared(lambda _: select(owners.c.rev).where(owners.c.owner == bindparam("owner")))

    def __init__(self, link: Link) -> None:
        """Work on one transaction."""
        self._link = link

    def lock(self, owners: Sequence[str]) -> dict[str, Locked]:
        """Take the owners' locks and advance their revisions; many by one statement if it can."""
        link, locked = self._link, {}
        if len(owners) > 1 and link.dialect.name == "postgresql":
            rows = link.rows(self._LOCK_MANY, {"owners": text_array(owners)})
            return {owner: Locked(rev, messages) for owner, rev, messages in rows}
        for owner in owners:
            row = link.row(self._LOCK, {"owner": owner})
            assert row is not None  # noqa: S101 - an upsert that returns always returns a row
            locked[owner] = Locked(row[0], bool(row[1]))
        return locked

    def rev(self, owner: str) -> int:
        """Return an owner's revision; 0 if there is none."""
        row = self._link.row(self._REV, {"owner": owner})
        return 0 if row is None else int(row[0])
