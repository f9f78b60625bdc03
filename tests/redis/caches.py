"""The four ways to cache on Redis, behind one sync face."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from habitkit.backends.redis.cache import open_url
from habitkit.cache import AsyncCache, Cache
from habitkit.testing.contracts._async import LoopThread
from tests.redis_servers import wait_until


class OnLoop:
    """An async object whose calls wait for an event loop in another thread."""

    def __init__(self, of: Any, loop: LoopThread) -> None:
        self._of, self._loop = of, loop

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._of, name)

        def call(*args: Any, **named: Any) -> Any:
            result = self._loop.call(lambda: method(*args, **named))
            return OnLoop(result, self._loop) if name == "subscribe" else result

        return call


@contextmanager
def _on(url: str, way: str, make: Callable[[Any], Any]) -> Iterator[Any]:
    if way.startswith("async"):
        with LoopThread() as loop:

            async def opened() -> Any:
                return make(open_url(url, asynchronous=True))

            on_loop = OnLoop(loop.call(opened), loop)
            yield on_loop
            on_loop.close()
    else:
        made = make(open_url(url, asynchronous=False))
        yield made
        made.close()


@contextmanager
def backend_on(url: str, way: str, *, seconds: float = 10) -> Iterator[Any]:
    """Yield a backend; unless a test asks for it, a busy machine is no outage."""
    with _on(f"{url}?timeout_seconds={seconds}", way, lambda backend: backend) as backend:
        yield backend


@contextmanager
def cache_on(url: str, way: str, *, seconds: float = 10, **settings: Any) -> Iterator[Any]:
    """Yield a cache that reads messages at each call."""
    kind = AsyncCache if way.startswith("async") else Cache
    settings = {"poll_seconds": 0} | settings
    with _on(
        f"{url}?timeout_seconds={seconds}", way, lambda backend: kind(backend, **settings)
    ) as cache:
        yield cache


def eventually(call: Callable[[], Any], expected: Any) -> None:
    """Wait until a call returns what is expected."""
    wait_until(lambda: call() == expected)
