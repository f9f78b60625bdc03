"""Stores whose coins are broken in one place each, put to the case that has to notice.

pytest does not collect this file by itself; ``test_contracts.py`` runs it.
"""

from __future__ import annotations

from habitkit.coins.store import AUDIT, COINS, HOLDS
from habitkit.errors import IntegrityError
from tests.stores.breaking import breaker

EXPECTED: list[str] = []
noticed_by = breaker(globals(), EXPECTED)


@noticed_by("test_no_balance_falls_below_its_floor_unless_the_debt_says_so")
def has_no_floor(_, stores):
    post = stores.port(COINS).post
    stores.port(COINS).post = lambda transfer, moves: post(
        transfer, [move._replace(debt=10**6) for move in moves]
    )


@noticed_by("test_a_transfer_is_reversed_once")
def takes_back_twice(_, stores):
    stores.port(COINS)._reversals.insert = stores.port(COINS)._reversals.put


@noticed_by("test_all_moves_together_sum_to_zero")
def makes_coins_of_nothing(_, stores):
    post = stores.port(COINS).post

    def lenient(transfers, moves):
        try:
            post(transfers, moves)
        except IntegrityError as error:
            if "sum to zero" not in str(error):
                raise

    stores.port(COINS).post = lenient


@noticed_by("test_a_hold_is_ended_once")
def ends_holds_again(_, stores):
    holds = stores.port(HOLDS)
    holds.end = lambda hold: holds._holds.put(hold.id, hold)


@noticed_by("test_a_hold_lasts_until_its_time_and_not_an_instant_longer")
def keeps_what_has_lapsed(_, stores):
    stores.port(HOLDS).lapsed = lambda owner, currency, at: 0


@noticed_by("test_the_balance_at_an_instant_is_that_after_the_last_entry_until_then")
def knows_no_past(_, stores):
    coins = stores.port(COINS)
    coins.balance_at = lambda account_id, at: coins._accounts.rows[account_id].balance


@noticed_by("test_old_keys_still_return_their_result_after_the_words_are_gone")
def forgets_too_much(_, stores):
    audit, transfers = stores.port(AUDIT), stores.port(COINS)._transfers

    def forget(account_id, after, last):
        for line in audit.lines(account_id, after, last):
            transfers.delete(line.transfer_id)
        return 0

    audit.forget = forget


@noticed_by("test_forgetting_erases_words_and_salts_and_leaves_the_rest")
def keeps_salts(_, stores):
    audit = stores.port(AUDIT)
    forget = audit.forget

    def lasting(account_id, after, last):
        before = dict(audit._digests.rows)
        erased = forget(account_id, after, last)
        audit._digests.rows.update(before)
        return erased

    audit.forget = lasting


@noticed_by("test_the_largest_amount_is_kept_to_the_last_coin")
def counts_in_floats(_, stores):
    accounts = stores.port(COINS).accounts
    stores.port(COINS).accounts = lambda owner, currency: [
        account._replace(balance=int(float(account.balance)))
        for account in accounts(owner, currency)
    ]


@noticed_by("test_checking_in_again_pays_again")
def settles_once(_, stores):
    settle, settled = stores.port(COINS).settle, stores.port(COINS).settled
    stores.port(COINS).settle = lambda owner, rows: settle(
        owner, [row for row in rows if row.key not in settled(owner, [row.key])]
    )
