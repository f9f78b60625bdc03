"""Going through all owners, page by page."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from habitkit.habits.store import HABITS

if TYPE_CHECKING:
    from collections.abc import Sequence
    from uuid import UUID

    from habitkit.transaction import Transaction

__all__ = ["Page", "owners_of_habits"]

_PAGE = 500


class Page(NamedTuple):
    """Some owners.

    Attributes:
        owners: The owners; one may be there several times.
        after: Where the next page begins, or None if there is none.
    """

    owners: Sequence[str]
    after: Any


def owners_of_habits(tx: Transaction, after: UUID | None) -> Page:
    """Return a page of the owners of habits, those who made one first first.

    Args:
        tx: The transaction.
        after: ``Page.after`` of the page before; None for the first one.
    """
    habits = tx.port(HABITS).page(after, _PAGE, deleted=True)
    return Page([habit.owner for habit in habits], habits[-1].id if len(habits) == _PAGE else None)
