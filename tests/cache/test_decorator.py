"""``@cached``: keys of arguments, tags, types, sync and async."""

from __future__ import annotations

import inspect
import sys
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from enum import Enum, Flag
from functools import partial
from typing import TYPE_CHECKING, Any, Optional
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from attrs import frozen

from habitkit.cache import AsyncCache, Cache, CannotSerialize, cached
from habitkit.errors import ConfigurationError, InvalidInput, UsageError
from habitkit.testing import FakeCacheServer

if TYPE_CHECKING:
    from nowhere import Unknown  # type: ignore[import-not-found]


class Color(Enum):
    RED = 1


class Access(Flag):
    READ = 1
    WRITE = 2
    RUN = 4


@frozen
class Report:
    """A value that is none of JSON's."""

    day: date
    total: Decimal


REPORT = Report(date(2026, 1, 1), Decimal("1.10"))
calls: list[Any] = []


def double(number: int, *, plus: int = 0) -> int:
    """Double a number."""
    calls.append(number)
    return 2 * number + plus


def shown(value: object) -> str:
    return repr(value)


def count(user: str) -> int:
    calls.append(user)
    return len(calls)


async def count_later(user: str) -> int:
    calls.append(user)
    return len(calls)


def total(numbers: list[int]) -> int:
    return sum(numbers)


def everything(*args: object, **kwargs: object) -> str:
    return f"{args} {kwargs}"


def eight(a: int, b: int, c: int, d: int, e: int, f: int, g: int, h: int) -> int:
    return a + b + c + d + e + f + g + h


class Holder:
    """A class with functions in it."""

    @staticmethod
    def static(number: int) -> int:
        """Return the number."""
        return number

    def method(self, number: int) -> int:
        """Return the number."""
        return number


@pytest.fixture
def cache():
    calls.clear()
    return Cache()


def test_a_function_is_called_once_for_its_arguments(cache):
    twice = cached(cache, 60)(double)

    assert [twice(2), twice(2), twice(number=2), twice(2, plus=0), twice(2, plus=1)] == [
        *[4] * 4,
        5,
    ]
    assert calls == [2, 2]
    assert twice.__name__ == "double"
    assert twice.__doc__ == "Double a number."
    assert twice.uncached(2) == 4


def test_arguments_of_different_types_are_apart(cache):
    kind = cached(cache, 60)(shown)
    values = [1, True, "1", "True", 1.0, None, "None", Decimal(1), Color.RED, "Color.RED"]
    values += [date(2026, 1, 1), datetime(2026, 1, 1, tzinfo=UTC), UUID(int=1)]
    values += [Access.READ, Access.WRITE, Access.READ | Access.WRITE, Access(0)]

    assert [kind(value) for value in values] == [repr(value) for value in values]


def test_times_of_different_zones_are_apart(cache):
    kind = cached(cache, 60)(shown)
    zones = [None, UTC, timezone(timedelta(hours=1)), ZoneInfo("Europe/Berlin")]
    zones += [ZoneInfo("Europe/Rome"), ZoneInfo("America/New_York")]
    values: list[object] = [time(8, 30, tzinfo=zone) for zone in zones]
    values += [datetime(2026, 1, 1, 8, tzinfo=zone) for zone in zones]
    values += [time(8, 30, fold=1)]

    assert [kind(value) for value in values] == [repr(value) for value in values]


def test_enums_of_one_name_in_two_modules_are_apart(cache):
    kind = cached(cache, 60)(shown)
    levels: list[Any] = [Enum("Level", {"LOW": "low"}, module=module) for module in ("a", "b")]

    assert len({kind.key(level.LOW) for level in levels}) == 2


def test_arguments_that_make_no_key_are_refused(cache):
    with pytest.raises(InvalidInput, match=r"numbers: expected a simple value.*give key="):
        cached(cache, 60)(total)([1, 2])


