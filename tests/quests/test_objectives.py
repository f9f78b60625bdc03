"""Objectives: what a host may say, what an event adds, and kinds of a host's own."""

from __future__ import annotations

import json
import pickle
from collections.abc import Callable, Mapping
from copy import deepcopy
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any as AnyValue
from typing import ClassVar
from uuid import UUID

import pytest
from attrs import frozen

from habitkit.errors import InvalidId, InvalidInput
from habitkit.events import Event, Recorded
from habitkit.habits.events import HabitChanged, HabitCompleted, StreakBroken
from habitkit.quests.domain.composites import All, Any, ObjectiveTree, Sequence
from habitkit.quests.domain.counted_events import CountedEvent
from habitkit.quests.domain.counting import Count, Distinct, Sum
from habitkit.quests.domain.evaluation import (
    BUILT_IN,
    evaluate,
    expect_objective,
    from_dict,
    leaves,
    may_be_complete,
    progress_parts,
    to_dict,
    types_of,
)
from habitkit.quests.domain.items_and_damage import Collect, Damage
from habitkit.quests.domain.objectives import (
    Counted,
    Measured,
    Objective,
    Place,
    Reached,
    StreakReach,
)
from habitkit.quests.domain.runs import Contribution
from habitkit.quests.domain.streak_objective import ReachStreak

AT = datetime(2027, 1, 31, 9, tzinfo=UTC)
HABIT = UUID(int=1)
A = Count("A", 1)
TREE = All(A, Sequence(Sum("B", "km", 2.5), Any(Distinct("C", "city", 2), Collect({"feather": 1}))))


def event(kind: str = "A", **fields: AnyValue) -> CountedEvent:
    return CountedEvent(kind, "k", AT, fields)


def counted(*hours: float, **contribution: AnyValue) -> Counted:
    """Return contributions at some hours, whose keys have the order of the arguments."""
    found = [
        Contribution(
            "ada",
            "quest:q:",
            0,
            f"e{n}",
            AT + timedelta(hours=it),
            date(2027, 1, 31),
            **contribution,
        )
        for n, it in enumerate(hours)
    ]
    return Counted(found)


def at(hour: float, key: str) -> Place:
    return AT + timedelta(hours=hour), key


def nest(levels: int) -> ObjectiveTree:
    return A if levels == 0 else All(nest(levels - 1))


