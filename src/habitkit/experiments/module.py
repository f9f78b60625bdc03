"""The description of the experiments module."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from habitkit.experiments.events import ExperimentChanged
from habitkit.experiments.settings import ExperimentSettings
from habitkit.experiments.store import EXPERIMENTS
from habitkit.module import Module

if TYPE_CHECKING:
    from collections.abc import Mapping

    from habitkit.options import KitSettings
    from habitkit.residents import Resident
    from habitkit.transaction import Transaction

__all__ = ["MODULE"]


class _Experiments(Module):
    name = "experiments"
    ports = (EXPERIMENTS,)
    events = (ExperimentChanged,)
    settings = ExperimentSettings

    def resident(self, settings: KitSettings) -> Resident:
        from habitkit.experiments.exposure_buffer import ExposureBuffer  # noqa: PLC0415

        return ExposureBuffer(settings)

    def forget(self, tx: Transaction, owner: str) -> int:
        from habitkit.experiments.erasure import forget  # noqa: PLC0415 - only where it is used

        return forget(tx, owner)

    def export(self, tx: Transaction, owner: str) -> Mapping[str, Any]:
        from habitkit.experiments.erasure import export_fields  # noqa: PLC0415

        return export_fields(tx, owner)


MODULE = _Experiments()
