"""Lazy imports: names of a package that are imported on first access."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

__all__ = ["lazy_names"]


def lazy_names(
    package: str, names: Sequence[str], modules: Sequence[str] | Mapping[str, str]
) -> Callable[[str], Any]:
    """Return a ``__getattr__`` for a package.

    Args:
        package: The package's name.
        names: The names that it offers.
        modules: The modules inside it that have them; they are searched in this order. Or the
            module of each name, where searching would load too much.
    """

    def __getattr__(name: str) -> Any:  # noqa: N807 - it is what a module calls for a missing name
        if name in names:
            for module in [modules[name]] if isinstance(modules, dict) else modules:
                found = import_module(f"{package}.{module}")
                if name in found.__all__:
                    return getattr(found, name)
        msg = f"module {package!r} has no attribute {name!r}"
        raise AttributeError(msg)

    return __getattr__
