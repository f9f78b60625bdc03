"""Flags that tests override."""

from __future__ import annotations

import asyncio
import threading
from contextvars import copy_context
from typing import Any

import pytest

import habitkit.testing
from habitkit.errors import InvalidInput
from habitkit.flags import ErrorCode, Flags, Reason, StaticSource
from habitkit.flags.overrides import overrides

DOCUMENT = {
    "flags": {
        "quests": {
            "state": "ENABLED",
            "variants": {"on": True, "off": False},
            "defaultVariant": "off",
        }
    }
}


@pytest.fixture
def flags():
    with Flags(StaticSource(DOCUMENT)) as flags:
        yield flags


@pytest.mark.parametrize(
    ("value", "fit", "unfit"),
    [
        (True, [False, None], ["", 0, 0.0, {}, []]),
        ("text", ["", None], [False, 0, 0.0, {}, []]),
        (3, [0, 0.5, None], ["", False, {}, []]),
        (0.5, [0, 0.5, None], ["", False, {}, []]),
        ({"a": [1]}, [{}, [], None], ["", False, 0, 0.0, object()]),
        ([1], [{}, [], None], ["", False, 0, 0.0]),
    ],
)
def test_a_value_is_served_to_defaults_of_its_kind_alone(flags, value, fit, unfit):
    with habitkit.testing.flags({"quests": value}):
        for default in fit:
            found = flags.details("quests", default)
            assert (found.value, type(found.value)) == (value, type(value))
            assert (found.variant, found.reason) == ("override", Reason.STATIC)
        for default in unfit:
            found = flags.details("quests", default)
            assert found.value is default
            assert (found.reason, found.error_code) == (Reason.ERROR, ErrorCode.TYPE_MISMATCH)
            assert "overridden by a value of kind" in found.error_message


def test_getters_of_every_kind_and_all_results_are_overridden_even_before_a_refresh():
    flags = Flags(StaticSource(DOCUMENT))
    values = {"b": True, "s": "x", "i": 3, "f": 0.5, "o": {"a": 1}}
    with habitkit.testing.flags(values):
        assert flags.boolean("b", False) is True
        assert flags.string("s", "") == "x"
        assert (flags.integer("i", 0), flags.integer("f", 7)) == (3, 7)
        assert (flags.float("f", 0.0), flags.float("i", 0.0)) == (0.5, 3.0)
        assert flags.object("o", {}) == {"a": 1}
        assert {key: found.value for key, found in flags.all().items()} == values
        assert flags.details("other", 1).error_code is ErrorCode.PROVIDER_NOT_READY
        unhashable: Any = ["b"]
        assert flags.details(unhashable, 1).value == 1
    assert flags.all() == {}


def test_blocks_nest_and_end_whatever_happens_in_them(flags):
    def both():
        return flags.boolean("quests", False), flags.integer("limit", 1)

    def in_blocks():
        with habitkit.testing.flags({"quests": True, "limit": 5}):
            with habitkit.testing.flags({"limit": 6}):
                assert both() == (True, 6)
            assert both() == (True, 5)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        in_blocks()
    assert both() == (False, 1)


def test_a_value_that_is_not_json_is_refused_and_a_served_one_can_be_changed(flags):
    with pytest.raises(InvalidInput, match=r"override of flag 'quests': expected a bool, str"):
        habitkit.testing.flags({"quests": None}).__enter__()
    with habitkit.testing.flags({"theme": {"colors": ["red"]}}):
        flags.object("theme", {})["colors"].append("blue")
        assert flags.object("theme", {}) == {"colors": ["red"]}


def test_a_thread_sees_overrides_if_it_runs_in_a_copy_of_the_context(flags):
    found = {}

    def evaluate(name):
        found[name] = flags.boolean("quests", False)

    with habitkit.testing.flags({"quests": True}):
        context = copy_context()
        threads = [
            threading.Thread(target=context.run, args=(evaluate, "copied")),
            threading.Thread(target=evaluate, args=("other",)),
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    context.run(evaluate, "afterwards")

    assert found == {"copied": True, "other": False, "afterwards": False}


async def test_tasks_override_without_seeing_each_other(flags):
    barrier = asyncio.Barrier(3)

    async def evaluate(value):
        with habitkit.testing.flags({"limit": value}):
            await barrier.wait()
            return flags.integer("limit", 0)

    assert await asyncio.gather(*map(evaluate, (1, 2, 3))) == [1, 2, 3]
    assert flags.integer("limit", 0) == 0


async def test_the_fixture_takes_keywords_and_mappings_also_in_an_async_test(
    flags, habit_kit, habit_kit_flags
):
    habit_kit_flags(quests=True)
    habit_kit_flags({"new ui": "dark"}, limit=3)

    assert flags.boolean("quests", False)
    assert habit_kit.flags.string("new ui", "light") == "dark"
    assert await asyncio.create_task(asyncio.to_thread(flags.integer, "limit", 0)) == 3
    with habitkit.testing.flags({"quests": False}):
        habit_kit_flags(quests=True)
        assert not flags.boolean("quests", True), "a block is closer than the test"
    assert flags.boolean("quests", False)


async def test_what_a_task_adds_ends_with_the_block_that_it_adds_to(flags):
    elsewhere = copy_context()
    with overrides.use({"limit": 1}) as add:
        elsewhere.run(add, {"limit": 2})
        assert flags.integer("limit", 0) == 2
        assert elsewhere.run(flags.integer, "limit", 0) == 2
    assert elsewhere.run(flags.integer, "limit", 0) == 0


def test_a_default_of_another_kind_is_named_by_its_type_however_large(flags):
    with habitkit.testing.flags({"quests": True}):
        found = flags.details("quests", 10**5000)

    assert "the default is of type int" in found.error_message
