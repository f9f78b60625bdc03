"""The service ``kit.experiments``: a list of its use cases."""

from __future__ import annotations

from habitkit.binding import M, Service, action, query
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

__all__ = [
    "ExperimentService",
    "assign",
    "change_weights",
    "define",
    "delete",
    "end_holdout",
    "expose",
    "get",
    "hold_out",
    "interactions",
    "list_experiments",
    "list_holdouts",
    "over_time",
    "overlap",
    "pause",
    "ramp",
    "report",
    "reweight",
    "ship",
    "start",
    "stop",
]


class ExperimentService(Service[M]):
    """The methods of ``kit.experiments``."""

    define = action(define)
    start = action(start)
    pause = action(pause)
    stop = action(stop)
    ship = action(ship)
    ramp = action(ramp)
    change_weights = action(change_weights)
    reweight = action(reweight)
    hold_out = action(hold_out)
    end_holdout = action(end_holdout)
    delete = action(delete)
    expose = action(expose)
    assign = query(assign)
    get = query(get)
    list = query(list_experiments)
    list_holdouts = query(list_holdouts)
    report = query(report)
    over_time = query(over_time)
    overlap = query(overlap)
    interactions = query(interactions)
