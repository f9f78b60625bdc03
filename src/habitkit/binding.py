"""The binder: turns one plain function into a method of a sync and of an async service.

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
from typing import TYPE_CHECKING, Any, Concatenate, Generic, ParamSpec, TypeVar, overload

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from habitkit.options import KitSettings
    from habitkit.runner import Runner
    from habitkit.transaction import Transaction
    from habitkit.workflow import Steps

__all__ = [
    "Action",
    "Async",
    "M",
    "Service",
    "Sync",
    "Workflow",
    "action",
    "query",
    "workflow",
]

P = ParamSpec("P")
R = TypeVar("R")


class Sync:
    """The mode of services whose calls return when they are done."""


class Async:
    """The mode of services whose calls are awaited."""


M = TypeVar("M", Sync, Async)
"""The mode of a service, by which type checkers know whether its calls are awaited."""


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
