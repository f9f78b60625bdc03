"""Hashes. What makes them is loaded when one is first asked for: it costs 4 ms at the start."""

from __future__ import annotations

__all__ = ["hmac_sha256", "sha1", "sha256"]


def sha1(content: bytes) -> bytes:
    """Return the SHA-1 of some bytes, for names and not for secrets."""
    from hashlib import sha1 as make  # noqa: PLC0415

    return make(content, usedforsecurity=False).digest()


def sha256(content: bytes) -> bytes:
    """Return the SHA-256 of some bytes."""
    from hashlib import sha256 as make  # noqa: PLC0415

    return make(content).digest()


def hmac_sha256(key: bytes, content: bytes) -> bytes:
    """Return the HMAC-SHA256 of some bytes (RFC 2104)."""
    from hmac import digest  # noqa: PLC0415

    return digest(key, content, "sha256")
