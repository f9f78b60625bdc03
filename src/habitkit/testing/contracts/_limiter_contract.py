"""``LimiterContract``: the guarantees of every limits backend."""

from __future__ import annotations

from habitkit.testing.contracts._limiter_budgets import BudgetCases
from habitkit.testing.contracts._limiter_decisions import DecisionCases, NamedLimitCases
from habitkit.testing.contracts._limiter_exact import ExactCases, LeaseCases, WithoutExactCases
from habitkit.testing.contracts._limiter_races import EndCases, LimiterRaces, SharedCases
from habitkit.testing.contracts._limiter_waits import RefundCases, WaitCases

__all__ = ["LimiterContract"]


class LimiterContract(
    BudgetCases,
    DecisionCases,
    NamedLimitCases,
    WaitCases,
    RefundCases,
    ExactCases,
    LeaseCases,
    WithoutExactCases,
    LimiterRaces,
    SharedCases,
    EndCases,
):
    """The guarantees of every ``LimitsBackend``.

    The author's class gives the fixture ``limits``, a new and empty backend, which the contract
    closes; with the capability ``shared`` also ``limits_again``, another backend on its state. A
    backend whose clock tests can move gives ``advance``, a function that moves it by so many
    nanoseconds: then exact instants are tested too, and nothing sleeps.
    """
