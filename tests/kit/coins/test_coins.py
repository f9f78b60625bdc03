"""The coins' actions: award, spend, transfer, balance, statement."""

from __future__ import annotations

import pytest

import habitkit.testing
from habitkit.coins import (
    BalanceOverflow,
    CoinSettings,
    InsufficientFunds,
    InvalidAmount,
    UnknownCurrency,
)
from habitkit.coins.domain.economy import Economy
from habitkit.coins.domain.model import Balance, Posting
from habitkit.errors import IdempotencyConflict, IdempotencyKeyExpired, InvalidInput, InvalidKey
from habitkit.journal.domain.rules import IDEMPOTENCY_DAYS
from habitkit.testing.contracts._sample_facts import STRANGE_TEXTS, events_of, revisions
from habitkit.testing.contracts._sample_ledger import sum_of_all
from tests.kit.coins.support import traces_of
from tests.kit.support import assert_hidden

LARGEST = 2**63 - 1


class TestCoins:
    def test_a_wallet_that_was_never_used_holds_nothing(self, kit):
        assert kit.coins.balance("ada") == Balance("ada", "coin", 0)
        assert kit.coins.statement("ada") == []

    def test_awarded_coins_can_be_spent(self, kit, store):
        award = kit.coins.award("ada", 30, memo="welcome", idempotency_key="a")
        spend = kit.coins.spend("ada", 20, memo="hat", idempotency_key="s")

        assert (award.kind, award.source, award.target) == ("award", "ada", "ada")
        assert (spend.kind, spend.amount, spend.memo) == ("spend", 20, "hat")
        assert kit.coins.balance("ada").available == 10
        assert [(e.kind, e.amount, e.balance, e.memo) for e in kit.coins.statement("ada")] == [
            ("spend", -20, 10, "hat"),
            ("award", 30, 30, "welcome"),
        ]
        assert sum_of_all(store, "ada") == 0

    def test_a_transfer_moves_coins_from_one_wallet_to_another(self, kit, store):
        kit.coins.award("ada", 30, idempotency_key="a")

        done = kit.coins.transfer("ada", "bob", 12, idempotency_key="t")

        assert (done.source, done.target, done.amount) == ("ada", "bob", 12)
        assert kit.coins.balance("ada").available == 18
        assert kit.coins.balance("bob").available == 12
        (entry,) = kit.coins.statement("bob")
        assert (entry.transfer_id, entry.kind, entry.seq) == (done.id, "transfer", 1)
        assert [e.type for e in events_of(kit, "bob")] == ["CoinsPosted"]
        assert revisions(kit, "bob") == [1]
        assert sum_of_all(store, "ada", "bob") == 0

    def test_a_transfer_to_oneself_is_refused(self, kit):
        kit.coins.award("ada", 30, idempotency_key="a")

        with pytest.raises(InvalidInput):
            kit.coins.transfer("ada", "ada", 1, idempotency_key="t")

    def test_spending_more_than_is_there_is_refused_and_nothing_is_written(self, kit, store):
        kit.coins.award("ada", 10, idempotency_key="a")
        before = traces_of(kit, store, "ada"), traces_of(kit, store, "bob")

        with pytest.raises(InsufficientFunds) as refused:
            kit.coins.spend("ada", 11, idempotency_key="s")
        with pytest.raises(InsufficientFunds):
            kit.coins.transfer("ada", "bob", 11, idempotency_key="t")
        with pytest.raises(InsufficientFunds):
            kit.coins.spend("bob", 1, idempotency_key="s")

        assert (refused.value.balance, refused.value.amount) == (10, 11)
        assert (traces_of(kit, store, "ada"), traces_of(kit, store, "bob")) == before
        kit.coins.award("ada", 1, idempotency_key="b")
        assert kit.coins.spend("ada", 11, idempotency_key="s").amount == 11
        assert revisions(kit, "ada") == [1, 2, 3]

    def test_the_largest_amount_is_kept_to_the_last_coin(self, kit, store):
        kit.coins.award("ada", LARGEST, idempotency_key="a")

        assert kit.coins.balance("ada").posted == LARGEST
        assert kit.coins.statement("ada")[0].amount == LARGEST
        assert type(kit.coins.balance("ada").posted) is int
        kit.coins.spend("ada", LARGEST - 1, idempotency_key="s")
        assert kit.coins.balance("ada").posted == 1
        assert sum_of_all(store, "ada") == 0

    def test_a_balance_beyond_64_bits_is_refused_and_nothing_is_written(self, kit, store):
        kit.coins.award("ada", LARGEST, idempotency_key="a")
        kit.coins.award("bob", 1, idempotency_key="b")
        before = traces_of(kit, store, "ada"), traces_of(kit, store, "bob")

        with pytest.raises(BalanceOverflow):
            kit.coins.award("ada", 1, idempotency_key="c")
        with pytest.raises(BalanceOverflow):
            kit.coins.transfer("bob", "ada", 1, idempotency_key="t")

        assert (traces_of(kit, store, "ada"), traces_of(kit, store, "bob")) == before

    def test_an_invalid_amount_is_refused_and_nothing_is_written(self, kit, store):
        kit.coins.award("ada", 10, idempotency_key="a")
        before = traces_of(kit, store, "ada")

        unfit = [0, -1, True, 1.0, 2**63, "1", None]
        for amount in unfit:
            with pytest.raises(InvalidAmount):
                kit.coins.award("ada", amount, idempotency_key="k")
            with pytest.raises(InvalidAmount):
                kit.coins.spend("ada", amount, idempotency_key="k")
            with pytest.raises(InvalidAmount):
                kit.coins.transfer("ada", "bob", amount, idempotency_key="k")

        assert traces_of(kit, store, "ada") == before

    def test_a_currency_that_is_not_declared_is_refused(self, kit):
        for currency in ("gold", "Coin", ""):
            named = {"currency": currency, "idempotency_key": "k"}
            with pytest.raises(UnknownCurrency):
                kit.coins.award("ada", 1, **named)
            with pytest.raises(UnknownCurrency):
                kit.coins.spend("ada", 1, **named)
            with pytest.raises(UnknownCurrency):
                kit.coins.transfer("ada", "bob", 1, **named)
            with pytest.raises(UnknownCurrency):
                kit.coins.balance("ada", currency)
            with pytest.raises(UnknownCurrency):
                kit.coins.statement("ada", currency=currency)

        assert events_of(kit, "ada") == []

    def test_currencies_are_kept_apart(self, store):
        kit = habitkit.testing.kit(store=store, coins=CoinSettings(Economy.without_rewards("gem")))
        kit.coins.award("ada", 3, currency="gem", idempotency_key="g")
        kit.coins.award("ada", 5, idempotency_key="c")
        kit.coins.spend("ada", 1, currency="gem", idempotency_key="s")

        assert kit.coins.balance("ada", "gem").available == 2
        assert kit.coins.balance("ada").available == 5
        assert [entry.seq for entry in kit.coins.statement("ada", currency="gem")] == [2, 1]
        with pytest.raises(InsufficientFunds):
            kit.coins.spend("ada", 3, currency="gem", idempotency_key="t")

    def test_a_memo_may_be_any_short_text(self, kit):
        memos = [*STRANGE_TEXTS, "", None, "🪙" * 500]
        for n, memo in enumerate(memos):
            kit.coins.award("ada", 1, memo=memo, idempotency_key=f"k{n}")

        kept = kit.coins.statement("ada", newest_first=False)
        assert [entry.memo for entry in kept] == memos
        for unfit in ("x" * 501, "a\x00", "\ud800"):
            with pytest.raises(InvalidInput):
                kit.coins.award("ada", 1, memo=unfit, idempotency_key="k")

    def test_numbers_in_metadata_come_back_as_they_were_given(self, kit):
        numbers = [0.1, 1.0, -2.5e-7, 1e15, 9e15 + 0.5, 1e16, -2.5e300, 10**30, 5e-324, -0.0]

        said = kit.coins.award("ada", 1, idempotency_key="n", metadata={"n": numbers})
        again = kit.coins.award("ada", 1, idempotency_key="n", metadata={"n": numbers})

        assert again == said
        (entry,) = kit.coins.statement("ada")
        assert entry.metadata == said.metadata == {"n": numbers}
        assert said.metadata is not None
        kinds = [type(number) for number in said.metadata["n"]]
        assert kinds == [float] * 5 + [int] * 3 + [float] * 2  # from 1e16 on all are whole
        assert entry.metadata is not None
        assert [type(number) for number in entry.metadata["n"]] == kinds

    def test_one_key_moves_coins_once(self, kit, store):
        kit.coins.award("ada", 100, idempotency_key="k")
        spend = kit.coins.spend("ada", 10, memo="hat", idempotency_key="k")
        transfer = kit.coins.transfer("ada", "bob", 10, idempotency_key="k")
        before = traces_of(kit, store, "ada")
        kit.clock.advance(days=1)

        assert kit.coins.spend("ada", 10, memo="hat", idempotency_key="k") == spend
        assert kit.coins.transfer("ada", "bob", 10, idempotency_key="k") == transfer
        assert traces_of(kit, store, "ada") == before
        assert kit.coins.balance("ada").posted == 80
        with pytest.raises(IdempotencyConflict) as conflict:
            kit.coins.spend("ada", 11, idempotency_key="k")
        assert set(conflict.value.differing) == {"amount", "memo"}
        with pytest.raises(IdempotencyConflict) as conflict:
            kit.coins.transfer("ada", "cyd", 10, idempotency_key="k")
        assert conflict.value.differing == ("target",)

    def test_coins_do_not_move_without_a_key(self, kit):
        unfit = None

        with pytest.raises(InvalidKey):
            kit.coins.award("ada", 1, idempotency_key=unfit)

        assert kit.coins.balance("ada").posted == 0

    def test_a_key_that_is_forgotten_never_moves_the_same_coins_twice(self, kit):
        kit.coins.award("ada", 10, idempotency_key="k")
        kit.clock.advance(days=IDEMPOTENCY_DAYS, seconds=1)
        assert kit.sweep().counts["old_keys"] == 1

        for amount in (10, LARGEST):  # which do not fit any more
            with pytest.raises(IdempotencyKeyExpired):
                kit.coins.award("ada", amount, idempotency_key="k")
        assert kit.coins.balance("ada").posted == 10

    def test_coins_of_another_owner_do_not_exist(self, kit):
        award = kit.coins.award("bob", 10, idempotency_key="k")
        hold = kit.coins.reserve("bob", 5, idempotency_key="k")
        kit.coins.award("ada", 10, idempotency_key="k")
        ada = kit.owned_by("ada")

        assert_hidden(
            ada.coins,
            {
                "balance": lambda: ada.coins.balance("bob"),
                "award": lambda: ada.coins.award("bob", 1, idempotency_key="a"),
                "spend": lambda: ada.coins.spend("bob", 1, idempotency_key="s"),
                "transfer": lambda: ada.coins.transfer("bob", "ada", 1, idempotency_key="t"),
                "statement": lambda: ada.coins.statement("bob"),
                "set_floor": lambda: ada.coins.set_floor("bob"),
                "post_many": lambda: ada.coins.post_many(
                    [Posting.award("ada", 1), Posting.award("bob", 1)], idempotency_key="m"
                ),
                "reverse": lambda: ada.coins.reverse(award.id, idempotency_key="r"),
                "reserve": lambda: ada.coins.reserve("bob", 1, idempotency_key="h"),
                "hold": lambda: ada.coins.hold(hold.id),
                "settle": lambda: ada.coins.settle(hold.id),
                "release": lambda: ada.coins.release(hold.id),
                "holds": lambda: ada.coins.holds("bob"),
                "expiring": lambda: ada.coins.expiring("bob"),
                "owners": ada.coins.owners,
                "audit": ada.coins.audit,
                "head": lambda: ada.coins.head("bob"),
                "export": lambda: ada.coins.export("bob"),
                "forget": lambda: ada.coins.forget("bob"),
            },
        )
        assert kit.coins.balance("bob").posted == 10
        ada.coins.transfer("ada", "bob", 4, idempotency_key="t")
        assert (ada.coins.balance("ada").posted, kit.coins.balance("bob").posted) == (6, 14)


