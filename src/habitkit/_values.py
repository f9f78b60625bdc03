"""How the values are made that everybody handles: facts, events, results."""

from __future__ import annotations

from reprlib import recursive_repr
from typing import TYPE_CHECKING, Any

import attrs

__all__ = ["fact", "frozen", "of_fields"]

of_fields = tuple.__new__
"""Makes a ``NamedTuple`` of all its fields in their order, ``of_fields(Move, (id_, seq, ...))``: in
less than half the time that the class itself takes, for those made at every action."""


class _Shared:
    """What attrs would write and compile for each class anew: half of what a class costs to make.

    It is for all classes alike, slower to run, and no action needs it.
    """

    __attrs_attrs__: tuple[attrs.Attribute[Any], ...]

    @recursive_repr("...")
    def __repr__(self) -> str:
        """Show the class and the fields, as attrs does."""
        name = type(self).__qualname__.rsplit(">.", 1)[-1]
        fields = [f"{a.name}={getattr(self, a.name)!r}" for a in self.__attrs_attrs__ if a.repr]
        return f"{name}({', '.join(fields)})"

    def __eq__(self, other: object) -> bool:
        """Compare the fields of two of the very same class."""
        if other.__class__ is not self.__class__:
            return NotImplemented
        names = [a.name for a in self.__attrs_attrs__ if a.eq]
        return all(getattr(self, name) == getattr(other, name) for name in names)

    def __hash__(self) -> int:
        """Hash the fields that are compared, but for those that say they cannot be."""
        hashed = [a.name for a in self.__attrs_attrs__ if (a.eq if a.hash is None else a.hash)]
        return hash((type(self), *[getattr(self, name) for name in hashed]))


def _shared(cls: type) -> type:
    """Give a class the methods that attrs then finds there and leaves alone."""
    for name in ("__repr__", "__eq__", "__hash__"):
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
