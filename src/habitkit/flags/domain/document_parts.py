"""Documents in flagd's format, and the definitions of single flags that they consist of.

A document keeps our own settings in a section of their own, ``"$habitkit"``, by flag; the
definition of a single flag has them in a member of that name. Empty settings and sections are left
out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from attrs import frozen

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = [
    "EXPERIMENTS",
    "HOLDOUTS",
    "SETTINGS",
    "Parts",
    "join",
    "split",
    "without_empty_settings",
]

EXPERIMENTS = "$experiments"
HOLDOUTS = "$holdouts"
SETTINGS = "$habitkit"
_SHARED = ("$evaluators", "metadata", EXPERIMENTS, HOLDOUTS)


@frozen
class Parts:
    """The parts of a document.

    Attributes:
        definitions: The definition of each flag, with its settings in it.
        shared: ``$evaluators``, ``metadata``, ``$experiments`` and ``$holdouts``; an empty one is
            missing.
    """

    definitions: Mapping[str, Mapping[str, Any]]
    shared: Mapping[str, Any]


def join(definitions: Mapping[str, Mapping[str, Any]], shared: Mapping[str, Any]) -> dict[str, Any]:
    """Return the document of flags and of what they share."""
    flags: dict[str, Any] = {}
    settings: dict[str, Any] = {}
    for key, definition in definitions.items():
        flags[key] = {name: value for name, value in definition.items() if name != SETTINGS}
        if definition.get(SETTINGS, {}) != {}:
            settings[key] = definition[SETTINGS]
    sections = {name: shared.get(name) for name in _SHARED}
    sections[SETTINGS] = settings
    return {"flags": flags, **{name: value for name, value in sections.items() if value}}


def split(document: Mapping[str, Any]) -> Parts:
    """Return the parts of a document without faults."""
    flags, settings = document.get("flags", {}), document.get(SETTINGS, {})
    if isinstance(flags, list):  # flagd's other form: each flag has its key as a member
        flags = {flag["key"]: {**flag} for flag in flags}
        for flag in flags.values():
            del flag["key"]
    definitions = {
        key: without_empty_settings({**flag, SETTINGS: settings.get(key, {})})
        for key, flag in flags.items()
    }
    return Parts(definitions, {name: document[name] for name in _SHARED if document.get(name)})


def without_empty_settings(definition: Mapping[str, Any]) -> dict[str, Any]:
    """Return a definition without its settings if they are empty."""
    return {
        name: value for name, value in definition.items() if not (name == SETTINGS and value == {})
    }
