"""Flags for one unit, such as a user, with its stored assignments."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from habitkit._text import storable
from habitkit.errors import InvalidInput
from habitkit.flags.domain.evaluation import Evaluation
from habitkit.flags.domain.flag_set import is_mapping
from habitkit.flags.domain.model import StickyAssignment
from habitkit.flags.getters import Getters

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

    from habitkit.clock import Clock
    from habitkit.flags.domain.flag_set import FlagSet
    from habitkit.flags.domain.resolution import Resolution
    from habitkit.flags.evaluator import Evaluator

__all__ = ["NewAssignments", "Unit", "expect_targeting_key", "is_storable"]

_MOST_WAITING = 10_000
_LONGEST_TEXT = 200


def expect_targeting_key(value: object) -> None:
    """Refuse what cannot be the key of a unit.

    Raises:
        InvalidInput: If it is no string, or empty.
    """
    if not (isinstance(value, str) and value):
        raise InvalidInput("targeting_key", given=value, expected="a non-empty string")


def is_storable(text: str) -> bool:
    """Tell whether every store keeps a text as the key of an assignment."""
    return 0 < len(text) <= _LONGEST_TEXT and storable(text)


class NewAssignments:
    """Assignments that wait to be stored by the next refresh; bounded.

    Attributes:
        dropped: How many were not kept: too many waited, or no store could keep them.
    """

    def __init__(self) -> None:
        """Begin with none."""
        self._waiting: dict[str, dict[tuple[str, int], StickyAssignment]] = {}
        self._count = 0
        self._lock = threading.Lock()
        self.dropped = 0

    def __len__(self) -> int:
        """Return how many wait."""
        return self._count

    def add(self, assignment: StickyAssignment) -> None:
        """Keep an assignment, unless there is one of the same unit, flag and version."""
        with self._lock:
            if self._count >= _MOST_WAITING or not is_storable(assignment.flag):
                self.dropped += 1
                return
            own = self._waiting.setdefault(assignment.targeting_key, {})
            place = (assignment.flag, assignment.version)
            if place not in own:
                own[place] = assignment
                self._count += 1

    def of(self, targeting_key: str) -> list[StickyAssignment]:
        """Return those of one unit."""
        with self._lock:
            return list(self._waiting.get(targeting_key, {}).values())

    def take(self) -> list[StickyAssignment]:
        """Return all, and keep them until ``stored``."""
        with self._lock:
            return [it for own in self._waiting.values() for it in own.values()]

    def stored(self, assignments: Iterable[StickyAssignment]) -> None:
        """Let go of those that are stored."""
        with self._lock:
            for it in assignments:
                own = self._waiting.get(it.targeting_key, {})
                if own.pop((it.flag, it.version), None) is not None:
                    self._count -= 1
                if not own:
                    self._waiting.pop(it.targeting_key, None)

    def forget(self, targeting_key: str) -> None:
        """Let go of those of one unit."""
        self.stored(self.of(targeting_key))

    def after_fork(self) -> None:
        """Take a lock that no other thread holds."""
        self._lock = threading.Lock()


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
        stored: Iterable[StickyAssignment] | None,
        new: NewAssignments,
        clock: Clock,
        versions: Mapping[str, int] | None = None,
    ) -> None:
        """Keep what is stored of the unit; ``kit.flags.for_unit`` calls this.

        Args:
            evaluator: Has the flags.
            targeting_key: The unit.
            stored: Its assignments; None if none can be stored, so that all go by the hash.
            new: Is given the new ones.
            clock: Gives the time.
            versions: The version of the weights under which the unit was exposed, by experiment;
                None if that was not read, so that all go by the first one.
        """
        self.targeting_key = targeting_key
        self._evaluator = evaluator
        self._new = new
        self._clock = clock
        self._versions = None if versions is None else {**versions}
        self._stored: dict[tuple[str, int], str] | None = None
        if stored is not None:
            self._stored = {(it.flag, it.version): it.variant for it in stored}

    def details(
        self, key: str, default: Any, context: Mapping[str, Any] | None = None
    ) -> Resolution:
        """Evaluate a flag for the unit; arguments and result as for ``kit.flags.details``."""
        flags, now = self._evaluator.current(), self._clock.now()
        evaluation = self._evaluation(flags, now)
        whole = self._with_key(context)
        resolution = self._evaluator.evaluate(flags, key, default, whole, evaluation)
        self._keep(flags, evaluation, now)
        if self._versions is not None and flags is not None and flags.is_decided(key, resolution):
            version = resolution.metadata.get("experimentVersion")
            if version is not None:  # it is exposed now, and keeps this version
                self._versions.setdefault(resolution.metadata["experiment"], version)
        return resolution

    def all(self, context: Mapping[str, Any] | None = None) -> dict[str, Resolution]:
        """Evaluate every flag that is enabled for the unit; result as for ``kit.flags.all``.

        Args:
            context: As for ``details``.
        """
        flags, now = self._evaluator.current(), self._clock.now()
        evaluation = self._evaluation(flags, now)
        found = self._evaluator.evaluate_all(flags, self._with_key(context), evaluation)
        self._keep(flags, evaluation, now)
        return found

    def _with_key(self, context: Mapping[str, Any] | None) -> Mapping[str, Any]:
        """Return the context with the key of the unit; what is no context stays as it is."""
        if context is not None and not is_mapping(context):
            return context
        return {**(context or {}), "targetingKey": self.targeting_key}

    def _evaluation(self, flags: FlagSet | None, now: datetime) -> Evaluation:
        """Return the time, and what the unit was assigned of the flags in use."""
        stored = self._stored
        if flags is None or stored is None:
            return Evaluation(now.timestamp(), None, versions=self._versions)
        places = flags.sticky_versions.items()
        assigned = {place[0]: stored[place] for place in places if place in stored}
        return Evaluation(now.timestamp(), assigned, versions=self._versions)

    def _keep(self, flags: FlagSet | None, evaluation: Evaluation, now: datetime) -> None:
        """Keep new assignments, for this unit and to be stored."""
        if flags is None or self._stored is None:
            return
        for flag, variant in evaluation.assigned.items():
            version = flags.sticky_versions.get(flag, 1)
            self._stored.setdefault((flag, version), variant)
            self._new.add(StickyAssignment(self.targeting_key, flag, version, variant, now))
