"""Stores whose journal is broken in one place each, put to the case that has to notice.

pytest does not collect this file by itself; ``test_contracts.py`` runs it.
"""

from __future__ import annotations

from attrs import evolve

from habitkit.journal.domain.model import Delivery
from habitkit.journal.domain.rules import is_net
from tests.stores.breaking import breaker

EXPECTED: list[str] = []
noticed_by = breaker(globals(), EXPECTED)


# -- events and deliveries -------------------------------------------------------------------------


@noticed_by("test_events_come_back_in_the_order_of_revision_and_position")
def orders_events_by_position(_, stores):
    page = stores.events.page
    stores.events.page = lambda owner, after, limit: sorted(
        page(owner, after, limit), key=lambda event: event.position
    )


@noticed_by("test_a_page_may_end_in_the_middle_of_a_revision")
def turns_pages_by_revision(_, stores):
    page = stores.events.page
    stores.events.page = lambda owner, after, limit: page(owner, after and (after[0], 10**6), limit)


@noticed_by("test_a_second_event_at_one_place_is_a_duplicate_and_nothing_is_added")
def writes_over_events(_, stores):
    append, logs = stores.events.append, stores.events._logs

    def replace(rows):
        for row in rows:
            if row.event.owner in logs:
                logs[row.event.owner].delete((row.rev, row.position))
        append(rows)

    stores.events.append = replace


@noticed_by("test_an_event_of_any_class_comes_back_with_its_key_and_its_fields_as_json")
def drops_keys(_, stores):
    page = stores.events.page
    stores.events.page = lambda *args: [evolve(event, key=None) for event in page(*args)]


@noticed_by("test_the_oldest_available_delivery_of_some_types_is_found")
def counts_dead_deliveries_as_waiting(_, stores):
    rows = stores.outbox._waiting.rows
    stores.outbox.oldest = lambda types=None: min(
        (row.available_at for row in rows.values() if types is None or row.type in types),
        default=None,
    )


@noticed_by("test_what_is_neither_done_nor_dead_is_counted_up_to_a_limit")
def counts_dead_deliveries(_, stores):
    rows = stores.outbox._waiting.rows
    stores.outbox.count_waiting = lambda limit: min(limit, len(rows))


@noticed_by("test_what_is_neither_done_nor_dead_is_counted_up_to_a_limit")
def counts_past_the_limit(_, stores):
    count = stores.outbox.count_waiting
    stores.outbox.count_waiting = lambda _: count(10**6)


@noticed_by("test_what_is_changed_after_it_was_written_stays_as_it_was")
def shares_events_with_the_host(_, stores):
    append, logs = stores.events.append, stores.events._logs

    def share(rows):
        append(rows)
        for row in rows:
            logs[row.event.owner].rows[row.rev, row.position] = row

    stores.events.append = share


@noticed_by("test_what_is_changed_after_it_was_written_stays_as_it_was")
def shares_messages_with_the_host(_, stores):
    rows = stores.inbox._rows

    def share(message):
        rows.insert((message.owner, message.key), (message, None))
        return True

    stores.inbox.add = share


@noticed_by("test_what_was_returned_can_be_changed_and_what_is_stored_stays_as_it_was")
def lends_its_events(_, stores):
    page = stores.events.page
    lent: dict[str, object] = {}
    stores.events.page = lambda *args: [lent.setdefault(e.id, e) for e in page(*args)]


@noticed_by("test_what_was_returned_can_be_changed_and_what_is_stored_stays_as_it_was")
def lends_its_messages(_, stores):
    inbox = stores.inbox
    inbox.waiting = lambda owner, limit, types: [
        it for it in inbox._open() if it.owner == owner and it.type in types
    ][:limit]


@noticed_by("test_what_was_returned_can_be_changed_and_what_is_stored_stays_as_it_was")
def lends_its_unapplied_messages(_, stores):
    inbox = stores.inbox
    inbox.unapplied = lambda owner, limit: [it for it in inbox._unapplied() if it.owner == owner][
        :limit
    ]


