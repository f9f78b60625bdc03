"""Imports point one way: host, action, rules, store, events, reactions, relay."""

from __future__ import annotations

import sys
from collections.abc import Iterator

from tests.architecture.source import Import, Module, feature_packages, modules, pages

EDGES = {"attrs", "cattrs"}  # what the core needs beyond the standard library
PURE = {
    "__future__",
    "attrs",
    "bisect",
    "calendar",
    "collections",
    "collections.abc",
    "dataclasses",
    "datetime",
    "decimal",
    "enum",
    "fractions",
    "functools",
    "hashlib",
    "heapq",
    "hmac",
    "json",
    "itertools",
    "math",
    "operator",
    "re",
    "statistics",
    "sys",
    "types",
    "typing",
    "unicodedata",
    "uuid",
    "zoneinfo",
}  # what a rule or a value may need: nothing that reads, writes, waits or draws lots
HOSTS = {"habitkit.__main__"}
VALUE_PAGES = ("model", "economy", "books", "facts", "goal", "schedule")
PURE_OF_STREAKS = (
    "checkpoint_text",
    "checkpoints",
    "days",
    "derived",
    "evaluation",
    "folding",
    "judging",
    "life",
    "loop",
    "plain",
    "readings",
    "recurring",
    "rolling",
    "spans",
    "strength",
    "timeline",
)
PURE_PAGES = ("rules", "entitlements", "chain", "checking", "words", *PURE_OF_STREAKS)
ACTION_PAGES = (
    "actions",
    "adding",
    "auditing",
    "changes",
    "checking_in",
    "editing",
    "finding",
    "histories",
    "holding",
    "judged",
    "keeping",
    "offline",
    "passing",
    "pausing",
    "posting",
    "rebuilding",
    "reconciling",
    "rejudging",
    "requests",
    "searching",
    "statements",
)
READING = "habitkit.habits.lookup"
"""How the actions of habits and streaks read what a store knows of a habit."""
MEANS = {"habitkit._text"}
VALUES = {"habitkit.errors", "habitkit.events"} | MEANS


def own(module: Module) -> Iterator[Import]:
    """Yield what a module imports of the package itself."""
    return (found for found in module.imports() if found.target.split(".")[0] == "habitkit")


def foreign(module: Module) -> Iterator[Import]:
    """Yield what a module imports of others, the standard library included."""
    return (found for found in module.imports() if found.target.split(".")[0] != "habitkit")


def broken(found: dict[Module, list[Import]]) -> list[str]:
    """Return the forbidden imports as lines to read."""
    return [
        f"{module.place}:{wrong.line} imports {wrong.target}"
        for module, wrongs in found.items()
        for wrong in wrongs
    ]


def package_of(module: Module) -> str:
    return module.name.split(".")[1]


def test_there_are_modules_with_pages_to_hold_to_the_law():
    assert {"coins", "habits", "journal", "streaks"} <= set(feature_packages())
    assert {package_of(page) for page in pages("rules")} >= {
        "coins",
        "habits",
        "journal",
        "streaks",
    }
    assert len(pages("model")) >= 4
    assert len(pages("store")) >= 4
    assert len(pages("actions")) >= 4
    assert any(
        found.target == "habitkit.habits.domain.bitmap"
        for found in own(_page("habits", "checking_in"))
    )


def _page(package: str, name: str) -> Module:
    (page,) = [page for page in pages(name) if package_of(page) == package]
    return page


def _is_value(target: str) -> bool:
    return target in VALUES or target.rpartition(".")[2] in VALUE_PAGES


def _is_own(page: Module, target: str, kinds: tuple[str, ...]) -> bool:
    return target in {f"habitkit.{package_of(page)}.{kind}" for kind in kinds}


def _is_streak_rule(page: Module, target: str) -> bool:
    """A check-in is judged by the rules of streaks."""
    return package_of(page) == "habits" and target in {
        *(f"habitkit.habits.{name}" for name in ("rules", *PURE_OF_STREAKS)),
    }


def test_the_pages_of_a_second_subject_are_there():
    found = {
        page.path.stem
        for page in modules()
        if page.place.split("/")[0] in {"coins", "habits", "streaks"}
    }

    assert found - {"__init__", "store"} == {
        *(*VALUE_PAGES, *PURE_PAGES, *ACTION_PAGES),
        READING.rpartition(".")[2],
    }


def test_rules_import_values_and_rules_alone():
    def allowed(page: Module, target: str) -> bool:
        return (
            _is_value(target) or _is_own(page, target, PURE_PAGES) or _is_streak_rule(page, target)
        )

    assert not broken(
        {page: [i for i in own(page) if not allowed(page, i.target)] for page in pages(*PURE_PAGES)}
    )


def test_rules_and_values_need_nothing_that_reads_writes_waits_or_draws_lots():
    assert not broken(
        {
            page: [
                i
                for i in foreign(page)
                if i.target not in PURE and i.target.split(".")[0] not in _extras_of(page)
            ]
            for page in pages(*PURE_PAGES, *VALUE_PAGES)
        }
    )


def _extras_of(module: Module) -> set[str]:
    """Return what a page may import when it is first needed, if it is installed."""
    return {"dateutil"} if module.name == "habitkit.habits.domain.rrule" else set()


