"""Running a function in a transaction of a store, sync and async."""

from __future__ import annotations

from contextlib import suppress
from contextvars import ContextVar
from functools import partial
from types import CoroutineType
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

from habitkit.errors import KitClosed, NestedTransaction, TransactionEnded, UsageError
from habitkit.transaction import Transaction
from habitkit.workflow import drive, drive_async

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Mapping

    from habitkit.metrics.observing import ActionRun
    from habitkit.options import KitSettings
    from habitkit.store import AsyncStore, Store, Stores
    from habitkit.workflow import Steps

__all__ = [
    "AsyncRunner",
    "KitState",
    "Runner",
    "SyncRunner",
    "begin",
    "refuse_nesting",
    "rehearsal",
]

R = TypeVar("R")


class KitState:
    """Whether a kit and its views are closed."""

    def __init__(self) -> None:
        """Begin open."""
        self.closed = False


class _Runner:
    """The base of both runners: turns a function into work on open stores."""

    asynchronous = False

    def __init__(self, settings: KitSettings, state: KitState, scope: str | None) -> None:
        self.settings = settings
        self.state = state
        self.scope = scope

    def expect_open(self) -> None:
        """Refuse a call of a closed kit.

        Raises:
            KitClosed: If it is closed.
        """
        if self.state.closed:
            raise KitClosed(asynchronous=self.asynchronous)

    def work(
        self,
        function: Callable[..., R],
        args: tuple[Any, ...],
        kwargs: Mapping[str, Any],
        write: bool,  # noqa: FBT001 - hot path
    ) -> Callable[[Stores], R]:
        """Return the work a store runs: a transaction around the function."""
        refuse_nesting()
        self.expect_open()
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
        observer = self.settings.observer if write else None
        if observer is not None:
            return self._observed(observer.began(function), args, kwargs)  # type: ignore[no-any-return]
        work = self.work(function, args, kwargs, write)
        return self.store.run(work, write=write, keyed=kwargs.get("idempotency_key") is not None)

    def _observed(self, call: ActionRun, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
        """Run an action, and record how it went."""
        work = self.work(call, args, kwargs, write=True)
        keyed = kwargs.get("idempotency_key") is not None
        try:
            result = self.store.run(work, write=True, keyed=keyed)
        except Exception as error:
            call.ended(error)
            raise
        call.ended(None)
        return result

    def bind(self, function: Callable[..., R], *, write: bool) -> Callable[..., R]:
        """Return the method of a service that runs a function."""
        run = self.__call__  # found once; calling the runner finds it each time

        def bound(*args: Any, **kwargs: Any) -> R:
            return run(function, args, kwargs, write)

        return bound

    def bind_workflow(self, function: Callable[..., Steps[R]]) -> Callable[..., R]:
        """Return the method of a service that takes the steps of a workflow."""

        def bound(*args: Any, **kwargs: Any) -> R:
            self.expect_open()
            return drive(function(self.settings, *args, **kwargs), self)

        return bound

    def rehearse(self, work: Callable[[Transaction], R]) -> R:
        """Run work in a transaction, undo it and return the result."""
        results: list[R] = []
        call = self.work(rehearsal, (work, results.append), {}, write=True)
        with suppress(_Rehearsed):
            self.store.run(call, write=True, keyed=False)
        return results[-1]


class AsyncRunner(_Runner):
    """Runs functions of a transaction on an async store."""

    asynchronous = True

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
        observer = self.settings.observer if write else None
        if observer is not None:
            return await self._observed(observer.began(function), args, kwargs)  # type: ignore[no-any-return]
        work = self.work(function, args, kwargs, write)
        keyed = kwargs.get("idempotency_key") is not None
        return await self.store.run(work, write=write, keyed=keyed)

    async def _observed(
        self, call: ActionRun, args: tuple[Any, ...], kwargs: Mapping[str, Any]
    ) -> Any:
        """Run an action, and record how it went."""
        work = self.work(call, args, kwargs, write=True)
        keyed = kwargs.get("idempotency_key") is not None
        try:
            result = await self.store.run(work, write=True, keyed=keyed)
        except Exception as error:
            call.ended(error)
            raise
        call.ended(None)
        return result

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
            self.expect_open()
            return await drive_async(function(self.settings, *args, **kwargs), self)

        return bound

    async def rehearse(self, work: Callable[[Transaction], R]) -> R:
        """Run work in a transaction, undo it and return the result."""
        results: list[R] = []
        call = self.work(rehearsal, (work, results.append), {}, write=True)
        with suppress(_Rehearsed):
            await self.store.run(call, write=True, keyed=False)
        return results[-1]


Runner: TypeAlias = SyncRunner | AsyncRunner


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
    Whoever keeps the transaction can do nothing with it afterwards.

    Raises:
        UsageError: If the function returns a coroutine, which would not be awaited inside the
            transaction.
    """
    transaction = Transaction(stores, settings, scope, write, wanted)
    token = _inside.set(True)
    try:
        if wanted:
            transaction.lock(*wanted)
        result = function(transaction, *args, **kwargs)
        _expect_plain(result)
        transaction.write_events()
    finally:
        _inside.reset(token)
        transaction.__class__ = _EndedTransaction
    return result


class _EndedTransaction(Transaction):
    """What a transaction becomes at its end: a check in each method would cost at each call."""

    __slots__ = ()

    def __getattribute__(self, name: str) -> Any:
        if name.startswith("__"):  # what Python itself asks for
            return super().__getattribute__(name)
        raise TransactionEnded


class _Rehearsed(Exception):
    """The work of a rehearsal is done, and its transaction is to be undone."""


def rehearsal(
    tx: Transaction, work: Callable[[Transaction], R], keep: Callable[[R], object]
) -> None:
    """Run work, write its events and keep its result, then undo all of it: see ``kit.rehearse``."""
    result = work(tx)
    _expect_plain(result)
    tx.write_events()
    keep(result)
    raise _Rehearsed


def _expect_plain(result: object) -> None:
    """Refuse the coroutine of an async function, which would never be awaited.

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