class TestStatements:
    @pytest.fixture
    def entries(self, kit):
        """Seven entries of ada's, oldest first; bob has some too."""
        for n in range(1, 8):
            kit.coins.award("ada", n, idempotency_key=f"k{n}")
            kit.coins.award("bob", n, idempotency_key=f"k{n}")
            kit.clock.advance(seconds=1)
        return kit.coins.statement("ada", newest_first=False)

    def test_entries_are_numbered_from_1_and_carry_the_balance(self, entries):
        assert [entry.seq for entry in entries] == [1, 2, 3, 4, 5, 6, 7]
        assert [entry.amount for entry in entries] == [1, 2, 3, 4, 5, 6, 7]
        assert [entry.balance for entry in entries] == [1, 3, 6, 10, 15, 21, 28]
        assert [entry.at for entry in entries] == sorted({entry.at for entry in entries})

    def test_history_comes_newest_first_and_page_by_page(self, kit, entries):
        backwards = entries[::-1]

        assert kit.coins.statement("ada") == backwards
        assert kit.coins.statement("ada", limit=3) == backwards[:3]
        assert kit.coins.statement("ada", after=5, limit=3) == backwards[3:6]
        assert kit.coins.statement("ada", after=2, limit=3) == backwards[6:]
        assert kit.coins.statement("ada", after=1) == []
        assert kit.coins.statement("ada", after=99, limit=2) == backwards[:2]

    def test_history_comes_oldest_first_too(self, kit, entries):
        def page(after, limit):
            return kit.coins.statement("ada", after=after, limit=limit, newest_first=False)

        assert page(None, 3) == entries[:3]
        assert page(3, 3) == entries[3:6]
        assert page(6, 3) == entries[6:]
        assert page(7, 3) == []
        assert page(0, 9) == entries

    def test_an_entry_is_never_dated_before_the_one_before_it(self, kit):
        kit.coins.award("ada", 1, idempotency_key="k1")
        first = kit.clock.now()
        kit.clock.advance(hours=-1)

        kit.coins.award("ada", 1, idempotency_key="k2")

        assert [entry.at for entry in kit.coins.statement("ada")] == [first, first]
