"""How an experiment is analysed, decided and, if it is a bandit, reweighted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from attrs import field, frozen

from habitkit.errors import InvalidInput
from habitkit.experiments.domain.checks import (
    Validator,
    expect_flag,
    expect_int,
    expect_number,
    expect_one_of,
    or_none,
)

if TYPE_CHECKING:
    from typing import Self

__all__ = ["Allocation", "Analysis", "Rules"]

_METHODS = ("fixed", "always_valid", "group_sequential", "bayes", "e_process")
_SPENDING = ("obf", "pocock", "lan_demets_obf", "lan_demets_pocock")
_ADJUSTED = {"fixed", "always_valid"}
_MOST_UNITS = 10**12
_MOST_LOOKS = 50
_LEAST_ALPHA, _LARGEST_ALPHA = 1e-12, 0.5  # of boundaries


def _between() -> Validator:
    return expect_number("a number between 0 and 1", lambda it: 0 < it < 1)


def _share() -> Validator:
    return expect_number("a number from 0 to 1", lambda it: 0 <= it <= 1)


def _from_0(unit: str) -> Validator:
    return expect_number(f"a number of {unit} from 0", lambda it: it >= 0)


@frozen
class Analysis:
    """How effects are judged.

    Make one with ``Analysis.always_valid``, ``fixed``, ``group_sequential``, ``bayes`` or
    ``e_process``.

    Attributes:
        method: Which of them it is.
        alpha: The error level.
        relative: Whether effects are reported as shares of the control's mean; those of
            ``e_process`` are always.
        tuning_n: For ``always_valid``: at how many units the intervals are narrowest; fixed for the
            whole run.
        planned_n: For ``group_sequential``: the units of both arms at the last look. For ``fixed``:
            below so many nothing is decided; None to decide at any number.
        looks: For ``group_sequential``: how many equally spaced looks there are.
        spending: For ``group_sequential``: how the error is spent.
        prior_mean: For ``bayes``: the mean of the normal prior of the effect.
        prior_sd: For ``bayes``: its standard deviation; None for a flat prior.
        adjust: How p-values of several metrics and variants are adjusted; None for not at all.

    Raises:
        InvalidInput: If a value is not what is expected.
    """

    method: Literal["fixed", "always_valid", "group_sequential", "bayes", "e_process"] = field(
        validator=expect_one_of(*_METHODS)
    )
    alpha: float = field(default=0.05, validator=_between())
    relative: bool = field(default=False, validator=expect_flag())
    tuning_n: int = field(default=5_000, validator=expect_int(1, _MOST_UNITS))
    planned_n: int | None = field(default=None, validator=or_none(expect_int(2, _MOST_UNITS)))
    looks: int = field(default=5, validator=expect_int(1, _MOST_LOOKS))
    spending: Literal["obf", "pocock", "lan_demets_obf", "lan_demets_pocock"] = field(  # pyright: ignore[reportAssignmentType]
        default="lan_demets_obf", validator=expect_one_of(*_SPENDING)
    )
    prior_mean: float = field(default=0.0, validator=expect_number("a finite number"))
    prior_sd: float | None = field(
        default=None,
        validator=or_none(expect_number("a finite number above 0", lambda it: it > 0)),
    )
    adjust: Literal["holm", "bh"] | None = field(
        default=None, validator=or_none(expect_one_of("holm", "bh"))
    )

    def __attrs_post_init__(self) -> None:
        """Refuse what does not go with the method.

        Raises:
            InvalidInput: If something is missing, or there that the method does not have.
        """
        is_planned = self.method == "group_sequential"
        if is_planned and self.planned_n is None:
            raise InvalidInput("planned_n", given=None, expected="an int for group_sequential")
        if self.planned_n is not None and not is_planned and self.method != "fixed":
            expected = f"None for {self.method}; fixed and group_sequential have planned units"
            raise InvalidInput("planned_n", given=self.planned_n, expected=expected)
        if is_planned and not _LEAST_ALPHA <= self.alpha <= _LARGEST_ALPHA:
            expected = f"a number from {_LEAST_ALPHA} to {_LARGEST_ALPHA} for group_sequential"
            raise InvalidInput("alpha", given=self.alpha, expected=expected)
        if self.adjust and self.method not in _ADJUSTED:
            expected = f"None for {self.method}; p-values of fixed and always_valid are adjusted"
            raise InvalidInput("adjust", given=self.adjust, expected=expected)

    @classmethod
    def fixed(
        cls,
        alpha: float = 0.05,
        *,
        planned_n: int | None = None,
        relative: bool = False,
        adjust: Literal["holm", "bh"] | None = None,
    ) -> Self:
        """Judge once, at a number of units of both arms that was planned.

        Looking earlier is not valid: with ``planned_n`` no report decides before, but for one that
        says to stop by a guardrail, a sample ratio mismatch or units with several variants.
        """
        return cls("fixed", alpha, relative, planned_n=planned_n, adjust=adjust)

    @classmethod
    def always_valid(
        cls,
        alpha: float = 0.05,
        *,
        tuning_n: int = 5_000,
        relative: bool = False,
        adjust: Literal["holm", "bh"] | None = None,
    ) -> Self:
        """Judge at any time: the intervals hold however often one looks."""
        return cls("always_valid", alpha, relative, tuning_n, adjust=adjust)

    @classmethod
    def group_sequential(
        cls,
        planned_n: int,
        looks: int = 5,
        alpha: float = 0.05,
        *,
        spending: Literal[
            "obf", "pocock", "lan_demets_obf", "lan_demets_pocock"
        ] = "lan_demets_obf",
        relative: bool = False,
    ) -> Self:
        """Judge at a few planned looks, equally spaced up to a planned number of units."""
        return cls(
            "group_sequential",
            alpha,
            relative,
            planned_n=planned_n,
            looks=looks,
            spending=spending,
        )

    @classmethod
    def bayes(
        cls,
        alpha: float = 0.05,
        *,
        prior_mean: float = 0.0,
        prior_sd: float | None = None,
        relative: bool = False,
    ) -> Self:
        """Judge by a posterior: chance to win, expected loss, credible interval."""
        return cls("bayes", alpha, relative, prior_mean=prior_mean, prior_sd=prior_sd)

    @classmethod
    def e_process(cls, alpha: float = 0.05) -> Self:
        """Judge conversions under weights that change, as a bandit's; valid at any time."""
        return cls("e_process", alpha)