# -- what a host may say ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Count("", 1), "event: expected a class of events"),
        (lambda: Count("x" * 101, 1), "event: expected"),
        (lambda: Count(Recorded, 1), "event: expected"),
        (lambda: Count("Retracted", 1), "and none of Event, HabitChanged, Recorded, Retracted"),
        (lambda: Count(HabitChanged, 1), "event: expected"),
        (lambda: Count(Event, 1), "event: expected"),
        (lambda: Count(int, 1), "event: expected"),  # type: ignore[arg-type]
        (lambda: Count("A", 0), "n: expected an int from 1 to 1,000,000,000, got 0"),
        (lambda: Count("A", True), "n: expected an int"),
        (lambda: Count("A", 1.0), "n: expected an int"),  # type: ignore[arg-type]
        (lambda: Count("A", 1, where="x"), "where: expected a predicate such as"),  # type: ignore[arg-type]
        (lambda: Sum("A", "", 1), "field: expected a string of 1 to 200"),
        (lambda: Sum("A", "km", 0), "n: expected a number above 0"),
        (lambda: Sum("A", "km", True), "n: expected a number above 0"),
        (lambda: Sum("A", "km", "3"), "n: expected a number above 0"),  # type: ignore[arg-type]
        (lambda: Sum("A", "km", float("nan")), "n: expected a number above 0"),
        (lambda: Sum("A", "km", Decimal("sNaN")), "n: expected a number above 0"),
        (lambda: Sum("A", "km", float("inf")), "n: expected a number above 0"),
        (lambda: Sum("A", "km", Decimal("1E+999999")), "n: expected a number above 0"),
        (lambda: Sum("A", "km", Decimal("1E-999999")), "n: expected a number above 0"),
        (lambda: Sum("A", "km", Decimal("1.0000000000000000001")), "at most 18 decimals"),
        (lambda: Distinct("A", "a\0", 1), "field: expected"),
        (lambda: Distinct("A", "city", -1), "n: expected"),
        (lambda: ReachStreak(0), "n: expected"),
        (lambda: ReachStreak(1, tag=""), "tag: expected"),
        (lambda: Collect({}), "items: expected a mapping with 1 to 100 entries"),
        (lambda: Collect({"feather": 0}), "items: expected ints from 1"),
        (lambda: Collect({"": 1}), "items: expected"),
        (lambda: Collect(["feather"]), "items: expected"),  # type: ignore[arg-type]
        (lambda: Damage(0, {"A": 1}), "hp: expected"),
        (lambda: Damage(5, {}), "per_event: expected a mapping"),
        (lambda: Damage(5, {"A": 0}), "per_event: expected a number above 0"),
        (lambda: Damage(5, {"A": "x"}), "per_event: expected a number, or its text"),
        (lambda: Damage(5, {HabitCompleted: 1, "HabitCompleted": 2}), "each type of events once"),
        (lambda: Damage(5, {"A": 1}, {"A": 1}), "rage: expected types of events that are not in"),
        (lambda: Damage(5, {"A": 1}, {"B": -1}), "rage: expected a number above 0"),
        (lambda: Damage(5, {"A": 1}, [("B", 1)]), "rage: expected a mapping"),  # type: ignore[arg-type]
        (All, "parts of all: expected 1 to 50 objectives in all, got 0"),
        (lambda: Any(*[All(*[A] * 17)] * 3), "parts of any: expected 1 to 50 objectives in all, got 51"),
        (lambda: nest(6), "parts of all: expected All, Any and Sequence nested at most 5 levels"),
        (lambda: Sequence(A, "A"), "objective: expected an objective such as Count"),  # type: ignore[arg-type]
        (lambda: Any(Count), "objective: expected an objective, not its class"),  # type: ignore[arg-type]
    ],
)  # fmt: skip
def test_what_is_no_objective_is_refused(make: Callable[[], object], message: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        make()

    assert message in str(refused.value)


def test_the_largest_trees_are_accepted() -> None:
    assert len(leaves(Any(*[All(*[A] * 25)] * 2))) == 50
    assert leaves(nest(5)) == (A,)


def test_equal_objectives_are_equal_however_they_are_given() -> None:
    assert Count(HabitCompleted, 2) == Count("HabitCompleted", 2)
    assert Sum("A", "km", 10) == Sum("A", "km", Decimal("10.00")) == Sum("A", "km", 1e1)
    assert Sum("A", "km", 0.1) == Sum("A", "km", Decimal("0.1"))
    assert ReachStreak(7, str(HABIT)) == ReachStreak(7, HABIT)
    boss = Damage(9, {HabitCompleted: 5, "A": Decimal("0.50")}, {StreakBroken: 10})
    assert boss == Damage(9, {"A": Decimal("0.5"), "HabitCompleted": 5.0}, {"StreakBroken": 10})
    assert json.dumps(to_dict(boss)) == (
        '{"hp": 9, "per_event": {"A": "0.5", "HabitCompleted": 5}, "rage": {"StreakBroken": 10}, '
        '"kind": "damage"}'
    )
    assert Damage(9, {"A": 1}, {}) == Damage(9, {"A": 1})
    with pytest.raises(InvalidId, match="habit: expected a UUID"):
        ReachStreak(7, "run")


def test_objectives_do_not_change_with_what_they_were_made_of() -> None:
    items = {"feather": 1}
    wanted = Collect(items)
    items["feather"] = 2

    assert wanted.goal == 1
    for objective in (TREE, wanted):
        assert pickle.loads(pickle.dumps(objective)) == deepcopy(objective) == objective  # noqa: S301


def test_a_tree_has_the_leaves_and_types_of_all_its_parts() -> None:
    assert [leaf.kind for leaf in leaves(TREE)] == ["count", "sum", "distinct", "collect"]
    assert types_of(TREE) == {"A", "B", "C", "ItemGranted"}
    assert types_of(Any(ReachStreak(3), A)) == {
        *("A", "FreezeEarned", "FreezeUsed", "HabitCompleted", "HabitCreated"),
        *("StreakBroken", "StreakReached"),
    }  # fmt: skip
    assert types_of(Damage(9, {"A": 1}, {"B": 1})) == {"A", "B"}


# -- what an event adds ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "amount"),
    [
        (3, 3), (0.1, Decimal("0.1")), (10**400, 10**400), (5e-324, Decimal("5E-324")),
        (0, None), (-1, None), (True, None), ("3", None), (None, None), ([3], None),
        (float("inf"), None), (float("nan"), None),
    ],
)  # fmt: skip
def test_a_sum_adds_numbers_above_0(value: AnyValue, amount: AnyValue) -> None:
    measure = Sum("A", "km", 1).measure(event(km=value))

    assert measure == (None if amount is None else Measured(Decimal(amount)))


