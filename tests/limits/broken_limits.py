"""Limits backends that are broken in one place each, put to the case that has to notice.

pytest does not collect this file by itself; ``test_contracts.py`` runs it.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from pathlib import Path

import pytest

from habitkit.limits import Limit
from habitkit.testing.contracts import LimiterContract
from tests.limits.breaking import ChargesOneLimitAfterAnother, breaker, tampering
from tests.limits.plain_limits import PlainLimits, Ticks

EXPECTED: list[str] = []
noticed_by = breaker(globals(), EXPECTED)


# -- what is charged -----------------------------------------------------------------------------


noticed_by("test_several_limits_are_charged_none_if_one_denies")(ChargesOneLimitAfterAnother)


@noticed_by(
    "test_several_limits_are_charged_all", "test_exact_and_other_limits_are_charged_all_or_none"
)
class ChargesTheFirstLimitOnly(PlainLimits):
    def write(self, subject, limits, states):
        super().write(subject, limits[:1], states[:1])


@noticed_by("test_a_denial_charges_nothing", "test_a_wait_that_is_too_short_reserves_nothing")
class ChargesOnDenial(PlainLimits):
    def acquire(self, subject, limits, cost, max_wait_ns=0):
        decision = super().acquire(subject, limits, cost, max_wait_ns)
        if not decision:
            super().acquire(subject, limits, cost, 10**18)
        return decision


@noticed_by("test_a_burst_is_exact")
class ChargesOneWhateverTheCost(PlainLimits):
    def acquire(self, subject, limits, cost, max_wait_ns=0):
        return super().acquire(subject, limits, 1, max_wait_ns)


@noticed_by("test_a_burst_is_exact_again_each_time_it_has_refilled")
class RoundsInstantsToMilliseconds(PlainLimits):
    def write(self, subject, limits, states):
        rounded = [
            tuple(-(-it // 10**6) * 10**6 for it in state[:1]) + state[1:] for state in states
        ]
        super().write(subject, limits, rounded)


@noticed_by("test_a_budget_refills_evenly")
class RefillsInSteps(PlainLimits):
    def __init__(self, ticks):
        super().__init__(lambda: ticks() // 10**10 * 10**10)


@noticed_by("test_a_budget_that_has_partly_refilled_is_not_full", moves=False)
class ForgetsWhatHasPartlyRefilled(PlainLimits):
    def read(self, subject, limits):
        states = super().read(subject, limits)
        each = zip(states, limits, strict=True)
        return [
            ()
            if state and self.ticks() > state[0] - limit.tolerance_ns + limit.emission_ns
            else state
            for state, limit in each
        ]


@noticed_by(
    "test_a_clock_that_goes_back_admits_nothing_more",
    "test_who_does_not_wait_is_denied_behind_those_who_do",
)
class TakesWhatIsFarAheadForGarbage(PlainLimits):
    def read(self, subject, limits):
        states = super().read(subject, limits)
        return [() if state and state[0] > self.ticks() + state[-1] else state for state in states]


@noticed_by("test_a_thousand_other_keys_do_not_revive_one_that_is_used_up")
class EvictsKeysInUse(PlainLimits):
    def write(self, subject, limits, states):
        super().write(subject, limits, states)
        if len(self.states) > 1000:
            del self.states[next(iter(self.states))]


# -- whose budget it is --------------------------------------------------------------------------


@noticed_by(
    "test_limits_of_one_key_are_independent", "test_a_changed_limit_without_a_name_is_a_new_budget"
)
class KeepsOneStateForAllLimits(PlainLimits):
    def key(self, subject, limit):
        return subject, ""


@noticed_by("test_limits_of_one_key_are_independent")
class TakesNamesInAnyCase(PlainLimits):
    def key(self, subject, limit):
        return subject, limit.id.lower()


class MistakesKeys(PlainLimits):
    mistaken: Callable[[str], object]

    def key(self, subject, limit):
        return self.mistaken(subject), limit.id


def mistakes(mistaken):
    kind = type(mistaken.__name__, (MistakesKeys,), {"mistaken": staticmethod(mistaken)})
    return noticed_by("test_keys_are_independent")(kind)


@mistakes
def folds_case(subject):
    return subject.casefold()


@mistakes
def trims(subject):
    return subject.strip(" ")


@mistakes
def truncates(subject):
    return subject[:255]


@mistakes
def normalises(subject):
    return unicodedata.normalize("NFC", subject)


@mistakes
def keeps_letters_only(subject):
    return "".join(it for it in subject if it.isalnum())


@mistakes
def keeps_ascii_only(subject):
    return subject.encode("ascii", "replace")


@mistakes
def takes_what_is_in_braces(subject):
    return subject.partition("{")[2].partition("}")[0] or subject


@noticed_by("test_a_reset_gives_a_key_its_whole_budget_back_under_every_limit")
class ResetsOneLimit(PlainLimits):
    def reset(self, subject):
        for key in [key for key in self.states if key[0] == subject][:1]:
            del self.states[key]


@noticed_by("test_a_reset_gives_a_key_its_whole_budget_back_under_every_limit")
class ResetsByPrefix(PlainLimits):
    def reset(self, subject):
        for key in [key for key in self.states if key[0].startswith(subject)]:
            del self.states[key]


@noticed_by("test_a_changed_limit_with_a_name_goes_on_with_its_budget")
class StartsANamedLimitAfresh(PlainLimits):
    def key(self, subject, limit):
        return subject, f"{limit.id} {limit}"


@noticed_by("test_a_changed_limit_with_a_name_is_capped_by_the_new_numbers")
class DoesNotCapNamedLimits(PlainLimits):
    def read(self, subject, limits):
        states = zip(super().read(subject, limits), limits, strict=True)
        return [(state[0], limit.tolerance_ns) if state else state for state, limit in states]


@noticed_by("test_a_changed_limit_with_a_name_is_capped_by_the_new_numbers")
class CapsAtEachDenial(PlainLimits):
    def write(self, subject, limits, states):
        if all(len(state) < 2 or state[0] - self.ticks() != state[1] for state in states):
            super().write(subject, limits, states)


# -- what a decision says ------------------------------------------------------------------------


@noticed_by("test_a_decision_says_what_remains_and_when_it_is_back")
@tampering
def counts_itself_as_remaining(decision):
    return decision._replace(remaining=decision.remaining + decision.allowed)


@noticed_by("test_a_decision_says_what_remains_and_when_it_is_back")
@tampering
def resets_in_milliseconds(decision):
    return decision._replace(reset_after_seconds=decision.reset_after_seconds * 1000)


@noticed_by("test_a_decision_says_what_remains_and_when_it_is_back")
@tampering
def would_allow_what_it_denies(decision):
    return decision._replace(would_allow=True)


@noticed_by("test_of_several_limits_a_decision_is_about_the_one_that_matters_most")
@tampering
def is_about_the_first_limit(decision):
    return decision._replace(limit=decision.limits[0])


@noticed_by("test_waiting_for_retry_after_is_enough", moves=True)
@noticed_by("test_waiting_for_retry_after_is_enough", moves=False)
@tampering
def says_half_of_retry_after(decision):
    retry = decision.retry_after_seconds
    return decision._replace(retry_after_seconds=retry and retry / 2)


@noticed_by("test_waiting_a_nanosecond_less_than_retry_after_is_not_enough")
@tampering
def rounds_retry_after_up(decision):
    retry = decision.retry_after_seconds
    return decision._replace(retry_after_seconds=retry and -(-retry * 1000 // 1) / 1000)


@noticed_by("test_peek_says_what_acquire_would_and_takes_nothing")
class TakesAtPeek(PlainLimits):
    def peek(self, subject, limits, cost):
        super().acquire(subject, limits, 1)
        return super().peek(subject, limits, cost)


@noticed_by("test_a_cost_above_the_burst_is_denied_for_good_and_nothing_is_stored")
class StoresWhatIsTooMuch(PlainLimits):
    def peek(self, subject, limits, cost):
        if cost > limits[0].burst:
            super().acquire(subject, limits, cost, 10**30)
        return super().peek(subject, limits, cost)


@noticed_by("test_a_rate_of_0_always_denies")
class TakesARateOf0ForNone(PlainLimits):
    def peek(self, subject, limits, cost):
        return super().peek(
            subject, tuple(it for it in limits if it.rate) or (Limit(1, "s"),), cost
        )


# -- a backend without exact limits --------------------------------------------------------------


class TestWithoutExactLimits(LimiterContract):
    """What it does wrong elsewhere is noticed, and not skipped."""

    @pytest.fixture
    def limits(self):
        limits = KeepsOneStateForAllLimits(Ticks())
        limits.supports_exact = False
        return limits


EXPECTED.append(
    f"{Path(__file__).name}::TestWithoutExactLimits::test_limits_of_one_key_are_independent"
)
