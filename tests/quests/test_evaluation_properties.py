"""Objectives against a naive evaluator that walks the events in the order of time."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from random import Random
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

COUNTS = [1, 1, 1, 2, 2, 3]
AMOUNTS: list[AnyValue] = [1, 0.3, 2, 3, Decimal("2.25"), Decimal("0.1"), 10**18]
TAGS = [None, "t"]
RANDOMS = st.randoms(use_true_random=False)


def a_leaf(random: Random) -> ObjectiveTree:
    pick = random.choice
    kind = pick("AAB")
    where: AnyValue = pick([None, None, IsX(1), IsX("x")])
    rage = pick([None, {"C": pick(AMOUNTS)}, {"C": pick(AMOUNTS), "B": 1}])
    made: list[Callable[[], ObjectiveTree]] = [
        lambda: Count(kind, pick(COUNTS), where),
        lambda: Sum(kind, "x", pick(AMOUNTS), where),
        lambda: Distinct(kind, "x", pick(COUNTS), where),
        lambda: Collect(pick([{"feather": 1}, {"feather": 2, "ruby": 1}, {"ruby": 2}])),
        lambda: Damage(pick(AMOUNTS), {"A": pick(AMOUNTS), "D": 1}, rage),
        lambda: ReachStreak(pick(COUNTS), pick([None, *HABITS]), pick(TAGS)),
    ]
    return pick(made)()


def a_tree(random: Random, levels: int) -> ObjectiveTree:
    if levels == 0 or random.choice(range(5)) == 0:
        return a_leaf(random)
    parts = [a_tree(random, levels - 1) for _ in range(random.choice([1, 2, 2, 3]))]
    kinds: list[Callable[..., ObjectiveTree]] = [All, Any, Sequence]
    return random.choice(kinds)(*parts)


def an_event(random: Random, number: int) -> CountedEvent:
    """Return an event; several have the same instant, and keys in another order than numbers."""
    pick = random.choice
    kind, hours = pick(["A", "A", "A", "B", "C", "ItemGranted", SLOT]), pick(range(6))
    at, fields = AT + timedelta(hours=hours), dict[str, AnyValue]()
    if kind == "ItemGranted":
        fields = {"item": pick(["feather", "ruby", "stone"])}
    elif kind == SLOT:
        fields = {"slots": pick(COUNTS), "habit": pick(HABITS), "tag": pick(TAGS)}
    elif (value := pick([*VALUES, 1, 1, 2, "x", NO_FIELD])) is not NO_FIELD:
        fields = {"x": value}
    if pick([True, False]):
        fields["done_at"] = at.isoformat()
        at += timedelta(days=1)
    return CountedEvent(kind, f"e{number * 7 % 10}{number}", at, fields)


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


def check(random: Random) -> bool:
    """Compare both on a random objective and journal, and tell whether it was complete."""
    tree = a_tree(random, random.choice([0, 1, 2, 3]))
    events = [an_event(random, number) for number in range(random.choice([0, 2, *range(6, 15)]))]
    repeated = events[: random.choice([0, 2, 5])]
    undone = events[-1:] * random.choice([0, 0, 1])
    arrived = random.sample(events, len(events))
    taken_back = [evolve(event, fields={}, retracted=True) for event in undone]
    counted = counted_of(tree, [*arrived, *repeated, *taken_back])
    since = random.choice([None, None, (AT, ""), *map(place, events)])
    net = sorted((event for event in events if event not in undone), key=place)

    assert evaluate(tree, counted, since) == naive_reached(tree, later(net, since))
    assert progress_parts(tree, counted) == naive_parts(tree, net)

    totals = [exact_sum(it.amount for it in leaf.contributions) for leaf in counted]
    complete = evaluate(tree, counted).complete is not None
    assert may_be_complete(tree, totals) or not complete
    if '"sequence"' not in json.dumps(to_dict(tree)) and all(it.additive for it in leaves(tree)):
        assert may_be_complete(tree, totals) is complete
    return complete


@settings(max_examples=150)
@given(RANDOMS)
def test_an_objective_is_what_a_walk_over_the_events_finds(random: Random) -> None:
    check(random)


def test_so_are_many_objectives_of_which_a_good_part_is_complete() -> None:
    random = Random(20260302)
    complete = sum(check(random) for _ in range(1500))

    assert 400 < complete < 1100


@settings(max_examples=100)
@given(RANDOMS)
def test_a_stored_objective_is_the_same(random: Random) -> None:
    tree = a_tree(random, 3)
    again = from_dict(json.loads(json.dumps(to_dict(tree))), {})

    assert again == tree
    assert hash(again) == hash(tree)
    assert json.dumps(to_dict(again)) == json.dumps(to_dict(tree))


@given(
    st.lists(st.floats(min_value=0, allow_infinity=False).map(lambda it: Decimal(str(it)))),
    RANDOMS,
)
def test_a_sum_is_exact_and_the_same_in_any_order(amounts: list[Decimal], random: Random) -> None:
    shuffled = random.sample(amounts, len(amounts))

    assert Fraction(exact_sum(shuffled)) == sum(map(Fraction, amounts))
    assert str(exact_sum(shuffled)) == str(exact_sum(amounts))
