"""Limits backends whose waits, refunds or exact limits are broken in one place each.

pytest does not collect this file by itself; ``test_contracts.py`` runs it.
"""

from __future__ import annotations

from habitkit.limits.domain import charging
from tests.limits.breaking import ChargesOneLimitAfterAnother, breaker, tampering
from tests.limits.plain_limits import PlainLimits

EXPECTED: list[str] = []
noticed_by = breaker(globals(), EXPECTED)


# -- waits ---------------------------------------------------------------------------------------


@noticed_by("test_calls_that_wait_are_admitted_one_emission_after_another")
@tampering
def forgets_to_say_the_wait(decision):
    return decision._replace(wait_seconds=0.0)


@noticed_by(
    "test_calls_that_wait_are_admitted_one_emission_after_another",
    "test_threads_that_wait_get_one_place_each_in_the_queue",
)
class ForgetsToReserve(PlainLimits):
    def write(self, subject, limits, states):
        now = self.ticks()
        super().write(subject, limits, [(min(tat, now + ns), ns) for tat, ns in states])


@noticed_by(
    "test_a_wait_that_is_too_short_reserves_nothing",
    "test_a_limiter_waits_once_for_what_it_has_reserved",
)
class WaitsForAnyTime(PlainLimits):
    def acquire(self, subject, limits, cost, max_wait_ns=0):
        return super().acquire(subject, limits, cost, 10**18 if max_wait_ns else 0)


@noticed_by("test_a_wait_as_long_as_it_takes_is_enough_and_a_nanosecond_less_is_not")
class WaitsANanosecondLonger(PlainLimits):
    def acquire(self, subject, limits, cost, max_wait_ns=0):
        return super().acquire(subject, limits, cost, max_wait_ns + 1)


@noticed_by("test_under_several_limits_a_call_waits_for_the_slowest_and_all_are_charged")
class WaitsForTheFirstLimit(PlainLimits):
    def acquire(self, subject, limits, cost, max_wait_ns=0):
        acquire = super().acquire
        decisions = [acquire(subject, (limit,), cost, max_wait_ns) for limit in limits]
        return min(decisions, key=lambda it: it.wait_seconds)


noticed_by("test_a_wait_too_short_for_one_of_several_limits_reserves_under_none")(
    ChargesOneLimitAfterAnother
)


@noticed_by("test_who_has_waited_leaves_the_next_no_more_to_wait_for")
class KeepsPlacesForTwiceAsLong(PlainLimits):
    def write(self, subject, limits, states):
        now = self.ticks()
        after = [(tat + (tat - now - ns if tat - now > ns else 0) * 3, ns) for tat, ns in states]
        super().write(subject, limits, after)


# -- refunds -------------------------------------------------------------------------------------


def gives_back(emissions):
    """Return a class that gives a number of emissions back for each of the cost, whatever it has."""

    class GivesBack(PlainLimits):
        def refund(self, taken):
            states = self.read(taken.subject, taken.limits)
            for limit, state in zip(taken.limits, states, strict=True):
                if state:
                    back = limit.emission_ns * taken.cost * emissions
                    self.states[self.key(taken.subject, limit)] = (state[0] - int(back), state[1])

    return GivesBack


noticed_by(
    "test_what_has_come_back_by_itself_is_not_given_back_again",
    "test_what_a_waiting_call_was_charged_with_is_not_given_back_by_another",
)(gives_back(1))
noticed_by("test_a_refund_gives_back_what_the_call_took_once")(gives_back(2))
noticed_by(
    "test_a_refund_gives_back_what_the_call_took_once",
    "test_a_refund_gives_back_under_each_of_several_limits",
    "test_the_last_who_waits_gives_back_place_in_the_queue",
    "test_threads_that_give_back_what_they_took_leave_the_budget_as_it_was",
)(gives_back(0))


noticed_by("test_what_has_come_back_by_itself_is_not_given_back_again", moves=False)(gives_back(1))


@noticed_by("test_a_refund_gives_back_what_the_call_took_once")
class GivesBackOne(PlainLimits):
    def refund(self, taken):
        super().refund(taken._replace(cost=1))


@noticed_by("test_a_refund_gives_back_under_each_of_several_limits")
class GivesBackUnderTheFirstLimit(PlainLimits):
    def refund(self, taken):
        super().refund(taken._replace(limits=taken.limits[:1], marks=taken.marks[:1]))


@noticed_by("test_a_refund_concerns_its_own_key_and_limit_alone")
class GivesAllBack(PlainLimits):
    def refund(self, taken):
        self.states.clear()


@noticed_by("test_a_refund_of_a_denial_gives_nothing_back")
class GivesBackWhatItDenied(PlainLimits):
    def acquire(self, subject, limits, cost, max_wait_ns=0):
        decision = super().acquire(subject, limits, cost, max_wait_ns)
        if decision:
            return decision
        marks = [self.ticks() + 10**18] * len(limits)
        return decision._replace(subject=subject, cost=cost, marks=marks)


class KeepsLevels(PlainLimits):
    """Keeps what a refund gives back in levels that may rise above the burst."""

    def refund(self, taken):
        for limit in taken.limits:
            tat = max(self.ticks(), *self.states.get(self.key(taken.subject, limit), (0,))[:1], 0)
            after = tat - limit.emission_ns * taken.cost
            self.states[self.key(taken.subject, limit)] = (after, limit.tolerance_ns)

    def peek(self, subject, limits, cost):
        decision = super().peek(subject, limits, cost)
        (state,) = self.read(subject, limits[:1])
        if state:
            free = self.ticks() + limits[0].tolerance_ns - state[0]
            decision.remaining = free // limits[0].emission_ns
        return decision


