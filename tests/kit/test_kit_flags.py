"""Flags of a kit: in its store or from another source, refreshed on request or in the background."""

from __future__ import annotations

import os
import threading
import time
from types import MappingProxyType
from typing import Any

import pytest

import habitkit.testing
from habitkit import AsyncHabitKit, HabitKit, flags
from habitkit.backends.memory import MemoryStore
from habitkit.backends.memory._flags import Flags as MemoryFlags
from habitkit.errors import (
    ConfigurationError,
    InvalidInput,
    NestedTransaction,
    NotSupportedByStore,
    UsageError,
)
from habitkit.flags import (
    ErrorCode,
    Fetched,
    FlagSettings,
    FlagsReadOnly,
    Reason,
    RevisionConflict,
    StaticSource,
)
from habitkit.flags.domain.model import StickyAssignment
from habitkit.flags.store import FLAGS
from habitkit.flags.units import NewAssignments
from habitkit.testing import FakeClock

ON = {"state": "ENABLED", "variants": {"on": True, "off": False}, "defaultVariant": "on"}
OFF = ON | {"defaultVariant": "off"}
SPLIT = OFF | {
    "targeting": {"fractional": [["on", 50], ["off", 50]]},
    "$habitkit": {"sticky": True},
}
WAIT_SECONDS = 20.0


class StoreWithoutFlags(MemoryStore):
    name = "small"
    modules = MemoryStore.modules - {"flags", "experiments"}


def wait_until(holds):
    end = time.monotonic() + WAIT_SECONDS
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.005)


def test_a_kit_sees_its_own_change_at_once_and_those_of_others_by_a_refresh(tmp_path):
    url = f"sqlite:///{tmp_path}/flags.db"
    with HabitKit.open(url) as kit, HabitKit.open(url) as other:
        assert kit.flags.details("a", False).error_code is ErrorCode.FLAG_NOT_FOUND
        kit.flags.put("a", ON, by="ada")
        assert kit.flags.boolean("a", False) is True
        kit.flags.toggle("a", False, by="ada")
        assert kit.flags.details("a", True).reason is Reason.DISABLED
        kit.flags.rollback("a", 1, by="ada")
        assert kit.flags.boolean("a", False) is True
        assert other.flags.boolean("a", False) is False
        other.refresh()
        assert other.flags.boolean("a", False) is True
        assert kit.flags.status().revision == other.flags.status().revision == "3"
        with HabitKit.open(url) as third:
            assert third.flags.boolean("a", False) is True
        kit.flags.delete("a", by="ada")
        assert kit.flags.details("a", False).error_code is ErrorCode.FLAG_NOT_FOUND
        kit.flags.put_document({"flags": {"b": ON}}, by="ada")
        assert kit.flags.boolean("b", False) is True
        with pytest.raises(RevisionConflict):
            kit.flags.put("b", OFF, by="ada", expected_revision=1)


async def test_an_async_kit_evaluates_by_plain_calls(tmp_path):
    url = f"sqlite:///{tmp_path}/flags.db"
    async with await AsyncHabitKit.open(url) as kit:
        await kit.flags.put("a", SPLIT, by="ada")
        assert kit.flags.details("a", False, {"targetingKey": "ada"}).variant in {"on", "off"}
        unit = await kit.flags.for_unit("ada")
        assert unit.details("a", False).variant in {"on", "off"}
        await kit.refresh()
        again = await kit.flags.for_unit("ada")
        assert again.details("a", False) == unit.details("a", False)
        assert (await kit.flags.get("a")).revision == 1
        async with kit.background():
            assert kit.flags.status().ready


def test_a_change_in_the_hosts_own_transaction_is_seen_once_it_is_committed():
    kit = habitkit.testing.kit()

    def change(tx):
        flags.put(tx, "a", ON, by="ada")
        assert kit.flags.boolean("a", False) is False  # evaluating asks no store
        with pytest.raises(NestedTransaction):
            kit.flags.put("b", ON, by="ada")

    kit.run(change)
    kit.refresh()
    assert kit.flags.boolean("a", False) is True
    with pytest.raises(ZeroDivisionError):
        kit.run(lambda tx: (flags.put(tx, "b", ON, by="ada"), 1 / 0))
    kit.refresh()
    assert kit.flags.details("b", False).error_code is ErrorCode.FLAG_NOT_FOUND


