"""Days of owners with quests and reward rules, in many threads and processes at once."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest
from sqlalchemy import Engine, create_engine

import habitkit.testing
from habitkit.backends.sqlalchemy import SqlStore, upgrade
from habitkit.testing import TestKit
from habitkit.testing.contracts._threads import THREADS, spawn
from tests.sql import quest_days
from tests.sql.deadlocks import WORKING, deadlocks
from tests.sql.ledger import DAY_SECONDS, all_day, assert_sound, tell

BEFORE_A_CHANGE = 40
SIZES = [
    pytest.param(48, 8, id="few"),
    pytest.param(1000, 8, id="many", marks=[pytest.mark.slow, pytest.mark.timeout(900)]),
]


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
    assert (dict.fromkeys(swept.counts, 0), ()) == (swept.counts, swept.failures)
    assert kit.rebuild().repaired == ()
    before = _all_runs(kit)
    from habitkit.quests.store import QUESTS
    rows0 = kit.read(lambda tx: [r for run in before.values() for r in tx.port(QUESTS).of_subject(run.owner, run.subject)])
    repaired = kit.quests.rebuild().repaired
    for it in repaired:
        print(it); o, _, k = it.partition(": quest "); print("   ", before.get((o, k))); print("   ", _all_runs(kit).get((o, k)))
        if before.get((o, k)) is not None:
            def w(tx):
                from habitkit.quests.store import QUESTS
                return [*tx.port(QUESTS).of_subject(o, before[o, k].subject)]
            print("    ROWS AFTER", kit.read(w)); print("  ROWS BEFORE", [r for r in rows0 if r.owner == o and r.subject == before[o, k].subject])
            from habitkit.coins.auditing import audits
            for e in kit.events.page(o, limit=1000): print("     ", e.rev, e.position, e.at, e.type, e.key, dict(e.fields))
    assert repaired == ()
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


def _all_runs(kit):
    from habitkit.quests import QUESTS
    return {(r.owner, f"{r.quest} {r.period}".rstrip()): r for o in kit.read(lambda tx: tx.port(QUESTS).owners(None, 2000)) for r in kit.read(lambda tx: tx.port(QUESTS).runs(o))}
