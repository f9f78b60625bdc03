"""``@cached``: a function whose results a cache keeps, by its arguments."""

from __future__ import annotations

import functools
import inspect
from datetime import date, datetime, time
from decimal import Decimal
from enum import Enum
from typing import TYPE_CHECKING, Any, Generic, ParamSpec, TypeVar, cast, get_type_hints
from uuid import UUID

from habitkit.cache.base import BaseCache
from habitkit.errors import ConfigurationError, InvalidInput

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from habitkit.cache.async_cache import AsyncCache
    from habitkit.cache.cache import Cache
    from habitkit.cache.domain.names import Key

__all__ = ["CachedFunction", "cached"]

P = ParamSpec("P")
R = TypeVar("R")

_BY_TEXT = (str, bool, int, float, Decimal, UUID, datetime, date, time, type(None))
_ABSENT = object()


class CachedFunction(Generic[P, R]):
    """A function with its cache; call it as the function itself.

    Attributes:
        cache: The cache.
        uncached: The function itself.
    """

    __name__: str

    def __init__(
        self,
        cache: Any,
        function: Callable[..., Any],
        ttl_seconds: float,
        stale_seconds: float,
        key: Callable[..., Key] | None,
        tags: Callable[..., Collection[Key]] | Collection[Key],
        kind: Any,
    ) -> None:
        """Wrap a function."""
        functools.update_wrapper(self, function)
        self.cache = cache
        self.uncached = function
        self._ttl_seconds = ttl_seconds
        self._stale_seconds = stale_seconds
        self._key = key
        self._tags = tags
        self._kind = kind
        self._signature = inspect.signature(function)
        self._name = f"{function.__module__}.{function.__qualname__}"

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """Return what the function returns for these arguments, from the cache if it is there."""
        tags = self._tags
        if callable(tags):
            tags = tags(*args, **kwargs)
        return cast(
            "R",
            self.cache.get_or_create(
                self.key(*args, **kwargs),
                functools.partial(self.uncached, *args, **kwargs),
                *(self._ttl_seconds, self._stale_seconds, tags),
                kind=self._return_kind(),
            ),
        )

    def key(self, *args: P.args, **kwargs: P.kwargs) -> Key:
        """Return the key of a call with these arguments."""
        if self._key is not None:
            return self._key(*args, **kwargs)
        bound = self._signature.bind(*args, **kwargs)
        bound.apply_defaults()
        parts = [self._name]
        for what, value in bound.arguments.items():
            parts.append(_text(what, value))
        return tuple(parts)

    def invalidate(self, *args: P.args, **kwargs: P.kwargs) -> Any:
        """Delete the value for these arguments; to be awaited with an ``AsyncCache``."""
        return self.cache.delete(self.key(*args, **kwargs))

    def _return_kind(self) -> Any:
        """Return the type to read values back as."""
        if self._kind is _ABSENT:
            try:
                hinted = get_type_hints(self.uncached).get("return")
            except (NameError, TypeError):  # names that are imported for type checkers alone
                hinted = None
            self._kind = None if _is_plain(hinted) else hinted
        return self._kind


def cached(
    cache: Cache | AsyncCache,
    ttl_seconds: float,
    stale_seconds: float = 0,
    *,
    key: Callable[..., Key] | None = None,
    tags: Callable[..., Collection[Key]] | Collection[Key] = (),
    kind: Any = _ABSENT,
) -> Callable[[Callable[P, R]], CachedFunction[P, R]]:
    """Keep the results of a function in a cache, by its arguments.

    Args:
        cache: A ``Cache``; an ``AsyncCache`` for an async function.
        ttl_seconds: As for ``Cache.get_or_create``.
        stale_seconds: As for ``Cache.get_or_create``.
        key: Makes the key of the arguments. Unless given it is the function's name and the
            arguments, which must then be texts, numbers, bools, None, UUIDs, dates, times or
            members of enums.
        tags: The tags, or a function that makes them of the arguments.
        kind: As for ``Cache.get_or_create``; by default the function's return type.

    Example:
        >>> from habitkit.cache import Cache
        >>> @cached(Cache(), ttl_seconds=60, tags=lambda user: [("user", user)])
        ... def report(user: str) -> dict[str, int]:
        ...     return {"streak": 7}
        >>> report("ada")
        {'streak': 7}
        >>> report.invalidate("ada")

    Raises:
        ConfigurationError: If the cache is none.
        InvalidInput: If the function is async and the cache is not, or the other way round.
    """
    given: object = cache
    if not isinstance(given, BaseCache):
        msg = f"cache: expected a Cache or an AsyncCache, got {given!r}"
        raise ConfigurationError(msg)

    def wrap(function: Callable[P, R]) -> CachedFunction[P, R]:
        is_async = inspect.iscoroutinefunction(function)
        given: object = function
        if not callable(given) or is_async is not cache._asynchronous:  # noqa: SLF001 - ours
            expected = "an async function" if cache._asynchronous else "a plain function"  # noqa: SLF001
            raise InvalidInput("function", given=function, expected=f"{expected} for this cache")
        return CachedFunction(cache, function, ttl_seconds, stale_seconds, key, tags, kind)

    return wrap


def _text(what: str, value: object) -> str:
    """Return an argument as a part of a key; different for different values.

    Raises:
        InvalidInput: If it is no simple value.
    """
    if isinstance(value, Enum):
        return f"{type(value).__qualname__}.{value.name}"
    if type(value) in _BY_TEXT:
        return f"{type(value).__name__}:{value}"
    expected = "a simple value, such as a text or a number; for others give key=..."
    raise InvalidInput(what, given=value, expected=expected)


def _is_plain(hint: Any) -> bool:
    """Return whether values of a type are read back by JSON as they were."""
    if hint in {None, type(None), bool, int, float, str, bytes, Any}:
        return True
    origin = getattr(hint, "__origin__", hint)
    members = getattr(hint, "__args__", ())
    if origin is list:
        return all(map(_is_plain, members))
    return origin is dict and (not members or (members[0] is str and _is_plain(members[1])))
