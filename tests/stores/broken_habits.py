"""Stores whose habits or snapshots are broken in one place each, put to the case that has to notice.

pytest does not collect this file by itself; ``test_contracts.py`` runs it.
"""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

from attrs import evolve

from habitkit.backends.memory._tables import UndoLog
from habitkit.errors import IntegrityError
from habitkit.habits.store import HABITS, STREAKS
from tests.stores.breaking import breaker

EXPECTED: list[str] = []
noticed_by = breaker(globals(), EXPECTED)


# -- habits ----------------------------------------------------------------------------------------


@noticed_by("test_a_habit_is_added_once")
def adds_a_habit_twice(_, stores):
    stores.port(HABITS).add = stores.port(HABITS).put


@noticed_by("test_habits_of_every_kind_come_back_as_they_were")
def keeps_goals_as_floats(_, stores):
    habits = stores.port(HABITS)
    add = habits.add

    def rounded(bound):
        return bound if bound is None else min(float(bound), 1e308)

    habits.add = lambda habit: add(
        evolve(
            habit,
            goal=evolve(habit.goal, low=rounded(habit.goal.low), high=rounded(habit.goal.high)),
        )
    )


@noticed_by("test_facts_of_every_kind_are_found_by_their_id")
def finds_only_check_ins(_, stores):
    habits = stores.port(HABITS)
    fact = habits.fact
    habits.fact = lambda fact_id: fact(fact_id) if fact_id in habits._facts else None


@noticed_by("test_habits_of_all_owners_are_ordered_by_id")
def lists_habits_as_they_came(_, stores):
    habits = stores.port(HABITS)
    page = habits.page

    def unordered(after, limit, *, owner=None):
        if owner is not None:
            return page(after, limit, owner=owner)
        return [it for it in habits._habits if after is None or it.id > after][:limit]

    habits.page = unordered


@noticed_by("test_habits_of_an_owner_are_ordered_by_seq")
def lists_habits_of_an_owner_by_id(_, stores):
    habits = stores.port(HABITS)
    page = habits.page

    def by_id(after, limit, *, owner=None):
        found = page(after, 10**6)
        return [it for it in found if owner in {None, it.owner}][:limit]

    habits.page = by_id


@noticed_by("test_a_habit_that_is_added_between_two_pages_is_on_a_later_one")
def compares_ids_with_that_of_the_last_habit(_, stores):
    habits = stores.port(HABITS)
    page = habits.page

    def behind(after, limit, *, owner=None):
        if owner is None:
            return page(after, limit)
        found = page(None, 10**6, owner=owner)
        return [it for it in found if after is None or it.id > after][:limit]

    habits.page = behind


@noticed_by("test_a_habit_that_is_added_between_two_pages_is_on_a_later_one")
def begins_every_page_of_habits_anew(_, stores):
    habits = stores.port(HABITS)
    page = habits.page
    habits.page = lambda after, limit, *, owner=None: page(None, limit, owner=owner)


@noticed_by("test_no_page_of_an_owner_follows_a_habit_of_another_or_of_nobody")
def begins_anew_after_an_unknown_habit(_, stores):
    habits = stores.port(HABITS)
    page = habits.page

    def anew(after, limit, *, owner=None):
        return page(after if habits.get(after) else None, limit, owner=owner)

    habits.page = anew


@noticed_by("test_no_page_of_an_owner_follows_a_habit_of_another_or_of_nobody")
def goes_on_after_a_habit_of_another_owner(_, stores):
    habits = stores.port(HABITS)
    page = habits.page

    def going_on(after, limit, *, owner=None):
        seen = habits.get(after)
        if owner is None or seen is None:
            return page(after, limit, owner=owner)
        return [it for it in page(None, 10**6, owner=owner) if it.seq > seen.seq][:limit]

    habits.page = going_on


@noticed_by("test_habits_of_an_owner_are_ordered_by_seq")
def repeats_the_last_habit_of_a_page(_, stores):
    habits = stores.port(HABITS)
    page = habits.page

    def repeating(after, limit, *, owner=None):
        repeated = [habits.get(after)] if habits.get(after) else []
        return [*repeated, *page(after, limit, owner=owner)][:limit]

    habits.page = repeating


