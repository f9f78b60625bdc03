"""How names, values and times to live become items of Memcached.

Memcached counts whole seconds, so the precise end of an item stands in its flags, 32 bits that
belong to the client: the low bits of the time in ms since 1970, by the clock of the machine that
has stored it. ``incr`` leaves them alone. The server's own expiry comes up to two seconds after
it, which also bounds how much the clocks of several machines can do. Whatever lives for so long
that 32 bits are too few has no precise end (flags of 0) and expires up to a second early.
"""

from __future__ import annotations

import re
from hashlib import sha256
from typing import NamedTuple

__all__ = ["Expiry", "Stored", "WithFlags", "expiry", "key_of", "placeholder", "subject_of"]

_PLAIN = re.compile(r"[!-~](?!#)[!-~]{1,199}")
_BITS = 1 << 32
_MOST_PRECISE_MS = 1 << 31
_MOST_RELATIVE_SECONDS = 30 * 86_400
_HOUR_MS = 3_600_000
_PLACEHOLDER_SECONDS = 5


class Stored(NamedTuple):
    """An item that was read.

    Attributes:
        value: Its value.
        flags: Its flags.
    """

    value: bytes
    flags: int

    def is_over(self, now_ms: int) -> bool:
        """Return whether its end has come.

        Args:
            now_ms: The machine's time in ms since 1970.
        """
        return self.flags != 0 and (now_ms - self.flags) % _BITS < _MOST_PRECISE_MS


class WithFlags:
    """Lets pymemcache return the flags with each value."""

    def serialize(self, _: str, value: bytes) -> tuple[bytes, int]:
        """Return the value as it is; its flags are given with each call."""
        return value, 0

    def deserialize(self, _: str, value: bytes, flags: int) -> Stored:
        """Return the value with its flags."""
        return Stored(value, flags)


class Expiry(NamedTuple):
    """When an item is over.

    Attributes:
        expire: For the server: seconds, or, for more than 30 days, a time in seconds since 1970.
        flags: For whoever reads it.
    """

    expire: int
    flags: int


def expiry(ttl_ms: int, now_ms: int) -> Expiry:
    """Return when an item is over.

    Args:
        ttl_ms: After how many ms it must not be returned any more.
        now_ms: The machine's time in ms since 1970.
    """
    if ttl_ms < _MOST_PRECISE_MS:
        return Expiry(-(-ttl_ms // 1000) + 1, (now_ms + ttl_ms) % _BITS or _BITS - 1)
    seconds = ttl_ms // 1000
    is_relative = seconds <= _MOST_RELATIVE_SECONDS
    return Expiry(seconds if is_relative else now_ms // 1000 + seconds, 0)


def placeholder(now_ms: int) -> Expiry:
    """Return the expiry of an item that is over from the beginning, and there for a moment."""
    return Expiry(_PLACEHOLDER_SECONDS, (now_ms - _HOUR_MS) % _BITS or _BITS - 1)


def key_of(name: str) -> str:
    """Return the key of a name: the name itself, or a hash if Memcached does not accept it.

    The second character of a name is never ``#``.
    """
    if _PLAIN.fullmatch(name):
        return name
    return f"{name[0]}#{sha256(name[1:].encode()).hexdigest()}"


def subject_of(key: str) -> str:
    """Return what the keys of a value and of its lease have in common."""
    return key[1:]
