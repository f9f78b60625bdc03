"""What trials of the ledger share: figures of a whole ledger, and whether it is sound."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any, TypeVar

import habitkit.testing
from habitkit.coins.statements import balance
from habitkit.coins.store import AUDIT, COINS, LEDGER
from habitkit.kit import HabitKit
from habitkit.store import Store, Stores
from habitkit.testing.contracts._base import read
from habitkit.testing.contracts._threads import spawn
from habitkit.transaction import Transaction
from tests.sql.coin_plan import OWNERS, step
from tests.sql.kit_modes import at_once, awaited

T = TypeVar("T")

DAY_SECONDS = 400.0


def step_at_once(kit: HabitKit, number: int) -> None:
    """Do one step of the plan by a sync kit."""
    at_once(step, awaited(kit), number)


def figures(kit: HabitKit) -> dict[str, Any]:
    """Return what the same steps must lead to on any store, however often they were tried."""
    owners = [*OWNERS, "eve"]
    return {
        "balances": [kit.coins.balance(owner) for owner in owners],
        "moves": [
            [(entry.kind, entry.amount, entry.balance, entry.memo) for entry in page]
            for page in (kit.coins.statement(owner, limit=1000) for owner in owners)
        ],
        "holds": [
            (hold.owner, hold.amount, hold.state, hold.settled)
            for owner in owners
            for hold in kit.coins.holds(owner, ended=True, limit=1000)
        ],
        "events": [
            [(event.type, event.fields.get("amount")) for event in page]
            for page in (kit.events.page(owner, limit=1000) for owner in owners)
        ],
    }


def all_day(calls: Iterable[Callable[[], T]]) -> list[T]:
    """Make calls at the same time, which may take longer than any test in the usual run."""
    return [future.result(DAY_SECONDS) for future in [spawn(call) for call in calls]]


def tell(what: str) -> None:
    """Say how large a trial was; pytest shows it with -rP."""
    sys.stdout.write(f"{what}\n")


def drift(store: Store) -> dict[str, int]:
    """Return by how much the accounts of each currency fail to sum to zero, in one state."""
    all_accounts = read(store, lambda stores: stores.port(LEDGER).accounts(None, 10**6, owner=None))
    sums: Counter[str] = Counter()
    for account in all_accounts:
        sums[account.currency] += account.balance
    return {currency: amount for currency, amount in sums.items() if amount}


def total(store: Store, *owners: str) -> int:
    """Return how much owners have together, in one state of the store."""

    return habitkit.testing.kit(store=store).read(partial(total_of, owners=owners))


def total_of(tx: Transaction, owners: Iterable[str]) -> int:
    """Return how much owners have together."""
    return sum(balance(tx, owner).posted for owner in owners)


def escrow(store: Store, owner: str) -> tuple[int, int]:
    """Return what an owner's escrow holds, and what the open holds say it should."""

    def work(stores: Stores) -> tuple[int, int]:
        accounts = stores.port(COINS).accounts((owner,), "coin")
        held = stores.port(AUDIT).held(owner, "coin")
        return sum(account.balance for account in accounts if account.role == "escrow"), held

    return read(store, work)


def assert_sound(kit: HabitKit, *owners: str) -> None:
    """Check that an audit finds nothing, that nothing drifts, and escrow is what holds say."""
    report = kit.coins.audit()
    assert report.findings == ()
    assert report.entries or not owners
    store: Any = kit._runner.store
    assert drift(store) == {}
    for owner in owners:
        held, expected = escrow(store, owner)
        assert held == expected
