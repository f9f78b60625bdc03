"""``to_dict``: every public value as JSON."""

from __future__ import annotations

import importlib
import json
import math
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from types import MappingProxyType
from typing import Any
from uuid import UUID

import attrs
import pytest
from hypothesis import given

import habitkit.testing
from habitkit import Balance, Event, Goal, OfflineCheckIn, Schedule, SystemClock, to_dict
from habitkit.backends.memory import MemoryLimits
from habitkit.coins import AwardUse, CoinSettings, ExpiringAward, ExpiringCoins, RuleSet
from habitkit.errors import InvalidInput
from habitkit.events import Recorded
from habitkit.flags import Fault, Flag, Flags, FlagsChange, FlagsEvent, StaleFlag, StaticSource
from habitkit.habits import HabitChanged, HabitCompleted, PastDay, RebuildReport
from habitkit.journal.domain.model import EventId
from habitkit.limits import DecisionMade, Limiter
from tests.unit.alert_values import values_of_alerts
from tests.unit.experiment_values import values_of_experiments
from tests.unit.quest_values import values_of_quests
from tests.unit.test_codec import KINDS, VALUES, few, strategy

NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)
ID = UUID(int=7)
PACKAGES = [
    "habitkit",
    *(
        f"habitkit.{name}"
        for name in ("habits", "coins", "quests", "flags", "experiments", "limits")
    ),
    *(f"habitkit.{name}" for name in ("metrics", "alerts", "health")),
]
NO_VALUES: dict[str, str] = {
    "Advanced": "has labels as keys; it goes from a rule to the use case",
    "AlertSettings": "holds functions",
    "Change": "goes from a rule to the use case",
    "HostCheck": "holds a function",
    "Observed": "has labels as keys; it goes from a query to a rule",
    "Receiver": "holds a function",
    "RuleState": "has labels as keys; it has a JSON of its own",
    "Sketch": "is no value: it has an encoding of its own",
    "Attribute": "is a part of a flag that is being built",
    "Counted": "holds a function",
    "Condition": "is a part of a flag that is being built",
    "Fetched": "goes from a source to the flags",
    "Flag": "is being built; Flag.definition is its JSON",
    "FlagSettings": "holds a source",
    "HabitSettings": "holds a function",
    "Reaction": "holds a function",
    "Subscriber": "holds a function",
}


class Colour(Enum):
    RED = "red"


@attrs.frozen
class Odd:
    it: Any


@attrs.frozen
class Bought(Event):
    price: Decimal
    item: UUID


def public_values() -> dict[str, type]:
    """Return the classes of public values by name."""
    found: dict[str, type] = {}
    for package in PACKAGES:
        module = importlib.import_module(package)
        for name in module.__all__:
            kind = getattr(module, name)
            if isinstance(kind, type) and (attrs.has(kind) or issubclass(kind, tuple)):
                found[name] = kind
    return found


def returned() -> Iterator[object]:
    """Return values that no stored text holds, as a kit returns them or a host makes them."""
    settings = CoinSettings(audit_key=b"sixteen bytes ...")
    flags = {"flags": {"on": {"state": "ENABLED", "variants": {"a": 1}, "defaultVariant": "a"}}}
    kit = habitkit.testing.kit(NOW, coins=settings)
    run = kit.habits.create("ada", "Run", Schedule.daily(), goal=Goal.at_least(Decimal("2.50")))
    kit.habits.check_in(run.id, amount=Decimal("2.50"))
    kit.coins.award("ada", 3, memo="hi", metadata={"n": [1]}, idempotency_key="a")
    kit.sweep()
    yield from kit.streaks.history(run.id, date(2026, 3, 1), date(2026, 3, 12))
    yield from kit.streaks.today("ada")
    yield kit.streaks.explain(run.id, date(2026, 3, 10))
    kit.clock.advance(days=1)
    yield from kit.streaks.at_risk(kit.clock.now() + timedelta(days=1))
    exported = kit.coins.export("ada")
    yield exported
    yield from (line for lines in exported.lines.values() for line in lines)
    yield from (block for blocks in exported.blocks.values() for block in blocks)
    decision = Limiter(MemoryLimits()).acquire("ada", "3/min")
    yield from (decision, decision.limit, DecisionMade("acquire", "ada", 1, decision))
    with_flags = Flags(StaticSource(flags))
    yield from (with_flags.details("on", 0), with_flags.details("off", 0), with_flags.status())
    yield from (Fault("$.flags", "what"), FlagsEvent(FlagsChange.CHANGED, ("on",)))
    yield StaleFlag("on", ("unused",), None, NOW)
    yield from (settings, settings.economy, *settings.economy.rules)
    yield RuleSet(NOW, settings.economy.rules)
    yield OfflineCheckIn(run.id, day=date(2026, 3, 9), idempotency_key="k")
    yield RebuildReport(2, (ID,))
    yield PastDay(date(2026, 3, 9), amount=2)
    yield ExpiringAward(ID, "ada", "coin", 5, NOW, used=2)
    yield ExpiringCoins(3, NOW)
    yield AwardUse(ID, ID, 2)
    yield from (Event("ada", NOW), HabitChanged("ada", NOW, run.id))
    yield from values_of_alerts()
    yield from values_of_experiments()
    yield from values_of_quests()


def checked(value: object) -> dict[str, Any]:
    """Return a value as a dict, after a round through JSON that must change nothing."""
    made = to_dict(value)
    assert json.loads(json.dumps(made, allow_nan=False)) == made
    kind: Any = type(value)
    if attrs.has(kind):
        assert {each.name for each in attrs.fields(kind) if each.repr} <= set(made)
    return made


