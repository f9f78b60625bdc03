"""Faults in a document of flags, each with its JSON path."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING

from attrs import frozen

if TYPE_CHECKING:
    from typing import TypeAlias

__all__ = ["Fault", "Path", "json_path", "shown"]

Path: TypeAlias = "tuple[str | int, ...]"
"""The place of a value in a document: names of members and positions in lists."""

_PLAIN = re.compile(r"[A-Za-z_$][A-Za-z0-9_$-]*")
_LONGEST_NAME = 60
_LONGEST_VALUE = 40
_MOST_BITS = 128


@frozen
class Fault:
    """A fault in a document.

    Attributes:
        path: The JSON path of the value at fault, such as ``$.flags.checkout.targeting.if[0]``.
        message: What is there and what is expected.
    """

    path: str
    message: str

    def __str__(self) -> str:
        """Return the path and the message."""
        return f"{self.path}: {self.message}"


def json_path(path: Path) -> str:
    """Return a path as text, such as ``$.flags["a key"].variants.on``."""
    parts = ["$"]
    for part in path:
        if not isinstance(part, str):
            parts.append(f"[{shown(part)}]")
        elif _PLAIN.fullmatch(part):
            parts.append(f".{part}")
        else:
            short = part if len(part) <= _LONGEST_NAME else f"{part[:_LONGEST_NAME]}..."
            parts.append(f"[{short!a}]")
    return "".join(parts)


def shown(value: object) -> str:
    """Return a value for a message: short, whatever it is, and without reading all of it."""
    if value is None:
        return "nothing"
    if isinstance(value, Mapping | list | tuple):
        return "an object" if isinstance(value, Mapping) else "a list"
    if isinstance(value, str):
        text = repr(value[:_LONGEST_VALUE])
        return text if len(value) <= _LONGEST_VALUE else f"{text}..."
    if type(value) is bool or type(value) is float:
        return repr(value)
    if isinstance(value, int):
        bits = value.bit_length()
        return str(int(value)) if bits <= _MOST_BITS else f"an integer of {bits} bits"
    return f"a value of the type {type(value).__name__}"
