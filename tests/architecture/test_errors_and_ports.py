"""The drawings and indexes that readers rely on show what is really there."""

from __future__ import annotations

import ast
import re

from habitkit import errors, ports
from habitkit.errors import HabitKitError
from tests.architecture.source import Module, modules
from tests.architecture.test_names import listed

ROW = re.compile(
    r"^\| ``(?P<name>\w+)`` \| (?P<what>[^|]+) \| (?P<contract>[^|]+) \|$", re.MULTILINE
)


INNER = ("backends/", "testing/contracts/")  # may signal to themselves
PYTHONS = {"BaseException", "Exception", "LookupError", "RuntimeError", "TypeError", "ValueError"}


# -- errors --------------------------------------------------------------------------------------


def error_modules() -> list[Module]:
    """Return the files of errors: the bases, and those of modules and importers."""
    return [module for module in modules() if module.path.name == "errors.py"]


def drawn_trees(text: str) -> dict[str, str | None]:
    """Return the parent of each error that a docstring draws."""
    parents: dict[str, str | None] = {}
    path: list[str] = []
    for line in text.splitlines():
        if not line.startswith("    "):
            continue
        match = re.match(r"^((?:│   |    )*)((?:├── |└── )?)(\w+)", line.removeprefix("    "))
        assert match, line
        depth = len(match[1]) // 4 + (1 if match[2] else 0)
        del path[depth:]
        parents[match[3]] = path[-1] if path else None
        path.append(match[3])
    return parents


def test_the_trees_of_errors_are_drawn_as_they_are():
    for module in error_modules():
        loaded = module.load()
        own = {name: getattr(loaded, name) for name in loaded.__all__}
        drawn = drawn_trees(loaded.__doc__ or "")

        assert {name for name in drawn if drawn[name] or name == "HabitKitError"} == set(own)
        for name, kind in own.items():
            assert issubclass(kind, HabitKitError)
            bases = [base.__name__ for base in kind.__bases__ if issubclass(base, HabitKitError)]
            assert drawn[name] == (bases[0] if bases else None), name


def test_every_error_of_the_package_is_in_a_file_of_errors():
    names = {name for module in error_modules() for name in listed(module) or ()}
    for module in modules():
        for node in module.tree.body:
            if isinstance(node, ast.ClassDef) and module.path.name != "errors.py":
                bases = {ast.unparse(base).removeprefix("errors.") for base in node.bases}
                is_signal = node.name.startswith("_") or module.place.startswith(INNER)
                assert not bases & names, f"{module.place}: {node.name}"
                assert is_signal or not bases & PYTHONS, f"{module.place}: {node.name}"


def test_errors_of_bad_values_are_also_pythons_own():
    assert issubclass(errors.InvalidInput, ValueError)
    assert issubclass(errors.NotFound, LookupError)
    assert issubclass(errors.UsageError, RuntimeError)


def test_every_error_is_raised_somewhere():
    """An error that nothing raises is documentation of something that does not happen."""
    text = "\n".join(m.text for m in modules() if m.path.name != "errors.py")
    trees = [drawn_trees(module.load().__doc__ or "") for module in error_modules()]
    families = {parent for tree in trees for parent in tree.values()}

    for name in {name for tree in trees for name in tree} - families:
        assert re.search(rf"\b{name}\b", text), f"nothing raises {name}"


# -- ports ---------------------------------------------------------------------------------------


def protocols() -> dict[str, Module]:
    """Return the Protocols that a store needs whatever modules it supports, and where each is."""
    return {
        node.name: module
        for module in modules()
        for node in module.tree.body
        if isinstance(node, ast.ClassDef)
        and not node.name.startswith("_")
        and any("Protocol" in ast.unparse(base) for base in node.bases)
        and (module.package == "journal" or module.name in {"habitkit.store", "habitkit.clock"})
    }


def table() -> dict[str, str]:
    """Return the index's ports and what proves each."""
    return {row["name"]: row["contract"] for row in ROW.finditer(ports.__doc__ or "")}


def capabilities() -> set[str]:
    """Return the capabilities that the index explains."""
    _, _, rest = (ports.__doc__ or "").partition("| capability |")
    return set(re.findall(r"^\| ``(\w+)`` \|", rest, re.MULTILINE))


def test_the_index_lists_every_port_and_nothing_else():
    assert set(table()) == set(protocols())
    assert set(ports.__all__) == set(protocols())
    for name in ports.__all__:
        assert getattr(ports, name).__module__ == protocols()[name].name
        assert getattr(ports, name)._is_protocol


def test_a_module_offers_its_ports_and_their_keys():
    found = 0
    for module in modules():
        if module.role == "store" and module.package != "journal":
            (package,) = [m for m in modules() if m.name == f"habitkit.{module.package}"]
            assert set(listed(module) or []) <= set(listed(package) or [])
            found += 1
    assert found >= 2


def test_every_contract_that_the_index_names_exists():
    (contracts,) = [m for m in modules() if m.name == "habitkit.testing.contracts"]
    named = {name for text in table().values() for name in re.findall(r"``(\w+)``", text)}

    assert {"StoreContract", "HostTransactionsContract"} <= named
    assert named <= set(listed(contracts) or [])


def test_a_store_declares_only_capabilities_that_the_index_explains():
    from habitkit.backends.memory import MemoryStore
    from habitkit.backends.sqlalchemy._stores import CAPABILITIES

    assert {"concurrent_writers", "shared", "host_transactions"} <= capabilities()
    for declared in (MemoryStore.capabilities, CAPABILITIES):
        assert set(declared) <= capabilities()
