"""Sample exposures and events of experiments, and how the cases call the port."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from attrs import astuple, evolve, frozen

from habitkit.events import Event, Recorded, Retracted
from habitkit.experiments.domain.exposures import Exposure
from habitkit.experiments.domain.measures import Measure, MomentsQuery
from habitkit.experiments.domain.stats.moments import Bivariate
from habitkit.experiments.store import EXPERIMENTS
from habitkit.journal.domain.model import EventRow
from habitkit.testing.contracts._base import read, write
from habitkit.testing.contracts._sample_facts import NOW

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from habitkit.experiments.domain.exposures import ExposureCounts, Overlap
    from habitkit.experiments.domain.measures import CellMoments, GroupMoments
    from habitkit.store import Store, Stores

__all__ = [
    "AMOUNT",
    "DAY",
    "LATER",
    "QUERY",
    "TICK",
    "Bought",
    "bought",
    "cells",
    "counts",
    "expose",
    "exposed",
    "exposures",
    "groups",
    "log",
    "measured",
    "moments",
    "overlaps",
    "ranked",
    "recorded",
    "returned",
    "same_moments",
]

DAY = timedelta(days=1)
TICK = timedelta(microseconds=1)
LATER = NOW + 30 * DAY
"""After all that the samples have seen and done."""

AMOUNT = Measure("Bought", "sum", "amount")
QUERY = MomentsQuery("new-shop", LATER, AMOUNT)


@frozen
class Bought(Event):
    """An event of a host; with an order it is a derived one."""

    order: str | None
    amount: Any = 1
    done_at: datetime | None = None

    @property
    def key(self) -> str | None:
        """The order."""
        return self.order


def exposed(
    unit: str,
    variant: str = "a",
    *,
    experiment: str = "new-shop",
    version: int = 1,
    propensity: float = 0.5,
    at: datetime = NOW,
) -> Exposure:
    """Return an exposure."""
    return Exposure(experiment, unit, variant, version, propensity, at)


def bought(
    owner: str,
    amount: Any = 1,
    *,
    at: datetime = NOW,
    order: str | None = None,
    done_at: datetime | None = None,
) -> Event:
    """Return an event of a field that may be summed."""
    return Bought(owner, at, order, amount, done_at)


def recorded(owner: str, fields: Mapping[str, Any], *, at: datetime = NOW) -> Event:
    """Return an event of the same type with any fields."""
    return Recorded(owner, at, "Bought", fields)


def returned(owner: str, order: str, *, sealed: bool = False) -> Event:
    """Return the end of a derived event."""
    return Retracted(owner, NOW, "Bought", order, sealed)


def log(store: Store, *events: Event) -> None:
    """Add events, each in a revision of its owner's, in their order."""

    def work(stores: Stores) -> None:
        for event in events:
            rev = stores.owners.lock([event.owner])[event.owner].rev
            stores.events.append([EventRow(rev, 0, event, deliver=False)])

    write(store, work)


def expose(store: Store, *given: Exposure) -> None:
    """Store exposures."""
    write(store, lambda stores: stores.port(EXPERIMENTS).expose(given))


def exposures(store: Store, unit: str) -> list[Exposure]:
    """Return the exposures of a unit."""
    return read(store, lambda stores: stores.port(EXPERIMENTS).exposures(unit))


def counts(store: Store, as_of: datetime = LATER, experiment: str = "new-shop") -> ExposureCounts:
    """Count the exposed units."""
    return read(store, lambda stores: stores.port(EXPERIMENTS).counts(experiment, as_of))


def moments(store: Store, query: MomentsQuery = QUERY) -> list[GroupMoments]:
    """Measure the exposed units."""
    return read(store, lambda stores: stores.port(EXPERIMENTS).moments(query))


def cells(store: Store, other: str, query: MomentsQuery = QUERY) -> list[CellMoments]:
    """Measure the units that were exposed to another experiment too."""
    return read(store, lambda stores: stores.port(EXPERIMENTS).cells(query, other))


def overlaps(store: Store, as_of: datetime = LATER) -> list[Overlap]:
    """Count the units of each pair of experiments."""
    return read(store, lambda stores: stores.port(EXPERIMENTS).overlaps(as_of))


def ranked(
    store: Store, ranks: Mapping[str, Sequence[int]], query: MomentsQuery = QUERY
) -> dict[str, list[float]]:
    """Return the values at ranks."""
    return read(store, lambda stores: stores.port(EXPERIMENTS).order_statistics(query, ranks))


def groups(store: Store, query: MomentsQuery = QUERY) -> list[tuple[str, int]]:
    """Return the variants and versions of the groups."""
    return [(group.variant, group.version) for group in moments(store, query)]


def measured(store: Store, measure: Measure, **changes: Any) -> float:
    """Return the sum of a measure over the units of the one group there is."""
    (group,) = moments(store, evolve(QUERY, x=measure, **changes))
    return group.moments.mx * group.moments.n


def same_moments(found: Bivariate, *pairs: tuple[float, float]) -> bool:
    """Tell whether moments are those of pairs, but for the rounding of floats."""
    return astuple(found) == pytest.approx(astuple(Bivariate.of(pairs)), rel=1e-9, abs=1e-9)
