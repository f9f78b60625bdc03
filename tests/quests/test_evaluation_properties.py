"""Objectives against a naive evaluator that walks the events in the order of time."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from types import ModuleType
from typing import Any as AnyValue
from uuid import UUID

import pytest
from attrs import evolve, frozen
from hypothesis import given, settings
from hypothesis import strategies as st

from habitkit.quests.domain.composites import All, Any, ObjectiveTree, Sequence
from habitkit.quests.domain.counted_events import CountedEvent, credited
from habitkit.quests.domain.counting import Count, Distinct, Sum
from habitkit.quests.domain.evaluation import (
    evaluate,
    from_dict,
    leaves,
    may_be_complete,
    progress_parts,
    to_dict,
)
from habitkit.quests.domain.items_and_damage import Collect, Damage
from habitkit.quests.domain.objectives import (
    Counted,
    Objective,
    Place,
    Reached,
    StreakReach,
    StreakReader,
    exact_sum,
)
from habitkit.quests.domain.runs import Contribution
from habitkit.quests.domain.streak_objective import ReachStreak

AT = datetime(2027, 1, 31, 9, tzinfo=UTC)
HABITS = [UUID(int=1), UUID(int=2)]
SLOT = "Slot"
NO_FIELD = object()
VALUES = [1, 2, 1.0, 0.1, 0.2, 0.3, 1e22, 1e-7, -1, 0, True, False, "1", "x", None, [1], [2.0], [2]]


@frozen
class IsX:
    """A stand-in for a predicate: the field ``x`` has this value."""

    value: AnyValue

    def holds(self, fields: Mapping[str, AnyValue]) -> bool:
        return bool(fields.get("x") == self.value)

    def to_dict(self) -> dict[str, AnyValue]:
        return {"is": self.value}

    @classmethod
    def from_dict(cls, content: Mapping[str, AnyValue]) -> IsX:
        return cls(content["is"])


@pytest.fixture(autouse=True, scope="module")
def _predicates() -> Iterator[None]:
    """Let stored predicates be stand-ins."""
    module = ModuleType("habitkit.predicates")
    vars(module)["Predicate"] = IsX
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, "habitkit.predicates", module)
        yield


# -- what is tried ---------------------------------------------------------------------------------

TYPES = st.sampled_from("ABC")
COUNTS = st.integers(1, 4)
WHERE = st.none() | st.sampled_from([1, "x"]).map(IsX)
AMOUNTS = st.sampled_from([1, 0.3, 2, Decimal("2.25"), Decimal("0.1"), 10**18])
ITEMS = st.sampled_from(["feather", "ruby"])
BOSSES = st.builds(
    Damage,
    AMOUNTS,
    st.dictionaries(st.sampled_from("AB"), AMOUNTS, min_size=1),
    st.none() | st.dictionaries(st.just("C"), AMOUNTS),
)
LEAVES: st.SearchStrategy[ObjectiveTree] = st.one_of(
    st.builds(Count, TYPES, COUNTS, WHERE),
    st.builds(Sum, TYPES, st.just("x"), AMOUNTS, WHERE),
    st.builds(Distinct, TYPES, st.just("x"), COUNTS, WHERE),
    st.builds(Collect, st.dictionaries(ITEMS, st.integers(1, 2), min_size=1)),
    BOSSES,
    st.builds(
        ReachStreak, COUNTS, st.none() | st.sampled_from(HABITS), st.sampled_from([None, "t"])
    ),
)


def nested(parts: st.SearchStrategy[ObjectiveTree]) -> st.SearchStrategy[ObjectiveTree]:
    some = st.lists(parts, min_size=1, max_size=3)
    kinds: list[Callable[..., ObjectiveTree]] = [All, Any, Sequence]
    return st.builds(lambda kind, it: kind(*it), st.sampled_from(kinds), some)


SHALLOW = LEAVES | nested(LEAVES)
TREES = SHALLOW | nested(SHALLOW) | nested(nested(LEAVES))


@st.composite
def an_event(draw: st.DrawFn, number: int) -> CountedEvent:
    """Return an event; several have the same instant, and keys in another order than numbers."""
    kind = draw(st.sampled_from(["A", "A", "B", "C", "ItemGranted", SLOT]))
    at = AT + timedelta(hours=draw(st.integers(0, 5)))
    fields: dict[str, AnyValue] = {}
    if kind == "ItemGranted":
        fields = {"item": draw(st.sampled_from(["feather", "ruby", "stone"]))}
    elif kind == SLOT:
        tag = draw(st.sampled_from([None, "t"]))
        fields = {"slots": draw(COUNTS), "habit": draw(st.sampled_from(HABITS)), "tag": tag}
    elif (value := draw(st.sampled_from([*VALUES, NO_FIELD]))) is not NO_FIELD:
        fields = {"x": value}
    if draw(st.booleans()):
        fields["done_at"] = at.isoformat()
        at += timedelta(days=1)
    return CountedEvent(kind, f"e{number * 7 % 10}{number}", at, fields)


@st.composite
def some_events(draw: st.DrawFn) -> list[CountedEvent]:
    return [draw(an_event(number)) for number in range(draw(st.integers(0, 14)))]


# -- the naive evaluator ---------------------------------------------------------------------------


def place(event: CountedEvent) -> Place:
    return event.done_at, event.key


def later(events: list[CountedEvent], since: Place | None) -> list[CountedEvent]:
    return [event for event in events if since is None or place(event) > since]


def same(one: AnyValue, other: AnyValue) -> bool:
    return isinstance(one, bool) is isinstance(other, bool) and bool(one == other)


def matching(leaf: AnyValue, events: list[CountedEvent]) -> list[AnyValue]:
    """Return the values of ``x`` in the events of a leaf with a type."""
    found = [event.fields for event in events if event.type == leaf.event]
    if leaf.where is not None:
        found = [fields for fields in found if fields.get("x") == leaf.where.value]
    return [fields.get("x") for fields in found]


def naive_value(leaf: AnyValue, events: list[CountedEvent]) -> Fraction:
    match leaf:
        case Count():
            return Fraction(len(matching(leaf, events)))
        case Sum():
            numbers = [x for x in matching(leaf, events) if type(x) in {int, float} and x > 0]
            return sum((Fraction(str(x)) for x in numbers), Fraction(0))
        case Distinct():
            found: list[AnyValue] = []
            for x in matching(leaf, events):
                if x is not None and not any(same(x, it) for it in found):
                    found.append(x)
            return Fraction(len(found))
        case Collect():
            items = [event.fields["item"] for event in events if event.type == "ItemGranted"]
            return Fraction(sum(min(items.count(it), leaf.items[it]) for it in leaf.items))
        case Damage():
            return naive_damage(leaf, events)
        case _:
            return Fraction(max((it.fields["slots"] for it in slots(leaf, events)), default=0))


def naive_damage(boss: Damage, events: list[CountedEvent]) -> Fraction:
    left = hp = Fraction(boss.hp)
    for event in events:
        left -= Fraction(boss.per_event.get(event.type, 0))
        if left <= 0:
            return hp
        left = min(hp, left + Fraction(boss.rage.get(event.type, 0)))
    return hp - left


def slots(leaf: ReachStreak, events: list[CountedEvent]) -> list[CountedEvent]:
    found = [event for event in events if event.type == SLOT]
    if leaf.habit is not None:
        found = [event for event in found if event.fields["habit"] == leaf.habit]
    return [event for event in found if leaf.tag in {None, event.fields["tag"]}]


def naive_place(tree: ObjectiveTree, events: list[CountedEvent]) -> Place | None:
    """Return where the first event stands with which those until then are enough."""
    for count, event in enumerate(events, 1):
        if is_done(tree, events[:count]):
            return place(event)
    return None


def is_done(tree: ObjectiveTree, events: list[CountedEvent]) -> bool:
    if isinstance(tree, All):
        return all(is_done(part, events) for part in tree.parts)
    if isinstance(tree, Any):
        return any(is_done(part, events) for part in tree.parts)
    if isinstance(tree, Sequence):
        return naive_steps(tree, events)[0] == len(tree.parts)
    return naive_value(tree, events) >= Fraction(tree.goal)


def naive_steps(tree: Sequence, events: list[CountedEvent]) -> tuple[int, list[list[CountedEvent]]]:
    """Return how many steps are done, and the events that each step may count."""
    done, counting = 0, [events]
    for part in tree.parts:
        reached = naive_place(part, counting[-1])
        if reached is None:
            break
        done += 1
        counting.append(later(counting[-1], reached))
    return done, [*counting, *([[]] * len(tree.parts))][: len(tree.parts)]


def naive_reached(tree: ObjectiveTree, events: list[CountedEvent]) -> Reached:
    if isinstance(tree, Sequence):
        value, goal = Fraction(naive_steps(tree, events)[0]), len(tree.parts)
    elif isinstance(tree, All | Any):
        value = Fraction(sum(is_done(part, events) for part in tree.parts))
        goal = len(tree.parts) if isinstance(tree, All) else 1
    else:
        return Reached(as_decimal(naive_value(tree, events)), tree.goal, naive_place(tree, events))
    return Reached(as_decimal(value), Decimal(goal), naive_place(tree, events))


def naive_parts(tree: ObjectiveTree, events: list[CountedEvent]) -> list[Reached]:
    if isinstance(tree, All | Any):
        return [it for part in tree.parts for it in naive_parts(part, events)]
    if isinstance(tree, Sequence):
        steps = zip(tree.parts, naive_steps(tree, events)[1], strict=True)
        return [it for part, own in steps for it in naive_parts(part, own)]
    return [naive_reached(tree, events)]


def as_decimal(value: Fraction) -> Decimal:
    """Return a fraction of few decimals without rounding."""
    scaled = value * 10**30
    assert scaled.denominator == 1
    return Decimal(f"{scaled.numerator}E-30")


# -- as a quest does it ----------------------------------------------------------------------------


def reader(events: list[CountedEvent]) -> StreakReader:
    def read(
        slots_wanted: int, habit: UUID | None, tag: str | None, since: Place | None = None
    ) -> StreakReach:
        found = slots(ReachStreak(slots_wanted, habit, tag), later(events, since))
        longest = max((event.fields["slots"] for event in found), default=0)
        for event in found:
            if event.fields["slots"] >= slots_wanted:
                return StreakReach(longest, event.done_at, event.key)
        return StreakReach(longest)

    return read


def counted_of(tree: ObjectiveTree, journal: list[CountedEvent]) -> list[Counted]:
    """Return what a store would keep of a journal, in the order in which it gives it back."""
    read = reader(sorted(credited(journal), key=place))
    found = []
    for number, leaf in enumerate(leaves(tree)):
        kept = [
            contribution(number, event, leaf)
            for event in credited(journal)
            if measured(leaf, event)
        ]
        found.append(Counted(sorted(kept, key=lambda it: (it.done_at, it.event_key)), read))
    return found


def measured(leaf: Objective, event: CountedEvent) -> bool:
    measure = leaf.measure(event)
    assert measure is None or (measure.amount > 0 and event.type in leaf.types)
    return measure is not None


def contribution(number: int, event: CountedEvent, leaf: Objective) -> Contribution:
    measure = leaf.measure(event)
    assert measure is not None
    return Contribution(
        "ada",
        "quest:q:",
        number,
        event.key,
        event.done_at,
        date(2027, 1, 31),
        measure.amount,
        measure.value,
    )


@settings(max_examples=400)
@given(TREES, some_events(), st.data())
def test_an_objective_is_what_a_walk_over_the_events_finds(
    tree: ObjectiveTree, events: list[CountedEvent], data: st.DataObject
) -> None:
    arrived = data.draw(st.permutations(events))
    repeated = data.draw(st.lists(st.sampled_from(events)) if events else st.just([]))
    undone = data.draw(
        st.sets(st.sampled_from(events).map(place), max_size=2) if events else st.just(set())
    )
    taken_back = [evolve(it, fields={}, retracted=True) for it in events if place(it) in undone]
    counted = counted_of(tree, [*arrived, *repeated, *taken_back])
    since = data.draw(st.none() | st.sampled_from([*map(place, events), (AT, "")]))
    net = sorted((event for event in events if place(event) not in undone), key=place)

    assert evaluate(tree, counted, since) == naive_reached(tree, later(net, since))
    assert progress_parts(tree, counted) == naive_parts(tree, net)

    totals = [exact_sum(it.amount for it in leaf.contributions) for leaf in counted]
    complete = evaluate(tree, counted).complete is not None
    assert may_be_complete(tree, totals) or not complete
    if '"sequence"' not in json.dumps(to_dict(tree)) and all(it.additive for it in leaves(tree)):
        assert may_be_complete(tree, totals) is complete


@settings(max_examples=100)
@given(TREES)
def test_a_stored_objective_is_the_same(tree: ObjectiveTree) -> None:
    stored = json.loads(json.dumps(to_dict(tree)))

    again = from_dict(stored, {})

    assert again == tree
    assert hash(again) == hash(tree)
    assert json.dumps(to_dict(again)) == json.dumps(to_dict(tree))


@given(
    st.lists(st.floats(min_value=0, allow_infinity=False).map(lambda it: Decimal(str(it)))),
    st.randoms(),
)
def test_a_sum_is_exact_and_the_same_in_any_order(amounts: list[Decimal], random: AnyValue) -> None:
    shuffled = random.sample(amounts, len(amounts))

    assert Fraction(exact_sum(shuffled)) == sum(map(Fraction, amounts))
    assert str(exact_sum(shuffled)) == str(exact_sum(amounts))
