"""Identifiers: time-ordered for what is new, derived for what must be found again.

Also validation of the other names that callers pass: owners, keys and cursors.
"""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from functools import lru_cache
from random import Random
from uuid import UUID, uuid5

from habitkit._fork import call_after_fork
from habitkit._text import storable
from habitkit.errors import InvalidId, InvalidInput, InvalidKey, InvalidOwner

__all__ = [
    "companion",
    "cursor",
    "derived_id",
    "key",
    "limit",
    "owner",
    "parse_id",
    "random_number",
    "system_owner",
    "time_ordered_id",
]

_NAMESPACE = UUID("6d1f1c4e-6a0f-5c39-9a53-8d5e7f0a4b21")
_LONGEST_NAME = 200
_A_NAME = f"a non-empty string of at most {_LONGEST_NAME} characters, valid UTF-8 without NUL"
_OUR_OWN = "habitkit:"
_LARGEST_CURSOR = 2**63 - 1
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_VERSION_7_AND_VARIANT = 0x7 << 76 | 0b10 << 62
_RANDOM = (0x0FFF << 64) | ((1 << 62) - 1)


class _Random(Random):
    def after_fork(self) -> None:
        """Seed anew in each child. It runs before the hooks that were registered later."""
        self.seed()


_random = _Random()  # ids must be unique, not secret; a system call each would cost more
call_after_fork(_random)


def time_ordered_id(now: datetime) -> UUID:
    """Return a UUID of version 7 (RFC 9562, section 5.7): 48 bits of milliseconds, then random.

    Ids are unique and cluster well in an index; nothing may rely on them for order.
    """
    since = now - _EPOCH
    milliseconds = (since.days * 86_400 + since.seconds) * 1000 + since.microseconds // 1000
    random_bits = _random.getrandbits(80) & _RANDOM
    return UUID(int=milliseconds << 80 | _VERSION_7_AND_VARIANT | random_bits)


def random_number() -> int:
    """Return a random number that no other process has, from 1 to 2**62."""
    return 1 + _random.getrandbits(62)


def derived_id(*parts: str) -> UUID:
    """Return the same UUID (version 5, RFC 9562) for the same parts, everywhere and for ever."""
    return uuid5(_NAMESPACE, "\x1f".join([f"{len(part)}:{part}" for part in parts]))


@lru_cache(maxsize=1024)
def _mask(name: str) -> int:
    """Return 60 random-looking bits of a name, for the end of an id."""
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8]) >> 4


def companion(id_: UUID, name: str) -> UUID:
    """Return the id derived from another id and a name: the same for the same pair."""
    return UUID(int=id_.int ^ _mask(name))


def parse_id(value: object, what: str) -> UUID:
    """Return a UUID given as such or as text.

    Raises:
        InvalidId: If it is neither.
    """
    if isinstance(value, UUID):
        return value
    if isinstance(value, str):
        try:
            return UUID(value)
        except ValueError:
            pass
    raise InvalidId(what, given=value, expected="a UUID, or one as a string")


def owner(value: object, what: str = "owner") -> str:
    """Return a valid owner: a non-empty string of at most 200 characters.

    Raises:
        InvalidOwner: If it is anything else, or begins like habitkit's own.
    """
    if isinstance(value, str) and 0 < len(value) <= _LONGEST_NAME and storable(value):
        if not value.startswith(_OUR_OWN):
            return value
        expected = f"a string that does not start with the reserved {_OUR_OWN!r}"
        raise InvalidOwner(what, given=value, expected=expected)
    raise InvalidOwner(what, given=value, expected=_A_NAME)


def system_owner(name: str) -> str:
    """Return a system owner, for rows that belong to no owner of the host; its name is reserved."""
    return f"{_OUR_OWN}{name}"


def key(value: object) -> str:
    """Return a valid idempotency key: a non-empty string of at most 200 characters.

    Raises:
        InvalidKey: If it is anything else.
    """
    if isinstance(value, str) and 0 < len(value) <= _LONGEST_NAME and storable(value):
        return value
    raise InvalidKey(
        "idempotency_key",
        given=value,
        expected=_A_NAME,
    )


def limit(value: object, largest: int = 1000) -> int:
    """Return a valid limit: how many of something at most, an int from 1 to ``largest``.

    Raises:
        InvalidInput: If it is anything else, True and 1.0 included.
    """
    if type(value) is int and 1 <= value <= largest:
        return value
    raise InvalidInput("limit", given=value, expected=f"an int from 1 to {largest}")


def cursor(value: object) -> int:
    """Return a valid cursor, a number after which to go on: an int of 64 bits.

    Raises:
        InvalidInput: If it is anything else, True and 1.0 included.
    """
    if type(value) is int and 0 <= value <= _LARGEST_CURSOR:
        return value
    raise InvalidInput("after", given=value, expected="an int from 0 to 2**63-1, or None")
