"""Notifying objects in a forked process."""

from __future__ import annotations

import os
from itertools import count
from typing import Protocol
from weakref import WeakValueDictionary

__all__ = ["call_after_fork"]


class _AfterFork(Protocol):
    def after_fork(self) -> None: ...


_to_call: WeakValueDictionary[int, _AfterFork] = WeakValueDictionary()
_numbers = count()


def call_after_fork(it: _AfterFork) -> None:
    """Have ``it.after_fork()`` called in each forked process, for as long as the object lives.

    Objects are called in the order in which they came here.
    """
    _to_call[next(_numbers)] = it


def _after_fork() -> None:
    for it in list(_to_call.values()):
        it.after_fork()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
