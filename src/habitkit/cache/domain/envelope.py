"""The envelope: how a shared backend keeps a value, with what is needed to judge it.

    magic and version   4 bytes     b"hkc1"
    checksum            4 bytes     CRC-32 of all that follows
    created             8 bytes     ns since 1970, by the clock of who wrote it
    ttl, stale, cost    3 x 8 bytes ns: how long it is fresh, usable after that, was loaded
    serializer          1 + n bytes its name
    tags                2 bytes, and for each 2 + n bytes its name and 8 bytes its generation
    payload             the rest

All integers are big-endian. What cannot be read is a miss, never an error: another version of the
library, or another program, may have written it.
"""

from __future__ import annotations

import math
import struct
import zlib

from attrs import field, frozen

__all__ = ["GENERATION_BYTES", "Envelope", "decode", "early_ns", "encode"]

GENERATION_BYTES = 8
"""The length of a tag's generation, which is random."""

_MAGIC = b"hkc1"
_HEAD = struct.Struct(">4sIQQQQB")
_CHECKED_FROM = 8
_COUNT = struct.Struct(">H")


@frozen
class Envelope:
    """A value as a shared backend keeps it.

    Attributes:
        payload: The serialized value.
        serializer: The name of the serializer that wrote it.
        created_ns: When it was loaded, in ns since 1970.
        ttl_ns: How long it is fresh from then on.
        stale_ns: How long it may be used after that, while it is reloaded.
        cost_ns: How long it took to load.
        tags: The generation of each of its tags, by the tag's name, as they were before it was
            loaded.
    """

    payload: bytes
    serializer: str
    created_ns: int
    ttl_ns: int
    stale_ns: int = 0
    cost_ns: int = 0
    tags: dict[str, bytes] = field(factory=dict)

    def fresh_for_ns(self, now_ns: int) -> int:
        """Return how long it is still fresh; negative if it is not.

        One that seems to come from the future was written by a clock that is ahead, and counts as
        new.
        """
        return self.ttl_ns - max(now_ns - self.created_ns, 0)

    def holds(self, generations: dict[str, bytes | None]) -> bool:
        """Return whether all of its tags are of the generation that they have now."""
        return all(generations.get(name) == own for name, own in self.tags.items())


def encode(envelope: Envelope) -> bytes:
    """Return the bytes of an envelope."""
    serializer = envelope.serializer.encode()
    head = (envelope.created_ns, envelope.ttl_ns, envelope.stale_ns, envelope.cost_ns)
    parts = [serializer, _COUNT.pack(len(envelope.tags))]
    for name, generation in envelope.tags.items():
        encoded = name.encode()
        parts += [_COUNT.pack(len(encoded)), encoded, generation]
    rest = b"".join([*parts, envelope.payload])
    unchecked = _HEAD.pack(_MAGIC, 0, *head, len(serializer))
    checksum = zlib.crc32(rest, zlib.crc32(unchecked[_CHECKED_FROM:]))
    return _HEAD.pack(_MAGIC, checksum, *head, len(serializer)) + rest


def decode(data: bytes | None) -> Envelope | None:
    """Return the envelope that bytes hold; None if they hold none that this version can read."""
    if data is None or len(data) < _HEAD.size + _COUNT.size or data[:4] != _MAGIC:
        return None
    _, checksum, created, ttl, stale, cost, length = _HEAD.unpack_from(data)
    if zlib.crc32(memoryview(data)[_CHECKED_FROM:]) != checksum:
        return None
    at = _HEAD.size + length
    serializer = data[_HEAD.size : at].decode(errors="replace")
    (count,) = _COUNT.unpack_from(data, at)
    at += _COUNT.size
    tags: dict[str, bytes] = {}
    for _ in range(count):
        (length,) = _COUNT.unpack_from(data, at)
        end = at + _COUNT.size + length
        tag = data[at + _COUNT.size : end].decode(errors="replace")
        at = end + GENERATION_BYTES
        tags[tag] = data[end:at]
    return Envelope(data[at:], serializer, created, ttl, stale, cost, tags)


def early_ns(cost_ns: int, factor: float, chance: float) -> int:
    """Return how long before its end a value is to be refreshed, so that few refresh at once.

    The XFetch rule of Vattani, Chierichetti and Lowenstein, "Optimal Probabilistic Cache Stampede
    Prevention", PVLDB 8(8), 2015: ``-cost * factor * ln(chance)``.

    Args:
        cost_ns: How long it takes to load.
        factor: 1 is the optimum of the paper; more is earlier; 0 is never early.
        chance: A random number in [0, 1).
    """
    return int(-cost_ns * factor * math.log(1.0 - chance)) if factor else 0