@noticed_by("test_habits_of_an_owner_are_ordered_by_seq")
def lists_habits_of_all_owners(_, stores):
    habits = stores.port(HABITS)
    page = habits.page
    habits.page = lambda after, limit, *, owner=None: page(after, limit, owner=None)


@noticed_by("test_pages_leave_out_deleted_habits_and_may_be_of_archived_ones_alone")
def lists_deleted_habits(_, stores):
    habits = stores.port(HABITS)
    page = habits.page
    habits.page = lambda *args, **which: page(*args, **{**which, "deleted": True})


@noticed_by("test_pages_leave_out_deleted_habits_and_may_be_of_archived_ones_alone")
def lists_archived_habits_with_the_others(_, stores):
    habits = stores.port(HABITS)
    page = habits.page
    habits.page = lambda *args, **which: page(*args, **{**which, "archived": None})


@noticed_by("test_pages_leave_out_deleted_habits_and_may_be_of_archived_ones_alone")
def never_restores_a_habit(_, stores):
    habits = stores.port(HABITS)
    put = habits.put

    def keep(habit):
        before = habits.get(habit.id)
        put(evolve(habit, archived_on=before.archived_on, deleted_at=before.deleted_at))

    habits.put = keep


@noticed_by("test_the_notes_of_one_habit_are_erased")
def erases_the_notes_of_all_habits(_, stores):
    habits = stores.port(HABITS)
    erase_notes = habits.erase_notes
    habits.erase_notes = lambda _: sum(erase_notes(habit.id) for habit in habits._habits)


@noticed_by("test_the_notes_of_one_habit_are_erased")
def counts_check_ins_without_a_note(_, stores):
    habits = stores.port(HABITS)
    erase_notes = habits.erase_notes
    habits.erase_notes = lambda habit_id: erase_notes(habit_id) or len(habits.live(habit_id))


@noticed_by("test_putting_a_habit_changes_its_title_its_tags_and_its_place")
def changes_only_titles(_, stores):
    habits = stores.port(HABITS)
    put = habits.put
    habits.put = lambda habit: put(evolve(habits.get(habit.id), title=habit.title))


@noticed_by("test_habits_of_every_kind_come_back_as_they_were")
def drops_freeze_rules(_, stores):
    habits = stores.port(HABITS)
    add = habits.add
    habits.add = lambda habit: add(evolve(habit, freezes=None))


@noticed_by("test_what_is_done_to_metadata_that_was_written_or_returned_changes_nothing_stored")
def lends_its_habits(_, stores):
    habits = stores.port(HABITS)
    habits.get = habits._habits.get


@noticed_by("test_what_is_done_to_metadata_that_was_written_or_returned_changes_nothing_stored")
def shares_its_habits(_, stores):
    habits = stores.port(HABITS)
    habits.put = lambda habit: habits._habits.put(habit.id, habit)


@noticed_by("test_the_words_of_an_owners_habits_are_erased_and_no_others")
def keeps_metadata(_, stores):
    habits = stores.port(HABITS)
    erase = habits.erase

    def keep(owner, title):
        before = habits.page(None, 10**6, owner=owner)
        erased = erase(owner, title)
        for habit in before:
            habits.put(evolve(habits.get(habit.id), metadata=habit.metadata))
        return erased

    habits.erase = keep


@noticed_by("test_the_words_of_an_owners_habits_are_erased_and_no_others")
def keeps_tags(_, stores):
    habits = stores.port(HABITS)
    erase = habits.erase

    def keep(owner, title):
        before = habits.page(None, 10**6, owner=owner)
        erased = erase(owner, title)
        for habit in before:
            habits.put(evolve(habits.get(habit.id), tags=habit.tags))
        return erased

    habits.erase = keep


# -- transactions ----------------------------------------------------------------------------------


def always_open():
    """Return an undo log that is never undone."""
    log = UndoLog()
    log.open = True
    return log


@noticed_by("test_a_failed_transaction_leaves_no_habits_facts_or_snapshots")
def writes_habits_for_good(_, stores):
    habits = stores.port(HABITS)
    for table in (habits._habits, habits._facts, habits._others, habits._voids):
        table._note = always_open().note


