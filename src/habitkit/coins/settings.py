"""The settings of coins."""

from __future__ import annotations

from typing import Any

from attrs import field, frozen

from habitkit.coins.domain.economy import Economy
from habitkit.errors import ConfigurationError

__all__ = ["CoinSettings"]

_SHORTEST_KEY = 16


def _expect_economy(_: object, __: object, value: object) -> None:
    if not isinstance(value, Economy):
        msg = f"economy: expected an Economy, such as Economy.default(), got {value!r}"
        raise ConfigurationError(msg)


def _expect_key(_: object, __: object, value: Any) -> None:
    if value is not None and not (isinstance(value, bytes) and len(value) >= _SHORTEST_KEY):
        msg = f"audit_key: expected at least {_SHORTEST_KEY} bytes, such as secrets.token_bytes(32)"
        raise ConfigurationError(msg)


@frozen
class CoinSettings:
    """The settings of the coins module.

    Attributes:
        economy: What facts entitle to, and the declared currencies; by default 10 coins a done day
            and 50 at each seventh of a streak.
        audit_key: At least 16 secret bytes that make the ledger's block hashes HMACs, so that they
            cannot be recomputed without it; None for plain hashes.

    Raises:
        ConfigurationError: If one of them is not what is expected.
    """

    economy: Economy = field(factory=Economy.default, validator=_expect_economy)
    audit_key: bytes | None = field(default=None, repr=False, validator=_expect_key)
