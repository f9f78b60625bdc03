"""The base class of the cases of limits backends: the fixtures of the author, and a clock."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, ClassVar

import pytest

from habitkit.limits import Limit, Limiter
from habitkit.testing.contracts._base import missing

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator

    from habitkit.limits.port import LimitsBackend

__all__ = ["HOUR_NS", "NS", "BackendClock", "LimiterBase", "allowed", "hourly"]

NS = 1_000_000_000
HOUR_NS = 3600 * NS

_SLACK_SECONDS = 30.0
_MARGIN_SECONDS = 0.002


class BackendClock:
    """The clock of the backend under test.

    Attributes:
        moves: Whether the test moves it; if not, it is real time.
    """

    def __init__(self, advance: Callable[[int], object] | None) -> None:
        """Keep how to move it."""
        self.moves = advance is not None
        self._advance = advance

    def skip_unless_moves(self) -> None:
        """Skip a test of exact instants if the clock is real time."""
        if not self.moves:
            pytest.skip("the class gives no `advance`")

    def advance(self, nanoseconds: int) -> None:
        """Move it; only if it ``moves``."""
        assert self._advance is not None  # noqa: S101 - a test that gets here has not skipped
        self._advance(nanoseconds)

    def pass_seconds(self, seconds: float) -> None:
        """Let at least so much time pass: move the clock, or sleep."""
        if self.moves:
            self.advance(round(seconds * NS))
        else:
            time.sleep(seconds + _MARGIN_SECONDS)

    def about(self, seconds: float) -> object:
        """Return what equals a duration: exactly if the clock moves, else within 30 s.

        Where it is used the budgets take hours to refill.
        """
        return pytest.approx(seconds, abs=1e-6 if self.moves else _SLACK_SECONDS)


class LimiterBase:
    """The fixtures of the contracts of limits. An author's subclass overrides the first three.

    Attributes:
        capabilities: ``shared``, if several backends can keep one state.
    """

    capabilities: ClassVar[Collection[str]] = frozenset()

    @pytest.fixture
    def limits(self) -> LimitsBackend:
        """The backend under test, new and empty; the author defines it, the contract closes it."""
        missing("`limits`, which returns a new, empty limits backend")

    @pytest.fixture
    def limits_again(self) -> LimitsBackend:
        """With the capability ``shared``: another backend on the state of ``limits``.

        It has connections and locks of its own, as in another process. The contract closes it.
        """
        missing("`limits_again`, which returns another backend on the state of `limits`")

    @pytest.fixture
    def advance(self) -> Callable[[int], object] | None:
        """A function that moves the backend's clock by so many ns; None if it is real time.

        With it the contract tests exact instants. An author whose backend takes a clock gives it.
        """
        return None

    @pytest.fixture
    def clock(self, advance: Callable[[int], object] | None) -> BackendClock:
        """The backend's clock."""
        return BackendClock(advance)

    @pytest.fixture
    def limiter(self, limits: LimitsBackend) -> Limiter:
        """A limiter on the backend, which asks it each time."""
        return Limiter(limits, cache_denials=False)

    @pytest.fixture(autouse=True)
    def _closing(self, limits: LimitsBackend) -> Iterator[None]:
        yield
        limits.close()

    def skip_unless_exact(self, limits: LimitsBackend) -> None:
        """Skip a test of exact limits or leases if the backend does not support them."""
        if not limits.supports_exact:
            pytest.skip("the backend does not support exact limits")

    def skip_unless(self, capability: str) -> None:
        """Skip a test of a capability that the class does not declare."""
        if capability not in self.capabilities:
            pytest.skip(f"the class does not declare {capability!r}")


def hourly(burst: int, name: str | None = None) -> Limit:
    """Return a limit of 1 an hour; none of its budget comes back during a test in real time."""
    return Limit(1, "h", burst, name)


def allowed(calls: int, call: Callable[[], object]) -> int:
    """Make so many calls and return how many were allowed."""
    return sum(bool(call()) for _ in range(calls))
