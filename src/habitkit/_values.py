"""How the values are made that every action makes: facts, events, results."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from attrs import define

__all__ = ["fact", "of_fields"]

of_fields = tuple.__new__
"""Makes a ``NamedTuple`` of all its fields in their order, ``of_fields(Move, (id_, seq, ...))``: in
less than half the time that the class itself takes, for those made at every action."""

if TYPE_CHECKING:
    from attrs import frozen as fact
else:
    # Frozen for type checkers. At run time it is a plain class with slots, equality and hash: a
    # frozen one sets each field through object.__setattr__, which takes four times as long and was
    # a tenth of a whole check-in.
    fact = partial(define, unsafe_hash=True)
