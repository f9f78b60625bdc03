"""What every method of inference takes and returns."""

from __future__ import annotations

from attrs import frozen

__all__ = ["Effect", "Inference"]


@frozen
class Effect:
    """An estimated effect: how much the treatment changed a metric.

    Attributes:
        estimate: The treatment less the control; of a relative effect divided by the control.
        se: The standard error of the estimate.
        df: The degrees of freedom, for Student's t; None for the normal distribution.
    """

    estimate: float
    se: float
    df: float | None = None


@frozen
class Inference:
    """What a method says of an effect.

    Attributes:
        estimate: The effect.
        low: The lower end of the interval; minus infinity where it is one-sided.
        high: The upper end of the interval; infinity where it is one-sided.
        p_value: How probable an effect like this, or a larger one, is if there is none.
        alpha: The error level: the interval covers the true effect with 1 - alpha.
        method: The name of the method.
    """

    estimate: float
    low: float
    high: float
    p_value: float
    alpha: float
    method: str

    @property
    def significant(self) -> bool:
        """Whether the interval excludes 0."""
        return not self.low <= 0 <= self.high
