"""Exposures of this process that wait to be stored.

An evaluation of a flag does no I/O: its exposure goes into a bounded buffer, which a refresh of the
kit stores in batches, and so do a report and the end of the kit. What does not fit is dropped and
counted.
"""

from __future__ import annotations

import threading
from itertools import chain, islice
from typing import TYPE_CHECKING

from attrs import frozen

from habitkit._text import storable
from habitkit.experiments.domain.exposures import Exposure
from habitkit.experiments.settings import ExperimentSettings
from habitkit.experiments.store import EXPERIMENTS
from habitkit.flags.domain.evaluation import Exposed
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
_MOST_KNOWN = 100_000  # of one generation; there are two
_LONGEST_UNIT = 200


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
        self._waiting: dict[str, list[Exposure]] = {}  # by unit
        self._count = 0
        self._known: set[tuple[str, str, str]] = set()  # were kept before
        self._known_longer: set[tuple[str, str, str]] = set()
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
        if experiment is None or variant is None or self._knows((experiment, unit, variant)):
            return
        if len(unit) > _LONGEST_UNIT or not storable(unit):
            with self._lock:
                self._dropped += 1
            return
        version, propensity = metadata["experimentVersion"], metadata["propensity"]
        self.add(Exposure(experiment, unit, variant, version, propensity, self._clock.now()))

    def add(self, exposure: Exposure) -> None:
        """Keep an exposure, unless there is an earlier one, or too many wait."""
        key = (exposure.experiment, exposure.unit, exposure.variant)
        with self._lock:
            if self._knows(key):
                return
            if self._count >= self._most:
                self._dropped += 1
                return
            self._waiting.setdefault(exposure.unit, []).append(exposure)
            self._count += 1
            if len(self._known) >= _MOST_KNOWN:
                self._known, self._known_longer = set(), self._known
            self._known.add(key)

    def _knows(self, key: tuple[str, str, str]) -> bool:
        return key in self._known or key in self._known_longer

    def exposed(self, tx: Transaction, unit: str) -> dict[str, Exposed]:
        """Return what a unit was exposed to first, by experiment, stored or not.

        Of several variants at one instant it is the first by name, whether they are stored or not.
        """
        with self._lock:
            waiting = list(self._waiting.get(unit, ()))
        found = [*tx.port(EXPERIMENTS).exposures(unit), *waiting]
        found.sort(key=lambda it: (it.at, it.variant))
        return {it.experiment: Exposed(it.version, it.variant) for it in reversed(found)}

    def forget(self, unit: str) -> None:
        """Let go of the exposures of one unit."""
        with self._lock:
            self._count -= len(self._waiting.pop(unit, ()))
            self._known = {key for key in self._known if key[1] != unit}
            self._known_longer = {key for key in self._known_longer if key[1] != unit}

    def status(self) -> ExposureStatus:
        """Return how many exposures wait, how many were dropped, and the last error."""
        return ExposureStatus(self._count, self._dropped, self._last_error)

    def flush(self) -> Steps[None]:
        """Store what waits, in batches."""
        while True:
            with self._lock:
                batch = list(islice(chain.from_iterable(self._waiting.values()), _AT_ONCE))
            if not batch:
                return
            try:
                yield Call(self._expose, (batch,))
            except Exception as error:
                self._last_error = reason(error)
                raise
            self._last_error = None
            with self._lock:
                for it in batch:
                    self._let_go(it)

    def _expose(self, tx: Transaction, exposures: Sequence[Exposure]) -> None:
        """Store exposures, but for those of units that were forgotten in the meantime."""
        with self._lock:
            left = [it for it in exposures if it in self._waiting.get(it.unit, ())]
        if left:
            tx.port(EXPERIMENTS).expose(left)

    def _let_go(self, stored: Exposure) -> None:
        """Let go of one that is stored, unless another thread has done so."""
        waiting = self._waiting.get(stored.unit, [])
        left = [it for it in waiting if it is not stored]
        self._count -= len(waiting) - len(left)
        if left:
            self._waiting[stored.unit] = left
        else:
            self._waiting.pop(stored.unit, None)

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
        self._waiting, self._count = {}, 0
