"""Imports point one way: host, use case, domain, store, events, reactions, relay.

A rule goes by folder: it says of which files it speaks and what these may import. ``finds`` shows
imports that it forbids.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from functools import cache
from importlib.metadata import packages_distributions, requires

import pytest
from attrs import frozen

from tests.architecture.source import Import, Module, module_folders, modules, parsed, role_of

# fmt: off
PURE = {
    "__future__", "attrs", "bisect", "calendar", "collections", "datetime", "decimal", "difflib",
    "enum", "fractions", "functools", "graphlib", "hashlib", "heapq", "hmac", "itertools", "json",
    "marshal", "math", "operator", "re", "statistics", "struct", "sys", "types", "typing", "unicodedata",
    "uuid", "zlib", "zoneinfo",
}  # nothing that reads, writes, waits or is random
# fmt: on
PREDICATES = {"habitkit.predicates", "habitkit._operands"}
VALUES = {"habitkit.errors", "habitkit.events", "habitkit._text", *PREDICATES}
RESIDENTS = {"habitkit._fork", "habitkit.background", "habitkit.residents"}
HELPERS = VALUES | {
    f"habitkit.{name}"
    for name in (
        *(
            "_codec",
            "_logging",
            "clock",
            "ids",
            "maintenance",
            "module",
            "modules",
            "options",
            "transaction",
            "workflow",
        ),
    )
}
KITS = ("habitkit.kit", "habitkit.kit_services", "habitkit.services")
BUILT_ON = {
    "experiments": ("flags",),
    "quests": ("habits", "coins"),
    "alerts": ("metrics",),
    "health": ("metrics", "alerts", "habits", "coins", "journal"),
}  # these use what those do
OUTER = ("testing", "importers", "contrib")
VENDORS = ("contrib/", "testing/", "backends/sqlalchemy/", "backends/redis/", "backends/memcached/")


@frozen
class Rule:
    """What some files may import.

    Attributes:
        speaks_of: Whether the rule is about a file.
        allows: Whether the file may have the import.
        finds: Forbidden imports to prove it with, and where they would stand.
    """

    speaks_of: Callable[[Module], bool]
    allows: Callable[[Module, Import], bool]
    finds: list[str]


@cache
def extras() -> set[str]:
    """Return the names by which the packages of habitkit's extras are imported."""
    optional = {
        re.split(r"[^\w-]", text)[0] for text in requires("habitkit") or [] if "extra ==" in text
    }
    return {name for name, owners in packages_distributions().items() if optional & {*owners}}


def top(found: Import) -> str:
    return found.target.split(".")[0]


def is_ours(found: Import) -> bool:
    return top(found) == "habitkit"


def is_lazy(found: Import) -> bool:
    return found.lazy or found.for_types


def is_own(file: Module, target: str) -> bool:
    return target.startswith(f"habitkit.{file.package}.")


def is_of_base(file: Module, target: str) -> bool:
    bases = BUILT_ON.get(file.package, ())
    return target.startswith(tuple(f"habitkit.{base}." for base in bases))


def is_behaviour(target: str) -> bool:
    return role_of(target) in {"use case", "service"}


def of_role(role: str) -> Callable[[Module], bool]:
    return lambda file: file.role == role


def outside(*folders: str) -> Callable[[Module], bool]:
    return lambda file: file.package not in folders


def backend_of(name: str) -> str:
    """Return the folder of a backend, or an empty text of what all backends share."""
    parts = name.split(".")
    is_shared = parts[:3] == ["habitkit", "backends", "threaded"]
    return parts[2] if parts[1:2] == ["backends"] and len(parts) > 2 and not is_shared else ""


