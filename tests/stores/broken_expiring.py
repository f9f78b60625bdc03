"""Stores whose expiring awards are broken in one place each, put to the case that has to notice.

pytest does not collect this file by itself; ``test_contracts.py`` runs it.
"""

from __future__ import annotations

from operator import attrgetter

from attrs import evolve

from habitkit.coins.store import EXPIRING
from tests.stores.breaking import breaker
from tests.stores.broken_ledgers import MOST_ROWS, around

EXPECTED: list[str] = []
noticed_by = breaker(globals(), EXPECTED)


@noticed_by("test_an_expiring_award_comes_back_as_it_was_added_once")
def adds_awards_again(_, stores):
    awards = stores.port(EXPIRING)
    awards._awards.insert = awards._awards.put


@noticed_by("test_only_what_was_used_and_reversed_of_an_award_is_written")
def writes_the_whole_award(_, stores):
    awards = stores.port(EXPIRING)
    awards.put = lambda rows: [awards._awards.put(row.id, row) for row in rows] and None


@noticed_by("test_unused_awards_come_page_by_page_by_their_end")
def goes_on_with_the_same_instant(_, stores):
    awards = stores.port(EXPIRING)

    @around(awards, "unused")
    def wrong(call, owner, currency, after, limit):
        rows = call(owner, currency, None, MOST_ROWS)
        return [it for it in rows if after is None or it.expires_at > after.expires_at][:limit]


@noticed_by("test_due_awards_are_those_of_all_owners_that_have_ended_unused")
def finds_what_is_used_up(_, stores):
    awards = stores.port(EXPIRING)
    awards.due = lambda now, limit: sorted(
        (it for it in awards._awards if it.expires_at <= now), key=attrgetter("expires_at", "id")
    )[:limit]


@noticed_by("test_an_owners_awards_come_page_by_page_by_their_id")
def lists_awards_by_their_end(_, stores):
    @around(stores.port(EXPIRING), "of_owner")
    def wrong(call, owner, after, limit):
        return sorted(call(owner, after, MOST_ROWS), key=attrgetter("expires_at"))[:limit]


@noticed_by("test_what_a_transfer_uses_of_awards_is_replaced_and_comes_by_their_end")
def adds_uses_up(_, stores):
    awards = stores.port(EXPIRING)

    @around(awards, "put_uses")
    def wrong(call, uses):
        before = {
            (it.transfer_id, it.award_id): it.amount
            for use in uses
            for it in awards.uses(use.transfer_id)
        }
        call(
            [
                evolve(it, amount=it.amount + before.get((it.transfer_id, it.award_id), 0))
                for it in uses
            ]
        )


@noticed_by("test_the_next_expiry_is_written_to_its_account_alone")
def rounds_the_next_expiry(_, stores):
    @around(stores.port(EXPIRING), "set_next_expiry")
    def wrong(call, account_id, at):
        call(account_id, at.replace(microsecond=0))
