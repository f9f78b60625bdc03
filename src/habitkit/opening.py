"""Opening the limits and the cache of a kit that were given as URLs."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from contextlib import AsyncExitStack, ExitStack

    from habitkit.cache import AsyncCache, Cache
    from habitkit.limits import AsyncLimiter, Limiter

__all__ = ["open_async_residents", "open_residents"]


def open_residents(
    owned: ExitStack, limits: Limiter | str | None, cache: Cache | str | None
) -> tuple[Limiter | None, Cache | None]:
    """Open what is a URL; ``owned`` closes it."""
    if isinstance(limits, str):
        from habitkit.limits import Limiter  # noqa: PLC0415 - only where it is used

        limits = Limiter.open(limits)
        owned.callback(limits.close)
    if isinstance(cache, str):
        from habitkit.cache import Cache  # noqa: PLC0415 - only where it is used

        cache = Cache.open(cache)
        owned.callback(cache.close)
    return limits, cache


async def open_async_residents(
    owned: AsyncExitStack, limits: AsyncLimiter | str | None, cache: AsyncCache | str | None
) -> tuple[AsyncLimiter | None, AsyncCache | None]:
    """Open what is a URL, for an async kit; ``owned`` closes it."""
    if isinstance(limits, str):
        from habitkit.limits import AsyncLimiter  # noqa: PLC0415 - only where it is used

        limits = await AsyncLimiter.open(limits)
        owned.push_async_callback(limits.close)
    if isinstance(cache, str):
        from habitkit.cache import AsyncCache  # noqa: PLC0415 - only where it is used

        cache = await AsyncCache.open(cache)
        owned.push_async_callback(cache.close)
    return limits, cache
