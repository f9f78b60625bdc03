"""Setting and deleting: generators of steps, as in ``steps``; a failing backend is an error."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from habitkit.cache.domain.names import lease_of
from habitkit.cache.entry import MOST_HITS, Entry
from habitkit.cache.flights import Fill
from habitkit.cache.shared import envelope_of, generations
from habitkit.cache.steps import Step

if TYPE_CHECKING:
    from collections.abc import Sequence

    from habitkit.cache.state import CacheState
    from habitkit.cache.steps import Call, Steps

__all__ = ["delete", "incr", "store"]

_MS = 1_000_000


def store(state: CacheState, call: Call, value: Any) -> Steps[None]:
    """Store a value, whatever was there before, and whatever is being loaded.

    Raises:
        CannotSerialize: If it cannot be written.
        StoreError: If the shared backend fails.
    """
    settings = state.settings
    if state.backend is None:
        state.invalidate([call.name])
        fill = Fill()
        state.begin(fill)
        try:
            state.put(fill, call.name, _entry(state, call, value))
        finally:
            state.end(fill)
        return
    payload = settings.serializer.dumps(value, call.kind)
    try:
        tags: dict[str, bytes] = {}
        if call.tags:
            known = yield Step("get_many", (call.tags,))
            found = dict(zip(call.tags, known, strict=True))
            tags = yield from generations(call.tags, found)
        item = envelope_of(state, call, payload, tags, settings.wall_ns())
        yield Step("delete_many", ((lease_of(call.name),),))
        yield Step("set_many", ((item,),))
    finally:
        state.invalidate([call.name])


def delete(state: CacheState, names: Sequence[str]) -> Steps[None]:
    """Delete values, leases, counters, or the generations of tags, everywhere.

    Raises:
        StoreError: If the shared backend fails; in this process they are gone.
    """
    try:
        if state.backend is not None:
            yield Step("delete_many", (tuple(names),))
    finally:
        state.invalidate(names)


def incr(state: CacheState, call: Call, by: int) -> Steps[int]:
    """Add to a counter, and return it.

    Raises:
        StoreError: If the shared backend fails.
    """
    if state.backend is not None:
        count: int = yield Step("incr", (call.name, by, -(-call.ttl_ns // _MS)))
        return count
    with state.lock:
        now = state.settings.ticks()
        found = call.home.get(call.key)
        if found is not None and found.check_at > now:
            found.value += by
            found.hits = min(found.hits + 1, MOST_HITS)
            if state.local is not None and state.local.touch is not None:
                state.local.touch(found.slot)
            return int(found.value)
        displaced = [] if state.local is None else state.local.put(_entry(state, call, by))
    del displaced  # not under the lock, as what ends with it may call the cache
    return by


def _entry(state: CacheState, call: Call, value: Any) -> Entry:
    """Return an entry that begins now."""
    fresh_until = state.settings.ticks() + call.ttl_ns
    return Entry(
        value,
        call.home,
        call.key,
        check_at=fresh_until,
        fresh_until=fresh_until,
        usable_until=fresh_until + call.stale_ns,
        tags=call.tags,
    )