def test_with_another_source_a_kit_evaluates_on_any_store_and_writes_nothing():
    source = StaticSource({"flags": {"a": ON}})
    kit = HabitKit(StoreWithoutFlags(), flags=FlagSettings(source=source))

    assert kit.flags.details("a", False).error_code is ErrorCode.PROVIDER_NOT_READY
    assert kit.refresh().refreshed == ("flags", "metrics")
    assert kit.flags.boolean("a", False) is True
    writes = [
        lambda: kit.flags.put("a", ON, by="ada"),
        lambda: kit.flags.put_document({"flags": {}}, by="ada"),
        lambda: kit.flags.toggle("a", False, by="ada"),
        lambda: kit.flags.delete("a", by="ada"),
        lambda: kit.flags.rollback("a", 1, by="ada"),
        lambda: kit.flags.rollback_document(1, by="ada"),
    ]
    for write in writes:
        with pytest.raises(FlagsReadOnly, match="come from a static document"):
            write()
    for query in (
        kit.flags.list,
        kit.flags.export,
        kit.flags.history,
        kit.flags.revision,
        kit.flags.stale,
        lambda: kit.flags.get("a"),
        lambda: kit.flags.diff(0, 0),
    ):
        with pytest.raises(UsageError, match="those of this kit come from a static document"):
            query()
    assert kit.flags.for_unit("ada").boolean("a", False) is True
    kit.forget("ada")
    assert "assignments" not in str(kit.export("ada"))


def test_a_store_without_flags_says_so():
    kit = HabitKit(StoreWithoutFlags())

    with pytest.raises(NotSupportedByStore, match="flags"):
        kit.flags.boolean("a", False)
    assert kit.refresh().refreshed == ("metrics",)


@pytest.mark.parametrize(
    "options",
    [{"source": "x"}, {"poll_seconds": 0}, {"max_age_seconds": True}, {"poll_seconds": "1"}],
)
def test_settings_that_cannot_be_are_refused(options):
    with pytest.raises(ConfigurationError, match=f"{next(iter(options))}: expected"):
        FlagSettings(**options)


def test_flags_that_never_are_stale_may_be_set():
    kit = habitkit.testing.kit(flags=FlagSettings(max_age_seconds=None))
    kit.flags.put("a", ON, by="ada")
    kit.clock.advance(days=9)

    assert kit.flags.details("a", False).reason is Reason.STATIC


def test_a_unit_keeps_its_first_variant_until_the_version_is_raised():
    kit = habitkit.testing.kit()
    kit.flags.put("a", SPLIT, by="ada")
    first = {key: kit.flags.for_unit(key).details("a", False).variant for key in "abcdefgh"}
    kit.refresh()
    moved = SPLIT | {"targeting": {"fractional": [["on", 0], ["off", 100]]}}
    kit.flags.put("a", moved, by="ada")

    assert {key: kit.flags.for_unit(key).details("a", False).variant for key in first} == first
    assert "on" in first.values()
    assert kit.flags.details("a", True, {"targetingKey": "a"}).metadata["sticky"] == "by hash"
    kit.flags.put("a", moved | {"$habitkit": {"sticky": {"version": 2}}}, by="ada")
    assert {kit.flags.for_unit(key).details("a", False).variant for key in first} == {"off"}


def test_of_two_kits_that_assign_one_unit_the_first_to_store_it_wins():
    store = MemoryStore()
    one = habitkit.testing.kit(store=store)
    two = habitkit.testing.kit(store=store)
    one.flags.put("a", SPLIT | {"targeting": {"fractional": [["on", 1]]}}, by="ada")
    two.refresh()
    unit = two.flags.for_unit("ada")
    one.flags.put("a", SPLIT | {"targeting": {"fractional": [["off", 1], ["on", 0]]}}, by="ada")
    assert one.flags.for_unit("ada").details("a", False).variant == "off"
    one.refresh()
    assert unit.details("a", False).variant == "on"
    two.refresh()

    assert two.flags.for_unit("ada").details("a", False).variant == "off"
    assert len(two.read(lambda tx: tx.port(FLAGS).assignments("ada"))) == 1
    two.forget("ada")
    assert two.read(lambda tx: tx.port(FLAGS).assignments("ada")) == []


def test_which_flags_are_used_is_stored_once_an_hour():
    kit = habitkit.testing.kit()
    kit.flags.put("a", ON, by="ada")
    kit.flags.put("b", ON, by="ada")

    def used():
        kit.refresh()
        return kit.read(lambda tx: dict(tx.port(FLAGS).last_used()))

    kit.flags.boolean("a", False)
    first = used()
    assert set(first) == {"a"}
    kit.flags.boolean("b", False)
    kit.clock.advance(minutes=59)
    assert used() == first
    kit.clock.advance(minutes=1)
    assert set(used()) == {"a", "b"}


