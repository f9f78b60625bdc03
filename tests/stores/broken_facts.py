"""Stores whose facts are broken in one place each, put to the case that has to notice.

pytest does not collect this file by itself; ``test_contracts.py`` runs it.
"""

from __future__ import annotations

from datetime import date

from attrs import evolve

from habitkit.errors import Duplicate, IntegrityError
from habitkit.habits.domain.facts import CheckIn, CheckInVoid
from habitkit.habits.domain.stored import Note
from habitkit.habits.store import HABITS
from tests.stores.breaking import breaker

EXPECTED: list[str] = []
noticed_by = breaker(globals(), EXPECTED)


# -- check-ins -------------------------------------------------------------------------------------


@noticed_by("test_a_check_in_is_added_once_and_of_several_none_if_one_is_known")
def skips_known_check_ins(_, stores):
    habits = stores.port(HABITS)
    add = habits.add_facts
    habits.add_facts = lambda facts: add([fact for fact in facts if not habits.known([fact.id])])


@noticed_by("test_a_check_in_is_voided_once")
def voids_again(_, stores):
    habits = stores.port(HABITS)
    add = habits.add_facts
    habits.add_facts = lambda facts: add(
        [fact for fact in facts if getattr(fact, "fact_id", None) not in habits._voids]
    )


@noticed_by("test_a_check_in_is_voided_once")
def never_forgives(_, stores):
    habits, live = stores.port(HABITS), stores.port(HABITS).live
    habits.live = lambda *args: [*live(*args), *(it.check_in for it in habits.voided(*args))]


@noticed_by("test_a_void_may_come_before_what_it_takes_back")
def ignores_early_voids(_, stores):
    habits = stores.port(HABITS)
    add = habits.add_facts
    habits.add_facts = lambda facts: add(
        [it for it in facts if not isinstance(it, CheckInVoid) or habits.known([it.fact_id])]
    )


@noticed_by("test_voided_check_ins_come_with_the_instant_of_their_void")
def loses_when_it_was_voided(_, stores):
    habits = stores.port(HABITS)
    voided = habits.voided
    habits.voided = lambda *args: [
        evolve(it, voided_at=it.check_in.received_at) for it in voided(*args)
    ]


@noticed_by("test_the_notes_of_an_owner_are_those_of_check_ins_that_are_not_voided")
def shows_voided_notes(_, stores):
    habits = stores.port(HABITS)
    habits.notes = lambda owner: [
        Note(it.habit_id, it.note)
        for it in habits._facts
        if it.owner == owner and it.note is not None
    ]


@noticed_by("test_the_notes_of_an_owner_are_those_of_check_ins_that_are_not_voided")
def takes_empty_notes_for_none(_, stores):
    habits = stores.port(HABITS)
    notes = habits.notes
    habits.notes = lambda owner: [note for note in notes(owner) if note.text]


@noticed_by("test_check_ins_come_in_the_order_of_day_instant_and_seq")
def orders_check_ins_of_an_instant_by_id(_, stores):
    habits = stores.port(HABITS)
    live = habits.live
    habits.live = lambda *args: sorted(live(*args), key=lambda it: (it.day, it.at, it.id))


@noticed_by("test_check_ins_come_in_the_order_of_day_instant_and_seq")
def orders_check_ins_of_a_day_by_seq(_, stores):
    habits = stores.port(HABITS)
    live = habits.live
    habits.live = lambda *args: sorted(live(*args), key=lambda it: (it.day, it.seq))


@noticed_by("test_a_check_in_comes_back_as_it_was")
def forgets_the_seq_of_check_ins(_, stores):
    habits = stores.port(HABITS)
    add = habits.add_facts
    habits.add_facts = lambda facts: add(
        [evolve(it, seq=0) if isinstance(it, CheckIn) else it for it in facts]
    )


@noticed_by("test_check_ins_may_be_asked_for_of_some_days")
def leaves_the_first_day_out(_, stores):
    habits = stores.port(HABITS)
    live = habits.live
    habits.live = lambda *args: [it for it in live(*args) if it.day != args[1]]


