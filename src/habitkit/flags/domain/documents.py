"""Documents in flagd's format, and the definitions of single flags that they consist of.

A document keeps our own settings in a section of their own, ``"$habitkit"``, by flag; the
definition of a single flag has them in a member of that name. Empty settings and sections are left
out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from attrs import frozen

from habitkit.flags.domain.faults import Fault, json_path
from habitkit.flags.errors import FlagDefinitionError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from habitkit.flags.domain.faults import Path

__all__ = ["SETTINGS", "Parts", "join", "split", "without_empty_settings"]

SETTINGS = "$habitkit"
_SHARED = ("$evaluators", "metadata")


@frozen
class Parts:
    """The parts of a document.

    Attributes:
        definitions: The definition of each flag, with its settings in it.
        shared: ``$evaluators`` and ``metadata``; an empty one is missing.
    """

    definitions: Mapping[str, Mapping[str, Any]]
    shared: Mapping[str, Any]


def join(definitions: Mapping[str, Mapping[str, Any]], shared: Mapping[str, Any]) -> dict[str, Any]:
    """Return the document of flags and of what they share."""
    document: dict[str, Any] = {
        "flags": {
            key: {name: value for name, value in definition.items() if name != SETTINGS}
            for key, definition in definitions.items()
        }
    }
    document.update({name: shared[name] for name in _SHARED if shared.get(name)})
    settings = {
        key: definition[SETTINGS]
        for key, definition in definitions.items()
        if definition.get(SETTINGS)
    }
    if settings:
        document[SETTINGS] = settings
    return document


def split(document: Mapping[str, Any]) -> Parts:
    """Return the parts of a document; members that flagd does not know are dropped.

    Raises:
        FlagDefinitionError: If a section, a flag or its settings are no object, or if there are
            settings of a flag that is missing, or in both places.
    """
    faults: list[Fault] = []

    def section(name: str) -> dict[str, Any]:
        return _object(document.get(name, {}), (name,), faults)

    if "flags" not in document:
        faults.append(Fault("$", 'expected a member "flags", with the flags by their keys'))
    flags, settings = section("flags"), section(SETTINGS)
    shared = {name: value for name in _SHARED if (value := section(name))}
    definitions = {}
    for key, flag in flags.items():
        definition = _object(flag, ("flags", key), faults)
        if key in settings:
            if SETTINGS in definition:
                message = f"there are settings of this flag in the section {SETTINGS!r} too"
                faults.append(Fault(json_path(("flags", key, SETTINGS)), message))
            definition = {**definition, SETTINGS: settings[key]}
        if SETTINGS in definition:
            _object(definition[SETTINGS], (SETTINGS, key), faults)
        definitions[key] = without_empty_settings(definition)
    faults.extend(
        Fault(json_path((SETTINGS, key)), "settings of a flag that is not in the document")
        for key in settings
        if key not in flags
    )
    if faults:
        raise FlagDefinitionError(faults)
    return Parts(definitions, shared)


def without_empty_settings(definition: Mapping[str, Any]) -> dict[str, Any]:
    """Return a definition without its settings if they are empty."""
    return {
        name: value for name, value in definition.items() if not (name == SETTINGS and value == {})
    }


def _object(value: object, path: Path, faults: list[Fault]) -> dict[str, Any]:
    """Return an object; anything else is a fault."""
    if isinstance(value, dict):
        return value
    faults.append(Fault(json_path(path), f"expected an object, got {type(value).__name__}"))
    return {}
