"""The errors of experiments.

    Refused
    └── ExperimentStateConflict

Statistics that cannot be computed are no errors of a report: it names the problem.
"""

from __future__ import annotations

from habitkit.errors import Refused

__all__ = ["ExperimentStateConflict"]


class ExperimentStateConflict(Refused):
    """An experiment is in a state in which this cannot be done.

    Attributes:
        experiment: Its key.
        state: Its state.
        action: What was asked for.
    """

    def __init__(self, *, experiment: str, state: str, action: str, hint: str) -> None:
        """Name the experiment, its state, and what to do instead."""
        self.experiment = experiment
        self.state = state
        self.action = action
        super().__init__(f"cannot {action} experiment {experiment!r}, which is {state}; {hint}")
