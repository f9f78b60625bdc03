"""Test helpers for hosts and backend authors: a kit in memory, a fake clock, the contracts."""

from __future__ import annotations

from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from habitkit.backends.memory import MemoryLimits, MemoryStore
from habitkit.cache import Cache
from habitkit.clock import instant
from habitkit.kit import HabitKit
from habitkit.limits import Limiter
from habitkit.testing.cache_server import FakeCacheServer
from habitkit.testing.mirror import MirrorStore

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Unpack

    from habitkit.metrics import Metrics
    from habitkit.modules import KitOptions
    from habitkit.store import Store

__all__ = ["FakeCacheServer", "FakeClock", "MirrorStore", "TestKit", "flags", "kit"]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class FakeClock:
    """A clock that only moves when a test moves it."""

    def __init__(self, now: datetime | str = "2026-01-01T08:00Z") -> None:
        """Set the clock.

        Args:
            now: An aware datetime, or one in ISO 8601 with a zone.

        Raises:
            InvalidInstant: If the instant has no zone.
        """
        self._now = instant(datetime.fromisoformat(now) if isinstance(now, str) else now, "now")

    def now(self) -> datetime:
        """Return the clock's current instant, in UTC."""
        return self._now

    def ticks(self) -> int:
        """Return the nanoseconds since 1970: what the clock shows, for what counts in ticks."""
        return (self._now - _EPOCH) // timedelta(microseconds=1) * 1000

    def advance(
        self, *, days: float = 0, hours: float = 0, minutes: float = 0, seconds: float = 0
    ) -> None:
        """Move the clock by an amount of time; negative amounts move it back."""
        self._now += timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds)

    def sleep(self, seconds: float) -> None:
        """Move the clock instead of sleeping, for what waits by a ``sleep`` that it is given."""
        self.advance(seconds=seconds)

    def set(self, now: datetime | str) -> None:
        """Set the clock; the argument as for the constructor."""
        self._now = FakeClock(now).now().astimezone(UTC)


class TestKit(HabitKit):
    """A kit with a fake clock."""

    __test__ = False  # its name is no invitation to pytest
    clock: FakeClock


def kit(
    now: datetime | str = "2026-01-01T08:00Z",
    *,
    store: Store | None = None,
    limits: Limiter | None = None,
    cache: Cache | None = None,
    metrics: Metrics | bool | None = None,
    **options: Unpack[KitOptions],
) -> TestKit:
    """Return a kit for a test: in memory, with a fake clock, ``kit.clock``.

    Args:
        now: The instant at which its clock starts.
        store: Another store than a new one in memory.
        limits: Another limiter than a new one in memory that goes by the kit's clock.
        cache: Another cache than a new one in memory that goes by the kit's clock.
        metrics: As for ``HabitKit``. Metrics that are made here go by the kit's clock, and raise
            where something cannot be recorded.
        options: As for ``HabitKit``.

    Example:
        >>> import habitkit.testing
        >>> from habitkit import Schedule
        >>> kit = habitkit.testing.kit(now="2026-01-01T08:00Z")
        >>> run = kit.habits.create("ada", "Run", Schedule.daily())
        >>> for _ in range(7):
        ...     done = kit.habits.check_in(run.id)
        ...     kit.clock.advance(days=1)
        >>> kit.coins.balance("ada").available
        120
    """
    clock = FakeClock(now)
    options.setdefault("clock", clock)
    if limits is None:
        limits = Limiter(MemoryLimits(ticks=clock.ticks), ticks=clock.ticks, sleep=clock.sleep)
    if cache is None:
        cache = Cache(ticks=clock.ticks, wall_ns=clock.ticks, sleep=clock.sleep)
    store = MemoryStore() if store is None else store
    made = TestKit(store, limits=limits, cache=cache, metrics=metrics, **options)
    made.clock = clock
    of_metrics = {"strict": True, "ticks": clock.ticks, "wall_ns": clock.ticks}
    made._runner.settings.kit_metrics.options.update(of_metrics)  # noqa: SLF001 - its own kit
    return made


@contextmanager
def flags(overrides: Mapping[str, Any]) -> Iterator[None]:
    """Give flags values inside a ``with`` block, in all kits, whatever their definitions are.

    The values are seen by the code of the block and by what it starts: tasks, and threads that run
    in a copy of its context. Other threads do not see them. An inner block wins over an outer one.
    A result has the variant ``override`` and the reason ``STATIC``, or ``TYPE_MISMATCH`` if the
    caller's default is of another kind than the value.

    Args:
        overrides: A value for each flag: a bool, str, int, float, dict or list.

    Raises:
        InvalidInput: If a value is of another type.

    Example:
        >>> import habitkit.testing
        >>> kit = habitkit.testing.kit()
        >>> with habitkit.testing.flags({"quests": True}):
        ...     kit.flags.boolean("quests", False)
        True
    """
    from habitkit.flags.overrides import overrides as ours  # noqa: PLC0415 - only if it is used

    with ours.use(overrides):
        yield
