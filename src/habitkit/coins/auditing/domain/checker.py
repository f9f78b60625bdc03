"""The pure part of an audit: checks the entries of one account and its chain of blocks."""

from __future__ import annotations

from itertools import chain as one_after_another
from typing import TYPE_CHECKING

from habitkit.coins.auditing.domain import hash_chain
from habitkit.coins.auditing.domain.model import Finding
from habitkit.coins.domain import rules

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from datetime import datetime
    from uuid import UUID

    from habitkit.coins.auditing.domain.model import Block, Head, LedgerLine
    from habitkit.coins.domain.model import Account, Role

__all__ = ["Checker"]


_REVERSING = ("reversal", "expire_award")


class Checker:
    """Checks one account's entries and blocks, and stops at the first problem.

    Attributes:
        entries: How many entries were read.
        sealed: How many of them lie under block hashes.
        partners: The other accounts of the same owner that its transfers have moved.
    """

    def __init__(
        self,
        account: Account,
        heads: Iterable[Head],
        key: bytes | None,
        amount_of: Callable[[UUID], int | None],
    ) -> None:
        """Begin before the first entry.

        Args:
            account: The account as it is now.
            heads: Where its chain ended at some times, as far as that was kept.
            key: The audit key.
            amount_of: Returns the amount of a transfer; None if there is no such transfer.
        """
        self.account = account
        self.entries = 0
        self.sealed = 0
        self.partners: set[Role] = set()
        self._at: datetime | None = None
        self._heads: dict[int, set[str]] = {}
        self._strange: Head | None = None
        for head in heads:
            if (head.owner, head.currency) != (account.owner, account.currency):
                self._strange = head
            elif head.seq:
                self._heads.setdefault(head.seq, set()).add(head.hash)
        self._key = key
        self._amount_of = amount_of
        self._left: dict[UUID, int] = {}
        self._balance = 0
        self._block_hash = hash_chain.BEGINNING

    def run(self, lines: Iterable[LedgerLine], blocks: Iterable[Block]) -> Finding | None:
        """Return the first problem, or None.

        Args:
            lines: The account's entries, by rising number.
            blocks: Its blocks, in order.
        """
        if self._strange is not None:
            of = self._strange
            return self._found(f"the given head is of {of.owner!r}, {of.currency}", None)
        waiting = iter(blocks)
        block = next(waiting, None)
        hashes: list[bytes] = []
        for line in lines:
            wrong = self._check_line(line)
            if wrong:
                return self._found(wrong, self.entries)
            if block is None:
                continue
            if line.digest is None and _has_words(line):
                return self._found("its memo or metadata was added after it was sealed", line.seq)
            if not hashes and line.seq != block.first:
                return self._found(
                    f"a block hash begins at entry {block.first}, expected {line.seq}", line.seq
                )
            hashes.append(hash_chain.line_hash(line))
            if line.seq == block.last:
                finding = self._check_block(block, hashes)
                if finding is not None:
                    return finding
                block, hashes = next(waiting, None), []
        return self._check_end(one_after_another([block] if block else [], waiting))

    def check_holds(self, held: int) -> Finding | None:
        """Return a finding if an escrow balance differs from the owner's open holds, or None."""
        if self.account.balance == held:
            return None
        problem = f"the escrow balance is {self.account.balance}, open holds add up to {held}"
        return self._found(problem, None)

    def check_note(self, *, noted: bool) -> Finding | None:
        """Return a finding if entries are neither sealed nor queued for sealing, or None."""
        account = self.account
        if noted or account.sealed == account.seq:
            return None
        problem = f"entries after {account.sealed} are not sealed, and not queued for sealing"
        return self._found(problem, account.sealed + 1)

    def unreadable(self, seq: int, error: Exception) -> Finding:
        """Return the finding that an entry holds a value its column cannot have."""
        return self._found(f"it cannot be read: {type(error).__name__}: {error}", seq)

    def _check_line(self, line: LedgerLine) -> str | None:
        """Compare an entry with the one before and with its transfer."""
        self.entries += 1
        if line.seq != self.entries:
            return f"entry {self.entries} is missing"
        self._balance += line.amount
        self._at = line.at
        if line.balance != self._balance:
            return f"the balance after it is {line.balance}, expected {self._balance}"
        if line.kind is None:
            return f"its transfer {line.transfer_id} is missing"
        return (
            _date(line) or self._check_transfer(line) or self._check_reversal(line) or _words(line)
        )

    def _check_transfer(self, line: LedgerLine) -> str | None:
        """Compare an entry with its transfer."""
        if abs(line.amount) != line.total or line.currency != self.account.currency:
            return f"it does not match its transfer of {line.total} {line.currency}"
        gives = line.amount < 0
        if self.account.owner != (line.source if gives else line.target):
            return f"its transfer is from {line.source!r} to {line.target!r}"
        if self.account.role not in rules.roles(line.kind, gives=gives):
            moved = "takes coins from" if gives else "gives coins to"
            return f"a transfer of kind {line.kind!r} never {moved} the {self.account.role} account"
        if line.source == line.target:
            partners = rules.roles(line.kind, gives=not gives)
            if len(partners) == 1:  # a reversal's partner is ambiguous
                self.partners |= partners
        return None

    def _check_reversal(self, line: LedgerLine) -> str | None:
        """Compare a reversal with what is left of the transfer that it reverses.

        All reversals of a transfer have an entry in the same wallet. What expires of an award is
        reversed too.
        """
        if line.kind not in _REVERSING or self.account.role != "wallet":
            return None
        of = line.reverses
        if of is None:
            return "it is a reversal, and names no transfer"
        left = self._left[of] if of in self._left else self._amount_of(of)
        if left is None:
            return f"the transfer that it reverses, {of}, is missing"
        self._left[of] = left - abs(line.amount)
        if self._left[of] < 0:
            return f"{left} of the transfer {of} was left to reverse, it reverses {line.total}"
        return None

    def _check_block(self, block: Block, hashes: list[bytes]) -> Finding | None:
        """Compare a block with the entries it covers."""
        self._block_hash = hash_chain.block_hash(self._block_hash, hashes, self._key)
        if self._block_hash != block.hash:
            seq = hash_chain.first_changed(block, hashes)
            return self._found("it does not match its block hash", seq)
        self.sealed = block.last
        if self._heads.pop(block.last, {block.hash.hex()}) != {block.hash.hex()}:
            return self._found("its block hash does not match the given head", 1)
        return None

    def _check_end(self, left: Iterator[Block]) -> Finding | None:
        """Compare the account with what was found of it."""
        account = self.account
        missing = self.entries + 1
        beyond = next(left, None)
        if beyond is not None:
            return self._found(f"entries up to {beyond.last} were sealed, now missing", missing)
        if self.entries != account.seq:
            problem = f"the account counts {account.seq} entries, found {self.entries}"
            return self._found(problem, min(missing, account.seq + 1))
        wrong = self._check_account()
        if wrong is not None:
            return self._found(wrong, None)
        if account.sealed != self.sealed:
            problem = (
                f"entries up to {account.sealed} were sealed, block hashes end at {self.sealed}"
            )
            return self._found(problem, min(account.sealed, self.sealed) + 1)
        if self._heads:
            first = min(self._heads)
            return self._found(
                f"the given head names entry {first}, whose block is missing",
                min(missing, first),
            )
        return None

    def _check_account(self) -> str | None:
        """Compare an account's balance, date and debt with those that follow from its entries."""
        account = self.account
        if self._balance != account.balance:
            return f"the balance is {account.balance}, the entries add up to {self._balance}"
        if self._at is not None and self._at != account.at:
            return f"the account is dated {account.at}, its last entry is dated {self._at}"
        debt = 0 if account.floor is None else max(account.floor - account.balance, 0)
        if account.debt != debt:
            return f"the debt is {account.debt}, expected {debt} from the floor and the balance"
        return None

    def _found(self, problem: str, seq: int | None) -> Finding:
        """Return a finding about this account."""
        account = self.account
        return Finding(problem, account.owner, account.currency, account.role, seq)


def _has_words(line: LedgerLine) -> bool:
    """Return whether there is a memo or metadata."""
    return (line.memo, line.metadata) != (None, None)


def _date(line: LedgerLine) -> str | None:
    """Compare an entry's date with its transfer's and with when it was recorded."""
    dated_at = line.dated_at or line.at
    if line.made_at != dated_at:
        return f"it is dated {dated_at}, its transfer is dated {line.made_at}"
    if dated_at > line.at:
        return f"it is dated {dated_at}, later than it was recorded, {line.at}"
    return None


def _words(line: LedgerLine) -> str | None:
    """Compare memo and metadata with their digest; what was erased has lost the salt too."""
    if line.digest is None or (line.salt is None and not _has_words(line)):
        return None
    if line.salt is None or hash_chain.words_digest(line.salt, line) != line.digest:
        return "its memo or metadata does not match what was sealed"
    return None