def test_variable_arguments_are_part_of_the_key(cache):
    kind = cached(cache, 60)(everything)
    given: list[tuple[list[Any], dict[str, Any]]] = [
        ([], {}),
        ([1], {}),
        ([1, 2], {}),
        ([2, 1], {}),
        ([], {"a": 1}),
        ([], {"b": 1}),
        ([1], {"a": 1}),
        (["*str:x"], {}),
        ([], {"a": "b", "c": "d"}),
        ([], {"a": "b**'c'=str:d"}),
        ([], {"a'=str:b": 1}),
        ([], {"a": "b'=int:1"}),
    ]

    for args, kwargs in given:
        assert kind(*args, **kwargs) == everything(*args, **kwargs)
    assert kind.key(a=1, b=2) == kind.key(b=2, a=1)
    with pytest.raises(InvalidInput, match="args: expected a simple value"):
        kind([1])
    with pytest.raises(InvalidInput, match="name: expected a simple value"):
        kind(name=[1])


def test_for_more_than_seven_arguments_a_key_must_be_given(cache):
    with pytest.raises(InvalidInput, match=r"arguments: expected at most 7 .* give key=.*, got 8"):
        cached(cache, 60)(eight)(1, 2, 3, 4, 5, 6, 7, 8)
    assert cached(cache, 60)(everything)(1, 2, 3, 4, 5, 6, 7) == "(1, 2, 3, 4, 5, 6, 7) {}"
    assert cached(cache, 60, key=lambda *args: "a")(eight)(1, 2, 3, 4, 5, 6, 7, 8) == 36


def test_a_key_may_be_given(cache):
    added = cached(cache, 60, key=lambda numbers: ("total", *map(str, numbers)))(total)

    assert added([1, 2]) == 3
    assert cache.get(("total", "1", "2")) == 3


def test_invalidate_forgets_the_value_of_some_arguments(cache):
    one = cached(cache, 60)(count)

    assert [one("ada"), one("bob")] == [1, 2]
    one.invalidate("ada")
    assert [one("ada"), one("bob")] == [3, 2]


def test_tags_may_depend_on_the_arguments(cache):
    one = cached(cache, 60, tags=lambda user: [("user", user)])(count)

    assert [one("ada"), one("bob")] == [1, 2]
    cache.invalidate_tag(("user", "ada"))
    assert [one("ada"), one("bob")] == [3, 2]


def test_a_function_whose_name_others_share_needs_a_key(cache):
    def inner() -> int:
        return 1

    functions: list[Any] = [inner, lambda: 1, partial(double, 1), Holder().method]
    for function in functions:
        with pytest.raises(InvalidInput, match=r"function: expected a function of a module.*key="):
            cached(cache, 60)(function)
    assert cached(cache, 60, key=lambda: "inner")(inner)() == 1
    assert cached(cache, 60, key=lambda: "partial")(partial(double, 1))() == 2
    assert cached(cache, 60, key=lambda number: f"method:{number}")(Holder().method)(3) == 3


def test_a_static_method_is_a_function(cache):
    class Statics:
        one = staticmethod(cached(cache, 60)(Holder.static))

        @staticmethod
        @cached(cache, 60, key=lambda: "two")
        def two() -> int:
            return 2

    assert [Statics.one(1), Statics().one(1), Statics.two(), Statics().two()] == [1, 1, 2, 2]


def test_a_method_is_refused(cache):
    add: Any = cached(cache, 60, key=lambda *args: "key")

    with pytest.raises(UsageError, match=r"Mine\.method is used as a method.*staticmethod"):

        class Mine:
            @add
            def method(self) -> int:
                return 1

    with pytest.raises(UsageError, match=r"Its\.method is used as a method"):

        class Its:
            @classmethod
            @add
            def method(cls) -> int:
                return 1

    with pytest.raises(UsageError, match=r"Ours\.method is used as a method"):

        class Ours:
            @add
            @classmethod
            def method(cls) -> int:
                return 1


def test_a_cached_function_is_not_bound_to_an_object(cache):
    class Mine:
        shown = cached(cache, 60)(shown)

    assert Mine.shown(1) == "1"
    with pytest.raises(UsageError, match="shown is used as a method"):
        Mine().shown(1)


def test_a_value_comes_back_as_the_return_type():
    server = FakeCacheServer()
    for _ in range(2):  # the second time from the server

        @cached(Cache(server.client()), 60, key=lambda: "report")
        def make() -> Report:
            return REPORT

        assert make() == REPORT

    @cached(Cache(server.client(), local=None), 60, key=lambda: "reports")
    def several() -> dict[str, list[Report]] | None:
        return {"a": [REPORT]}

    assert [several() for _ in range(2)] == [{"a": [REPORT]}] * 2


