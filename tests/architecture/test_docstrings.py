"""Docstrings: everything public has one, with the sections that its readers need."""

from __future__ import annotations

import ast
import builtins
import re
from collections.abc import Iterator
from functools import cache
from typing import Any

import attrs

from tests.architecture.source import Definition, Function, Module, modules

SECTION = re.compile(r"^(Args|Returns|Raises|Attributes|Example|Examples|Yields|Note):$")
ENTRY = re.compile(r"^    \*{0,2}(\w+)(?: \([^)]*\))?: \S")


def definitions(module: Module) -> Iterator[tuple[str, Definition, bool]]:
    """Yield every public class, function and method: its name, its node, whether it is in a
    class."""

    def walk(
        body: list[ast.stmt], prefix: str, in_class: bool
    ) -> Iterator[tuple[str, Definition, bool]]:
        for node in body:
            if not isinstance(node, Definition):
                continue
            if node.name.startswith("_") and not _is_documented_magic(node.name):
                continue
            if any("overload" in ast.unparse(d) for d in node.decorator_list):
                continue
            yield prefix + node.name, node, in_class
            if isinstance(node, ast.ClassDef):
                yield from walk(node.body, f"{prefix}{node.name}.", True)

    return walk(module.tree.body, "", False)


def _is_documented_magic(name: str) -> bool:
    return name == "__init__"


@cache
def sections(node: Definition) -> dict[str, list[str]]:
    """Return the lines of a docstring's sections by their titles."""
    found: dict[str, list[str]] = {}
    lines: list[str] | None = None
    for line in (ast.get_docstring(node) or "").splitlines():
        title = SECTION.match(line)
        if title:
            lines = found.setdefault(title[1], [])
        elif lines is not None:
            lines.append(line)
    return found


def entries(lines: list[str]) -> list[str]:
    """Return the names that a section explains."""
    return [match[1] for line in lines if (match := ENTRY.match(line))]


def parameters(node: Function, in_class: bool) -> list[str]:
    """Return a function's parameters without ``self`` and ``cls``."""
    args = node.args
    names = [a.arg for a in (*args.posonlyargs, *args.args)]
    static = any("staticmethod" in ast.unparse(d) for d in node.decorator_list)
    if in_class and not static:
        names = names[1:]
    names += [args.vararg.arg] if args.vararg else []
    names += [a.arg for a in args.kwonlyargs]
    return names + ([args.kwarg.arg] if args.kwarg else [])


def raised(node: Function) -> set[str]:
    """Return the names of the exceptions that a function raises itself."""
    names = set()
    for inner in ast.walk(node):
        if isinstance(inner, ast.Raise) and inner.exc is not None:
            what = inner.exc.func if isinstance(inner.exc, ast.Call) else inner.exc
            if isinstance(what, ast.Name):
                names.add(what.id)
    return names


ERRORS = {
    name: getattr(module.load(), name)
    for module in modules()
    if module.path.name == "errors.py"
    for name in module.load().__all__
}


def exception(name: str) -> type[BaseException] | None:
    """Return an exception of the package or of Python by its name."""
    found = ERRORS.get(name) or getattr(builtins, name, None)
    return found if isinstance(found, type) and issubclass(found, BaseException) else None


@cache
def everything() -> tuple[tuple[str, Module, Definition, bool], ...]:
    """Return everything public of the package, and where it is."""
    return tuple(
        (f"{module.place}: {name}", module, node, in_class)
        for module in modules()
        for name, node, in_class in definitions(module)
    )


def functions() -> Iterator[tuple[str, Module, Function, bool]]:
    """Yield every public function and method of the package, and where it is."""
    for where, module, node, in_class in everything():
        if isinstance(node, Function):
            yield where, module, node, in_class


def is_case(module: Module, node: Definition) -> bool:
    """Tell whether it is a test of a contract: its name is its sentence."""
    return module.place.startswith("testing/contracts/") and node.name.startswith("test_")


def test_a_module_says_what_it_is_for():
    assert not [m.place for m in modules() if not (ast.get_docstring(m.tree) or "").strip()]


