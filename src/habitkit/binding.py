"""The colour binder: one plain function becomes a method of a sync and of an async room.

    class HabitActions:                 the room's table of contents
        create = action(create)         create(tx, owner, ...) -> Habit
        find = query(find)              a read transaction: no lock, no emit

    class Habits(HabitActions, SyncRoom): ...       kit.habits.create("ada", ...)
    class AsyncHabits(HabitActions, AsyncRoom): ... await kit.habits.create("ada", ...)

``action`` is a non-data descriptor. The first access on a room makes the bound call and leaves it
in the room's ``__dict__``, where Python finds it before the descriptor from then on.

A ``procedure`` is bound in the same way: work of several transactions, see ``habitkit.workflow``.
"""

from __future__ import annotations

import inspect
from functools import partial
from typing import (
    TYPE_CHECKING,
    Any,
    Concatenate,
    Generic,
    ParamSpec,
    TypeVar,
    overload,
)

from habitkit.errors import KitClosed
from habitkit.options import begin, refuse_nesting
from habitkit.workflow import drive, drive_async

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Mapping

    from habitkit.options import Wiring
    from habitkit.store import AsyncStore, Store, Stores
    from habitkit.transaction import Transaction
    from habitkit.workflow import Steps

__all__ = [
    "Action",
    "AsyncRoom",
    "AsyncRunner",
    "Life",
    "Procedure",
    "SyncRoom",
    "SyncRunner",
    "action",
    "procedure",
    "query",
]

P = ParamSpec("P")
R = TypeVar("R")


class Life:
    """Whether a kit, and with it every view of it, is closed."""

    def __init__(self) -> None:
        """Begin it."""
        self.closed = False


class _Runner:
    """What both runners share: how a function becomes work on open stores."""

    def __init__(self, wiring: Wiring, life: Life, scope: str | None) -> None:
        self.wiring = wiring
        self.life = life
        self.scope = scope

    def work(
        self,
        function: Callable[..., R],
        args: tuple[Any, ...],
        kwargs: Mapping[str, Any],
        write: bool,  # noqa: FBT001 - hot path
    ) -> Callable[[Stores], R]:
        """Return the work a store runs: a transaction around the function."""
        refuse_nesting()
        if self.life.closed:
            raise KitClosed
        wanted = set[str]()
        return partial(begin, self.wiring, self.scope, function, args, kwargs, write, wanted)


class SyncRunner(_Runner):
    """Runs functions of a transaction on a store."""

    def __init__(self, store: Store, wiring: Wiring, life: Life, scope: str | None = None) -> None:
        """Keep the store and what its transactions are given."""
        super().__init__(wiring, life, scope)
        self.store = store

    def inside(self, store: Store) -> SyncRunner:
        """Return the same on a store inside a transaction of the host."""
        return SyncRunner(store, self.wiring, self.life)

    def scoped(self, owner: str) -> SyncRunner:
        """Return the same for one owner alone."""
        return SyncRunner(self.store, self.wiring, self.life, owner)

    def __call__(
        self,
        function: Callable[..., R],
        args: tuple[Any, ...],
        kwargs: Mapping[str, Any],
        write: bool,  # noqa: FBT001 - hot path
    ) -> R:
        """Run one function in one transaction."""
        work = self.work(function, args, kwargs, write)
        return self.store.run(work, write=write, keyed=kwargs.get("idempotency_key") is not None)


class AsyncRunner(_Runner):
    """Runs functions of a transaction on an async store."""

    def __init__(
        self, store: AsyncStore, wiring: Wiring, life: Life, scope: str | None = None
    ) -> None:
        """Keep the store and what its transactions are given."""
        super().__init__(wiring, life, scope)
        self.store = store

    def inside(self, store: AsyncStore) -> AsyncRunner:
        """Return the same on a store inside a transaction of the host."""
        return AsyncRunner(store, self.wiring, self.life)

    def scoped(self, owner: str) -> AsyncRunner:
        """Return the same for one owner alone."""
        return AsyncRunner(self.store, self.wiring, self.life, owner)

    async def __call__(
        self,
        function: Callable[..., R],
        args: tuple[Any, ...],
        kwargs: Mapping[str, Any],
        write: bool,  # noqa: FBT001 - hot path
    ) -> R:
        """Run one function in one transaction."""
        work = self.work(function, args, kwargs, write)
        keyed = kwargs.get("idempotency_key") is not None
        return await self.store.run(work, write=write, keyed=keyed)


