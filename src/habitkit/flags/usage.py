"""Which flags of a process were evaluated, for the search for stale ones."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from habitkit.flags.domain.flag_set import FlagSet

__all__ = ["Usage"]


class Usage:
    """The keys of flags that were evaluated. Safe to share between threads."""

    def __init__(self) -> None:
        """Begin with none."""
        self._keys: set[str] = set()
        self._lock = threading.Lock()

    def collect(self, flags: FlagSet | None) -> None:
        """Note which flags of a set were evaluated since this was called last."""
        with self._lock:
            for key, flag in ({} if flags is None else flags.flags).items():
                if flag.used:
                    flag.used = False
                    self._keys.add(key)

    def take(self) -> set[str]:
        """Return what was noted, and begin again."""
        with self._lock:
            keys, self._keys = self._keys, set()
        return keys

    def put_back(self, keys: Iterable[str]) -> None:
        """Note again what ``take`` has returned, as it cannot be stored now."""
        with self._lock:
            self._keys.update(keys)

    def after_fork(self) -> None:
        """Take a lock that no other thread holds."""
        self._lock = threading.Lock()