def test_values_import_values_errors_and_events_alone():
    assert not broken(
        {page: [i for i in own(page) if not _is_value(i.target)] for page in pages(*VALUE_PAGES)}
    )


def test_events_and_errors_import_nothing_of_the_package_but_what_values_are_made_with():
    found = {module.name: [i.target for i in own(module)] for module in modules()}
    for name in ("habitkit.events", "habitkit.errors"):
        assert set(found[name]) <= MEANS
    for name in MEANS:
        assert not found[name]


def test_the_port_of_a_module_imports_the_modules_own_values_alone():
    assert not broken(
        {
            page: [i for i in own(page) if not _is_own(page, i.target, VALUE_PAGES)]
            for page in pages("store", "port")
        }
    )


def test_actions_import_their_own_module_the_frame_and_values_of_others():
    frame = VALUES | {
        "habitkit.binding",
        "habitkit._codec",
        "habitkit.clock",
        "habitkit.ids",
        "habitkit.journal.idempotency",
        "habitkit.transaction",
        "habitkit.options",
        "habitkit.workflow",
    }

    def allowed(page: Module, target: str) -> bool:
        return (
            target in frame
            or f"{target}.".startswith(f"habitkit.{package_of(page)}.")
            or _is_value(target)
            or _is_streak_rule(page, target)
            or (package_of(page) == "habits" and target == READING)
        )

    assert not broken(
        {
            page: [i for i in own(page) if not allowed(page, i.target)]
            for page in pages(*ACTION_PAGES, "reading")
        }
    )


def test_only_reactions_the_kits_and_the_outer_packages_import_the_actions_of_several_modules():
    free = ("habitkit.reactions", "habitkit.kit", "habitkit.async_kit")
    outer = ("habitkit.testing", "habitkit.importers", "habitkit.contrib")

    for module in modules():
        if module.name in free or module.name.startswith(outer):
            continue
        targets = {i.target for i in own(module)}
        actions = {target for target in targets if target.rpartition(".")[2] in ACTION_PAGES}
        if module.place.split("/")[0] in feature_packages():
            actions = {t for t in actions if not _is_own(module, t, ACTION_PAGES)}
            assert not actions, f"{module.place} imports {actions}"
        else:
            assert len(actions) <= 1, f"{module.place} imports {actions}"


def test_nothing_in_the_package_imports_contrib():
    assert not broken(
        {
            module: [i for i in own(module) if i.target.startswith("habitkit.contrib")]
            for module in modules()
            if not module.place.startswith("contrib/")
        }
    )


def test_only_hosts_and_testing_import_backends():
    free = ("habitkit.backends", "habitkit.testing", "habitkit.contrib")

    for module in modules():
        if module.name.startswith(free):
            continue
        wrong = [i for i in own(module) if i.target.startswith("habitkit.backends")]
        if module.name in {"habitkit.plugins", *HOSTS}:
            wrong = [i for i in wrong if not i.lazy]
        assert not broken({module: wrong})


def test_backends_know_facts_and_no_use_cases():
    forbidden = ("habitkit.kit", "habitkit.async_kit", "habitkit.reactions", "habitkit.transaction")

    for module in modules():
        if module.place.startswith("backends/"):
            wrong = [
                i
                for i in own(module)
                if i.target.startswith(forbidden) or i.target.rpartition(".")[2] in ACTION_PAGES
            ]
            assert not broken({module: wrong})


def test_backends_do_not_know_each_other():
    for module in modules():
        parts = module.name.split(".")
        if parts[1:2] == ["backends"] and len(parts) > 3:
            wrong = [
                i
                for i in own(module)
                if i.target.startswith("habitkit.backends.")
                and i.target.split(".")[2] not in {parts[2], "threaded"}
            ]
            assert not broken({module: wrong})


def test_the_core_needs_the_standard_library_and_attrs_alone():
    outer = (
        "backends/sqlalchemy/",
        "backends/redis/",
        "backends/memcached/",
        "contrib/",
        "testing/",
    )

    for module in modules():
        if not module.place.startswith(outer):
            wrong = [
                i
                for i in foreign(module)
                if i.target.split(".")[0] not in sys.stdlib_module_names | EDGES
                and not (i.lazy and module.place.startswith("importers/"))
                and i.target.split(".")[0] not in _extras_of(module)
            ]
            assert not broken({module: wrong})


def test_cattrs_is_imported_when_it_is_first_needed():
    for module in modules():
        assert not broken(
            {
                module: [
                    i
                    for i in foreign(module)
                    if i.target.split(".")[0] == "cattrs" and not (i.lazy or i.for_types)
                ]
            }
        )


def test_sqlalchemy_is_imported_in_its_own_folder_alone():
    free = ("backends/sqlalchemy/", "contrib/")

    for module in modules():
        if not module.place.startswith(free):
            wrong = [i for i in foreign(module) if i.target.split(".")[0] == "sqlalchemy"]
            if module.place.startswith("testing/contracts/"):
                wrong = [i for i in wrong if not (i.lazy or i.for_types)]
            assert not broken({module: wrong})