class SyncRoom:
    """A room whose actions are plain calls."""

    def __init__(self, runner: SyncRunner) -> None:
        """Bind the room's actions to a runner."""
        self._runner = runner


class AsyncRoom:
    """A room whose actions are awaited."""

    def __init__(self, runner: AsyncRunner) -> None:
        """Bind the room's actions to a runner."""
        self._runner = runner


class Action(Generic[P, R]):
    """A function ``(tx, ...) -> R`` that a room offers as a method; see the top of this file."""

    def __init__(self, function: Callable[Concatenate[Transaction, P], R], *, write: bool) -> None:
        """Keep the function; ``write`` is False for a query."""
        self.function = function
        self.write = write
        self.__doc__ = function.__doc__

    def __set_name__(self, _: type, name: str) -> None:
        """Learn the name under which the bound call is kept."""
        self.name = name

    @overload
    def __get__(self, room: None, _: type | None = None) -> Action[P, R]: ...
    @overload
    def __get__(self, room: SyncRoom, _: type | None = None) -> Callable[P, R]: ...
    @overload
    def __get__(
        self, room: AsyncRoom, _: type | None = None
    ) -> Callable[P, Coroutine[Any, Any, R]]: ...
    def __get__(self, room: SyncRoom | AsyncRoom | None, _: type | None = None) -> Any:
        """Bind to a room, once."""
        if room is None:
            return self
        function, write = self.function, self.write
        if isinstance(room, AsyncRoom):
            run_async = room._runner  # noqa: SLF001 - the binder and its rooms are one thing

            async def bound_async(*args: P.args, **kwargs: P.kwargs) -> R:
                return await run_async(function, args, kwargs, write)

            return _dress(bound_async, function, room, self.name)
        run = room._runner.__call__  # noqa: SLF001 - found once; calling the runner finds it each time

        def bound(*args: P.args, **kwargs: P.kwargs) -> R:
            return run(function, args, kwargs, write)

        return _dress(bound, function, room, self.name)


class Procedure(Generic[P, R]):
    """A generator function ``(wiring, ...) -> steps`` that a room offers as a method."""

    def __init__(self, function: Callable[Concatenate[Wiring, P], Steps[R]]) -> None:
        """Keep the generator function."""
        self.function = function
        self.__doc__ = function.__doc__

    def __set_name__(self, _: type, name: str) -> None:
        """Learn the name under which the bound call is kept."""
        self.name = name

    @overload
    def __get__(self, room: None, _: type | None = None) -> Procedure[P, R]: ...
    @overload
    def __get__(self, room: SyncRoom, _: type | None = None) -> Callable[P, R]: ...
    @overload
    def __get__(
        self, room: AsyncRoom, _: type | None = None
    ) -> Callable[P, Coroutine[Any, Any, R]]: ...
    def __get__(self, room: SyncRoom | AsyncRoom | None, _: type | None = None) -> Any:
        """Bind to a room, once."""
        if room is None:
            return self
        function = self.function
        if isinstance(room, AsyncRoom):
            run_async = room._runner  # noqa: SLF001

            async def bound_async(*args: P.args, **kwargs: P.kwargs) -> R:
                return await drive_async(function(run_async.wiring, *args, **kwargs), run_async)

            return _dress(bound_async, function, room, self.name)
        run = room._runner  # noqa: SLF001

        def bound(*args: P.args, **kwargs: P.kwargs) -> R:
            return drive(function(run.wiring, *args, **kwargs), run)

        return _dress(bound, function, room, self.name)


def action(function: Callable[Concatenate[Transaction, P], R]) -> Action[P, R]:
    """Offer a use case that may write as a method of a room."""
    return Action(function, write=True)


def query(function: Callable[Concatenate[Transaction, P], R]) -> Action[P, R]:
    """Offer a use case that only reads as a method of a room."""
    return Action(function, write=False)


def procedure(function: Callable[Concatenate[Wiring, P], Steps[R]]) -> Procedure[P, R]:
    """Offer work of several transactions as a method of a room."""
    return Procedure(function)


def _dress(
    bound: Callable[..., Any], function: Callable[..., Any], room: object, name: str
) -> Callable[..., Any]:
    """Give a bound call the function's name, docs and signature, and leave it in the room."""
    signature = inspect.signature(function)
    parameters = list(signature.parameters.values())[1:]
    bound.__name__ = name
    bound.__qualname__ = f"{type(room).__qualname__}.{name}"
    bound.__module__ = function.__module__
    bound.__doc__ = function.__doc__
    bound.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
    room.__dict__[name] = bound
    return bound