@frozen
class Allocation:
    """How a bandit moves the weights of the variants; ``kit.experiments.reweight`` does it.

    Make one with ``Allocation.thompson``, ``ucb1`` or ``epsilon_greedy``. The first metric of the
    experiment counts: of conversions with a Beta posterior, of others with a normal one.

    Attributes:
        policy: Which of them it is.
        floor: The least share of every variant.
        burn_in: How many mature units each variant has before the weights move.
        epsilon: For ``epsilon_greedy``: the share that is spread over all variants.

    Raises:
        InvalidInput: If a value is not what is expected.
    """

    policy: Literal["thompson", "ucb1", "epsilon_greedy"] = field(
        validator=expect_one_of("thompson", "ucb1", "epsilon_greedy")
    )
    floor: float = field(default=0.05, validator=_share())
    burn_in: int = field(default=100, validator=expect_int(1, _MOST_UNITS))
    epsilon: float = field(default=0.1, validator=_share())

    @classmethod
    def thompson(cls, *, floor: float = 0.05, burn_in: int = 100) -> Self:
        """Weigh each variant by the probability that it is the best."""
        return cls("thompson", floor, burn_in)

    @classmethod
    def ucb1(cls, *, floor: float = 0.05, burn_in: int = 100) -> Self:
        """Prefer the variant with the highest upper confidence bound."""
        return cls("ucb1", floor, burn_in)

    @classmethod
    def epsilon_greedy(
        cls, epsilon: float = 0.1, *, floor: float = 0.05, burn_in: int = 100
    ) -> Self:
        """Prefer the best variant so far, and spread the share ``epsilon`` over all."""
        return cls("epsilon_greedy", floor, burn_in, epsilon)


@frozen
class Rules:
    """When a report may end in a decision.

    Attributes:
        min_units: The least number of units of each arm that were measured by the first metric,
            those whose time is over, before anything is decided.
        min_days: The least number of days since the start, so that whole weeks are seen.
        max_days: After so many days without a significant effect the decision is to stop; None for
            never.
        srm_alpha: The sample ratio is mismatched if its p-value is below this.
        max_several: The largest share of units that may have seen several variants.
        max_loss: For ``bayes``: the largest expected loss with which a variant is shipped.
        min_chance: For ``bayes``: the least chance to win with which a variant is shipped.
        require_non_inferior: Whether a variant is shipped only if all of its guardrails are
            non-inferior; else those that are undecided do not keep it back.

    Raises:
        InvalidInput: If a value is not what is expected.
    """

    min_units: int = field(default=100, validator=expect_int(0, _MOST_UNITS))
    min_days: float = field(default=0.0, validator=_from_0("days"))
    max_days: float | None = field(default=None, validator=or_none(_from_0("days")))
    srm_alpha: float = field(default=0.001, validator=_share())
    max_several: float = field(default=0.01, validator=_share())
    max_loss: float | None = field(default=None, validator=or_none(_from_0("the metric's unit")))
    min_chance: float = field(default=0.95, validator=_share())
    require_non_inferior: bool = field(default=True, validator=expect_flag())

    def __attrs_post_init__(self) -> None:
        """Refuse an end before the decision may begin.

        Raises:
            InvalidInput: If ``max_days`` is less than ``min_days``.
        """
        if self.max_days is not None and self.max_days < self.min_days:
            expected = f"at least min_days, {self.min_days}, or None"
            raise InvalidInput("max_days", given=self.max_days, expected=expected)
