"""Reading and loading a value: the rules, apart from whoever waits for the steps.

Each function below is a generator of steps, which a cache executes, sync or async. A step names a
method of the backend, or ``load``, ``sleep`` or ``subscribe``.

Theory of operation. Across processes the right to load is a lease: a value that a backend adds only
if there is none, and drops after ``lease_seconds``. Who gets it reads once more, as another process
may have finished just before, and then loads. Who does not get it returns an old value if there is
one; else it reads again and again until there is a value, or until it gets the lease itself because
the holder has failed. After ``lease_seconds`` it loads without one and stores nothing.

The generations of the tags are read before loading. So a tag that is invalidated meanwhile makes
the value a miss. A deleted key takes its lease along, so that ``end_lease`` stores nothing.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, NamedTuple

from habitkit.cache.domain.envelope import (
    GENERATION_BYTES,
    Envelope,
    decode,
    early_ns,
    encode,
)
from habitkit.cache.domain.names import MOST_TAGS, lease_of
from habitkit.cache.entry import Entry
from habitkit.cache.errors import ValueTooLarge
from habitkit.cache.events import CacheEvent
from habitkit.cache.flights import Fill
from habitkit.cache.port import Item
from habitkit.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Sequence
    from typing import TypeAlias, TypeVar

    from habitkit.cache.domain.names import Key
    from habitkit.cache.state import CacheState

    R = TypeVar("R")
    Steps: TypeAlias = Generator["Step", Any, R]

__all__ = ["MISSING", "TAG_SECONDS", "Call", "Loading", "Step", "generations", "report"]

TAG_SECONDS = 30 * 86_400
"""How long a backend keeps the generation of a tag; values with tags live no longer."""

_NS = 1_000_000_000
_MS = 1_000_000
_FIRST_DELAY_SECONDS = 0.005
_LONGEST_DELAY_SECONDS = 0.1
_RECHECK_NS = 50 * _MS
_RETRY_NS = _NS


class _Missing:
    """The type of ``MISSING``."""

    def __repr__(self) -> str:
        return "MISSING"

    def __bool__(self) -> bool:
        return False


MISSING = _Missing()
"""What stands for a value that is not there, where None may be a value."""


class Step(NamedTuple):
    """Something to be executed.

    Attributes:
        verb: The name of a backend's method, or ``load``, ``sleep``, ``subscribe``.
        arguments: Its arguments.
    """

    verb: str
    arguments: tuple[Any, ...] = ()


class Call(NamedTuple):
    """A call of a cache, validated.

    Attributes:
        key: The key in the local dict.
        name: The name of its value.
        namespace: The cache's namespace.
        home: The local dict.
        kind: The type to read it back as; None if none was given.
        loader: Makes the value; None for ``get``.
        ttl_ns: How long it is fresh.
        stale_ns: How long it may be used after that.
        tags: The names of its tags.
    """

    key: Key
    name: str
    namespace: str
    home: dict[Key, Entry]
    kind: Any = None
    loader: Callable[[], Any] | None = None
    ttl_ns: int = 0
    stale_ns: int = 0
    tags: tuple[str, ...] = ()


class _Found(NamedTuple):
    """A usable value of the shared backend.

    Attributes:
        value: The value.
        fresh_for_ns: How long it is fresh, as this process sees it; 0 or less if it is to be
            loaded anew.
        usable_for_ns: How long it may be used.
        tags: The names of its tags.
    """

    value: Any
    fresh_for_ns: int
    usable_for_ns: int
    tags: tuple[str, ...]


class _Down(Exception):
    """The shared backend has failed, and the cache goes on without it."""


def report(state: CacheState, call: Call, outcome: Any, **details: Any) -> None:
    """Report what came of a call to the host's hook."""
    if state.settings.observe is not None:
        state.observed(CacheEvent(outcome, call.key, call.namespace, **details))


def generations(names: Sequence[str], known: dict[str, bytes | None]) -> Steps[dict[str, bytes]]:
    """Return the generations of tags; those that have none get one.

    Args:
        names: The names of the tags.
        known: The generations that have been read already.
    """
    found: dict[str, bytes] = {}
    for name in names:
        generation = known.get(name)
        if generation is None:
            generation = os.urandom(GENERATION_BYTES)
            if not (yield Step("add", (Item(name, generation, TAG_SECONDS * 1000),))):
                (other,) = yield Step("get_many", ((name,),))
                generation = other or generation  # of which nobody knows: the value is a miss
        found[name] = generation
    return found


