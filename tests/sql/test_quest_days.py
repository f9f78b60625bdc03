"""Days of owners with quests and reward rules, in many threads and processes at once."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Iterator
from functools import partial

import pytest
from sqlalchemy import Engine, create_engine

import habitkit.testing
from habitkit.backends.sqlalchemy import SqlStore, upgrade
from habitkit.testing import TestKit
from habitkit.testing.contracts._processes import PROCESSES, at_once
from habitkit.testing.contracts._sample_facts import NOW
from habitkit.testing.contracts._threads import THREADS, spawn
from tests.sql import quest_days, quest_steps
from tests.sql.deadlocks import WORKING, deadlocks
from tests.sql.ledger import DAY_SECONDS, all_day, assert_sound, tell

SIZES = [
    pytest.param(40, 8, id="few"),
    pytest.param(1000, 8, id="many", marks=[pytest.mark.slow, pytest.mark.timeout(900)]),
]

KILLS = [3, pytest.param(40, marks=[pytest.mark.slow, pytest.mark.timeout(600)])]


@pytest.fixture
def postgres(fresh_postgres_url: str) -> Iterator[Engine]:
    """An engine on a database of this test alone: so is its counter of deadlocks."""
    engine = create_engine(fresh_postgres_url)
    upgrade(engine)
    yield engine
    engine.dispose()


@pytest.fixture
def working(postgres: Engine) -> Iterator[Engine]:
    """An engine with a connection for each thread, and for the two beside them."""
    named = {"application_name": WORKING}
    engine = create_engine(postgres.url, pool_size=THREADS + 2, connect_args=named)
    yield engine
    engine.dispose()


def assert_settled(kit: TestKit) -> None:
    """Check that all that is stored is what the facts say, and that nothing is left to be done."""
    while kit.sweep(1000).more:
        pass
    swept = kit.sweep(1000)
    assert (swept.counts, swept.failures) == (dict.fromkeys(swept.counts, 0), ())
    assert kit.rebuild().repaired == ()
    assert kit.quests.rebuild().repaired == ()
    assert_sound(kit)


@pytest.mark.postgres
@pytest.mark.parametrize(("owners", "each"), SIZES)
def test_a_day_of_owners_in_threads_leaves_all_as_the_facts_say(postgres, working, owners, each):
    before = deadlocks(postgres)
    kit = habitkit.testing.kit(store=SqlStore(working), coins=quest_days.COINS)
    quest_days.prepare(kit)
    people = [
        person
        for some in all_day(
            partial(_begin, kit, range(thread, owners, THREADS)) for thread in range(THREADS)
        )
        for person in some
    ]
    step = 36 * 60 / (owners * each)  # a day and a half in all
    over = threading.Event()

    def work(thread: int) -> None:
        for number in range(thread, owners * each, THREADS):
            quest_days.do(kit, people, number)
            kit.clock.advance(minutes=step)

    def change() -> int:
        changes = 0
        while not over.wait(0.3):
            changes += 1
            quest_days.define(kit, changes)
        return changes

    def sweep() -> int:
        swept = 0
        while not over.wait(0.05):
            report = kit.sweep(5)
            assert report.failures == ()
            swept += sum(report.counts.values())
        return swept

    beside = [spawn(change), spawn(sweep)]
    try:
        all_day(partial(work, thread) for thread in range(THREADS))
    finally:
        over.set()
        changes, swept = (future.result(DAY_SECONDS) for future in beside)
    kit.clock.advance(days=3)
    assert_settled(kit)
    states: dict[str, int] = {}
    for person in people:
        for run in kit.quests.progress(person.name):
            states[run.state] = states.get(run.state, 0) + 1
    tell(f"{owners} owners, {changes} changes of definitions, {swept} swept, {states}")
    working.dispose()
    assert deadlocks(postgres) == before


def _begin(kit: TestKit, numbers: range) -> list[quest_days.Owner]:
    return [quest_days.begin(kit, number) for number in numbers]


# -- processes -------------------------------------------------------------------------------------


@pytest.fixture
def shared(engine: Engine) -> tuple[TestKit, str]:
    """A kit on a store that processes share, and its URL."""
    kit = habitkit.testing.kit(NOW, store=SqlStore(engine), coins=quest_days.COINS)
    return kit, engine.url.render_as_string(hide_password=False)


def test_processes_that_claim_a_quest_at_once_are_paid_once(shared):
    kit, url = shared
    habit = quest_steps.prepare(kit)
    for number in range(3):
        quest_steps.step(kit, kit.clock, habit, number)
    before = quest_steps.figures(kit)

    with at_once([(quest_steps.claim_at_work, url)] * PROCESSES) as workers:
        said = [word for worker in workers for word in worker.end()]

    assert sorted(said) == ["claimed", *["refused"] * (PROCESSES - 1)]
    after = quest_steps.figures(kit)
    assert (after["coins"] - before["coins"], after["xp"] - before["xp"]) == (7, 11)
    assert after["items"] == {"page": 1, "lamp": 1}
    assert kit.quests.rebuild().repaired == ()


@pytest.mark.parametrize("kills", KILLS)
def test_a_process_killed_while_it_completes_quests_leaves_nothing_half_done(shared, kills):
    kit, url = shared
    habit = quest_steps.prepare(kit)
    chance = random.Random(kills)
    done = -1
    for _ in range(kills):
        first = str(max(done - 1, 0))  # the last ones are tried again: nobody knows what they did
        with at_once([(quest_steps.steps_at_work, url, habit, first)]) as (worker,):
            until = done + chance.randint(1, 9)
            while done < until:
                done = max(done, int(worker.hear().split()[1]))
            time.sleep(chance.choice([0, 0.0003, 0.001, 0.003]))
            done = max(done, *(int(word.split()[1]) for word in ["done -1", *worker.kill()]))
        assert kit.rebuild().repaired == ()
        assert kit.quests.rebuild().repaired == ()

    other = habitkit.testing.kit(NOW, coins=quest_days.COINS)
    others_habit = quest_steps.prepare(other)
    for number in range(done + 7):
        quest_steps.step(other, other.clock, others_habit, number)
        if number >= done:
            quest_steps.step(kit, kit.clock, habit, number)
    assert quest_steps.figures(kit) == quest_steps.figures(other)
    assert_settled(kit)
    tell(f"{kills} kills, {done + 7} steps")
