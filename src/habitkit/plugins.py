"""URLs to backends: ``"sqlite:///habits.db"`` finds an installed entry point and loads it lazily.

An installed package offers a backend in the entry point group ``habitkit.backends``, under the
URL's scheme without any driver (``postgresql`` serves ``postgresql+asyncpg://`` too). It names a
function ``open_url(url, *, asynchronous)`` that returns a ``Store``, or, if asked for one, an
``AsyncStore`` or something to await for one. Backends of rate limits are in the group
``habitkit.limits``, and return a ``LimitsBackend`` or an ``AsyncLimitsBackend``; those of caches in
``habitkit.cache``, and return a ``CacheBackend`` or an ``AsyncCacheBackend``.

For the package's own schemes nothing is looked up: reading the entry points of all that is
installed takes as long as importing the kit.
"""

from __future__ import annotations

import inspect
import re
from contextlib import contextmanager
from importlib import import_module
from typing import TYPE_CHECKING, Any

from habitkit.errors import ConfigurationError, MissingExtra, UnknownScheme

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from importlib.metadata import EntryPoint

    from habitkit.cache.port import AsyncCacheBackend, CacheBackend, LocalTier
    from habitkit.limits.port import AsyncLimitsBackend, LimitsBackend
    from habitkit.metrics.port import AsyncSeriesStore, SeriesStore
    from habitkit.store import AsyncStore, Store

__all__ = [
    "CACHE",
    "LIMITS",
    "OWN",
    "STORES",
    "entry_points",
    "memory_cache",
    "memory_limits",
    "memory_series",
    "naming_extras",
    "open_async_cache",
    "open_async_limits",
    "open_async_store",
    "open_cache",
    "open_limits",
    "open_store",
    "series_of",
]

STORES = "habitkit.backends"
LIMITS = "habitkit.limits"
CACHE = "habitkit.cache"

OWN = {
    STORES: {
        "memory": "habitkit.backends.memory",
        "postgresql": "habitkit.backends.sqlalchemy",
        "sqlite": "habitkit.backends.sqlalchemy",
    },
    LIMITS: {
        "memory": "habitkit.backends.memory.limits",
        "postgresql": "habitkit.backends.sqlalchemy.limits",
        "redis": "habitkit.backends.redis",
        "rediss": "habitkit.backends.redis",
        "sqlite": "habitkit.backends.sqlalchemy.limits",
        "unix": "habitkit.backends.redis",
    },
    CACHE: {
        "memcached": "habitkit.backends.memcached",
        "memory": "habitkit.backends.memory.cache",
        "postgresql": "habitkit.backends.sqlalchemy.cache",
        "redis": "habitkit.backends.redis.cache",
        "rediss": "habitkit.backends.redis.cache",
        "sqlite": "habitkit.backends.sqlalchemy.cache",
        "unix": "habitkit.backends.redis.cache",
    },
}
"""The package's own backends by group and scheme; they are also entry points, for tools that list
those."""

_EXTRA_OF_MODULE = {
    "asyncpg": "asyncpg",
    "greenlet": "async",
    "psycopg": "postgres",
    "pymemcache": "memcached",
    "redis": "redis",
    "yaml": "yaml",
}
_EXAMPLES = {
    STORES: "expected a URL such as sqlite:///habits.db or postgresql://user@host/database",
    LIMITS: "expected a URL such as redis://host:6379/0 or memory://",
    CACHE: "expected a URL such as redis://host:6379/0, memcached://host or memory://",
}
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9.-]*)(\+[A-Za-z0-9_]+)?:")


def open_store(url: str, *, schema: str | None = None) -> Store:
    """Open the store behind a URL for a sync host.

    Raises:
        UnknownScheme: If no installed backend is for the URL.
        ConfigurationError: If there is a schema for a backend that has none.
        MissingExtra: If the backend's driver is not installed; names the pip command.
    """
    return _open(STORES, url, schema, asynchronous=False)  # type: ignore[no-any-return]


async def open_async_store(url: str, *, schema: str | None = None) -> AsyncStore:
    """Open the store behind a URL for an async host; errors as ``open_store``.

    A backend may return its store at once or something to await.
    """
    return await _awaited(_open(STORES, url, schema, asynchronous=True))  # type: ignore[no-any-return]


