"""Values to JSON text and back: every event, every result."""

from __future__ import annotations

import importlib
import json
import math
import pkgutil
import typing
from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from types import UnionType
from typing import Any, Literal
from uuid import UUID

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import habitkit
from habitkit import DayClock, FreezeRule, Goal, Schedule, _codec
from habitkit.alerts.domain.model import Advanced, AlertState, Change, Observed, RuleState
from habitkit.coins.auditing.domain.model import Block, Digest, LedgerExport, LedgerLine
from habitkit.coins.domain.economy import Economy, RewardRule
from habitkit.events import Event, Recorded
from habitkit.habits import HabitCompleted
from habitkit.habits.domain.model import OfflineCheckIn
from habitkit.journal.domain.model import EventId
from habitkit.modules import vocabulary
from habitkit.testing import strategies

NO_JSON: dict[type, str] = {
    Advanced: "goes from a rule to the use case",
    AlertState: "has a JSON of its own: see state_json",
    Change: "goes from a rule to the use case",
    Observed: "goes from a query to a rule",
    RuleState: "has a JSON of its own: see state_json",
    Block: "holds bytes; a store keeps it in columns",
    Digest: "holds bytes; a store keeps it in columns",
    Economy: "holds classes; it is configuration, not data",
    LedgerExport: "has ids as keys; it is for the host to write as it likes",
    LedgerLine: "holds bytes; a store keeps it in columns",
    OfflineCheckIn: "is only an argument; its request is kept, and it is no result",
    RewardRule: "holds a class; it is configuration, not data",
}


def _values() -> list[type]:
    """Return every attrs value of every service."""
    found = set()
    for module in pkgutil.walk_packages(habitkit.__path__, "habitkit."):
        if module.name.endswith(".model"):
            page = importlib.import_module(module.name)
            found |= {value for value in vars(page).values() if attrs.has(value)}
    found = {kind for kind in found if not issubclass(kind, Event)}
    return sorted(found - NO_JSON.keys(), key=lambda kind: kind.__name__)


EVENTS = sorted([Event, Recorded, *vocabulary().values()], key=lambda kind: kind.__name__)
KINDS = [kind for kind in EVENTS if kind is not Event]
VALUES = _values()

few = settings(max_examples=12)  # the same few paths for every class
texts = st.text(st.sampled_from('ab"\\é走🏃\n\x00'), max_size=4)

plain = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=4,
)
SIMPLE: dict[object, st.SearchStrategy[Any]] = {
    bool: st.booleans(),
    int: st.integers(-(2**63), 2**63 - 1),
    str: texts,
    UUID: st.uuids(),
    date: st.dates(),
    time: st.times(),
    datetime: st.datetimes(timezones=st.just(UTC)),
    type(None): st.none(),
    float: st.floats(0, 1e12),
    Decimal: st.decimals(0, 10**12, places=3),
    timedelta: st.integers(0, 86_400).map(lambda seconds: timedelta(seconds=seconds)),
    EventId: st.builds(EventId, texts, st.integers(1, 2**63 - 1), st.integers(0, 99)),
    FreezeRule: st.builds(FreezeRule, st.integers(1, 1000), st.integers(1, 1000)),
    DayClock: strategies.clocks(),
    Goal: strategies.goals(),
    Schedule: strategies.schedules(),
    Mapping[str, Any]: st.dictionaries(texts, plain, max_size=3),
    Mapping[str, int]: st.dictionaries(st.text(max_size=5), st.integers(), max_size=3),
    Mapping[str, str]: st.dictionaries(texts, texts, max_size=3),
    Mapping[str, Mapping[str, Any] | None]: st.dictionaries(
        texts, st.none() | st.dictionaries(texts, plain, max_size=3), max_size=3
    ),
}


