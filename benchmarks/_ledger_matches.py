"""The kit's ledger and what it is measured against, ready to begin."""

from __future__ import annotations

import sqlite3
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

import psycopg
from attrs import frozen
from sqlalchemy import create_engine, event

from benchmarks import four_statements, spend_by_hand
from benchmarks._duel import calls
from benchmarks._ledger_fill import (
    LEFT,
    OWNERS,
    STATES,
    STATES_OF_THE_KIT,
    Drift,
    Order,
    check_equal,
    drift,
    fill,
    orders,
    pairs,
)
from benchmarks._matches import connect_with, connected, engine_of
from benchmarks._threads import in_threads
from benchmarks.in_dicts import Wallets
from habitkit import HabitKit
from habitkit.backends.memory import MemoryStore
from habitkit.backends.sqlalchemy import SqlStore
from habitkit.coins.domain.model import Posting
from habitkit.coins.transfers import spend

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from typing import Literal

    from benchmarks._duel import Side, Size
    from benchmarks._place import Place
    from benchmarks._stopwatch import Stopwatch
    from habitkit.coins.domain.model import Transfer
    from habitkit.transaction import Transaction

THREADS = 8
BATCH = 100
_IN_WALLETS = len(OWNERS) * LEFT


@frozen
class Match:
    """The kit and another way to the same end, ready to begin.

    Attributes:
        items: What to spend, in this order: an order, or many of them, each.
        other: The other way.
        kit: Through the kit.
        check: Returns the drift on both sides, given how many coins each has spent; raises an
            ``AssertionError`` if they did not do the same.
        metered: Returns both sides with the driver's calls timed; None where they are not.
    """

    items: Sequence[Any]
    other: Side
    kit: Side
    check: Callable[[int], Drift]
    metered: Callable[[Stopwatch], AbstractContextManager[tuple[Side, Side]]] | None = None


def _coins(done: Transfer) -> int:
    return done.amount


def _spends(kit: HabitKit) -> Callable[[Order], Transfer]:
    """Return a spend by the kit's whole API."""
    by_kit = kit.coins.spend
    return lambda order: by_kit(order.owner, 1, idempotency_key=order.key)


@contextmanager
def memory(_: Place, size: Size) -> Iterator[Match]:
    """The memory store against plain dicts."""
    wallets = Wallets(dict.fromkeys(OWNERS, LEFT))
    with HabitKit(MemoryStore()) as kit:
        fill(kit)

        def check(_: int) -> Drift:
            coins = sum(
                abs(kit.coins.balance(owner).posted - wallets.balances[owner, "wallet"])
                for owner in OWNERS
            )
            return Drift(coins, len(kit.coins.audit().findings))

        by_kit = calls(_spends(kit), _coins)
        yield Match(orders(size.actions), calls(wallets.spend), by_kit, check)


@contextmanager
def sqlite(place: Place, size: Size, *, synchronous: Literal["FULL", "NORMAL"]) -> Iterator[Match]:
    """A file in WAL mode against the sqlite3 module."""
    kit_path, floor_path, _ = place.files("ledger", fill)
    with ExitStack() as resources:
        engine = engine_of(resources, kit_path, synchronous)
        kit = HabitKit(SqlStore(engine))
        floor_kit = HabitKit(SqlStore(engine_of(resources, floor_path, synchronous)))
        raw = resources.enter_context(connected(floor_path, synchronous))

        @contextmanager
        def metered(stopwatch: Stopwatch) -> Iterator[tuple[Side, Side]]:
            timed = stopwatch.sqlite()
            with ExitStack() as resources:
                engine = engine_of(resources, kit_path, synchronous)
                event.listen(engine, "do_connect", partial(connect_with, timed))
                raw = resources.enter_context(connected(floor_path, synchronous, timed))
                kit = HabitKit(SqlStore(engine))
                yield calls(spend_by_hand.on_sqlite(raw)), calls(_spends(kit), _coins)

        def check(spent: int) -> Drift:
            with closing(sqlite3.connect(kit_path)) as of_kit:
                check_equal(of_kit.execute, raw.execute, STATES_OF_THE_KIT)
                found = drift(kit, of_kit.execute, _IN_WALLETS, spent)
            return found + drift(floor_kit, raw.execute, _IN_WALLETS, spent)

        floor = calls(spend_by_hand.on_sqlite(raw))
        yield Match(orders(size.actions), floor, calls(_spends(kit), _coins), check, metered)


@contextmanager
def postgres(place: Place, size: Size) -> Iterator[Match]:
    """One spend a commit against four Core statements."""
    with _on_postgres(place) as (kit, _, by_core, check):
        by_kit = calls(_spends(kit), _coins)
        yield Match(orders(size.actions), calls(by_core), by_kit, check)


@contextmanager
def hot_wallet(place: Place, size: Size) -> Iterator[Match]:
    """One wallet for all threads against SELECT ... FOR UPDATE with four Core statements."""
    with ExitStack() as resources:
        kit, _, by_core, check = resources.enter_context(_on_postgres(place))
        by_kit = resources.enter_context(in_threads(THREADS, _spends(kit), _coins))
        other = resources.enter_context(in_threads(THREADS, by_core))
        hot = [Order(OWNERS[0], order.key) for order in orders(size.actions)]
        yield Match(hot, other, by_kit, check)


@contextmanager
def batches(place: Place, size: Size) -> Iterator[Match]:
    """``post_many`` against the same spends one by one in one transaction."""
    with _on_postgres(place) as (kit, one_by_one_kit, _, check):

        def post_many(batch: list[Order]) -> list[Transfer]:
            postings = [Posting.spend(order.owner, 1) for order in batch]
            return kit.coins.post_many(postings, idempotency_key=batch[0].key)

        def one_by_one(batch: list[Order]) -> list[Transfer]:
            def work(tx: Transaction) -> list[Transfer]:
                return [spend(tx, order.owner, 1, idempotency_key=order.key) for order in batch]

            return one_by_one_kit.run(work)

        def coins(done: list[Transfer]) -> int:
            return sum(transfer.amount for transfer in done)

        all_of_them = orders(size.actions * BATCH)
        items = [all_of_them[n : n + BATCH] for n in range(0, len(all_of_them), BATCH)]
        yield Match(items, calls(one_by_one, coins), calls(post_many, coins), check)


@contextmanager
def _on_postgres(
    place: Place,
) -> Iterator[tuple[HabitKit, HabitKit, Callable[[Order], int], Callable[[int], Drift]]]:
    """Give a kit on one database, kit and Core statements on another, and the check of both."""
    names = place.databases("ledger", fill)[:2]
    with ExitStack() as resources:
        kits, fetches, engines = [], [], []
        for name in names:
            engine = create_engine(place.address(name, "postgresql+psycopg"), pool_size=THREADS)
            resources.callback(engine.dispose)
            raw = resources.enter_context(psycopg.connect(place.address(name), autocommit=True))
            kits.append(HabitKit(SqlStore(engine)))
            fetches.append(raw.execute)
            engines.append(engine)

        def check(spent: int) -> Drift:
            check_equal(fetches[0], fetches[1], STATES)
            both = zip(kits, fetches, strict=True)
            of_kit, of_other = (drift(kit, fetch, _IN_WALLETS, spent) for kit, fetch in both)
            return of_kit + of_other

        by_core = four_statements.on_engine(engines[1], pairs(fetches[1]))
        yield kits[0], kits[1], by_core, check
