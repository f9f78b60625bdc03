"""How long the driver takes: its calls are timed by wrapping them, in a pass of its own.

What is timed is what talks to the database: executing, fetching, committing. A driver's call inside
another one is not counted twice, and what a stopwatch itself costs is taken off again.
"""

from __future__ import annotations

import inspect
import sqlite3
from contextlib import contextmanager
from functools import wraps
from statistics import median
from time import perf_counter
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from benchmarks._duel import Side

    Method = Callable[..., Any]


class Stopwatch:
    """Adds up the time spent in wrapped calls."""

    def __init__(self) -> None:
        """Learn what wrapping a call that does nothing costs, inside and in all."""
        self.seconds = 0.0
        self.calls = 0
        self._running = False
        self._inside = self._in_all = 0.0
        nothing = self.around(lambda: None)
        inside, in_all = [], []
        for _ in range(1000):
            self.seconds, started = 0.0, perf_counter()
            nothing()
            in_all.append(perf_counter() - started)
            inside.append(self.seconds)
        self._inside, self._in_all = median(inside), median(in_all)

    def share(self, side: Side, items: Sequence[Any]) -> float:
        """Return which part of an action's time, in the median, a side spends in wrapped calls."""
        shares = []
        for item in items:
            self.seconds, self.calls = 0.0, 0
            (total,) = side([item]).seconds
            shares.append(self.seconds / (total - self.calls * self._in_all))
        return median(shares)

    def around(self, method: Method) -> Method:
        """Wrap a function or coroutine function."""
        if inspect.iscoroutinefunction(inspect.unwrap(method)):

            @wraps(method)
            async def timed_async(*args: Any, **kwargs: Any) -> Any:
                if self._running:
                    return await method(*args, **kwargs)
                self._running = True
                started = perf_counter()
                try:
                    return await method(*args, **kwargs)
                finally:
                    self.seconds += perf_counter() - started - self._inside
                    self.calls += 1
                    self._running = False

            return timed_async

        @wraps(method)
        def timed(*args: Any, **kwargs: Any) -> Any:
            if self._running:
                return method(*args, **kwargs)
            self._running = True
            started = perf_counter()
            try:
                return method(*args, **kwargs)
            finally:
                self.seconds += perf_counter() - started - self._inside
                self.calls += 1
                self._running = False

        return timed

    @contextmanager
    def on(self, methods: dict[type, str]) -> Iterator[None]:
        """Wrap methods of classes, given as names with blanks between, for a while."""
        before = [(cls, name, vars(cls)[name]) for cls in methods for name in methods[cls].split()]
        for cls, name, method in before:
            setattr(cls, name, self.around(method))
        try:
            yield
        finally:
            for cls, name, method in before:
                setattr(cls, name, method)

    def sqlite(self) -> type[sqlite3.Connection]:
        """Return a class of timed connections: the module's own takes no wrapping."""

        class Cursor(sqlite3.Cursor):
            execute = self.around(sqlite3.Cursor.execute)
            executemany = self.around(sqlite3.Cursor.executemany)
            fetchall = self.around(sqlite3.Cursor.fetchall)

        class Connection(sqlite3.Connection):
            commit = self.around(sqlite3.Connection.commit)

            def cursor(self, _: Any = None) -> Any:
                return super().cursor(Cursor)

        return Connection
