"""Pure rules of tamper evidence: how entries are hashed and chained in blocks.

A block seals some entries of a wallet, in their order. Each entry has a hash of everything that
makes it up, memo and metadata by their digest; the block's hash is made of these and of the hash of
the block before. So a chain breaks at the first entry that is not what it was. With a key the
hashes are HMAC-SHA256 (RFC 2104), which cannot be recomputed without it.
"""

from __future__ import annotations

import hmac
import json
from datetime import UTC
from hashlib import sha256
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from habitkit.coins.auditing.domain.model import Block, LedgerLine

__all__ = ["BEGINNING", "block_hash", "first_changed", "hash_prefixes", "line_hash", "words_digest"]

BEGINNING = b""
"""The hash that the first block is chained to."""

_PREFIX_BYTES = 8


def words_digest(salt: bytes, line: LedgerLine) -> bytes:
    """Return the digest of an entry's memo and metadata."""
    words = json.dumps([line.memo, line.metadata], sort_keys=True)
    return sha256(salt + words.encode()).digest()


def line_hash(line: LedgerLine) -> bytes:
    """Return the hash of an entry and its transfer."""
    parts = [
        line.seq,
        str(line.transfer_id),
        line.amount,
        line.balance,
        line.at.astimezone(UTC).isoformat(),
        line.kind,
        line.source,
        line.target,
        line.currency,
        line.total,
        None if line.reverses is None else str(line.reverses),
        None if line.digest is None else line.digest.hex(),
    ]
    if line.dated_at is not None:  # so that the hashes of others stay as they were
        parts.append(line.dated_at.astimezone(UTC).isoformat())
    return sha256(json.dumps(parts).encode()).digest()


def block_hash(before: bytes, hashes: Sequence[bytes], key: bytes | None) -> bytes:
    """Return the hash of a block.

    Args:
        before: The hash of the block before it.
        hashes: The hashes of its entries, in order.
        key: The audit key, or None.
    """
    content = b"".join((before, *hashes))
    return sha256(content).digest() if key is None else hmac.digest(key, content, "sha256")


def hash_prefixes(hashes: Sequence[bytes]) -> bytes:
    """Return the beginnings of the entries' hashes, one after the other."""
    return b"".join(each[:_PREFIX_BYTES] for each in hashes)


def first_changed(block: Block, hashes: Sequence[bytes]) -> int:
    """Return the number of the first entry of a block whose hash is not what it was.

    If the prefixes were changed to fit, it is the block's first entry.
    """
    for position, each in enumerate(hashes):
        start = position * _PREFIX_BYTES
        if block.hash_prefixes[start : start + _PREFIX_BYTES] != each[:_PREFIX_BYTES]:
            return block.first + position
    return block.first