@noticed_by("test_a_dead_letter_can_be_changed_and_what_is_stored_stays_as_it_was")
def lends_its_dead_messages(_, stores):
    inbox, dead = stores.inbox, stores.inbox.dead
    inbox.dead = lambda limit: [
        evolve(it, event=inbox.rows[it.event.owner, it.event.key][0]) for it in dead(limit)
    ]


@noticed_by("test_what_was_returned_can_be_changed_and_what_is_stored_stays_as_it_was")
def lends_its_records(_, stores):
    rows = stores.idempotency._rows
    stores.idempotency.get = lambda *place: rows.get(place)


@noticed_by("test_a_message_that_fails_keeps_its_fields_whatever_was_done_to_them")
def keeps_the_message_it_is_given(_, stores):
    rows = stores.inbox._rows
    stores.inbox.failed = lambda message, error, dead_at=None: rows.put(
        (message.owner, message.key),
        (evolve(message, attempts=message.attempts + 1, error=error, dead_at=dead_at), None),
    )


@noticed_by("test_an_hour_that_the_clocks_show_twice_is_two_hours")
def forgets_which_of_two_hours(_, stores):
    append = stores.events.append
    stores.events.append = lambda rows: append(
        [row._replace(event=evolve(row.event, at=row.event.at.replace(fold=0))) for row in rows]
    )


@noticed_by("test_one_key_used_by_many_threads_at_once_has_one_effect")
def begins_every_page_of_events_anew(_, stores):
    page = stores.events.page
    stores.events.page = lambda owner, after, limit: page(owner, None, limit)


def last_of(events, value=lambda event: (event.rev, event.position)):
    """Return the last event of each key, by some order, and those without one."""
    keyed = {e.key: e for e in sorted(events, key=value) if e.key is not None}
    return [e for e in events if e.key is None or e is keyed[e.key]]


def net_of(stores, rule):
    """Replace ``net`` by a rule of an owner's whole log."""
    page = stores.events.page
    stores.events.net = lambda owner, types, since: [
        event for event in rule(page(owner, None, 10**6), types, since) if is_net(event, types)
    ]


def since_then(events, since):
    return [event for event in events if since is None or event.at >= since]


@noticed_by("test_the_last_event_of_a_key_and_every_event_without_one_are_net")
def counts_replaced_events(_, stores):
    net_of(stores, lambda log, _types, since: since_then(log, since))


@noticed_by("test_the_last_event_of_a_key_and_every_event_without_one_are_net")
def takes_no_key_for_a_key(_, stores):
    net = stores.events.net
    stores.events.net = lambda *args: list({e.key: e for e in net(*args)}.values())


@noticed_by("test_the_last_event_is_that_of_the_highest_revision_and_position")
def takes_the_latest_instant(_, stores):
    net_of(
        stores,
        lambda log, _types, since: since_then(last_of(log, lambda event: event.at), since),
    )


@noticed_by("test_a_key_of_another_owner_is_another_key")
def shares_keys_between_owners(_, stores):
    net, page = stores.events.net, stores.events.page
    stores.events.net = lambda owner, types, since: [
        event
        for event in net(owner, types, since)
        if not any(
            other.key == event.key and other.rev > event.rev
            for log in list(stores.events._logs)
            for other in page(log, None, 10**6)
        )
    ]


@noticed_by("test_a_retracted_event_is_not_net_until_it_is_emitted_again")
def ignores_retractions(_, stores):
    net_of(
        stores,
        lambda log, _types, since: since_then(
            last_of([event for event in log if event.type != "Retracted"]), since
        ),
    )


@noticed_by("test_a_sealed_retraction_is_net_itself_and_belongs_to_the_type_it_retracts")
def drops_sealed_retractions(_, stores):
    net = stores.events.net
    stores.events.net = lambda *args: [e for e in net(*args) if e.type != "Retracted"]


@noticed_by("test_only_the_types_asked_for_are_net_and_others_still_come_last")
def looks_only_at_types(_, stores):
    net_of(
        stores,
        lambda log, types, since: since_then(
            last_of([event for event in log if event.type in {*types, "Retracted"}]), since
        ),
    )


