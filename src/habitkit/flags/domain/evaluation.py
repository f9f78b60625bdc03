"""What one evaluation knows besides the context, and the type of a compiled rule."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeAlias

from attrs import define, field, frozen

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Evaluation", "Exposed", "Expression"]

Expression: TypeAlias = "Callable[[Any, Evaluation | None], Any]"
"""A compiled rule: ``(data, evaluation) -> JSON value``. It may raise; the flag catches that.

``data`` is what ``var`` reads: the context, or an element inside ``map``, ``filter`` and the like.
The evaluation is None in flags that ask for none of it.
"""


@frozen
class Exposed:
    """What a unit has seen first of an experiment.

    Attributes:
        version: The version of the weights by which it was assigned.
        variant: The variant, which it keeps while the experiment runs.
    """

    version: int
    variant: str


@define
class Evaluation:
    """What one evaluation knows besides the context.

    Attributes:
        at: The time, in seconds since 1970.
        assignments: Stored variants by flag, for flags that are sticky; None without ``for_unit``.
        assigned: Variants that this evaluation has assigned, by flag, to be stored.
        exposed: What the unit was exposed to, by experiment; None where nobody has read it, as
            without ``for_unit``.
    """

    at: float
    assignments: Mapping[str, str] | None = None
    assigned: dict[str, str] = field(factory=dict)
    exposed: Mapping[str, Exposed] | None = None
