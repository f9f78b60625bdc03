"""``@cached``: a function whose results a cache keeps, by its arguments."""

from __future__ import annotations

import functools
import inspect
import sys
from datetime import date, datetime, time
from decimal import Decimal
from enum import Enum, Flag
from typing import TYPE_CHECKING, Any, Generic, ParamSpec, TypeVar, cast
from uuid import UUID

from habitkit.cache.base import BaseCache
from habitkit.cache.domain.names import tags_of
from habitkit.cache.options import seconds_ns
from habitkit.cache.return_kind import annotated, return_kind
from habitkit.errors import ConfigurationError, InvalidInput, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection
    from typing import Self

    from habitkit.cache.async_cache import AsyncCache
    from habitkit.cache.cache import Cache
    from habitkit.cache.domain.names import Key

__all__ = ["CachedFunction", "cached"]

P = ParamSpec("P")
R = TypeVar("R")

_BY_TEXT = (str, bool, int, float, Decimal, UUID, date, type(None))
_MOST_ARGUMENTS = 7
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
        self._name = f"{function.__module__}.{_name(function)}"
        self._signature = None if key is not None else inspect.signature(function)
        if kind is _ABSENT:
            try:
                self._kind = return_kind(function)
            except Exception:  # noqa: BLE001 - it may name what is defined later
                self._kind = _ABSENT
        if cache._asynchronous and sys.version_info >= (3, 12):  # noqa: SLF001 - ours
            inspect.markcoroutinefunction(self)

    def __get__(self, instance: object, owner: type | None = None) -> Self:
        """Return the function itself if a class is asked for it; it is no method.

        Raises:
            UsageError: If an object is asked for it.
        """
        if instance is not None:
            raise _no_method(self.uncached)
        return self

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """Return what the function returns for these arguments, from the cache if it is there.

        Raises:
            ConfigurationError: If its return annotation cannot be resolved.
            InvalidInput: If no ``key`` was given and the arguments make none.
        """
        tags = self._tags
        if callable(tags):
            tags = tags(*args, **kwargs)
        return cast(
            "R",
            self.cache.get_or_create(
                self.key(*args, **kwargs),
                functools.partial(self.uncached, *args, **kwargs),
                *(self._ttl_seconds, self._stale_seconds, tags),
                kind=self._resolved() if self._kind is _ABSENT else self._kind,
            ),
        )

    def key(self, *args: P.args, **kwargs: P.kwargs) -> Key:
        """Return the key of a call with these arguments.

        Raises:
            InvalidInput: If no ``key`` was given and they make none.
        """
        if self._key is not None:
            return self._key(*args, **kwargs)
        assert self._signature is not None  # noqa: S101 - see __init__
        bound = self._signature.bind(*args, **kwargs)
        bound.apply_defaults()
        parts = [self._name]
        for what, value in bound.arguments.items():
            kind = self._signature.parameters[what].kind
            if kind is inspect.Parameter.VAR_POSITIONAL:
                parts += (f"*{_text(what, it)}" for it in value)
            elif kind is inspect.Parameter.VAR_KEYWORD:
                parts += (f"**{name!r}={_text(name, value[name])}" for name in sorted(value))
            else:
                parts.append(_text(what, value))
        if len(parts) > 1 + _MOST_ARGUMENTS:
            expected = f"at most {_MOST_ARGUMENTS} to make a key of; for more give key=..."
            raise InvalidInput("arguments", given=len(parts) - 1, expected=expected)
        return tuple(parts)

    def invalidate(self, *args: P.args, **kwargs: P.kwargs) -> Any:
        """Delete the value for these arguments; to be awaited with an ``AsyncCache``."""
        return self.cache.delete(self.key(*args, **kwargs))

    def _resolved(self) -> Any:
        """Return the type to read values back as, now that all of the module is defined.

        Raises:
            ConfigurationError: If the return annotation still cannot be resolved.
        """
        try:
            self._kind = return_kind(self.uncached)
        except Exception as error:
            annotation = annotated(self.uncached).__annotations__["return"]
            msg = (
                f"{_name(self.uncached)}: the return annotation {annotation!r} cannot be resolved "
                f"({error}); import at run time what it names, or give kind=..."
            )
            raise ConfigurationError(msg) from error
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
        key: Makes the key of the arguments. Unless given it is the function's name and up to 7
            arguments, which must then be texts, numbers, bools, None, UUIDs, dates, times or
            members of enums. Functions inside functions and lambdas share their names with others,
            so they need one.
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
        ConfigurationError: If the cache is none; at the first call, if the return annotation
            cannot be resolved.
        InvalidInput: If the function is async and the cache is not, or the other way round; if it
            needs a ``key``; or if another argument is not acceptable.
        UsageError: If it is a method.
    """
    given: object = cache
    if not isinstance(given, BaseCache):
        msg = f"cache: expected a Cache or an AsyncCache, got {given!r}"
        raise ConfigurationError(msg)
    seconds_ns("ttl_seconds", ttl_seconds, least=0.001)
    seconds_ns("stale_seconds", stale_seconds)
    if key is not None:
        _expect_plain_function("key", key, "a function that makes the key of the arguments")
    if callable(tags):
        _expect_plain_function("tags", tags, "tags, or a function that makes them")
    else:
        tags_of("", tags)

    def wrap(function: Callable[P, R]) -> CachedFunction[P, R]:
        _expect_no_method(function)
        given: object = function
        is_async = inspect.iscoroutinefunction(function)
        if isinstance(given, CachedFunction):
            is_async = given.cache._asynchronous  # noqa: SLF001 - ours
        if not callable(given) or is_async is not cache._asynchronous:  # noqa: SLF001
            expected = "an async function" if cache._asynchronous else "a plain function"  # noqa: SLF001
            raise InvalidInput("function", given=function, expected=f"{expected} for this cache")
        if key is None and ("<" in _name(function, "<none>") or inspect.ismethod(function)):
            expected = (
                "a function of a module, whose name is part of the key; for a function inside of "
                "another, a lambda, a partial or a bound method give key=..."
            )
            raise InvalidInput("function", given=function, expected=expected)
        return CachedFunction(cache, function, ttl_seconds, stale_seconds, key, tags, kind)

    return wrap


def _name(function: Any, default: str = "a function") -> str:
    return getattr(function, "__qualname__", default)


def _expect_plain_function(what: str, given: object, expected: str) -> None:
    """Refuse what is no function, or an async one.

    Raises:
        InvalidInput: If it is.
    """
    if not callable(given) or inspect.iscoroutinefunction(given):
        raise InvalidInput(what, given=given, expected=expected)


def _no_method(function: object) -> UsageError:
    return UsageError(
        f"@cached is for functions, and {_name(function)} is used as a method, whose first "
        "argument is an object or a class; give it a function of the arguments that matter and "
        "call that in the method, or make it a staticmethod"
    )


def _expect_no_method(function: Callable[..., Any]) -> None:
    """Refuse a function that is written as a method or classmethod in a class.

    Raises:
        UsageError: If it is.
    """
    if isinstance(function, classmethod):
        raise _no_method(function)
    code = getattr(function, "__code__", None)
    if inspect.isfunction(function) and code is not None and code.co_argcount:
        in_class = "." in function.__qualname__.rpartition("<locals>.")[2]
        if in_class and code.co_varnames[0] in {"self", "cls"}:
            raise _no_method(function)


def _text(what: str, value: object) -> str:
    """Return an argument as a part of a key; different for different values.

    Raises:
        InvalidInput: If it is no simple value.
    """
    kind = type(value)
    if isinstance(value, Enum):  # of which flags may have no name
        member = value.value if isinstance(value, Flag) else value.name
        return f"{kind.__module__}.{kind.__qualname__}.{member}"
    if type(value) is datetime or type(value) is time:  # whose zones may differ in what follows
        return f"{kind.__name__}:{value.isoformat()}[{value.tzinfo}]{value.fold}"
    if kind in _BY_TEXT:
        return f"{kind.__name__}:{value}"
    expected = "a simple value, such as a text or a number; for others give key=..."
    raise InvalidInput(what, given=value, expected=expected)
