"""Checking what ``MemcachedCache`` and ``open_url`` are given."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import parse_qsl, urlsplit

from pymemcache.client.base import Client, PooledClient
from pymemcache.client.hash import HashClient

from habitkit.errors import ConfigurationError, InvalidInput

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = [
    "LARGEST_BYTES",
    "TIMEOUT_SECONDS",
    "Options",
    "checked_largest",
    "checked_prefix",
    "checked_timeout",
    "parsed",
    "settings_of",
]

TIMEOUT_SECONDS = 0.25
LARGEST_BYTES = (1 << 20) - 512
"""What an item of 1 MiB has room for, beside its key and its header."""

_MOST_BYTES = 1 << 30
_LONGEST_TIMEOUT_SECONDS = 60
_LONGEST_PREFIX = 50
_PORT = 11211
_KEPT = ("server", "socket_module", "socket_keepalive", "tls_context")
_EXPECTED_URL = "memcached://host:11211 or memcached://host:11211,other:11211?timeout_seconds=0.5"


class Options(NamedTuple):
    """What a URL stands for.

    Attributes:
        servers: The hosts and ports.
        timeout_seconds: How long to wait.
        largest_bytes: How large a value may be.
    """

    servers: list[tuple[str, int]]
    timeout_seconds: float
    largest_bytes: int


def checked_timeout(seconds: object) -> float:
    """Return a timeout.

    Raises:
        InvalidInput: If it is not acceptable.
    """
    if isinstance(seconds, int | float) and 0 < seconds <= _LONGEST_TIMEOUT_SECONDS:
        return float(seconds)
    expected = f"a number of seconds above 0, up to {_LONGEST_TIMEOUT_SECONDS}"
    raise InvalidInput("timeout_seconds", given=seconds, expected=expected)


def checked_largest(size: object) -> int:
    """Return the size of the largest value.

    Raises:
        InvalidInput: If it is not acceptable.
    """
    if type(size) is int and 1 <= size <= _MOST_BYTES:
        return size
    raise InvalidInput("largest_bytes", given=size, expected=f"an int from 1 to {_MOST_BYTES}")


def checked_prefix(prefix: object) -> bytes:
    """Return what all keys start with.

    Raises:
        InvalidInput: If it is not acceptable.
    """
    if isinstance(prefix, str) and prefix.isascii() and prefix.isprintable() and " " not in prefix:
        return prefix.encode()
    expected = f"at most {_LONGEST_PREFIX} printable ASCII characters without blanks"
    raise InvalidInput("prefix", given=prefix, expected=expected)


def settings_of(
    client: object, prefix: bytes, timeout_seconds: float | None
) -> Mapping[str, Mapping[str, Any]]:
    """Return the arguments of connections of our own, by the address of the server.

    Args:
        client: The host's client.
        prefix: What all keys start with, behind the prefix of the client.
        timeout_seconds: How long to wait, instead of the client's timeouts.

    Raises:
        ConfigurationError: If it is no client of pymemcache.
        InvalidInput: If both prefixes are too long together.
    """
    if isinstance(client, HashClient):
        clients = list(client.clients.values())
    elif isinstance(client, Client | PooledClient):
        clients = [client]
    else:
        clients = []
    if not clients:
        kind = type(client)
        msg = (
            "client: expected a PooledClient, HashClient or Client of pymemcache, got a "
            f"{kind.__module__}.{kind.__qualname__}"
        )
        raise ConfigurationError(msg)
    return {_label(each.server): _settings(each, prefix, timeout_seconds) for each in clients}


def _settings(client: Any, prefix: bytes, timeout_seconds: float | None) -> Mapping[str, Any]:
    """Return the arguments of connections with the settings of one client.

    Raises:
        InvalidInput: If both prefixes are too long together.
    """
    whole = client.key_prefix + prefix
    if len(whole) > _LONGEST_PREFIX or whole.split() not in ([whole], []):
        expected = f"at most {_LONGEST_PREFIX} bytes without blanks, that of the client included"
        raise InvalidInput("prefix", given=whole.decode(errors="replace"), expected=expected)
    return {
        **{name: getattr(client, name) for name in _KEPT},
        "connect_timeout": timeout_seconds or client.connect_timeout or TIMEOUT_SECONDS,
        "timeout": timeout_seconds or client.timeout or TIMEOUT_SECONDS,
        "key_prefix": whole,
        "no_delay": True,
        "default_noreply": False,
    }


def _label(server: Any) -> str:
    return f"{server[0]}:{server[1]}" if isinstance(server, tuple) else str(server)


def parsed(url: str) -> Options:
    """Return what a URL stands for.

    Raises:
        ConfigurationError: If it cannot be used; the message holds nothing of it.
        InvalidInput: If an option is not acceptable.
    """
    parts = urlsplit(url)
    options = dict(parse_qsl(parts.query, keep_blank_values=True))
    timeout = options.pop("timeout_seconds", TIMEOUT_SECONDS)
    largest = options.pop("largest_bytes", LARGEST_BYTES)
    servers = [_server(part) for part in parts.netloc.split(",")]
    found = [server for server in servers if server is not None]
    is_plain = not (parts.path.strip("/") or parts.fragment or options)
    if len(found) < len(servers) or not is_plain:
        msg = (
            f"the URL of the Memcached servers cannot be used; expected one such as {_EXPECTED_URL}"
            ", without a user, a path, or options other than timeout_seconds and largest_bytes"
        )
        raise ConfigurationError(msg)
    return Options(
        found, checked_timeout(_number(timeout, float)), checked_largest(_number(largest, int))
    )


def _server(text: str) -> tuple[str, int] | None:
    """Return the host and port of a server; None if there are none."""
    try:
        parts = urlsplit(f"//{text}")
        port = parts.port or _PORT
    except ValueError:
        return None
    return None if parts.hostname is None or "@" in text else (parts.hostname, port)


def _number(given: Any, kind: type[int | float]) -> Any:
    """Return the number that a text stands for; what stands for none is refused later."""
    try:
        return kind(given)
    except ValueError:
        return given
