"""The simplest limits backend that is right, and a clock for it."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

from habitkit.limits.domain import charging


class Ticks:
    """A clock in nanoseconds that moves only when a test moves it."""

    def __init__(self):
        self.now = 1_800_000_000 * 10**9

    def __call__(self):
        return self.now

    def advance(self, nanoseconds):
        self.now += nanoseconds


class PlainLimits:
    """A dictionary from subject and limit to state, and a lock."""

    name = "plain"
    remote = False
    supports_exact = True

    def __init__(self, ticks):
        self.ticks = ticks
        self.states = {}
        self.lock: Any = threading.RLock()

    def acquire(self, subject, limits, cost, max_wait_ns=0):
        with self.lock:
            states = self.read(subject, limits)
            outcome = charging.charge(subject, limits, states, cost, self.ticks(), max_wait_ns)
            if outcome.states is not None:
                self.write(subject, limits, outcome.states)
        return outcome.decision

    def peek(self, subject, limits, cost):
        with self.lock:
            return charging.peek(limits, self.read(subject, limits), cost, self.ticks())

    def refund(self, taken):
        with self.lock:
            states = self.read(taken.subject, taken.limits)
            after = charging.refund(taken, states, self.ticks())
            self.write(taken.subject, taken.limits, after)
            return list(after) != states

    def reset(self, subject):
        with self.lock:
            for key in [key for key in self.states if key[0] == subject]:
                del self.states[key]

    def close(self):
        pass

    def after_fork(self):
        self.lock = threading.RLock()

    def read(self, subject, limits):
        return [self.states.get(self.key(subject, limit), ()) for limit in limits]

    def write(self, subject, limits, states):
        for limit, state in zip(limits, states, strict=True):
            self.states[self.key(subject, limit)] = state

    def key(self, subject, limit):
        return subject, limit.id


class AsyncPlainLimits:
    """The same for async hosts: a batch of the calls of one turn of the loop."""

    name = "plain async"
    remote = True
    supports_exact = True

    def __init__(self, ticks):
        self.plain = PlainLimits(ticks)
        self.after_fork = self.plain.after_fork
        self.batch = []

    async def acquire(self, *args):
        return await self.call(self.plain.acquire, *args)

    async def peek(self, *args):
        return await self.call(self.plain.peek, *args)

    async def refund(self, taken):
        return await self.call(self.plain.refund, taken)

    async def reset(self, subject):
        await self.call(self.plain.reset, subject)

    async def close(self):
        pass

    async def call(self, function, *args):
        loop = asyncio.get_running_loop()
        if not self.batch:
            loop.call_soon(self.flush)
        reply = loop.create_future()
        self.batch.append((reply, function, args))
        return await reply

    def flush(self):
        batch, self.batch = self.batch, []
        self.deliver([reply for reply, _, _ in batch], [it(*args) for _, it, args in batch])

    def deliver(self, replies, results):
        for reply, result in zip(replies, results, strict=True):
            if not reply.done():
                reply.set_result(result)
