"""Our own settings of a flag, which flagd's format lacks: the section ``$habitkit``.

prerequisites   other flags that must have one of some variants, or the default is served
segments        names of shared rules; where none of them is true, the default is served
schedule        what is served by default changes with time
sticky          who was given a variant by a percentage keeps it
experiment      the experiment the flag belongs to; an evaluation of it is an exposure
holdout         the name of those who are kept out of experiments
owner, expires, tags    for people: who to ask, from when it should be gone, words to find it
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from attrs import frozen

from habitkit.flags.domain.faults import Fault, json_path, shown

if TYPE_CHECKING:
    from collections.abc import Callable

    from habitkit.flags.domain.faults import Path

__all__ = ["FlagOptions", "Prerequisite", "Progressive", "Schedule", "Step", "read_options"]

_LARGEST_WEIGHT = 2**31 - 1
_PERCENT = 100


@frozen
class Prerequisite:
    """Another flag that must have one of some variants.

    Attributes:
        flag: Its key.
        variants: The variants of which it must have one.
    """

    flag: str
    variants: tuple[str, ...]


@frozen
class Step:
    """From an instant on, what is served where no rule says otherwise.

    Attributes:
        at: The instant, in seconds since 1970.
        serve: The variant; None if ``split`` is given.
        split: Weights by variant, for a percentage of those who have a targeting key.
    """

    at: float
    serve: str | None = None
    split: Mapping[str, int] | None = None


@frozen
class Progressive:
    """A share that rises linearly between two instants.

    Attributes:
        variant: Who is in the share is served this variant, the others the default.
        begin: When it begins to rise, in seconds since 1970.
        end: When it has risen.
        first: The share before ``begin``, in percent.
        last: The share from ``end`` on, in percent.
    """

    variant: str
    begin: float
    end: float
    first: float = 0.0
    last: float = 100.0


@frozen
class Schedule:
    """How what is served by default changes with time: by steps, or progressively.

    Attributes:
        steps: The steps, in the order of their instants; none if the share is progressive.
        progressive: The share that rises; None if there are steps.
    """

    steps: tuple[Step, ...] = ()
    progressive: Progressive | None = None


@frozen
class FlagOptions:
    """Our own settings of a flag.

    Attributes:
        prerequisites: Other flags that must have one of some variants, or the default is served.
        segments: Names of shared rules; where none of them is true, the default is served.
        schedule: How what is served by default changes with time.
        sticky: The version of the flag's assignments, if units keep their variant; else None.
        experiment: The experiment that the flag belongs to.
        holdout: The name of those who are kept out of experiments.
        owner: Who to ask about the flag.
        expires: From when the flag should be gone.
        tags: Words to find it by.
    """

    prerequisites: tuple[Prerequisite, ...] = ()
    segments: tuple[str, ...] = ()
    schedule: Schedule | None = None
    sticky: int | None = None
    experiment: str | None = None
    holdout: str | None = None
    owner: str | None = None
    expires: datetime | None = None
    tags: tuple[str, ...] = ()


class _Faulty(Exception):
    """A value is at fault; the fault has been added."""


class _Reader:
    """Reads the settings of one flag."""

    def __init__(self, faults: list[Fault]) -> None:
        self._faults = faults

    def refuse(self, path: Path, message: str) -> _Faulty:
        self._faults.append(Fault(json_path(path), message))
        return _Faulty()

    def members(
        self, given: object, readers: Mapping[str, Callable[[Any, Path], Any]], path: Path
    ) -> dict[str, Any]:
        """Return the members of an object, each read; those at fault are left out."""
        if not isinstance(given, Mapping):
            raise self.refuse(path, f"expected an object, got {shown(given)}")
        found: dict[str, Any] = {}
        for name, value in given.items():
            try:
                if name not in readers:
                    expected = ", ".join(sorted(readers))
                    message = f"unknown member {shown(name)}; expected {expected}"
                    raise self.refuse((*path, name), message)
                found[name] = readers[name](value, (*path, name))
            except _Faulty:
                continue
        return found

    def text(self, value: object, path: Path) -> str:
        if isinstance(value, str) and value:
            return value
        raise self.refuse(path, f"expected a non-empty string, got {shown(value)}")

    def texts(self, value: object, path: Path) -> tuple[str, ...]:
        return tuple(self.text(it, (*path, n)) for n, it in enumerate(self.many(value, path)))

    def many(self, value: object, path: Path) -> list[Any]:
        if isinstance(value, list):
            return value
        raise self.refuse(path, f"expected a list, got {shown(value)}")

    def instant(self, value: object, path: Path) -> datetime:
        if isinstance(value, str):
            try:
                at = datetime.fromisoformat(value)
                if at.tzinfo is not None:
                    return at.astimezone(UTC)
            except (ValueError, OverflowError):
                pass
        expected = 'an instant with its zone, such as "2027-01-31T09:00:00Z"'
        raise self.refuse(path, f"expected {expected}, got {shown(value)}")

    def seconds(self, value: object, path: Path) -> float:
        return self.instant(value, path).timestamp()

    def percent(self, value: object, path: Path) -> float:
        if (
            isinstance(value, int | float)
            and not isinstance(value, bool)
            and 0 <= value <= _PERCENT
        ):
            return float(value)
        raise self.refuse(path, f"expected a number from 0 to 100, got {shown(value)}")

    def sticky(self, value: object, path: Path) -> int | None:
        if isinstance(value, bool):
            return 1 if value else None
        found = self.members(value, {"version": self.version}, path)
        version: int = found.get("version", 1)
        return version

    def version(self, value: object, path: Path) -> int:
        if type(value) is int and 1 <= value <= _LARGEST_WEIGHT:
            return value
        raise self.refuse(path, f"expected an int from 1, got {shown(value)}")

    def split(self, value: object, path: Path) -> Mapping[str, int]:
        if not isinstance(value, Mapping) or not value:
            raise self.refuse(path, f"expected an object of weights by variant, got {shown(value)}")
        for name, weight in value.items():
            if type(weight) is not int or weight < 0:
                raise self.refuse((*path, name), f"expected an int from 0, got {shown(weight)}")
        if not 0 < sum(value.values()) <= _LARGEST_WEIGHT:
            raise self.refuse(path, "expected weights whose sum is from 1 to 2**31-1")
        return dict(value)

    def prerequisite(self, value: object, path: Path) -> Prerequisite:
        found = self.members(value, {"flag": self.text, "variants": self.texts}, path)
        if len(found) == 2 and found["variants"]:  # noqa: PLR2004 - both members
            return Prerequisite(**found)
        raise self.refuse(path, 'expected {"flag": key, "variants": [name, ...]}')

    def prerequisites(self, value: object, path: Path) -> tuple[Prerequisite, ...]:
        return tuple(
            self.prerequisite(it, (*path, n)) for n, it in enumerate(self.many(value, path))
        )

    def step(self, value: object, path: Path) -> Step:
        readers = {"at": self.seconds, "serve": self.text, "split": self.split}
        found = self.members(value, readers, path)
        if "at" in found and len(found) == 2:  # noqa: PLR2004 - and one of the others
            return Step(**found)
        raise self.refuse(path, 'expected {"at": instant} and one of "serve" and "split"')

    def steps(self, value: object, path: Path) -> tuple[Step, ...]:
        steps = tuple(self.step(it, (*path, n)) for n, it in enumerate(self.many(value, path)))
        if any(one.at >= other.at for one, other in pairwise(steps)):
            raise self.refuse(path, "expected steps in the order of their instants")
        return steps

    def progressive(self, value: object, path: Path) -> Progressive:
        readers: dict[str, Callable[[Any, Path], Any]] = {
            "variant": self.text,
            "begin": self.seconds,
            "end": self.seconds,
            "first": self.percent,
            "last": self.percent,
        }
        found = self.members(value, readers, path)
        if not {"variant", "begin", "end"} <= found.keys():
            raise self.refuse(path, 'expected {"variant": name, "begin": instant, "end": instant}')
        if found["begin"] >= found["end"]:
            raise self.refuse(path, "expected begin to be before end")
        return Progressive(**found)

    def schedule(self, value: object, path: Path) -> Schedule:
        found = self.members(value, {"steps": self.steps, "progressive": self.progressive}, path)
        if len(found) != 1:
            raise self.refuse(path, 'expected one of "steps" and "progressive"')
        return Schedule(**found)

    def options(self, value: object, path: Path) -> FlagOptions:
        readers: dict[str, Callable[[Any, Path], Any]] = {
            "prerequisites": self.prerequisites,
            "segments": self.texts,
            "schedule": self.schedule,
            "sticky": self.sticky,
            "experiment": self.text,
            "holdout": self.text,
            "owner": self.text,
            "expires": self.instant,
            "tags": self.texts,
        }
        return FlagOptions(**self.members(value, readers, path))


def read_options(given: object, path: Path, faults: list[Fault]) -> FlagOptions:
    """Return our settings of a flag; those at fault are left out, and added to ``faults``."""
    try:
        return _Reader(faults).options(given, path)
    except _Faulty:
        return FlagOptions()
