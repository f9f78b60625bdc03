"""Reading a document in flagd's format into definitions, with every fault and its JSON path.

Source: the JSON schema of flagd, ``https://flagd.dev/schema/v0/flags.json``. Stricter than it: a
member that nobody knows is a fault, and so is a default variant that does not exist. Our own
settings stand in the top-level section ``$habitkit``, keyed by flag, which flagd's readers ignore.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from attrs import frozen

from habitkit._text import storable
from habitkit.flags.domain.bucketing import BUCKETINGS
from habitkit.flags.domain.faults import Fault, json_path
from habitkit.flags.domain.options import FlagOptions, read_options

if TYPE_CHECKING:
    from collections.abc import Iterable

    from habitkit.flags.domain.faults import Path

__all__ = ["Definitions", "FlagDefinition", "read_document"]

_MEMBERS = ("flags", "$evaluators", "metadata", "$habitkit", "$schema")
_FLAG_MEMBERS = ("state", "variants", "defaultVariant", "targeting", "metadata")
_IGNORED = ("key", "source", "selector")  # which flagd itself writes into flags
_LONGEST_KEY = 200
_LARGEST_INT = 2**53 - 1
_DEEPEST = 64
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
    """

    flags: Mapping[str, FlagDefinition]
    evaluators: Mapping[str, Any]
    metadata: Mapping[str, Any]
    bucketing: str


def read_document(document: object, faults: list[Fault]) -> Definitions:
    """Return what a document defines; what is at fault is left out, and added to ``faults``.

    Args:
        document: A mapping, or JSON text.
        faults: Every fault is appended.
    """
    tree = _parse(document, faults) if isinstance(document, str | bytes) else document
    root = _object(tree, (), faults)
    _only(root, _MEMBERS, (), faults)
    metadata = _metadata(root.get("metadata", {}), ("metadata",), faults)
    bucketing = metadata.get("bucketing", "v2")
    if bucketing not in BUCKETINGS:
        expected = ", ".join(BUCKETINGS)
        _add(faults, ("metadata", "bucketing"), f"expected one of {expected}, got {bucketing!r}")
        bucketing = "v2"
    evaluators = _object(root.get("$evaluators", {}), ("$evaluators",), faults)
    for name in evaluators:
        _expect_key(name, ("$evaluators", name), faults)
    settings = _object(root.get("$habitkit", {}), ("$habitkit",), faults)
    flags: dict[str, FlagDefinition] = {}
    for key, flag, path in _flags(root.get("flags", {}), faults):
        _expect_key(key, path, faults)
        if key in flags:
            _add(faults, path, f"a second flag {key!r}")
        options = read_options(settings.get(key, {}), ("$habitkit", key), faults)
        definition = _flag(key, flag, path, faults, metadata=metadata, options=options)
        if definition is not None:
            flags[key] = definition
    for key in settings.keys() - {key for key, _, _ in _flags(root.get("flags", {}), [])}:
        _add(faults, ("$habitkit", key), f"there is no flag {key!r}")
    return Definitions(flags, evaluators, metadata, bucketing)


def _parse(text: str | bytes, faults: list[Fault]) -> Any:
    """Return JSON text as a tree; a member given twice is a fault."""

    def members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) != len(pairs):
            names = [name for name, _ in pairs]
            twice = sorted({name for name in names if names.count(name) > 1})
            _add(faults, (), f"members given twice in one object: {', '.join(twice)}")
        return found

    def constant(name: str) -> float:
        _add(faults, (), f"{name} is no JSON")
        return 0.0

    try:
        return json.loads(text, object_pairs_hook=members, parse_constant=constant)
    except (ValueError, RecursionError) as error:
        reason = "it is nested too deeply" if isinstance(error, RecursionError) else str(error)
        _add(faults, (), f"this is no JSON: {reason}")
        return {}


def _flags(given: object, faults: list[Fault]) -> Iterable[tuple[str, object, Path]]:
    """Return the flags of a document: a mapping by key, or a list in which each has its key."""
    if isinstance(given, Mapping):
        flags = _object(given, ("flags",), faults)
        return [(key, flag, ("flags", key)) for key, flag in flags.items()]
    if not isinstance(given, list):
        _add(faults, ("flags",), f"expected an object, got {_shown(given)}")
        return []
    found: list[tuple[str, object, Path]] = []
    for index, flag in enumerate(given):
        key = flag.get("key") if isinstance(flag, Mapping) else None
        if isinstance(key, str):
            found.append((key, flag, ("flags", index)))
        else:
            _add(faults, ("flags", index), "expected an object with a key")
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
    flag = _object(given, path, faults)
    if len(faults) > before:
        return None
    _only(flag, (*_FLAG_MEMBERS, *_IGNORED), path, faults)
    state = flag.get("state")
    if state not in ("ENABLED", "DISABLED"):
        _add(faults, (*path, "state"), f'expected "ENABLED" or "DISABLED", got {_shown(state)}')
    variants = _object(flag.get("variants"), (*path, "variants"), faults)
    if flag.get("variants") == {}:
        _add(faults, (*path, "variants"), "expected at least one variant")
    kind = _kind(variants, (*path, "variants"), faults)
    default = flag.get("defaultVariant")
    if default == "":
        default = None  # as flagd reads it
    if default is not None and (not isinstance(default, str) or default not in variants):
        expected = ", ".join(sorted(str(name) for name in variants)) or "a variant"
        message = f"expected one of the variants ({expected}) or null, got {_shown(default)}"
        _add(faults, (*path, "defaultVariant"), message)
        default = None
    targeting = flag.get("targeting")
    if targeting is not None:
        targeting = _object(targeting, (*path, "targeting"), faults)
    own = _metadata(flag.get("metadata", {}), (*path, "metadata"), faults)
    return FlagDefinition(
        key=key,
        enabled=state == "ENABLED",
        kind=kind,
        variants=variants,
        default_variant=default,
        targeting=targeting,
        metadata={**metadata, **own},
        options=options,
    )


