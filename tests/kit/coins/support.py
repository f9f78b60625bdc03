"""What several tests of coins need."""

from __future__ import annotations

from habitkit.coins.store import COINS
from habitkit.testing.contracts._base import read
from habitkit.testing.contracts._sample_facts import events_of


def traces_of(kit, store, owner):
    """Return all that moving coins leaves behind with an owner."""
    accounts = read(store, lambda stores: sorted(stores.port(COINS).accounts((owner,), "coin")))
    return events_of(kit, owner), kit.coins.statement(owner, limit=1000), accounts
