"""The service ``kit.coins``: a list of its use cases."""

from __future__ import annotations

from habitkit.binding import M, Service, action, query
from habitkit.coins.auditing.audits import audit, head
from habitkit.coins.erasure import export, forget
from habitkit.coins.expiring_awards import expiring
from habitkit.coins.reservations import hold, holds, release, reserve, settle
from habitkit.coins.reversals import reverse
from habitkit.coins.statements import balance, owners, set_floor, statement
from habitkit.coins.transfers import award, post_many, spend, transfer

__all__ = [
    "CoinService",
    "audit",
    "award",
    "balance",
    "expiring",
    "export",
    "forget",
    "head",
    "hold",
    "holds",
    "owners",
    "post_many",
    "release",
    "reserve",
    "reverse",
    "set_floor",
    "settle",
    "spend",
    "statement",
    "transfer",
]


class CoinService(Service[M]):
    """The methods of ``kit.coins``."""

    balance = query(balance)
    owners = query(owners)
    set_floor = action(set_floor)
    award = action(award)
    spend = action(spend)
    transfer = action(transfer)
    post_many = action(post_many)
    reverse = action(reverse)
    reserve = action(reserve)
    settle = action(settle)
    release = action(release)
    hold = query(hold)
    holds = query(holds)
    expiring = query(expiring)
    statement = query(statement)
    audit = query(audit)
    head = query(head)
    export = query(export)
    forget = action(forget)