class Loading:
    """One reading, or loading, of a value, by whoever leads."""

    def __init__(self, state: CacheState, call: Call, old: Entry | None) -> None:
        """Prepare it.

        Args:
            state: The cache's state.
            call: The call.
            old: A usable entry in memory, if there is one.
        """
        self._state = state
        self._call = call
        self._old = old
        self._fill = Fill()
        self._found: _Found | None = None
        self._generations: dict[str, bytes | None] = {}
        self._lease: bytes | None = None
        self._alone = False
        self._read_at = 0

    def get(self) -> Steps[Any]:
        """Return the value of the shared backend if it is fresh, else ``MISSING``."""
        yield from self._begin()
        try:
            if not self._state.is_up():
                return MISSING
            found = yield from self._read()
            return MISSING if found is None or found.fresh_for_ns <= 0 else self._take(found)
        except _Down:
            return MISSING
        finally:
            self._state.end(self._fill)

    def get_or_load(self) -> Steps[Any]:
        """Return the value, loaded if need be."""
        yield from self._begin()
        try:
            value = yield from self._shared_value()
            return (yield from self._load()) if value is MISSING else value
        finally:
            self._state.end(self._fill)

    def _begin(self) -> Steps[None]:
        """Subscribe to invalidations if that is to be done, and begin the fill."""
        state = self._state
        if state.is_up() and state.wants_subscription():
            subscription = None
            try:
                subscription = yield Step("subscribe")
            except StoreError:
                pass  # the next call of the backend will say it
            finally:
                state.subscribed(subscription)
        state.begin(self._fill)

    # --- the shared backend ----------------------------------------------------------------------

    def _ask(self, steps: Steps[R]) -> Steps[R]:
        """Execute steps of the backend.

        Raises:
            _Down: If it fails, and the cache is to go on without it.
        """
        try:
            return (yield from steps)
        except StoreError as error:
            report(self._state, self._call, "unavailable", error=error)
            self._state.failed(error)
            raise _Down from error

    def _shared_value(self) -> Steps[Any]:
        """Return the value if nothing has to be loaded; else ``MISSING``, perhaps with a lease."""
        if not self._state.is_up():
            self._alone = True
            return MISSING
        try:
            return (yield from self._value_or_lease())
        except _Down:
            self._lease, self._alone = None, True
            return MISSING

    def _value_or_lease(self) -> Steps[Any]:
        """Read until there is a value, or the lease for loading it, or time is up."""
        state = self._state
        delay, began = _FIRST_DELAY_SECONDS, state.settings.ticks()
        while True:
            found = yield from self._read()
            if found is not None and found.fresh_for_ns > 0:
                return self._take(found)
            if (yield from self._take_lease()):
                found = yield from self._read()
                if found is None or found.fresh_for_ns <= 0:
                    return MISSING
                yield from self._give_back()
                return self._take(found)
            if found is not None:
                report(state, self._call, "stale")
                return self._keep(found.value, _RECHECK_NS)
            if state.settings.ticks() - began >= state.settings.lease_ns:
                return MISSING
            yield Step("sleep", (delay,))
            delay = min(delay * 1.5, _LONGEST_DELAY_SECONDS)

    def _read(self) -> Steps[_Found | None]:
        """Return the usable value of the shared backend, and note the tags' generations."""
        return (yield from self._ask(self._reading()))

    def _reading(self) -> Steps[_Found | None]:
        settings, call = self._state.settings, self._call
        self._read_at = settings.ticks()
        data, *own = yield Step("get_many", ((call.name, *call.tags),))
        self._generations = dict(zip(call.tags, own, strict=True))
        self._old = None if self._state.backend is not None else self._old
        self._found = None
        envelope = decode(data)
        if envelope is None or len(envelope.tags) > MOST_TAGS:
            return None
        known = dict(self._generations)
        others = [name for name in envelope.tags if name not in known]
        if others:
            known.update(zip(others, (yield Step("get_many", (tuple(others),))), strict=True))
        if envelope.holds(known):
            self._found = self._usable(envelope)
        return self._found

    def _usable(self, envelope: Envelope) -> _Found | None:
        """Return the value of an envelope if it may still be used and can be read."""
        settings = self._state.settings
        fresh_ns = envelope.fresh_for_ns(settings.wall_ns())
        usable_ns = fresh_ns + envelope.stale_ns
        if usable_ns <= 0 or envelope.serializer != settings.serializer.name:
            return None
        try:
            value = settings.serializer.loads(envelope.payload, self._call.kind)
        except Exception:  # noqa: BLE001 - what cannot be read is a miss, whoever has written it
            return None
        fresh_ns -= early_ns(envelope.cost_ns, settings.early, settings.random())
        return _Found(value, fresh_ns, usable_ns, tuple(envelope.tags))

    def _take_lease(self) -> Steps[bool]:
        token = os.urandom(GENERATION_BYTES)
        ttl_ms = self._state.settings.lease_ns // _MS
        item = Item(lease_of(self._call.name), token, ttl_ms)
        added = yield from self._ask(_one(Step("add", (item,))))
        self._lease = token if added else None
        return self._lease is not None

    def _give_back(self) -> Steps[None]:
        """Give the lease back, if there is one; if that fails, it expires."""
        token, self._lease = self._lease, None
        if token is not None:
            try:
                yield Step("end_lease", (lease_of(self._call.name), token))
            except StoreError as error:
                report(self._state, self._call, "unavailable", error=error)

    # --- loading ---------------------------------------------------------------------------------

    def _load(self) -> Steps[Any]:
        """Load the value, and store it where it may be stored."""
        state, call = self._state, self._call
        if self._lease is not None and call.tags:
            try:
                tags = yield from self._ask(generations(call.tags, self._generations))
            except _Down:
                self._lease, self._alone, tags = None, True, {}
        else:
            tags = {}
        began = state.settings.ticks()
        try:
            value = yield Step("load")
        except BaseException as error:
            yield from self._give_back()
            report(state, call, "failed", error=error)
            if isinstance(error, Exception):
                kept = self._kept()
                if kept is not MISSING:
                    return kept
            raise
        cost_ns = state.settings.ticks() - began
        report(state, call, "loaded", seconds=cost_ns / _NS)
        is_current = state.backend is None or self._alone
        if self._lease is not None:
            is_current = yield from self._store(value, cost_ns, tags)
        if is_current:
            self._put(value, call.ttl_ns, call.stale_ns, cost_ns)
        return value

    def _store(self, value: Any, cost_ns: int, tags: dict[str, bytes]) -> Steps[bool]:
        """Store what was loaded under the lease; return whether it is still current.

        Raises:
            CannotSerialize: If it cannot be written.
        """
        settings, call, token = self._state.settings, self._call, self._lease
        try:
            payload = settings.serializer.dumps(value, call.kind)
        except BaseException:
            yield from self._give_back()
            raise
        times = (settings.wall_ns(), call.ttl_ns, call.stale_ns, cost_ns)
        data = encode(Envelope(payload, settings.serializer.name, *times, tags))
        item = Item(call.name, data, lifetime_ms(call))
        try:
            held = yield Step("end_lease", (lease_of(call.name), token, item))
        except ValueTooLarge as error:
            report(self._state, call, "not stored", error=error)
            yield from self._give_back()
            return False
        except StoreError as error:
            report(self._state, call, "unavailable", error=error)
            self._state.failed(error)
            self._alone = True
            return True
        return bool(held)

    # --- the local tier --------------------------------------------------------------------------

    def _take(self, found: _Found) -> Any:
        """Put a fresh value of the shared backend into memory, and return it."""
        report(self._state, self._call, "shared")
        entry = self._entry(found.value, found.fresh_for_ns, found.usable_for_ns, found.tags)
        self._state.put(self._fill, self._call.name, entry)
        return found.value

    def _put(self, value: Any, ttl_ns: int, stale_ns: int, cost_ns: int) -> None:
        """Put what was loaded into memory."""
        settings = self._state.settings
        self._read_at = settings.ticks()
        early = early_ns(cost_ns, settings.early, settings.random())
        entry = self._entry(value, max(ttl_ns - early, 0), ttl_ns + stale_ns, self._call.tags)
        trusted_ns = self._state.outage_ns if self._alone else None
        self._state.put(self._fill, self._call.name, entry, trusted_ns)

    def _kept(self) -> Any:
        """Return the old value, as loading has failed, and keep it a little longer."""
        if self._found is not None:
            return self._keep(self._found.value, _RETRY_NS)
        if self._old is not None and self._old.usable_until > self._state.settings.ticks():
            return self._keep(self._old.value, _RETRY_NS)
        return MISSING

    def _keep(self, value: Any, for_ns: int) -> Any:
        """Use an old value for a short time before anybody looks for a new one, and return it."""
        if self._found is not None:
            found = self._found
            entry = self._entry(found.value, for_ns, found.usable_for_ns, found.tags)
            self._state.put(self._fill, self._call.name, entry)
        elif self._old is not None:
            until = self._state.settings.ticks() + for_ns
            self._old.check_at = min(until, self._old.usable_until)
        return value

    def _entry(self, value: Any, fresh_ns: int, usable_ns: int, tags: tuple[str, ...]) -> Entry:
        call, at = self._call, self._read_at
        until = at + usable_ns
        return Entry(value, min(at + fresh_ns, until), until, call.home, call.key, tags)


def lifetime_ms(call: Call) -> int:
    """Return after how many ms a backend may drop a value."""
    return -(-(call.ttl_ns + call.stale_ns) // _MS)


def _one(step: Step) -> Steps[Any]:
    return (yield step)
