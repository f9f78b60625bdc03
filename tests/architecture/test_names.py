"""``__all__`` is sorted and complete; names are made of the field's words."""

from __future__ import annotations

import ast
import re

import pytest

import habitkit
from tests.architecture.source import Definition, Module, module_folders, modules, parsed

PUBLIC = [module for module in modules() if module.name != "habitkit.__main__"]
MAKES_TYPE_VARIABLES = {"TypeVar", "ParamSpec"}


def order(name: str) -> tuple[int, str]:
    """Constants first, then classes, then functions; ruff sorts like this."""
    return (0 if name.isupper() and len(name) > 1 else 1 if name[0].isupper() else 2, name)


def listed(module: Module) -> list[str] | None:
    """Return a module's ``__all__``, or None."""
    for node in module.tree.body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
            return list(ast.literal_eval(node.value))
    return None


def defined(module: Module) -> set[str]:
    """Return the public names that a module defines itself."""
    names = set()
    for node in module.tree.body:
        if isinstance(node, Definition):
            names.add(node.name)
        elif isinstance(node, ast.Assign | ast.AnnAssign) and not _is_type_variable(node.value):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            names |= {target.id for target in targets if isinstance(target, ast.Name)}
    return {name for name in names if not name.startswith("_")}


LOADING = {"__future__", "typing"}


def imported(module: Module) -> set[str]:
    """Return the public names that a module imports, but not for types alone."""
    return {
        alias.asname or alias.name
        for node in module.tree.body
        if isinstance(node, ast.ImportFrom) and node.module not in LOADING
        for alias in node.names
    }


def _is_type_variable(value: ast.expr | None) -> bool:
    return isinstance(value, ast.Call) and ast.unparse(value.func) in MAKES_TYPE_VARIABLES


def test_a_module_lists_all_that_it_defines_for_others_sorted():
    wrong: dict[str, object] = {}
    for module in PUBLIC:
        names = listed(module)
        if module.is_private:  # what it offers is for its neighbours
            if names is not None and names != sorted(set(names), key=order):
                wrong[module.place] = names
            continue
        there = defined(module) | imported(module) | _lazy(module) | {"M"}  # the mode of services
        problems = {
            "missing": defined(module) - set(names or []),
            "not there": set(names or []) - there,
            "not sorted": names != sorted(set(names or []), key=order),
        }
        if any(problems.values()):
            wrong[module.place] = problems

    assert not wrong


def _lazy(module: Module) -> set[str]:
    """Return the names that a module loads by its ``__getattr__``."""
    loaded = module.load()
    if "__getattr__" not in vars(loaded):
        return set()
    return {name for name in loaded.__all__ if getattr(loaded, name) is not None}


def test_the_package_offers_exactly_what_it_imports():
    (package,) = [module for module in PUBLIC if module.name == "habitkit"]

    lazy = {"AsyncHabitKit", "AsyncHostKit", "AsyncOwnedKit"}
    assert set(habitkit.__all__) == imported(package) | lazy
    assert not defined(package)
    assert all(getattr(habitkit, name) is not None for name in habitkit.__all__)


def test_the_names_of_the_package_are_these():
    """A name that is added or removed is added or removed on purpose."""
    assert habitkit.__all__ == [
        "AsyncHabitKit",
        "AsyncHostKit",
        "AsyncOwnedKit",
        "AtRisk",
        "AuditReport",
        "Balance",
        "Changed",
        "CheckIn",
        "CheckedIn",
        "Clock",
        "DayClock",
        "DeadLetter",
        "Economy",
        "Entry",
        "Event",
        "Finding",
        "FreezeRule",
        "Goal",
        "Habit",
        "HabitKit",
        "HabitKitError",
        "HabitState",
        "Head",
        "Hold",
        "HostKit",
        "OfflineCheckIn",
        "OwnedKit",
        "Posting",
        "Reaction",
        "RebuildReport",
        "Refusal",
        "RelayReport",
        "RewardRule",
        "Schedule",
        "Slot",
        "StoredEvent",
        "Streak",
        "Subscriber",
        "SweepReport",
        "SystemClock",
        "Transaction",
        "Transfer",
        "Undone",
        "on",
        "subscribe",
        "to_dict",
    ]


def imported_for_types(module: Module) -> set[str]:
    """Return the names that a module imports for type checkers and loads by ``__getattr__``."""
    return {
        alias.name
        for node in ast.walk(module.tree)
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith(f"{module.name}.")
        for alias in node.names
    }


def test_what_a_module_and_the_index_of_ports_import_they_offer():
    for module in PUBLIC:
        names = set(listed(module) or [])
        if module.name == "habitkit.ports":
            assert imported(module) == names
        elif module.package in module_folders() and module.path.name == "__init__.py" and names:
            assert imported_for_types(module) == names, module.place
            loaded = module.load()
            assert all(hasattr(loaded, name) for name in names)
            with pytest.raises(AttributeError):
                loaded.no_such_name  # noqa: B018 - looking it up is what fails


def test_a_module_offers_names_of_its_own_files_alone():
    for module in PUBLIC:
        if module.package in module_folders() and module.path.name == "__init__.py":
            known = {*LOADING, "habitkit._lazy"}
            others = [i.target for i in module.imports() if i.target not in known]
            assert all(target.startswith(f"{module.name}.") for target in others)


UNWANTED = re.compile(r"houses?|rooms?|roads?|colours?|strips?|told|life|remembered|put_away")
WORD = re.compile(r"put_away|[A-Z]?[a-z]+|[A-Z]+(?![a-z])")


def unwanted(module: Module) -> list[str]:
    """Return the names that a module defines with a word that is not the field's."""
    names = [module.path.stem]
    for node in ast.walk(module.tree):
        if isinstance(node, Definition):
            names.append(node.name)
        elif isinstance(node, ast.arg):
            names.append(node.arg)
        elif isinstance(node, ast.Name | ast.Attribute) and isinstance(node.ctx, ast.Store):
            names.append(node.id if isinstance(node, ast.Name) else node.attr)
    return [n for n in names if any(UNWANTED.fullmatch(w.lower()) for w in WORD.findall(n))]


def test_names_are_made_of_the_fields_words():
    assert not {m.place: names for m in modules() if (names := unwanted(m))}


@pytest.mark.parametrize(
    ("place", "text", "names"),
    [
        ("coins/life.py", "", ["life"]),
        ("coins/x.py", "class RoomNotStored: ...", ["RoomNotStored"]),
        ("coins/x.py", "def f(put_away): told = 1", ["told", "put_away"]),
        ("coins/x.py", "text.strip(); lifetime = broad = mushroom = 1", []),
    ],
)
def test_an_unwanted_word_is_found(place, text, names):
    assert sorted(unwanted(parsed(place, text))) == sorted(names)


def test_the_package_computes_nothing_at_import():
    (package,) = [module for module in PUBLIC if module.name == "habitkit"]
    kinds = {type(node) for node in package.tree.body}
    assert kinds == {ast.Expr, ast.ImportFrom, ast.Assign}


def test_no_file_of_a_package_hides_a_name_that_it_offers():
    for package in PUBLIC:
        if package.path.name == "__init__.py":
            names = set(listed(package) or [])
            files = {path.stem for path in package.path.parent.iterdir()} - {"__init__"}

            assert not {name for name in names & files if _is_lazy(package)}, package.place


def _is_lazy(package: Module) -> bool:
    """Tell whether names of a package are loaded later, when a file of that name may be there."""
    return hasattr(package.load(), "__getattr__")
