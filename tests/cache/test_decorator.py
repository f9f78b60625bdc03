"""``@cached``: keys of arguments, tags, types, sync and async."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from enum import Enum
from uuid import UUID

import pytest
from attrs import frozen

from habitkit.cache import AsyncCache, Cache, cached
from habitkit.errors import ConfigurationError, InvalidInput
from habitkit.testing import FakeCacheServer


class Color(Enum):
    RED = 1


@frozen
class Report:
    """A value that is none of JSON's."""

    day: date
    total: Decimal


@pytest.fixture
def cache():
    return Cache()


def test_a_function_is_called_once_for_its_arguments(cache):
    calls = []

    @cached(cache, 60)
    def double(number: int, *, plus: int = 0) -> int:
        """Double a number."""
        calls.append(number)
        return 2 * number + plus

    assert [double(2), double(2), double(number=2), double(2, plus=0), double(2, plus=1)] == [
        *[4] * 4,
        5,
    ]
    assert calls == [2, 2]
    assert double.__name__ == "double"
    assert double.__doc__ == "Double a number."
    assert double.uncached(2) == 4


def test_arguments_of_different_types_are_apart(cache):
    @cached(cache, 60)
    def kind(value: object) -> str:
        return repr(value)

    values = [1, True, "1", "True", 1.0, None, "None", Decimal(1), Color.RED, "Color.RED"]
    values += [date(2026, 1, 1), datetime(2026, 1, 1, tzinfo=UTC), UUID(int=1)]

    assert [kind(value) for value in values] == [repr(value) for value in values]


def test_arguments_that_make_no_key_are_refused(cache):
    @cached(cache, 60)
    def total(numbers: list[int]) -> int:
        return sum(numbers)

    with pytest.raises(InvalidInput, match=r"numbers: expected a simple value.*give key="):
        total([1, 2])


def test_a_key_may_be_given(cache):
    @cached(cache, 60, key=lambda numbers: ("total", *map(str, numbers)))
    def total(numbers: list[int]) -> int:
        return sum(numbers)

    assert total([1, 2]) == 3
    assert cache.get(("total", "1", "2")) == 3


def test_invalidate_forgets_the_value_of_some_arguments(cache):
    calls = []

    @cached(cache, 60)
    def one(user: str) -> int:
        calls.append(user)
        return len(calls)

    assert [one("ada"), one("bob")] == [1, 2]
    one.invalidate("ada")
    assert [one("ada"), one("bob")] == [3, 2]


def test_tags_may_depend_on_the_arguments(cache):
    calls = []

    @cached(cache, 60, tags=lambda user: [("user", user)])
    def one(user: str) -> int:
        calls.append(user)
        return len(calls)

    assert [one("ada"), one("bob")] == [1, 2]
    cache.invalidate_tag(("user", "ada"))
    assert [one("ada"), one("bob")] == [3, 2]


def test_two_functions_of_one_name_are_apart(cache):
    def make(value):
        class Holder:
            @staticmethod
            @cached(cache, 60, key=lambda: ("holder", str(value)))
            def get() -> object:
                return value

        return Holder.get

    assert [make(1)(), make(2)()] == [1, 2]


def test_a_value_comes_back_as_the_return_type():
    server = FakeCacheServer()
    report = Report(date(2026, 1, 1), Decimal("1.10"))
    for _ in range(2):  # the second time from the server

        @cached(Cache(server.client()), 60, key=lambda: "report")
        def make() -> Report:
            return report

        assert make() == report

    @cached(Cache(server.client()), 60, key=lambda: "reports")
    def several() -> dict[str, list[Report]] | None:
        return {"a": [report]}

    assert [several() for _ in range(2)] == [{"a": [report]}] * 2


async def test_an_async_function_is_cached_by_an_async_cache():
    calls = []

    @cached(AsyncCache(), 60)
    async def one(user: str) -> int:
        calls.append(user)
        return len(calls)

    assert [await one("ada"), await one("ada")] == [1, 1]
    await one.invalidate("ada")
    assert await one("ada") == 2


def test_a_function_of_the_other_mode_is_refused(cache):
    async def later() -> int:
        return 1

    with pytest.raises(InvalidInput, match="function: expected a plain function"):
        cached(cache, 60)(later)
    with pytest.raises(InvalidInput, match="function: expected an async function"):
        cached(AsyncCache(), 60)(lambda: 1)
    with pytest.raises(ConfigurationError, match="cache: expected a Cache"):
        cached("redis://x", 60)  # type: ignore[arg-type]
