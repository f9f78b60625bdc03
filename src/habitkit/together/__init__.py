"""Many actions together: what they read and write, in few statements.

Its pages are loaded when they are first asked for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from habitkit._late import loader

if TYPE_CHECKING:
    from habitkit.together.bulk import habits_of
    from habitkit.together.ports import Foreseen
    from habitkit.together.stores import together

__all__ = ["Foreseen", "habits_of", "together"]

_PAGES = {"bulk": ("habits_of",), "ports": ("Foreseen",), "stores": ("together",)}
if not TYPE_CHECKING:  # which would take any name to be there
    __getattr__, __dir__ = loader(globals(), __name__, _PAGES)
