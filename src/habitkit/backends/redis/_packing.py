"""Writing commands in the protocol of Redis."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

__all__ = ["Packable", "pack", "pack_parts", "without_braces"]


class Packable(Protocol):
    """A command that a connection or a client of redis-py can send."""

    def packed(self, key: bytes, *, as_eval: bool = False) -> bytes:
        """Return the bytes to send.

        Args:
            key: The key that decides which node of a cluster gets it.
            as_eval: Send the script itself, for a server that does not know it.
        """
        ...

    def parts(self, key: bytes, *, as_eval: bool = False) -> tuple[Any, ...]:
        """Return the same for ``execute_command`` of redis-py."""
        ...


def pack(*parts: bytes) -> bytes:
    """Return a command of these parts."""
    return b"*%d\r\n%b" % (len(parts), pack_parts(parts))


def pack_parts(parts: Iterable[bytes]) -> bytes:
    """Return the parts of a command, without their number."""
    return b"".join(b"$%d\r\n%b\r\n" % (len(part), part) for part in parts)


def without_braces(text: str) -> str:
    """Return a text for a hash tag: its braces are escaped, and so is what escapes them."""
    if "{" in text or "}" in text or "%" in text:
        return text.replace("%", "%25").replace("{", "%7B").replace("}", "%7D")
    return text
