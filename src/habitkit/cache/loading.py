"""Reading and loading a value, as generators of steps.

Theory of operation. Across processes the right to load is a lease: a value that a backend adds only
if there is none, and drops after ``lease_seconds``. Who gets it reads once more, as another process
may have finished just before, and then loads. Who does not get it returns an old value if there is
one; else it reads again and again until there is a value, or until it gets the lease itself because
the holder has failed. If one holder has it for longer than ``lease_seconds``, or several for four
times as long, it loads without one and stores nothing.

The generations of the tags are read before loading. So a tag that is invalidated meanwhile makes
the value a miss. A deleted key takes its lease along, so that ``end_lease`` stores nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from habitkit.cache.domain.envelope import early_ns
from habitkit.cache.entry import Entry
from habitkit.cache.errors import CacheUnavailable, ValueTooLarge
from habitkit.cache.flights import Fill
from habitkit.cache.shared import Reader, envelope_of, generations, release
from habitkit.cache.steps import MISSING, Step, report
from habitkit.errors import StoreError

if TYPE_CHECKING:
    from typing import TypeVar

    from habitkit.cache.shared import Found
    from habitkit.cache.state import CacheState
    from habitkit.cache.steps import Call, Steps

    R = TypeVar("R")

__all__ = ["Loading"]

_NS = 1_000_000_000
_FIRST_DELAY_SECONDS = 0.005
_LONGEST_DELAY_SECONDS = 0.1
_RECHECK_NS = 50_000_000
_RETRY_NS = _NS
_MOST_LEASES = 4
_MOST_READS = 3


class _Down(Exception):
    """The shared backend has failed, and the cache goes on without it."""


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
        self._shared = Reader(state, call, old)
        self._alone = state.backend is None
        self._created_ns: int | None = None

    def get(self) -> Steps[Any]:
        """Return the value of the shared backend if it is fresh, else ``MISSING``."""
        yield from self._begin()
        try:
            if not self._state.is_up():
                return MISSING
            found = yield from self._ask(self._read())
            return self._take(found) if found is not None and found.fresh_for_ns > 0 else MISSING
        except _Down:
            return MISSING
        finally:
            self._state.end(self._fill)

    def get_or_load(self) -> Steps[Any]:
        """Return the value, loaded if need be."""
        yield from self._begin()
        try:
            value: Any = MISSING
            if self._state.is_up():
                yield from release(self._state)
                value = yield from self._or_alone(self._value_or_lease())
            else:
                self._alone = True
            return (yield from self._load()) if value is MISSING else value
        except GeneratorExit:  # nobody executes further steps
            self._shared.lose_lease()
            raise
        except BaseException:
            yield from self._shared.give_back()
            raise
        finally:
            self._state.end(self._fill)

    def _begin(self) -> Steps[None]:
        """Subscribe to invalidations if that is to be done, and begin the fill."""
        state = self._state
        if state.is_up() and state.wants_subscription():
            subscription = None
            try:
                subscription = yield Step("subscribe")
            except CacheUnavailable as error:
                report(state, self._call, "unavailable", error=error)
                state.failed(error)
            except StoreError:
                pass  # perhaps it only may not subscribe
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

    def _or_alone(self, steps: Steps[R]) -> Steps[R | Any]:
        """Execute steps; if the backend fails, go on without it and return ``MISSING``."""
        try:
            return (yield from steps)
        except _Down:
            self._shared.lose_lease()
            self._alone = True
            return MISSING

    def _read(self) -> Steps[Found | None]:
        """Return the usable value; read again what is invalidated while its reply is on the way."""
        for _ in range(_MOST_READS):
            before = set(self._fill.invalidated)
            found = yield from self._shared.read()
            changed = self._fill.invalidated - before
            if found is None or changed.isdisjoint((self._call.name, *found.tags)):
                return found
        self._shared.found = None
        return None

    def _value_or_lease(self) -> Steps[Any]:
        """Read until there is a value, or the lease for loading it, or time is up."""
        state, shared, lease_ns = self._state, self._shared, self._state.settings.lease_ns
        delay, began = _FIRST_DELAY_SECONDS, state.settings.ticks()
        holder, held_since = None, began
        while True:
            found = yield from self._ask(self._read())
            self._old = None  # what the backend says counts
            if found is not None and found.due_in_ns > 0:
                return self._take(found)
            if (yield from self._ask(shared.take_lease())):
                found = yield from self._ask(self._read())
                if found is not None and found.due_in_ns > 0:
                    yield from shared.give_back()
                    return self._take(found)
                if found is not None:
                    yield Step("offer", (found.value,))
                return MISSING
            if found is not None:
                report(state, self._call, "stale")
                return self._keep(found)
            now = state.settings.ticks()
            if shared.holder not in {None, holder}:
                holder, held_since = shared.holder, now
            if now - held_since >= lease_ns or now - began >= _MOST_LEASES * lease_ns:
                return MISSING
            yield Step("sleep", (delay,))
            delay = min(delay * 1.5, _LONGEST_DELAY_SECONDS)

    # --- loading ---------------------------------------------------------------------------------

    def _load(self) -> Steps[Any]:
        """Load the value, and store it where it may be stored."""
        state, call = self._state, self._call
        tags: Any = {}
        if self._shared.holds_lease and call.tags:
            known = self._shared.generations
            tags = yield from self._or_alone(self._ask(generations(call.tags, known)))
        began = state.settings.ticks()
        try:
            value = yield Step("load")
        except GeneratorExit:
            raise
        except BaseException as error:
            yield from self._shared.give_back()
            report(state, call, "failed", error=error)
            kept = self._kept() if isinstance(error, Exception) else MISSING
            if kept is MISSING:
                raise
            return kept
        cost_ns = state.settings.ticks() - began
        report(state, call, "loaded", seconds=cost_ns / _NS)
        is_current = self._alone
        if self._shared.holds_lease:
            is_current = yield from self._store(value, cost_ns, tags)
        if is_current:
            self._put(value, cost_ns)
        return value

    def _store(self, value: Any, cost_ns: int, tags: dict[str, bytes]) -> Steps[bool]:
        """Store what was loaded under the lease; return whether it is still current.

        Raises:
            CannotSerialize: If it cannot be written.
        """
        state, call = self._state, self._call
        payload = state.settings.serializer.dumps(value, call.kind)
        self._created_ns = state.settings.wall_ns()
        item = envelope_of(state, call, payload, tags, self._created_ns, cost_ns)
        try:
            return (yield from self._shared.end_lease(item))
        except ValueTooLarge as error:
            report(state, call, "not stored", error=error)
            yield from self._shared.give_back()
            return False
        except StoreError as error:
            self._shared.lose_lease()
            report(state, call, "unavailable", error=error)
            state.failed(error)
            self._alone = True
            return True

    # --- the local tier --------------------------------------------------------------------------

    def _take(self, found: Found) -> Any:
        """Put a value of the shared backend into memory, and return it."""
        report(self._state, self._call, "shared")
        self._put_found(found, found.due_in_ns)
        return found.value

    def _put(self, value: Any, cost_ns: int) -> None:
        """Put what was loaded into memory."""
        settings, call, now = self._state.settings, self._call, self._state.settings.ticks()
        fresh_until = now + call.ttl_ns
        entry = Entry(
            value,
            call.home,
            call.key,
            check_at=fresh_until - early_ns(cost_ns, settings.early, settings.random()),
            fresh_until=fresh_until,
            usable_until=fresh_until + call.stale_ns,
            tags=call.tags,
            created_ns=self._created_ns,
        )
        is_outage = self._alone and self._state.backend is not None
        self._state.put(self._fill, call.name, entry, self._state.outage_ns if is_outage else None)

    def _kept(self) -> Any:
        """Return the old value, as loading has failed, and keep it a little longer."""
        found, old = self._shared.found, self._old
        if found is not None:
            return self._keep(found, _RETRY_NS)
        now = self._state.settings.ticks()
        if old is None or old.usable_until <= now:
            return MISSING
        old.check_at = min(now + _RETRY_NS, old.usable_until)
        return old.value

    def _keep(self, found: Found, for_ns: int = _RECHECK_NS) -> Any:
        """Use an old value for a short time before a new one is looked for, and return it."""
        self._put_found(found, self._state.settings.ticks() - found.read_at + for_ns)
        return found.value

    def _put_found(self, found: Found, for_ns: int) -> None:
        """Put a value of the shared backend into memory, to be used for some time."""
        call, at = self._call, found.read_at
        until = at + found.usable_for_ns
        entry = Entry(
            found.value,
            call.home,
            call.key,
            check_at=min(at + for_ns, until),
            fresh_until=at + found.fresh_for_ns,
            usable_until=until,
            tags=found.tags,
            created_ns=found.created_ns,
        )
        entry.refresh_at = at + found.due_in_ns
        self._state.put(self._fill, call.name, entry)
