"""The documentation mentions every port, event, error and setting.

A name counts as mentioned where a page of docs/ shows it as code. A failure lists what is missing.
"""

from __future__ import annotations

import inspect
import operator
import re

import pytest
from attrs import fields

import habitkit.testing
from habitkit import AsyncHabitKit, HabitKit, events, ports
from habitkit._logging import EVENTS
from habitkit.alerts import default_rules
from habitkit.backends.sqlalchemy import LATEST
from habitkit.metrics.builtin import BUILT_IN
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


def test_the_readme_and_the_index_list_every_guide():
    guides = {path.stem for path in (ROOT / "docs" / "how-to").glob("*.md")}

    for page in ("README.md", "docs/index.md"):
        assert set(re.findall(r"how-to/([\w-]+)", (ROOT / page).read_text("utf-8"))) == guides


@pytest.mark.parametrize("page", ["set-up-postgresql", "use-with-django"])
def test_the_numbers_of_migrations_that_a_page_shows_are_those_of_today(page):
    text = (ROOT / "docs" / "how-to" / f"{page}.md").read_text("utf-8")
    shown = re.findall(r"migrate(?:_tables)?\((?:op\.get_bind\(\), )?(\d+), (\d+)\)", text)

    following = LATEST + 1
    assert shown == [("1", f"{LATEST}"), (f"{following}", f"{following}")]
    assert page == "use-with-django" or f"needs version {following}," in text


def test_the_table_of_actions_has_every_action_and_argument():
    kit = habitkit.testing.kit()
    pages = (ROOT / "docs" / "reference" / "settings.md").read_text("utf-8")
    rows = pages.partition("## Arguments of actions")[2].partition("\n## ")[0].splitlines()
    listed, wrong = set(), []
    for row in (row for row in rows if row.startswith("| `kit.")):
        calls, required, optional = (re.findall(r"`([^`]+)`", cell) for cell in row.split("|")[1:4])
        service = calls[0].rpartition(".")[0]
        for call in (name if "." in name else f"{service}.{name}" for name in calls):
            listed.add(call)
            function = operator.attrgetter(call.removeprefix("kit."))(kit)
            parameters = inspect.signature(function).parameters.values()
            expected = [
                [p.name for p in parameters if (p.default is p.empty) is without]
                for without in (True, False)
            ]
            found = [
                [name.lstrip("*") for name in required if name != "*"],
                [name.partition("=")[0] for name in optional if re.match(r"\w+=", name)],
            ]
            if expected != [list(dict.fromkeys(names)) for names in found]:
                wrong.append(f"{call}: {found}, expected {expected}")
    actions = {
        f"kit.{service}.{name}"
        for service in (
            *("habits", "streaks", "coins", "events", "flags", "experiments", "alerts", "relay"),
        )
        for name in dir(getattr(kit, service))
        if not name.startswith("_")
    }

    assert not wrong, "\n".join(wrong)
    assert actions <= listed, f"these are missing: {sorted(actions - listed)}"


def rows_of(page: str, prefix: str) -> list[list[str]]:
    """Return the cells of the rows of tables whose first cell begins in a way."""
    text = (ROOT / "docs" / "reference" / f"{page}.md").read_text("utf-8")
    rows = (line for line in text.splitlines() if line.startswith(f"| {prefix}"))
    return [[cell.strip() for cell in row.strip("|").split(" | ")] for row in rows]


def test_the_table_of_metrics_is_that_of_the_code():
    expected = [
        [
            f"`{it.name}`",
            it.kind,
            it.unit or "—",
            ", ".join(f"`{name}`" for name in it.attributes) or "—",
            it.description,
        ]
        for it in BUILT_IN.values()
    ]

    assert rows_of("metrics", "`habitkit_") == expected


def test_the_table_of_log_events_is_that_of_the_code():
    assert rows_of("logs", "`") == [[f"`{name}`", text] for name, text in EVENTS.items()]


def test_the_table_of_default_rules_has_each_rule_and_its_severity():
    found = [row[:2] for row in rows_of("alerts", "`Habitkit")]

    assert found == [[f"`{it.name}`", it.labels["severity"]] for it in default_rules().rules]
