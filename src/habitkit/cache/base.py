"""What both caches share: the tiers, the settings, and the validation of what callers give."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any
from weakref import WeakSet

from habitkit import plugins
from habitkit.cache.domain.names import checked_namespace, name, parsed, tags_of
from habitkit.cache.entry import MOST_HITS
from habitkit.cache.errors import RecursiveLoad
from habitkit.cache.flights import loading
from habitkit.cache.options import MOST_SECONDS, CacheOptions, make_settings, seconds_ns
from habitkit.cache.shared import TAG_SECONDS
from habitkit.cache.state import CacheState
from habitkit.cache.steps import MISSING, Call
from habitkit.errors import ConfigurationError, InvalidInput

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Self

    from habitkit.cache.domain.names import Key
    from habitkit.cache.entry import Entry
    from habitkit.cache.events import CacheEvent

__all__ = ["DEFAULT_LOCAL", "BaseCache", "tiers"]

_NS = 1_000_000_000
_MEMBERS = (
    "name",
    "get_many",
    "set_many",
    "delete_many",
    "add",
    "end_lease",
    "incr",
    "close",
    "after_fork",
)


class _Default:
    """The type of ``DEFAULT_LOCAL``."""

    def __repr__(self) -> str:
        return "MemoryCache()"


DEFAULT_LOCAL: Any = _Default()


class BaseCache:
    """The state of a cache, and all of its rules that neither wait nor call a backend."""

    _asynchronous: bool
    _state: CacheState
    _namespace: str
    _home: dict[Key, Entry]

    def _set_up(self, backend: Any, local: Any, sleep: Any, **options: Any) -> None:
        """Keep what the constructor was given.

        Raises:
            ConfigurationError: If a tier or a function is not what is expected.
            InvalidInput: If another argument is not.
        """
        if local is DEFAULT_LOCAL:
            local = plugins.memory_cache()
        if _is_local(backend):
            hint = f"{type(self).__name__}(local=MemoryCache(...))"
            msg = f"backend: a MemoryCache is the local tier; expected {hint}"
            raise ConfigurationError(msg)
        if local is not None and not _is_local(local):
            msg = f"local: expected a MemoryCache or None, got {local!r}"
            raise ConfigurationError(msg)
        if backend is not None:
            self._expect_backend(backend)
        if not callable(sleep) or inspect.iscoroutinefunction(sleep) is not self._asynchronous:
            kind = "an async" if self._asynchronous else "a plain"
            msg = f"sleep: expected {kind} function of a number of seconds, got {sleep!r}"
            raise ConfigurationError(msg)
        unknown = sorted(options.keys() - CacheOptions.__annotations__.keys())
        if unknown:
            msg = f"{type(self).__name__}() has no option {unknown[0]!r}; see CacheOptions"
            raise TypeError(msg)
        self._view(CacheState(local, backend, make_settings(**options)), "")
        self._state.sleep = sleep

    def _view(self, state: CacheState, namespace: str) -> None:
        """Make this cache a view of a state."""
        self._state = state
        self._namespace = namespace
        self._home = state.home(namespace)
        self._ticks = state.settings.ticks
        touch = None if state.local is None else state.local.touch
        self._noticed = None if touch is None and state.settings.observe is None else self._notice
        self._touch = touch
        if self._noticed is None:
            with state.lock:
                state.unobserved.add(self)

    def watch(self, observe: Callable[[CacheEvent], object]) -> None:
        """Call one more function after each call, beside the host's ``observe``.

        Args:
            observe: Is called with a ``CacheEvent`` of each view of the cache; the same function
                twice is called once.
        """
        settings = self._state.settings
        before = settings.observe
        if before is None:
            settings.observe = observe
        elif before != observe and observe not in getattr(before, "functions", ()):
            settings.observe = _Several((*getattr(before, "functions", (before,)), observe))
        with self._state.lock:
            unobserved, self._state.unobserved = self._state.unobserved, WeakSet()
        for view in unobserved:
            view._noticed = view._notice  # noqa: SLF001 - a view of the same cache

    def _notice(self, entry: Entry) -> None:
        """Tell the eviction policy and the host's hook of a hit."""
        if self._touch is not None:
            self._touch(entry.slot)
        if self._state.settings.observe is not None:
            from habitkit.cache.events import CacheEvent  # noqa: PLC0415 - only for who wants them

            self._state.observed(CacheEvent("hit", entry.key, self._namespace))

    def namespace(self, namespace: str) -> Self:
        """Return a view of this cache whose keys and tags are apart from those of other views.

        Args:
            namespace: 1 to 50 letters, digits, dots, hyphens or underscores; within a namespace
                it is appended: ``cache.namespace("a").namespace("b")`` is ``"a.b"``.

        Raises:
            InvalidInput: If it is not.
        """
        whole = checked_namespace(namespace)
        if self._namespace:
            whole = checked_namespace(f"{self._namespace}.{whole}")
        view = object.__new__(type(self))
        view._view(self._state, whole)
        return view

    def _call(
        self,
        key: Any,
        loader: Any = None,
        ttl_seconds: Any = MISSING,
        stale_seconds: Any = 0,
        tags: Any = (),
        kind: Any = None,
    ) -> Call:
        """Validate the arguments of a call.

        Raises:
            InvalidInput: If one is not acceptable.
        """
        value_name = name("v", self._namespace, key)
        ttl_ns = 0
        if ttl_seconds is not MISSING:  # of which get needs none
            ttl_ns = seconds_ns("ttl_seconds", ttl_seconds, least=0.001)
        stale_ns = 0 if stale_seconds == 0 else seconds_ns("stale_seconds", stale_seconds)
        names = () if tags == () else tags_of(self._namespace, tags)
        most = TAG_SECONDS if names else MOST_SECONDS
        if ttl_ns + stale_ns > most * _NS:
            expected = f"at most {most} seconds together with stale_seconds"
            expected += " for a value with tags" if names else ""
            raise InvalidInput("ttl_seconds", given=ttl_seconds, expected=expected)
        canonical = parsed(value_name)
        assert canonical is not None  # noqa: S101 - it has just been made
        return Call(
            key=canonical.key,
            name=value_name,
            namespace=self._namespace,
            home=self._home,
            kind=kind,
            loader=loader,
            ttl_ns=ttl_ns,
            stale_ns=stale_ns,
            tags=names,
        )

    def _counter(self, key: Any, by: Any, ttl_seconds: Any) -> Call:
        """Validate the arguments of ``incr``."""
        if type(by) is not int or not 1 <= by < 1 << 32:
            raise InvalidInput("by", given=by, expected="an int from 1 to 2**32 - 1")
        call = self._call(key, ttl_seconds=ttl_seconds)
        counter = name("n", self._namespace, key)
        return call._replace(name=counter, home=self._state.home(f"n:{self._namespace}"))

    def _hit(self, call: Call, *, for_get: bool = False) -> Entry | None:
        """Return the entry in memory if it may be used, after reading what has arrived.

        Args:
            call: The call.
            for_get: Only if it is fresh, and also if it is to be refreshed early.
        """
        now = self._ticks()
        if now >= self._state.poll_at:
            self._state.poll(now)
        entry = call.home.get(call.key)
        if entry is None or (entry.fresh_until if for_get else entry.check_at) <= now:
            return None
        if entry.hits < MOST_HITS:
            entry.hits += 1
        if self._noticed is not None:
            self._noticed(entry)
        return entry

    def _names_of(self, key: Any) -> tuple[str, str, str]:
        """Return the names of a key's lease, value and counter, in the order to delete them.

        Once the lease is gone nobody can store the value any more.
        """
        lease, value, counter = (name(kind, self._namespace, key) for kind in ("l", "v", "n"))
        return lease, value, counter

    def _expect_no_recursion(self, call: Call) -> None:
        """Refuse a loader that asks for what it is loading.

        Raises:
            RecursiveLoad: If it does.
        """
        for mark in loading.get():
            if mark.name == call.name and mark.state is self._state and not mark.is_over:
                raise RecursiveLoad(call.key)

    def _expect_loader(self, loader: object) -> None:
        """Refuse what cannot be called.

        Raises:
            InvalidInput: If it cannot.
        """
        if not callable(loader):
            expected = "a function without arguments, which returns the value"
            raise InvalidInput("loader", given=loader, expected=expected)

    def _expect_backend(self, backend: Any) -> None:
        """Refuse what is no backend, or one of the other mode.

        Raises:
            ConfigurationError: If it is not.
        """
        missing = [it for it in _MEMBERS if not hasattr(backend, it)]
        if isinstance(backend, type) or missing:
            given = (
                f"a {type(backend).__name__} without {', '.join(missing)}" if missing else "a class"
            )
            hint = ""
            if isinstance(backend, str):
                hint = f"; for a URL, use {type(self).__name__}.open(url)"
            msg = f"backend: expected a backend such as RedisCache(client), got {given}{hint}"
            raise ConfigurationError(msg)
        is_async = inspect.iscoroutinefunction(backend.get_many)
        if is_async and not self._asynchronous:
            msg = f"backend: expected a sync backend, got {backend!r}; give it to AsyncCache"
            raise ConfigurationError(msg)
        if self._asynchronous and not is_async:
            msg = (
                f"backend: expected an async backend, got {backend!r}, whose calls would block the "
                "event loop; use the async one, such as AsyncRedisCache"
            )
            raise ConfigurationError(msg)


def _is_local(tier: object) -> bool:
    """Return whether a backend is a local tier."""
    return hasattr(tier, "home") and not isinstance(tier, type)


def tiers(opened: object, local: object) -> dict[str, Any]:
    """Return the tiers that a URL stands for: ``memory://`` is a local one, in place of another."""
    return {"local": opened} if _is_local(opened) else {"backend": opened, "local": local}


class _Several:
    """Functions that are all called; one that raises keeps no other from it."""

    def __init__(self, functions: tuple[Callable[[CacheEvent], object], ...]) -> None:
        self.functions = functions

    def __call__(self, event: CacheEvent) -> None:
        errors = []
        for observe in self.functions:
            try:
                observe(event)
            except Exception as error:  # noqa: BLE001 - a broken hook must not stop the others
                errors.append(error)
        if errors:
            raise errors[0]
