"""What a cache sends to Redis, and what the replies mean."""

from __future__ import annotations

import json
from hashlib import sha1
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from habitkit.backends.redis._errors import Failures
from habitkit.backends.redis._packing import pack, without_braces
from habitkit.cache.errors import CacheUnavailable, ValueTooLarge

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from typing import Any

    from habitkit.cache.port import Item

__all__ = ["Command", "Commands", "failure"]

SCRIPT = Path(__file__).with_name("cache.lua").read_bytes()
SHA = sha1(SCRIPT, usedforsecurity=False).hexdigest().encode()

failure = Failures(
    CacheUnavailable,
    contents="of a cache",
    backend="RedisCache",
    refused="a call of a cache",
    needed="mget, set, get, unlink, incrby, publish, subscribe, ping, eval and evalsha, the keys "
    "of the cache's prefix, and the channel <prefix>:c1:invalidate",
)

_LARGEST_BYTES = 512 * 1024 * 1024
"""What a string of Redis holds."""


class Command(NamedTuple):
    """A command to one node.

    Attributes:
        names: The names that its keys stand for.
        keys: Its keys; those of a command to a cluster are in one slot.
        arguments: What follows the keys.
        verb: The command's name; None for a call of the script.
    """

    names: tuple[str, ...]
    keys: tuple[bytes, ...]
    arguments: tuple[bytes, ...] = ()
    verb: str | None = None

    def packed(self, key: bytes, *, as_eval: bool = False) -> bytes:  # noqa: ARG002 - of Packable
        """Return the bytes to send."""
        if self.verb is not None:
            return pack(self.verb.encode(), *self.keys, *self.arguments)
        script = (b"EVAL", SCRIPT) if as_eval else (b"EVALSHA", SHA)
        return pack(*script, b"%d" % len(self.keys), *self.keys, *self.arguments)

    def parts(self, key: bytes, *, as_eval: bool = False) -> tuple[Any, ...]:  # noqa: ARG002 - same
        """Return the same for ``execute_command`` of redis-py."""
        if self.verb is not None:
            return (self.verb, *self.keys, *self.arguments)
        script = ("EVAL", SCRIPT) if as_eval else ("EVALSHA", SHA)
        return (*script, len(self.keys), *self.keys, *self.arguments)


class Commands:
    """Makes the commands of a cache.

    A key is ``hk:c1:v:{reports:ada}`` for the name ``vreports:ada``: the prefix, the schema's
    version, the name's first letter, and the rest as the hash tag. So a value and its lease are in
    one slot of a cluster. Messages are published by the script that writes, after its writes:
    whoever reads a value again because of a message finds the new one.
    """

    def __init__(self, prefix: str, *, by_slot: bool) -> None:
        """Use a prefix.

        Args:
            prefix: What all keys start with.
            by_slot: Make a command for each slot, as a cluster needs it.
        """
        self._start = f"{prefix}:c1:"
        self._by_slot = by_slot
        self.channel = f"{self._start}invalidate".encode()

    def get_many(self, names: Sequence[str]) -> list[Command]:
        """Return the commands that read values."""
        return [Command(it, self._keys(it), verb="MGET") for it in self._groups(names)]

    def found(
        self, names: Sequence[str], commands: Iterable[Command], replies: Iterable[Any]
    ) -> list[bytes | None]:
        """Return the value of each name, by the replies to ``get_many``."""
        values: dict[str, bytes | None] = {}
        for command, reply in zip(commands, replies, strict=True):
            values.update(zip(command.names, reply, strict=True))
        return [values[name] for name in names]

    def set_many(self, items: Sequence[Item]) -> list[Command]:
        """Return the commands that store values.

        Raises:
            ValueTooLarge: If Redis does not take one.
        """
        arguments = {item.name: _value_and_ttl(item) for item in items}
        return [
            self._publishing(b"set", group, *(part for name in group for part in arguments[name]))
            for group in self._groups(arguments)
        ]

    def delete_many(self, names: Sequence[str]) -> list[Command]:
        """Return the commands that delete values."""
        return [self._publishing(b"delete", group) for group in self._groups(names)]

    def add(self, item: Item) -> Command:
        """Return the command that stores a value if there is none.

        Raises:
            ValueTooLarge: If Redis does not take it.
        """
        value, ttl = _value_and_ttl(item)
        names = (item.name,)
        return Command(names, self._keys(names), (value, b"PX", ttl, b"NX"), "SET")

    def end_lease(self, name: str, token: bytes, item: Item | None) -> Command:
        """Return the command that gives a lease back.

        Raises:
            ValueTooLarge: If Redis does not take the value.
        """
        names = (name,) if item is None else (name, item.name)
        stored = () if item is None else _value_and_ttl(item)
        return Command(names, self._keys(names), (b"end_lease", token, *stored))

    def incr(self, name: str, by: int, ttl_ms: int) -> Command:
        """Return the command that adds to a counter."""
        return Command((name,), self._keys((name,)), (b"incr", b"%d" % by, b"%d" % ttl_ms))

    def _publishing(self, operation: bytes, names: tuple[str, ...], *rest: bytes) -> Command:
        message = json.dumps(names).encode()
        return Command(names, self._keys(names), (operation, self.channel, message, *rest))

    def _groups(self, names: Iterable[str]) -> list[tuple[str, ...]]:
        """Return the names that one command may have together."""
        if not self._by_slot:
            return [tuple(names)]
        groups: dict[str, list[str]] = {}
        for name in names:
            groups.setdefault(name[1:], []).append(name)
        return [tuple(group) for group in groups.values()]

    def _keys(self, names: Iterable[str]) -> tuple[bytes, ...]:
        return tuple(
            f"{self._start}{name[0]}:{{{without_braces(name[1:])}}}".encode() for name in names
        )


def _value_and_ttl(item: Item) -> tuple[bytes, bytes]:
    if len(item.value) > _LARGEST_BYTES:
        raise ValueTooLarge(len(item.value), _LARGEST_BYTES)
    return item.value, b"%d" % item.ttl_ms
