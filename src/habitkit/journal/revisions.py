"""The use case of owners' revisions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from habitkit import ids

if TYPE_CHECKING:
    from habitkit.transaction import Transaction

__all__ = ["revision"]


def revision(tx: Transaction, owner: str) -> int:
    """Return an owner's revision: a number that grows with every action on the owner.

    What is computed from the owner's facts alone is the same for as long as the revision is, so it
    makes a key under which to cache that. Time is no action: what also depends on the day, such as
    a streak, needs the day in its key.

    Args:
        tx: The transaction.
        owner: Whose revision.

    Returns:
        0 if nothing was ever done for the owner.

    Raises:
        InvalidOwner: If the owner is not a short, non-empty string.

    Example:
        >>> import habitkit.testing
        >>> from habitkit import Schedule
        >>> kit = habitkit.testing.kit()
        >>> kit.events.revision("ada")
        0
        >>> run = kit.habits.create("ada", "Run", Schedule.daily())
        >>> kit.events.revision("ada")
        1
    """
    tx.own(ids.owner(owner))
    return tx.stores.owners.rev(owner)
