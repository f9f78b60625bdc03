"""Exposures: evaluations of flags that belong to an experiment or a holdout."""

from __future__ import annotations

from copy import deepcopy
from typing import TYPE_CHECKING, Any

from attrs import evolve

from habitkit.flags.domain.resolution import Reason

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import TypeAlias

    from habitkit.flags.domain.flag_set import FlagSet
    from habitkit.flags.domain.resolution import Resolution

    ExposureHook: TypeAlias = Callable[[str, Resolution, Mapping[str, Any]], object]

__all__ = ["exposed_flags", "is_exposure", "with_copies"]


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
