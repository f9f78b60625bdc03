"""The traps of JsonLogic: what a rule may do that its author is unlikely to mean."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from habitkit.flags.domain.faults import Fault, Path, json_path

__all__ = ["lint_rule"]

_DEEPEST: Final = 150
_ORDERS: Final = frozenset(["<", "<=", ">", ">="])
_UNEQUAL: Final = frozenset(["!=", "!=="])
_LOOSE: Final = {"==": "===", "!=": "!=="}


def lint_rule(rule: Any, path: Path) -> list[Fault]:
    """Return the traps in a rule: places that compile, but may surprise.

    Args:
        rule: The rule, as parsed from JSON; it need not compile.
        path: Where it stands in the document.
    """
    return [
        Fault(json_path(place), message)
        for place, name, arguments, present in _calls(rule, path, frozenset())
        for message in _traps(name, arguments, present)
    ]


def _calls(
    value: Any, path: Path, present: frozenset[str]
) -> Iterator[tuple[Path, str, list[Any], frozenset[str]]]:
    """Go through the calls in a rule, each with the attributes that were tested before it."""
    if len(path) > _DEEPEST:
        return
    if isinstance(value, list):
        for index, item in enumerate(value):
            yield from _calls(item, (*path, index), present)
    elif isinstance(value, dict):
        for name, given in value.items():
            if not isinstance(name, str):
                continue  # no JSON, which is a fault
            arguments = given if isinstance(given, list) else [given]
            yield (*path, name), name, arguments, present
            if name == "and" and isinstance(given, list):
                tested = present
                for index, item in enumerate(given):
                    yield from _calls(item, (*path, name, index), tested)
                    tested |= _tested(item)
            else:
                yield from _calls(given, (*path, name), present)


def _tested(condition: Any) -> frozenset[str]:
    """Return the attribute that is there if a condition holds; nothing if that is not known."""
    if not isinstance(condition, dict) or len(condition) != 1:
        return frozenset()
    ((name, given),) = condition.items()
    arguments = given if isinstance(given, list) else [given]
    if (name == "!!" and len(arguments) == 1) or (name in _UNEQUAL and arguments[1:] == [None]):
        read = arguments[0].get("var") if isinstance(arguments[0], dict) else None
        return frozenset([read]) if isinstance(read, str) else frozenset()
    return frozenset()


def _traps(name: str, arguments: list[Any], present: frozenset[str]) -> Iterator[str]:
    if name in _ORDERS and any(_may_be_missing(value, present) for value in arguments):
        yield (
            f"a missing attribute counts as 0 for {name}, so that the comparison may hold; "
            'give `var` a default, or test with {"!!": {"var": ...}} first'
        )
    if name in _LOOSE and any(_is_converted(value) for value in arguments):
        yield (
            f"{name} converts values of different types, such as text and numbers, before it "
            f"compares them; {_LOOSE[name]} does not"
        )
    if name == "in" and len(arguments) > 1 and not _looks_for_whole_or_part(*arguments[:2]):
        yield (
            'if the second argument of "in" is a text, "in" looks for a part of it; use a list to '
            "look for whole values"
        )
    if name == "rollout" and not _ends_after_start(arguments):
        yield "the rollout does not end after it starts, so that it always yields null"


def _may_be_missing(value: Any, present: frozenset[str]) -> bool:
    if not isinstance(value, dict) or "var" not in value:
        return False
    name = value["var"]
    if isinstance(name, list):
        if len(name) != 1:
            return False
        (name,) = name
    return name not in ("", "$flagd.timestamp") and not (isinstance(name, str) and name in present)


def _looks_for_whole_or_part(item: Any, within: Any) -> bool:
    """Whether it is plain what is meant: an item of a list, or a constant part of an attribute."""
    return isinstance(within, list) or (isinstance(item, str) and isinstance(within, dict))


def _is_converted(value: Any) -> bool:
    """Whether this is a constant that loose equality finds equal to values of other types."""
    if isinstance(value, str):
        return value.strip() == "" or value.strip().replace(".", "", 1).isdecimal()
    return isinstance(value, (bool, int, float))


def _ends_after_start(arguments: list[Any]) -> bool:
    start, end = arguments[1:3] if len(arguments) == 5 else [*arguments, 0, 0][:2]  # noqa: PLR2004
    numbers = isinstance(start, (int, float)) and isinstance(end, (int, float))
    return not numbers or start < end
