"""The binder: one plain function becomes a method of a sync and of an async service.

    class HabitService:                 the service's table of contents
        create = action(create)         create(tx, owner, ...) -> Habit
        find = query(find)              a read transaction: no lock, no emit

    class Habits(HabitService, SyncService): ...       kit.habits.create("ada", ...)
    class AsyncHabits(HabitService, AsyncService): ... await kit.habits.create("ada", ...)

``action`` is a non-data descriptor. The first access on a service makes the bound call and leaves
it in the service's ``__dict__``, where Python finds it before the descriptor from then on.

A ``workflow`` is bound in the same way: work of several transactions, see ``habitkit.workflow``.
"""

from __future__ import annotations

import inspect
from contextvars import ContextVar
from functools import partial
from types import CoroutineType
from typing import TYPE_CHECKING, Any, Concatenate, Generic, ParamSpec, TypeVar, overload

from habitkit.errors import KitClosed, NestedTransaction, UsageError
from habitkit.transaction import Transaction
from habitkit.workflow import drive, drive_async

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Mapping

    from habitkit.options import KitSettings
    from habitkit.store import AsyncStore, Store, Stores
    from habitkit.workflow import Steps

__all__ = [
    "Action",
    "AsyncRunner",
    "AsyncService",
    "KitState",
    "SyncRunner",
    "SyncService",
    "Workflow",
    "action",
    "begin",
    "query",
    "refuse_nesting",
    "workflow",
]

P = ParamSpec("P")
R = TypeVar("R")


class KitState:
    """Whether a kit, and with it every view of it, is closed."""

    def __init__(self) -> None:
        """Begin it."""
        self.closed = False


class _Runner:
    """What both runners share: how a function becomes work on open stores."""

    def __init__(self, settings: KitSettings, state: KitState, scope: str | None) -> None:
        self.settings = settings
        self.state = state
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
        if self.state.closed:
            raise KitClosed
        wanted = set[str]()
        return partial(begin, self.settings, self.scope, function, args, kwargs, write, wanted)


class SyncRunner(_Runner):
    """Runs functions of a transaction on a store."""

    def __init__(
        self, store: Store, settings: KitSettings, state: KitState, scope: str | None = None
    ) -> None:
        """Keep the store and what its transactions are given."""
        super().__init__(settings, state, scope)
        self.store = store

    def inside(self, store: Store) -> SyncRunner:
        """Return the same on a store inside a transaction of the host."""
        return SyncRunner(store, self.settings, self.state)

    def scoped(self, owner: str) -> SyncRunner:
        """Return the same for one owner alone."""
        return SyncRunner(self.store, self.settings, self.state, owner)

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
        self, store: AsyncStore, settings: KitSettings, state: KitState, scope: str | None = None
    ) -> None:
        """Keep the store and what its transactions are given."""
        super().__init__(settings, state, scope)
        self.store = store

    def inside(self, store: AsyncStore) -> AsyncRunner:
        """Return the same on a store inside a transaction of the host."""
        return AsyncRunner(store, self.settings, self.state)

    def scoped(self, owner: str) -> AsyncRunner:
        """Return the same for one owner alone."""
        return AsyncRunner(self.store, self.settings, self.state, owner)

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


class SyncService:
    """A service whose actions are plain calls."""

    def __init__(self, runner: SyncRunner) -> None:
        """Bind the service's actions to a runner."""
        self._runner = runner


class AsyncService:
    """A service whose actions are awaited."""

    def __init__(self, runner: AsyncRunner) -> None:
        """Bind the service's actions to a runner."""
        self._runner = runner


class Action(Generic[P, R]):
    """A function ``(tx, ...) -> R`` that a service offers as a method; see the top of this file."""

    def __init__(self, function: Callable[Concatenate[Transaction, P], R], *, write: bool) -> None:
        """Keep the function; ``write`` is False for a query."""
        self.function = function
        self.write = write
        self.__doc__ = function.__doc__

    def __set_name__(self, _: type, name: str) -> None:
        """Learn the name under which the bound call is kept."""
        self.name = name

    @overload
    def __get__(self, service: None, _: type | None = None) -> Action[P, R]: ...
    @overload
    def __get__(self, service: SyncService, _: type | None = None) -> Callable[P, R]: ...
    @overload
    def __get__(
        self, service: AsyncService, _: type | None = None
    ) -> Callable[P, Coroutine[Any, Any, R]]: ...
    def __get__(self, service: SyncService | AsyncService | None, _: type | None = None) -> Any:
        """Bind to a service, once."""
        if service is None:
            return self
        function, write = self.function, self.write
        if isinstance(service, AsyncService):
            run_async = service._runner  # noqa: SLF001 - the binder and its services are one thing

            async def bound_async(*args: P.args, **kwargs: P.kwargs) -> R:
                return await run_async(function, args, kwargs, write)

            return _describe(bound_async, function, service, self.name)
        run = service._runner.__call__  # noqa: SLF001 - found once; calling the runner finds it each time

        def bound(*args: P.args, **kwargs: P.kwargs) -> R:
            return run(function, args, kwargs, write)

        return _describe(bound, function, service, self.name)


