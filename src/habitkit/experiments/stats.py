"""Inference for experiments: pure functions, which need no kit and no store.

An ``Effect`` comes from the moments of two arms, by the constructors in ``effect``; every method of
inference takes one: ``fixed``, ``always_valid``, ``msprt``, ``group_sequential``, ``bayes``.

Example:
    >>> from habitkit.experiments import stats
    >>> control, treatment = stats.effect.successes(210, 1_000), stats.effect.successes(260, 1_000)
    >>> found = stats.effect.proportion(control, treatment)
    >>> round(found.estimate, 3), round(stats.fixed(found).p_value, 4)
    (0.05, 0.0083)
"""

from habitkit.experiments.domain.stats import effect
from habitkit.experiments.domain.stats.allocation import (
    epsilon_greedy,
    thompson_beta,
    thompson_normal,
    ucb1,
)
from habitkit.experiments.domain.stats.always_valid import always_valid, msprt
from habitkit.experiments.domain.stats.bayes import (
    NormalPrior,
    Posterior,
    bayes,
    beta_best,
    beta_loss,
)
from habitkit.experiments.domain.stats.e_process import Batch, EValue, e_interval, e_process
from habitkit.experiments.domain.stats.fixed import fixed
from habitkit.experiments.domain.stats.group_sequential import Boundaries, group_sequential
from habitkit.experiments.domain.stats.inference import Effect, Inference
from habitkit.experiments.domain.stats.interactions import Interaction, interaction
from habitkit.experiments.domain.stats.moments import Bivariate, Moments
from habitkit.experiments.domain.stats.multiple_testing import adjust
from habitkit.experiments.domain.stats.power import conditional_power, mde, power, sample_size
from habitkit.experiments.domain.stats.quantiles import (
    OrderStatistics,
    QuantileRanks,
    quantile_effect,
    quantile_ranks,
)
from habitkit.experiments.domain.stats.srm import SrmResult, sequential_srm, srm, srm_expected
from habitkit.experiments.domain.stats.validity import AaResult, aa_check

__all__ = [
    "AaResult",
    "Batch",
    "Bivariate",
    "Boundaries",
    "EValue",
    "Effect",
    "Inference",
    "Interaction",
    "Moments",
    "NormalPrior",
    "OrderStatistics",
    "Posterior",
    "QuantileRanks",
    "SrmResult",
    "aa_check",
    "adjust",
    "always_valid",
    "bayes",
    "beta_best",
    "beta_loss",
    "conditional_power",
    "e_interval",
    "e_process",
    "effect",
    "epsilon_greedy",
    "fixed",
    "group_sequential",
    "interaction",
    "mde",
    "msprt",
    "power",
    "quantile_effect",
    "quantile_ranks",
    "sample_size",
    "sequential_srm",
    "srm",
    "srm_expected",
    "thompson_beta",
    "thompson_normal",
    "ucb1",
]
