"""Stores whose ledger is broken in one place each, put to the case that has to notice.

pytest does not collect this file by itself; ``test_contracts.py`` runs it.
"""

from __future__ import annotations

import json
import threading
from contextlib import contextmanager
from datetime import timedelta
from functools import partial, wraps
from itertools import islice

from attrs import evolve

from habitkit.coins.domain.model import Entry
from habitkit.coins.store import COINS
from habitkit.errors import IntegrityError
from tests.stores.breaking import breaker

EXPECTED: list[str] = []
noticed_by = breaker(globals(), EXPECTED)

DAY = timedelta(days=1)
MOST_ROWS = 500


def around(port, name):
    """Put a function, which is given the right call first, in place of a port's call."""

    def replace(wrong):
        setattr(port, name, wraps(getattr(port, name))(partial(wrong, getattr(port, name))))
        return wrong

    return replace


def forgiving(port, name, message):
    """Go on where a call refuses something with a message."""

    @around(port, name)
    def lenient(call, *args, **named):
        try:
            call(*args, **named)
        except IntegrityError as error:
            if message not in str(error):
                raise


@contextmanager
def not_undone(stores):
    """Forget how to undo what is written in the block."""
    mark = len(stores.log.entries)
    yield
    del stores.log.entries[mark:]


# -- accounts ----------------------------------------------------------------------------------


@noticed_by("test_an_account_comes_back_as_it_was_opened")
def mixes_currencies_up(_, stores):
    coins = stores.port(COINS)
    coins.accounts = lambda owners, _: [row for row in coins._accounts if row.owner in owners]


@noticed_by("test_accounts_of_several_owners_are_found_at_once")
def finds_one_owner(_, stores):
    @around(stores.port(COINS), "accounts")
    def wrong(call, owners, currency):
        return call(owners[:1], currency)


@noticed_by("test_accounts_of_a_thousand_owners_are_found_at_once")
def finds_few_accounts(_, stores):
    @around(stores.port(COINS), "accounts")
    def wrong(call, owners, currency):
        return call(owners[:MOST_ROWS], currency)


@noticed_by("test_accounts_of_owners_with_similar_names_are_distinct")
def ignores_case_of_owners(_, stores):
    coins = stores.port(COINS)
    coins.accounts = lambda owners, _: [
        row
        for row in coins._accounts
        if row.owner.casefold() in [name.casefold() for name in owners]
    ]


@noticed_by("test_an_owner_has_one_account_a_role_and_currency")
def opens_wallets_again(_, stores):
    coins = stores.port(COINS)
    coins.open = lambda rows: [coins._accounts.insert(row.id, row) for row in rows]


@noticed_by("test_an_account_of_an_id_that_is_taken_is_refused")
def opens_over_others(_, stores):
    coins = stores.port(COINS)
    coins._accounts.insert = coins._accounts.put


@noticed_by("test_a_floor_may_be_changed_as_far_as_balance_and_debt_allow")
def has_any_floor(_, stores):
    forgiving(stores.port(COINS), "set_floor", "below the new floor")


@noticed_by("test_an_account_without_a_floor_may_fall_as_far_as_64_bits_go")
def counts_in_floats(_, stores):
    @around(stores.port(COINS), "accounts")
    def wrong(call, owners, currency):
        rows = call(owners, currency)
        return [row._replace(balance=int(float(row.balance))) for row in rows]


# -- postings ----------------------------------------------------------------------------------


@noticed_by("test_no_balance_falls_below_its_floor_by_more_than_its_debt")
def has_no_floor(_, stores):
    @around(stores.port(COINS), "post")
    def wrong(call, transfers, moves):
        call(transfers, [move._replace(debt=10**6) for move in moves])


@noticed_by("test_the_last_move_sets_the_debt")
def never_forgets_debts(_, stores):
    coins = stores.port(COINS)

    @around(coins, "post")
    def wrong(call, transfers, moves):
        debts = {row.id: row.debt for row in coins._accounts}
        call(transfers, [row._replace(debt=max(row.debt, debts[row.account_id])) for row in moves])


@noticed_by("test_a_transfer_is_posted_once")
def posts_again(_, stores):
    coins = stores.port(COINS)
    coins._transfers.insert = coins._transfers.put


@noticed_by("test_the_reversals_of_a_transfer_add_up")
def counts_the_last_reversal_alone(_, stores):
    coins = stores.port(COINS)

    @around(coins, "reversed")
    def wrong(call, transfer_id):
        found = call(transfer_id)
        last = None if found.last_id is None else coins.transfer(found.last_id)
        return found if last is None else evolve(found, amount=last.amount)


@noticed_by("test_an_entry_that_is_dated_earlier_counts_from_then")
def counts_from_when_it_was_recorded(_, stores):
    stores.port(COINS)._dated.get = lambda _, default: default


@noticed_by("test_all_moves_together_sum_to_zero")
def makes_coins_of_nothing(_, stores):
    forgiving(stores.port(COINS), "post", "sum to zero")


@noticed_by("test_entries_are_numbered_without_gaps")
def leaves_gaps(_, stores):
    forgiving(stores.port(COINS), "post", "was changed after")


@noticed_by("test_a_thousand_transfers_are_posted_at_once")
def posts_few_at_once(_, stores):
    @around(stores.port(COINS), "post")
    def wrong(call, transfers, moves):
        if len(transfers) > MOST_ROWS:
            raise RuntimeError("too many parameters")
        call(transfers, moves)


@noticed_by("test_an_undone_write_leaves_nothing_in_the_ledger")
def posts_for_good(_, stores):
    @around(stores.port(COINS), "post")
    def wrong(call, transfers, moves):
        with not_undone(stores):
            call(transfers, moves)


