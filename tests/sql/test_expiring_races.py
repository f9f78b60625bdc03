"""Spending and the sweep at the moment at which coins expire."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from datetime import timedelta
from functools import partial

import pytest
from sqlalchemy import Engine, create_engine

import habitkit.testing
from habitkit import SweepReport
from habitkit.backends.sqlalchemy import SqlStore, sqlite_engine
from habitkit.coins import EXPIRING, ExpiringAward, InsufficientFunds, Transfer
from habitkit.store import Stores
from habitkit.testing import TestKit
from habitkit.testing.contracts._base import read
from habitkit.testing.contracts._threads import race
from tests.sql.ledger import assert_sound, tell

ROUNDS = pytest.mark.parametrize(
    "rounds",
    [
        pytest.param(4, id="few"),
        pytest.param(80, id="many", marks=[pytest.mark.slow, pytest.mark.timeout(600)]),
    ],
)


@pytest.fixture
def late(engine: Engine) -> Iterator[TestKit]:
    """A kit on the same database with a pool of its own, whose clock says that coins are gone."""
    other = (
        sqlite_engine(engine.url) if engine.dialect.name == "sqlite" else create_engine(engine.url)
    )
    yield habitkit.testing.kit("2026-01-01T08:10Z", store=SqlStore(other))
    other.dispose()


def award_of(stores: Stores, transfer: Transfer) -> ExpiringAward | None:
    return stores.port(EXPIRING).get(transfer.id)


def used_by(stores: Stores, transfer: Transfer) -> int:
    return sum(use.amount for use in stores.port(EXPIRING).uses(transfer.id))


@ROUNDS
def test_what_expires_is_spent_in_time_or_taken_away_and_never_both(kit, late, engine, rounds):
    """Each round six threads spend, three of them too late for 20 of 30 coins, and two sweep."""
    outcomes: Counter[str] = Counter()
    store = SqlStore(engine)
    soon = kit.clock.now() + timedelta(minutes=1)
    for round_ in range(rounds):
        owner = f"ada {round_}"
        award = kit.coins.award(owner, 20, idempotency_key="a", expires_at=soon)
        kit.coins.award(owner, 10, idempotency_key="b")
        calls: list[Callable[[], Transfer | SweepReport]] = [late.sweep, late.sweep]
        for n in range(3):
            calls.append(partial(kit.coins.spend, owner, 6, idempotency_key=f"early {n}"))
            calls.append(partial(late.coins.spend, owner, 6, idempotency_key=f"late {n}"))

        done = race(calls)

        assert all(isinstance(it, Transfer | SweepReport | InsufficientFunds) for it in done), done
        early, too_late = ([it for it in done[n::2] if isinstance(it, Transfer)] for n in (2, 3))
        late.sweep()
        kept = read(store, partial(award_of, transfer=award))
        used = [read(store, partial(used_by, transfer=it)) for it in (*early, *too_late)]
        assert kept is not None
        assert (kept.left, kept.used) == (0, sum(used))
        assert not any(used[len(early) :]), "who is too late has used nothing that expires"
        expired = [it.amount for it in late.coins.statement(owner) if it.kind == "expire_award"]
        assert expired == [-(20 - kept.used)] * (kept.used < 20)
        spent = 6 * (len(early) + len(too_late))
        assert late.coins.balance(owner).posted == 30 - spent + sum(expired) >= 0
        assert_sound(late, owner)
        outcomes[f"{len(early)} early, {len(too_late)} late"] += 1
    tell(f"{rounds} rounds: {dict(outcomes)}")