def test_the_background_polls_and_a_forked_process_polls_too(tmp_path):
    url = f"sqlite:///{tmp_path}/flags.db"
    settings = FlagSettings(poll_seconds=0.02)
    with HabitKit.open(url) as writer, HabitKit.open(url, flags=settings) as kit, kit.background():
        writer.flags.put("a", ON, by="ada")
        wait_until(lambda: kit.flags.boolean("a", False))
        go, gone = os.pipe()
        child = os.fork()
        if child == 0:
            code = 1
            try:
                os.read(go, 1)
                wait_until(lambda: kit.flags.details("a", False).reason is Reason.DISABLED)
                code = 0
            finally:
                os._exit(code)
        writer.flags.toggle("a", False, by="ada")
        os.write(gone, b"1")
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        wait_until(lambda: kit.flags.details("a", False).reason is Reason.DISABLED)


def test_a_source_that_is_slow_delays_nobody_who_evaluates():
    began, go = threading.Event(), threading.Event()

    class Slow:
        name = "slow"

        def fetch(self, known):
            if known is not None:
                began.set()
                go.wait(WAIT_SECONDS)
            return Fetched({"flags": {"a": ON if known is None else OFF}}, str(known))

        def close(self):
            pass

    settings = FlagSettings(source=Slow(), poll_seconds=0.01)
    with HabitKit.open("memory://", flags=settings) as kit, kit.background():
        assert began.wait(WAIT_SECONDS)
        assert kit.flags.boolean("a", False) is True
        go.set()
        wait_until(lambda: kit.flags.boolean("a", True) is False)


def to(variant, version=1):
    """Return a sticky flag that gives everybody one variant."""
    weights = [[name, int(name == variant)] for name in ("on", "off")]
    sticky = {"sticky": {"version": version}}
    return OFF | {"targeting": {"fractional": weights}, "$habitkit": sticky}


def assigned(kit, key):
    found = kit.read(lambda tx: tx.port(FLAGS).assignments(key))
    return [(it.flag, it.version, it.variant) for it in found]


@pytest.mark.parametrize("key", ["n" * 201, "a\0b", "\ud800"])
def test_a_targeting_key_that_no_store_keeps_goes_by_the_hash(key):
    kit = habitkit.testing.kit()
    kit.flags.put("a", to("on"), by="ada")
    found = kit.flags.for_unit(key).details("a", False)

    assert (found.value, found.metadata["sticky"]) == (True, "by hash")
    assert kit.flags.status().waiting == 0


@pytest.mark.parametrize("key", ["", 5, None])
def test_what_is_no_targeting_key_is_refused(key):
    with pytest.raises(InvalidInput, match="targeting_key: expected a non-empty string"):
        habitkit.testing.kit().flags.for_unit(key)


def test_what_cannot_be_stored_keeps_nobody_from_new_definitions(monkeypatch):
    store = MemoryStore()
    one, two = habitkit.testing.kit(store=store), habitkit.testing.kit(store=store)
    one.flags.put("a", to("on"), by="ada")
    two.refresh()
    two.flags.for_unit("zoe").boolean("a", False)

    def refuse(*_):
        msg = "permission denied"
        raise OSError(msg)

    with monkeypatch.context() as patch:
        patch.setattr(MemoryFlags, "assign", refuse)
        patch.setattr(MemoryFlags, "used", refuse)
        one.flags.put("b", ON, by="ada")
        assert two.refresh().failures == ()
    status = two.flags.status()
    assert two.flags.boolean("b", False) is True
    assert (status.last_error, status.store_error) == (None, "OSError: permission denied")
    assert status.waiting == 1
    two.refresh()
    assert (two.flags.status().store_error, two.flags.status().waiting) == (None, 0)
    assert assigned(two, "zoe") == [("a", 1, "on")]
    assert "a" in two.read(lambda tx: tx.port(FLAGS).last_used())


def test_assignments_are_bounded_and_found_by_their_unit():
    new = NewAssignments()
    at = FakeClock("2027-01-01T00:00Z").now()
    for n in range(10_001):
        new.add(StickyAssignment(f"u{n // 2}", f"f{n % 2}", 1, "on", at))
    new.add(StickyAssignment("zoe", "f" * 201, 1, "on", at))

    assert (len(new), new.dropped) == (10_000, 2)
    assert [it.flag for it in new.of("u7")] == ["f0", "f1"]
    new.forget("u7")
    assert (len(new), new.of("u7")) == (9_998, [])
    new.stored(new.take())
    assert (len(new), new.take()) == (0, [])


