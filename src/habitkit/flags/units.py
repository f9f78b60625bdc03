"""Flags for one unit, such as a user, with its stored assignments."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from habitkit.flags.domain.evaluation import Evaluation
from habitkit.flags.domain.model import Assignment
from habitkit.flags.getters import Getters

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

    from habitkit.clock import Clock
    from habitkit.flags.domain.resolution import Resolution
    from habitkit.flags.evaluator import Evaluator

__all__ = ["NewAssignments", "Unit"]

_MOST_WAITING = 10_000


class NewAssignments:
    """Assignments that wait to be stored by the next refresh; bounded.

    Attributes:
        dropped: How many were not kept because too many waited.
    """

    def __init__(self) -> None:
        """Begin with none."""
        self._waiting: dict[tuple[str, str, int], Assignment] = {}
        self.dropped = 0

    def add(self, assignment: Assignment) -> None:
        """Keep an assignment, unless there is one of the same unit, flag and version."""
        if len(self._waiting) >= _MOST_WAITING:
            self.dropped += 1
            return
        place = (assignment.targeting_key, assignment.flag, assignment.version)
        self._waiting.setdefault(place, assignment)

    def of(self, targeting_key: str) -> list[Assignment]:
        """Return those of one unit."""
        waiting = list(self._waiting.values())
        return [it for it in waiting if it.targeting_key == targeting_key]

    def take(self) -> list[Assignment]:
        """Return all, and keep them until ``stored``."""
        return list(self._waiting.values())

    def stored(self, assignments: Iterable[Assignment]) -> None:
        """Let go of those that are stored."""
        for it in assignments:
            self._waiting.pop((it.targeting_key, it.flag, it.version), None)


class Unit(Getters):
    """Flags for one unit, such as a user: the getters of ``kit.flags``.

    Flags that are sticky give it the variant that it was given first. Read once; for one request or
    one task.

    Attributes:
        targeting_key: The ``targetingKey`` of the unit, which takes the place of the context's.
    """

    def __init__(
        self,
        evaluator: Evaluator,
        targeting_key: str,
        stored: Iterable[Assignment],
        new: NewAssignments,
        clock: Clock,
    ) -> None:
        """Keep what is stored of the unit; ``kit.flags.for_unit`` calls this."""
        self.targeting_key = targeting_key
        self._evaluator = evaluator
        self._new = new
        self._clock = clock
        flags = evaluator.current()
        self._versions: Mapping[str, int] = {} if flags is None else flags.sticky_versions
        self._assigned = {
            it.flag: it.variant for it in stored if self._versions.get(it.flag) == it.version
        }

    def details(
        self, key: str, default: Any, context: Mapping[str, Any] | None = None
    ) -> Resolution:
        """Evaluate a flag for the unit; arguments and result as for ``kit.flags.details``."""
        now: datetime = self._clock.now()
        evaluation = Evaluation(now.timestamp(), self._assigned)
        whole = {**(context or {}), "targetingKey": self.targeting_key}
        resolution = self._evaluator.details(key, default, whole, evaluation)
        for flag, variant in evaluation.assigned.items():
            self._assigned.setdefault(flag, variant)
            version = self._versions.get(flag, 1)
            self._new.add(Assignment(self.targeting_key, flag, version, variant, now))
        return resolution
