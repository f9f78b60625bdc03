"""How the values are made that everybody handles: facts, events, results."""

from __future__ import annotations

from functools import lru_cache
from operator import attrgetter, eq
from reprlib import recursive_repr
from typing import TYPE_CHECKING, Any

import attrs

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["fact", "frozen", "of_fields"]

of_fields = tuple.__new__
"""Makes a ``NamedTuple`` of all its fields in their order, ``of_fields(Move, (id_, seq, ...))``: in
less than half the time that the class itself takes, for those made at every action."""


@lru_cache(maxsize=1024)
def _compared(cls: type) -> Callable[[object], tuple[object, ...]]:
    """Return what reads the class of a value and the fields by which it is compared."""
    return attrgetter("__class__", *[a.name for a in attrs.fields(cls) if a.eq])


@lru_cache(maxsize=1024)
def _hashed(cls: type) -> Callable[[object], tuple[object, ...]]:
    """Return what reads the class of a value and the fields by which it is hashed."""
    names = [a.name for a in attrs.fields(cls) if (a.eq if a.hash is None else a.hash)]
    return attrgetter("__class__", *names)


class _Shared:
    """What attrs would write and compile for each class anew, which takes half of its making."""

    @recursive_repr("...")
    def __repr__(self) -> str:
        """Show the class and the fields, as attrs does."""
        cls: Any = type(self)
        shown = [f"{a.name}={getattr(self, a.name)!r}" for a in attrs.fields(cls) if a.repr]
        return f"{cls.__qualname__.rsplit('>.', 1)[-1]}({', '.join(shown)})"

    def __eq__(self, other: object) -> bool:
        """Compare the fields of two of the very same class."""
        if type(other) is not type(self):
            return NotImplemented
        cls: Any = type(self)
        read = _compared(cls)
        return all(map(eq, read(self), read(other)))

    def __hash__(self) -> int:
        """Hash the class and the fields."""
        cls: Any = type(self)
        return hash(_hashed(cls)(self))


def _shared(cls: type) -> type:
    """Give a class the methods that attrs then finds there and leaves alone, as it does its own."""
    for name in {"__repr__", "__eq__", "__hash__"} - vars(cls).keys():
        setattr(cls, name, vars(_Shared)[name])
    return cls


if TYPE_CHECKING:
    from attrs import frozen
    from attrs import frozen as fact
else:

    def frozen(cls: type) -> type:
        """Make a class a value: ``attrs.frozen``, with the methods that all values share."""
        return attrs.frozen(_shared(cls))

    def fact(cls: type) -> type:
        """Make a class a value of those that are made at every action.

        Frozen for type checkers. At run time it is a plain class with slots, equality and hash: a
        frozen one sets each field through object.__setattr__, which takes four times as long and
        was a tenth of a whole check-in.
        """
        return attrs.define(_shared(cls))
