"""What callers ask for, beyond plain values: metadata, and what makes two requests the same."""

from __future__ import annotations

from typing import TYPE_CHECKING

from habitkit import _codec
from habitkit.errors import InvalidInput

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from habitkit.coins.posting import Order

__all__ = ["digest_of", "plain_metadata", "request_of"]

_LARGEST_METADATA = 4 * 1024


def request_of(order: Order) -> dict[str, object]:
    """Return what makes two requests the same; only a digest of words that may be erased."""
    return {
        "target": order.target,
        "amount": order.amount,
        "currency": order.currency,
        "memo": None if order.memo is None else _codec.digest(order.memo),
        "metadata": None if order.metadata is None else _codec.digest(order.metadata),
    }


def digest_of(orders: Sequence[Order]) -> str:
    """Return what makes two batches the same."""
    return _codec.digest([order[:7] for order in orders])


def plain_metadata(value: object) -> dict[str, Any] | None:
    """Return valid metadata as plain JSON values, or None.

    Raises:
        InvalidInput: If they are no JSON values by name, or longer than 4 KiB as text.
    """
    if value is None:
        return None
    try:
        return _codec.plain_object(value, _LARGEST_METADATA)
    except (TypeError, ValueError) as error:
        raise InvalidInput(
            "metadata",
            given=value,
            expected=f"JSON values by name, {_LARGEST_METADATA} bytes at most, or None",
        ) from error
