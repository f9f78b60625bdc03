"""The names under which a cache keeps what it keeps: one string for each key, lease, tag, counter.

A name is a letter, the namespace, a colon and the subject of the key, as in ``vreports:ada``.
Letters: ``v`` for a value, ``l`` for the lease of whoever loads it, ``t`` for the generation of a
tag, ``n`` for a counter.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from habitkit.errors import InvalidInput
from habitkit.limits.domain.key import subject

if TYPE_CHECKING:
    from typing import Literal, TypeAlias

    Key: TypeAlias = str | tuple[str, ...]
    Kind: TypeAlias = Literal["v", "l", "t", "n"]

__all__ = [
    "LONGEST_NAME",
    "MOST_TAGS",
    "Parsed",
    "checked_namespace",
    "lease_of",
    "name",
    "parsed",
    "tag_name",
    "tags_of",
]

LONGEST_NAME = 600
"""Of how many characters a name has at most."""

MOST_TAGS = 32

_NAMESPACE = re.compile(r"[A-Za-z0-9_.-]{1,50}")
_PARTS = "\x1f"


class Parsed(NamedTuple):
    """What a name stands for.

    Attributes:
        kind: Its letter.
        namespace: The namespace; empty if there is none.
        key: The key: a text, or a tuple of several.
    """

    kind: str
    namespace: str
    key: Key


def name(kind: Kind, namespace: str, key: object) -> str:
    """Return the name of a key.

    Raises:
        InvalidInput: If the key is not a text or a short tuple of texts.
    """
    return f"{kind}{namespace}:{subject(key)}"


def lease_of(value_name: str) -> str:
    """Return the name of the lease of a value."""
    return f"l{value_name[1:]}"


def tags_of(namespace: str, tags: object) -> tuple[str, ...]:
    """Return the names of tags, without repetitions.

    Args:
        namespace: The namespace.
        tags: A list or tuple of tags, each a key.

    Raises:
        InvalidInput: If they are not.
    """
    if not isinstance(tags, list | tuple | set | frozenset) or len(tags) > MOST_TAGS:
        expected = f"a list or tuple of at most {MOST_TAGS} tags, such as ['user:ada']"
        raise InvalidInput("tags", given=tags, expected=expected)
    return tuple(dict.fromkeys(tag_name(namespace, tag) for tag in tags))


def tag_name(namespace: str, tag: object) -> str:
    """Return the name of a tag.

    Raises:
        InvalidInput: If the tag is not a text or a short tuple of texts.
    """
    try:
        return name("t", namespace, tag)
    except InvalidInput as error:
        raise InvalidInput("tag", given=tag, expected=error.expected) from None


def checked_namespace(namespace: object) -> str:
    """Return a namespace.

    Raises:
        InvalidInput: If it is not acceptable.
    """
    if isinstance(namespace, str) and _NAMESPACE.fullmatch(namespace):
        return namespace
    expected = "1 to 50 letters, digits, dots, hyphens or underscores"
    raise InvalidInput("namespace", given=namespace, expected=expected)


def parsed(text: object) -> Parsed | None:
    """Return what a name stands for; None if it is no name."""
    if not isinstance(text, str) or text[:1] not in {"v", "l", "t", "n"}:
        return None
    namespace, colon, rest = text[1:].partition(":")
    key = _key(rest)
    return None if not colon or key is None else Parsed(text[0], namespace, key)


def _key(text: str) -> Key | None:
    """Return the key of a subject; None if no key has it."""
    if not text.startswith(_PARTS):
        return text or None
    parts: list[str] = []
    rest = text[1:]
    while rest:
        length, colon, rest = rest.partition(":")
        if not colon or not length.isdecimal() or not 0 < int(length) <= len(rest):
            return None
        parts.append(rest[: int(length)])
        rest = rest[int(length) :]
    if not parts:
        return None
    return tuple(parts) if len(parts) > 1 else parts[0]
