"""A ledger of so many entries, by set-based SQL: as if each transfer had come through the kit.

Every owner has got nine awards of a thousand coins and has spent one coin: twenty entries on three
accounts, ten transfers, ten events and ten idempotency records. Ids of transfers are scattered
over their index, as those that are derived of a key are.
"""

from __future__ import annotations

from string import Template
from typing import TYPE_CHECKING, NamedTuple

from benchmarks._ledger_fill import OWNERS

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Literal

ENTRIES_AN_OWNER = 20

_FILL = Template("""
CREATE TEMPORARY TABLE numbers AS
    WITH RECURSIVE counted (n) AS (
        SELECT CAST(0 AS BIGINT) UNION ALL SELECT n + 1 FROM counted WHERE n < $transfers - 1
    )
    SELECT n, n % 10 AS step, 'owner' || (n / 10) AS owner, $transfer AS transfer, $mint AS mint,
        $wallet AS wallet, $sink AS sink
    FROM counted;

INSERT INTO habitkit_owners (owner, rev) SELECT owner, 10 FROM numbers WHERE step = 0 ORDER BY 1;

INSERT INTO habitkit_accounts (id, owner, role, currency, balance, seq, at, floor, debt)
    SELECT mint, owner, 'mint', 'coin', -9000, 9, $instant, NULL, 0 FROM numbers WHERE step = 0;
INSERT INTO habitkit_accounts (id, owner, role, currency, balance, seq, at, floor, debt)
    SELECT wallet, owner, 'wallet', 'coin', 8999, 10, $instant, 0, 0 FROM numbers WHERE step = 0;
INSERT INTO habitkit_accounts (id, owner, role, currency, balance, seq, at, floor, debt)
    SELECT sink, owner, 'sink', 'coin', 1, 1, $instant, NULL, 0 FROM numbers WHERE step = 0;

INSERT INTO habitkit_transfers (id, kind, source, target, currency, amount, at)
    SELECT transfer, CASE step WHEN 9 THEN 'spend' ELSE 'award' END, owner, owner, 'coin',
        CASE step WHEN 9 THEN 1 ELSE 1000 END, $instant
    FROM numbers ORDER BY 1;

INSERT INTO habitkit_entries (account_id, seq, transfer_id, amount, balance, at)
    SELECT mint, step + 1, transfer, -1000, -1000 * (step + 1), $instant
    FROM numbers WHERE step < 9;
INSERT INTO habitkit_entries (account_id, seq, transfer_id, amount, balance, at)
    SELECT wallet, step + 1, transfer, 1000, 1000 * (step + 1), $instant
    FROM numbers WHERE step < 9;
INSERT INTO habitkit_entries (account_id, seq, transfer_id, amount, balance, at)
    SELECT wallet, 10, transfer, -1, 8999, $instant FROM numbers WHERE step = 9;
INSERT INTO habitkit_entries (account_id, seq, transfer_id, amount, balance, at)
    SELECT sink, 1, transfer, 1, 1, $instant FROM numbers WHERE step = 9;

INSERT INTO habitkit_events (owner, rev, position, type, at, fields)
    SELECT owner, step + 1, 0, 'CoinsPosted', $instant, CAST('{
        "transfer_id": "0193b7a0-0000-7000-8000-000000000000", "kind": "award",
        "currency": "coin", "amount": 1000, "balance": 1000
    }' AS $json)
    FROM numbers ORDER BY 1, 2;
INSERT INTO habitkit_idempotency (owner, operation, key, request, result, at)
    SELECT owner, 'coins.award', 'before ' || step, CAST('{
        "target": "owner", "amount": "1000", "currency": "coin", "memo": "None", "metadata": "None"
    }' AS $json), '"0193b7a0-0000-7000-8000-000000000000"', $instant
    FROM numbers ORDER BY 1, 3;
INSERT INTO habitkit_unsealed (account_id) SELECT wallet FROM numbers WHERE step = 0;
DROP TABLE numbers
""")


class _Words(NamedTuple):
    """What two dialects call differently."""

    id: str
    instant: str
    json: str
    hexadecimal: Callable[[int, str], str]


_WORDS = {
    "sqlite": _Words(
        "TEXT", "TEXT", "TEXT", lambda width, number: f"printf('%0{width}x', {number})"
    ),
    "postgresql": _Words(
        "UUID",
        "TIMESTAMPTZ",
        "JSONB",
        lambda width, number: f"lpad(to_hex({number}), {width}, '0')",
    ),
}


def spenders(entries: int) -> dict[str, str]:
    """Return which owner of a ledger of so many entries stands for which of the fifty."""
    step = entries // ENTRIES_AN_OWNER // len(OWNERS)
    return {owner: f"owner{number * step}" for number, owner in enumerate(OWNERS)}


def coins_in_wallets(entries: int) -> int:
    """Return how many coins all wallets of such a ledger hold."""
    return entries // ENTRIES_AN_OWNER * 8999


def statements(dialect: Literal["sqlite", "postgresql"], entries: int) -> list[str]:
    """Return the statements that fill empty tables.

    Args:
        dialect: Whose SQL.
        entries: How many; a multiple of a thousand, which makes at least fifty owners.
    """
    words = _WORDS[dialect]
    scattered = words.hexadecimal(8, "n * 2654435761 % 4294967296")
    transfer = f"{scattered} || {words.hexadecimal(24, 'n')}"
    mint, wallet, sink = (words.hexadecimal(32, f"n / 10 * 4 + {role}") for role in range(3))
    filled = _FILL.substitute(
        transfers=entries // 2,
        transfer=f"CAST({transfer} AS {words.id})",
        mint=f"CAST({mint} AS {words.id})",
        wallet=f"CAST({wallet} AS {words.id})",
        sink=f"CAST({sink} AS {words.id})",
        instant=f"CAST('2026-01-01T00:00:00.000000+00:00' AS {words.instant})",
        json=words.json,
    )
    return filled.split(";")
