"""The coins' use cases: award, spend, transfer, balance, history, and the reward of events."""

from __future__ import annotations

from typing import TYPE_CHECKING

from habitkit import ids
from habitkit._action import action, query
from habitkit.coins import rules
from habitkit.coins.model import Account, Balance, Transfer
from habitkit.errors import InvalidInput
from habitkit.events import CoinsPosted

if TYPE_CHECKING:
    from collections.abc import Sequence
    from uuid import UUID

    from habitkit.coins.model import Entry, Role
    from habitkit.events import Event
    from habitkit.transaction import Transaction

__all__ = ["CoinActions", "award", "balance", "history", "reward", "spend", "transfer"]

_WALLET_FLOOR = 0


def balance(tx: Transaction, owner: str, currency: str = "coin") -> Balance:
    """Return what an owner's wallet holds; a wallet never used holds 0.

    Raises:
        UnknownCurrency: If the economy does not declare the currency.
    """
    tx.own(ids.owner(owner))
    rules.currency(currency, tx.economy)
    for account in tx.coins.accounts(owner, currency):
        if account.role == "wallet":
            return Balance(owner, currency, account.balance, account.floor or 0)
    return Balance(owner, currency, 0, _WALLET_FLOOR)


def award(
    tx: Transaction,
    owner: str,
    amount: int,
    *,
    idempotency_key: str,
    memo: str | None = None,
    currency: str = "coin",
) -> Transfer:
    """Give coins to an owner, out of the owner's mint.

    Args:
        tx: The transaction.
        owner: Who receives them.
        amount: How many, an int from 1 to 2**63-1.
        idempotency_key: The same key with the same arguments awards once.
        memo: What for, at most 500 characters.
        currency: In which currency.

    Raises:
        InvalidInput: If an argument is not acceptable; the message names it.
        BalanceOverflow: If the wallet cannot hold as much.
        IdempotencyConflict: If the key was used with other arguments.
    """
    tx.own(ids.owner(owner))
    return _transfer(
        tx, "award", (owner, "mint"), (owner, "wallet"), amount, currency, memo, idempotency_key
    )


def spend(
    tx: Transaction,
    owner: str,
    amount: int,
    *,
    idempotency_key: str,
    memo: str | None = None,
    currency: str = "coin",
) -> Transfer:
    """Take coins from an owner for good, into the owner's sink.

    Args:
        tx: The transaction.
        owner: Who pays.
        amount: How many, an int from 1 to 2**63-1.
        idempotency_key: The same key with the same arguments spends once.
        memo: What for, at most 500 characters.
        currency: In which currency.

    Raises:
        InsufficientFunds: If the wallet would fall below its floor.
        InvalidInput: If an argument is not acceptable; the message names it.
        IdempotencyConflict: If the key was used with other arguments.
    """
    tx.own(ids.owner(owner))
    return _transfer(
        tx, "spend", (owner, "wallet"), (owner, "sink"), amount, currency, memo, idempotency_key
    )


def transfer(
    tx: Transaction,
    source: str,
    target: str,
    amount: int,
    *,
    idempotency_key: str,
    memo: str | None = None,
    currency: str = "coin",
) -> Transfer:
    """Move coins from one owner's wallet to another's.

    Args:
        tx: The transaction.
        source: Who pays.
        target: Who receives; somebody else.
        amount: How many, an int from 1 to 2**63-1.
        idempotency_key: A key of the source's: the same key and arguments transfer once.
        memo: What for, at most 500 characters.
        currency: In which currency.

    Raises:
        InsufficientFunds: If the source's wallet would fall below its floor.
        InvalidInput: If an argument is not acceptable; the message names it.
        IdempotencyConflict: If the key was used with other arguments.
    """
    tx.own(ids.owner(source))
    if ids.owner(target) == source:
        raise InvalidInput("target", given=target, expected="another owner than the source")
    return _transfer(
        tx,
        "transfer",
        (source, "wallet"),
        (target, "wallet"),
        amount,
        currency,
        memo,
        idempotency_key,
    )