def test_everything_public_says_what_it_is_for():
    silent = [
        where
        for where, module, node, _ in everything()
        if not ast.get_docstring(node)
        and not is_case(module, node)
        and not (module.is_private and node.name == "__init__")
    ]

    assert not silent


def test_the_first_line_is_one_sentence():
    odd = []
    for where, _, node, _ in everything():
        first, _, rest = (ast.get_docstring(node) or "x.").partition("\n")
        if not first.endswith((".", ":", "?")) or (rest and not rest.startswith("\n")):
            odd.append(where)

    assert not odd


def test_arguments_that_are_explained_are_the_parameters():
    wrong = {}
    for where, _, node, in_class in functions():
        explained = sections(node).get("Args")
        if explained is not None and entries(explained) != parameters(node, in_class):
            wrong[where] = (entries(explained), parameters(node, in_class))

    assert not wrong


def test_errors_that_are_announced_exist():
    unknown = [
        f"{where} announces {error}"
        for where, _, node, _ in everything()
        for error in entries(sections(node).get("Raises", []))
        if not exception(error)
    ]

    assert not unknown


def test_errors_that_a_public_function_raises_are_announced():
    missing = []
    for where, module, node, in_class in functions():
        of_a_port = in_class and module.place.startswith("backends/")  # announced there
        if module.is_private or of_a_port or node.name == "__init__":
            continue
        announced = [exception(name) for name in entries(sections(node).get("Raises", []))]
        for name in raised(node):
            kind = exception(name)
            if kind and not any(known and issubclass(kind, known) for known in announced):
                missing.append(f"{where} raises {name}")

    assert not missing


def test_a_function_of_many_parameters_explains_them():
    """Three or more, the transaction left aside: a reader cannot guess them all."""
    wanting = []
    for where, module, node, in_class in functions():
        if (module.role == "use case" and node.name in ACTIONS) or module.name in HOST_FACING:
            names = [p for p in parameters(node, in_class) if p not in {"tx", "settings"}]
            refers = "as for" in (ast.get_docstring(node) or "")
            has_units = all(name.endswith(UNITS) for name in names)
            if len(names) >= 3 and "Args" not in sections(node) and not refers and not has_units:
                wanting.append(where)

    assert not wanting


ACTIONS = {
    name.rpartition(".")[2]
    for module in modules()
    if module.role == "service"
    for name in re.findall(r"= \w+\(([\w.]+)[,)]", module.text)
}
HOST_FACING = {"habitkit.kit", "habitkit.services", "habitkit.testing"}
UNITS = ("days", "hours", "minutes", "seconds")


def test_a_value_explains_its_attributes():
    wrong = {}
    for where, module, node, _ in everything():
        if not isinstance(node, ast.ClassDef) or module.is_private:
            continue
        if not re.search("@frozen|@define|NamedTuple", module.text):
            continue
        kind: Any = module.load()
        for part in where.split(": ")[1].split("."):
            kind = getattr(kind, part)
        if attrs.has(kind):
            own = [
                a.name for a in attrs.fields(kind) if not (a.inherited or a.name.startswith("_"))
            ]
        elif issubclass(kind, tuple) and hasattr(kind, "_fields"):
            own = list(kind._fields)
        else:
            continue
        if entries(sections(node).get("Attributes", [])) != own:
            wrong[where] = own

    assert not wrong


def test_an_error_explains_its_attributes():
    wrong = {}
    for where, module, node, _ in everything():
        if module.path.name == "errors.py" and isinstance(node, ast.ClassDef):
            own = [
                target.attr
                for inner in ast.walk(node)
                if isinstance(inner, ast.Assign)
                for target in inner.targets
                if isinstance(target, ast.Attribute) and ast.unparse(target.value) == "self"
            ]
            if entries(sections(node).get("Attributes", [])) != own:
                wrong[where] = own

    assert not wrong


def test_the_search_is_not_blind():
    assert {"check_in", "transfer", "explain"} <= ACTIONS
    assert len(list(functions())) > 200
    assert sum("Args" in sections(node) for *_, node, _ in functions()) > 20
    assert sum("Raises" in sections(node) for *_, node, _ in functions()) > 20
    assert sum("Attributes" in sections(node) for *_, node, _ in everything()) > 20