@noticed_by("test_net_events_since_an_instant_are_those_that_are_not_older_themselves")
def looks_only_at_what_came_since(_, stores):
    net_of(stores, lambda log, _types, since: last_of(since_then(log, since)))


@noticed_by("test_net_events_since_an_instant_are_those_that_are_not_older_themselves")
def leaves_out_the_instant_itself(_, stores):
    net = stores.events.net
    stores.events.net = lambda owner, types, since: [
        event for event in net(owner, types, since) if event.at != since
    ]


@noticed_by("test_net_events_come_back_as_the_log_has_them")
def returns_net_events_without_fields(_, stores):
    net = stores.events.net
    stores.events.net = lambda *args: [
        e if e.type == "Retracted" else evolve(e, fields={}) for e in net(*args)
    ]


@noticed_by("test_only_what_was_asked_for_is_delivered")
def delivers_everything(_, stores):
    append = stores.events.append
    stores.events.append = lambda rows: append([row._replace(deliver=True) for row in rows])


@noticed_by("test_a_claim_holds_until_its_end_and_counts_attempts")
def lends_forever(_, stores):
    claim = stores.outbox.claim
    stores.outbox.claim = lambda now, until, *more: claim(now, until.replace(year=9998), *more)


@noticed_by("test_a_claim_holds_until_its_end_and_counts_attempts")
def counts_no_attempts(_, stores):
    claim = stores.outbox.claim
    stores.outbox.claim = lambda *args: [evolve(each, attempt=1) for each in claim(*args)]


@noticed_by("test_a_claim_takes_no_more_than_it_asked_for")
def claims_all(_, stores):
    claim = stores.outbox.claim
    stores.outbox.claim = lambda now, until, _, types: claim(now, until, 10**6, types)


@noticed_by("test_deliveries_of_other_types_stay_as_they_are")
def claims_other_types(_, stores):
    claim, types = stores.outbox.claim, ("noted", "marked", "unheard")
    stores.outbox.claim = lambda now, until, limit, _: claim(now, until, limit, types)


@noticed_by("test_deliveries_of_other_types_stay_as_they_are")
def counts_attempts_of_other_types(_, stores):
    claim, outbox = stores.outbox.claim, stores.outbox

    def count(now, until, limit, types):
        for event, row in list(outbox._waiting.rows.items()):
            if row.type not in types:
                outbox._change(event, attempts=row.attempts + 1)
        return claim(now, until, limit, types)

    outbox.claim = count


@noticed_by("test_a_backlog_of_another_type_is_not_in_the_way")
def skips_other_types_after_the_limit(_, stores):
    claim, outbox = stores.outbox.claim, stores.outbox

    def skip(now, until, limit, types):
        first = sorted((row.available_at, event) for event, row in outbox._waiting.rows.items())
        wanted = {outbox._waiting.rows[event].type for _, event in first[:limit]} & {*types}
        return claim(now, until, limit, wanted)

    outbox.claim = skip


@noticed_by("test_of_several_types_those_available_longest_are_claimed_first")
def claims_type_after_type(_, stores):
    claim = stores.outbox.claim

    def one_after_the_other(now, until, limit, types):
        claimed: list[Delivery] = []
        for kind in types:
            claimed += claim(now, until, limit - len(claimed), [kind])
        return claimed

    stores.outbox.claim = one_after_the_other


@noticed_by("test_a_completed_delivery_is_never_claimed_again")
def keeps_deliveries(_, stores):
    stores.outbox.done = lambda delivered: None


@noticed_by("test_a_postponed_delivery_waits_for_its_time")
def postpones_nothing(_, stores):
    stores.outbox.postpone = lambda event, until, error=None: None


@noticed_by("test_a_delivery_that_is_done_cannot_be_postponed")
def revives_deliveries(_, stores):
    add = stores.outbox.add

    def postpone(event, until, error=None):
        stores.outbox._waiting.delete(event)
        add(event, "noted", until)

    stores.outbox.postpone = postpone


# -- dead deliveries -------------------------------------------------------------------------------


