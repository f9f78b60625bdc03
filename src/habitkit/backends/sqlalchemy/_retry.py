"""Retries of an action in the store's own transactions."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

from attrs import define, field

from habitkit.backends.sqlalchemy import _error_mapping
from habitkit.clock import stopwatch
from habitkit.errors import OutcomeUnknown, StoreBusy

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy import Connection, exc

__all__ = ["Attempts", "Conflict"]

_MAX_ATTEMPTS = 10
_MAX_SECONDS = 30.0


class Conflict(Exception):
    """The database error of an attempt, to be handled outside of its connection."""

    def __init__(self, error: exc.DBAPIError, connection: Connection) -> None:
        """Keep the error and whether the connection is gone; if so, drop it."""
        super().__init__(str(error))
        self.error = error
        self.lost = _error_mapping.lost_connection(error, connection)
        if self.lost:
            _error_mapping.give_up(connection)


@define
class Attempts:
    """The retry state of one action.

    Attributes:
        write: False for a query.
        keyed: True if the action carries an idempotency key.
        committing: True if the present attempt has sent COMMIT.
        unknown: True if an earlier attempt may have been committed.
        number: Which attempt this is.
        seconds: Returns how long it takes by now; a wait for a lock may have been long already.
    """

    write: bool
    keyed: bool
    committing: bool = False
    unknown: bool = False
    number: int = 1
    seconds: Callable[[], float] = field(factory=stopwatch)

    def again(self, failure: Conflict | exc.DBAPIError | OSError) -> float:
        """Return after how many seconds to try again: up to 2, 4, 8 ... 100 ms, at random.

        Args:
            failure: What ended the attempt; a bare error if there was no connection to be had.

        Raises:
            OutcomeUnknown: If it may have been committed, and repeating could do it twice or did
                not help.
            StoreBusy: If it was tried often or long enough.
            sqlalchemy.exc.DBAPIError: The error itself, if it is not transient.
        """
        if not isinstance(failure, Conflict):
            if self.unknown:
                raise OutcomeUnknown(keyed=self.keyed) from failure
            raise failure
        error = failure.error
        self.unknown |= failure.lost and self.committing and self.write
        if self.unknown and not self.keyed:
            raise OutcomeUnknown from error
        if _error_mapping.waited_in_vain(error):
            raise StoreBusy(self.number) from error
        if not failure.lost and not _error_mapping.is_conflict(error):
            raise error from error.__cause__
        if self.number >= _MAX_ATTEMPTS or self.seconds() >= _MAX_SECONDS:
            raise (
                OutcomeUnknown(keyed=self.keyed) if self.unknown else StoreBusy(self.number)
            ) from error
        longest = min(0.001 * 2**self.number, 0.1)
        self.number += 1
        self.committing = False
        return random.uniform(0.0, longest)  # noqa: S311 - spreads, hides nothing