@noticed_by("test_a_transaction_sees_what_it_has_posted")
def shows_what_was_committed(store, stores):
    coins, run = stores.port(COINS), store.run

    def beginning(work, *, write, keyed):
        coins.committed = dict(coins._accounts.rows)
        return run(work, write=write, keyed=keyed)

    store.run = beginning

    @around(coins, "accounts")
    def wrong(call, owners, currency):
        return [coins.committed.get(row.id, row) for row in call(owners, currency)]


@noticed_by("test_awards_of_many_threads_to_one_owner_are_all_there")
def loses_updates(store, stores):
    @around(stores.port(COINS), "accounts")
    def wrong(call, owners, currency):
        rows = call(owners, currency)
        store._lock.release()
        threading.Event().wait(0.001)  # another thread's turn
        store._lock.acquire()
        return rows


# -- statements --------------------------------------------------------------------------------


@noticed_by("test_posting_moves_the_accounts_on_and_adds_entries")
def dates_entries_by_transfers(_, stores):
    coins = stores.port(COINS)

    @around(coins, "entries")
    def wrong(call, *args, **named):
        rows = call(*args, **named)
        return [evolve(row, at=coins._transfers.rows[row.transfer_id].at) for row in rows]


@noticed_by("test_entries_come_page_by_page_both_ways")
def turns_pages_one_way(_, stores):
    @around(stores.port(COINS), "entries")
    def wrong(call, *args, newest_first):
        return call(*args, newest_first=False)


@noticed_by("test_entries_come_page_by_page_both_ways")
def repeats_the_last_entry(_, stores):
    @around(stores.port(COINS), "entries")
    def wrong(call, account_id, after, limit, *, newest_first):
        start = after and after + (1 if newest_first else -1)
        return call(account_id, start, limit, newest_first=newest_first)


@noticed_by("test_entries_come_page_by_page_both_ways")
def has_endless_pages(_, stores):
    @around(stores.port(COINS), "entries")
    def wrong(call, account_id, after, limit, *, newest_first):
        return call(account_id, after, 10**6, newest_first=newest_first)


@noticed_by("test_the_balance_at_an_instant_is_that_after_the_last_entry_until_then")
def knows_no_past(_, stores):
    coins = stores.port(COINS)
    coins.balance_at = lambda account_id, _: coins._accounts.rows[account_id].balance


@noticed_by("test_the_balance_at_an_instant_is_that_after_the_last_entry_until_then")
def excludes_the_instant(_, stores):
    @around(stores.port(COINS), "balance_at")
    def wrong(call, account_id, at):
        return call(account_id, at - timedelta.resolution)


@noticed_by("test_a_balance_may_be_asked_for_at_any_instant")
def fails_at_the_ends_of_time(_, stores):
    @around(stores.port(COINS), "balance_at")
    def wrong(call, account_id, at):
        at - DAY, at + DAY
        return call(account_id, at)


# -- transfers ---------------------------------------------------------------------------------


def writes(stores, change):
    """Have transfers changed before they are written."""

    @around(stores.port(COINS), "post")
    def wrong(call, transfers, moves):
        call([change(transfer) for transfer in transfers], moves)


@noticed_by("test_memos_come_back_as_they_were_given")
def cuts_memos(_, stores):
    writes(stores, lambda row: evolve(row, memo=row.memo and row.memo[:255]))


@noticed_by("test_memos_come_back_as_they_were_given")
def has_no_empty_memos(_, stores):
    writes(stores, lambda row: evolve(row, memo=row.memo or None))


@noticed_by("test_a_transfer_comes_back_with_all_it_has")
def has_no_empty_metadata(_, stores):
    writes(stores, lambda row: evolve(row, metadata=row.metadata or None))


@noticed_by("test_numbers_in_metadata_keep_their_value_and_their_type")
def has_floats_alone(_, stores):
    def in_floats(row):
        return evolve(row, metadata=json.loads(json.dumps(row.metadata), parse_int=float))

    writes(stores, in_floats)


@noticed_by("test_a_caller_who_changes_metadata_changes_no_fact")
def shares_metadata(_, stores):
    coins = stores.port(COINS)
    coins.transfer = coins._transfers.get


@noticed_by("test_many_transfers_move_an_account_several_times_at_once")
def forgets_memos_of_a_batch(_, stores):
    coins = stores.port(COINS)

    def entry(move):
        row = coins._transfers.rows[move.transfer_id]
        return Entry(move.seq, row.id, row.kind, None, move.amount, move.balance, move.at)

    coins._entry = entry


# -- entitlements ------------------------------------------------------------------------------


@noticed_by("test_paid_entitlements_are_kept_and_overwritten")
def settles_once(_, stores):
    coins = stores.port(COINS)

    @around(coins, "settle")
    def wrong(call, owner, rows):
        call(owner, [row for row in rows if row.key not in coins.settled(owner, [row.key])])


@noticed_by("test_paid_entitlements_are_kept_and_overwritten")
def settles_for_everybody(_, stores):
    for name in ("settle", "settled"):

        @around(stores.port(COINS), name)
        def wrong(call, _owner, rows):
            return call("", rows)


@noticed_by("test_an_entitlement_may_be_paid_in_another_currency")
def keeps_the_first_currency(_, stores):
    coins = stores.port(COINS)

    @around(coins, "settle")
    def wrong(call, owner, rows):
        before = coins.settled(owner, [row.key for row in rows])
        call(owner, [evolve(row, currency=before.get(row.key, row).currency) for row in rows])


@noticed_by("test_many_entitlements_are_settled_and_asked_for_at_once")
def asks_for_few(_, stores):
    @around(stores.port(COINS), "settled")
    def wrong(call, owner, keys):
        return call(owner, list(islice(keys, MOST_ROWS)))