noticed_by(
    "test_a_refund_after_the_budget_is_whole_again_adds_nothing",
    "test_a_refund_after_a_reset_adds_nothing",
)(KeepsLevels)


# -- exact limits and leases ---------------------------------------------------------------------


class ReadsTheClockOtherwise(PlainLimits):
    by = 0

    def acquire(self, subject, limits, cost, max_wait_ns=0):
        """Charge at the right instant, but take calls for over too early or too late."""
        now, by = self.ticks(), self.by
        with self.lock:
            states = [
                tuple(it - by for it in state) if limit.exact else state
                for limit, state in zip(limits, self.read(subject, limits), strict=True)
            ]
            outcome = charging.charge(subject, limits, states, cost, now, max_wait_ns)
            if outcome.states is not None:
                after = [
                    tuple(it + by if n < len(state) - cost else it for n, it in enumerate(state))
                    for state in outcome.states
                ]
                self.write(subject, limits, after)
        return outcome.decision


@noticed_by(
    "test_calls_under_an_exact_limit_expire_one_by_one_after_a_period",
    "test_no_window_of_a_period_ever_has_more_than_the_rate",
    "test_a_lease_that_nobody_releases_ends_after_its_ttl",
)
class EndsWindowsANanosecondEarly(ReadsTheClockOtherwise):
    by = 1


@noticed_by(
    "test_calls_under_an_exact_limit_expire_one_by_one_after_a_period",
    "test_no_window_of_a_period_ever_has_more_than_the_rate",
)
class EndsWindowsANanosecondLate(ReadsTheClockOtherwise):
    by = -1


@noticed_by("test_no_window_of_a_period_ever_has_more_than_the_rate")
class EmptiesTheLogWhenItsFirstCallExpires(PlainLimits):
    def read(self, subject, limits):
        states = super().read(subject, limits)
        return [() if state and state[0] <= self.ticks() else state for state in states]


@noticed_by("test_an_exact_limit_admits_its_rate_at_once_and_no_more")
class KeepsOneCallOfAnInstant(PlainLimits):
    def write(self, subject, limits, states):
        super().write(subject, limits, [tuple(dict.fromkeys(state)) for state in states])


@noticed_by("test_calls_under_an_exact_limit_expire", moves=False)
@noticed_by("test_calls_under_an_exact_limit_expire")
class NeverForgetsCalls(PlainLimits):
    def acquire(self, subject, limits, cost, max_wait_ns=0):
        with self.lock:
            states = self.read(subject, limits)
            if len(states[0]) + cost > limits[0].rate:
                return charging.denied(limits, [charging.Usage(0, 1, 1)], cost)
            return super().acquire(subject, limits, cost, max_wait_ns)


@noticed_by("test_a_refund_frees_what_a_call_under_an_exact_limit_took")
class FreesOneCall(PlainLimits):
    def refund(self, taken):
        super().refund(taken._replace(cost=1))


@noticed_by("test_a_refund_after_the_calls_have_expired_adds_nothing")
class FreesTheLastCalls(PlainLimits):
    def refund(self, taken):
        (state,) = self.read(taken.subject, taken.limits)
        self.write(taken.subject, taken.limits, [state[: -taken.cost]])


@noticed_by("test_calls_that_wait_under_an_exact_limit_queue_for_those_before_them")
class QueuesNobodyUnderExactLimits(PlainLimits):
    def write(self, subject, limits, states):
        latest = [self.ticks() + it.period_seconds * 10**9 for it in limits]
        each = zip(states, latest, strict=True)
        super().write(subject, limits, [tuple(min(it, to) for it in state) for state, to in each])


@noticed_by("test_exact_limits_of_other_numbers_or_names_are_independent")
class KeepsOneLogOfAKey(PlainLimits):
    def key(self, subject, limit):
        return subject, "exact" if limit.exact else limit.id


@noticed_by("test_leases_of_other_ttls_and_numbers_count_together")
class CountsLeasesByTheirNumbers(PlainLimits):
    def key(self, subject, limit):
        return subject, f"{limit.id} {limit}"


@noticed_by("test_leases_are_no_other_limit_and_end_with_a_reset")
class CountsLeasesAsCalls(PlainLimits):
    def key(self, subject, limit):
        return subject, "log" if limit.exact else limit.id


@noticed_by(
    "test_at_most_n_leases_are_held_at_the_same_time",
    "test_threads_under_an_exact_limit_are_admitted_exactly_its_rate",
)
class CountsNoCalls(PlainLimits):
    def write(self, subject, limits, states):
        each = zip(limits, states, strict=True)
        super().write(subject, limits, [() if it.exact else state for it, state in each])


@noticed_by("test_a_lease_that_is_released_frees_one_place")
class ReleasesAllLeases(PlainLimits):
    def refund(self, taken):
        self.reset(taken.subject)


@noticed_by("test_a_longer_lease_outlives_a_shorter_one_taken_after_it")
class ForgetsWithTheLastLease(PlainLimits):
    def __init__(self, ticks):
        super().__init__(ticks)
        self.until = {}

    def read(self, subject, limits):
        if self.until.get(subject, 0) <= self.ticks():
            self.reset(subject)
        return super().read(subject, limits)

    def write(self, subject, limits, states):
        super().write(subject, limits, states)
        self.until[subject] = self.ticks() + limits[0].period_seconds * 10**9


@noticed_by(
    "test_a_refund_says_whether_it_has_given_anything_back",
    "test_reservations_that_are_given_back_in_their_order_leave_nothing",
)
class SaysThatARefundAlwaysGivesSomething(PlainLimits):
    def refund(self, taken):
        super().refund(taken)
        return True
