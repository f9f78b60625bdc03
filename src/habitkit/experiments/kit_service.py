"""The service ``kit.experiments`` of a kit: changes are in use at once, reports count this process.

Host transactions have ``ExperimentService``, with the same verbs and without that.
"""

from __future__ import annotations

from functools import wraps
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, TypeVar, cast

from habitkit.binding import M, Service, action, query, workflow
from habitkit.experiments.assigning import assign, expose
from habitkit.experiments.definitions import (
    change_weights,
    define,
    delete,
    get,
    list_experiments,
    ramp,
)
from habitkit.experiments.holdouts import end_holdout, hold_out, list_holdouts
from habitkit.experiments.reports import interactions, over_time, overlap, report
from habitkit.experiments.reweighting import reweight
from habitkit.experiments.states import pause, ship, start, stop
from habitkit.flags.kit_workflows import changing
from habitkit.workflow import Call

if TYPE_CHECKING:
    from collections.abc import Callable

    from habitkit.experiments.exposure_buffer import ExposureBuffer, ExposureStatus
    from habitkit.options import KitSettings
    from habitkit.transaction import Transaction
    from habitkit.workflow import Steps

__all__ = ["KitExperimentService"]

P = ParamSpec("P")
R = TypeVar("R")


def _flushed(
    function: Callable[Concatenate[Transaction, P], R],
) -> Callable[Concatenate[KitSettings, P], Steps[R]]:
    """Return the workflow of a query that first stores the exposures of this process."""

    @wraps(function)
    def steps(settings: KitSettings, *args: P.args, **kwargs: P.kwargs) -> Steps[R]:
        yield from _buffer(settings).flush()
        result: R = yield Call(_call, (function, args, kwargs), write=False)
        return result

    return cast("Callable[Concatenate[KitSettings, P], Steps[R]]", steps)


def _flushed_change(
    function: Callable[Concatenate[Transaction, P], R],
) -> Callable[Concatenate[KitSettings, P], Steps[R]]:
    """Return the workflow of a change that depends on the exposures of this process."""
    change = changing(function)

    @wraps(function)
    def steps(settings: KitSettings, *args: P.args, **kwargs: P.kwargs) -> Steps[R]:
        yield from _buffer(settings).flush()
        return (yield from change(settings, *args, **kwargs))

    return cast("Callable[Concatenate[KitSettings, P], Steps[R]]", steps)


def _call(tx: Transaction, function: Callable[..., R], args: Any, kwargs: Any) -> R:
    return function(tx, *args, **kwargs)


def _buffer(settings: KitSettings) -> ExposureBuffer:
    return cast("ExposureBuffer", settings.residents.of("experiments"))


class KitExperimentService(Service[M]):
    """The methods of ``kit.experiments``."""

    def status(self) -> ExposureStatus:
        """Return how many exposures of this process wait to be stored, or were dropped."""
        return _buffer(self._runner.settings).status()

    define = workflow(changing(define))
    start = workflow(changing(start))
    pause = workflow(changing(pause))
    stop = workflow(changing(stop))
    ship = workflow(changing(ship))
    ramp = workflow(changing(ramp))
    change_weights = workflow(_flushed_change(change_weights))
    reweight = workflow(_flushed_change(reweight))
    hold_out = workflow(changing(hold_out))
    end_holdout = workflow(changing(end_holdout))
    delete = workflow(changing(delete))
    expose = action(expose)
    assign = query(assign)
    get = query(get)
    list = query(list_experiments)
    list_holdouts = query(list_holdouts)
    report = workflow(_flushed(report))
    over_time = workflow(_flushed(over_time))
    overlap = workflow(_flushed(overlap))
    interactions = workflow(_flushed(interactions))
