"""Pages that are loaded when a name of theirs is first asked for, by PEP 562."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

__all__ = ["loader"]


def loader(
    namespace: dict[str, Any], package: str, pages: Mapping[str, Sequence[str]]
) -> tuple[Callable[[str], object], Callable[[], list[str]]]:
    """Return ``__getattr__`` and ``__dir__`` of a module that offers names of pages not loaded yet.

    Args:
        namespace: The module's ``globals()``.
        package: In which package the pages are.
        pages: The names that each page has, by page.
    """
    page_of = {name: page for page, names in pages.items() for name in names}

    def load(name: str) -> object:
        if name not in page_of:
            msg = f"module {namespace['__name__']!r} has no attribute {name!r}"
            raise AttributeError(msg)
        namespace[name] = found = getattr(import_module(f"{package}.{page_of[name]}"), name)
        return found

    def names() -> list[str]:
        return sorted({*namespace, *page_of})

    return load, names
