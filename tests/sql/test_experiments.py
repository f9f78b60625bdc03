"""Experiments on SQL: exposures in the host's transaction, and of several threads and kits at once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

import habitkit.testing
from habitkit.backends.sqlalchemy import SqlStore
from habitkit.experiments import Experiment, Metric
from habitkit.experiments.store import EXPERIMENTS
from habitkit.flags import Flag

UNITS = [f"unit-{number}" for number in range(120)]


@pytest.fixture
def kit(engine):
    """A kit with a running experiment on the flag ``button``."""
    kit = habitkit.testing.kit(store=SqlStore(engine))
    flag = Flag.string({"old": "plain", "new": "bright"}, default="old").experiment("button")
    kit.flags.put("button", flag, by="ada")
    paid = Metric.conversion("Paid", name="paid")
    kit.experiments.define(Experiment("button", ["old", "new"], metrics=[paid]))
    kit.experiments.start("button")
    return kit


def exposures(kit, unit):
    return kit.read(lambda tx: tx.port(EXPERIMENTS).exposures(unit))


def test_an_exposure_in_the_hosts_transaction_is_kept_or_undone_with_it(kit, engine):
    with engine.begin() as connection:
        kept = kit.on(connection).experiments.expose("button", "ada")
        assert kit.on(connection).experiments.report("button").units == 1
    with engine.connect() as connection:
        connection.begin()
        kit.on(connection).experiments.expose("button", "bob")
        kit.on(connection).experiments.stop("button")
        connection.rollback()

    assert [it.variant for it in exposures(kit, "ada")] == [kept.variant]
    assert exposures(kit, "bob") == []
    assert kit.experiments.get("button").state == "running"


def test_threads_and_kits_that_expose_the_same_units_leave_one_row_each_with_the_least_instant(
    kit, engine
):
    first = kit.clock.now()
    kits = [kit, *(habitkit.testing.kit(store=SqlStore(engine)) for _ in range(3))]
    for number, each in enumerate(kits):
        each.refresh()
        each.clock.advance(hours=3 - number)

    def expose(number):
        each = kits[number % len(kits)]
        for unit in UNITS[number:] + UNITS[:number]:
            each.flags.details("button", "", {"targetingKey": unit})
            if unit.endswith("7"):
                each.experiments.expose("button", unit)
        each.refresh()

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(expose, range(8)))

    found = [exposures(kit, unit) for unit in UNITS]
    assert [len(it) for it in found] == [1] * len(UNITS)
    assert {it.at for (it,) in found} == {first}
    report = kit.experiments.report("button")
    assert (report.units, report.several) == (len(UNITS), 0)
