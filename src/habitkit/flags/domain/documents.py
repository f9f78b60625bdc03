"""Reading a document in flagd's format into definitions, with every fault and its JSON path.

Source: the JSON schema of flagd, ``https://flagd.dev/schema/v0/flags.json``. Stricter than it: a
member that nobody knows is a fault, and so is a default variant that does not exist. Our own
settings stand in the top-level section ``$habitkit``, keyed by flag, which flagd's readers ignore.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from attrs import field, frozen

from habitkit.flags.domain.bucketing import BUCKETINGS
from habitkit.flags.domain.faults import shown
from habitkit.flags.domain.json_checks import (
    add_fault,
    expect_json,
    expect_key,
    expect_members,
    read_object,
    same_json,
)
from habitkit.flags.domain.options import FlagOptions, read_options

if TYPE_CHECKING:
    from collections.abc import Iterable

    from habitkit.flags.domain.experiment_sections import Sections
    from habitkit.flags.domain.faults import Fault, Path

__all__ = ["Definitions", "FlagDefinition", "read_document"]

_SECTIONS = ("$experiments", "$holdouts")
_MEMBERS = ("flags", "$evaluators", "metadata", "$habitkit", *_SECTIONS, "$schema")
_FLAG_MEMBERS = ("state", "variants", "defaultVariant", "targeting", "metadata")
_IGNORED = ("key", "source", "selector")  # which flagd itself writes into flags
_LARGEST_NUMBER = 2**53 - 1
_KINDS = {bool: "boolean", str: "string", int: "number", float: "number", dict: "object"}


@frozen
class FlagDefinition:
    """The definition of one flag.

    Attributes:
        key: The flag.
        enabled: False if its state is ``DISABLED``.
        kind: Of which kind its values are: ``boolean``, ``string``, ``number`` or ``object``.
        variants: The values by the names of the variants.
        default_variant: What is served where no rule says otherwise; None for the caller's default.
        targeting: The rule as it stands in the document; None or empty if there is none.
        metadata: Its metadata, after that of the set.
        options: Our own settings of the flag.
    """

    key: str
    enabled: bool
    kind: str
    variants: Mapping[str, Any]
    default_variant: str | None
    targeting: Any
    metadata: Mapping[str, Any]
    options: FlagOptions


@frozen
class Definitions:
    """All that a document defines.

    Attributes:
        flags: The flags by their keys.
        evaluators: The shared rules by their names.
        metadata: The metadata of the set.
        bucketing: How percentages are bucketed.
        given: What the document says of each flag, before it is read: the flag and our settings.
        sections: Its experiments and holdouts; None if it has no section for them.
    """

    flags: Mapping[str, FlagDefinition]
    evaluators: Mapping[str, Any]
    metadata: Mapping[str, Any]
    bucketing: str
    given: Mapping[str, tuple[object, object]] = field(eq=False, repr=False)
    sections: Sections | None = None


def read_document(
    document: object, faults: list[Fault], reuse: Definitions | None = None
) -> Definitions:
    """Return what a document defines; what is at fault is left out, and added to ``faults``.

    Args:
        document: A mapping, or JSON text.
        faults: Every fault is appended.
        reuse: What a document without faults defines. Of what stands in both in the same way, the
            same objects are returned.
    """
    tree = _parse(document, faults) if isinstance(document, str | bytes) else document
    root = read_object(tree, (), faults)
    expect_members(root, _MEMBERS, (), faults)
    metadata = _metadata(root.get("metadata", {}), ("metadata",), faults)
    bucketing = _bucketing(metadata, faults)
    evaluators = read_object(root.get("$evaluators", {}), ("$evaluators",), faults)
    for name in evaluators:
        expect_key(name, ("$evaluators", name), faults)
    sections = _sections(root, faults, reuse)
    if reuse is not None:
        if same_json(evaluators, reuse.evaluators):
            evaluators = reuse.evaluators
        if same_json(metadata, reuse.metadata):
            metadata = reuse.metadata
        else:  # which is also that of each flag
            reuse = None
    settings = read_object(root.get("$habitkit", {}), ("$habitkit",), faults)
    flags: dict[str, FlagDefinition] = {}
    given: dict[str, tuple[object, object]] = {}
    for key, flag, path in _flags(root.get("flags", {}), faults):
        if key in flags:
            add_fault(faults, path, f"a second flag {key!r}")
        here = flag, settings.get(key, {})
        if reuse is not None and same_json(here, reuse.given.get(key)):
            flags[key], given[key] = reuse.flags[key], reuse.given[key]
            continue
        expect_key(key, path, faults)
        options = read_options(here[1], ("$habitkit", key), faults)
        definition = _flag(key, flag, path, faults, metadata=metadata, options=options)
        if definition is not None:
            flags[key], given[key] = definition, here
    for key in settings.keys() - {key for key, _, _ in _flags(root.get("flags", {}), [])}:
        add_fault(faults, ("$habitkit", key), f"there is no flag {key!r}")
    return Definitions(flags, evaluators, metadata, bucketing, given, sections)


def _sections(
    root: Mapping[str, Any], faults: list[Fault], reuse: Definitions | None
) -> Sections | None:
    """Return what the document says of experiments; what they need is loaded only here."""
    if not any(name in root for name in _SECTIONS):
        return None
    from habitkit.flags.domain.experiment_sections import read_sections  # noqa: PLC0415

    return read_sections(root, faults, None if reuse is None else reuse.sections)


def _bucketing(metadata: Mapping[str, Any], faults: list[Fault]) -> str:
    """Return how percentages are bucketed, which the metadata of the set may say."""
    found = metadata.get("bucketing", "v2")
    if found in BUCKETINGS:
        return str(found)
    expected = ", ".join(BUCKETINGS)
    message = f"expected one of {expected}, got {shown(found)}"
    add_fault(faults, ("metadata", "bucketing"), message)
    return "v2"


def _parse(text: str | bytes, faults: list[Fault]) -> Any:
    """Return JSON text as a tree; a member given twice is a fault."""

    def members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) != len(pairs):
            names = [name for name, _ in pairs]
            twice = sorted({name for name in names if names.count(name) > 1})
            add_fault(faults, (), f"members given twice in one object: {', '.join(twice)}")
        return found

    def constant(name: str) -> float:
        add_fault(faults, (), f"{name} is no JSON")
        return 0.0

    try:
        return json.loads(text, object_pairs_hook=members, parse_constant=constant)
    except (ValueError, RecursionError) as error:
        reason = "it is nested too deeply" if isinstance(error, RecursionError) else str(error)
        add_fault(faults, (), f"this is no JSON: {reason}")
        return {}


def _flags(given: object, faults: list[Fault]) -> Iterable[tuple[str, object, Path]]:
    """Return the flags of a document: a mapping by key, or a list in which each has its key."""
    if isinstance(given, Mapping):
        flags = read_object(given, ("flags",), faults)
        return [(key, flag, ("flags", key)) for key, flag in flags.items()]
    if not isinstance(given, list):
        add_fault(faults, ("flags",), f"expected an object, got {shown(given)}")
        return []
    found: list[tuple[str, object, Path]] = []
    for index, flag in enumerate(given):
        key = flag.get("key") if isinstance(flag, Mapping) else None
        if isinstance(key, str):
            found.append((key, flag, ("flags", index)))
        else:
            add_fault(faults, ("flags", index), "expected an object with a key")
    return found


def _flag(
    key: str,
    given: object,
    path: Path,
    faults: list[Fault],
    *,
    metadata: Mapping[str, Any],
    options: FlagOptions,
) -> FlagDefinition | None:
    """Return the definition of a flag without what is at fault; None if it is no object."""
    before = len(faults)
    flag = read_object(given, path, faults)
    if len(faults) > before:
        return None
    expect_members(flag, (*_FLAG_MEMBERS, *_IGNORED), path, faults)
    state = flag.get("state")
    if state not in ("ENABLED", "DISABLED"):
        add_fault(faults, (*path, "state"), f'expected "ENABLED" or "DISABLED", got {shown(state)}')
    variants = read_object(flag.get("variants"), (*path, "variants"), faults)
    if flag.get("variants") == {}:
        add_fault(faults, (*path, "variants"), "expected at least one variant")
    kind = _kind(variants, (*path, "variants"), faults)
    default = flag.get("defaultVariant")
    if default == "":
        default = None  # as flagd reads it
    if default is not None and (not isinstance(default, str) or default not in variants):
        expected = ", ".join(sorted(str(name) for name in variants)) or "a variant"
        message = f"expected one of the variants ({expected}) or null, got {shown(default)}"
        add_fault(faults, (*path, "defaultVariant"), message)
        default = None
    targeting = flag.get("targeting")
    if targeting is not None:
        targeting = read_object(targeting, (*path, "targeting"), faults)
    own = _metadata(flag.get("metadata", {}), (*path, "metadata"), faults)
    return FlagDefinition(
        key=key,
        enabled=state == "ENABLED",
        kind=kind,
        variants=variants,
        default_variant=default,
        targeting=targeting,
        metadata=MappingProxyType({**metadata, **own}),
        options=options,
    )


def _kind(variants: Mapping[str, Any], path: Path, faults: list[Fault]) -> str:
    """Return of which kind the values of a flag are: all of one."""
    kinds: set[str] = set()
    for name, value in variants.items():
        expect_key(name, (*path, name), faults)
        kind = _KINDS.get(type(value)) or ("object" if isinstance(value, Mapping) else None)
        if kind is None:
            expected = "a boolean, a string, a number or an object"
            add_fault(faults, (*path, name), f"expected {expected}, got {shown(value)}")
            continue
        kinds.add(kind)
        expect_json(value, (*path, name), faults)
        too_large = isinstance(value, int | float) and _LARGEST_NUMBER < abs(value) < math.inf
        if too_large:  # as in flagd's schema
            expected = "a number from -(2**53-1) to 2**53-1"
            add_fault(faults, (*path, name), f"expected {expected}, got {shown(value)}")
    if len(kinds) > 1:
        add_fault(faults, path, f"expected values of one kind, got {' and '.join(sorted(kinds))}")
    return next(iter(kinds), "boolean")


def _metadata(given: object, path: Path, faults: list[Fault]) -> Mapping[str, Any]:
    """Return metadata, whose values are strings, numbers and booleans."""
    found = read_object(given, path, faults)
    for name, value in found.items():
        if not isinstance(value, str | int | float):
            expected = "a string, a number or a boolean"
            add_fault(faults, (*path, name), f"expected {expected}, got {shown(value)}")
        else:
            expect_json(value, (*path, name), faults)
    return found