def _kind(variants: Mapping[str, Any], path: Path, faults: list[Fault]) -> str:
    """Return of which kind the values of a flag are: all of one."""
    kinds: set[str] = set()
    for name, value in variants.items():
        _expect_key(name, (*path, name), faults)
        kind = _KINDS.get(type(value)) or ("object" if isinstance(value, Mapping) else None)
        if kind is None:
            expected = "a boolean, a string, a number or an object"
            _add(faults, (*path, name), f"expected {expected}, got {_shown(value)}")
            continue
        kinds.add(kind)
        _expect_json(value, (*path, name), faults)
    if len(kinds) > 1:
        _add(faults, path, f"expected values of one kind, got {' and '.join(sorted(kinds))}")
    return next(iter(kinds), "boolean")


def _metadata(given: object, path: Path, faults: list[Fault]) -> Mapping[str, Any]:
    """Return metadata, whose values are strings, numbers and booleans."""
    found = _object(given, path, faults)
    for name, value in found.items():
        if not isinstance(value, str | int | float):
            expected = "a string, a number or a boolean"
            _add(faults, (*path, name), f"expected {expected}, got {_shown(value)}")
        else:
            _expect_json(value, (*path, name), faults)
    return found


def _object(given: object, path: Path, faults: list[Fault]) -> Mapping[str, Any]:
    """Return a JSON object, or an empty one if it is at fault."""
    if not isinstance(given, Mapping):
        _add(faults, path, f"expected an object, got {_shown(given)}")
    elif not all(isinstance(name, str) for name in given):
        _add(faults, path, "expected the names of members to be strings")
    else:
        return given
    return {}


def _only(
    given: Mapping[str, Any], known: tuple[str, ...], path: Path, faults: list[Fault]
) -> None:
    """Refuse members that nobody knows; a misspelt rule would be ignored otherwise."""
    for name in given:
        if name not in known:
            near = get_close_matches(name, known, 1)
            hint = f"; did you mean {near[0]!r}?" if near else f"; expected {', '.join(known)}"
            _add(faults, (*path, name), f"unknown member{hint}")


def _expect_key(key: str, path: Path, faults: list[Fault]) -> None:
    if not (0 < len(key) <= _LONGEST_KEY and storable(key)):
        expected = f"a name of 1 to {_LONGEST_KEY} characters, valid UTF-8 without NUL"
        _add(faults, path, f"expected {expected}")


def _expect_json(value: object, path: Path, faults: list[Fault], depth: int = 0) -> None:
    """Refuse what JSON cannot carry between two programs."""
    if depth > _DEEPEST:
        _add(faults, path, f"expected at most {_DEEPEST} levels")
    elif isinstance(value, Mapping):
        for name, inner in _object(value, path, faults).items():
            _expect_json(name, path, faults)
            _expect_json(inner, (*path, name), faults, depth + 1)
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            _expect_json(inner, (*path, index), faults, depth + 1)
    elif isinstance(value, str):
        if not storable(value):
            _add(faults, path, "expected valid UTF-8 without NUL")
    elif isinstance(value, int | float):
        _expect_number(value, path, faults)
    elif value is not None:
        _add(faults, path, f"expected JSON, got {_shown(value)}")


def _expect_number(value: float, path: Path, faults: list[Fault]) -> None:
    """Refuse numbers that JavaScript would change."""
    if isinstance(value, int) and abs(value) > _LARGEST_INT:
        _add(faults, path, f"expected an integer from -(2**53-1) to 2**53-1, got {value}")
    elif not math.isfinite(value):
        _add(faults, path, f"expected a finite number, got {value}")


def _add(faults: list[Fault], path: Path, message: str) -> None:
    faults.append(Fault(json_path(path), message))


def _shown(value: object) -> str:
    """Return a value for a message, shortened."""
    if value is None:
        return "nothing"
    if isinstance(value, Mapping):
        return "an object"
    if isinstance(value, list):
        return "a list"
    text = repr(value)
    return text if len(text) <= 40 else f"{text[:40]}..."  # noqa: PLR2004 - one line
