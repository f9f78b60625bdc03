"""The events of flags."""

from attrs import frozen

from habitkit.events import Event

__all__ = ["FlagChanged"]


@frozen
class FlagChanged(Event):
    """A flag was added, changed, deleted or restored; its owner is the system owner of flags.

    Attributes:
        flag: The flag's key; None if what all flags share was changed, such as ``$evaluators``.
        revision: The revision that did it.
        by: Who did it.
    """

    flag: str | None
    revision: int
    by: str
