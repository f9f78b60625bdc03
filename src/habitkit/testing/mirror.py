"""``MirrorStore``: a store whose results are compared with those of the memory store."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar, cast

from habitkit.backends.memory import MemoryStore
from habitkit.errors import HabitKitError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from habitkit.store import Port, Store, Stores

__all__ = ["MirrorStore"]

R = TypeVar("R")
T = TypeVar("T")

_JOURNAL = ("owners", "events", "outbox", "inbox", "idempotency")
_IN_ANY_ORDER = frozenset(
    {
        ("outbox", "claim"),
        ("habits", "facts"),
        ("habits", "notes"),
        ("habits", "recent"),
        ("habits", "voided"),
        ("habits.streaks", "of_owner"),
        ("coins", "accounts"),
    }
)
"""Calls whose ports promise no order."""


class MirrorStore:
    """A store that runs each call of a port on a store under test and on a memory store.

    A kit on it works as on the store under test, and whatever the two return differently, or refuse
    with errors of different classes, raises an ``AssertionError`` that names the port, the call,
    its arguments and both results. So random histories of a kit test a store against another::

        kit = habitkit.testing.kit(store=MirrorStore(DynamoStore(...)))
        run = kit.habits.create("ada", "Run", Schedule.daily())
        kit.habits.check_in(run.id)  # both stores keep it, and every read on the way was compared

    A transaction in which the two differed is undone, and so is every later one: what they hold is
    not the same any more. The store under test must be empty at first, and nothing but the mirror
    may write to it. Where a port promises no order, results are compared without one; a limited
    ``claim`` or ``forget`` may take other rows in each store, which shows as a difference too.

    Transactions run one after the other, and a transaction that the store under test repeats after
    a conflict is repeated on the memory store as well. An error that is not one of habitkit's, such
    as a driver's, is left to the store under test if the memory store refuses nothing there.

    Attributes:
        capabilities: None: it neither works in transactions of a host nor beside other writers.
    """

    capabilities: frozenset[str] = frozenset()

    def __init__(self, store: Store) -> None:
        """Put a memory store beside a store.

        Args:
            store: The store under test, new and empty.
        """
        self._store = store
        self._memory = MemoryStore()
        self._difference: AssertionError | None = None
        self.name = f"mirror of {store.name}"
        self.modules = frozenset(store.modules) & self._memory.modules

    def run(self, work: Callable[[Stores], R], *, write: bool, keyed: bool) -> R:
        """Run ``work`` in one transaction of both stores, which both commit or both undo.

        Raises:
            AssertionError: If the stores differed, in this transaction or in an earlier one.
        """

        def on_both(memory: Any) -> R:
            def attempt(tested: Stores) -> R:
                memory.log.rollback()  # what an attempt before this one has written
                result = work(cast("Stores", _MirrorStores(memory, tested, self._differ)))
                if self._difference is not None:  # whoever has caught it meanwhile
                    raise self._difference
                return result

            return self._store.run(attempt, write=write, keyed=keyed)

        return self._memory.run(on_both, write=write, keyed=keyed)

    def close(self) -> None:
        """Close the store under test."""
        self._store.close()

    def _differ(self, call: str, in_memory: object, tested: object) -> AssertionError:
        """Return the error of a difference, and keep it."""
        self._difference = AssertionError(
            f"{self._store.name} differs from memory in {call}:\n"
            f"  memory: {in_memory!r}\n"
            f"  {self._store.name}: {tested!r}"
        )
        return self._difference


class _MirrorStores:
    """The ports of one transaction of both stores."""

    def __init__(
        self, memory: Stores, tested: Stores, differ: Callable[[str, object, object], Exception]
    ) -> None:
        self._memory = memory
        self._tested = tested
        self._differ = differ
        for name in _JOURNAL:
            port = _MirrorPort(name, getattr(memory, name), getattr(tested, name), differ)
            setattr(self, name, port)

    @property
    def connection(self) -> object | None:
        return self._tested.connection

    def port(self, port: Port[T]) -> T:
        both = self._memory.port(port), self._tested.port(port)
        return cast("T", _MirrorPort(port.name, *both, self._differ))

    @contextmanager
    def savepoint(self) -> Iterator[None]:
        with self._memory.savepoint(), self._tested.savepoint():
            yield


class _MirrorPort:
    """One port of both stores."""

    def __init__(
        self,
        name: str,
        memory: object,
        tested: object,
        differ: Callable[[str, object, object], Exception],
    ) -> None:
        self._name = name
        self._memory = memory
        self._tested = tested
        self._differ = differ

    def __getattr__(self, method: str) -> Callable[..., Any]:
        """Return a call of both ports."""
        expect, test = getattr(self._memory, method), getattr(self._tested, method)

        def call(*args: Any, **named: Any) -> Any:
            expected, refused = _outcome(expect, args, named)
            try:
                result = test(*args, **named)
            except HabitKitError as error:
                if type(error) is not type(refused):
                    raise self._differ(shown(args, named), refused or expected, error) from error
                raise
            except Exception as error:
                if refused is not None:
                    raise self._differ(shown(args, named), refused, error) from error
                raise
            if refused is not None:
                raise self._differ(shown(args, named), refused, result) from refused
            if not self._same(method, expected, result):
                raise self._differ(shown(args, named), expected, result)
            return result

        def shown(args: tuple[Any, ...], named: dict[str, Any]) -> str:
            parts = [*map(repr, args), *(f"{name}={value!r}" for name, value in named.items())]
            return f"{self._name}.{method}({', '.join(parts)})"

        return call

    def _same(self, method: str, expected: Any, result: Any) -> bool:
        if type(expected) is not type(result):
            return False
        if (self._name, method) in _IN_ANY_ORDER:
            return len(expected) == len(result) and all(
                expected.count(each) == result.count(each) for each in expected
            )
        return bool(expected == result)


def _outcome(
    call: Callable[..., Any], args: tuple[Any, ...], named: dict[str, Any]
) -> tuple[Any, HabitKitError | None]:
    """Return what a call of the memory store returns, or its refusal."""
    try:
        return call(*args, **named), None
    except HabitKitError as error:
        return None, error
