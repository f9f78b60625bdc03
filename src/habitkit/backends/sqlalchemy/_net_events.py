"""The statement that finds the last event of each key."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import literal_column, or_, select, tuple_

from habitkit.backends.sqlalchemy.tables import events
from habitkit.events import Retracted

if TYPE_CHECKING:
    from collections.abc import Collection
    from datetime import datetime

    from sqlalchemy import Select

__all__ = ["select_last"]


def select_last(owner: str, types: Collection[str], since: datetime | None) -> Select[Any]:
    """Select the events without a key, and the last of each key, that may be net events.

    Types and instant come first, and the index of keys is asked for what is left of them.

    Returns:
        The statement for events of these types and retractions of any type, oldest first.
    """
    same = events.alias("same")
    last_of_key = (
        select(same.c.rev, same.c.position)
        .where(same.c.owner == events.c.owner, same.c.key == events.c.key)
        .where(same.c.key.is_not(None))  # as the index says
        .order_by(same.c.rev.desc(), same.c.position.desc())
        .limit(literal_column("1"))
    )
    place = tuple_(events.c.rev, events.c.position)
    statement = (
        select(events)
        .where(events.c.owner == owner, events.c.type.in_([*types, Retracted.__name__]))
        .where(or_(events.c.key.is_(None), place.in_(last_of_key)))
        .order_by(*place)
    )
    return statement if since is None else statement.where(events.c.at >= since)