def test_events_of_other_types_and_retractions_add_nothing() -> None:
    gone = CountedEvent("A", "k", AT, retracted=True)
    for leaf in (
        A,
        Sum("A", "km", 1),
        Distinct("A", "km", 1),
        Damage(1, {"A": 1}),
        Damage(1, {"B": 1}, {"A": 1}),
    ):
        assert leaf.measure(event(km=1)) is not None
        assert leaf.measure(event("X", km=1)) is leaf.measure(gone) is None
    assert Sum("A", "km", 1).measure(event()) is Distinct("A", "km", 1).measure(event()) is None
    assert ReachStreak(1).measure(event("HabitCompleted")) is None
    wanted = Collect({"feather": 1})
    assert wanted.measure(event("ItemGranted", item="feather")) is not None
    assert wanted.measure(event("ItemGranted", item="ruby")) is None
    assert wanted.measure(event("ItemGranted", item=["feather"])) is None
    assert wanted.measure(event("A", item="feather")) is None


def test_of_a_value_that_counts_once_only_a_short_digest_is_kept() -> None:
    def digest(value: AnyValue) -> str:
        measure = Distinct("A", "city", 1).measure(event(city=value))
        assert measure is not None
        return measure.value

    assert digest("Vienna") == "5c598a2401635b3e"
    assert digest(1) == digest(1.0) != digest("1") != digest(True) != digest(1)
    assert digest({"a": [1.0], "b": 2}) == digest({"b": 2, "a": [1]}) != digest({"a": [1], "b": 3})


# -- how far it is ---------------------------------------------------------------------------------


def test_a_boss_is_healed_up_to_its_hit_points_and_stays_defeated() -> None:
    boss = Damage(10, {"A": 6}, {"B": 100})
    hit, heal = (boss.measure(event(kind)) for kind in "AB")
    assert hit is not None
    assert heal is not None

    def damage(measures: list[Measured]) -> Reached:
        found = [
            Contribution("ada", "s", 0, f"e{n}", AT, date(2027, 1, 31), it.amount, it.value)
            for n, it in enumerate(measures)
        ]
        return boss.evaluate(Counted(found))

    assert damage([heal, hit]) == Reached(Decimal(6), Decimal(10))
    assert damage([hit, heal, hit]) == Reached(Decimal(6), Decimal(10))
    assert damage([hit, heal, hit, hit, heal]) == Reached(Decimal(10), Decimal(10), (AT, "e3"))


def test_a_step_counts_strictly_after_the_event_that_completed_the_one_before() -> None:
    both = counted(0, 0, 1)
    steps = Sequence(A, Count("A", 1), Any(Count("A", 2), Count("A", 1)))

    assert evaluate(steps, [both] * 4) == Reached(Decimal(3), Decimal(3), at(1, "e2"))
    assert evaluate(steps, [both] * 4, since=at(0, "e0")) == Reached(Decimal(2), Decimal(3))
    assert evaluate(steps, [both] * 4, since=at(1, "e2")) == Reached(Decimal(0), Decimal(3))
    shown = progress_parts(steps, [both] * 4)
    assert [it.value for it in shown] == [3, 2, 1, 1]
    late = [counted(), both, both, both]
    assert [it.value for it in progress_parts(steps, late)] == [0, 0, 0, 0]
    assert [it.goal for it in progress_parts(steps, late)] == [1, 1, 2, 1]


def test_a_streak_as_a_later_step_is_asked_for_what_lies_after() -> None:
    asked: list[tuple[int, UUID | None, str | None, Place | None]] = []

    def streak(
        slots: int, habit: UUID | None, tag: str | None, since: Place | None = None
    ) -> StreakReach:
        asked.append((slots, habit, tag, since))
        return StreakReach(9, AT + timedelta(hours=5), "done")

    read = Counted(streak=streak)
    steps = Sequence(A, ReachStreak(7, HABIT, "health"))

    assert evaluate(ReachStreak(7), [read]) == Reached(Decimal(9), Decimal(7), at(5, "done"))
    assert evaluate(steps, [counted(2), read]) == Reached(Decimal(2), Decimal(2), at(5, "done"))
    assert asked == [(7, None, None, None), (7, HABIT, "health", at(2, "e0"))]
    assert evaluate(ReachStreak(1), [Counted()]) == Reached(Decimal(0), Decimal(1))


def test_totals_show_that_an_objective_is_not_complete() -> None:
    tree = All(Any(Count("A", 2), Sum("B", "km", 0.3)), Sequence(Distinct("C", "x", 9), A))
    short, enough = Decimal("0.2"), Decimal("0.3")

    assert may_be_complete(tree, [short, enough, Decimal(0), Decimal(1)])
    assert not may_be_complete(tree, [short, short, Decimal(0), Decimal(1)])
    assert not may_be_complete(tree, [short, enough, Decimal(9), Decimal(0)])


