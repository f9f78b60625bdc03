"""Coverage looks away for a while, and then looks again."""

from __future__ import annotations

import os
import sys
from types import SimpleNamespace

import pytest

from tests.measured import FOR_PROGRAMS, unmeasured


@pytest.fixture
def told(monkeypatch):
    """What a coverage that is looking is told to do."""
    told: list[str] = []
    looking = SimpleNamespace(stop=lambda: told.append("stop"), start=lambda: told.append("start"))
    coverage = SimpleNamespace(Coverage=SimpleNamespace(current=lambda: looking))
    monkeypatch.setitem(sys.modules, "coverage", coverage)
    monkeypatch.setenv(FOR_PROGRAMS, "how to measure")
    return told


def test_it_looks_again_even_after_a_failure(told):
    @unmeasured()
    def fail():
        assert told == ["stop"]
        assert FOR_PROGRAMS not in os.environ
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()

    assert told == ["stop", "start"]
    assert os.environ[FOR_PROGRAMS] == "how to measure"


@pytest.mark.parametrize(
    "coverage", [None, SimpleNamespace(Coverage=SimpleNamespace(current=lambda: None))]
)
def test_nothing_happens_where_nothing_is_measured(monkeypatch, coverage):
    monkeypatch.setitem(sys.modules, "coverage", coverage)
    monkeypatch.setenv(FOR_PROGRAMS, "somebody else's")

    with unmeasured():
        assert os.environ[FOR_PROGRAMS] == "somebody else's"
