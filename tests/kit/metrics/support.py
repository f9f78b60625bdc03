"""What the tests of a kit's own metrics share."""

from __future__ import annotations

from typing import Any

import pytest

import habitkit.testing
from habitkit.metrics.base import BaseMetrics
from habitkit.metrics.builtin import BUILT_IN
from habitkit.store import Store
from habitkit.testing import TestKit

OWNER = "ada-of-the-secret-name"


def recorded(metrics: BaseMetrics, name: str) -> dict[tuple[str, ...], Any]:
    """Return what was recorded of a metric: counts and last values, by the attributes' values."""
    kind = BUILT_IN[f"habitkit_{name}"].kind
    of = {
        "counter": lambda it: it,
        "gauge": lambda it: it.last,
        "distribution": lambda it: it.count,
    }
    return {
        tuple(value for _, value in it.series.attributes): of[kind](it.value)
        for it in metrics.totals()
        if it.series.metric == f"habitkit_{name}"
    }


def kit_on(store: Store, **options: Any) -> TestKit:
    return habitkit.testing.kit(store=store, metrics=True, **options)


class Wrapped:
    """A store that does something of its own with the work of transactions that write."""

    def __init__(self, store: Any) -> None:
        self._store = store

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    def run(self, work: Any, *, write: bool, keyed: bool) -> Any:
        return self.write(work, keyed=keyed) if write else self._run(work, write=False, keyed=keyed)

    def close(self) -> None:
        self._store.close()

    def write(self, work: Any, *, keyed: bool) -> Any:
        return self._run(work, write=True, keyed=keyed)

    def _run(self, work: Any, *, write: bool, keyed: bool) -> Any:
        return self._store.run(work, write=write, keyed=keyed)


class Conflict(Exception):
    """What a store meets at a commit that it repeats."""


class Repeating(Wrapped):
    """A store that finds a conflict at the first two commits of each transaction."""

    def write(self, work: Any, *, keyed: bool) -> Any:
        def conflicting(stores: Any) -> None:
            work(stores)
            raise Conflict

        for _ in range(2):
            with pytest.raises(Conflict):
                self._run(conflicting, write=True, keyed=keyed)
        return self._run(work, write=True, keyed=keyed)
