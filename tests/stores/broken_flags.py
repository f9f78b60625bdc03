"""Stores whose flags are broken in one place each, put to the case that has to notice.

pytest does not collect this file by itself; ``test_contracts.py`` runs it.
"""

from __future__ import annotations

from typing import Any

from attrs import evolve

from habitkit.flags.store import FLAGS
from tests.stores.breaking import breaker
from tests.stores.broken_ledgers import around, not_undone

EXPECTED: list[str] = []
noticed_by = breaker(globals(), EXPECTED)


@noticed_by("test_a_number_is_given_once_and_a_refused_revision_leaves_nothing")
def replaces_revisions(_, stores):
    revisions = stores.port(FLAGS)._revisions
    revisions.insert = revisions.put


@noticed_by("test_revisions_of_a_flag_have_what_they_did_to_it_and_others_all_that_they_changed")
def lists_all_changes_with_a_flag(_, stores):
    @around(stores.port(FLAGS), "revisions")
    def wrong(call, key, before, limit):
        found = call(key, before, limit)
        whole = {each.number: each.changes for each in call(None, None, 10**6)}
        return [evolve(each, changes=whole[each.number]) for each in found]


@noticed_by("test_revisions_come_page_by_page_the_newest_first")
def lists_the_oldest_revisions_first(_, stores):
    @around(stores.port(FLAGS), "revisions")
    def wrong(call, key, before, limit):
        return call(key, before, 10**6)[::-1][:limit]


@noticed_by("test_revisions_come_page_by_page_the_newest_first")
def begins_with_the_revision_before(_, stores):
    @around(stores.port(FLAGS), "revisions")
    def wrong(call, key, before, limit):
        return call(key, None if before is None else before + 1, limit)


@noticed_by("test_the_last_version_of_each_flag_is_returned_in_the_order_of_keys")
def leaves_out_deleted_flags(_, stores):
    @around(stores.port(FLAGS), "versions")
    def wrong(call, **which):
        return [each for each in call(**which) if each.definition is not None]


@noticed_by("test_versions_until_a_revision_are_those_before_the_later_ones")
def lists_only_what_was_not_changed_since(_, stores):
    @around(stores.port(FLAGS), "versions")
    def wrong(call, *, until=None, **which):
        return [each for each in call(**which) if until is None or each.revision <= until]


@noticed_by("test_the_shared_parts_are_those_last_written")
def shares_what_was_written_first(_, stores):
    @around(stores.port(FLAGS), "shared")
    def wrong(call, until=None):
        return call(3 if until is None else min(until, 3))


@noticed_by("test_what_is_done_to_a_value_afterwards_does_not_change_the_stored_one")
def returns_the_values_it_keeps(_, stores):
    kept: dict[int, Any] = {}

    @around(stores.port(FLAGS), "versions")
    def wrong(call, **which):
        return [kept.setdefault(each.revision, each) for each in call(**which)]


@noticed_by("test_an_undone_write_leaves_nothing_of_flags")
def forgets_assignments_for_good(_, stores):
    @around(stores.port(FLAGS), "forget")
    def wrong(call, targeting_key):
        with not_undone(stores):
            return call(targeting_key)


@noticed_by("test_the_first_assignment_stays")
def assigns_again(_, stores):
    flags = stores.port(FLAGS)

    @around(flags, "assign")
    def wrong(call, assignments):
        for each in assignments:
            before = flags._assignments.get(each.targeting_key, {})
            flags._assignments.put(each.targeting_key, {**before, (each.flag, each.version): each})


@noticed_by("test_forgetting_deletes_the_assignments_of_one_targeting_key")
def forgets_everybodys_assignments(_, stores):
    flags = stores.port(FLAGS)

    @around(flags, "forget")
    def wrong(call, targeting_key):
        counts = {key: call(key) for key in list(flags._assignments.rows)}
        return counts.get(targeting_key, 0)


@noticed_by("test_the_last_use_of_a_flag_only_moves_on")
def moves_the_last_use_back(_, stores):
    flags = stores.port(FLAGS)
    flags.used = lambda keys, at: [flags._used.put(key, at) for key in keys]
