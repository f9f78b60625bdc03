"""A ledger, and somebody who changes it behind its back."""

from __future__ import annotations

from uuid import UUID

import habitkit.testing
from habitkit.coins import CoinSettings
from habitkit.coins.domain.model import Posting
from habitkit.coins.store import LEDGER
from habitkit.testing.contracts._base import read

KEY = b"a secret of 24 bytes ..."


class TamperedLedger:
    """A ledger, and means to change it: ada was given 10 coins six times."""

    def __init__(self, tamper, store):
        """Post six awards; two blocks hold two entries each, the last two are not sealed."""
        self.tamper = tamper
        self.store = store
        self.kit = habitkit.testing.kit(store=store, coins=CoinSettings(audit_key=KEY))
        self.others = habitkit.testing.kit(store=store)
        self.transfers = []
        for n in range(3):
            awards = [
                Posting.award("ada", 10),
                Posting.award("ada", 10),
            ]
            if n == 1:
                awards[0] = Posting.award("ada", 10, memo="hi", metadata={"n": 1})
            self.transfers += self.kit.coins.post_many(awards, idempotency_key=f"{n}")
            if n < 2:
                self.kit.sweep()
        self.heads = self.kit.coins.head("ada")
        (self.wallet,) = (a for a in self.kit.coins.export("ada").accounts if a.role == "wallet")

    def findings(self, heads=None, kit=None):
        """Return what an audit of ada finds."""
        trusted = self.heads if heads is None else heads
        return list((kit or self.kit).coins.audit("ada", heads=trusted).findings)

    def found_at(self, heads=None, kit=None):
        """Return the entry of ada's wallet that an audit names, or None if it finds nothing."""
        in_wallet = [each for each in self.findings(heads, kit) if each.role == "wallet"]
        assert len(in_wallet) <= 1, in_wallet
        for each in in_wallet:
            assert (each.owner, each.currency) == ("ada", "coin")
            assert each.seq is not None, each
        return in_wallet[0].seq if in_wallet else None

    def change_entry(self, seq, **changes):
        """Change an entry of the wallet."""
        self.tamper.change("entries", {"account_id": self.wallet.id, "seq": seq}, changes)

    def change_transfer(self, number, **changes):
        """Change the transfer of an entry of the wallet."""
        self.tamper.change("transfers", {"id": self.transfers[number - 1].id}, changes)

    def change_account(self, **changes):
        """Change the wallet itself."""
        self.tamper.change("accounts", {"id": self.wallet.id}, changes)

    def remove_entry(self, seq):
        """Remove an entry of the wallet."""
        self.tamper.remove("entries", {"account_id": self.wallet.id, "seq": seq})

    def rows(self):
        """Return the entries of the wallet as rows."""
        lines = read(self.store, lambda stores: stores.port(LEDGER).lines(self.wallet.id, 0, 100))
        names = ("seq", "transfer_id", "amount", "balance", "at")
        return [
            {"account_id": self.wallet.id, **{name: getattr(line, name) for name in names}}
            for line in lines
        ]

    def slip_in(self, seq):
        """Put an award in before an entry, and move the later ones on so that all adds up."""
        new = UUID(int=1)
        self.tamper.insert("transfers", row_of(self.transfers[0], id=new))
        rows = self.rows()
        rows.insert(seq - 1, {**rows[seq - 1], "transfer_id": new})
        for number in range(seq, len(rows)):
            self.remove_entry(number)
        for number in range(seq, len(rows) + 1):
            row = {**rows[number - 1], "seq": number, "balance": 10 * number}
            self.tamper.insert("entries", row)
        self.change_account(seq=len(rows), balance=10 * len(rows))

    def seal_anew(self, kit):
        """Put a kit's block on the first four entries in place of those that are there."""
        for last in (2, 4):
            self.tamper.remove("blocks", {"account_id": self.wallet.id, "last": last})
        tail = self.rows()[4:]
        for row in tail:
            self.remove_entry(row["seq"])
        self.change_account(sealed=0, seq=4, balance=40)
        kit.sweep()
        for row in tail:
            self.tamper.insert("entries", row)
        self.change_account(seq=6, balance=60)


def row_of(transfer, **changes):
    """Return a transfer as a row."""
    names = ("id", "kind", "source", "target", "currency", "amount", "memo", "at", "metadata")
    return {**{name: getattr(transfer, name) for name in names}, "reverses": None, **changes}
