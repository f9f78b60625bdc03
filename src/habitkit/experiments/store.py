"""The port of experiments: exposures, and what was measured of those who were exposed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from habitkit.store import Port

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from habitkit.experiments.domain.exposures import Exposure, ExposureCounts, Overlap
    from habitkit.experiments.domain.measures import CellMoments, GroupMoments, MomentsQuery

__all__ = ["EXPERIMENTS", "ExperimentStore"]


class ExperimentStore(Protocol):
    """Exposures, one of each experiment, unit and variant; and statistics of the exposed units.

    Statistics go to the host as moments, never as rows. All backends return equal ones, but for
    the rounding of floats.
    """

    def expose(self, exposures: Sequence[Exposure]) -> None:
        """Store exposures; of one experiment, unit and variant the one with the least ``at`` stays.

        Of several with the same ``at`` the one that is stored stays, or the first given.
        """
        ...

    def exposures(self, unit: str) -> list[Exposure]:
        """Return the exposures of a unit, in the order of experiment and variant."""
        ...

    def forget(self, unit: str) -> int:
        """Delete the exposures of a unit; return how many there were."""
        ...

    def counts(self, experiment: str, as_of: datetime) -> ExposureCounts:
        """Count the units that were exposed to an experiment at an instant or before.

        The version of a unit is that of its exposure. The arms are in the order of variant and
        version.
        """
        ...

    def moments(self, query: MomentsQuery) -> list[GroupMoments]:
        """Measure the exposed units, in the order of variant and version.

        A group without units is missing.
        """
        ...

    def order_statistics(
        self, query: MomentsQuery, ranks: Mapping[str, Sequence[int]]
    ) -> dict[str, list[float]]:
        """Return the values of the first measure at ranks, by variant.

        Args:
            query: As for ``moments``; its second measure is not used.
            ranks: For each variant ranks from 1, the smallest value, up to the number of its units.
        """
        ...

    def overlaps(self, as_of: datetime) -> list[Overlap]:
        """Count the units of each pair of experiments, exposed at an instant or before; sorted."""
        ...

    def cells(self, query: MomentsQuery, other: str) -> list[CellMoments]:
        """Measure the units of an experiment that were exposed to another one too.

        Only units that have seen one variant alone of each, at ``as_of`` or before, take part. The
        windows of the measures begin at the exposure to the experiment of the query.

        Returns:
            The moments of each pair of variants that has units, in their order.
        """
        ...


EXPERIMENTS: Port[ExperimentStore] = Port("experiments")
