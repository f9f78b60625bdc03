"""The shared backend: reading values, and the right to load one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from habitkit.cache.domain.envelope import Envelope, decode, early_ns, encode
from habitkit.cache.domain.names import MOST_TAGS, lease_of
from habitkit.cache.port import Item
from habitkit.cache.steps import Step, lifetime_ms
from habitkit.cache.tokens import new_token
from habitkit.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from habitkit.cache.entry import Entry
    from habitkit.cache.state import CacheState
    from habitkit.cache.steps import Call, Steps

__all__ = ["TAG_SECONDS", "Found", "Reader", "envelope_of", "generations", "release"]

TAG_SECONDS = 30 * 86_400
"""How long a backend keeps the generation of a tag; values with tags live no longer."""

_MS = 1_000_000
_MOST_RELEASED = 10


class Found(NamedTuple):
    """A usable value of the shared backend.

    Attributes:
        value: The value.
        read_at: When reading it began, by the monotonic clock, in ns.
        fresh_for_ns: How long it is fresh from then on; 0 or less if it is not.
        due_in_ns: After how long it is to be loaded anew, as this process sees it: that, or less if
            it is to be refreshed early.
        usable_for_ns: How long it may be used.
        tags: The names of its tags.
        created_ns: When it was stored, in ns since 1970.
    """

    value: Any
    read_at: int
    fresh_for_ns: int
    due_in_ns: int
    usable_for_ns: int
    tags: tuple[str, ...]
    created_ns: int


class Reader:
    """Reads the value of one call, and holds the lease for loading it.

    Attributes:
        found: The usable value that was read last; None if there was none.
        holder: The token of the lease that was read last; None if nobody held it.
        generations: The generations of the call's tags, by name, as they were read last.
    """

    def __init__(self, state: CacheState, call: Call, old: Entry | None = None) -> None:
        """Read nothing yet.

        Args:
            state: The cache's state.
            call: The call.
            old: The entry in memory. If it is to be refreshed before its end, so is the value that
                it came from: a second chance for it would make refreshing early too rare.
        """
        self._state = state
        self._call = call
        self._due_ns: int | None = None
        if old is not None and old.refresh_at <= state.settings.ticks():
            self._due_ns = old.created_ns
        self._lease: bytes | None = None
        self.found: Found | None = None
        self.holder: bytes | None = None
        self.generations: dict[str, bytes | None] = {}

    @property
    def holds_lease(self) -> bool:
        """Whether this process may load the value."""
        return self._lease is not None

    def read(self) -> Steps[Found | None]:
        """Return the value if it is usable."""
        call, read_at = self._call, self._state.settings.ticks()
        names = (call.name, lease_of(call.name), *call.tags)
        data, self.holder, *own = yield Step("get_many", (names,))
        self.generations = dict(zip(call.tags, own, strict=True))
        self.found = None
        envelope = decode(data)
        if envelope is None or len(envelope.tags) > MOST_TAGS:
            return None
        known = dict(self.generations)
        others = [name for name in envelope.tags if name not in known]
        if others:
            known.update(zip(others, (yield Step("get_many", (tuple(others),))), strict=True))
        if envelope.holds(known):
            self.found = self._usable(envelope, read_at)
            self._state.add_tags(call.name, envelope.tags)
        return self.found

    def take_lease(self) -> Steps[bool]:
        """Take the lease unless another caller holds it; return whether it was taken."""
        self._lease = new_token()  # also if it is never known whether it was added
        ttl_ms = self._state.settings.lease_ns // _MS
        if not (yield Step("add", (Item(lease_of(self._call.name), self._lease, ttl_ms),))):
            self._lease = None
        return self.holds_lease

    def end_lease(self, item: Item | None = None) -> Steps[bool]:
        """Give the lease back and store what was loaded; return whether it was still held."""
        if self._lease is None:
            return False
        held = yield Step("end_lease", (lease_of(self._call.name), self._lease, item))
        self._lease = None
        return bool(held)

    def give_back(self) -> Steps[None]:
        """Give the lease back, if there is one; if that fails, a later call does."""
        token = self._lease
        try:
            if token is not None:
                yield Step("end_lease", (lease_of(self._call.name), token))
            self._lease = None
        except StoreError:
            self.lose_lease()
        except BaseException:
            self.lose_lease()
            raise

    def lose_lease(self) -> None:
        """Leave it to a later call to give the lease back, if there is one."""
        token, self._lease = self._lease, None
        if token is not None:
            self._state.lost_leases.append((lease_of(self._call.name), token))

    def _usable(self, envelope: Envelope, read_at: int) -> Found | None:
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
        due_in_ns = min(fresh_ns, 0)
        if envelope.created_ns != self._due_ns:
            early = early_ns(envelope.cost_ns, settings.early, settings.random())
            due_in_ns = fresh_ns - early
        return Found(
            value=value,
            read_at=read_at,
            fresh_for_ns=fresh_ns,
            due_in_ns=due_in_ns,
            usable_for_ns=usable_ns,
            tags=tuple(envelope.tags),
            created_ns=envelope.created_ns,
        )


def release(state: CacheState) -> Steps[None]:
    """Give back a few leases that could not be given back when their loads ended."""
    for _ in range(min(len(state.lost_leases), _MOST_RELEASED)):
        lease = state.lost_leases.popleft()
        try:
            yield Step("end_lease", lease)
        except BaseException as error:
            state.lost_leases.append(lease)
            if not isinstance(error, StoreError):
                raise
            return


def generations(names: Sequence[str], known: Mapping[str, bytes | None]) -> Steps[dict[str, bytes]]:
    """Return the generations of tags; those that have none get one.

    Args:
        names: The names of the tags.
        known: The generations that have been read already.
    """
    found: dict[str, bytes] = {}
    for name in names:
        generation = known.get(name)
        if generation is None:
            generation = new_token()
            if not (yield Step("add", (Item(name, generation, TAG_SECONDS * 1000),))):
                (other,) = yield Step("get_many", ((name,),))
                generation = other or generation  # of which nobody knows: the value is a miss
        found[name] = generation
    return found


def envelope_of(
    state: CacheState,
    call: Call,
    payload: bytes,
    tags: dict[str, bytes],
    created_ns: int,
    cost_ns: int = 0,
) -> Item:
    """Return what is stored for a serialized value.

    Args:
        state: The cache's state.
        call: The call.
        payload: The serialized value.
        tags: The generation of each of its tags, by name.
        created_ns: The time, in ns since 1970.
        cost_ns: How long it took to load.
    """
    times = (max(created_ns, 0), call.ttl_ns, call.stale_ns, max(cost_ns, 0))
    data = encode(Envelope(payload, state.settings.serializer.name, *times, tags))
    return Item(call.name, data, lifetime_ms(call))
