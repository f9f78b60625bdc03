"""Cache backends whose leases, or what caches make of them, are broken in one place each.

pytest does not collect this file by itself; ``test_contracts.py`` runs it.
"""

from __future__ import annotations

from tests.cache.breaking import breaker
from tests.cache.plain_cache import PlainCache

EXPECTED: list[str] = []
noticed_by = breaker(globals(), EXPECTED)


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
