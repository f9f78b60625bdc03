"""Documents as sources read them: bytes that have to be JSON, named by a hash."""

from __future__ import annotations

import hashlib
import json
from codecs import BOM_UTF8
from typing import NoReturn

from habitkit.flags.errors import SourceUnavailable

__all__ = ["MAX_BYTES", "json_text", "revision_of"]

MAX_BYTES = 10_000_000
"""How large a document may be unless a source is made with another limit."""

_REVISION_DIGITS = 32


def revision_of(data: bytes) -> str:
    """Return the revision of a document: a hash of its bytes."""
    return hashlib.sha256(data).hexdigest()[:_REVISION_DIGITS]


def json_text(data: bytes, source: str) -> str:
    """Return a document as text, if it is JSON; it may still hold no valid flags.

    Args:
        data: The document in UTF-8.
        source: Where it comes from, for the message.

    Raises:
        SourceUnavailable: If it is anything else, such as one that is only half written.
    """
    if data.startswith(BOM_UTF8):
        raise SourceUnavailable(
            source, "it starts with a byte order mark; save it as UTF-8 without one"
        )
    try:
        text = data.decode()
        json.loads(text, parse_constant=_refuse)
    except UnicodeDecodeError as error:
        raise SourceUnavailable(
            source, f"it is not UTF-8 at byte {error.start}; save it as UTF-8"
        ) from error
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise SourceUnavailable(source, f"it is not valid JSON at {where}: {error.msg}") from error
    except RecursionError as error:
        raise SourceUnavailable(source, "its JSON is nested too deeply") from error
    except ValueError as error:  # a constant of JavaScript, or an integer of too many digits
        raise SourceUnavailable(source, f"it is not valid JSON: {error}") from error
    return text


def _refuse(constant: str) -> NoReturn:
    message = f"{constant} is not a JSON number"
    raise ValueError(message)
