"""What the tests of limits in SQL need: a clock that a test moves."""

from __future__ import annotations

__all__ = ["Wall"]


class Wall:
    """The machine's clock, which moves only when a test moves it."""

    def __init__(self, now: int = 1_800_000_000 * 10**9) -> None:
        self.now = now

    def __call__(self) -> int:
        return self.now

    def advance(self, nanoseconds: int) -> None:
        self.now += nanoseconds
