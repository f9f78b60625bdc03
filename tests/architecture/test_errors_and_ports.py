"""The drawings and indexes that readers rely on show what is really there."""

from __future__ import annotations

import ast
import inspect
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


def drawn_tree() -> dict[str, str | None]:
    """Return each drawn error's parent."""
    lines = inspect.cleandoc(errors.__doc__ or "").splitlines()
    start = next(n for n, line in enumerate(lines) if line.strip() == "HabitKitError")
    parents: dict[str, str | None] = {}
    path: list[str] = []
    for line in lines[start:]:
        if not line.strip():
            break
        text = line.removeprefix("    ")
        match = re.match(r"^((?:│   |    )*)((?:├── |└── )?)(\w+)", text)
        assert match, line
        depth = len(match[1]) // 4 + (1 if match[2] else 0)
        del path[depth:]
        parents[match[3]] = path[-1] if path else None
        path.append(match[3])
    return parents


def real_tree() -> dict[str, str | None]:
    """Return each real error's parent."""
    kinds = [
        kind
        for kind in vars(errors).values()
        if isinstance(kind, type) and issubclass(kind, HabitKitError)
    ]
    return {
        kind.__name__: next(
            (b.__name__ for b in kind.__bases__ if issubclass(b, HabitKitError)), None
        )
        for kind in kinds
    }


def test_the_tree_of_errors_is_drawn_as_it_is():
    assert drawn_tree() == real_tree()
    assert set(drawn_tree()) == set(errors.__all__)


def test_every_error_of_the_package_is_in_the_one_tree():
    for module in modules():
        for node in module.tree.body:
            if isinstance(node, ast.ClassDef) and module.name != "habitkit.errors":
                bases = {ast.unparse(base).removeprefix("errors.") for base in node.bases}
                is_signal = node.name.startswith("_") or module.place.startswith(INNER)
                assert not bases & set(errors.__all__), f"{module.place}: {node.name}"
                assert is_signal or not bases & PYTHONS, f"{module.place}: {node.name}"


def test_errors_of_bad_values_are_also_pythons_own():
    assert issubclass(errors.InvalidInput, ValueError)
    assert issubclass(errors.NotFound, LookupError)
    assert issubclass(errors.UsageError, RuntimeError)


def test_every_error_is_raised_somewhere():
    """An error that nothing raises is documentation of something that does not happen."""
    text = "\n".join(m.text for m in modules() if m.name != "habitkit.errors")
    families = {parent for parent in real_tree().values() if parent}

    for name in set(errors.__all__) - families:
        assert re.search(rf"\b{name}\b", text), f"nothing raises {name}"


# -- ports ---------------------------------------------------------------------------------------


def protocols() -> dict[str, Module]:
    """Return every public Protocol of the package and where it is."""
    return {
        node.name: module
        for module in modules()
        for node in module.tree.body
        if isinstance(node, ast.ClassDef)
        and not node.name.startswith("_")
        and any("Protocol" in ast.unparse(base) for base in node.bases)
        and not module.place.startswith("testing/")
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


def test_every_contract_that_the_index_names_exists():
    (contracts,) = [m for m in modules() if m.name == "habitkit.testing.contracts"]
    named = {name for text in table().values() for name in re.findall(r"``(\w+)``", text)}

    assert {"StoreContract", "HabitsContract", "CoinsContract"} <= named
    assert named <= set(listed(contracts) or [])


def test_a_store_declares_only_capabilities_that_the_index_explains():
    from habitkit.backends.memory import MemoryStore
    from habitkit.backends.sqlalchemy._stores import CAPABILITIES

    assert {"concurrent_writers", "shared", "host_transactions"} <= capabilities()
    for declared in (MemoryStore.capabilities, CAPABILITIES):
        assert set(declared) <= capabilities()
