"""The base class of all contracts: the fixtures an author defines, and small helpers."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, ClassVar, NoReturn, TypeVar

import pytest

import habitkit.testing

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Collection, Sequence

    from habitkit.store import Store, Stores
    from habitkit.testing import TestKit

__all__ = [
    "LIMIT_SECONDS",
    "MOMENT_SECONDS",
    "Contract",
    "all_pages",
    "missing",
    "read",
    "wait_inside",
    "write",
]

R = TypeVar("R")

LIMIT_SECONDS = 30.0
"""How long to wait for something that must happen."""

MOMENT_SECONDS = 0.2
"""How long to wait for something that must not happen."""


MOST_PAGES = 100
"""More than any case has."""


class Contract:
    """The base class of all contracts. An author's subclass overrides the fixtures.

    Attributes:
        capabilities: What the store can do beyond the ports; see ``habitkit.ports``.
        proves: The modules of which a contract proves that the store keeps them.
    """

    capabilities: ClassVar[Collection[str]] = frozenset()
    proves: ClassVar[Collection[str]] = frozenset()

    @pytest.fixture
    def store(self) -> Store:
        """The store under test, new and empty; the author defines it."""
        missing("`store`, which returns (or yields, and then closes) a new, empty store")

    @pytest.fixture
    def url(self) -> str:
        """With the capability ``shared``: the URL by which another process opens the same facts."""
        missing("`url`, by which HabitKit.open(url) reaches the facts of the fixture `store`")

    @pytest.fixture
    def kit(self, store: Store) -> TestKit:
        """A kit on the store under test; its clock is set to 2026-01-01 08:00 UTC."""
        return habitkit.testing.kit(store=store)

    def skip_unless(self, capability: str) -> None:
        """Skip a test of a capability that the store does not declare."""
        if capability not in self.capabilities:
            pytest.skip(f"the store does not declare {capability!r}")

    def skip_without(self, store: Store, *modules: str) -> None:
        """Skip a test that needs modules that the store does not support."""
        for module in modules:
            if module not in store.modules:
                pytest.skip(f"the store does not support the module {module!r}")


def write(store: Store, work: Callable[[Stores], R]) -> R:
    """Run work on the bare ports in a transaction that writes."""
    return store.run(work, write=True, keyed=False)


def read(store: Store, work: Callable[[Stores], R]) -> R:
    """Run work on the bare ports in a transaction that reads."""
    return store.run(work, write=False, keyed=False)


def all_pages(page_after: Callable[[R | None], Sequence[R]]) -> list[R]:
    """Return the rows of all pages, of which the last one is empty.

    Args:
        page_after: Returns the page after a row, or the first one.

    Raises:
        AssertionError: If the pages do not end.
    """
    rows: list[R] = []
    for _ in range(MOST_PAGES):
        page = page_after(rows[-1] if rows else None)
        if not page:
            return rows
        rows += page
    msg = (
        f"expected pages that end with an empty one, got {MOST_PAGES} that do not, the last one "
        f"after {rows[-1]!r}; a page has only rows after the one it is asked to begin after"
    )
    raise AssertionError(msg)


def wait_inside(stores: Stores, event: threading.Event, seconds: float) -> bool:
    """Wait for an event inside a transaction, while querying the store again and again.

    A store for an async host may run its transactions on the event loop's own thread, where the
    others get their turn only while this one waits for the store.

    Returns:
        True if the event happened in time.
    """
    end = time.monotonic() + seconds
    while not event.wait(0.001) and time.monotonic() < end:
        stores.events.page("nobody", None, 1)
    return event.is_set()


def missing(what: str) -> NoReturn:
    """Fail the test because the author has not defined a fixture."""
    pytest.fail(f"a subclass of a contract must define the fixture {what}", pytrace=False)