# -- stored, and kinds of a host's own -------------------------------------------------------------


@frozen
class Heaviest:
    """The heaviest weight of some events."""

    kind: ClassVar[str] = "acme.heaviest"
    additive: ClassVar[bool] = False

    kilograms: int

    @property
    def goal(self) -> Decimal:
        return Decimal(self.kilograms)

    @property
    def types(self) -> frozenset[str]:
        return frozenset({"Lifted"})

    def measure(self, event: CountedEvent) -> Measured | None:
        return Measured(Decimal(event.fields["kg"]))

    def evaluate(self, counted: Counted) -> Reached:
        heavy = [it for it in counted.contributions if it.amount >= self.kilograms]
        value = max((it.amount for it in counted.contributions), default=Decimal(0))
        return Reached(value, self.goal, (heavy[0].done_at, heavy[0].event_key) if heavy else None)

    def to_dict(self) -> dict[str, AnyValue]:
        return {"kilograms": self.kilograms}

    @classmethod
    def from_dict(cls, content: Mapping[str, AnyValue]) -> Heaviest:
        return cls(content["kilograms"])


class Dotless(Heaviest):
    kind: ClassVar[str] = "heaviest"


class Changing(Heaviest):  # noqa: PLW1641 - that it has no hash is the point
    """Equal by what it has at the moment, so that Python gives it no hash."""

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Changing) and self.kilograms == other.kilograms


class Unnamed:
    goal = types = measure = evaluate = to_dict = additive = None


def test_an_objective_of_a_hosts_own_is_as_good_as_ours() -> None:
    heaviest: Objective = Heaviest(100)
    tree = Sequence(A, heaviest)

    assert from_dict(to_dict(tree), {"acme.heaviest": Heaviest}) == tree
    assert evaluate(tree, [counted(0), counted(-1, 1, amount=Decimal(100))]) == Reached(
        Decimal(2), Decimal(2), at(1, "e1")
    )
    assert may_be_complete(tree, [Decimal(1), Decimal(0)])
    assert expect_objective(heaviest) is heaviest
    assert expect_objective(tree) is tree


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (Dotless(1), 'expected one with a dot in it, such as "acme.heaviest"'),
        (Changing(1), "expected a frozen value, as of attrs.frozen"),
        (Unnamed(), "missing: from_dict"),
        (Heaviest, "expected an objective, not its class"),
        (None, "missing: additive, goal, types"),
    ],
)
def test_what_is_not_like_an_objective_is_refused(value: object, message: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        expect_objective(value)

    assert message in str(refused.value)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"kind": "acme.heaviest"}, "pass its class in QuestSettings(objectives=[...]), got 'acme.heaviest'"),
        ({"kind": "all", "parts": [{"kind": "x"}]}, "one of all, any, collect, count, damage, distinct, reach_streak, sequence, sum;"),
        ({"kind": ["count"]}, "an object with a kind"),
        ({"event": "A", "n": 1}, "an object with a kind"),
        (["count"], "an object with a kind"),
        ({"kind": "all", "parts": {"0": 1}}, 'an object of the kind all with a list of "parts"'),
        ({"kind": "any", "parts": [], "n": 1}, 'an object of the kind any with a list of "parts"'),
        ({"kind": "count", "event": "A"}, "an object of the kind count with event, n and, if wanted, where"),
        ({"kind": "collect", "items": {"x": 1}, "n": 1}, "an object of the kind collect with items, got"),
        ({"kind": "count", "event": "A", "n": "1"}, "n: expected an int"),
        ({"kind": "sum", "event": "A", "field": "km", "n": "-1"}, "n: expected a number, or its text"),
        ({"kind": "sum", "event": "A", "field": "km", "n": "."}, "n: expected a number, or its text"),
        ({"kind": "damage", "hp": "1.x", "per_event": {"A": 1}}, "hp: expected a number, or its text"),
        ({"kind": "damage", "hp": 1, "per_event": {"A": "²"}}, "per_event: expected a number, or its text"),
    ],
)  # fmt: skip
def test_what_is_not_stored_like_an_objective_is_refused(content: object, message: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        from_dict(content, {})

    assert message in str(refused.value)


def test_a_deep_document_is_refused_before_it_is_read() -> None:
    content: dict[str, AnyValue] = to_dict(A)
    for _ in range(10_000):
        content = {"kind": "all", "parts": [content]}

    with pytest.raises(InvalidInput, match="nested at most 5 levels deep"):
        from_dict(content, BUILT_IN)
    assert from_dict(to_dict(nest(5)), BUILT_IN) == nest(5)
