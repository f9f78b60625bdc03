"""The port of the definitions of quests on SQL."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import bindparam, select

from habitkit._codec import to_json
from habitkit.backends.sqlalchemy._prepared import Prepared
from habitkit.backends.sqlalchemy._quest_tables import quest_definitions
from habitkit.quests.domain.runs import Definition

if TYPE_CHECKING:
    from uuid import UUID

    from habitkit.backends.sqlalchemy._prepared import Link

__all__ = ["Definitions"]


class Definitions:
    """The log of definitions."""

    _NEWEST = Prepared(
        lambda _: (
            select(quest_definitions.c.id)
            .where(quest_definitions.c.revision > 0)  # or SQLite calls it a scan of the index
            .order_by(quest_definitions.c.revision.desc())
            .limit(1)
        )
    )
    _AFTER = Prepared(
        lambda _: (
            select(quest_definitions)
            .where(quest_definitions.c.revision > bindparam("seen"))
            .order_by(quest_definitions.c.revision)
        )
    )
    _ADD = Prepared(
        lambda insert: insert(quest_definitions).values(
            {c.name: bindparam(c.name) for c in quest_definitions.c}
        ),
        kind="definition",
    )

    def __init__(self, link: Link) -> None:
        """Work on one transaction."""
        self._link = link

    def newest(self) -> UUID | None:
        """Return the id of the last definition."""
        row = self._link.row(self._NEWEST, {})
        return None if row is None else row[0]

    def after(self, revision: int) -> list[Definition]:
        """Return all definitions with a larger number."""
        return [Definition(*row) for row in self._link.rows(self._AFTER, {"seen": revision})]

    def add(self, definition: Definition) -> None:
        """Add a definition."""
        fields = {c.name: getattr(definition, c.name) for c in quest_definitions.c}
        content = None if definition.content is None else to_json(definition.content)
        self._link.run(self._ADD, {**fields, "content": content})
