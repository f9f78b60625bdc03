"""The traps of JsonLogic: what a rule may do that its author is unlikely to mean."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from habitkit.flags.domain.faults import Fault, Path, json_path

__all__ = ["lint_rule"]

_DEEPEST: Final = 64
_ORDERS: Final = frozenset(["<", "<=", ">", ">="])
_LOOSE: Final = {"==": "===", "!=": "!=="}


def lint_rule(rule: Any, path: Path) -> list[Fault]:
    """Return the traps in a rule: places that compile, but may surprise.

    Args:
        rule: The rule, as parsed from JSON; it need not compile.
        path: Where it stands in the document.
    """
    return [
        Fault(json_path(place), message)
        for place, name, arguments in _calls(rule, path, 0)
        for message in _traps(name, arguments)
    ]


def _calls(value: Any, path: Path, depth: int) -> Iterator[tuple[Path, str, list[Any]]]:
    if depth > _DEEPEST:
        return
    if isinstance(value, list):
        for index, item in enumerate(value):
            yield from _calls(item, (*path, index), depth + 1)
    elif isinstance(value, dict):
        for name, given in value.items():
            yield (*path, name), name, given if isinstance(given, list) else [given]
            yield from _calls(given, (*path, name), depth + 1)


def _traps(name: str, arguments: list[Any]) -> Iterator[str]:
    if name in _ORDERS and any(_reads_without_default(value) for value in arguments):
        yield (
            f"an attribute that is missing counts as 0 for {name}, so that the comparison may hold; "
            'give `var` a default, or test with {"!!": {"var": ...}} first'
        )
    if name in _LOOSE and any(_is_converted(value) for value in arguments):
        yield (
            f"{name} converts values of different types, such as text and numbers, before it "
            f"compares them; {_LOOSE[name]} does not"
        )
    if name == "in" and len(arguments) > 1 and not isinstance(arguments[1], list):
        yield (
            'if the second argument of "in" is a text, "in" looks for a part of it; use a list to '
            "look for whole values"
        )
    if name == "rollout" and not _ends_after_start(arguments):
        yield "the rollout does not end after it starts, so that it always yields null"


def _reads_without_default(value: Any) -> bool:
    if not isinstance(value, dict) or "var" not in value:
        return False
    name = value["var"]
    if isinstance(name, list):
        return len(name) == 1 and name[0] != "$flagd.timestamp"
    return name not in ("", "$flagd.timestamp")


def _is_converted(value: Any) -> bool:
    """Whether this is a constant that loose equality finds equal to values of other types."""
    if isinstance(value, str):
        return value.strip() == "" or value.strip().replace(".", "", 1).isdecimal()
    return isinstance(value, (bool, int, float))


def _ends_after_start(arguments: list[Any]) -> bool:
    start, end = arguments[1:3] if len(arguments) == 5 else [*arguments, 0, 0][:2]  # noqa: PLR2004
    numbers = isinstance(start, (int, float)) and isinstance(end, (int, float))
    return not numbers or start < end