@noticed_by("test_a_dead_delivery_is_kept_and_never_claimed")
def claims_the_dead(_, stores):
    stores.outbox.bury = lambda event, at, attempts, error: stores.outbox.postpone(event, at, error)


@noticed_by("test_a_dead_delivery_is_kept_and_never_claimed")
def deletes_the_dead(_, stores):
    stores.outbox.bury = lambda event, at, attempts, error: stores.outbox.done([event])


@noticed_by("test_a_dead_delivery_is_kept_and_never_claimed")
def postpones_the_dead(_, stores):
    postpone, outbox = stores.outbox.postpone, stores.outbox

    def revive(event, until, error=None):
        outbox.revive(event, until)
        postpone(event, until, error)

    outbox.postpone = revive


@noticed_by("test_a_delivery_that_is_done_cannot_die")
def buries_what_is_done(_, stores):
    bury, add, outbox = stores.outbox.bury, stores.outbox.add, stores.outbox

    def make_it(event, at, attempts, error):
        if event not in outbox._waiting:
            add(event, "noted", at)
        bury(event, at, attempts, error)

    outbox.bury = make_it


@noticed_by("test_a_dead_delivery_can_be_revived_once")
def revives_with_its_attempts(_, stores):
    revive, outbox = stores.outbox.revive, stores.outbox

    def keep(event, at):
        before = outbox._waiting.get(event)
        revived = revive(event, at)
        if revived:
            outbox._change(event, attempts=before.attempts)
        return revived

    outbox.revive = keep


@noticed_by("test_a_dead_delivery_can_be_revived_once")
def revives_what_waits(_, stores):
    outbox, revive = stores.outbox, stores.outbox.revive
    outbox.revive = lambda event, at: revive(event, at) or event in outbox._waiting


@noticed_by("test_only_a_dead_delivery_can_be_dropped")
def drops_what_waits(_, stores):
    outbox = stores.outbox

    def drop(event):
        there = event in outbox._waiting
        outbox.done([event])
        return there

    outbox.drop = drop


@noticed_by("test_the_error_of_the_last_failure_is_kept")
def erases_no_errors_of_deliveries(_, stores):
    stores.outbox.erase = lambda owner: 0


# -- erasure -------------------------------------------------------------------------------------


@noticed_by("test_the_words_of_an_owner_are_erased_and_no_others")
def leaves_words_to_deliver(_, stores):
    outbox, claim = stores.outbox, stores.outbox.claim
    before: dict[str, object] = {}
    erase = stores.events.erase

    def remember(owner, words, fields=None):
        for event in stores.events.page(owner, None, 10**6):
            before.setdefault(event.id, event)
        return erase(owner, words, fields)

    stores.events.erase = remember
    outbox.claim = lambda *args: [
        evolve(each, event=before.get(each.event.id, each.event)) for each in claim(*args)
    ]


@noticed_by("test_only_events_with_the_fields_asked_for_lose_their_words")
def erases_words_whatever_the_fields(_, stores):
    erase = stores.events.erase
    stores.events.erase = lambda owner, words, fields=None: erase(owner, words)


@noticed_by("test_the_words_of_an_owner_are_erased_and_no_others")
def deletes_messages(_, stores):
    inbox = stores.inbox

    def delete(owner, _at):
        places = [place for place in inbox.rows if place[0] == owner]
        for place in places:
            inbox._rows.delete(place)
        return len(places)

    inbox.erase = delete


@noticed_by("test_the_words_of_an_owner_are_erased_and_no_others")
def erases_keys_of_all(_, stores):
    erase = stores.idempotency.erase
    stores.idempotency.erase = lambda owner: erase(owner) + 0 * erase("bob")


@noticed_by("test_the_words_of_an_owner_are_erased_and_no_others")
def keeps_words_it_does_not_know(_, stores):
    erase = stores.events.erase
    stores.events.erase = lambda owner, words: erase(owner, {"Cheered": [], **words})


# -- messages and keys -----------------------------------------------------------------------------


