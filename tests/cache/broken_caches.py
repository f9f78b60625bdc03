"""Cache backends that are broken in one place each, put to the case that has to notice.

pytest does not collect this file by itself; ``test_contracts.py`` runs it.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from fnmatch import fnmatchcase
from urllib.parse import unquote

from tests.cache.breaking import breaker
from tests.cache.plain_cache import PlainCache

EXPECTED: list[str] = []
noticed_by = breaker(globals(), EXPECTED)


# -- values --------------------------------------------------------------------------------------


def comes_back(value):
    return f"test_a_value_comes_back_byte_for_byte[{value}-set_many]"


def changes(value):
    """Break a backend that changes what it stores; it has to show at a value of the contract."""

    def check(change):
        class Changing(PlainCache):
            def write(self, name, value, ttl_ms):
                super().write(name, change(value), ttl_ms)

        Changing.__name__ = change.__name__
        return noticed_by(comes_back(value))(Changing)

    return check


@changes("blanks around")
def strips(value):
    return value.strip(b" \t\r\n")


@changes("NULs around")
def ends_at_nul(value):
    return value.partition(b"\0")[0]


@changes("a megabyte")
def truncates_to_a_column(value):
    return value[:65_535]


@changes("no UTF-8")
def decodes(value):
    return value.decode(errors="replace").encode()


@changes("digits")
def turns_digits_into_numbers(value):
    return int(value) if value.isdigit() else value


@changes("empty")
def keeps_what_it_was_given(value):
    return bytearray(value)


@noticed_by(comes_back("empty"), "test_what_was_loaded_under_a_lease_is_stored_if_it_is_held")
class ReadsNothingIfItIsEmpty(PlainCache):
    def read(self, name):
        return super().read(name) or None


@noticed_by("test_a_name_that_was_never_set_has_no_value")
class ReadsWhatIsMissingAsEmpty(PlainCache):
    def get_many(self, names):
        return [it or b"" for it in super().get_many(names)]


@noticed_by("test_a_value_that_is_set_again_replaces_the_old_one")
class KeepsTheFirstValue(PlainCache):
    def set_many(self, items):
        for item in items:
            self.add(item)


@noticed_by("test_a_deleted_value_is_gone_and_the_others_stay")
class DeletesAll(PlainCache):
    def drop(self, name):
        self.values.clear()


@noticed_by("test_deleting_what_is_not_there_changes_nothing")
class StopsDeletingAtWhatIsMissing(PlainCache):
    def delete_many(self, names):
        for name in names:
            if self.read(name) is None:
                return
            self.drop(name)


@noticed_by("test_a_deleted_value_can_be_set_again")
class BuriesWhatItDeletes(PlainCache):
    def drop(self, name):
        self.values[name] = None, 1 << 99

    def write(self, name, value, ttl_ms):
        if self.values.get(name) != (None, 1 << 99):
            super().write(name, value, ttl_ms)


@noticed_by("test_many_values_are_read_in_the_order_of_their_names")
class ReadsInOrderOfNames(PlainCache):
    def get_many(self, names):
        return super().get_many(sorted(names))


@noticed_by("test_many_values_are_read_in_the_order_of_their_names")
class ReadsWhatIsThere(PlainCache):
    def get_many(self, names):
        found = [it for it in super().get_many(names) if it is not None]
        return found + [None] * (len(names) - len(found))


@noticed_by("test_many_values_are_read_in_the_order_of_their_names")
class ReadsANameOnce(PlainCache):
    def get_many(self, names):
        return super().get_many(list(dict.fromkeys(names)))


@noticed_by("test_a_hundred_values_can_be_set_and_deleted_at_once")
class SetsHalfOfThem(PlainCache):
    def set_many(self, items):
        super().set_many(items[:50])


@noticed_by("test_a_hundred_values_can_be_set_and_deleted_at_once")
class DeletesHalfOfThem(PlainCache):
    def delete_many(self, names):
        super().delete_many(names[:50])


# -- names ---------------------------------------------------------------------------------------


class MistakesNames(PlainCache):
    mistaken: Callable[[str], object]

    def key(self, name):
        return self.mistaken(name)


def mistakes(*cases):
    """Break a backend that takes one name for another one."""

    def check(mistaken):
        kind = type(mistaken.__name__, (MistakesNames,), {"mistaken": staticmethod(mistaken)})
        return noticed_by(*cases)(kind)

    return check


APART = "test_names_are_apart"


@mistakes(APART, "test_names_are_apart_in_one_call", "test_names_are_apart_for_leases_and_counters")
def folds_case(name):
    return name.casefold()


@mistakes(APART)
def folds_the_case_of_ascii_letters(name):
    return name.encode().lower()


@mistakes(APART)
def trims_blanks(name):
    return name.strip(" ")


@mistakes(APART)
def truncates_names(name):
    return name[:255]


@mistakes(APART)
def normalises(name):
    return unicodedata.normalize("NFC", name)


@mistakes(APART)
def reads_escapes(name):
    return unquote(name.replace("a%", "a%20"))


@mistakes(APART, "test_names_may_hold_every_character_but_nul")
def replaces_blanks(name):
    return "_".join(name.split())


@mistakes(APART, "test_names_may_hold_every_character_but_nul")
def takes_the_first_line(name):
    return name.splitlines()[0]


@mistakes("test_names_may_hold_every_character_but_nul")
def ignores_controls(name):
    return "".join(it for it in name if it.isprintable())


@mistakes(APART)
def hashes_by_what_is_in_braces(name):
    return name.partition("{")[2].partition("}")[0] or name


@mistakes("test_names_of_different_kinds_are_apart")
def ignores_the_kind(name):
    return name[1:]


@mistakes(APART)
def ignores_the_namespace(name):
    return name[0], name.partition(":")[2]


@noticed_by("test_names_are_apart_in_one_call")
class TakesNoLongNames(PlainCache):
    def set_many(self, items):
        super().set_many([item for item in items if len(item.name.encode()) <= 1024])


@noticed_by(APART)
class DeletesByPattern(PlainCache):
    def drop(self, name):
        for key in [key for key in self.values if fnmatchcase(key, name)]:
            del self.values[key]
        super().drop(name)


@noticed_by(APART)
class DeletesByPrefix(PlainCache):
    def drop(self, name):
        for key in [key for key in self.values if key.startswith(name)]:
            del self.values[key]


# -- expiry --------------------------------------------------------------------------------------


@noticed_by(
    "test_a_value_is_there_until_its_ttl_is_over",
    "test_the_shortest_ttl_is_a_millisecond",
    "test_a_value_that_is_over_can_be_added_again",
    "test_a_lease_that_has_expired_stores_nothing",
    "test_a_counter_that_is_over_begins_anew_with_a_new_ttl",
)
class NeverExpires(PlainCache):
    def end(self, ttl_ms):
        return 1 << 99


@noticed_by("test_a_value_is_gone_at_the_millisecond[1000-set_many]")
class ExpiresAMillisecondLater(PlainCache):
    def end(self, ttl_ms):
        return super().end(ttl_ms + 1)


@noticed_by("test_a_value_is_gone_at_the_millisecond[1000-set_many]")
class ExpiresAMillisecondEarlier(PlainCache):
    def end(self, ttl_ms):
        return super().end(max(ttl_ms - 1, 1))


@noticed_by(
    "test_the_shortest_ttl_is_a_millisecond",
    "test_a_value_is_gone_at_the_millisecond[1001-set_many]",
)
class ExpiresAtWholeSeconds(PlainCache):
    def end(self, ttl_ms):
        return super().end(-(-ttl_ms // 1000) * 1000)


@noticed_by("test_a_ttl_may_be_long[31-set_many]")
class TakesLongTtlsForInstants(PlainCache):
    def end(self, ttl_ms):
        return super().end(ttl_ms) if ttl_ms <= 30 * 86_400_000 else ttl_ms * 10**6


@noticed_by("test_a_ttl_may_be_long[50-add]", "test_the_ttl_of_a_counter_may_be_long")
class CountsMillisecondsIn32Bits(PlainCache):
    def end(self, ttl_ms):
        return super().end((ttl_ms + 2**31) % 2**32 - 2**31)


@noticed_by("test_each_value_has_its_own_ttl")
class GivesAllTheFirstTtl(PlainCache):
    def set_many(self, items):
        super().set_many([item._replace(ttl_ms=items[0].ttl_ms) for item in items])


@noticed_by(
    "test_a_value_that_is_set_again_has_the_new_ttl",
    "test_what_replaces_a_value_at_the_end_of_a_lease_has_the_new_ttl",
)
class KeepsTheOldTtl(PlainCache):
    def write(self, name, value, ttl_ms):
        end = self.values[name][1] if self.read(name) is not None else self.end(ttl_ms)
        self.values[name] = value, end


@noticed_by("test_reading_a_value_does_not_prolong_it")
class ProlongsWhatIsRead(PlainCache):
    def get_many(self, names):
        found = super().get_many(names)
        for name, value in zip(names, found, strict=True):
            if value is not None:
                self.write(name, value, 3_600_000)
        return found


@noticed_by("test_a_failed_addition_does_not_prolong_a_value")
class ProlongsWhatIsNotAdded(PlainCache):
    def add(self, item):
        found = self.read(item.name)
        self.write(*(item if found is None else item._replace(value=found)))
        return found is None


@noticed_by("test_a_value_that_is_over_can_be_added_again")
class AddsNothingWhereSomethingWas(PlainCache):
    def add(self, item):
        return item.name not in self.values and super().add(item)


# -- counters ------------------------------------------------------------------------------------


@noticed_by("test_a_counter_begins_at_0")
class ReturnsTheCountBefore(PlainCache):
    def incr(self, name, by, ttl_ms):
        return super().incr(name, by, ttl_ms) - by


@noticed_by("test_a_counter_begins_at_0")
class AddsOne(PlainCache):
    def incr(self, name, by, ttl_ms):
        return super().incr(name, 1, ttl_ms)


@noticed_by("test_a_counter_counts_below_two_to_the_63")
class CountsInFloats(PlainCache):
    def incr(self, name, by, ttl_ms):
        return int(super().incr(name, float(by), ttl_ms))


@noticed_by("test_a_counter_that_is_deleted_begins_anew")
class DeletesNoCounters(PlainCache):
    def drop(self, name):
        if not name.startswith("n"):
            super().drop(name)


@noticed_by("test_the_ttl_of_a_counter_counts_from_the_first_addition")
class ProlongsCounters(PlainCache):
    def incr(self, name, by, ttl_ms):
        count = super().incr(name, by, ttl_ms)
        self.write(name, count, ttl_ms)
        return count


@noticed_by("test_a_counter_that_is_over_begins_anew_with_a_new_ttl")
class BeginsAnewWithTheOldTtl(PlainCache):
    def incr(self, name, by, ttl_ms):
        is_new = name not in self.values
        count = super().incr(name, by, ttl_ms)
        if not is_new and count == by:
            self.write(name, count, 1)
        return count


# -- leases --------------------------------------------------------------------------------------


@noticed_by("test_a_value_is_added_if_there_is_none")
class AddsAnyway(PlainCache):
    def add(self, item):
        self.write(*item)
        return True


@noticed_by("test_a_value_is_added_if_there_is_none")
class SaysThatWhatIsThereWasAdded(PlainCache):
    def add(self, item):
        return super().add(item) or self.read(item.name) == item.value


@noticed_by("test_an_empty_value_is_a_value_where_something_is_added")
class AddsWhereAnEmptyValueIs(PlainCache):
    def add(self, item):
        if self.read(item.name) == b"":
            self.drop(item.name)
        return super().add(item)


@noticed_by("test_a_lease_that_is_held_can_be_given_back")
class KeepsTheLease(PlainCache):
    def end_lease(self, name, token, item=None):
        if not self.holds(name, token):
            return False
        self.set_many([] if item is None else [item])
        return True


@noticed_by("test_a_lease_that_is_held_can_be_given_back")
class DropsTheValueOfALeaseWithoutOne(PlainCache):
    def end_lease(self, name, token, item=None):
        if item is None:
            self.drop(f"v{name[1:]}")
        return super().end_lease(name, token, item)


@noticed_by("test_what_was_loaded_under_a_lease_is_stored_if_it_is_held")
class StoresNoEmptyValue(PlainCache):
    def end_lease(self, name, token, item=None):
        return super().end_lease(name, token, item if item and item.value else None)


@noticed_by(
    "test_what_was_loaded_under_a_lease_is_stored_if_it_is_held",
    "test_an_old_value_gives_way_to_a_new_one",
)
class ReplacesNothing(PlainCache):
    def end_lease(self, name, token, item=None):
        is_there = item is not None and self.read(item.name) is not None
        return super().end_lease(name, token, None if is_there else item)


@noticed_by(
    "test_a_lease_with_another_token_is_not_touched",
    "test_a_lease_that_another_one_has_taken_since_is_not_touched",
)
class EndsAnyLease(PlainCache):
    def holds(self, name, token):
        return self.read(name) is not None


def comparing(compare):
    """Break a backend that compares tokens badly."""

    class Comparing(PlainCache):
        def holds(self, name, token):
            return compare(self.read(name) or b"?") == compare(token)

    Comparing.__name__ = compare.__name__
    return noticed_by("test_a_lease_with_another_token_is_not_touched")(Comparing)


@comparing
def compares_without_case(token):
    return token.lower()


@comparing
def compares_text(token):
    return token.decode(errors="replace").strip("\0\n")


@comparing
def compares_up_to_nul(token):
    return token.rstrip(b"\0")


@noticed_by("test_a_lease_that_nobody_took_is_not_held")
class TakesNoLeaseForAnEmptyOne(PlainCache):
    def holds(self, name, token):
        return (self.read(name) or b"") == token


@noticed_by(
    "test_a_lease_that_was_deleted_stores_nothing",
    "test_a_lease_that_has_expired_stores_nothing",
    "test_a_lease_that_another_one_has_taken_since_is_not_touched",
    "test_a_lease_is_given_back_once",
    "test_a_value_deleted_while_it_is_loaded_is_not_cached",
)
class StoresWhateverTheLease(PlainCache):
    def end_lease(self, name, token, item=None):
        if item is not None:
            self.write(*item)
        return super().end_lease(name, token)


@noticed_by("test_a_lease_that_has_expired_stores_nothing")
class EndsLeasesThatHaveExpired(PlainCache):
    def holds(self, name, token):
        return self.values.get(name, (None, 0))[0] == token


@noticed_by("test_leases_of_different_names_are_apart")
class EndsAllLeases(PlainCache):
    def end_lease(self, name, token, item=None):
        ended = super().end_lease(name, token, item)
        for key in [key for key in self.values if ended and key.startswith("l")]:
            self.drop(key)
        return ended


# -- what caches make of it ----------------------------------------------------------------------


@noticed_by("test_of_many_callers_on_two_caches_one_loads")
class GivesEverybodyTheLease(PlainCache):
    def add(self, item):
        return super().add(item) or True


@noticed_by("test_an_invalidated_tag_makes_its_values_a_miss_in_both_caches")
class DeletesNoTags(PlainCache):
    def drop(self, name):
        if not name.startswith("t"):
            super().drop(name)


@noticed_by("test_a_change_in_one_cache_is_seen_by_the_other_one")
class DeletesNoValues(PlainCache):
    def drop(self, name):
        if not name.startswith("v"):
            super().drop(name)


@noticed_by("test_what_a_loader_raises_is_not_cached")
class GivesNoLeaseBackWithoutAnItem(PlainCache):
    def end_lease(self, name, token, item=None):
        return super().end_lease(name, token, item._replace())


@noticed_by("test_an_old_value_is_used_if_loading_a_new_one_fails")
class KeepsNothingLong(PlainCache):
    def end(self, ttl_ms):
        return super().end(min(ttl_ms, 100))


@noticed_by("test_none_is_a_value")
class KeepsNothing(PlainCache):
    def write(self, name, value, ttl_ms):
        if not name.startswith("v"):
            super().write(name, value, ttl_ms)


@noticed_by("test_a_counter_is_one_for_both_caches")
class CountsForItself(PlainCache):
    def __init__(self, ticks):
        super().__init__(ticks)
        self.own = PlainCache(ticks)

    def incr(self, name, by, ttl_ms):
        return self.own.incr(name, by, ttl_ms)
