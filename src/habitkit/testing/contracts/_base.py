"""The ground every contract stands on: the fixtures an author gives, and small helpers."""

from __future__ import annotations

import time
from functools import partial
from typing import TYPE_CHECKING, ClassVar, NoReturn, TypeVar

import pytest
from hypothesis import HealthCheck, settings

import habitkit.testing
from habitkit.binding import Action, Workflow
from habitkit.errors import NotFound
from habitkit.options import KitSettings
from habitkit.runner import begin

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Collection, Mapping

    from habitkit.binding import Service, Sync
    from habitkit.store import Store, Stores
    from habitkit.testing import TestKit
    from habitkit.transaction import Transaction

__all__ = [
    "LIMIT_SECONDS",
    "MOMENT_SECONDS",
    "Contract",
    "assert_hidden",
    "missing",
    "read",
    "transact",
    "wait_inside",
    "write",
]

R = TypeVar("R")

LIMIT_SECONDS = 30.0
"""After this long, what should have happened counts as never happening."""

MOMENT_SECONDS = 0.2
"""For this long, what must not happen is given the chance to happen."""


class Contract:
    """What all contracts share. An author's subclass overrides the fixtures.

    Attributes:
        capabilities: What the store can do beyond the ports; see ``habitkit.ports``.
        proves: The modules of which a contract proves that the store keeps them.
        share_of_cases: How many of the usual random cases the laws are put to, for instance 1 / 3.
            The laws are the kit's own, and a case costs the most on a server: a second driver for
            the rows of a store that passes with all cases may do with fewer.
    """

    capabilities: ClassVar[Collection[str]] = frozenset()
    proves: ClassVar[Collection[str]] = frozenset()
    share_of_cases: ClassVar[float] = 1.0

    @pytest.fixture
    def store(self) -> Store:
        """The store under test, new and empty; the author gives it."""
        missing("`store`, which returns (or yields, and then closes) a new, empty store")

    @pytest.fixture
    def url(self) -> str:
        """With the capability ``shared``: the URL by which another process opens the same facts."""
        missing("`url`, by which HabitKit.open(url) reaches the facts of the fixture `store`")

    @pytest.fixture
    def kit(self, store: Store) -> TestKit:
        """A kit on the store under test; its clock stands at 2026-01-01 08:00 UTC."""
        return habitkit.testing.kit(store=store)

    def skip_unless(self, capability: str) -> None:
        """Skip a test of something that the store does not claim to do."""
        if capability not in self.capabilities:
            pytest.skip(f"the store does not declare {capability!r}")

    def skip_without(self, store: Store, *modules: str) -> None:
        """Skip a test that needs modules that the store does not support."""
        for module in modules:
            if module not in store.modules:
                pytest.skip(f"the store does not support the module {module!r}")

    def cases(self, usual: int) -> settings:
        """Return hypothesis's settings for a law that is usually put to so many random cases."""
        return settings(
            max_examples=max(1, round(usual * self.share_of_cases)),
            deadline=None,
            suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
        )


def write(store: Store, work: Callable[[Stores], R]) -> R:
    """Run work on the bare ports in a transaction that writes."""
    return store.run(work, write=True, keyed=False)


def read(store: Store, work: Callable[[Stores], R]) -> R:
    """Run work on the bare ports in a transaction that reads."""
    return store.run(work, write=False, keyed=False)


def transact(store: Store, work: Callable[[Transaction], R], *, write: bool) -> R:
    """Run work as an action, or as a query, of a kit that nothing is wired to."""
    return store.run(
        partial(
            begin, KitSettings(supported=frozenset(store.modules)), None, work, (), {}, write, set()
        ),
        write=write,
        keyed=False,
    )


def wait_inside(stores: Stores, event: threading.Event, seconds: float) -> bool:
    """Wait for an event inside a transaction, asking the store something all the while.

    A store for an async host may run its transactions on the event loop's own thread, where the
    others get their turn only while this one waits for the store.

    Returns:
        True if the event happened in time.
    """
    end = time.monotonic() + seconds
    while not event.wait(0.001) and time.monotonic() < end:
        stores.events.page("nobody", None, 1)
    return event.is_set()


def assert_hidden(service: Service[Sync], foreign: Mapping[str, Callable[[], object]]) -> None:
    """Check that every action of an owner's service hides what belongs to another.

    Args:
        service: A service of ``kit.owned_by(...)``.
        foreign: For each action of the service, by name, a call about another owner's things.
    """
    offered = {
        name
        for name in dir(type(service))
        if isinstance(getattr(type(service), name), Action | Workflow)
    }
    assert set(foreign) == offered, "there is a case for every action of the service"  # noqa: S101
    for call in foreign.values():
        with pytest.raises(NotFound):
            call()


def missing(what: str) -> NoReturn:
    """Fail the test of an author who has not given a fixture."""
    pytest.fail(f"a subclass of a contract gives the fixture {what}", pytrace=False)
