"""Settling, releasing and expiring at the same moment: exactly one comes first."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pytest
from sqlalchemy import Engine, create_engine

import habitkit.testing
from habitkit import AsyncHabitKit, SweepReport
from habitkit.backends.sqlalchemy import SqlStore, sqlite_engine
from habitkit.coins import HoldEnded, InsufficientFunds
from habitkit.coins.domain.model import Hold
from habitkit.testing import TestKit
from habitkit.testing.contracts._threads import all_of
from tests.sql.kit_modes import Act, at_once, awaited
from tests.sql.ledger import all_day, assert_sound, escrow, tell
from tests.sql.opened import Opened

HELD = 10
SOON_SECONDS = 60
ENDERS = 4

ROUNDS = pytest.mark.parametrize(
    "rounds",
    [
        pytest.param(6, id="few"),
        pytest.param(100, id="many", marks=[pytest.mark.slow, pytest.mark.timeout(600)]),
    ],
)


@pytest.fixture
def late(engine: Engine) -> Iterator[TestKit]:
    """A kit on the same database with a pool of its own, whose clock says that holds are over."""
    other = (
        sqlite_engine(engine.url) if engine.dialect.name == "sqlite" else create_engine(engine.url)
    )
    kit = habitkit.testing.kit("2026-01-01T08:10Z", store=SqlStore(other))
    yield kit
    other.dispose()


@pytest.fixture
def both(opened: Callable[..., Opened]) -> tuple[AsyncHabitKit, AsyncHabitKit]:
    """The same of async kits: one, and one whose clock says that holds are over."""
    made, late = opened(), opened()
    late.clock.advance(minutes=10)
    return made.kit, late.kit


async def tell_what_came_of(act: Act) -> str:
    """Return how an attempt to end a hold ended."""
    try:
        done = await act()
    except HoldEnded as ended:
        return f"refused: {ended.state}"
    is_report = isinstance(done, SweepReport)
    return f"swept {done.counts['expired_holds']}" if is_report else str(done.state)


def held(kit: TestKit, owner: str) -> Hold:
    """Set half of an owner's coins aside for a minute."""
    kit.coins.award(owner, 2 * HELD, idempotency_key="all there is")
    return kit.coins.reserve(owner, HELD, idempotency_key="hold", expires_in_seconds=SOON_SECONDS)


async def later(kit: AsyncHabitKit, reads: int, act: Act) -> Any:
    """Act after so many reads, which take as long as what a sweep does before it comes to holds."""
    for _ in range(reads):
        await kit.coins.balance("nobody")
    return await act()


def ways_to_end(hold: Hold, kit: AsyncHabitKit, late: AsyncHabitKit, round_: int) -> list[Act]:
    """Return all ways to end a hold, by two kits and two clocks, in an order of its own."""
    chance = random.Random(round_)
    ways: list[Act] = [
        partial(later, kit, chance.randrange(12), partial(kit.coins.settle, hold.id)),
        partial(later, kit, chance.randrange(12), partial(kit.coins.settle, hold.id, 3)),
        partial(later, kit, chance.randrange(12), partial(kit.coins.release, hold.id)),
        late.sweep,
        late.sweep,
        partial(late.coins.settle, hold.id, 4),
    ]
    chance.shuffle(ways)
    return ways


def assert_one_won(kit: TestKit, owner: str, outcomes: list[str]) -> str:
    """Check what became of an owner's hold against what those who tried were emitted."""
    (ended,) = kit.coins.holds(owner, ended=True)
    won = [o for o in outcomes if o in ("settled", "released", "swept 1")]
    assert won == ["swept 1" if ended.state == "expired" else ended.state]
    assert ended.settled in {"settled": (HELD, 3)}.get(ended.state, (0,))
    assert kit.coins.balance(owner).posted == 2 * HELD - ended.settled
    assert kit.coins.balance(owner).pending == 0
    closed = [event for event in kit.events.page(owner) if event.type == "HoldClosed"]
    assert [(event.fields["state"], event.fields["settled"]) for event in closed] == [
        (ended.state, ended.settled)
    ]
    assert_sound(kit, owner)
    return f"{ended.state} {ended.settled}"


@ROUNDS
def test_of_settling_releasing_and_expiring_exactly_one_wins(kit, late, rounds):
    """Each round all ways to end one hold run at once, by threads."""
    winners: Counter[str] = Counter()
    for round_ in range(rounds):
        owner = f"ada {round_}"
        ways = ways_to_end(held(kit, owner), awaited(kit), awaited(late), round_)

        outcomes = all_of(partial(at_once, tell_what_came_of, way) for way in ways)

        winners[assert_one_won(kit, owner, outcomes)] += 1
    tell(f"{rounds} rounds: {dict(winners)}")


@ROUNDS
async def test_of_tasks_that_settle_release_and_expire_exactly_one_wins(both, database, rounds):
    """Each round all ways to end one hold run at once, by tasks."""
    kit = habitkit.testing.kit(store=SqlStore(database))
    early, late = both
    winners: Counter[str] = Counter()
    for round_ in range(rounds):
        owner = f"ada {round_}"
        ways = ways_to_end(held(kit, owner), early, late, round_)

        outcomes = await asyncio.gather(*map(tell_what_came_of, ways))

        winners[assert_one_won(kit, owner, outcomes)] += 1
    tell(f"{rounds} rounds: {dict(winners)}")