@noticed_by("test_a_key_is_taken_once_for_each_owner")
def takes_a_message_twice(_, stores):
    add, rows = stores.inbox.add, stores.inbox._rows

    def replace(message):
        rows.delete((message.owner, message.key))
        return add(message)

    stores.inbox.add = replace


@noticed_by("test_messages_wait_in_the_order_of_instant_and_key")
def orders_messages_by_key(_, stores):
    waiting = stores.inbox.waiting
    stores.inbox.waiting = lambda owner, limit, types: sorted(
        waiting(owner, limit, types), key=lambda message: message.key
    )


@noticed_by("test_owners_with_messages_are_returned_once_each_and_sorted")
def repeats_owners(_, stores):
    stores.inbox.owners = lambda limit, _: sorted(it.owner for it in stores.inbox._open())[:limit]


@noticed_by("test_messages_of_other_types_stay_as_they_are")
def applies_messages_of_all_types(_, stores):
    waiting = stores.inbox.waiting
    stores.inbox.waiting = lambda owner, limit, _: waiting(owner, limit, ("noted", "Cheered"))


@noticed_by("test_messages_of_other_types_stay_as_they_are")
def finds_owners_of_all_types(_, stores):
    owners = stores.inbox.owners
    stores.inbox.owners = lambda limit, _: owners(limit, ("noted", "Cheered"))


@noticed_by("test_an_applied_message_waits_no_longer_and_keeps_its_key")
def frees_keys(_, stores):
    stores.inbox.applied = lambda message, at: stores.inbox._rows.delete(
        (message.owner, message.key)
    )


@noticed_by("test_a_message_that_fails_counts_attempts_until_it_is_dead")
def never_gives_up(_, stores):
    failed = stores.inbox.failed
    stores.inbox.failed = lambda message, error, dead_at=None: failed(message, error)


@noticed_by("test_dead_messages_are_listed_longest_dead_first")
def lists_dead_messages_by_owner(_, stores):
    dead = stores.inbox.dead
    stores.inbox.dead = lambda limit: sorted(dead(10**6), key=lambda it: it.owner)[:limit]


@noticed_by("test_a_dead_message_can_be_revived_once")
def revives_messages_with_their_errors(_, stores):
    inbox, revive = stores.inbox, stores.inbox.revive

    def keep(message):
        (error,) = [it.error for it in inbox._unapplied() if it.id == message]
        revived = revive(message)
        (found,) = [it for it in inbox._unapplied() if it.id == message]
        inbox._rows.put((found.owner, found.key), (evolve(found, error=error), None))
        return revived

    inbox.revive = keep


@noticed_by("test_only_a_dead_message_can_be_dropped_and_keeps_its_key")
def drops_messages_and_their_keys(_, stores):
    inbox, drop = stores.inbox, stores.inbox.drop

    def delete(message, at):
        found = [it for it in inbox._unapplied() if it.id == message]
        dropped = drop(message, at)
        if dropped:
            inbox._rows.delete((found[0].owner, found[0].key))
        return dropped

    inbox.drop = delete


@noticed_by("test_messages_that_were_applied_long_ago_are_forgotten")
def forgets_all_messages(_, stores):
    forget = stores.inbox.forget
    stores.inbox.forget = lambda before, limit: forget(before, 10**6)


@noticed_by("test_a_record_belongs_to_owner_operation_and_key")
def mixes_operations_up(_, stores):
    get, put = stores.idempotency.get, stores.idempotency.put
    stores.idempotency.get = lambda owner, _operation, key: get(owner, "", key)
    stores.idempotency.put = lambda a_record: put(evolve(a_record, operation=""))


@noticed_by("test_a_new_record_replaces_the_old_one")
def keeps_the_first_record(_, stores):
    rows = stores.idempotency._rows
    stores.idempotency.put = lambda it: (
        None
        if (it.owner, it.operation, it.key) in rows
        else rows.insert((it.owner, it.operation, it.key), it)
    )


@noticed_by("test_records_of_long_ago_are_forgotten")
def keeps_records(_, stores):
    stores.idempotency.forget = lambda before, limit: 0