RULES = {
    "a domain imports domains": Rule(
        of_role("domain"),
        lambda file, i: (
            not is_ours(i)
            or role_of(i.target) == "domain"
            or i.target in VALUES
            or (i.for_types and file.path.name == "settings.py")
        ),
        [
            "coins/domain/x.py: import habitkit.coins.reservations",
            "coins/domain/x.py: import habitkit.coins.store",
            "coins/auditing/domain/x.py: import habitkit.ids",
        ],
    ),
    "a domain has no I/O, no clock and no randomness": Rule(
        of_role("domain"),
        lambda _, i: is_ours(i) or top(i) in PURE or (is_lazy(i) and top(i) in {"mmh3", *extras()}),
        [
            "coins/domain/x.py: import random",
            "coins/domain/x.py: import dateutil",
            "coins/domain/x.py: def f(): import cattrs",
            "coins/domain/x.py: def f(): import time",
        ],
    ),
    "a store imports its own domain": Rule(
        of_role("store"),
        lambda file, i: (
            not is_ours(i)
            or (is_own(file, i.target) and role_of(i.target) == "domain")
            or i.target in {"habitkit.errors", "habitkit.ids", "habitkit.store"}
        ),
        [
            "coins/store.py: import habitkit.journal.domain.model",
            "coins/port.py: import habitkit.coins.reservations",
        ],
    ),
    "a use case imports its own module, helpers and domains": Rule(
        of_role("use case"),
        lambda file, i: (
            not is_ours(i)
            or (is_own(file, i.target) and role_of(i.target) != "service")
            or role_of(i.target) == "domain"
            or i.target in HELPERS | RESIDENTS
            or is_of_base(file, i.target)
        ),
        [
            "flags/x.py: import habitkit.experiments.store",
            "coins/x.py: import habitkit.habits.lookup",
            "coins/auditing/x.py: import habitkit.habits.store",
            "coins/x.py: import habitkit.kit",
            "coins/x.py: import habitkit.backends.memory",
        ],
    ),
    "a service imports its own use cases and the binder": Rule(
        of_role("service"),
        lambda file, i: (
            not is_ours(i)
            or (is_own(file, i.target) and role_of(i.target) == "use case")
            or i.target == "habitkit.binding"
            or i.for_types
            or file.path.name == "kit_service.py"  # what a resident has beside use cases
        ),
        ["coins/service.py: import habitkit.coins.domain.rules"],
    ),
    "a module's description imports its own module": Rule(
        of_role("module"),
        lambda file, i: (
            not is_ours(i)
            or is_own(file, i.target)
            or i.target in VALUES
            or i.target == "habitkit.module"
            or i.for_types
        ),
        ["coins/module.py: import habitkit.habits.store"],
    ),
    "the use cases of a module's description are lazy": Rule(
        of_role("module"),
        lambda _, i: not is_behaviour(i.target) or is_lazy(i),
        ["coins/module.py: import habitkit.coins.reservations"],
    ),
    "errors and events import nothing of ours": Rule(
        lambda file: file.name in VALUES,
        lambda file, i: (
            not is_ours(i)
            or i.target == "habitkit._text"
            or (file.name in PREDICATES and i.target in {"habitkit.errors", "habitkit._operands"})
        ),
        ["errors.py: import habitkit.events"],
    ),
    "nothing but the command line imports contrib": Rule(
        outside("contrib"),
        lambda file, i: (
            not i.target.startswith("habitkit.contrib")
            or (i.lazy and file.name == "habitkit.__main__")
        ),
        ["coins/x.py: import habitkit.contrib.web", "__main__.py: import habitkit.contrib.web"],
    ),
    "hosts, plugins and testing import backends": Rule(
        outside("backends", "testing", "contrib"),
        lambda file, i: (
            not i.target.startswith("habitkit.backends")
            or (i.lazy and file.name in {"habitkit.plugins", "habitkit.__main__"})
        ),
        [
            "kit.py: import habitkit.backends.memory",
            "plugins.py: import habitkit.backends.memory",
        ],
    ),
    "a backend imports no behaviour": Rule(
        lambda file: file.package == "backends",
        lambda _, i: (
            not is_behaviour(i.target)
            and i.target not in {*KITS, "habitkit.reactions", "habitkit.transaction"}
        ),
        [
            "backends/x/y.py: import habitkit.coins.reservations",
            "backends/x/y.py: import habitkit.reactions",
        ],
    ),
    "backends do not know each other": Rule(
        lambda file: bool(backend_of(file.name)),
        lambda file, i: backend_of(i.target) in {"", backend_of(file.name)},
        ["backends/memory/x.py: import habitkit.backends.sqlalchemy"],
    ),
    "the core needs the standard library and attrs, the rest is lazy": Rule(
        lambda file: not file.place.startswith(VENDORS),
        lambda _, i: (
            is_ours(i)
            or top(i) in {*sys.stdlib_module_names, "attrs"}
            or (is_lazy(i) and top(i) in {"cachetools", "cattrs", "mmh3", *extras()})
        ),
        [
            "coins/x.py: import cattrs",
            "coins/x.py: def f(): import httpx",
            "backends/memory/x.py: import redis",
        ],
    ),
    "SQLAlchemy is imported in its own folder": Rule(
        lambda file: not file.place.startswith(("backends/sqlalchemy/", "contrib/")),
        lambda file, i: (
            top(i) != "sqlalchemy" or (is_lazy(i) and file.place.startswith("testing/contracts/"))
        ),
        ["coins/x.py: def f(): import sqlalchemy.orm"],
    ),
}


def broken(rule: Rule, files: list[Module]) -> list[str]:
    """Return the forbidden imports as lines to read."""
    return [
        f"{file.place}:{found.line} imports {found.target}"
        for file in files
        for found in file.imports()
        if not rule.allows(file, found)
    ]


@pytest.mark.parametrize("sentence", RULES)
def test_imports_follow_the_rules(sentence):
    rule = RULES[sentence]
    files = [file for file in modules() if rule.speaks_of(file)]

    assert files, "the rule speaks of no file"
    assert not broken(rule, files)


@pytest.mark.parametrize("sentence", RULES)
def test_forbidden_imports_are_found(sentence):
    rule = RULES[sentence]

    for example in rule.finds:
        place, _, text = example.partition(": ")
        file = parsed(place, text)
        assert rule.speaks_of(file), example
        assert broken(rule, [file]), example
    assert rule.finds


def test_modules_are_found():
    assert {"coins", "habits", "journal"} <= module_folders()
    roles = {(file.package, file.role) for file in modules()}
    for folder in module_folders():
        assert {(folder, r) for r in ("domain", "store", "service", "use case", "module")} <= roles


def modules_used(file: Module) -> set[str]:
    """Return the modules whose use cases or services a file imports."""
    return {
        i.target.split(".")[1]
        for i in file.imports()
        if is_behaviour(i.target) and not is_of_base(file, i.target)
    }


def test_only_reactions_kits_and_outer_packages_use_several_modules():
    free = {*KITS, "habitkit.reactions"}
    files = [file for file in modules() if file.name not in free and file.package not in OUTER]

    assert not {file.place: used for file in files if len(used := modules_used(file)) > 1}
    mixed = parsed("x.py", "import habitkit.coins.holds\nimport habitkit.habits.lookup")
    assert modules_used(mixed) == {"coins", "habits"}
