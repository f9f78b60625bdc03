"""Quests inside the host's own transaction, in rehearsals, and as other processes define them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from sqlalchemy.orm import Session

import habitkit.testing
from habitkit import Schedule, habits, quests
from habitkit.backends.sqlalchemy import SqlStore
from habitkit.errors import NotFound
from habitkit.habits import HabitCompleted
from habitkit.quests import Count, Quest, Reward, Rule
from habitkit.testing.contracts._processes import at_once
from tests.sql import quest_days, quest_steps
from tests.sql.support import nothing_written

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from habitkit.testing import TestKit
    from habitkit.transaction import Transaction

ONE = Count(HabitCompleted, 1)


@pytest.fixture
def kit(engine: Engine) -> TestKit:
    """A kit whose ``Economy`` gives nothing."""
    return habitkit.testing.kit(store=SqlStore(engine), coins=quest_days.COINS)


def quest(coins: int) -> Quest:
    """Return a quest for one day; each number of coins is a version of its own."""
    return Quest("one", "One", ONE, start="auto", reward=Reward(coins=coins))


def test_what_the_host_rolls_back_was_never_defined_started_or_paid(
    engine: Engine, kit: TestKit
) -> None:
    run = kit.habits.create("ada", "Run", Schedule.daily())
    kit.quests.define(quest(5))
    with nothing_written(engine):
        with Session(engine) as session:
            inside = kit.on(session).quests
            inside.define(quest(50))
            inside.define(Quest("two", "Two", ONE))
            inside.set_rules([Rule("done", HabitCompleted, give=Reward(coins=1000))])
            inside.start("ada", "two")
            kit.on(session).habits.check_in(run.id)
            assert [it.state for it in inside.progress("ada")] == ["COMPLETED"] * 2
            assert kit.on(session).coins.balance("ada").posted == 1050
            session.rollback()
        assert kit.quests.list() == [quest(5)]
        assert kit.quests.progress("ada")[0].reward == Reward(coins=5)

    kit.quests.define(quest(7))  # it gets the number of the definition that was rolled back
    kit.habits.check_in(run.id)
    assert kit.quests.get("one") == quest(7)
    assert kit.coins.balance("ada").posted == 7
    with pytest.raises(NotFound):
        kit.quests.start("ada", "two")
    assert kit.quests.rebuild().repaired == ()


def test_a_rehearsal_shows_what_new_rules_give_and_leaves_the_old_ones(
    engine: Engine, kit: TestKit
) -> None:
    run = kit.habits.create("ada", "Run", Schedule.daily())
    kit.quests.set_rules([Rule("done", HabitCompleted, give=Reward(coins=3))])

    def work(tx: Transaction) -> int:
        quests.set_rules(tx, [Rule("done", HabitCompleted, give=Reward(coins=90))])
        quests.define(tx, quest(5))
        return habits.check_in(tx, run.id).coins

    with nothing_written(engine):
        assert [kit.rehearse(work), kit.rehearse(work)] == [95, 95]
    assert kit.habits.check_in(run.id).coins == 3
    assert (kit.quests.list(), kit.quests.progress("ada")) == ([], [])


def test_another_process_uses_a_definition_as_soon_as_it_is_there(
    engine: Engine, kit: TestKit
) -> None:
    url = engine.url.render_as_string(hide_password=False)
    with at_once([(quest_steps.list_at_work, url)]) as (other,):
        for number in range(3):
            kit.quests.define(quest(number + 1))
            other.tell("list")
            assert other.hear() == repr([quest(number + 1)])
        other.tell("define")
        assert other.hear() == "defined"
        assert kit.quests.get("one").title == "Elsewhere"
