"""Stores whose holds, export or audit are broken in one place each, put to the case that has to notice.

pytest does not collect this file by itself; ``test_contracts.py`` runs it.
"""

from __future__ import annotations

from operator import attrgetter

from attrs import evolve

from habitkit.coins.store import AUDIT, COINS, HOLDS, LEDGER
from tests.stores.breaking import breaker
from tests.stores.broken_ledgers import MOST_ROWS, around, not_undone

EXPECTED: list[str] = []
noticed_by = breaker(globals(), EXPECTED)

# -- holds -------------------------------------------------------------------------------------


@noticed_by("test_a_hold_comes_back_as_it_was_added")
def rounds_to_seconds(_, stores):
    @around(stores.port(HOLDS), "add")
    def wrong(call, hold):
        call(evolve(hold, at=hold.at.replace(microsecond=0)))


@noticed_by("test_a_hold_is_added_once")
def adds_holds_again(_, stores):
    holds = stores.port(HOLDS)
    holds._holds.insert = holds._holds.put


@noticed_by("test_a_hold_is_ended_once")
def ends_holds_again(_, stores):
    holds = stores.port(HOLDS)
    holds.end = lambda hold: holds._holds.put(hold.id, hold)


@noticed_by("test_ending_a_hold_leaves_what_it_was_and_every_other_hold")
def forgets_when_it_would_expire(_, stores):
    holds = stores.port(HOLDS)

    @around(holds, "end")
    def wrong(call, hold):
        call(hold)
        holds._holds.put(hold.id, evolve(holds.get(hold.id), expires_at=None))


@noticed_by("test_an_undone_write_leaves_nothing_in_the_ledger")
def holds_for_good(_, stores):
    @around(stores.port(HOLDS), "end")
    def wrong(call, hold):
        with not_undone(stores):
            call(hold)


def pages(stores, change):
    """Have pages of holds asked for otherwise."""
    holds = stores.port(HOLDS)

    @around(holds, "page")
    def wrong(call, owner, currency, after, limit, *, open_at):
        return change(call, holds, owner, currency, after, limit, open_at)


@noticed_by("test_holds_come_page_by_page_in_the_order_of_their_numbers")
def lists_holds_by_id(_, stores):
    pages(stores, lambda call, holds, owner, currency, after, limit, open_at: sorted(
        call(owner, currency, after, 10**6, open_at=open_at), key=attrgetter("id")
    )[:limit])  # fmt: skip


@noticed_by("test_holds_come_page_by_page_in_the_order_of_their_numbers")
def lists_holds_of_all_currencies(_, stores):
    pages(stores, lambda call, holds, owner, currency, after, limit, open_at: [
        hold for each in ("coin", "gem") for hold in call(owner, each, after, limit, open_at=open_at)
    ])  # fmt: skip


@noticed_by("test_holds_come_page_by_page_in_the_order_of_their_numbers")
def lists_the_same_holds_again(_, stores):
    pages(stores, lambda call, holds, owner, currency, after, limit, open_at: call(
        owner, currency, after and after - 1, limit, open_at=open_at
    ))  # fmt: skip


@noticed_by("test_a_page_of_open_holds_leaves_out_what_has_ended_or_expired_by_then")
def lists_what_has_expired(_, stores):
    pages(stores, lambda call, holds, owner, currency, after, limit, open_at: [
        hold
        for hold in call(owner, currency, after, limit, open_at=None)
        if open_at is None or hold.state == "open"
    ])  # fmt: skip


@noticed_by("test_a_page_of_open_holds_leaves_out_what_has_ended_or_expired_by_then")
def has_pages_with_holes(_, stores):
    pages(stores, lambda call, holds, owner, currency, after, limit, open_at: [
        hold
        for hold in call(owner, currency, after, limit, open_at=None)
        if open_at is None or hold in call(owner, currency, None, 10**6, open_at=open_at)
    ])  # fmt: skip


@noticed_by("test_lapsed_holds_are_those_expired_and_not_ended_at_the_instant")
def keeps_what_has_lapsed(_, stores):
    stores.port(HOLDS).lapsed = lambda owner, currency, at, *, still_open: 0


