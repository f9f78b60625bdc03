"""Validation of what callers pass to the use cases of flags."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from habitkit import ids
from habitkit._codec import json_object
from habitkit._text import storable
from habitkit.errors import InvalidInput, NotFound
from habitkit.flags.builders import Flag
from habitkit.flags.domain.document_parts import Parts, split, without_empty_settings
from habitkit.flags.domain.faults import Fault, json_path
from habitkit.flags.errors import FlagDefinitionError

if TYPE_CHECKING:
    from collections.abc import Callable

    from habitkit.transaction import Transaction

__all__ = [
    "FLAGS_OWNER",
    "changed_by",
    "document_parts",
    "expect_no_scope",
    "flag_definition",
    "flag_key",
    "revision_note",
    "revision_number",
]

FLAGS_OWNER = ids.system_owner("flags")
"""The owner of the one set of flags that a store keeps."""

_LONGEST_NAME = 200
_LONGEST_NOTE = 2000
_LARGEST_NUMBER = 2**63 - 1
_DEFINITION_BYTES = 1_000_000
_DOCUMENT_BYTES = 20_000_000
_A_NAME = f"a non-empty string of at most {_LONGEST_NAME} characters, valid UTF-8 without NUL"
_JSON = "a JSON object with strings in valid UTF-8 without NUL and without NaN"


def flag_key(value: object) -> str:
    """Return a valid key of a flag.

    Raises:
        InvalidInput: If it is anything else.
    """
    return _text("key", value, _is_name, _A_NAME)


def changed_by(value: object) -> str:
    """Return a valid name of whoever makes a change.

    Raises:
        InvalidInput: If it is anything else.
    """
    return _text("by", value, _is_name, _A_NAME)


def revision_note(value: object) -> str:
    """Return a valid note of a revision, which may be empty.

    Raises:
        InvalidInput: If it is anything else.
    """
    expected = f"a string of at most {_LONGEST_NOTE} characters, valid UTF-8 without NUL"
    return _text("note", value, lambda text: len(text) <= _LONGEST_NOTE, expected)


def revision_number(what: str, value: object, least: int = 0) -> int:
    """Return a valid number of a revision.

    Raises:
        InvalidInput: If it is anything else, True and 1.0 included.
    """
    if type(value) is int and least <= value <= _LARGEST_NUMBER:
        return value
    raise InvalidInput(what, given=value, expected=f"an int from {least} to 2**63-1")


def flag_definition(value: object) -> dict[str, Any]:
    """Return a copy of a flag's definition, as every store can keep it; a builder makes it.

    Raises:
        InvalidInput: If it is no JSON object, or too large.
        UsageError: If a builder is not finished.
    """
    if isinstance(value, Flag):
        value = value.definition()
    return without_empty_settings(_json("definition", value, _DEFINITION_BYTES))


def document_parts(value: object) -> Parts:
    """Return a copy of the parts of a document, as every store can keep them.

    Raises:
        InvalidInput: If it is no JSON object, or too large.
        FlagDefinitionError: If its parts are not those of a document.
    """
    parts = split(_json("document", value, _DOCUMENT_BYTES))
    wrong = [key for key in parts.definitions if not _is_name(key)]
    if wrong:
        raise FlagDefinitionError(
            [Fault(json_path(("flags", key)), f"expected the key to be {_A_NAME}") for key in wrong]
        )
    return parts


def expect_no_scope(tx: Transaction, key: str | None = None) -> None:
    """Refuse flags in the scope of one owner: they belong to nobody.

    Raises:
        NotFound: If there is a scope.
    """
    if tx.scope is not None:
        raise NotFound("flag", key)


def _is_name(text: str) -> bool:
    return 0 < len(text) <= _LONGEST_NAME


def _text(what: str, value: object, fits: Callable[[str], bool], expected: str) -> str:
    if isinstance(value, str) and fits(value) and storable(value):
        return value
    raise InvalidInput(what, given=value, expected=expected)


def _json(what: str, value: object, largest_bytes: int) -> dict[str, Any]:
    try:
        return json_object(value, largest_bytes)
    except (TypeError, ValueError):
        expected = f"{_JSON}, of at most {largest_bytes} bytes"
        raise InvalidInput(what, given=value, expected=expected) from None