@noticed_by("test_check_ins_may_be_asked_for_of_some_days")
def shows_all_that_was_voided(_, stores):
    habits = stores.port(HABITS)
    voided = habits.voided
    habits.voided = lambda habit, since=None: voided(habit)


@noticed_by("test_check_ins_may_be_asked_for_of_some_days")
def takes_one_day_for_all_habits(_, stores):
    habits = stores.port(HABITS)
    live = habits.live
    habits.recent = lambda days: [
        fact
        for habit in days
        for fact in live(habit, min((day or date.min for day in days.values()), default=None))
    ]


@noticed_by("test_the_recent_check_ins_of_many_habits_come_at_once")
def shows_a_hundred_habits(_, stores):
    habits = stores.port(HABITS)
    recent = habits.recent
    habits.recent = lambda days: recent(dict([*days.items()][:100]))


@noticed_by("test_the_history_of_years_is_added_at_once")
def adds_a_thousand_check_ins(_, stores):
    habits = stores.port(HABITS)
    add = habits.add_facts
    habits.add_facts = lambda facts: add(facts[:1000])


@noticed_by("test_a_hundred_years_of_facts_may_be_asked_for_at_once")
def looks_for_few(_, stores):
    habits = stores.port(HABITS)
    known = habits.known

    def few(ids):
        if len(ids) > 1000:
            raise IntegrityError
        return known(ids)

    habits.known = few


@noticed_by("test_a_check_in_comes_back_as_it_was")
def cuts_microseconds(_, stores):
    habits = stores.port(HABITS)
    add = habits.add_facts
    habits.add_facts = lambda facts: add(
        [evolve(fact, at=fact.at.replace(microsecond=0)) for fact in facts]
    )


@noticed_by("test_amounts_come_back_exactly")
def keeps_amounts_as_floats(_, stores):
    habits = stores.port(HABITS)
    add = habits.add_facts
    habits.add_facts = lambda facts: add(
        [evolve(fact, amount=min(float(fact.amount), 1e308)) for fact in facts]
    )


@noticed_by("test_amounts_come_back_exactly")
def rounds_amounts(_, stores):
    habits = stores.port(HABITS)
    add = habits.add_facts
    habits.add_facts = lambda facts: add(
        [evolve(fact, amount=round(fact.amount, 9)) for fact in facts]
    )


# -- other facts -----------------------------------------------------------------------------------


@noticed_by("test_check_ins_are_not_among_the_other_facts")
def mixes_facts_up(_, stores):
    habits = stores.port(HABITS)
    facts = habits.facts
    habits.facts = lambda owner, habit_id=None: [*facts(owner, habit_id), *habits._facts]


@noticed_by("test_a_fact_of_any_kind_is_added_once_and_of_several_none_if_one_is_known")
def writes_over_facts(_, stores):
    habits = stores.port(HABITS)
    habits._others.insert = habits._others.put


@noticed_by("test_a_fact_of_any_kind_is_added_once_and_of_several_none_if_one_is_known")
def adds_facts_until_one_is_known(_, stores):
    habits = stores.port(HABITS)
    add = habits.add_facts

    def lasting(facts):
        try:
            add(facts)
        except Duplicate:
            stores.log.entries.clear()
            raise

    habits.add_facts = lasting


@noticed_by("test_facts_of_all_kinds_are_added_together_and_none_if_one_is_known")
def adds_facts_of_one_kind(_, stores):
    habits = stores.port(HABITS)
    add = habits.add_facts
    habits.add_facts = lambda facts: add([it for it in facts if type(it) is type(facts[0])])


@noticed_by("test_facts_of_habits_and_owners_are_kept_apart")
def mixes_owners_up(_, stores):
    habits = stores.port(HABITS)
    habits.facts = lambda owner, habit_id=None: [
        it
        for it in habits._others
        if habit_id is None or getattr(it, "habit_id", None) in {habit_id, None}
    ]


@noticed_by("test_facts_of_habits_and_owners_are_kept_apart")
def leaves_the_owners_own_out(_, stores):
    habits = stores.port(HABITS)
    facts = habits.facts
    habits.facts = lambda owner, habit_id=None: [
        it
        for it in facts(owner, habit_id)
        if habit_id is None or getattr(it, "habit_id", None) is not None
    ]