@noticed_by("test_lapsed_holds_are_those_expired_and_not_ended_at_the_instant")
def counts_what_has_ended(_, stores):
    @around(stores.port(HOLDS), "lapsed")
    def wrong(call, owner, currency, at, *, still_open):
        return call(owner, currency, at, still_open=False)


@noticed_by("test_lapsed_holds_are_those_expired_and_not_ended_at_the_instant")
def counts_what_is_open_alone(_, stores):
    @around(stores.port(HOLDS), "lapsed")
    def wrong(call, owner, currency, at, *, still_open):
        return call(owner, currency, at, still_open=True)


@noticed_by("test_overdue_holds_are_returned_the_longest_overdue_first")
def expires_by_id(_, stores):
    @around(stores.port(HOLDS), "overdue")
    def wrong(call, now, limit, **of):
        return sorted(call(now, limit, **of), key=attrgetter("id"))


@noticed_by("test_overdue_holds_are_returned_the_longest_overdue_first")
def expires_an_instant_too_late(_, stores):
    @around(stores.port(HOLDS), "overdue")
    def wrong(call, now, limit, **of):
        return [hold for hold in call(now, limit, **of) if hold.expires_at < now]


@noticed_by("test_overdue_holds_are_returned_the_longest_overdue_first")
def expires_for_everybody(_, stores):
    @around(stores.port(HOLDS), "overdue")
    def wrong(call, now, limit, **of):
        return call(now, limit)


@noticed_by("test_the_held_amount_is_the_sum_of_open_holds")
def holds_what_has_ended(_, stores):
    holds = stores.port(HOLDS)
    stores.port(AUDIT).held = lambda owner, currency: sum(
        hold.amount for hold in holds._of(owner, currency)
    )


# -- export and erasure ------------------------------------------------------------------------


@noticed_by("test_accounts_come_by_their_id_of_one_owner_or_of_all")
def exports_everybodys_accounts(_, stores):
    @around(stores.port(LEDGER), "accounts")
    def wrong(call, after, limit, *, owner):
        return call(after, limit, owner=None)


@noticed_by("test_accounts_come_by_their_id_of_one_owner_or_of_all")
def exports_accounts_as_they_were_opened(_, stores):
    @around(stores.port(LEDGER), "accounts")
    def wrong(call, after, limit, *, owner):
        return call(after, limit, owner=owner)[::-1]


@noticed_by("test_lines_are_entries_with_all_facts_of_their_transfers")
def exports_no_reversals(_, stores):
    @around(stores.port(LEDGER), "lines")
    def wrong(call, account_id, after, limit):
        return [evolve(line, reverses=None) for line in call(account_id, after, limit)]


@noticed_by("test_entitlements_come_in_the_order_of_their_keys")
def sorts_as_a_dictionary_does(_, stores):
    coins = stores.port(COINS)
    stores.port(LEDGER).entitlements = lambda owner, after, limit: sorted(
        (
            row
            for (of, key), row in coins._settled.rows.items()
            if of == owner and (after is None or key.casefold() > after.casefold())
        ),
        key=lambda row: row.key.casefold(),
    )[:limit]


@noticed_by("test_entitlements_come_in_the_order_of_their_keys")
def begins_every_page_of_entitlements_anew(_, stores):
    ledger = stores.port(LEDGER)
    page = ledger.entitlements
    ledger.entitlements = lambda owner, after, limit: page(owner, None, limit)


@noticed_by("test_forgetting_erases_memos_and_metadata_and_leaves_the_rest")
def forgets_too_much(_, stores):
    ledger, transfers = stores.port(LEDGER), stores.port(COINS)._transfers

    def erase(account_id, after, last):
        for line in ledger.lines(account_id, after, last):
            transfers.delete(line.transfer_id)
        return 0

    ledger.erase = erase


@noticed_by("test_forgetting_erases_memos_and_metadata_and_leaves_the_rest")
def forgets_memos_alone(_, stores):
    transfers = stores.port(COINS)._transfers

    @around(stores.port(LEDGER), "erase")
    def wrong(call, account_id, after, last):
        before = dict(transfers.rows)
        erased = call(account_id, after, last)
        for id_, row in before.items():
            transfers.put(id_, evolve(transfers.rows[id_], metadata=row.metadata))
        return erased


