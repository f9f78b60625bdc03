"""Exposures of this process that wait to be stored.

An evaluation of a flag does no I/O: its exposure goes into a bounded buffer, which a refresh of the
kit stores in batches, and so do a report and the end of the kit. What does not fit is dropped and
counted.
"""

from __future__ import annotations

import logging
import threading
from itertools import islice
from typing import TYPE_CHECKING

from attrs import frozen

from habitkit._text import storable
from habitkit.experiments.domain.exposures import Exposure
from habitkit.experiments.settings import ExperimentSettings
from habitkit.experiments.store import EXPERIMENTS
from habitkit.journal.domain.rules import reason
from habitkit.workflow import Call

if TYPE_CHECKING:
    from collections.abc import Sequence

    from habitkit.flags.domain.resolution import Resolution
    from habitkit.options import KitSettings
    from habitkit.transaction import Transaction
    from habitkit.workflow import Steps

__all__ = ["ExposureBuffer", "ExposureStatus"]

_AT_ONCE = 1_000
_MOST_KNOWN = 200_000
_LONGEST_UNIT = 200
_log = logging.getLogger("habitkit")


@frozen
class ExposureStatus:
    """The state of the exposures of this process.

    Attributes:
        waiting: How many wait to be stored.
        dropped: How many were not kept: too many waited, or no store could keep their unit.
        last_error: Why the last attempt to store them failed; None if it did not.
    """

    waiting: int
    dropped: int
    last_error: str | None


class ExposureBuffer:
    """Keeps the first exposure of each experiment, unit and variant until it is stored.

    Args:
        settings: The kit's settings.
    """

    def __init__(self, settings: KitSettings) -> None:
        """Begin empty."""
        own = settings.of(ExperimentSettings)
        self.refresh_seconds = own.flush_seconds
        self._most = own.most_waiting
        self._clock = settings.clock
        self._lock = threading.Lock()
        self._waiting: dict[tuple[str, str, str], Exposure] = {}
        self._known: dict[tuple[str, str, str], None] = {}  # were kept before; the oldest first
        self._dropped = 0
        self._last_error: str | None = None

    def record(self, flag_key: str, resolution: Resolution, unit: str) -> None:  # noqa: ARG002
        """Keep the exposure of an evaluation that an experiment has decided.

        Who is held out is in no experiment, and is not kept.

        Args:
            flag_key: The flag.
            resolution: Its result.
            unit: The targeting key.
        """
        metadata, variant = resolution.metadata, resolution.variant
        experiment = metadata.get("experiment")
        if experiment is None or variant is None or (experiment, unit, variant) in self._known:
            return
        if len(unit) > _LONGEST_UNIT or not storable(unit):
            self._dropped += 1
            return
        version, propensity = metadata["experimentVersion"], metadata["propensity"]
        self.add(Exposure(experiment, unit, variant, version, propensity, self._clock.now()))

    def add(self, exposure: Exposure) -> None:
        """Keep an exposure, unless there is an earlier one, or too many wait."""
        key = (exposure.experiment, exposure.unit, exposure.variant)
        with self._lock:
            if key in self._known:
                return
            if len(self._waiting) >= self._most:
                self._dropped += 1
                return
            self._waiting[key] = exposure
            self._known[key] = None
            if len(self._known) > _MOST_KNOWN:
                del self._known[next(iter(self._known))]

    def versions_of(self, tx: Transaction, unit: str) -> dict[str, int]:
        """Return the version under which a unit was exposed to each experiment, stored or not."""
        with self._lock:
            waiting = [it for it in self._waiting.values() if it.unit == unit]
        found = [*tx.port(EXPERIMENTS).exposures(unit), *waiting]
        found.sort(key=lambda it: it.at, reverse=True)
        return {it.experiment: it.version for it in found}

    def forget(self, unit: str) -> None:
        """Let go of the exposures of one unit."""
        with self._lock:
            self._waiting = {key: it for key, it in self._waiting.items() if it.unit != unit}
            self._known = {key: None for key in self._known if key[1] != unit}

    def status(self) -> ExposureStatus:
        """Return how many exposures wait, how many were dropped, and the last error."""
        return ExposureStatus(len(self._waiting), self._dropped, self._last_error)

    def flush(self) -> Steps[None]:
        """Store what waits, in batches."""
        while True:
            with self._lock:
                batch = list(islice(self._waiting.values(), _AT_ONCE))
            if not batch:
                return
            try:
                yield Call(_expose, (batch,))
            except Exception as error:
                self._last_error = reason(error)
                raise
            self._last_error = None
            with self._lock:
                for it in batch:
                    self._waiting.pop((it.experiment, it.unit, it.variant), None)

    def refresh(self, settings: KitSettings) -> Steps[None]:  # noqa: ARG002 - as for all residents
        """Store what waits."""
        yield from self.flush()

    def finish(self, settings: KitSettings) -> Steps[None]:  # noqa: ARG002
        """Store what waits before the kit is closed."""
        yield from self.flush()

    def close(self) -> None:
        """Do nothing: ``finish`` has stored what waited."""

    def after_fork(self) -> None:
        """Take a lock that no other thread holds; what waits is the parent's to store."""
        self._lock = threading.Lock()
        self._waiting = {}


def _expose(tx: Transaction, exposures: Sequence[Exposure]) -> None:
    tx.port(EXPERIMENTS).expose(exposures)