def with_unknown_parameter(value: Unknown = None) -> Report:
    return REPORT


def with_forward_reference() -> list[Optional["Report"]]:  # noqa: UP037, UP045
    return [REPORT]


def of_unknown() -> list[Unknown]:
    return []


def without_annotation():
    return REPORT


def with_bytes() -> list[bytes]:
    return [b"\x00"]


def with_object() -> object:
    return [1]


def with_float() -> float | None:
    return 1


class Loader:
    """A function with a state."""

    def __call__(self) -> Report:
        """Return a report."""
        return REPORT


@pytest.mark.parametrize(
    "function",
    [
        with_unknown_parameter,
        with_forward_reference,
        with_bytes,
        with_object,
        with_float,
        Loader(),
        partial(with_unknown_parameter, None),
    ],
)
def test_the_return_type_is_found(function):
    cache = Cache(FakeCacheServer().client(), local=None)
    made = cached(cache, 60, key=lambda: "key")(function)
    repeated: Any = [made(), made()]

    assert repeated == [function()] * 2


def test_a_return_type_that_is_defined_later_is_found():
    text = "def make() -> Later:\n    return Later(5)\n"
    later = "from attrs import frozen\n@frozen\nclass Later:\n    number: int\n"
    module: dict[str, Any] = {"__name__": "module"}
    exec("from __future__ import annotations\n" + text, module)  # noqa: S102 - our own text
    make = cached(Cache(FakeCacheServer().client(), local=None), 60)(module["make"])
    exec(later, module)  # noqa: S102 - our own text

    assert [make(), make()] == [module["Later"](5)] * 2


def test_a_return_type_that_cannot_be_resolved_is_an_error(cache):
    made = cached(cache, 60)(of_unknown)

    for _ in range(2):
        with pytest.raises(
            ConfigurationError,
            match=r"of_unknown: the return annotation 'list\[Unknown\]' cannot .*kind=",
        ):
            made()
    assert cached(cache, 60, kind=None)(of_unknown)() == []


def test_a_function_without_annotation_has_no_kind():
    made = cached(Cache(FakeCacheServer().client()), 60)(without_annotation)

    with pytest.raises(CannotSerialize, match="what JSON can hold"):
        made()


async def test_an_async_function_is_cached_by_an_async_cache(cache):
    one = cached(AsyncCache(), 60)(count_later)

    assert [await one("ada"), await one("ada")] == [1, 1]
    await one.invalidate("ada")
    assert await one("ada") == 2
    twice = cached(AsyncCache(), 60)(one)
    assert [await twice("ada"), await twice("bob")] == [2, 3]


@pytest.mark.skipif(
    sys.version_info < (3, 12), reason="inspect has no mark for it before Python 3.12"
)
def test_a_cached_async_function_is_a_coroutine_function(cache):
    assert inspect.iscoroutinefunction(cached(AsyncCache(), 60)(count_later))
    assert not inspect.iscoroutinefunction(cached(cache, 60)(count))


def test_a_function_of_the_other_mode_is_refused(cache):
    with pytest.raises(InvalidInput, match="function: expected a plain function"):
        cached(cache, 60)(count_later)
    with pytest.raises(InvalidInput, match="function: expected a plain function"):
        cached(cache, 60)(cached(AsyncCache(), 60)(count_later))
    with pytest.raises(InvalidInput, match="function: expected an async function"):
        cached(AsyncCache(), 60)(count)
    with pytest.raises(ConfigurationError, match="cache: expected a Cache"):
        cached("redis://x", 60)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("what", "options"),
    [
        ("ttl_seconds", {"ttl_seconds": 0}),
        ("ttl_seconds", {"ttl_seconds": "60"}),
        ("stale_seconds", {"stale_seconds": -1}),
        ("tags", {"tags": "user"}),
        ("tags", {"tags": 5}),
        ("tags", {"tags": count_later}),
        ("tag", {"tags": [5]}),
        ("key", {"key": "report"}),
        ("key", {"key": count_later}),
    ],
)
def test_wrong_options_are_refused_where_the_function_is_decorated(cache, what, options):
    with pytest.raises(InvalidInput, match=f"{what}: expected"):
        cached(cache, **{"ttl_seconds": 60, **options})
