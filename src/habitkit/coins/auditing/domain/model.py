"""Values of the audit: block hashes, what they cover, what an audit found, what is exported."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from attrs import frozen

from habitkit.coins.domain.expiring import ExpiringAward
from habitkit.coins.domain.model import Account, Hold, Settled

__all__ = [
    "AuditReport",
    "Block",
    "Digest",
    "Finding",
    "Head",
    "LedgerExport",
    "LedgerLine",
    "Sum",
    "UnsealedAccount",
]


@frozen
class LedgerLine:
    """An entry with its transfer's facts, as they are found now.

    Attributes:
        seq: The entry's number in its account.
        transfer_id: The transfer the entry names.
        amount: What the account gained.
        balance: What it held afterwards.
        at: When it was recorded, in UTC.
        kind: The transfer's kind; None if there is no such transfer.
        source: Who gave.
        target: Who received.
        currency: In which currency.
        total: The transfer's amount.
        memo: Its memo.
        metadata: Its metadata.
        reverses: The transfer that it reverses, or None.
        salt: The salt of its digest; None if it has none, or it was erased.
        digest: The digest of memo and metadata in block hashes; None if there was neither.
        made_at: The transfer's instant: ``dated_at`` of both its entries, if they have one, and
            otherwise ``at``.
        dated_at: The earlier instant from which it counts, or None.
    """

    seq: int
    transfer_id: UUID
    amount: int
    balance: int
    at: datetime
    kind: str | None
    source: str | None
    target: str | None
    currency: str | None
    total: int | None
    memo: str | None
    metadata: Mapping[str, Any] | None
    reverses: UUID | None
    salt: bytes | None
    digest: bytes | None
    made_at: datetime | None
    dated_at: datetime | None = None


@frozen
class Digest:
    """The digest of a transfer's memo and metadata, as block hashes include it.

    Attributes:
        transfer_id: The transfer.
        salt: Made for it alone; erased together with memo and metadata, so that nothing can be
            guessed from the digest any more.
        digest: SHA-256 of the salt and the content.
    """

    transfer_id: UUID
    salt: bytes
    digest: bytes


@frozen
class Block:
    """A seal on a wallet's entries: their hash, chained to the block before.

    Attributes:
        account_id: The wallet.
        first: The number of the first entry it covers.
        last: The number of the last one.
        hash: SHA-256, or HMAC-SHA256 with the kit's audit key, of the hash of the block before and
            the hashes of the entries.
        hash_prefixes: The first 8 bytes of each entry's hash: they show which one was changed.
        at: When it was written, in UTC.
    """

    account_id: UUID
    first: int
    last: int
    hash: bytes
    hash_prefixes: bytes
    at: datetime


@frozen
class UnsealedAccount:
    """An account with entries that no block covers.

    Attributes:
        owner: Whose account.
        account_id: The account.
    """

    owner: str
    account_id: UUID


@frozen
class Head:
    """The end of a wallet's chain of blocks; keep it elsewhere, and a cut tail is found.

    Attributes:
        account_id: The wallet.
        owner: Whose wallet.
        currency: In which currency.
        seq: The number of the last entry under a block hash, 0 for none.
        hash: That block's hash, as hexadecimal digits; empty for none.
    """

    account_id: UUID
    owner: str
    currency: str
    seq: int
    hash: str


@frozen
class Sum:
    """The sums of a currency. In a sound ledger both are 0 and each transfer has two entries.

    Attributes:
        currency: The currency.
        balances: The sum of all accounts' balances.
        amounts: The sum of all entries' amounts.
        entries: How many entries there are.
        transfers: How many transfers there are.
    """

    currency: str
    balances: int
    amounts: int
    entries: int
    transfers: int


@frozen
class Finding:
    """A problem that an audit found.

    Attributes:
        problem: A description of the problem.
        owner: Whose account; None if the ledger as a whole is meant.
        currency: In which currency.
        role: Which account of the owner's; None if the ledger as a whole is meant.
        seq: The first entry that is wrong, or None.
    """

    problem: str
    owner: str | None = None
    currency: str | None = None
    role: str | None = None
    seq: int | None = None


@frozen
class AuditReport:
    """The result of an audit.

    Attributes:
        accounts: How many accounts were checked.
        entries: How many entries were checked.
        sealed: How many of them lie under block hashes.
        findings: The problems: the first one of each account, and at most 1000 in all.
    """

    accounts: int
    entries: int
    sealed: int
    findings: tuple[Finding, ...] = ()

    @property
    def ok(self) -> bool:
        """True if nothing was found."""
        return not self.findings


@frozen
class LedgerExport:
    """Everything the ledger keeps about one owner.

    Attributes:
        owner: The owner.
        accounts: The owner's accounts.
        lines: Each account's entries with their transfers, by the account's id.
        holds: The owner's holds.
        entitlements: What was paid for what.
        blocks: Each wallet's block hashes, by the account's id.
        expiring: The owner's awards whose coins expire.
    """

    owner: str
    accounts: tuple[Account, ...]
    lines: Mapping[UUID, tuple[LedgerLine, ...]]
    holds: tuple[Hold, ...]
    entitlements: tuple[Settled, ...]
    blocks: Mapping[UUID, tuple[Block, ...]]
    expiring: tuple[ExpiringAward, ...] = ()
