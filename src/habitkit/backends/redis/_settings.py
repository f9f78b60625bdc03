"""Checking what the backends and ``open_url`` are given."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from habitkit.errors import ConfigurationError, InvalidInput

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = [
    "TIMEOUT_SECONDS",
    "Server",
    "checked_prefix",
    "checked_timeout",
    "connection_settings",
    "expect_reads_of_primaries",
    "opened",
    "parsed",
    "refuse",
]

TIMEOUT_SECONDS = 0.25
_LONGEST_PREFIX = 100
_LONGEST_TIMEOUT_SECONDS = 60
_CLUSTER = "+cluster"
_OF_THE_POOL = {
    "maint_notifications_config",
    "maint_notifications_pool_handler",
    "oss_cluster_maint_notifications_handler",
}
"""Settings that let a server move the connections of a pool; ours are in none."""


class Server(NamedTuple):
    """What a URL stands for.

    Attributes:
        url: The URL as redis-py knows it.
        is_cluster: Whether it is a node of a Redis Cluster.
        timeout_seconds: How long a call may take.
    """

    url: str
    is_cluster: bool
    timeout_seconds: float


def checked_prefix(prefix: object) -> str:
    """Return a prefix of keys.

    Raises:
        InvalidInput: If it is not acceptable. A brace in it would be a hash tag for Redis Cluster.
    """
    fits = isinstance(prefix, str) and 0 < len(prefix) <= _LONGEST_PREFIX and prefix.isprintable()
    if fits and "{" not in str(prefix) and "}" not in str(prefix):
        return str(prefix)
    expected = f"1 to {_LONGEST_PREFIX} printable characters without '{{' and '}}'"
    raise InvalidInput("prefix", given=prefix, expected=expected)


def checked_timeout(seconds: object) -> float:
    """Return a timeout.

    Raises:
        InvalidInput: If it is not acceptable.
    """
    if isinstance(seconds, int | float) and 0 < seconds <= _LONGEST_TIMEOUT_SECONDS:
        return float(seconds)
    expected = f"a number of seconds above 0, up to {_LONGEST_TIMEOUT_SECONDS}"
    raise InvalidInput("timeout_seconds", given=seconds, expected=expected)


def connection_settings(settings: Mapping[str, Any], retry: Any) -> dict[str, Any]:
    """Return the settings for a connection of our own, without any retries of redis-py.

    Args:
        settings: Those that a client makes its connections with, sync or async.
        retry: A policy that never retries, of the same kind.
    """
    kept = {name: value for name, value in settings.items() if name not in _OF_THE_POOL}
    kept |= {"retry": retry, "retry_on_timeout": False, "retry_on_error": []}
    return kept | {"health_check_interval": 0}


def expect_reads_of_primaries(client: object) -> None:
    """Refuse a client of a cluster that reads from replicas, which may have deleted values still.

    Raises:
        ConfigurationError: If it does.
    """
    for setting in ("read_from_replicas", "load_balancing_strategy"):
        if getattr(client, setting, None):
            msg = (
                f"client: expected a RedisCluster that reads from primaries, got one with {setting}"
                ", whose replicas may still have a value that was deleted; make one without it"
            )
            raise ConfigurationError(msg)


def refuse(client: object, expected: str) -> ConfigurationError:
    """Return the error for something that is no client of the right kind."""
    return ConfigurationError(f"client: expected {expected}, got a {_path(type(client))}")


def parsed(url: str) -> Server:
    """Return what a URL stands for.

    Raises:
        InvalidInput: If its ``timeout_seconds`` is not acceptable.
    """
    scheme, host, path, query, fragment = urlsplit(url)
    is_cluster = scheme.endswith(_CLUSTER)
    scheme = scheme.removesuffix(_CLUSTER)
    options = dict(parse_qsl(query, keep_blank_values=True))
    given = options.pop("timeout_seconds", str(TIMEOUT_SECONDS))
    try:
        timeout = float(given)
    except ValueError:
        timeout = 0.0
    plain = urlunsplit((scheme, host, path, urlencode(options), fragment))
    if not host:  # urlunsplit writes unix:/path
        plain = plain.replace(f"{scheme}:", f"{scheme}://", 1) if "://" not in plain else plain
    return Server(plain, is_cluster, checked_timeout(timeout or given))


def opened(make: Callable[[], Any]) -> Any:
    """Return the client that a function makes.

    Raises:
        ConfigurationError: If it cannot be made; the message holds nothing of the URL, which may
            have a password anywhere.
    """
    try:
        client = make()
        pool = getattr(client, "connection_pool", None)
        if pool is not None:
            pool.connection_class(**pool.connection_kwargs)  # which checks the options
    except (ValueError, TypeError) as error:
        msg = (
            "the URL of the Redis server cannot be used; expected one such as "
            "redis://user:password@host:6379/0, with special characters of the password "
            "percent-encoded, and only options that redis-py knows"
        )
        raise ConfigurationError(msg) from (error if isinstance(error, TypeError) else None)
    return client


def _path(kind: type) -> str:
    return f"{kind.__module__}.{kind.__qualname__}"