def held_in_parts(kit: TestKit, owner: str) -> None:
    """Set all of an owner's coins aside for a minute, by two holds."""
    kit.coins.award(owner, HELD, idempotency_key="all there is")
    for part in (4, 6):
        kit.coins.reserve(owner, part, idempotency_key=str(part), expires_in_seconds=SOON_SECONDS)


async def spend_all(kit: AsyncHabitKit, owner: str, number: int) -> str:
    """Spend what was held."""
    try:
        await kit.coins.spend(owner, HELD, idempotency_key=str(number))
    except InsufficientFunds:
        return "refused"
    return "spent"


def spends_amid_sweeps(late: AsyncHabitKit, owner: str) -> list[Act]:
    """Return sweeps and, between them, spends, of which only one can be afforded."""
    return [
        late.sweep,
        *(partial(spend_all, late, owner, number) for number in range(3)),
        late.sweep,
    ]


def assert_spent_once(kit: TestKit, owner: str, outcomes: list[Any]) -> None:
    """Check what became of an owner's coins against what those who tried were emitted."""
    assert sorted(outcomes[1:4]) == ["refused", "refused", "spent"]
    assert [hold.state for hold in kit.coins.holds(owner, ended=True)] == ["expired"] * 2
    assert kit.coins.balance(owner).posted == 0
    assert_sound(kit, owner)


@ROUNDS
def test_coins_of_an_expired_hold_are_spent_once_while_the_sweep_returns_them(kit, late, rounds):
    for round_ in range(rounds):
        owner = f"ada {round_}"
        held_in_parts(kit, owner)

        outcomes = all_of(partial(at_once, act) for act in spends_amid_sweeps(awaited(late), owner))

        assert_spent_once(late, owner, outcomes)
    tell(f"{rounds} rounds: spent once each time")


@ROUNDS
async def test_tasks_spend_coins_of_an_expired_hold_once_while_the_sweep_returns_them(
    both, database, rounds
):
    kit = habitkit.testing.kit(store=SqlStore(database))
    for round_ in range(rounds):
        owner = f"ada {round_}"
        held_in_parts(kit, owner)

        outcomes = await asyncio.gather(*(act() for act in spends_amid_sweeps(both[1], owner)))

        assert_spent_once(kit, owner, outcomes)
    tell(f"{rounds} rounds: spent once each time")


def many_holds(kit: TestKit, count: int) -> list[Hold]:
    """Set ada's coins aside, every other part for a minute only."""
    kit.coins.award("ada", HELD * count, idempotency_key="all there is")
    return [
        kit.coins.reserve("ada", HELD, idempotency_key=str(n), expires_in_seconds=lifetime)
        for n in range(count)
        for lifetime in ((SOON_SECONDS, 10**6)[n % 2],)
    ]


async def end_many(kit: AsyncHabitKit, late: AsyncHabitKit, holds: list[Hold], number: int) -> None:
    """Try to end all holds, in any order and way, by two kits and two clocks."""
    chance = random.Random(number)
    for hold in chance.sample(holds, len(holds)):
        what = chance.randrange(4)
        if what == 0:
            await late.sweep(chance.randint(1, 3))
            continue
        kit_ = chance.choice([kit, late])
        end = kit_.coins.settle if what == 1 else kit_.coins.release
        await tell_what_came_of(partial(end, hold.id))


def assert_escrow_is_what_is_held(kit: TestKit, count: int, sweep: Callable[[], Any]) -> None:
    """Check ada's coins against what became of her holds, before and after a late sweep."""
    ended = kit.coins.holds("ada", ended=True, limit=1000)
    open_ = [hold for hold in ended if hold.state == "open"]
    assert escrow(kit._runner.store, "ada") == (HELD * len(open_), HELD * len(open_))
    settled = sum(hold.settled for hold in ended)
    assert kit.coins.balance("ada").posted == HELD * count - settled
    assert_sound(kit, "ada")
    sweep()
    assert_sound(kit, "ada")
    tell(f"{count} holds: {dict(Counter(hold.state for hold in ended))}")


@ROUNDS
def test_many_holds_ended_by_many_threads_leave_in_escrow_what_is_still_held(kit, late, rounds):
    holds = many_holds(kit, 2 * rounds)

    all_day(
        partial(at_once, end_many, awaited(kit), awaited(late), holds, number)
        for number in range(ENDERS)
    )

    assert_escrow_is_what_is_held(kit, len(holds), partial(late.sweep, 1000))


@ROUNDS
async def test_many_holds_ended_by_many_tasks_leave_in_escrow_what_is_still_held(
    both, database, rounds
):
    kit = habitkit.testing.kit(store=SqlStore(database))
    holds = many_holds(kit, 2 * rounds)

    early, late = both

    await asyncio.gather(*(end_many(early, late, holds, number) for number in range(ENDERS)))

    kit.clock.advance(minutes=10)
    assert_escrow_is_what_is_held(kit, len(holds), partial(kit.sweep, 1000))