@noticed_by("test_forgetting_erases_memos_and_metadata_and_leaves_the_rest")
def counts_what_it_has_seen(_, stores):
    @around(stores.port(LEDGER), "erase")
    def wrong(call, account_id, after, last):
        call(account_id, after, last)
        return len(stores.port(LEDGER).lines(account_id, after, last - after))


@noticed_by("test_erased_text_is_erased_for_both_accounts")
def keeps_a_memo_a_side(_, stores):
    ledger, memos = stores.port(LEDGER), {}

    @around(stores.port(COINS), "post")
    def posting(call, transfers, moves):
        call(transfers, moves)
        for move in moves:
            (memo,) = (row.memo for row in transfers if row.id == move.transfer_id)
            memos[move.account_id, move.seq] = memo

    @around(ledger, "erase")
    def forgetting(call, account_id, after, last):
        memos.update({(account_id, seq): None for seq in range(after + 1, last + 1)})
        return call(account_id, after, last)

    @around(ledger, "lines")
    def wrong(call, account_id, after, limit):
        lines = call(account_id, after, limit)
        return [evolve(line, memo=memos.get((account_id, line.seq))) for line in lines]


@noticed_by("test_a_thousand_transfers_are_listed_and_forgotten_at_once")
def forgets_few_at_once(_, stores):
    @around(stores.port(LEDGER), "erase")
    def wrong(call, account_id, after, last):
        return call(account_id, after, min(last, after + MOST_ROWS))


@noticed_by("test_an_undone_write_leaves_nothing_in_the_ledger")
def forgets_for_good(_, stores):
    @around(stores.port(LEDGER), "erase")
    def wrong(call, account_id, after, last):
        with not_undone(stores):
            return call(account_id, after, last)


# -- audit -------------------------------------------------------------------------------------


@noticed_by("test_forgetting_erases_salts_and_leaves_digests")
def keeps_salts(_, stores):
    audit = stores.port(AUDIT)

    @around(stores.port(LEDGER), "erase")
    def wrong(call, account_id, after, last):
        before = dict(audit._digests.rows)
        erased = call(account_id, after, last)
        audit._digests.rows.update(before)
        return erased


@noticed_by("test_a_transfer_gets_a_digest_once")
def digests_again(_, stores):
    digests = stores.port(AUDIT)._digests
    stores.port(AUDIT).digest = lambda rows: [
        digests.put(row.transfer_id, (row.salt, row.digest)) for row in rows
    ]


@noticed_by("test_accounts_are_queued_for_sealing_once")
def notes_accounts_once(_, stores):
    unsealed = stores.port(AUDIT)._unsealed
    stores.port(AUDIT).unsealed = lambda ids: [unsealed.insert(id_, id_) for id_ in ids]


@noticed_by("test_accounts_to_seal_are_paged_in_the_order_of_ids")
def seals_from_the_beginning(_, stores):
    @around(stores.port(AUDIT), "to_seal")
    def wrong(call, after, limit):
        return call(None, limit)


@noticed_by("test_a_block_seals_its_account_up_to_its_last_entry")
def is_never_done_with_sealing(_, stores):
    @around(stores.port(AUDIT), "seal")
    def wrong(call, block, *, more):
        call(block, more=True)


@noticed_by("test_blocks_come_in_order_and_each_is_there_once")
def seals_over_a_block(_, stores):
    blocks = stores.port(AUDIT)._blocks
    blocks.insert = blocks.put


@noticed_by("test_a_posting_leaves_an_account_sealed_as_far_as_it_was")
def unseals_what_moves(_, stores):
    accounts = stores.port(COINS)._accounts

    @around(stores.port(COINS), "post")
    def wrong(call, transfers, moves):
        call(transfers, moves)
        for move in moves:
            accounts.put(move.account_id, evolve(accounts.rows[move.account_id], sealed=0))


@noticed_by("test_the_sums_are_those_of_all_accounts_entries_and_transfers")
def sums_in_floats(_, stores):
    @around(stores.port(AUDIT), "sums")
    def wrong(call):
        return [evolve(each, balances=float(each.balances)) for each in call()]


@noticed_by("test_an_undone_write_leaves_nothing_under_a_block_hash")
def seals_for_good(_, stores):
    @around(stores.port(AUDIT), "seal")
    def wrong(call, block, *, more):
        with not_undone(stores):
            call(block, more=more)
