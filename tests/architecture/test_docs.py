"""The documentation mentions every port, event, error and setting.

A name counts as mentioned where a page of docs/ shows it as code. A failure lists what is missing.
"""

from __future__ import annotations

import inspect
import re

import pytest
from attrs import fields

from habitkit import AsyncHabitKit, HabitKit, events, ports
from habitkit.modules import KitOptions, all_modules, vocabulary
from tests.architecture.source import ROOT, modules
from tests.architecture.test_docstrings import ERRORS

ARCHITECTURE = ROOT / "docs" / "explanation" / "architecture.md"
PACKAGE = ROOT / "src" / "habitkit"
CODE = re.compile(r"```.*?```|``[^`]+``|`[^`]+`", re.DOTALL)


def mentioned() -> set[str]:
    """Return every name that a page of docs/ shows as code, that about a made-up module excepted."""
    pages = [path for path in sorted((ROOT / "docs").rglob("*.md")) if "_build" not in path.parts]
    pages.remove(ROOT / "docs" / "how-to" / "write-a-module.md")
    assert pages
    code = "\n".join(found for path in pages for found in CODE.findall(path.read_text("utf-8")))
    return set(re.findall(r"\w+", code))


def settings() -> set[str]:
    """Return what may be said about a kit when it is made or opened."""
    functions = (HabitKit.__init__, HabitKit.open, AsyncHabitKit.__init__, AsyncHabitKit.open)
    names = {name for function in functions for name in inspect.signature(function).parameters}
    of_modules = {
        field.name
        for module in all_modules()
        if module.settings is not None
        for field in fields(module.settings)
    }
    return names - {"self", "cls"} | KitOptions.__annotations__.keys() | of_modules


OF_MODULES = {
    name
    for module in modules()
    if module.role == "store" and module.package != "journal"
    for name in module.load().__all__
}
KINDS = {
    "ports": set(ports.__all__) | OF_MODULES,
    "events": set(events.__all__) | set(vocabulary()),
    "errors": set(ERRORS),
    "settings": settings(),
}


@pytest.mark.parametrize("kind", KINDS)
def test_the_docs_mention_all(kind):
    missing = sorted(KINDS[kind] - mentioned())

    assert not missing, f"docs/ says nothing about these {kind}: {', '.join(missing)}"


def test_there_is_something_to_mention():
    assert {
        *("audit_key", "clock", "coins", "economy", "habits", "limits", "options", "reactions"),
        *("schema", "store", "strength", "subscribers", "url"),
    } <= KINDS["settings"]
    assert all(KINDS.values())


def test_what_the_architecture_page_points_at_is_there():
    lines = ARCHITECTURE.read_text("utf-8").partition("## Where to find things")[2].splitlines()
    rows = [line.split("|")[2] for line in lines if line.startswith("| ")][1:]
    missing = []
    for row in rows:
        text = ""
        for name in re.findall(r"`([^`]+)`", row):
            if "/" in name or name.endswith(".py"):
                found = [PACKAGE / name, *(PACKAGE / "backends" / "sqlalchemy").glob(name)]
                files = [path for path in found if path.exists()]
                text = "".join(path.read_text("utf-8") for path in files if path.is_file())
                missing += [] if files else [name]
            elif not re.search(rf"\b{name.rpartition('.')[2]}\b", text):
                missing.append(name)

    assert rows
    assert not missing, f"the table names what does not exist: {', '.join(missing)}"