def test_what_waits_of_somebody_is_forgotten_too():
    kit = habitkit.testing.kit()
    kit.flags.put("a", to("on"), by="ada")
    kit.flags.for_unit("zoe").boolean("a", False)
    kit.forget("zoe")
    kit.refresh()

    assert assigned(kit, "zoe") == []


def test_a_stored_assignment_beats_one_that_waits():
    store = MemoryStore()
    one, two = habitkit.testing.kit(store=store), habitkit.testing.kit(store=store)
    one.flags.put("a", to("on"), by="ada")
    assert one.flags.for_unit("zoe").boolean("a", False) is True
    two.flags.put("a", to("off"), by="ada")
    two.flags.for_unit("zoe").boolean("a", False)
    two.refresh()

    assert one.flags.for_unit("zoe").boolean("a", True) is False


def test_a_unit_follows_the_flags_in_use_and_their_versions():
    store = MemoryStore()
    one = habitkit.testing.kit(store=store)
    one.flags.put("a", to("on", 2), by="ada")
    one.flags.for_unit("zoe").boolean("a", False)
    one.refresh()
    one.flags.put("a", to("off", 2), by="ada")
    two = habitkit.testing.kit(store=store)
    unit = two.flags.for_unit("zoe")  # before the first refresh
    assert unit.details("a", False).error_code is ErrorCode.PROVIDER_NOT_READY
    assert unit.all() == {}
    two.refresh()
    assert unit.boolean("a", False) is True
    two.flags.put("a", to("off", 3), by="ada")
    assert unit.boolean("a", True) is False
    two.refresh()

    assert assigned(two, "zoe") == [("a", 2, "on"), ("a", 3, "off")]


def test_a_unit_evaluates_all_flags_with_its_assignments():
    kit = habitkit.testing.kit()
    kit.flags.put("a", to("on"), by="ada")
    kit.flags.put("b", ON, by="ada")
    assert {key: it.variant for key, it in kit.flags.for_unit("zoe").all().items()} == {
        "a": "on",
        "b": "on",
    }
    kit.flags.put("a", to("off"), by="ada")

    found = kit.flags.for_unit("zoe").all({"targetingKey": "somebody else"})
    assert (found["a"].variant, found["b"].variant) == ("on", "on")
    assert assigned(kit, "zoe") == [("a", 1, "on")]


def test_a_unit_never_raises_for_a_context_that_is_none():
    kit = habitkit.testing.kit()
    kit.flags.put("a", ON, by="ada")
    unit = kit.flags.for_unit("zoe")

    contexts: list[Any] = [["x"], 5, "text", []]
    for context in contexts:
        assert unit.details("a", False, context).error_code is ErrorCode.INVALID_CONTEXT
        assert unit.all(context)["a"].error_code is ErrorCode.INVALID_CONTEXT
    assert unit.boolean("a", False, MappingProxyType({"plan": "pro"})) is True


async def test_closing_a_kit_stores_what_waits_and_logs_if_that_fails(
    tmp_path, monkeypatch, caplog
):
    url = f"sqlite:///{tmp_path}/flags.db"
    with HabitKit.open(url) as kit:
        kit.flags.put("a", to("on"), by="ada")
        kit.flags.for_unit("zoe").boolean("a", False)
    async with await AsyncHabitKit.open(url) as kit:
        (await kit.flags.for_unit("bob")).boolean("a", False)
    with HabitKit.open(url) as kit:
        assert [assigned(kit, key) for key in ("zoe", "bob")] == [[("a", 1, "on")]] * 2
        kit.flags.for_unit("eve").boolean("a", False)
        monkeypatch.setattr(kit._runner.store, "run", None)
    assert "could not finish before the kit closed" in caplog.text


def test_assignments_are_stored_while_a_source_is_down():
    class Down(StaticSource):
        def fetch(self, known):
            if known is not None:
                msg = "down"
                raise OSError(msg)
            return super().fetch(known)

    split = {key: value for key, value in SPLIT.items() if key != "$habitkit"}
    source = Down({"flags": {"a": split}, "$habitkit": {"a": {"sticky": True}}})
    kit = habitkit.testing.kit(flags=FlagSettings(source=source))
    kit.refresh()
    kit.flags.for_unit("ada").details("a", False)

    assert [it.id for it in kit.refresh().failures] == ["flags"]
    assert len(kit.read(lambda tx: tx.port(FLAGS).assignments("ada"))) == 1
