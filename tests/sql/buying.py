"""The ways in which an owner's last ten coins can be spent, each of which must exclude the rest."""

from __future__ import annotations

from habitkit import AsyncHabitKit
from habitkit.coins import BatchRefused, InsufficientFunds, Posting

PRICE = 10
WAYS = ("spend", "transfer", "reserve", "batch")


async def buy(kit: AsyncHabitKit, how: str, owner: str, number: str) -> str:
    """Spend ten coins in one of ``WAYS``; say ``bought`` or ``refused``."""
    coins, key = kit.coins, f"{owner} {how} {number}"  # a batch's key is nobody's own
    try:
        if how == "spend":
            await coins.spend(owner, PRICE, idempotency_key=key)
        elif how == "transfer":
            await coins.transfer(owner, f"shop {number}", PRICE, idempotency_key=key)
        elif how == "reserve":
            await coins.reserve(owner, PRICE, idempotency_key=key)
        else:
            batch = [Posting.award("eve", 1), Posting.spend(owner, PRICE)]
            await coins.post_many(batch, idempotency_key=key)
    except InsufficientFunds:
        return "refused"
    except BatchRefused as refused:
        is_the_spend = refused.index == 1 and isinstance(refused.reason, InsufficientFunds)
        return "refused" if is_the_spend else str(refused)
    return "bought"