@noticed_by("test_a_failed_transaction_leaves_no_habits_facts_or_snapshots")
def writes_days_for_good(_, stores):
    stores.port(HABITS)._log = always_open()


@noticed_by("test_a_savepoint_that_fails_undoes_habits_facts_and_snapshots")
def writes_snapshots_for_good(_, stores):
    stores.port(STREAKS)._rows._note = always_open().note


@noticed_by("test_a_transaction_sees_the_habits_facts_and_snapshots_it_wrote")
def sees_only_what_was_committed(store, stores):
    habits = stores.port(HABITS)
    run, live, add = store.run, habits.live, habits.add_facts
    added: set[UUID] = set()

    def remember(work, *, write, keyed):
        added.clear()
        try:
            return run(work, write=write, keyed=keyed)
        finally:
            added.clear()

    def adding(facts):
        added.update(fact.id for fact in facts)
        add(facts)

    habits.add_facts = adding
    habits.live = lambda *args: [fact for fact in live(*args) if fact.id not in added]
    store.run = remember


# -- snapshots -------------------------------------------------------------------------------------


@noticed_by("test_a_snapshot_comes_back_as_it_was")
def drops_checkpoints(_, stores):
    streaks = stores.port(STREAKS)
    put = streaks.put
    streaks.put = lambda snapshot: put(snapshot._replace(checkpoints=()))


@noticed_by("test_a_snapshot_gives_way_to_one_of_the_same_or_a_later_revision")
def refuses_the_same_revision(_, stores):
    streaks = stores.port(STREAKS)
    put = streaks.put

    def strict(snapshot):
        kept = streaks.get(snapshot.habit_id)
        if kept is not None and kept.rev == snapshot.rev:
            raise IntegrityError
        put(snapshot)

    streaks.put = strict


@noticed_by("test_a_snapshot_never_gives_way_to_one_of_an_earlier_revision")
def goes_back_in_time(_, stores):
    streaks = stores.port(STREAKS)
    streaks.put = lambda snapshot: streaks._rows.put(snapshot.habit_id, snapshot)


@noticed_by("test_snapshots_of_an_owner_are_found_together")
def shows_snapshots_of_others(_, stores):
    streaks = stores.port(STREAKS)
    streaks.of_owner = lambda owner: [*streaks._rows]


@noticed_by("test_habits_to_sweep_come_with_the_earliest_first_up_to_a_limit")
def sweeps_in_any_order(_, stores):
    streaks = stores.port(STREAKS)
    to_sweep = streaks.to_sweep
    streaks.to_sweep = lambda now, limit: sorted(
        to_sweep(now, 10**6), key=lambda due: (due.owner, due.habit_id)
    )[:limit]


@noticed_by("test_habits_to_sweep_come_with_the_earliest_first_up_to_a_limit")
def sweeps_what_is_not_due(_, stores):
    streaks = stores.port(STREAKS)
    to_sweep = streaks.to_sweep
    streaks.to_sweep = lambda now, limit: to_sweep(now.replace(year=9999), limit)


@noticed_by("test_streaks_to_act_for_come_with_the_most_urgent_first_and_by_pages")
def includes_the_instant_before_which_streaks_expire(_, stores):
    streaks = stores.port(STREAKS)
    expiring = streaks.expiring
    streaks.expiring = lambda before, *args: expiring(before + timedelta.resolution, *args)


@noticed_by("test_streaks_to_act_for_come_with_the_most_urgent_first_and_by_pages")
def skips_streaks_that_expire_at_the_instant_of_the_last_one(_, stores):
    streaks = stores.port(STREAKS)
    expiring = streaks.expiring

    def skip(before, after, limit):
        found = expiring(before, after, 10**6)
        return [it for it in found if after is None or it.act_by > after.act_by][:limit]

    streaks.expiring = skip


@noticed_by("test_streaks_to_act_for_come_with_the_most_urgent_first_and_by_pages")
def loses_its_place_when_the_last_streak_is_done(_, stores):
    streaks = stores.port(STREAKS)
    expiring = streaks.expiring

    def after_a_row(before, after, limit):
        seen = None if after is None else streaks.get(after.habit_id)
        known = after is None or (seen is not None and seen.act_by is not None)
        return expiring(before, after, limit) if known else []

    streaks.expiring = after_a_row
