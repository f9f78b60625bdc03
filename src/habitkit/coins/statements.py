"""The use cases of a wallet: floor, balance and statement."""

from __future__ import annotations

from typing import TYPE_CHECKING

from habitkit import ids
from habitkit.clock import instant
from habitkit.coins.domain import rules
from habitkit.coins.domain.model import Account, Balance
from habitkit.coins.errors import InsufficientFunds
from habitkit.coins.expiring_awards import expired
from habitkit.coins.posting import expire_due, free_lapsed
from habitkit.coins.settings import CoinSettings
from habitkit.coins.store import COINS, HOLDS
from habitkit.errors import NotFound

if TYPE_CHECKING:
    from datetime import datetime

    from habitkit.coins.domain.model import Entry
    from habitkit.transaction import Transaction

__all__ = ["balance", "owners", "set_floor", "statement"]

_WALLET_FLOOR = 0


def balance(
    tx: Transaction, owner: str, currency: str = "coin", *, as_of: datetime | None = None
) -> Balance:
    """Return the balance of an owner's wallet; that of a wallet never used is 0.

    A hold that has expired counts as available at once, whether or not a sweep has recorded it.
    Coins that have expired do not count any more, whether or not a sweep has taken them away.

    Args:
        tx: The transaction.
        owner: Whose wallet.
        currency: In which currency.
        as_of: The instant of the balance; now by default. Transfers count from their ``at``, also
            those that were recorded later. The floor is always the current one.

    Raises:
        InvalidInstant: If ``as_of`` has no zone.
        UnknownCurrency: If the economy does not declare the currency.
    """
    tx.own(ids.owner(owner))
    rules.currency(currency, tx.settings(CoinSettings).economy)
    at = None if as_of is None else instant(as_of, "as_of")
    accounts = {account.role: account for account in tx.port(COINS).accounts((owner,), currency)}

    def held_by(account: Account | None) -> int:
        if account is None:
            return 0
        return account.balance if at is None else tx.port(COINS).balance_at(account.id, at)

    wallet = accounts.get("wallet")
    pending = posted_pending = held_by(accounts.get("escrow"))
    if posted_pending:
        instant_of = tx.now if at is None else at
        pending -= tx.port(HOLDS).lapsed(owner, currency, instant_of, still_open=at is None)
    if wallet is None:
        return Balance(owner, currency, posted_pending, _WALLET_FLOOR, pending)
    posted = held_by(wallet) + posted_pending - expired(tx, wallet, at, held=posted_pending)
    return Balance(owner, currency, posted, wallet.floor or 0, pending)


def owners(
    tx: Transaction, currency: str = "coin", *, after: str | None = None, limit: int = 50
) -> list[Balance]:
    """Return the balances of all owners who have a wallet, by pages: for a back office.

    Args:
        tx: The transaction.
        currency: In which currency.
        after: The last owner already seen.
        limit: How many at most, 1 to 1000.

    Returns:
        Balances, sorted by owner, in the store's order of texts.

    Raises:
        NotFound: In a kit of one owner.
        UnknownCurrency: If the economy does not declare the currency.
        InvalidInput: If another argument is not acceptable; the message names it.
    """
    if tx.scope is not None:
        hint = "this kit is of one owner, so call it on the kit of all owners"
        raise NotFound("ledger of all owners", tx.scope, hint)
    rules.currency(currency, tx.settings(CoinSettings).economy)
    start, count = None if after is None else ids.owner(after, "after"), ids.limit(limit)
    wallets = tx.port(COINS).wallets(currency, start, count)
    accounts = tx.port(COINS).accounts([wallet.owner for wallet in wallets], currency)
    held = {account.owner: account.balance for account in accounts if account.role == "escrow"}
    balances = []
    for wallet in wallets:
        pending = posted_pending = held.get(wallet.owner, 0)
        if posted_pending:
            pending -= tx.port(HOLDS).lapsed(wallet.owner, currency, tx.now, still_open=True)
        posted = wallet.balance + posted_pending - expired(tx, wallet, None, held=posted_pending)
        balances.append(Balance(wallet.owner, currency, posted, wallet.floor or 0, pending))
    return balances


def set_floor(tx: Transaction, owner: str, currency: str = "coin", floor: int = 0) -> Balance:
    """Set the floor of a wallet; a wallet that does not exist is opened.

    A floor below 0 is credit; one above 0 is a reserve that cannot be spent. Doing it twice is
    fine.

    Args:
        tx: The transaction.
        owner: Whose wallet.
        currency: In which currency.
        floor: The lowest balance that spending may leave, an int of 64 bits.

    Returns:
        The balance.

    Raises:
        InsufficientFunds: If the wallet holds less than the floor.
        InvalidAmount: If the floor is not an int of 64 bits.
        UnknownCurrency: If the economy does not declare the currency.
    """
    tx.own(ids.owner(owner))
    rules.currency(currency, tx.settings(CoinSettings).economy)
    rules.floor(floor)
    tx.lock(owner)
    wallets = [a for a in tx.port(COINS).accounts((owner,), currency) if a.role == "wallet"]
    if expire_due(tx, wallets):
        return set_floor(tx, owner, currency, floor)
    held = wallets[0].balance if wallets else 0
    if held < floor and not (wallets and floor <= (wallets[0].floor or 0)):
        if free_lapsed(tx, owner, currency):
            return set_floor(tx, owner, currency, floor)
        raise InsufficientFunds(
            owner=owner, currency=currency, balance=held, floor=floor, amount=floor - held
        )
    if wallets:
        tx.port(COINS).set_floor(wallets[0].id, floor, max(floor - held, 0))
    else:
        new = Account(tx.new_id(), owner, "wallet", currency, 0, 0, tx.now, floor)
        tx.port(COINS).open((new,))
    return balance(tx, owner, currency)


def statement(
    tx: Transaction,
    owner: str,
    *,
    currency: str = "coin",
    after: int | None = None,
    limit: int = 50,
    newest_first: bool = True,
) -> list[Entry]:
    """Return a wallet's statement, in the order in which its entries were recorded.

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
    rules.currency(currency, tx.settings(CoinSettings).economy)
    start, count = None if after is None else ids.cursor(after), ids.limit(limit)
    for account in tx.port(COINS).accounts((owner,), currency):
        if account.role == "wallet":
            return tx.port(COINS).entries(account.id, start, count, newest_first=newest_first)
    return []
