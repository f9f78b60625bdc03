"""Flags without a kit: from a file, a URL or a document."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from habitkit._fork import call_after_fork
from habitkit.clock import ticks
from habitkit.flags.evaluator import Evaluator
from habitkit.flags.refreshing import refresh_from
from habitkit.flags.settings import expect_source
from habitkit.workflow import Outside, drive, drive_async

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self

    from habitkit.clock import Clock
    from habitkit.flags.sources import AsyncSource, Source
    from habitkit.workflow import Steps

__all__ = ["AsyncFlags", "Flags"]


class _Alone(Evaluator):
    """What both have in common."""

    def __init__(
        self,
        source: Source | AsyncSource,
        *,
        clock: Clock | None = None,
        max_age_seconds: float | None = 60.0,
    ) -> None:
        """Keep the source; nothing is read yet.

        Args:
            source: ``FileSource(path)``, ``HttpSource(url)``, ``StaticSource(document)``, or your
                own. It is closed with this.
            clock: Gives the time for schedules; the machine's by default.
            max_age_seconds: After how many seconds without a successful refresh the reason of a
                result is ``STALE``; None for never.

        Raises:
            ConfigurationError: If the source is none.
        """
        expect_source(source)
        super().__init__(
            source.name,
            clock=clock,
            max_age_seconds=max_age_seconds,
            clock_ns=getattr(clock, "ticks", ticks),  # a clock of tests has its own
        )
        self._from = source
        call_after_fork(self)

    def close(self) -> None:
        """Close the source. What is in use stays in use."""
        self._from.close()

    def _steps(self) -> Steps[None]:
        return refresh_from(self, lambda known: Outside(self._from.fetch, (known,)))


class Flags(_Alone):
    """Flags without a kit.

    Example:
        >>> from habitkit.flags import Flags, StaticSource
        >>> on_off = {"variants": {"on": True, "off": False}, "defaultVariant": "on"}
        >>> document = {"flags": {"quests": {"state": "ENABLED", **on_off}}}
        >>> with Flags(StaticSource(document)) as flags:
        ...     flags.boolean("quests", False)
        True
    """

    def refresh(self) -> None:
        """Look whether the source has new definitions, and use them.

        Raises:
            SourceUnavailable: If the source cannot be read; what is in use stays in use.
            FlagDefinitionError: If what it has is at fault.
        """
        nobody: Any = None
        drive(self._steps(), nobody)

    def __enter__(self) -> Self:
        """Refresh for the first time."""
        self.refresh()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close."""
        self.close()


class AsyncFlags(_Alone):
    """The same for an async host: evaluating is a plain call, refreshing is awaited."""

    async def refresh(self) -> None:
        """Look whether the source has new definitions, and use them; errors as for ``Flags``."""
        nobody: Any = None
        await drive_async(self._steps(), nobody)

    async def __aenter__(self) -> Self:
        """Refresh for the first time."""
        await self.refresh()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close."""
        self.close()
