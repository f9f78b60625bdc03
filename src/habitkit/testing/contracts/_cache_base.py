"""The base class of the cases of cache backends: the fixtures of the author, and a clock."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, ClassVar

import pytest

from habitkit.cache.port import Item
from habitkit.testing.contracts._base import LIMIT_SECONDS, missing
from habitkit.testing.contracts._limiter_base import BackendClock

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Sequence

    from habitkit.cache.port import CacheBackend

__all__ = ["DAY_MS", "HOUR_MS", "MS", "CacheBase", "CacheClock", "item", "read"]

MS = 1_000_000
HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS

_SHORT_SECONDS = 0.2


class CacheClock(BackendClock):
    """The clock of the backend under test, and clocks of caches that move with it."""

    def __init__(self, advance: Callable[[int], object] | None) -> None:
        """Keep how to move it."""
        super().__init__(advance)
        self._moved_ns = 0

    def advance(self, nanoseconds: int) -> None:
        """Move it; only if it ``moves``."""
        super().advance(nanoseconds)
        self._moved_ns += nanoseconds

    def pass_ms(self, ms: int) -> None:
        """Let at least so many milliseconds pass."""
        self.pass_seconds(ms / 1000)

    def ticks(self) -> int:
        """Return a monotonic time in ns, for a cache on the backend."""
        return time.monotonic_ns() + self._moved_ns

    def wall_ns(self) -> int:
        """Return the time since 1970 in ns, for a cache on the backend."""
        return time.time_ns() + self._moved_ns


class CacheBase:
    """The fixtures of the contracts of caches. An author's subclass overrides the first three.

    Attributes:
        capabilities: ``shared``, if several backends can keep one state; ``publishes``, if the
            backend has ``subscribe``.
        ttl_resolution_seconds: How much earlier than its ttl says a value may be gone.
        message_seconds: How long a message may be on its way, if messages of several servers may
            overtake each other.
        limit_seconds: How long to wait for something that must happen.
    """

    capabilities: ClassVar[Collection[str]] = frozenset()
    ttl_resolution_seconds: ClassVar[float] = 0.0
    message_seconds: ClassVar[float] = 0.0
    limit_seconds: ClassVar[float] = LIMIT_SECONDS

    @pytest.fixture
    def cache(self) -> CacheBackend:
        """The backend under test, new and empty; the author defines it, the contract closes it."""
        missing("`cache`, which returns a new, empty cache backend")

    @pytest.fixture
    def cache_again(self) -> CacheBackend:
        """With the capability ``shared``: another backend on the state of ``cache``.

        It has connections and locks of its own, as in another process. The contract closes it.
        """
        missing("`cache_again`, which returns another backend on the state of `cache`")

    @pytest.fixture
    def advance(self) -> Callable[[int], object] | None:
        """A function that moves the backend's clock by so many ns; None if it is real time.

        With it the contract tests exact instants. An author whose backend takes a clock gives it.
        """
        return None

    @pytest.fixture
    def clock(self, advance: Callable[[int], object] | None) -> CacheClock:
        """The backend's clock."""
        return CacheClock(advance)

    @pytest.fixture
    def other(self, request: pytest.FixtureRequest, cache: CacheBackend) -> Iterator[CacheBackend]:
        """The second backend, in cases that need ``shared``."""
        del cache  # it is opened first
        self.skip_unless("shared")
        backend: CacheBackend = request.getfixturevalue("cache_again")
        yield backend
        backend.close()

    @pytest.fixture(autouse=True)
    def _closing(self, cache: CacheBackend) -> Iterator[None]:
        yield
        cache.close()

    @property
    def short_ms(self) -> int:
        """A ttl to wait for in real time; for its first 0.2 s a value has to be there."""
        return round((_SHORT_SECONDS + self.ttl_resolution_seconds) * 1000)

    def wait_until(self, condition: Callable[[], bool]) -> None:
        """Wait until a condition is true.

        Raises:
            TimeoutError: If it takes too long.
        """
        end = time.monotonic() + self.limit_seconds
        while not condition():
            if time.monotonic() > end:
                raise TimeoutError
            time.sleep(0.001)

    def skip_if_late(self, clock: CacheClock, began: float) -> None:
        """Skip a test in real time if the machine is so busy that a short ttl may be over."""
        if not clock.moves and time.monotonic() - began > _SHORT_SECONDS * 0.9:
            pytest.skip("this machine is too busy for a ttl of 0.2 s")

    def skip_unless(self, capability: str) -> None:
        """Skip a test of a capability that the class does not declare."""
        if capability not in self.capabilities:
            pytest.skip(f"the class does not declare {capability!r}")


def item(name: str, value: bytes = b"value", ttl_ms: int = HOUR_MS) -> Item:
    """Return an item, which is there for the whole test unless a ttl is given."""
    return Item(name, value, ttl_ms)


def read(cache: CacheBackend, *names: str) -> Any:
    """Return the value of a name, or the list of those of several names, in calls of up to 100."""
    found: list[bytes | None] = []
    for at in range(0, len(names), 100):
        part: Sequence[str] = names[at : at + 100]
        found += cache.get_many(part)
    return found if len(names) > 1 else found[0]
