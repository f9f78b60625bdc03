"""Exposures: evaluations of flags that belong to an experiment or a holdout.

Hooks are told of the evaluations of all flags that name one. The sink is told of those alone about
which an experiment, or a holdout, has decided.
"""

from __future__ import annotations

from copy import deepcopy
from typing import TYPE_CHECKING, Any, Protocol

from attrs import evolve

from habitkit.flags.domain.resolution import Reason

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import TypeAlias

    from habitkit.flags.domain.evaluation import Exposed
    from habitkit.flags.domain.flag_set import FlagSet
    from habitkit.flags.domain.resolution import Resolution
    from habitkit.transaction import Transaction

    ExposureHook: TypeAlias = Callable[[str, Resolution, Mapping[str, Any]], object]

__all__ = ["ExposureSink", "exposed_flags", "is_exposure", "with_copies"]


class ExposureSink(Protocol):
    """Keeps exposures, and knows what units were exposed to."""

    def record(self, flag_key: str, resolution: Resolution, unit: str) -> None:
        """Keep an exposure, without I/O and without waiting for any.

        Args:
            flag_key: The flag.
            resolution: Its result. The metadata say who decided: ``experiment``, with
                ``experimentVersion`` and ``propensity``, or ``holdout``, the name of one.
            unit: The targeting key.
        """
        ...

    def exposed(self, tx: Transaction, unit: str) -> Mapping[str, Exposed]:
        """Return what a unit was exposed to first, by experiment.

        Exposures that wait to be stored count as well.
        """
        ...


def exposed_flags(flags: FlagSet) -> frozenset[str]:
    """Return the flags whose evaluations may be exposures."""
    options = {key: flag.definition.options for key, flag in flags.flags.items()}
    return frozenset(
        key for key, it in options.items() if it.experiment is not None or it.holdout is not None
    )


def is_exposure(resolution: Resolution) -> bool:
    """Tell whether a result of such a flag shows its value, and not that something prevented it."""
    return resolution.reason not in {Reason.DISABLED, Reason.ERROR}


def with_copies(hook: ExposureHook) -> ExposureHook:
    """Return the same hook, which now gets results that it may change."""

    def call(key: str, resolution: Resolution, context: Mapping[str, Any]) -> None:
        if isinstance(resolution.value, dict | list):
            resolution = evolve(resolution, value=deepcopy(resolution.value))
        hook(key, resolution, context)

    return call
