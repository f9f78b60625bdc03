"""What the limits and the cache in SQL share: each call is a transaction of its own."""

from __future__ import annotations

import inspect
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from sqlalchemy import exc

from habitkit.backends.sqlalchemy.store import SqlStore
from habitkit.errors import ConfigurationError
from habitkit.runner import refuse_nesting

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from habitkit.errors import StoreError

__all__ = ["Resident", "expect_async_store", "expect_store"]

_DIALECTS = ("postgresql", "sqlite")
_ROWS_BETWEEN_CLEANINGS = 128
_MISTAKES = (exc.ProgrammingError, exc.DataError, exc.NotSupportedError)
"""Errors that no waiting helps against, such as a missing permission."""


class Resident:
    """Rows that are no facts of the kit, and are kept through its store.

    Rows that are over are deleted by the way, some after so many that were written, in a
    transaction of their own.

    Attributes:
        name: The store's name.
    """

    def __init__(self, store: Any, unavailable: Callable[[str, str], StoreError]) -> None:
        """Work through a store.

        Args:
            store: The store.
            unavailable: Makes the error of the module, of the store's name and the reason.
        """
        self.name: str = store.name
        self._unavailable = unavailable
        self._store = store
        self._owned = False
        self._written = _ROWS_BETWEEN_CLEANINGS  # a process may be too short for a second one

    def after_fork(self) -> None:
        """Leave the parent's connections to the parent."""
        self._store.after_fork()

    def _is_cleaning_due(self, rows: int) -> bool:
        """Count the rows that a call has written; a lost count of another thread is harmless."""
        self._written += rows
        if self._written <= _ROWS_BETWEEN_CLEANINGS:
            return False
        self._written = 0
        return True

    @contextmanager
    def _errors(self) -> Iterator[None]:
        """Raise what keeps the store from working as an error of the module.

        Raises:
            StoreError: If the database cannot be reached, or fails.
            NestedTransaction: Inside a transaction of a kit, which may hold what this one needs.
        """
        refuse_nesting()
        try:
            yield
        except _MISTAKES:
            raise
        except (exc.DBAPIError, exc.TimeoutError, OSError) as error:
            raise self._unavailable(self.name, _reason(error)) from error


def expect_store(store: object) -> None:
    """Refuse what is no ``SqlStore``.

    Raises:
        ConfigurationError: If it is none.
    """
    if not isinstance(store, SqlStore):
        msg = f"store: expected a SqlStore, got {store!r}"
        raise ConfigurationError(msg)


def expect_async_store(store: Any) -> None:
    """Refuse what is no async store in SQL.

    Raises:
        ConfigurationError: If it is none.
    """
    is_async = inspect.iscoroutinefunction(getattr(store, "run", None))
    if not is_async or store.name not in _DIALECTS:
        msg = (
            f"store: expected an AsyncSqlStore, or a ThreadedStore around a SqlStore, got {store!r}"
        )
        raise ConfigurationError(msg)


def _reason(error: Exception) -> str:
    """Return why a database failed, in one line, without the statement and its parameters."""
    cause = error.orig if isinstance(error, exc.DBAPIError) else error
    return " ".join(str(cause).split()) or type(cause).__name__
