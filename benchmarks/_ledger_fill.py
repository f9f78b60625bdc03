"""What both sides of a ledger match begin with, and the proof that no coin was made or lost."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from habitkit.coins import Posting

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from uuid import UUID

    from habitkit import HabitKit

    Fetch = Callable[[str], Any]

OWNERS = [f"owner{number}" for number in range(50)]
AWARDED = 1_000_000
SPENT = 40
LEFT = AWARDED - SPENT

STATES = {
    "accounts": (
        "SELECT owner, role, currency, balance, seq, debt, sealed FROM habitkit_accounts "
        "ORDER BY owner, role"
    ),
    "entries": (
        "SELECT owner, role, e.seq, amount, e.balance FROM habitkit_entries AS e "
        "JOIN habitkit_accounts ON id = account_id ORDER BY owner, role, e.seq"
    ),
    "transfers": (
        "SELECT source, target, kind, currency, sum(amount), count(*) FROM habitkit_transfers "
        "GROUP BY source, target, kind, currency ORDER BY source, target, kind, currency"
    ),
}
"""What every side leaves behind, but random ids and instants."""

STATES_OF_THE_KIT = {
    **STATES,
    "owners": "SELECT owner, rev FROM habitkit_owners ORDER BY owner",
    "idempotency": (
        "SELECT owner, operation, key FROM habitkit_idempotency ORDER BY owner, operation, key"
    ),
    "events": (
        "SELECT owner, rev, position, type, key FROM habitkit_events ORDER BY owner, rev, position"
    ),
}
"""What a floor leaves behind, too."""

_WALLETS = "SELECT sum(balance) FROM habitkit_accounts WHERE role = 'wallet'"
_TOTAL = "SELECT sum(balance) FROM habitkit_accounts"
_UNLIKE_ENTRIES = (
    "SELECT coalesce(sum(abs(balance - total)), 0) FROM habitkit_accounts JOIN "
    "(SELECT account_id, sum(amount) AS total FROM habitkit_entries GROUP BY account_id) AS sums "
    "ON account_id = id"
)
_PAIRS = (
    "SELECT owner, wallet.id, sink.id FROM habitkit_accounts AS wallet "
    "JOIN habitkit_accounts AS sink USING (owner) "
    "WHERE wallet.role = 'wallet' AND sink.role = 'sink'"
)


class Order(NamedTuple):
    """A coin to be spent."""

    owner: str
    key: str


class Drift(NamedTuple):
    """Coins that were made or lost.

    Attributes:
        coins: How many: in the wallets against what has succeeded, in all accounts against zero,
            in each account against the sum of its entries.
        findings: What an audit by the kit finds wrong.
    """

    coins: int
    findings: int

    def __add__(self, other: Drift) -> Drift:  # type: ignore[override]
        return Drift(self.coins + other.coins, self.findings + other.findings)

    def __bool__(self) -> bool:
        return bool(self.coins or self.findings)

    def __str__(self) -> str:
        return f"{self.coins}, {self.findings} findings" if self.findings else f"{self.coins}"


def fill(kit: HabitKit) -> None:
    """Give every owner coins and a past of spends: all accounts are open, and no table is new.

    What a database plans while a table is new it may keep: PostgreSQL would look for a transfer, to
    check an entry's foreign key, by reading the whole table until it is next analyzed.
    """
    for owner in OWNERS:
        kit.coins.award(owner, AWARDED, idempotency_key="award")
    for number in range(SPENT):
        spends = [Posting.spend(owner, 1) for owner in OWNERS]
        kit.coins.post_many(spends, idempotency_key=f"past {number}")


def orders(count: int) -> list[Order]:
    """Return spends of all owners in turn."""
    return [Order(OWNERS[n % len(OWNERS)], f"order {n}") for n in range(count)]


def pairs(fetch: Fetch) -> dict[str, tuple[UUID, UUID]]:
    """Return the ids of wallet and sink by owner."""
    return {owner: (wallet, sink) for owner, wallet, sink in fetch(_PAIRS)}


def drift(
    kit: HabitKit, fetch: Fetch, before: int, spent: int, audited: Iterable[str | None] = (None,)
) -> Drift:
    """Return how many coins were made or lost.

    Args:
        kit: A kit on the database, to audit it.
        fetch: Runs SQL on it.
        before: How many coins all wallets held before.
        spent: How many were spent, by the results that the callers got.
        audited: Whose accounts are audited; all by default.
    """
    ((held,),) = fetch(_WALLETS)
    ((total,),) = fetch(_TOTAL)
    ((unlike,),) = fetch(_UNLIKE_ENTRIES)
    coins = abs(held + spent - before) + abs(total) + unlike
    findings = sum(len(kit.coins.audit(owner).findings) for owner in audited)
    return Drift(int(coins), findings)


def check_equal(fetch: Fetch, fetch_other: Fetch, states: dict[str, str]) -> None:
    """Compare what both sides left in their databases.

    Raises:
        AssertionError: If they differ.
    """
    for what, query in states.items():
        kit, other = ([tuple(row) for row in side(query)] for side in (fetch, fetch_other))
        assert kit, f"the kit left no {what}"
        assert kit == other, f"the sides left different {what}"
