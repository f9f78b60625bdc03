"""The binder: one plain function becomes a method of a sync and of an async service.

    class HabitService(Service[M]):     the service's table of contents
        create = action(create)         create(tx, owner, ...) -> Habit
        get = query(get)                a read transaction: no lock, no emit

    HabitService[Sync]                  kit.habits.create("ada", ...)
    HabitService[Async]                 await kit.habits.create("ada", ...)

``action`` is a non-data descriptor. The first access on a service makes the bound call and leaves
it in the service's ``__dict__``, where Python finds it before the descriptor from then on.

A ``workflow`` is bound in the same way: work of several transactions, see ``habitkit.workflow``.
"""

from __future__ import annotations

import inspect
from contextvars import ContextVar
from functools import partial
from types import CoroutineType
from typing import TYPE_CHECKING, Any, Concatenate, Generic, ParamSpec, TypeAlias, TypeVar, overload

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
    "Async",
    "AsyncRunner",
    "KitState",
    "M",
    "Runner",
    "Service",
    "Sync",
    "SyncRunner",
    "Workflow",
    "action",
    "begin",
    "query",
    "refuse_nesting",
    "rehearsal",
    "workflow",
]

P = ParamSpec("P")
R = TypeVar("R")


class Sync:
    """The mode of services whose calls return when they are done."""


class Async:
    """The mode of services whose calls are awaited."""


M = TypeVar("M", Sync, Async)


class KitState:
    """Whether a kit, and with it every view of it, is closed."""

    def __init__(self) -> None:
        """Begin open."""
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

    def bind(self, function: Callable[..., R], *, write: bool) -> Callable[..., R]:
        """Return the method of a service that runs a function."""
        run = self.__call__  # found once; calling the runner finds it each time

        def bound(*args: Any, **kwargs: Any) -> R:
            return run(function, args, kwargs, write)

        return bound

    def bind_workflow(self, function: Callable[..., Steps[R]]) -> Callable[..., R]:
        """Return the method of a service that takes the steps of a workflow."""

        def bound(*args: Any, **kwargs: Any) -> R:
            return drive(function(self.settings, *args, **kwargs), self)

        return bound

    def rehearse(self, work: Callable[[Transaction], R]) -> R:
        """Run work in a transaction, undo it and return the result."""
        try:
            self(rehearsal, (work,), {}, write=True)
        except _Rehearsed as rehearsed:
            result: R = rehearsed.result
            return result
        raise AssertionError  # pragma: no cover - a rehearsal always raises


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

    def bind(
        self, function: Callable[..., R], *, write: bool
    ) -> Callable[..., Coroutine[Any, Any, R]]:
        """Return the method of a service that runs a function."""

        async def bound(*args: Any, **kwargs: Any) -> R:
            return await self(function, args, kwargs, write)

        return bound

    def bind_workflow(
        self, function: Callable[..., Steps[R]]
    ) -> Callable[..., Coroutine[Any, Any, R]]:
        """Return the method of a service that takes the steps of a workflow."""

        async def bound(*args: Any, **kwargs: Any) -> R:
            return await drive_async(function(self.settings, *args, **kwargs), self)

        return bound

    async def rehearse(self, work: Callable[[Transaction], R]) -> R:
        """Run work in a transaction, undo it and return the result."""
        try:
            await self(rehearsal, (work,), {}, write=True)
        except _Rehearsed as rehearsed:
            result: R = rehearsed.result
            return result
        raise AssertionError  # pragma: no cover - a rehearsal always raises


Runner: TypeAlias = SyncRunner | AsyncRunner


class Service(Generic[M]):
    """A service of either mode, whose actions are bound to a runner of that mode."""

    def __init__(self, runner: Runner) -> None:
        """Bind the service's actions to a runner."""
        self._runner: Any = runner


class _Descriptor(Generic[P, R]):
    """A function that a service offers as a method, bound when it is first asked for."""

    function: Callable[..., Any]
    name: str

    def __set_name__(self, _: type, name: str) -> None:
        """Learn the name under which the bound call is kept."""
        self.name = name

    @overload
    def __get__(self, service: None, _: type | None = None) -> _Descriptor[P, R]: ...
    @overload
    def __get__(self, service: Service[Sync], _: type | None = None) -> Callable[P, R]: ...
    @overload
    def __get__(
        self, service: Service[Async], _: type | None = None
    ) -> Callable[P, Coroutine[Any, Any, R]]: ...
    def __get__(self, service: Service[Any] | None, _: type | None = None) -> Any:
        """Bind to a service, once."""
        if service is None:
            return self
        bound = self._bind(service._runner)  # noqa: SLF001 - the binder and its services are one thing
        _describe(bound, self.function, service, self.name)
        service.__dict__[self.name] = bound
        return bound

    def _bind(self, runner: Runner) -> Callable[..., Any]:
        """Return the bound call."""
        raise NotImplementedError


class Action(_Descriptor[P, R]):
    """A function ``(tx, ...) -> R`` that a service offers as a method; see the top of this file."""

    def __init__(self, function: Callable[Concatenate[Transaction, P], R], *, write: bool) -> None:
        """Keep the function; ``write`` is False for a query."""
        self.function = function
        self.write = write
        self.__doc__ = function.__doc__

    def _bind(self, runner: Runner) -> Callable[..., Any]:
        return runner.bind(self.function, write=self.write)


class Workflow(_Descriptor[P, R]):
    """A generator function ``(settings, ...) -> steps`` that a service offers as a method."""

    def __init__(self, function: Callable[Concatenate[KitSettings, P], Steps[R]]) -> None:
        """Keep the generator function."""
        self.function = function
        self.__doc__ = function.__doc__

    def _bind(self, runner: Runner) -> Callable[..., Any]:
        return runner.bind_workflow(self.function)


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
) -> None:
    """Give a bound call the function's name, docs and signature."""
    signature = inspect.signature(function)
    parameters = list(signature.parameters.values())[1:]
    bound.__name__ = name
    bound.__qualname__ = f"{type(service).__qualname__}.{name}"
    bound.__module__ = function.__module__
    bound.__doc__ = function.__doc__
    bound.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]


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
        _expect_plain(result)
        transaction.finish()
    finally:
        _inside.reset(token)
    return result


class _Rehearsed(Exception):
    """The work of a rehearsal is done and its transaction is to be undone."""

    def __init__(self, result: Any) -> None:
        self.result = result


def rehearsal(tx: Transaction, work: Callable[[Transaction], Any]) -> None:
    """Run work and write its events, then undo all of it: what ``kit.rehearse`` runs."""
    result = work(tx)
    _expect_plain(result)
    tx.finish()
    raise _Rehearsed(result)


def _expect_plain(result: object) -> None:
    """Refuse the coroutine of an async function, which nobody would await.

    Raises:
        UsageError: If it is one.
    """
    if isinstance(result, CoroutineType):
        result.close()
        raise UsageError(_NOT_SYNC)


def refuse_nesting() -> None:
    """Refuse to begin a transaction inside another one.

    Raises:
        NestedTransaction: If a transaction of a kit is running in this context.
    """
    if _inside.get():
        raise NestedTransaction
