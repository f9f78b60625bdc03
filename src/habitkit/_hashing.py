"""Hashes. What makes them is loaded when one is first asked for: it costs 4 ms at the start."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["hmac_sha256", "sha1", "sha256"]


def sha1(content: bytes) -> bytes:
    """Return the SHA-1 of some bytes, for names and not for secrets."""
    made: bytes = _sha1()(content, usedforsecurity=False).digest()
    return made


def sha256(content: bytes) -> bytes:
    """Return the SHA-256 of some bytes."""
    from hashlib import sha256 as make  # noqa: PLC0415

    return make(content).digest()


def hmac_sha256(key: bytes, content: bytes) -> bytes:
    """Return the HMAC-SHA256 of some bytes (RFC 2104)."""
    from hmac import digest  # noqa: PLC0415

    return digest(key, content, "sha256")


@cache
def _sha1() -> Callable[..., Any]:
    """Return CPython's own SHA-1: for a few bytes it takes a fifth of what OpenSSL's does."""
    try:
        from _sha1 import sha1 as make  # type: ignore[import-not-found] # noqa: PLC0415
    except ImportError:  # pragma: no cover - a Python that was built without it
        from hashlib import sha1 as make  # noqa: PLC0415
    return make  # type: ignore[no-any-return]