def history(
    tx: Transaction,
    owner: str,
    *,
    currency: str = "coin",
    after: int | None = None,
    limit: int = 50,
    newest_first: bool = True,
) -> list[Entry]:
    """Return a wallet's statement.

    Args:
        tx: The transaction.
        owner: Whose wallet.
        currency: In which currency.
        after: The ``seq`` of the last entry already seen.
        limit: How many at most, 1 to 1000.
        newest_first: Falling numbers instead of rising ones.

    Raises:
        UnknownCurrency: If the economy does not declare the currency.
        InvalidInput: If another argument is not acceptable; the message names it.
    """
    tx.own(ids.owner(owner))
    rules.currency(currency, tx.economy)
    start, count = None if after is None else ids.place(after), ids.limit(limit)
    for account in tx.coins.accounts(owner, currency):
        if account.role == "wallet":
            return tx.coins.entries(account.id, start, count, newest_first=newest_first)
    return []


def reward(tx: Transaction, owner: str, events: Sequence[Event]) -> None:
    """Pay what events entitle to and take back what they no longer do: a reaction.

    It compares what is due with what was paid, for the places these events name only, and posts
    the difference as one transfer a currency. So the outcome does not depend on the order or the
    number of the steps that led there.
    """
    wanted = rules.due(events, tx.economy)
    if not wanted:
        return
    changed, net = rules.outstanding(wanted, tx.coins.settled(owner, list(wanted)))
    if not changed:
        return
    tx.coins.settle(owner, changed)
    mint: tuple[str, Role] = (owner, "mint")
    wallet: tuple[str, Role] = (owner, "wallet")
    for currency in sorted(net):
        coins = net[currency]
        if coins > 0:
            _post(tx, tx.new_id(), "reward", mint, wallet, coins, currency, None, may_owe=True)
        elif coins < 0:
            _post(tx, tx.new_id(), "correction", wallet, mint, -coins, currency, None, may_owe=True)


def _transfer(
    tx: Transaction,
    kind: str,
    source: tuple[str, Role],
    target: tuple[str, Role],
    amount: int,
    currency: str,
    memo: str | None,
    key: str,
) -> Transfer:
    """Check the arguments, lock, and post once a key."""
    rules.amount(amount)
    rules.currency(currency, tx.economy)
    rules.memo(memo)
    ids.key(key)
    tx.lock(source[0], target[0])
    request = {"target": target[0], "amount": amount, "currency": currency, "memo": memo}

    def work(transfer_id: UUID) -> Transfer:
        return _post(tx, transfer_id, kind, source, target, amount, currency, memo)

    return tx.once(source[0], f"coins.{kind}", key, request, Transfer, work)


def _post(
    tx: Transaction,
    transfer_id: UUID,
    kind: str,
    source: tuple[str, Role],
    target: tuple[str, Role],
    amount: int,
    currency: str,
    memo: str | None,
    *,
    may_owe: bool = False,
) -> Transfer:
    """Move coins between two accounts whose owners are locked, and tell both wallets' owners."""
    accounts = tx.coins.accounts(source[0], currency)
    if target[0] != source[0]:
        accounts = [*accounts, *tx.coins.accounts(target[0], currency)]
    giver, giver_is_new = _account(tx, accounts, source, currency)
    taker, taker_is_new = _account(tx, accounts, target, currency)
    given = rules.move(giver, -amount, tx.now, may_owe=may_owe)
    taken = rules.move(taker, amount, tx.now, may_owe=may_owe)
    if giver_is_new:
        tx.coins.open(giver)
    if taker_is_new:
        tx.coins.open(taker)
    at = max(given.at, taken.at)
    done = Transfer(transfer_id, kind, source[0], target[0], currency, amount, memo, at)
    tx.coins.post(done, (given, taken))
    for (owner, role), step in ((source, given), (target, taken)):
        if role == "wallet":
            event = CoinsPosted(
                owner, tx.now, transfer_id, kind, currency, step.amount, step.balance
            )
            tx.emit(owner, (event,))
    return done


def _account(
    tx: Transaction, accounts: Sequence[Account], place: tuple[str, Role], currency: str
) -> tuple[Account, bool]:
    """Return an account out of those that there are, or one that is still to be opened."""
    owner, role = place
    for account in accounts:
        if account.role == role and account.owner == owner:
            return account, False
    floor = _WALLET_FLOOR if role == "wallet" else None
    return Account(tx.new_id(), owner, role, currency, 0, 0, tx.now, floor), True


class CoinActions:
    """What ``kit.coins`` offers."""

    balance = query(balance)
    award = action(award)
    spend = action(spend)
    transfer = action(transfer)
    history = query(history)
