"""Settling, releasing and expiring at the same moment: exactly one comes first."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pytest
from sqlalchemy import Engine, create_engine

import habitkit.testing
from habitkit.backends.sqlalchemy import SqlStore, sqlite_engine
from habitkit.errors import HoldEnded
from habitkit.testing import TestKit
from habitkit.testing.contracts._threads import all_of
from tests.sql.ledger import all_day, assert_sound, escrow, tell

HELD = 10
SOON_SECONDS = 60

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


def tell_what_came_of(act: Callable[[], Any]) -> str:
    """Return how an attempt to end a hold ended."""
    try:
        done = act()
    except HoldEnded as ended:
        return f"refused: {ended.state}"
    return f"swept {done.expired}" if hasattr(done, "expired") else str(done.state)


@ROUNDS
def test_of_settling_releasing_and_expiring_exactly_one_wins(kit, late, rounds):
    """Each round all ways to end one hold run at once, by threads of two kits and two clocks."""
    winners: Counter[str] = Counter()
    for round_ in range(rounds):
        owner = f"ada {round_}"
        kit.coins.award(owner, 2 * HELD, idempotency_key="all there is")
        hold = kit.coins.reserve(
            owner, HELD, idempotency_key="hold", expires_in_seconds=SOON_SECONDS
        )
        attempts: list[Callable[[], Any]] = [
            partial(kit.coins.settle, hold.id),
            partial(kit.coins.settle, hold.id, 3),
            partial(kit.coins.release, hold.id),
            late.sweep,
            late.sweep,
            partial(late.coins.settle, hold.id, 4),
        ]
        random.Random(round_).shuffle(attempts)

        outcomes = all_of(partial(tell_what_came_of, attempt) for attempt in attempts)

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
        winners[f"{ended.state} {ended.settled}"] += 1
        assert_sound(kit, owner)
    tell(f"{rounds} rounds: {dict(winners)}")


@ROUNDS
def test_coins_of_an_expired_hold_are_spent_once_while_the_sweep_returns_them(kit, late, rounds):
    for round_ in range(rounds):
        owner = f"ada {round_}"
        kit.coins.award(owner, HELD, idempotency_key="all there is")
        for part in (4, 6):
            kit.coins.reserve(
                owner, part, idempotency_key=str(part), expires_in_seconds=SOON_SECONDS
            )

        def spend(number: int, owner: str = owner) -> str:
            try:
                late.coins.spend(owner, HELD, idempotency_key=str(number))
            except habitkit.errors.InsufficientFunds:
                return "refused"
            return "spent"

        outcomes = all_of(
            [late.sweep, *(partial(spend, number) for number in range(3)), late.sweep]
        )

        assert sorted(outcomes[1:4]) == ["refused", "refused", "spent"]
        assert [hold.state for hold in late.coins.holds(owner, ended=True)] == ["expired"] * 2
        assert late.coins.balance(owner).posted == 0
        assert_sound(kit, owner)
    tell(f"{rounds} rounds: spent once each time")


@ROUNDS
def test_many_holds_ended_by_many_threads_leave_in_escrow_what_is_still_held(kit, late, rounds):
    count = 2 * rounds
    kit.coins.award("ada", HELD * count, idempotency_key="all there is")
    holds = [
        kit.coins.reserve("ada", HELD, idempotency_key=str(n), expires_in_seconds=lifetime)
        for n in range(count)
        for lifetime in ((SOON_SECONDS, 10**6)[n % 2],)
    ]

    def work(number: int) -> int:
        chance, won = random.Random(number), 0
        for hold in chance.sample(holds, len(holds)):
            what = chance.randrange(4)
            if what == 0:
                late.sweep(chance.randint(1, 3))
                continue
            kit_ = chance.choice([kit, late])
            end = kit_.coins.settle if what == 1 else kit_.coins.release
            won += tell_what_came_of(partial(end, hold.id)) in ("settled", "released")
        return won

    all_day(partial(work, number) for number in range(4))

    store = kit._runner.store
    ended = kit.coins.holds("ada", ended=True, limit=1000)
    open_ = [hold for hold in ended if hold.state == "open"]
    assert escrow(store, "ada") == (HELD * len(open_), HELD * len(open_))
    settled = sum(hold.settled for hold in ended)
    assert kit.coins.balance("ada").posted == HELD * count - settled
    assert_sound(kit, "ada")
    late.sweep(1000)
    assert_sound(kit, "ada")
    states = Counter(hold.state for hold in ended)
    tell(f"{count} holds: {dict(states)}")
