"""The package's source as the architecture tests see it: parsed modules and their imports."""

from __future__ import annotations

import ast
import importlib
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from types import ModuleType

from attrs import field, frozen

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "src" / "habitkit"

Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
Function = ast.FunctionDef | ast.AsyncFunctionDef


@frozen
class Import:
    """One name that a module imports.

    Attributes:
        target: The module; of ``from package import module`` the inner one.
        line: Where.
        for_types: True inside ``if TYPE_CHECKING``.
        lazy: True inside a function.
    """

    target: str
    line: int
    for_types: bool
    lazy: bool


@frozen
class Module:
    """A parsed module of the package."""

    name: str
    path: Path
    text: str = field(repr=False)
    tree: ast.Module = field(repr=False, eq=False)

    @property
    def place(self) -> str:
        """Return the path inside the package."""
        return self.path.relative_to(PACKAGE).as_posix()

    @property
    def is_private(self) -> bool:
        """Tell whether its name, or that of a package around it, begins with an underscore."""
        return any(part.startswith("_") and part != "__init__" for part in self.place.split("/"))

    def imports(self) -> tuple[Import, ...]:
        """Return what it imports."""
        return _all_imports(self)

    def dotted(self) -> tuple[tuple[int, str], ...]:
        """Return the names and dotted names in its code, and their lines."""
        return _all_dotted(self)

    @property
    def package(self) -> str:
        """Return the folder of the package that it lies in, or an empty text."""
        first, slash, _ = self.place.partition("/")
        return first if slash else ""

    @property
    def role(self) -> str:
        """Return what it is in its module: a rule of its folder and its name."""
        return role_of(self.name)

    def load(self) -> ModuleType:
        """Import it."""
        return importlib.import_module(self.name)


@cache
def modules() -> tuple[Module, ...]:
    """Return every module of the package."""
    return tuple(
        parsed(path.relative_to(PACKAGE).as_posix(), path.read_text("utf-8"))
        for path in sorted(PACKAGE.rglob("*.py"))
    )


@cache
def module_names() -> frozenset[str]:
    """Return the names of all modules of the package."""
    return frozenset(module.name for module in modules())


@cache
def module_folders() -> frozenset[str]:
    """Return the modules of habitkit: the folders with a ``service.py``."""
    return frozenset(path.parent.name for path in PACKAGE.glob("*/service.py"))


_ROLES = {
    "errors": "domain",
    "events": "domain",
    "settings": "domain",
    "store": "store",
    "port": "store",
    "service": "service",
    "kit_service": "service",
    "module": "module",
}


def role_of(name: str) -> str:
    """Return what a file of a module is, by its folder and name; of any other an empty text."""
    parts = name.split(".")[1:]
    if "domain" in parts or parts[1:] == ["errors"]:
        return "domain"
    if not parts or parts[0] not in module_folders():
        return ""
    if (PACKAGE.joinpath(*parts) / "__init__.py").exists():
        return "package"
    return _ROLES.get(parts[-1], "use case")


def parsed(place: str, text: str) -> Module:
    """Return a module of some text, as if it lay in the package."""
    name = "habitkit." + place.removesuffix(".py").replace("/", ".")
    return Module(name.removesuffix(".__init__"), PACKAGE / place, text, ast.parse(text))


@cache
def _all_imports(module: Module) -> tuple[Import, ...]:
    return tuple(_imports(module.tree, module.name, False, False))


@cache
def _all_dotted(module: Module) -> tuple[tuple[int, str], ...]:
    return tuple(
        (node.lineno, _dotted(node))
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Attribute | ast.Name)
    )


def _dotted(node: ast.expr) -> str:
    """Return ``a.b.c``; what is no name is left out."""
    if isinstance(node, ast.Attribute):
        return f"{_dotted(node.value)}.{node.attr}"
    return node.id if isinstance(node, ast.Name) else ""


def _imports(node: ast.AST, inside: str, for_types: bool, lazy: bool) -> Iterator[Import]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Import):
            for alias in child.names:
                yield Import(alias.name, child.lineno, for_types, lazy)
        elif isinstance(child, ast.ImportFrom):
            assert child.level == 0, f"{inside}:{child.lineno}: a relative import"
            for alias in child.names:
                inner = f"{child.module}.{alias.name}"
                target = inner if inner in module_names() else str(child.module)
                yield Import(target, child.lineno, for_types, lazy)
        elif isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test):
            for inner_node in child.body:
                yield from _imports(ast.Module([inner_node], []), inside, True, lazy)
            for inner_node in child.orelse:
                yield from _imports(ast.Module([inner_node], []), inside, for_types, lazy)
        else:
            is_function = isinstance(child, Function)
            yield from _imports(child, inside, for_types, lazy or is_function)


@cache
def strings(module: Module) -> tuple[tuple[int, str], ...]:
    """Return the texts of a module and their lines, docstrings left aside."""
    documentation = {
        id(statement.value)
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Module | Definition)
        for statement in node.body
        if isinstance(statement, ast.Expr)
    }
    return tuple(
        (node.lineno, node.value)
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Constant)
        and isinstance(node.value, str)
        and id(node) not in documentation
    )
