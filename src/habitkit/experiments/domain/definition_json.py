"""Experiments as a document of flags keeps them: the section ``$experiments``, by key.

Each has the attributes of ``Experiment`` and ``StoredExperiment`` as members, in camel case.
Weights are lists of pairs, as their order decides who gets which variant. Lengths of time are in
seconds (``withinSeconds``), instants are text with a zone. A member that is missing has its
default; what is written has all but those that are None or empty, so that another default changes
nothing that runs.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from enum import Enum
from typing import TYPE_CHECKING, Any

from attrs import fields, frozen, has

from habitkit.errors import InvalidInput
from habitkit.experiments.domain.checks import LONGEST_DAYS
from habitkit.experiments.domain.definition import (
    Experiment,
    State,
    StoredExperiment,
    WeightVersion,
)
from habitkit.experiments.domain.metrics import Guardrail, Metric
from habitkit.experiments.domain.plans import Allocation, Analysis, Rules
from habitkit.flags.domain.faults import Fault, json_path, shown

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeAlias

    from habitkit.flags.domain.faults import Path

    Reader: TypeAlias = Callable[[Any, Path], Any]

__all__ = ["experiment_to_json", "read_experiment"]

_LONGEST_SECONDS = LONGEST_DAYS * 86_400
_SECONDS = {"within": "withinSeconds", "pre_period": "prePeriodSeconds"}
_EMPTY: tuple[Any, ...] = ("", ())
_WEIGHTS = {"variants", "weights"}


def experiment_to_json(stored: StoredExperiment) -> dict[str, Any]:
    """Return an experiment as it stands in a document under its key."""
    found = _object(stored.experiment)
    del found["key"]
    rest = _object(stored)
    del rest["experiment"]
    return {**found, **rest}


def _object(value: Any) -> dict[str, Any]:
    """Return the attributes of a value that are not None or empty."""
    found = {}
    for each in fields(type(value)):
        given: Any = getattr(value, each.name)
        is_empty = given in _EMPTY and given == each.default
        if given is not None and not is_empty:
            is_weights = each.name in _WEIGHTS
            found[_member(each.name)] = [*map(list, given.items())] if is_weights else _json(given)
    return found


def _json(value: Any) -> Any:
    if has(type(value)):
        return _object(value)
    if isinstance(value, tuple):
        return [_json(each) for each in value]
    if isinstance(value, timedelta):
        return value // timedelta(seconds=1)
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    return value.value if isinstance(value, Enum) else value


def _member(attribute: str) -> str:
    """Return the name of the member that holds an attribute."""
    if attribute in _SECONDS:
        return _SECONDS[attribute]
    first, *rest = attribute.split("_")
    return first + "".join(part.capitalize() for part in rest)


class _Faulty(Exception):
    """A value is at fault; the fault has been added."""


@frozen
class _Reader:
    """Reads one experiment."""

    faults: list[Fault]

    def refuse(self, path: Path, message: str) -> _Faulty:
        self.faults.append(Fault(json_path(path), message))
        return _Faulty()

    def plain(self, value: Any, _: Path) -> Any:
        """Return a value as it is; the class that takes it checks it."""
        return value

    def many(self, read: Reader) -> Reader:
        """Return what reads a list."""

        def read_all(value: Any, path: Path) -> tuple[Any, ...]:
            if not isinstance(value, list):
                raise self.refuse(path, f"expected a list, got {shown(value)}")
            found, count = [], len(self.faults)
            for index, each in enumerate(value):
                try:
                    found.append(read(each, (*path, index)))
                except _Faulty:
                    continue
            if len(self.faults) > count:
                raise _Faulty
            return tuple(found)

        return read_all

    def weights(self, value: Any, path: Path) -> dict[str, Any]:
        pairs = self.many(self.pair)(value, path)
        found: dict[str, Any] = dict(pairs)
        if len(found) < len(pairs):
            raise self.refuse(path, "expected each variant once")
        return found

    def pair(self, value: Any, path: Path) -> tuple[str, Any]:
        if isinstance(value, list) and len(value) == 2 and isinstance(value[0], str):  # noqa: PLR2004
            return value[0], value[1]
        raise self.refuse(path, f"expected a pair [variant, weight], got {shown(value)}")

    def segments(self, value: Any, path: Path) -> tuple[int, int]:
        if isinstance(value, list) and [type(it) for it in value] == [int, int]:
            return value[0], value[1]
        raise self.refuse(path, f"expected a pair of ints [first, end], got {shown(value)}")

    def seconds(self, value: Any, path: Path) -> timedelta:
        if type(value) is int and 0 < value <= _LONGEST_SECONDS:
            return timedelta(seconds=value)
        expected = f"an int from 1 to {_LONGEST_SECONDS}, in seconds"
        raise self.refuse(path, f"expected {expected}, got {shown(value)}")

    def instant(self, value: Any, path: Path) -> datetime:
        if isinstance(value, str):
            try:
                at = datetime.fromisoformat(value)
                if at.tzinfo is not None:
                    return at.astimezone(UTC)
            except (ValueError, OverflowError):
                pass
        expected = 'an instant with its zone, such as "2027-01-31T09:00:00Z"'
        raise self.refuse(path, f"expected {expected}, got {shown(value)}")

    def state(self, value: Any, path: Path) -> State:
        try:
            return State(value)
        except ValueError:
            expected = ", ".join(State)
            message = f"expected one of {expected}, got {shown(value)}"
            raise self.refuse(path, message) from None

    def of(self, kind: type, readers: Mapping[str, Reader]) -> Reader:
        """Return what reads an object into a class; attributes without a reader stay as they are.

        Only those attributes are read that ``readers`` has.
        """
        return lambda value, path: self.value(kind, readers, value, path)

    def value(self, kind: type, readers: Mapping[str, Reader], value: Any, path: Path) -> Any:
        found = self.members(readers, value, path)
        return self.made(kind, found, path)

    def members(self, readers: Mapping[str, Reader], value: Any, path: Path) -> dict[str, Any]:
        """Return the attributes that an object gives; any fault refuses it, after all are read."""
        if not isinstance(value, Mapping):
            raise self.refuse(path, f"expected an object, got {shown(value)}")
        names, count = {_member(name): name for name in readers}, len(self.faults)
        found: dict[str, Any] = {}
        for member, given in value.items():
            try:
                if member not in names:
                    message = f"unknown member {shown(member)}; expected {', '.join(sorted(names))}"
                    raise self.refuse((*path, str(member)), message)
                found[names[member]] = readers[names[member]](given, (*path, member))
            except _Faulty:
                continue
        if len(self.faults) > count:
            raise _Faulty
        return found

    def made(self, kind: type, found: dict[str, Any], path: Path) -> Any:
        """Return a value of a class; what the class refuses is a fault.

        Each attribute is checked for itself first, so that all that are at fault are named.
        """
        count = len(self.faults)
        for each in fields(kind):
            if each.name in found and each.validator is not None:
                try:
                    each.validator(None, each, found[each.name])
                except InvalidInput as error:
                    self.add(error, path, kind)
            elif each.default is _REQUIRED and each.name not in found:
                message = f"expected a member {_member(each.name)!r}"
                self.faults.append(Fault(json_path(path), message))
        if len(self.faults) > count:
            raise _Faulty
        try:
            return kind(**found)
        except InvalidInput as error:
            self.add(error, path, kind)
            raise _Faulty from error

    def add(self, error: InvalidInput, path: Path, kind: type) -> None:
        """Add what a class refuses, at the member if it names one."""
        name = str(error).partition(":")[0]
        if name in {each.name for each in fields(kind)}:
            path = (*path, _member(name))
        given = error.given if isinstance(error.given, str | int | float) else None
        got = "" if given is None else f", got {shown(given)}"
        self.faults.append(Fault(json_path(path), f"expected {error.expected}{got}"))


_REQUIRED: Any = fields(StoredExperiment).experiment.default


def read_experiment(
    key: str, given: object, path: Path, faults: list[Fault]
) -> StoredExperiment | None:
    """Return an experiment of a document, or None if something of it is at fault.

    Args:
        key: Its key.
        given: What stands under the key.
        path: The place of it in the document.
        faults: Every fault is appended.
    """
    read = _Reader(faults)
    plain = _plain(read, Metric, Analysis, Allocation, Rules)
    part = {**plain[Metric], "within": read.seconds, "pre_period": read.seconds}
    of_part = read.of(Metric, part)
    of_metric = read.of(Metric, {**part, "numerator": of_part, "denominator": of_part})
    of_guardrail = read.of(Guardrail, {"metric": of_metric, "margin": read.plain})
    of_version = read.of(WeightVersion, {"weights": read.weights, "at": read.instant})
    defined: dict[str, Reader] = {
        **{each.name: read.plain for each in fields(Experiment) if each.name != "key"},
        "variants": read.weights,
        "metrics": read.many(of_metric),
        "guardrails": read.many(of_guardrail),
        "analysis": read.of(Analysis, plain[Analysis]),
        "allocation": read.of(Allocation, plain[Allocation]),
        "rules": read.of(Rules, plain[Rules]),
    }
    stored: dict[str, Reader] = {
        "state": read.state,
        "segments": read.many(read.segments),
        "versions": read.many(of_version),
        "shipped": read.plain,
        "started_at": read.instant,
        "ended_at": read.instant,
    }
    try:
        found = read.members({**defined, **stored}, given, path)
        own = {name: found.pop(name) for name in stored if name in found}
        experiment = read.made(Experiment, {"key": key, **found}, path)
        made: StoredExperiment = read.made(
            StoredExperiment, {"experiment": experiment, **own}, path
        )
    except _Faulty:
        return None
    return made


def _plain(read: _Reader, *kinds: type) -> dict[type, dict[str, Reader]]:
    """Return readers that leave all attributes as they are, by class."""
    return {kind: {each.name: read.plain for each in fields(kind)} for kind in kinds}
