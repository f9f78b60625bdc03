"""Functions of the host that are called with what happens: listeners, and hooks for exposures."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Generic, ParamSpec

from habitkit import _logging

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Callbacks"]

P = ParamSpec("P")

_log = _logging.logger("flags")


class Callbacks(Generic[P]):
    """Functions that are called one after the other. Safe to share between threads.

    Args:
        what: What one of them is called in messages.

    Attributes:
        functions: The functions, each under a key of its own; replaced as a whole.
    """

    def __init__(self, what: str) -> None:
        """Begin with none."""
        self._what = what
        self._lock = threading.Lock()
        self.functions: dict[object, Callable[P, object]] = {}

    def add(self, function: Callable[P, object]) -> Callable[[], None]:
        """Add a function, which may be there already.

        Returns:
            A function that ends this one.
        """
        key = object()
        with self._lock:
            self.functions = {**self.functions, key: function}

        def end() -> None:
            with self._lock:
                self.functions = {it: own for it, own in self.functions.items() if it is not key}

        return end

    def call(self, *args: P.args, **kwargs: P.kwargs) -> None:
        """Call all of them; log what one raises."""
        for function in self.functions.values():
            try:
                function(*args, **kwargs)
            except Exception:  # noqa: BLE001 - one must not stop the others
                _logging.warn(
                    _log,
                    "flags.callback_failed",
                    "a function of the host failed",
                    key=self._what,
                    exc_info=True,
                    function=self._what,
                )

    def after_fork(self) -> None:
        """Take a lock that no other thread holds."""
        self._lock = threading.Lock()
