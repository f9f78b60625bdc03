"""Values cannot be changed: neither those of a caller nor, through them, what a store keeps."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import attrs
import pytest

import habitkit
from habitkit import Posting, Schedule, coins, events, habits
from habitkit.events import Recorded
from habitkit.habits import HabitCreated
from habitkit.habits.domain import facts
from habitkit.journal.domain import model as journal

PUBLIC = sorted(
    {
        kind
        for module in (habitkit, coins, events, habits, facts, journal)
        for kind in (getattr(module, name) for name in module.__all__)
        if isinstance(kind, type) and (attrs.has(kind) or hasattr(kind, "_fields"))
    },
    key=lambda kind: (kind.__module__, kind.__name__),
)


@pytest.mark.parametrize("kind", PUBLIC)
def test_a_public_value_refuses_assignment(kind):
    names = [a.name for a in attrs.fields(kind)] if attrs.has(kind) else kind._fields
    value = object.__new__(kind) if attrs.has(kind) else tuple.__new__(kind, names)
    for name in names:
        with pytest.raises(AttributeError):
            setattr(value, name, 7)


def test_the_values_above_are_there():
    assert {habitkit.Transfer, habitkit.CheckedIn, habitkit.Habit, habitkit.Event} <= {*PUBLIC}


def test_a_returned_transfer_cannot_change_the_ledger_in_memory(kit):
    given = {"for": ["books"]}
    transfer = kit.coins.award("ada", 5, metadata=given, idempotency_key="a")
    given["for"].append("more")
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        transfer.amount = 7
    transfer.metadata["for"].append("more")
    kit.coins.statement("ada")[0].metadata["for"].append("more")

    (entry,) = kit.coins.statement("ada")
    assert (entry.amount, entry.metadata) == (5, {"for": ["books"]})
    assert kit.coins.balance("ada").posted == 5
    assert kit.coins.audit().ok


def test_a_returned_event_cannot_change_the_journal_in_memory(kit):
    given = {"pages": [1]}
    event = kit.events.record("ada", "book.read", given)
    given["pages"].append(2)
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        event.name = "book.lost"
    event.fields["pages"].append(2)
    kit.events.page("ada")[0].fields["pages"].append(2)

    (stored,) = kit.events.page("ada")
    assert (stored.type, stored.fields) == ("book.read", {"pages": [1]})


def test_values_of_two_classes_are_never_equal():
    class More(Recorded):
        """The same fields."""

    fields: Any = ("ada", None, "read", {})

    assert More(*fields) == More(*fields)
    assert More(*fields) != Recorded(*fields)


@pytest.mark.parametrize(
    "value",
    [
        Schedule.weekdays("mon"),
        Posting.award("ada", 5, metadata={"for": ["a"]}),
        HabitCreated("ada", None, None, "Run"),  # type: ignore[arg-type]
    ],
)
def test_a_value_survives_copies_and_pickling(value):
    assert pickle.loads(pickle.dumps(value)) == value  # noqa: S301 - our own
    assert copy.deepcopy(value) == copy.copy(value) == attrs.evolve(value) == value
