"""Stores whose quests are broken in one place each, put to the case that has to notice.

pytest does not collect this file by itself; ``test_contracts.py`` runs it.
"""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

from attrs import evolve

from habitkit.quests.store import DEFINITIONS, QUESTS
from tests.stores.breaking import breaker
from tests.stores.broken_ledgers import around, not_undone

EXPECTED: list[str] = []
noticed_by = breaker(globals(), EXPECTED)


def reversing(stores, name):
    """Let a store return what it lists in the wrong order."""

    @around(stores.port(QUESTS), name)
    def wrong(call, *args):
        return call(*args)[::-1]


def changing(stores, name, **changes):
    """Let a store return other values: ``changes`` are functions of the value."""

    @around(stores.port(QUESTS), name)
    def wrong(call, *args):
        return [evolve(it, **{key: of(it) for key, of in changes.items()}) for it in call(*args)]


def whole_seconds(value):
    return value and value.replace(microsecond=0)


# -- values and their order ----------------------------------------------------------------------


@noticed_by("test_runs_come_back_as_they_were_in_the_order_of_quest_and_period")
def lists_runs_backwards(_, stores):
    reversing(stores, "runs")


@noticed_by("test_runs_come_back_as_they_were_in_the_order_of_quest_and_period")
def keeps_totals_as_floats(_, stores):
    changing(stores, "runs", totals=lambda it: tuple(Decimal(float(n)) for n in it.totals))


@noticed_by("test_runs_come_back_as_they_were_in_the_order_of_quest_and_period")
def checks_at_whole_seconds(_, stores):
    changing(stores, "runs", check_at=lambda it: whole_seconds(it.check_at))


@noticed_by("test_contributions_come_back_as_they_were_in_the_order_of_event_subject_and_leaf")
def rounds_amounts(_, stores):
    changing(stores, "of_events", amount=lambda it: round(it.amount, 30))


@noticed_by("test_contributions_come_back_as_they_were_in_the_order_of_event_subject_and_leaf")
def lists_contributions_by_subject_first(_, stores):
    @around(stores.port(QUESTS), "of_events")
    def wrong(call, *args):
        return sorted(call(*args), key=lambda it: (it.subject, it.event_key, it.leaf))


@noticed_by("test_grants_come_back_as_they_were_in_the_order_of_their_keys")
def forgets_the_facts_of_grants(_, stores):
    changing(stores, "grants", fact_id=lambda _: None)


@noticed_by("test_grants_come_back_as_they_were_in_the_order_of_their_keys")
def lists_grants_without_case(_, stores):
    @around(stores.port(QUESTS), "grants")
    def wrong(call, *args):
        return sorted(call(*args), key=lambda it: it.key.lower())


@noticed_by("test_definitions_come_back_as_they_were_in_the_order_of_their_numbers")
def lists_definitions_as_they_came(_, stores):
    log = stores.port(DEFINITIONS)

    @around(log, "after")
    def wrong(call, revision):
        found = {it.revision: it for it in call(revision)}
        return [found[number] for number in log._rows.rows if number in found]


@noticed_by("test_definitions_come_back_as_they_were_in_the_order_of_their_numbers")
def finds_the_definition_that_came_last(_, stores):
    log = stores.port(DEFINITIONS)
    log.newest = lambda: list(log._rows.rows.values())[-1][0].id


@noticed_by("test_definitions_come_back_as_they_were_in_the_order_of_their_numbers")
def takes_no_content_for_an_empty_one(_, stores):
    @around(stores.port(DEFINITIONS), "after")
    def wrong(call, revision):
        return [evolve(it, content=it.content or {}) for it in call(revision)]


@noticed_by("test_what_is_done_to_a_content_afterwards_does_not_change_the_stored_one")
def returns_the_contents_it_keeps(_, stores):
    kept: dict[int, Any] = {}

    @around(stores.port(DEFINITIONS), "after")
    def wrong(call, revision):
        return [kept.setdefault(it.revision, it) for it in call(revision)]


# -- writes --------------------------------------------------------------------------------------


@noticed_by("test_what_is_written_replaces_what_has_its_key_and_nothing_else")
def keeps_the_first_run(_, stores):
    port = stores.port(QUESTS)

    @around(port, "put_runs")
    def wrong(call, runs):
        call([it for it in runs if (it.quest, it.period) not in port._runs[it.owner]])


@noticed_by("test_what_is_written_replaces_what_has_its_key_and_nothing_else")
def writes_the_first_of_a_key(_, stores):
    @around(stores.port(QUESTS), "put")
    def wrong(call, contributions):
        call(contributions[::-1])


@noticed_by("test_what_is_written_replaces_what_has_its_key_and_nothing_else")
def has_one_leaf_of_each_subject(_, stores):
    port = stores.port(QUESTS)

    @around(port, "put")
    def wrong(call, contributions):
        for each in contributions:
            same = port.of_events(each.owner, [each.event_key])
            port.remove([it for it in same if it.subject == each.subject])
            call([each])


@noticed_by("test_thousands_are_written_found_and_deleted_at_once")
def finds_a_thousand_at_most(_, stores):
    @around(stores.port(QUESTS), "of_events")
    def wrong(call, owner, event_keys):
        return call(owner, event_keys[:1000])


@noticed_by("test_an_undone_write_leaves_nothing_of_quests")
def deletes_contributions_for_good(_, stores):
    @around(stores.port(QUESTS), "remove")
    def wrong(call, contributions):
        with not_undone(stores):
            call(contributions)


@noticed_by("test_an_undone_write_leaves_nothing_of_quests")
def adds_definitions_for_good(_, stores):
    @around(stores.port(DEFINITIONS), "add")
    def wrong(call, definition):
        with not_undone(stores):
            call(definition)


