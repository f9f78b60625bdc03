"""What the series of one ``Metrics`` share while they are recorded."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from habitkit.metrics.domain.series import Labels
    from habitkit.metrics.domain.tiers import SeriesTier
    from habitkit.metrics.errors import InvalidMetric

__all__ = ["MOST_PENDING", "Recorder"]

MOST_PENDING = 512


class Recorder:
    """What the records of one ``Metrics`` share.

    Attributes:
        tiers: The tiers of the store.
        step: The length of a slot in seconds.
        most_pending: At how many entries a list is folded.
        now_ns: The wall clock, in nanoseconds since 1970.
        drop: Is called with the metric, the reason and the error for what is not recorded; a strict
            one raises the error.
        folded: Is called with the metric, the attributes and those that they were replaced by.
        exports: Whether exporters want to know what was recorded since the last flush.
    """

    def __init__(
        self,
        tiers: Sequence[SeriesTier],
        now_ns: Callable[[], int],
        drop: Callable[[str, str, InvalidMetric], None],
        folded: Callable[[str, Labels, Labels], None],
        *,
        strict: bool,
        exports: bool = False,
    ) -> None:
        """Keep them; a strict one folds each entry at once, so that the call raises."""
        self.tiers = tiers
        self.step = tiers[0].step_seconds
        self.now_ns = now_ns
        self.drop = drop
        self.folded = folded
        self.exports = exports
        self.most_pending = 1 if strict else MOST_PENDING
