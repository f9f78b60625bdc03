"""Validation of what callers pass to the use cases of flags."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from habitkit import ids
from habitkit._codec import json_object
from habitkit._text import storable
from habitkit.errors import InvalidInput, NotFound
from habitkit.flags.builders import Flag
from habitkit.flags.domain.document_parts import without_empty_settings

if TYPE_CHECKING:
    from habitkit.transaction import Transaction

__all__ = [
    "FLAGS_OWNER",
    "changed_by",
    "expect_no_scope",
    "flag_definition",
    "flag_document",
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
_JSON = "a JSON object with strings in valid UTF-8 without NUL and without NaN"


def flag_key(value: object) -> str:
    """Return a valid key of a flag.

    Raises:
        InvalidInput: If it is anything else.
    """
    return _name("key", value)


def changed_by(value: object) -> str:
    """Return a valid name of whoever makes a change.

    Raises:
        InvalidInput: If it is anything else.
    """
    return _name("by", value)


def revision_note(value: object) -> str:
    """Return a valid note of a revision, which may be empty.

    Raises:
        InvalidInput: If it is anything else.
    """
    if isinstance(value, str) and len(value) <= _LONGEST_NOTE and storable(value):
        return value
    expected = f"a string of at most {_LONGEST_NOTE} characters, valid UTF-8 without NUL"
    raise InvalidInput("note", given=value, expected=expected)


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


def flag_document(value: object) -> dict[str, Any]:
    """Return a copy of a document, as every store can keep it.

    Raises:
        InvalidInput: If it is no JSON object, or too large.
    """
    document = _json("document", value, _DOCUMENT_BYTES)
    if "flags" not in document:  # an empty object by mistake would delete every flag
        expected = 'an object with the member "flags"'
        raise InvalidInput("document", given=value, expected=expected)
    return document


def expect_no_scope(tx: Transaction, key: str | None = None) -> None:
    """Refuse flags in the scope of one owner: they belong to nobody.

    Raises:
        NotFound: If there is a scope.
    """
    if tx.scope is not None:
        raise NotFound("flag", key)


def _name(what: str, value: object) -> str:
    if isinstance(value, str) and 0 < len(value) <= _LONGEST_NAME and storable(value):
        return value
    expected = f"a non-empty string of at most {_LONGEST_NAME} characters, valid UTF-8 without NUL"
    raise InvalidInput(what, given=value, expected=expected)


def _json(what: str, value: object, largest_bytes: int) -> dict[str, Any]:
    try:
        return json_object(value, largest_bytes)
    except (TypeError, ValueError):
        expected = f"{_JSON}, of at most {largest_bytes} bytes"
        if isinstance(value, str | bytes):
            expected += "; make one of JSON text by json.loads"
        raise InvalidInput(what, given=value, expected=expected) from None
