"""Many actions together: what they read and write, in few statements.

Its pages are loaded when they are first asked for.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from habitkit.together.bulk import habits_of
    from habitkit.together.ports import Foreseen
    from habitkit.together.stores import together

__all__ = ["Foreseen", "habits_of", "together"]

_PAGE_OF = {"Foreseen": "ports", "habits_of": "bulk", "together": "stores"}


def __getattr__(name: str) -> object:
    """Load the page of a name."""
    if name not in _PAGE_OF:
        msg = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(msg)
    found = getattr(import_module(f"{__name__}.{_PAGE_OF[name]}"), name)
    globals()[name] = found
    return found
