"""What a store computes of the units of an experiment: a number of each, and their moments."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from attrs import frozen

from habitkit.experiments.domain.stats.moments import Bivariate

__all__ = ["CellMoments", "GroupMoments", "Measure", "MomentsQuery"]


@frozen
class Measure:
    """A number of one unit, from its net events of one type in a window around its exposure.

    An event is in the window if it was done in ``[exposure + start, exposure + end)``, and at the
    ``as_of`` of the query or before. An event with a key counts if it is the last of its key: those
    that were retracted or replaced do not.

    Attributes:
        event: The type of the events.
        kind: ``any`` is 1 if there is one and else 0, ``count`` is how many there are, ``sum`` is
            the sum of a field, 0 without events.
        field: The field that is summed; values that are no JSON numbers are left out, and those
            beyond 1e100 count as that.
        start_seconds: Where the window begins, from the exposure; negative before it.
        end_seconds: Where it ends, from the exposure; None if it is open.
        cap: A larger number counts as this one; None for no limit.
        by_done_at: Whether the events say when they were done in the field ``done_at``; where it
            has no instant, as ``isoformat`` writes it with an offset, and for all other events,
            their ``at`` counts.
    """

    event: str
    kind: Literal["any", "count", "sum"]
    field: str | None = None
    start_seconds: int = 0
    end_seconds: int | None = None
    cap: float | None = None
    by_done_at: bool = False


@frozen
class MomentsQuery:
    """Which units of an experiment are measured, and how.

    Only units that have seen one variant alone, at ``as_of`` or before, take part.

    Attributes:
        experiment: The experiment.
        as_of: The instant of the analysis.
        x: The measure.
        y: A second one: a covariate, or the denominator of a ratio; None for 0 of each unit.
        matures_seconds: A unit takes part if its exposure is at least this long before ``as_of``.
    """

    experiment: str
    as_of: datetime
    x: Measure
    y: Measure | None = None
    matures_seconds: int = 0


@frozen
class GroupMoments:
    """What was measured of the units of one variant and version.

    Attributes:
        variant: The variant that they have seen.
        version: The version of the weights by which they were assigned.
        moments: The moments of the pairs of measures.
        immature: How many units were left out, as their exposure was too recent; if all were, the
            moments are of none.
        not_numbers: How many events of the units that take part, and in a window, were left out, as
            a field that is summed is missing or holds no number.
    """

    variant: str
    version: int
    moments: Bivariate
    immature: int = 0
    not_numbers: int = 0


@frozen
class CellMoments:
    """What was measured of the units that saw one variant of each of two experiments.

    Attributes:
        variant: Their variant of the experiment of the query.
        other: Their variant of the other experiment.
        moments: The moments of the pairs of measures.
    """

    variant: str
    other: str
    moments: Bivariate
