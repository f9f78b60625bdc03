"""The actions and events that a kit records, in memory and in a SQLite file."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from functools import cached_property, partial
from typing import Any

import pytest

import habitkit.testing
from habitkit import HabitKit, Schedule, coins
from habitkit.backends.memory import MemoryStore
from habitkit.binding import Action, Service
from habitkit.coins.errors import InsufficientFunds
from habitkit.errors import IdempotencyConflict, NestedTransaction
from habitkit.events import Recorded
from habitkit.kit_metrics import KitMetrics
from habitkit.metrics import Metrics, observing
from habitkit.metrics.domain.sketch import Sketch
from habitkit.metrics.observing import action_name
from tests.kit.metrics.support import Repeating, Wrapped, kit_on, recorded


class Broken(Wrapped):
    """A store whose database is gone."""

    def write(self, work: Any, *, keyed: bool) -> Any:
        raise OSError("the disk is full")


def test_no_thread_gets_metrics_before_what_observes_actions(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    kit_metrics = KitMetrics(given=True)
    made = []

    class Watched(observing.Observer):
        def __init__(self, metrics: Any) -> None:
            made.append(kit_metrics.made)
            super().__init__(metrics)

    monkeypatch.setattr(observing, "Observer", Watched)
    assert kit_metrics.observer is not None
    assert made == [None]


class TestActions:
    def test_each_outcome_is_counted_under_the_name_of_service_and_method(self, store):
        kit = kit_on(store)
        kit.habits.check_in(kit.habits.create("ada", "Run", Schedule.daily()).id)
        kit.coins.award("ada", 5, idempotency_key="a")
        kit.coins.award("ada", 5, idempotency_key="a")
        with pytest.raises(IdempotencyConflict):
            kit.coins.award("ada", 6, idempotency_key="a")
        with pytest.raises(InsufficientFunds):
            kit.owned_by("ada").coins.spend("ada", 10**6, idempotency_key="b")
        kit.run(lambda tx: coins.award(tx, "ada", 1, idempotency_key="c"))
        kit.run(partial(coins.award, owner="ada", amount=1, idempotency_key="d"))
        with pytest.raises(ZeroDivisionError):
            kit.run(lambda _: 1 // 0)
        with pytest.raises(NestedTransaction):
            kit.run(lambda _: kit.coins.balance("ada"))

        assert recorded(kit.metrics, "actions") == {
            ("coins.award", "conflict"): 1,
            ("coins.award", "ok"): 3,
            ("coins.spend", "ok"): 0,
            ("coins.spend", "refused"): 1,
            ("habits.check_in", "ok"): 1,
            ("habits.create", "ok"): 1,
            ("run", "error"): 2,
            ("run", "ok"): 1,
        }
        durations = recorded(kit.metrics, "action_duration")
        assert durations[("coins.award",)] == 4
        assert sum(durations.values()) == 10

    def test_a_store_that_cannot_be_reached_is_an_error(self):
        kit = habitkit.testing.kit(store=Broken(MemoryStore()), metrics=True)
        with pytest.raises(OSError, match="full"):
            kit.coins.award("ada", 5, idempotency_key="a")
        assert recorded(kit.metrics, "actions")[("coins.award", "error")] == 1

    def test_the_duration_is_that_of_all_attempts(self, store):
        kit = kit_on(Repeating(store))
        kit.run(lambda _: kit.clock.advance(seconds=2))
        (total,) = [
            it.value for it in kit.metrics.totals() if it.series.metric.endswith("action_duration")
        ]
        assert isinstance(total, Sketch)
        assert (total.count, total.sum) == (1, 6)

    def test_attempts_after_the_first_are_retries_and_events_count_once(self, store):
        kit = kit_on(Repeating(store))
        kit.coins.award("ada", 5, idempotency_key="a")
        kit.coins.award("ada", 5, idempotency_key="b")
        assert recorded(kit.metrics, "retries") == {("coins.award",): 4}
        assert recorded(kit.metrics, "actions") == {("coins.award", "ok"): 2}
        assert recorded(kit.metrics, "events") == {("CoinsPosted",): 2}

    def test_every_action_of_every_service_has_its_own_name(self, store):
        kit = HabitKit(store)
        named: dict[Any, set[str]] = {}
        for view, at in ((kit, ""), (kit.owned_by("ada"), "")):
            for name, service in services(view, at):
                for verb, found in actions(service):
                    full = f"{name}.{verb}" if name else verb
                    named.setdefault(found.function, set()).add(full)
        assert len(named) > 50
        for function, names in named.items():
            assert {action_name(function)} == names
        assert action_name(lambda _: None) == "run"

    def test_changes_of_flags_and_experiments_are_counted_under_their_names(self, store):
        kit = kit_on(store)
        flag = {"state": "ENABLED", "variants": {"on": True}, "defaultVariant": "on"}
        kit.flags.put("a", flag, by="ada")
        kit.flags.delete("a", by="ada")
        assert {("flags.put", "ok"), ("flags.delete", "ok")} <= set(
            recorded(kit.metrics, "actions")
        )

    def test_a_callable_of_the_host_that_has_no_hash_can_be_run(self, store):
        class Work:
            __hash__ = None  # type: ignore[assignment]

            def __call__(self, _: Any) -> int:
                return 7

        kit = kit_on(store)
        assert kit.run(Work()) == 7
        for n in range(5):
            kit.run(partial(_returned, n))
        assert recorded(kit.metrics, "actions") == {("run", "ok"): 6}
        assert not kit._runner.settings.observer._by_function


def _returned(n: int, _: object) -> int:
    return n


def services(view: Any, at: str) -> Iterator[tuple[str, Any]]:
    """Return a kit's services by name, itself as the one without."""
    yield at, view
    for name in dir(type(view)):
        if isinstance(getattr(type(view), name), cached_property) and not name.startswith("_"):
            found = getattr(view, name)
            if isinstance(found, Service):
                yield name, found


def actions(service: Any) -> Iterator[tuple[str, Action[Any, Any]]]:
    for verb in dir(type(service)):
        found = getattr(type(service), verb)
        if isinstance(found, Action) and found.write:
            yield verb, found


class TestEvents:
    def test_only_what_was_committed_counts(self, store):
        kit = kit_on(store)

        def undone(tx: Any) -> None:
            coins.award(tx, "ada", 1, idempotency_key="kept")
            with suppress(ZeroDivisionError), tx.savepoint():
                tx.emit("ada", [Recorded("ada", tx.now, "undone", {})])
                raise ZeroDivisionError
            tx.emit("ada", [Recorded("ada", tx.now, "noted", {})])

        def failing(tx: Any) -> None:
            undone(tx)
            raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            kit.run(failing)
        kit.rehearse(undone)
        assert recorded(kit.metrics, "events") == recorded(kit.metrics, "retries") == {}
        kit.run(undone)
        assert recorded(kit.metrics, "events") == {("CoinsPosted",): 1, ("noted",): 1}

    def test_many_types_of_a_host_are_folded(self, store):
        kit = HabitKit(store, metrics=Metrics(max_values=3))
        for n in range(6):
            kit.events.record("ada", f"type {n}")
        events = recorded(kit.metrics, "events")
        assert sum(events.values()) == 6
        assert events[("(other)",)] == 3
        assert recorded(kit.metrics, "metrics_folded") == {("type", "habitkit_events"): 3}
