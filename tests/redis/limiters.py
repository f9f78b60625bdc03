"""The four ways to use Redis, behind one sync face."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from habitkit.backends.redis import open_url
from habitkit.limits import AsyncLimiter, Limiter
from habitkit.testing.contracts._async import LoopThread

WAYS = ["server", "cluster", "async server", "async cluster"]


class OnLoop:
    """An async limiter whose calls wait for an event loop in another thread."""

    def __init__(self, limiter: AsyncLimiter, loop: LoopThread) -> None:
        self._limiter, self._loop = limiter, loop

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._limiter, name)
        return lambda *args, **named: self._loop.call(lambda: method(*args, **named))


@contextmanager
def limiter_on(url: str, way: str, *, seconds: float = 10, **settings: Any) -> Iterator[Any]:
    """Yield a limiter; unless a test asks for it, a busy machine is no outage."""
    url = f"{url}?timeout_seconds={seconds}"
    settings = {"cache_denials": False} | settings
    if way.startswith("async"):
        with LoopThread() as loop:

            async def make() -> AsyncLimiter:
                return AsyncLimiter(open_url(url, asynchronous=True), **settings)

            on_loop = OnLoop(loop.call(make), loop)
            yield on_loop
            on_loop.close()
    else:
        backend: Any = open_url(url, asynchronous=False)
        limiter = Limiter(backend, **settings)
        yield limiter
        limiter.close()
