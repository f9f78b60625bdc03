"""What ``kit.streaks.rebuild`` rebuilds: a habit, or all habits of an owner."""

from __future__ import annotations

from uuid import UUID

import pytest

from habitkit import Schedule
from habitkit.errors import InvalidId, InvalidOwner, NotFound
from habitkit.habits import InvalidHabit
from habitkit.habits.domain.streaks import RebuildReport

NOBODY = UUID(int=7)


def test_an_owner_is_named_with_or_without_the_keyword(kit):
    for title in ("Run", "Read"):
        kit.habits.create("ada", title, Schedule.daily())
    kit.habits.create("bob", "Swim", Schedule.daily())

    assert kit.streaks.rebuild("ada") == kit.streaks.rebuild(owner="ada") == RebuildReport(2)
    assert kit.streaks.rebuild("nobody") == RebuildReport(0)


def test_a_habit_is_named_by_its_id_or_the_text_of_it(kit):
    run = kit.habits.create("ada", "Run", Schedule.daily())
    kit.habits.create("ada", "Read", Schedule.daily())

    for subject in (run.id, str(run.id), run.id.hex):
        assert kit.streaks.rebuild(subject) == RebuildReport(1)


def test_an_owner_whose_name_is_a_uuid_comes_after_a_habit_of_that_id(kit):
    for title in ("Run", "Read"):
        kit.habits.create(str(NOBODY), title, Schedule.daily())
    run = kit.habits.create("ada", "Run", Schedule.daily())
    for title in ("Run", "Read", "Swim"):
        kit.habits.create(str(run.id), title, Schedule.daily())

    assert kit.streaks.rebuild(str(NOBODY)) == RebuildReport(2)
    assert kit.streaks.rebuild(str(run.id)) == RebuildReport(1)
    assert kit.streaks.rebuild(owner=str(run.id)) == RebuildReport(3)
    with pytest.raises(NotFound, match="no such habit"):
        kit.streaks.rebuild(NOBODY)


def test_a_scope_hides_habits_and_owners_outside_of_it(kit):
    theirs = kit.habits.create(str(NOBODY), "Run", Schedule.daily())
    ada = kit.owned_by("ada")

    for subject in (theirs.id, str(theirs.id), str(NOBODY)):
        with pytest.raises(NotFound, match="no such habit"):
            ada.streaks.rebuild(subject)
    with pytest.raises(NotFound, match="no such owner"):
        ada.streaks.rebuild("bob")
    assert kit.owned_by(str(NOBODY)).streaks.rebuild(str(NOBODY)) == RebuildReport(1)


@pytest.mark.parametrize("subject", [None, 5, b"ada", ["ada"]])
def test_what_is_neither_id_nor_name_is_refused(kit, subject):
    with pytest.raises(InvalidId, match=r"^subject: expected a habit's id or an owner's name"):
        kit.streaks.rebuild(subject)


def test_an_impossible_name_and_two_subjects_are_refused(kit):
    run = kit.habits.create("ada", "Run", Schedule.daily())

    with pytest.raises(InvalidOwner):
        kit.streaks.rebuild("")
    with pytest.raises(InvalidHabit, match=r"^subject: expected None if an owner is given"):
        kit.streaks.rebuild(run.id, owner="ada")