class Workflow(Generic[P, R]):
    """A generator function ``(settings, ...) -> steps`` that a service offers as a method."""

    def __init__(self, function: Callable[Concatenate[KitSettings, P], Steps[R]]) -> None:
        """Keep the generator function."""
        self.function = function
        self.__doc__ = function.__doc__

    def __set_name__(self, _: type, name: str) -> None:
        """Learn the name under which the bound call is kept."""
        self.name = name

    @overload
    def __get__(self, service: None, _: type | None = None) -> Workflow[P, R]: ...
    @overload
    def __get__(self, service: SyncService, _: type | None = None) -> Callable[P, R]: ...
    @overload
    def __get__(
        self, service: AsyncService, _: type | None = None
    ) -> Callable[P, Coroutine[Any, Any, R]]: ...
    def __get__(self, service: SyncService | AsyncService | None, _: type | None = None) -> Any:
        """Bind to a service, once."""
        if service is None:
            return self
        function = self.function
        if isinstance(service, AsyncService):
            run_async = service._runner  # noqa: SLF001

            async def bound_async(*args: P.args, **kwargs: P.kwargs) -> R:
                return await drive_async(function(run_async.settings, *args, **kwargs), run_async)

            return _describe(bound_async, function, service, self.name)
        run = service._runner  # noqa: SLF001

        def bound(*args: P.args, **kwargs: P.kwargs) -> R:
            return drive(function(run.settings, *args, **kwargs), run)

        return _describe(bound, function, service, self.name)


def action(function: Callable[Concatenate[Transaction, P], R]) -> Action[P, R]:
    """Offer a use case that may write as a method of a service."""
    return Action(function, write=True)


def query(function: Callable[Concatenate[Transaction, P], R]) -> Action[P, R]:
    """Offer a use case that only reads as a method of a service."""
    return Action(function, write=False)


def workflow(function: Callable[Concatenate[KitSettings, P], Steps[R]]) -> Workflow[P, R]:
    """Offer work of several transactions as a method of a service."""
    return Workflow(function)


def _describe(
    bound: Callable[..., Any], function: Callable[..., Any], service: object, name: str
) -> Callable[..., Any]:
    """Give a bound call the function's name, docs and signature, and leave it in the service."""
    signature = inspect.signature(function)
    parameters = list(signature.parameters.values())[1:]
    bound.__name__ = name
    bound.__qualname__ = f"{type(service).__qualname__}.{name}"
    bound.__module__ = function.__module__
    bound.__doc__ = function.__doc__
    bound.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
    service.__dict__[name] = bound
    return bound


_NOT_SYNC = (
    "the work of a transaction returned a coroutine, so everything was rolled back; expected a "
    "plain function that calls actions with its transaction, and neither awaits nor calls a kit"
)


_inside: ContextVar[bool] = ContextVar("habitkit_inside_transaction", default=False)


def begin(
    settings: KitSettings,
    scope: str | None,
    function: Callable[..., R],
    args: tuple[Any, ...],
    kwargs: Mapping[str, Any],
    write: bool,  # noqa: FBT001 - hot path
    wanted: set[str],
    stores: Stores,
) -> R:
    """Call ``function(tx, ...)`` in a transaction on open stores and write its events.

    While it runs, calling any kit in the same context is refused. The stores come last: the rest
    makes the work that is given to a store. A store that calls it again after a deadlock finds the
    owners whose locks were ``wanted`` locked first, in order, so that the same does not come again.

    Raises:
        UsageError: If the function returns a coroutine: nobody would await it inside the
            transaction.
    """
    token = _inside.set(True)
    try:
        transaction = Transaction(stores, settings, scope, write, wanted)
        if wanted:
            transaction.lock(*wanted)
        result = function(transaction, *args, **kwargs)
        if isinstance(result, CoroutineType):
            result.close()
            raise UsageError(_NOT_SYNC)
        transaction.finish()
    finally:
        _inside.reset(token)
    return result


def refuse_nesting() -> None:
    """Refuse to begin a transaction inside another one.

    Raises:
        NestedTransaction: If a transaction of a kit is running in this context.
    """
    if _inside.get():
        raise NestedTransaction
