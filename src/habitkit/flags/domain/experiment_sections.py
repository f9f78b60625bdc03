"""Reading the sections ``$experiments`` and ``$holdouts`` of a document.

It is imported for documents that have one of them, as it loads what experiments need.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from attrs import field, frozen

from habitkit.experiments.domain.definition import SEGMENTS, StoredExperiment
from habitkit.experiments.domain.definition_json import read_experiment
from habitkit.flags.domain.document_parts import EXPERIMENTS, HOLDOUTS
from habitkit.flags.domain.faults import shown
from habitkit.flags.domain.json_checks import (
    add_fault,
    expect_key,
    expect_members,
    read_object,
    same_json,
)

if TYPE_CHECKING:
    from habitkit.flags.domain.faults import Fault, Path

__all__ = ["Sections", "read_holdouts", "read_sections"]


@frozen
class Sections:
    """What a document says of experiments and holdouts.

    Attributes:
        experiments: The experiments by their keys.
        holdouts: The segments of the top layer, of 10,000, that each holdout has: the first one,
            and the one after the last.
        given: Both sections as they stand in the document.
    """

    experiments: Mapping[str, StoredExperiment]
    holdouts: Mapping[str, tuple[int, int]]
    given: Mapping[str, Any] = field(eq=False, repr=False)


def read_sections(
    root: Mapping[str, Any], faults: list[Fault], reuse: Sections | None = None
) -> Sections:
    """Return what a document says of experiments and holdouts.

    Args:
        root: The document.
        faults: Every fault is appended; what is at fault is left out.
        reuse: What an earlier document without faults says: of what stands in both in the same
            way, the same objects are returned.
    """
    given = {name: root.get(name, {}) for name in (EXPERIMENTS, HOLDOUTS)}
    if reuse is not None and same_json(given, reuse.given):
        return reuse
    before: Mapping[str, Any] = {} if reuse is None else reuse.given[EXPERIMENTS]
    experiments: dict[str, StoredExperiment] = {}
    for key, each in read_object(given[EXPERIMENTS], (EXPERIMENTS,), faults).items():
        path = (EXPERIMENTS, key)
        if reuse is not None and key in before and same_json(each, before[key]):
            experiments[key] = reuse.experiments[key]
            continue
        expect_key(key, path, faults)
        experiment = read_experiment(key, each, path, faults)
        if experiment is not None:
            experiments[key] = experiment
    return Sections(experiments, read_holdouts(given[HOLDOUTS], faults), MappingProxyType(given))


def read_holdouts(given: object, faults: list[Fault]) -> dict[str, tuple[int, int]]:
    """Return the ranges of the holdouts, which must not overlap.

    Args:
        given: ``{"name": {"first": 0, "end": 500}}``, in segments of 10,000.
        faults: Every fault is appended; a holdout at fault is left out.
    """
    found: dict[str, tuple[int, int]] = {}
    for name, each in read_object(given, (HOLDOUTS,), faults).items():
        path = (HOLDOUTS, name)
        expect_key(name, path, faults)
        range_ = _range(each, path, faults)
        if range_ is None:
            continue
        for other, (first, end) in found.items():
            if range_[0] < end and first < range_[1]:
                add_fault(faults, path, f"its segments overlap with those of holdout {other!r}")
                break
        else:
            found[name] = range_
    return found


def _range(given: object, path: Path, faults: list[Fault]) -> tuple[int, int] | None:
    """Return the range of a holdout; None if it is at fault."""
    if not isinstance(given, Mapping):
        add_fault(faults, path, f'expected {{"first": int, "end": int}}, got {shown(given)}')
        return None
    before = len(faults)
    expect_members(read_object(given, path, faults), ("first", "end"), path, faults)
    first, end = given.get("first"), given.get("end")
    if type(first) is not int or not 0 <= first < SEGMENTS:
        expected = f"an int from 0 to {SEGMENTS - 1}"
        add_fault(faults, (*path, "first"), f"expected {expected}, got {shown(first)}")
    elif type(end) is not int or not first < end <= SEGMENTS:
        expected = f"an int above {first}, up to {SEGMENTS}"
        add_fault(faults, (*path, "end"), f"expected {expected}, got {shown(end)}")
    elif len(faults) == before:
        return first, end
    return None
