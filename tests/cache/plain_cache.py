"""A server with a clock that tests move, and what the contracts ask for."""

from __future__ import annotations


class Ticks:
    """A clock in nanoseconds that moves only when a test moves it."""

    def __init__(self):
        self.now = 1_800_000_000 * 10**9

    def __call__(self):
        return self.now

    def advance(self, nanoseconds):
        self.now += nanoseconds
