"""The simplest cache backend that is right, and a clock for it."""

from __future__ import annotations

import asyncio
import threading
from typing import Any


class Ticks:
    """A clock in nanoseconds that moves only when a test moves it."""

    def __init__(self):
        self.now = 1_800_000_000 * 10**9

    def __call__(self):
        return self.now

    def advance(self, nanoseconds):
        self.now += nanoseconds


class PlainCache:
    """A dictionary from name to value and end, and a lock."""

    name = "plain"

    def __init__(self, ticks):
        self.ticks = ticks
        self.values: dict[Any, Any] = {}
        self.lock: Any = threading.RLock()

    def share(self, other):
        """Use the state of another backend."""
        self.values, self.lock = other.values, other.lock
        return self

    def get_many(self, names):
        with self.lock:
            return [self.read(name) for name in names]

    def set_many(self, items):
        with self.lock:
            for item in items:
                self.write(*item)

    def delete_many(self, names):
        with self.lock:
            for name in names:
                self.drop(name)

    def add(self, item):
        with self.lock:
            if self.read(item.name) is not None:
                return False
            self.write(*item)
            return True

    def end_lease(self, name, token, item=None):
        with self.lock:
            if not self.holds(name, token):
                return False
            self.drop(name)
            if item is not None:
                self.write(*item)
            return True

    def incr(self, name, by, ttl_ms):
        with self.lock:
            found = self.read(name)
            if found is None:
                self.write(name, by, ttl_ms)
                return by
            self.values[self.key(name)] = found + by, self.values[self.key(name)][1]
            return found + by

    def close(self):
        pass

    def after_fork(self):
        self.lock = threading.RLock()

    def key(self, name):
        return name

    def end(self, ttl_ms):
        return self.ticks() + ttl_ms * 10**6

    def read(self, name):
        value, end = self.values.get(self.key(name), (None, 0))
        return value if self.ticks() < end else None

    def write(self, name, value, ttl_ms):
        self.values[self.key(name)] = value, self.end(ttl_ms)

    def drop(self, name):
        self.values.pop(self.key(name), None)

    def holds(self, name, token):
        return self.read(name) == token


class Mailbox:
    """The names that one subscription has not returned yet."""

    def __init__(self, boxes):
        self.names: list[str] = []
        self.boxes = boxes
        boxes.append(self)

    def poll(self):
        names, self.names = self.names, []
        return names

    def close(self):
        if self in self.boxes:
            self.boxes.remove(self)


class PublishingCache(PlainCache):
    """The same, and it publishes."""

    mailbox: type[Mailbox] = Mailbox

    def __init__(self, ticks):
        super().__init__(ticks)
        self.boxes: list[Any] = []

    def share(self, other):
        self.boxes = other.boxes
        return super().share(other)

    def set_many(self, items):
        super().set_many(items)
        self.publish([item.name for item in items])

    def delete_many(self, names):
        super().delete_many(names)
        self.publish(names)

    def publish(self, names):
        for box in self.boxes:
            box.names = [*box.names, *names]

    def subscribe(self):
        return self.mailbox(self.boxes)


class AsyncPlainCache:
    """The plain one for async hosts; each call waits for two turns of the loop."""

    name = "plain async"

    def __init__(self, ticks, kind=PublishingCache):
        self.plain = kind(ticks)
        self.after_fork = self.plain.after_fork

    async def get_many(self, names):
        return await self.call(self.plain.get_many, names)

    async def set_many(self, items):
        await self.call(self.plain.set_many, items)

    async def delete_many(self, names):
        await self.call(self.plain.delete_many, names)

    async def add(self, item):
        return await self.call(self.plain.add, item)

    async def end_lease(self, name, token, item=None):
        return await self.call(self.plain.end_lease, name, token, item)

    async def incr(self, name, by, ttl_ms):
        return await self.call(self.plain.incr, name, by, ttl_ms)

    async def subscribe(self):
        return await self.call(self.plain.subscribe)

    async def close(self):
        pass

    async def call(self, function, *args):
        await asyncio.sleep(0)
        reply = function(*args)
        await asyncio.sleep(0)
        return reply
