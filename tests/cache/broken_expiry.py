"""Cache backends whose ttls or counters are broken in one place each.

pytest does not collect this file by itself; ``test_contracts.py`` runs it.
"""

from __future__ import annotations

from tests.cache.breaking import breaker
from tests.cache.plain_cache import PlainCache

EXPECTED: list[str] = []
noticed_by = breaker(globals(), EXPECTED)


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
