"""Metadata of habits: values of the host's own."""

from __future__ import annotations

import json
from typing import Any

import pytest

from habitkit import Schedule
from habitkit.errors import IdempotencyConflict
from habitkit.habits import InvalidHabit

DAILY = Schedule.daily()


def test_a_habit_carries_the_values_of_its_host(kit):
    given: dict[str, Any] = {"icon": "🏃", "colors": ["red"], "of": {"team": 7}}
    run = kit.habits.create("ada", "Run", DAILY, metadata=given)
    expected = json.loads(json.dumps(given))
    given["colors"].append("blue")
    run.metadata["colors"].append("green")

    assert kit.habits.get(run.id).metadata == expected
    assert [habit.metadata for habit in kit.habits.list("ada")] == [expected]
    assert kit.export("ada")["habits"]["habits"][0]["metadata"] == expected


@pytest.mark.parametrize("nothing", [None, {}])
def test_a_habit_without_metadata_has_none(kit, nothing):
    run = kit.habits.create("ada", "Run", DAILY, metadata=nothing)

    assert run.metadata is None
    assert kit.habits.get(run.id) == run


def test_an_update_replaces_metadata_leaves_them_or_empties_them(kit):
    run = kit.habits.create("ada", "Run", DAILY, metadata={"a": 1, "b": 2})

    assert kit.habits.update(run.id, title="Walk").metadata == {"a": 1, "b": 2}
    assert kit.habits.update(run.id, metadata={"a": True}).metadata == {"a": True}
    kit.habits.update(run.id, metadata={"a": 1})
    assert kit.habits.get(run.id).metadata["a"] is not True
    assert kit.habits.update(run.id, metadata={}).metadata is None
    assert kit.habits.get(run.id).title == "Walk"
    assert kit.habits.get(run.id).metadata is None


@pytest.mark.parametrize(
    "metadata", ["text", 5, [1], ["ab"], {1: 2}, {"a": {1}}, {"a": float("nan")}, {"a": "\0"}]
)
def test_metadata_are_a_json_object(kit, metadata):
    run = kit.habits.create("ada", "Run", DAILY)

    for call in (
        lambda: kit.habits.create("ada", "Run", DAILY, metadata=metadata),
        lambda: kit.habits.update(run.id, metadata=metadata),
    ):
        with pytest.raises(InvalidHabit, match=r"^metadata: expected a JSON object of at most"):
            call()


@pytest.mark.parametrize("letter", ["a", "é", "🏃", '"'])
def test_metadata_have_at_most_four_kibibytes_in_utf_8(kit, letter):
    size = len(json.dumps(letter, ensure_ascii=False).encode()) - 2
    fits = {"x": letter * ((4096 - 8) // size)}

    assert kit.habits.create("ada", "Run", DAILY, metadata=fits).metadata == fits
    with pytest.raises(InvalidHabit, match=r"at most 4096 bytes .*\(this one has 4,[01]\d\d\)"):
        kit.habits.create("ada", "Run", DAILY, metadata={"x": fits["x"] + letter})


def test_a_key_with_other_metadata_is_another_request(kit):
    def create(**metadata):
        return kit.habits.create("ada", "Run", DAILY, idempotency_key="k", **metadata)

    first = create(metadata={"a": 1, "b": 2})

    assert create(metadata={"b": 2, "a": 1}) == first
    for other in ({}, {"metadata": None}, {"metadata": {"a": 1}}):
        with pytest.raises(IdempotencyConflict, match="metadata"):
            create(**other)


def test_forgetting_an_owner_erases_metadata_wherever_they_are(kit):
    run = kit.habits.create("ada", "Run", DAILY, metadata={"with": "Grace"}, idempotency_key="k")

    kit.forget("ada")

    assert kit.habits.get(run.id).metadata is None
    assert "Grace" not in json.dumps(kit.export("ada"), default=str)