def strategy(hint: Any) -> st.SearchStrategy[Any]:
    """Return a strategy for values of an attribute's type."""
    if hint in SIMPLE:
        known: st.SearchStrategy[Any] = SIMPLE[hint]
        return known
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin is Literal:
        return st.sampled_from(arguments)
    if origin in {UnionType, typing.Union}:
        return st.one_of(*map(strategy, arguments))
    if origin is tuple:
        assert arguments[1] is ..., hint
        return st.lists(strategy(arguments[0]), max_size=3).map(tuple)
    if hint is Event:
        return st.one_of(*(built(kind) for kind in KINDS))
    assert attrs.has(hint), f"no strategy for {hint}"
    return built(hint)


def built(kind: type) -> st.SearchStrategy[Any]:
    """Return a strategy for instances of an attrs class."""
    hints = typing.get_type_hints(kind)
    return st.builds(kind, **{a.name: strategy(hints[a.name]) for a in attrs.fields(kind)})


def test_there_are_events_and_values_to_test():
    assert {"CoinsPosted", "HabitCompleted", "Recorded", "Retracted"} <= {k.__name__ for k in KINDS}
    assert {"CheckedIn", "Habit", "Transfer", "Hold"} <= {kind.__name__ for kind in VALUES}


@pytest.mark.parametrize("kind", VALUES, ids=lambda kind: kind.__name__)
def test_a_value_comes_back_as_it_was(kind):
    @few
    @given(strategy(kind))
    def comes_back(value):
        text = _codec.dump(value)

        assert _codec.load(text, kind) == value
        assert isinstance(json.loads(text), dict)

    comes_back()


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_an_event_comes_back_as_it_was_by_its_class_and_as_one_of_several(kind):
    @few
    @given(built(kind))
    def comes_back(event):
        assert _codec.load(_codec.dump(event), Event) == event
        assert _codec.load(_codec.dump([event]), tuple[Event, ...]) == (event,)

    comes_back()


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_an_event_comes_back_from_the_row_that_a_store_keeps(kind):
    @few
    @given(built(kind))
    def comes_back(event):
        stored = _codec.from_json(_codec.to_json(_codec.message_fields(event)))
        known = {**vocabulary(), "Recorded": Recorded}[_codec.message_type(event)]

        restored = _codec.restore_event(known, event.owner, event.at, stored)

        assert restored == event
        assert (restored.type, restored.key) == (event.type, event.key)

    comes_back()


@given(built(HabitCompleted))
def test_the_fields_of_an_event_beyond_owner_and_instant_are_returned_by_name(event):
    assert _codec.event_fields(event) == {
        "habit_id": event.habit_id,
        "day": event.day,
        "credit": event.credit,
        "received_at": event.received_at,
        "sealed": event.sealed,
        "done_at": event.done_at,
    }


NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)


@attrs.frozen
class BookRead(Event):
    """A host's own event; its attributes are called as those of ``Recorded``."""

    name: str
    fields: tuple[str, ...]


def test_an_event_of_an_unknown_class_comes_back_as_a_loose_one_of_that_type():
    read = BookRead("ada", NOW, "Emma", ("ch1", "ch2"))

    loose = _codec.load(_codec.dump(read), Event)

    assert loose == Recorded("ada", NOW, "BookRead", {"name": "Emma", "fields": ["ch1", "ch2"]})


def test_a_stored_event_of_a_hosts_class_becomes_one_of_that_class_again():
    stored = {"name": "Emma", "fields": ["ch1"]}

    restored = _codec.restore_event(BookRead, "ada", NOW, stored)

    assert restored == BookRead("ada", NOW, "Emma", ("ch1",))


@pytest.mark.parametrize("value", [object(), Decimal(1), b"text", {1, 2}, NOW.tzinfo])
def test_a_value_that_json_cannot_represent_is_refused(value):
    with pytest.raises(TypeError, match="as JSON"):
        _codec.to_json({"value": value})


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_numbers_that_are_none_are_refused(value):
    with pytest.raises(ValueError, match="not JSON compliant"):
        _codec.to_json({"value": value})


@few
@given(st.dictionaries(texts, plain, max_size=4))
def test_json_values_come_back_as_they_were(values):
    assert _codec.from_json(_codec.to_json(values)) == values
