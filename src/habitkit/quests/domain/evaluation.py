"""How far an objective is; and how one is stored."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any, TypeAlias, cast

from attrs import frozen

from habitkit.errors import InvalidInput
from habitkit.quests.domain import composites
from habitkit.quests.domain.composites import MOST_LEVELS, ObjectiveTree, expect_objective
from habitkit.quests.domain.objectives import Counted, Objective, Place, Reached

__all__ = [
    "BUILT_IN",
    "evaluate",
    "expect_objective",
    "from_dict",
    "leaves",
    "may_be_complete",
    "progress_parts",
    "to_dict",
    "types_of",
]

_Composite: TypeAlias = composites.All | composites.Any | composites.Sequence
_COMPOSITES: Mapping[str, type[_Composite]] = {
    kind.kind: kind for kind in (composites.All, composites.Any, composites.Sequence)
}

BUILT_IN: Mapping[str, type] = {**composites.LEAVES, **_COMPOSITES}
"""The kinds of objectives that habitkit has, by their names."""


@frozen
class _Progress:
    """How far an objective is, and each of its leaves."""

    reached: Reached
    leaves: list[Reached]


# -- the tree --------------------------------------------------------------------------------------


def leaves(objective: ObjectiveTree) -> tuple[Objective, ...]:
    """Return the objectives of which one is made, from the left to the right."""
    return tuple(_leaves(objective))


def _leaves(objective: ObjectiveTree) -> Iterator[Objective]:
    if isinstance(objective, _Composite):
        for part in objective.parts:
            yield from _leaves(part)
    else:
        yield objective


def types_of(objective: ObjectiveTree) -> frozenset[str]:
    """Return the types of events that can change it."""
    return frozenset[str]().union(*(leaf.types for leaf in _leaves(objective)))


# -- how far it is ---------------------------------------------------------------------------------


def evaluate(
    objective: ObjectiveTree, counted: Sequence[Counted], since: Place | None = None
) -> Reached:
    """Return how far an objective is.

    Of one that is made of others ``value`` is how many of them are complete, and ``goal`` how many
    have to be.

    Args:
        objective: The objective.
        counted: For each of its leaves what it is evaluated on.
        since: Only what lies strictly after this place counts; None for all.
    """
    return _progress(objective, iter(counted), since).reached


def progress_parts(objective: ObjectiveTree, counted: Sequence[Counted]) -> list[Reached]:
    """Return how far each leaf of an objective is, to be shown.

    A part of a ``Sequence`` that has not begun, as the one before is not complete, is at 0.

    Args:
        objective: The objective.
        counted: For each of its leaves what it is evaluated on.
    """
    return _progress(objective, iter(counted), None).leaves


def _progress(
    objective: ObjectiveTree, counted: Iterator[Counted], since: Place | None
) -> _Progress:
    """Evaluate an objective, and take what belongs to its leaves from an iterator."""
    if isinstance(objective, composites.Sequence):
        return _of_sequence(objective, counted, since)
    if isinstance(objective, composites.All | composites.Any):
        parts = [_progress(part, counted, since) for part in objective.parts]
        places = [it.reached.complete for it in parts if it.reached.complete is not None]
        complete = None
        if len(places) >= objective.goal:
            complete = min(places) if isinstance(objective, composites.Any) else max(places)
        reached = Reached(Decimal(len(places)), objective.goal, complete)
        return _Progress(reached, [leaf for it in parts for leaf in it.leaves])
    own = next(counted)
    reached = objective.evaluate(own if since is None else own.after(since))
    return _Progress(reached, [reached])


def _of_sequence(
    objective: composites.Sequence, counted: Iterator[Counted], since: Place | None
) -> _Progress:
    found: list[Reached] = []
    done, has_begun, place = 0, True, since
    for part in objective.parts:
        if has_begun:
            progress = _progress(part, counted, place)
            found += progress.leaves
            place = progress.reached.complete
            has_begun = place is not None
            done += has_begun
        else:
            for leaf in _leaves(part):
                next(counted)
                found.append(Reached(Decimal(0), leaf.goal))
    return _Progress(Reached(Decimal(done), objective.goal, place), found)


def may_be_complete(objective: ObjectiveTree, totals: Sequence[Decimal]) -> bool:
    """Return False only if the totals of additive leaves show that it is not complete.

    Args:
        objective: The objective.
        totals: For each of its leaves the sum of what contributes to it.
    """
    return _may_be(objective, iter(totals))


def _may_be(objective: ObjectiveTree, totals: Iterator[Decimal]) -> bool:
    if isinstance(objective, _Composite):
        # A list, as every part takes its totals.
        parts = [_may_be(part, totals) for part in objective.parts]
        return any(parts) if isinstance(objective, composites.Any) else all(parts)
    total = next(totals)
    return not objective.additive or total >= objective.goal


# -- as JSON ---------------------------------------------------------------------------------------


def to_dict(objective: ObjectiveTree) -> dict[str, Any]:
    """Return an objective as a JSON object: its ``kind``, and what makes it."""
    if isinstance(objective, _Composite):
        return {"kind": objective.kind, "parts": [to_dict(part) for part in objective.parts]}
    return {**objective.to_dict(), "kind": objective.kind}


def from_dict(content: object, kinds: Mapping[str, type]) -> ObjectiveTree:
    """Make an objective of such an object.

    Args:
        content: The object.
        kinds: The classes of objectives by their kinds, besides those that habitkit has.

    Raises:
        InvalidInput: If it is no such object, or its kind is unknown.
    """
    return _read(content, kinds, MOST_LEVELS)


def _read(content: object, kinds: Mapping[str, type], levels: int) -> ObjectiveTree:
    if not isinstance(content, Mapping) or not isinstance(content.get("kind"), str):
        expected = 'an object with a kind, such as {"kind": "count", "event": ..., "n": 3}'
        raise InvalidInput("objective", given=content, expected=expected)
    kind = content["kind"]
    rest = {name: value for name, value in content.items() if name != "kind"}
    if kind in _COMPOSITES:
        return _read_composite(kind, rest, kinds, levels)
    found = composites.LEAVES.get(kind) or kinds.get(kind)
    if found is None:
        known = ", ".join(sorted({*BUILT_IN, *kinds}))
        expected = (
            f"one of {known}; for an objective of your own pass its class in "
            "QuestSettings(objectives=[...])"
        )
        raise InvalidInput("kind of an objective", given=kind, expected=expected)
    return expect_objective(cast("type[Objective]", found).from_dict(rest))


def _read_composite(
    kind: str, content: Mapping[str, Any], kinds: Mapping[str, type], levels: int
) -> ObjectiveTree:
    parts = content.get("parts")
    if set(content) != {"parts"} or not isinstance(parts, list | tuple):
        expected = f'an object of the kind {kind} with a list of "parts"'
        raise InvalidInput("objective", given={"kind": kind, **content}, expected=expected)
    if levels == 0:
        expected = f"All, Any and Sequence nested at most {MOST_LEVELS} levels deep"
        raise InvalidInput("objective", given=content, expected=expected)
    return _COMPOSITES[kind](*(_read(part, kinds, levels - 1) for part in parts))