@pytest.mark.parametrize("kind", [*VALUES, *KINDS], ids=lambda kind: kind.__name__)
def test_every_stored_value_and_event_becomes_json(kind):
    @few
    @given(strategy(kind))
    def becomes_json(value):
        made = checked(value)
        if isinstance(value, Event):
            assert (made["type"], made["key"]) == (value.type, value.key)

    becomes_json()


def test_every_other_public_value_becomes_json():
    values = list(returned())
    for value in values:
        checked(value)

    covered = {*VALUES, *KINDS, *map(type, values)}
    missing = {name for name, kind in public_values().items() if kind not in covered}
    assert missing - NO_VALUES.keys() == set()


def test_a_public_value_of_a_kit_is_attrs():
    tuples = {name for name, kind in public_values().items() if issubclass(kind, tuple)}

    assert tuples == {"Decision"}, "a limiter makes one in each call, and it costs half as much"


def test_the_attributes_and_plain_properties_of_a_value_are_there():
    kit = habitkit.testing.kit(NOW)
    run = kit.habits.create("ada", "Run", Schedule.daily())
    done = to_dict(kit.habits.check_in(run.id))

    assert to_dict(Balance("ada", "coin", 12, pending=2))["available"] == 10
    assert (done["day"], done["streak"]["days"], done["coins"]) == ("2026-03-10", 1, 10)
    assert [each["type"] for each in done["events"]] == ["HabitCompleted", "CoinsPosted"]
    assert done["events"][0]["key"].startswith("done:")
    assert done["events"][0]["at"] == "2026-03-10T12:00:00+00:00"
    assert to_dict(Bought("ada", NOW, Decimal("1E+2"), ID)) == {
        "owner": "ada",
        "at": "2026-03-10T12:00:00+00:00",
        "price": "100",
        "item": str(ID),
        "key": None,
        "type": "Bought",
    }
    recorded = to_dict(Recorded("ada", NOW, "Paid", {"for": ["hat"]}))
    assert (recorded["type"], recorded["fields"]) == ("Paid", {"for": ["hat"]})


@pytest.mark.parametrize(
    ("it", "made"),
    [
        (time(7, 30), "07:30:00"),
        (timedelta(minutes=1, milliseconds=5), 60.005),
        (Decimal("0.10"), "0.10"),
        (b"\x00\xff", "00ff"),
        (Colour.RED, "red"),
        (HabitCompleted, "HabitCompleted"),
        (ValueError("no"), "ValueError: no"),
        (frozenset({"b", "a"}), ["a", "b"]),
        (frozenset({2, 10, 9}), [2, 9, 10]),
        (frozenset({Odd(2), Odd(1)}), [{"it": 1}, {"it": 2}]),
        (frozenset({1, "a", None}), ["a", 1, None]),
        (((1,), [True, None]), [[1], [True, None]]),
        (MappingProxyType({ID: (date(2026, 3, 10),)}), {str(ID): ["2026-03-10"]}),
        (EventId("ada", 1, 2), {"owner": "ada", "rev": 1, "position": 2, "text": "ada:1:2"}),
        (Odd(Odd(2**63 - 1)), {"it": {"it": 2**63 - 1}}),
    ],
)
def test_what_a_value_holds_becomes_what_json_has(it, made):
    assert checked(Odd(it)) == {"it": made}


def test_a_fact_has_its_kind():
    kit = habitkit.testing.kit(NOW)
    run = kit.habits.create("ada", "Run", Schedule.daily())
    kit.habits.check_in(run.id)
    kit.habits.skip(run.id, date(2026, 3, 10))
    kit.habits.pause(run.id, date(2026, 3, 10), None)

    explained = to_dict(kit.streaks.explain(run.id, date(2026, 3, 10)))

    assert {fact["kind"] for fact in explained["facts"]} == {"CheckIn", "Skip", "Pause"}


def test_secrets_and_charges_are_left_out():
    assert "audit_key" not in to_dict(CoinSettings(audit_key=b"sixteen bytes ..."))
    decision = to_dict(Limiter(MemoryLimits()).acquire("ada", "3/min"))
    assert not {"subject", "marks", "cost", "charge"} & set(decision)
    assert (decision["allowed"], decision["remaining"], decision["limit"]["rate"]) == (True, 2, 3)


@pytest.mark.parametrize(
    ("it", "where"),
    [
        (object(), "Odd.it"),
        (math.nan, "Odd.it"),
        (Decimal("Infinity"), "Odd.it"),
        (print, "Odd.it"),
        ([{"a": {object()}}], "Odd.it"),
        ({1: 2}, "a key of Odd.it"),
    ],
    ids=["object", "nan", "infinity", "function", "deep", "key"],
)
def test_what_json_cannot_hold_is_refused_by_its_place(it, where):
    with pytest.raises(InvalidInput, match=where):
        to_dict(Odd(it))


def test_what_is_no_value_is_refused():
    unfit: list[Any] = [
        None, 1, "ada", {}, [Balance("ada", "coin", 1)], (), object(), Balance, SystemClock(),
        habitkit.testing.kit(NOW), Flag({"a": 1}, default="a"),
    ]  # fmt: skip
    for value in unfit:
        with pytest.raises(InvalidInput, match="a value that a kit returns"):
            to_dict(value)
    with pytest.raises(InvalidInput, match="in an error handler of your app"):
        to_dict(InvalidInput("day", given=1, expected="a date"))
    endless: list[Any] = []
    endless.append(endless)
    with pytest.raises(InvalidInput, match="not nested too deeply"):
        to_dict(Odd(endless))