@noticed_by("test_a_definition_is_added_once_and_a_refused_one_leaves_nothing")
def replaces_definitions(_, stores):
    rows = stores.port(DEFINITIONS)._rows
    rows.insert = rows.put


@noticed_by("test_of_two_writers_of_one_definition_one_is_refused")
def ignores_a_second_definition(_, stores):
    log = stores.port(DEFINITIONS)

    @around(log, "add")
    def wrong(call, definition):
        if definition.revision not in log._rows:
            call(definition)


@noticed_by("test_contributions_are_deleted_by_their_keys_whatever_else_is_in_them")
def deletes_equal_contributions_alone(_, stores):
    port = stores.port(QUESTS)

    @around(port, "remove")
    def wrong(call, contributions):
        call([it for it in contributions if it in port.of_events(it.owner, [it.event_key])])


@noticed_by("test_contributions_are_deleted_by_their_keys_whatever_else_is_in_them")
def deletes_all_leaves_of_an_event(_, stores):
    port = stores.port(QUESTS)

    @around(port, "remove")
    def wrong(call, contributions):
        for each in contributions:
            same = port.of_events(each.owner, [each.event_key])
            call([it for it in same if it.subject == each.subject])


@noticed_by("test_grants_of_one_thing_are_found_by_kind_and_name")
def deletes_everybodys_grants(_, stores):
    port = stores.port(QUESTS)

    @around(port, "remove_grants")
    def wrong(call, _owner, keys):
        for owner in list(port._grants):
            call(owner, keys)


@noticed_by("test_of_no_keys_there_is_nothing")
def takes_no_keys_for_all(_, stores):
    @around(stores.port(QUESTS), "runs")
    def wrong(call, owner, quests=None, periods=None):
        return call(owner, quests or None, periods or None)


# -- queries -------------------------------------------------------------------------------------


@noticed_by("test_an_owner_without_quests_has_nothing")
def finds_contributions_of_everybody(_, stores):
    port = stores.port(QUESTS)

    @around(port, "of_subject")
    def wrong(call, _owner, subject):
        return [it for owner, of in list(port._to) if of == subject for it in call(owner, of)]


@noticed_by("test_runs_are_found_by_their_quests_and_by_their_periods")
def finds_runs_of_quests_or_of_periods(_, stores):
    @around(stores.port(QUESTS), "runs")
    def wrong(call, owner, quests=None, periods=None):
        either = {*call(owner, quests), *(call(owner, None, periods) if periods else ())}
        return sorted(either, key=lambda it: (it.quest, it.period))


@noticed_by("test_runs_are_due_when_their_instant_has_come_the_earliest_first")
def finds_runs_that_were_due_before(_, stores):
    @around(stores.port(QUESTS), "due")
    def wrong(call, now, limit):
        return call(now - timedelta(microseconds=1), limit)


@noticed_by("test_runs_are_due_when_their_instant_has_come_the_earliest_first")
def orders_after_it_limits(_, stores):
    port = stores.port(QUESTS)

    @around(port, "due")
    def wrong(call, now, limit):
        some = [it for rows in port._runs.values() for it in rows if it.check_at]
        return [it for it in call(now, 10**6) if it in some[:limit]]


@noticed_by("test_runs_are_due_when_their_instant_has_come_the_earliest_first")
def orders_what_is_due_without_case(_, stores):
    @around(stores.port(QUESTS), "due")
    def wrong(call, now, limit):
        def order(run):
            return run.check_at, run.owner.lower(), run.quest, run.period

        return sorted(call(now, 10**6), key=order)[:limit]


@noticed_by("test_owners_of_a_run_or_a_grant_come_page_by_page_in_the_order_of_code_points")
def lists_owners_of_runs_alone(_, stores):
    port = stores.port(QUESTS)

    @around(port, "owners")
    def wrong(call, after, limit):
        return [it for it in call(after, 10**6) if it in port._runs][:limit]


@noticed_by("test_owners_of_a_run_or_a_grant_come_page_by_page_in_the_order_of_code_points")
def orders_owners_as_utf_16(_, stores):
    @around(stores.port(QUESTS), "owners")
    def wrong(call, after, limit):
        def order(owner):
            return owner.encode("utf-16-be")

        owners = sorted(call(None, 10**6), key=order)
        return [it for it in owners if after is None or order(it) > order(after)][:limit]


@noticed_by("test_owners_of_a_run_or_a_grant_come_page_by_page_in_the_order_of_code_points")
def lists_owners_who_have_nothing_any_more(_, stores):
    port = stores.port(QUESTS)

    @around(port, "owners")
    def wrong(call, after, limit):
        return sorted(it for it in {*port._runs, *port._grants} if it > (after or ""))[:limit]


@noticed_by("test_contributions_to_a_subject_come_in_the_order_of_done_at_event_and_leaf")
def lists_contributions_by_event_first(_, stores):
    @around(stores.port(QUESTS), "of_subject")
    def wrong(call, *args):
        return sorted(call(*args), key=lambda it: (it.event_key, it.leaf))


@noticed_by("test_contributions_to_a_subject_come_in_the_order_of_done_at_event_and_leaf")
def orders_leaves_as_texts(_, stores):
    @around(stores.port(QUESTS), "of_subject")
    def wrong(call, *args):
        return sorted(call(*args), key=lambda it: (it.done_at, it.event_key, str(it.leaf)))


@noticed_by("test_grants_of_one_thing_are_found_by_kind_and_name")
def finds_grants_by_name_alone(_, stores):
    port = stores.port(QUESTS)
    port.granted = lambda owner, _kind, name: [it for it in port.grants(owner) if it.name == name]
