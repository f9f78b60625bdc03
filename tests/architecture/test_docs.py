"""The documentation mentions every port, event, error and setting.

A name counts as mentioned where a page of docs/ shows it as code. A failure lists what is missing.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable

import pytest

from habitkit import AsyncHabitKit, HabitKit, errors, events, ports
from tests.architecture.source import ROOT

CODE = re.compile(r"```.*?```|``[^`]+``|`[^`]+`", re.DOTALL)


def mentioned() -> set[str]:
    """Return every name that a page of docs/ shows as code."""
    pages = [path for path in sorted((ROOT / "docs").rglob("*.md")) if "_build" not in path.parts]
    assert pages
    code = "\n".join(found for path in pages for found in CODE.findall(path.read_text("utf-8")))
    return set(re.findall(r"\w+", code))


def settings() -> set[str]:
    """Return what may be said about a kit when it is made or opened."""
    functions: list[Callable[..., object]] = [
        HabitKit.__init__,
        HabitKit.open,
        AsyncHabitKit.__init__,
        AsyncHabitKit.open,
    ]
    names = {name for function in functions for name in inspect.signature(function).parameters}
    return names - {"self", "cls"}


KINDS = {
    "ports": set(ports.__all__),
    "events": set(events.__all__) - {"VOCABULARY"},
    "errors": set(errors.__all__),
    "settings": settings(),
}


@pytest.mark.parametrize("kind", KINDS)
def test_the_docs_mention_all(kind):
    missing = sorted(KINDS[kind] - mentioned())

    assert not missing, f"docs/ says nothing about these {kind}: {', '.join(missing)}"


def test_there_is_something_to_mention():
    assert {
        "audit_key",
        "clock",
        "economy",
        "reactions",
        "store",
        "strength",
        "subscribers",
        "url",
    } == KINDS["settings"]
    assert all(KINDS.values())
