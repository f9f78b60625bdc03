"""The events of experiments."""

from attrs import frozen

from habitkit.events import Event

__all__ = ["ExperimentChanged"]


@frozen
class ExperimentChanged(Event):
    """An experiment was defined or changed; its owner is the system owner of flags.

    Attributes:
        experiment: Its key.
        state: Its state afterwards: ``draft``, ``running``, ``paused``, ``stopped`` or ``shipped``.
        revision: The revision of the set of flags that did it.
        by: Who did it.
    """

    experiment: str
    state: str
    revision: int
    by: str
