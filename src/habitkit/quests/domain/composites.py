"""Objectives that are made of others: all of them, any of them, one after the other."""

from __future__ import annotations

import typing
from collections.abc import Mapping
from decimal import Decimal

from attrs import frozen

from habitkit.errors import InvalidInput
from habitkit.quests.domain.counting import Count, Distinct, Sum
from habitkit.quests.domain.items_and_damage import Collect, Damage
from habitkit.quests.domain.objectives import Objective
from habitkit.quests.domain.streak_objective import ReachStreak

__all__ = ["LEAVES", "MOST_LEVELS", "All", "Any", "ObjectiveTree", "Sequence", "expect_objective"]

LEAVES: Mapping[str, type[Objective]] = {
    kind.kind: kind for kind in (Collect, Count, Damage, Distinct, ReachStreak, Sum)
}
"""The kinds of objectives that are not made of others, by their names."""

MOST_LEVELS = 5
"""How deep objectives that are made of others may be nested."""

_MOST_LEAVES = 50
_ATTRIBUTES = ("additive", "goal", "types", "measure", "evaluate", "to_dict", "from_dict")


def _expect_parts(kind: str, parts: tuple[object, ...]) -> None:
    """Refuse parts that are none, too many or nested too deeply."""
    found, what = [expect_objective(part) for part in parts], f"parts of {kind}"
    count = sum(map(_leaves_in, found))
    if not 1 <= count <= _MOST_LEAVES:
        expected = f"1 to {_MOST_LEAVES} objectives in all"
        raise InvalidInput(what, given=count, expected=expected)
    levels = 1 + max(map(_levels_of, found))
    if levels > MOST_LEVELS:
        expected = f"All, Any and Sequence nested at most {MOST_LEVELS} levels deep"
        raise InvalidInput(what, given=levels, expected=expected)


def _leaves_in(objective: ObjectiveTree) -> int:
    if isinstance(objective, All | Any | Sequence):
        return sum(map(_leaves_in, objective.parts))
    return 1


def _levels_of(objective: ObjectiveTree) -> int:
    if isinstance(objective, All | Any | Sequence):
        return 1 + max(map(_levels_of, objective.parts))
    return 0


@frozen(init=False)
class All:
    """All of some objectives, in whatever order.

    Attributes:
        parts: The objectives.

    Raises:
        InvalidInput: If they are none, more than 50 in all, or nested more than 5 levels deep.
    """

    kind: typing.ClassVar[str] = "all"

    parts: tuple[ObjectiveTree, ...]

    def __init__(self, *parts: ObjectiveTree) -> None:
        """Check the parts, and keep them."""
        _expect_parts(self.kind, parts)
        object.__setattr__(self, "parts", parts)

    @property
    def goal(self) -> Decimal:
        """How many parts have to be complete."""
        return Decimal(len(self.parts))


@frozen(init=False)
class Any:
    """One of some objectives.

    Attributes:
        parts: The objectives.

    Raises:
        InvalidInput: If they are none, more than 50 in all, or nested more than 5 levels deep.
    """

    kind: typing.ClassVar[str] = "any"

    parts: tuple[ObjectiveTree, ...]

    def __init__(self, *parts: ObjectiveTree) -> None:
        """Check the parts, and keep them."""
        _expect_parts(self.kind, parts)
        object.__setattr__(self, "parts", parts)

    @property
    def goal(self) -> Decimal:
        """How many parts have to be complete."""
        return Decimal(1)


@frozen(init=False)
class Sequence:
    """Some objectives one after the other.

    A part counts only what lies strictly after the event that completed the part before.

    Attributes:
        parts: The objectives.

    Raises:
        InvalidInput: If they are none, more than 50 in all, or nested more than 5 levels deep.
    """

    kind: typing.ClassVar[str] = "sequence"

    parts: tuple[ObjectiveTree, ...]

    def __init__(self, *parts: ObjectiveTree) -> None:
        """Check the parts, and keep them."""
        _expect_parts(self.kind, parts)
        object.__setattr__(self, "parts", parts)

    @property
    def goal(self) -> Decimal:
        """How many parts have to be complete."""
        return Decimal(len(self.parts))


ObjectiveTree: typing.TypeAlias = Objective | All | Any | Sequence
"""An objective, or one that is made of others."""


def expect_objective(value: typing.Any) -> ObjectiveTree:
    """Return an objective: one of habitkit's, or a frozen value like ``Objective``.

    Raises:
        InvalidInput: If it is none; if the kind of one that is not habitkit's has no dot in it, so
            that habitkit could have one of that name; or if it can change.
    """
    if isinstance(value, type):
        raise InvalidInput("objective", given=value, expected="an objective, not its class")
    if isinstance(value, All | Any | Sequence) or type(value) in LEAVES.values():
        return typing.cast("ObjectiveTree", value)
    kind = getattr(value, "kind", None)
    missing = [name for name in _ATTRIBUTES if not hasattr(value, name)]
    if missing or not isinstance(kind, str):
        expected = (
            "an objective such as Count(...), or a value with the attributes of "
            f"habitkit.quests.Objective; missing: {', '.join(missing or ['kind'])}"
        )
        raise InvalidInput("objective", given=value, expected=expected)
    if "." not in kind:
        expected = f'one with a dot in it, such as "acme.{kind}"'
        raise InvalidInput("kind of an objective", given=kind, expected=expected)
    if type(value).__hash__ is None:
        raise InvalidInput("objective", given=value, expected="a frozen value, as of attrs.frozen")
    return typing.cast("ObjectiveTree", value)