def open_limits(url: str) -> LimitsBackend:
    """Open the backend of rate limits behind a URL for a sync host; errors as ``open_store``."""
    return _open(LIMITS, url, asynchronous=False)  # type: ignore[no-any-return]


async def open_async_limits(url: str) -> AsyncLimitsBackend | LimitsBackend:
    """Open the backend of rate limits behind a URL for an async host; errors as ``open_store``."""
    return await _awaited(_open(LIMITS, url, asynchronous=True))  # type: ignore[no-any-return]


def open_cache(url: str) -> CacheBackend | LocalTier:
    """Open the backend of a cache behind a URL for a sync host; errors as ``open_store``."""
    return _open(CACHE, url, asynchronous=False)  # type: ignore[no-any-return]


async def open_async_cache(url: str) -> AsyncCacheBackend | LocalTier:
    """Open the backend of a cache behind a URL for an async host; errors as ``open_store``."""
    return await _awaited(_open(CACHE, url, asynchronous=True))  # type: ignore[no-any-return]


@contextmanager
def naming_extras() -> Iterator[None]:
    """Turn an import that fails for want of an extra into an error that names it.

    Raises:
        MissingExtra: If a module that an extra brings cannot be imported.
    """
    try:
        yield
    except ImportError as error:
        module = (error.name or "").partition(".")[0]
        extra = _EXTRA_OF_MODULE.get(module)
        if extra is None:
            raise
        raise MissingExtra(module, extra) from error


def memory_limits() -> LimitsBackend:
    """Return the limits backend of a kit that was given none: in this process's memory."""
    return open_limits("memory://")


def memory_cache() -> LocalTier:
    """Return the local tier of a cache that was given none."""
    return _open(CACHE, "memory://", asynchronous=False)  # type: ignore[no-any-return]


def memory_series() -> SeriesStore:
    """Return the store of time series of metrics that were given none."""
    from habitkit.backends.memory.series import MemorySeries  # noqa: PLC0415 - if it is used

    return MemorySeries()


def series_of(store: Any) -> SeriesStore | AsyncSeriesStore:
    """Return what keeps time series beside a store: in its database, or else in memory."""
    offered = getattr(store, "time_series", None)
    return memory_series() if offered is None else offered()


def entry_points(*, group: str) -> Iterable[EntryPoint]:
    """Return the entry points of a group; what reads them takes long to import."""
    from importlib import metadata  # noqa: PLC0415

    return metadata.entry_points(group=group)


async def _awaited(opened: Any) -> Any:
    """Return what a backend has opened, at once or later."""
    with naming_extras():
        return await opened if inspect.isawaitable(opened) else opened


def _open(group: str, url: Any, schema: str | None = None, *, asynchronous: bool) -> Any:
    """Find the backend, load it, call it."""
    match = _SCHEME.match(url) if isinstance(url, str) else None
    scheme = match[1].lower() if match else ""
    with naming_extras():
        open_url = _opener(group, url, scheme, named=match is not None)
        if schema is None:
            return open_url(url, asynchronous=asynchronous)
        if "schema" not in inspect.signature(open_url).parameters:
            msg = (
                f"schema: the backend of {scheme}:// has no schemas; expected None, got {schema!r}"
            )
            raise ConfigurationError(msg)
        return open_url(url, asynchronous=asynchronous, schema=schema)


def _opener(group: str, url: Any, scheme: str, *, named: bool) -> Callable[..., Any]:
    """Return the function of the backend for a scheme.

    Raises:
        UnknownScheme: If no installed backend is for it.
    """
    own = OWN[group]
    if scheme in own:
        return import_module(own[scheme]).open_url  # type: ignore[no-any-return]
    installed = {point.name: point for point in entry_points(group=group)}
    if scheme in installed:
        return installed[scheme].load()  # type: ignore[no-any-return]
    schemes = sorted({*own, *installed})
    if named:
        raise UnknownScheme(scheme, schemes)
    raise UnknownScheme(_without_user(str(url)), schemes, _EXAMPLES[group])


def _without_user(url: str) -> str:
    """Hide the part before an @: it may be a password, and errors are written to logs."""
    _, at, rest = url.rpartition("@")
    return f"***{at}{rest}" if at else url
