"""What the books are sealed, checked and exported with, loaded when it is first asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from habitkit._late import loader

if TYPE_CHECKING:
    from habitkit.coins.books import (
        AuditReport,
        Block,
        Digest,
        Finding,
        Head,
        LedgerExport,
        Line,
        Sum,
    )
    from habitkit.coins.chain import BEGINNING, block_hash, line_hash, marks, words_digest
    from habitkit.coins.checking import Checker

__all__ = [
    "BEGINNING",
    "AuditReport",
    "Block",
    "Checker",
    "Digest",
    "Finding",
    "Head",
    "LedgerExport",
    "Line",
    "Sum",
    "block_hash",
    "line_hash",
    "marks",
    "words_digest",
]

_PAGES = {
    "books": (
        "AuditReport",
        "Block",
        "Digest",
        "Finding",
        "Head",
        "LedgerExport",
        "Line",
        "Sum",
    ),
    "chain": ("BEGINNING", "block_hash", "line_hash", "marks", "words_digest"),
    "checking": ("Checker",),
}
if not TYPE_CHECKING:  # which would take any name to be there
    __getattr__, __dir__ = loader(globals(), "habitkit.coins", _PAGES)
