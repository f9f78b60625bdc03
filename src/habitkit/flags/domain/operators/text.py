"""``cat``, ``substr``, and flagd's ``starts_with``, ``ends_with`` and ``sem_ver``."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from habitkit.flags.domain.expressions import Call, Node, Operator
from habitkit.flags.domain.faults import shown
from habitkit.flags.domain.json_values import (
    UNDEFINED,
    is_number,
    text_length,
    text_slice,
    to_number,
    to_text,
)
from habitkit.flags.domain.limits import LONGEST_TEXT, too_large
from habitkit.flags.domain.sem_ver import Version, parse_version

if TYPE_CHECKING:
    from habitkit.flags.domain.evaluation import Evaluation, Expression

__all__ = ["TEXT", "VersionTest"]


def _cat(call: Call) -> Node:
    nodes = call.nodes()
    runs = [node.run for node in nodes]

    def run(data: Any, evaluation: Evaluation | None) -> Any:
        parts, length = [], 0
        for item in runs:
            value = item(data, evaluation)
            if value is None:
                continue
            text = value if isinstance(value, str) else to_text(value)
            length += len(text)
            if length > LONGEST_TEXT:
                raise too_large("the text that cat builds", LONGEST_TEXT, "characters")
            parts.append(text)
        return "".join(parts)

    return Node(run, loops=max((node.loops for node in nodes), default=0))


def _substr(call: Call) -> Node:
    source, start, count = (call.node(index) for index in range(3))
    of, begin, length = source.run, start.run, count.run

    def run(data: Any, evaluation: Evaluation | None) -> Any:
        return _cut(of(data, evaluation), begin(data, evaluation), length(data, evaluation))

    return Node(run, loops=max(source.loops, start.loops, count.loops))


def _cut(source: Any, start: Any, length: Any) -> str:
    text = to_text(source)
    size = text_length(text)
    begin = _position(to_number(start), size)
    if begin < 0:
        begin = max(size + begin, 0)
    if length is UNDEFINED:
        return text_slice(text, begin, size)
    if to_number(length) < 0:  # leave out as many at the end, as PHP does
        rest = max(size - begin, 0)
        left = rest + length if is_number(length) else to_number(f"{rest}{to_text(length)}")
        end = begin + max(_position(to_number(left), size), 0)
    else:
        end = begin + _position(to_number(length), size)
    return text_slice(text, begin, min(end, size))


def _position(number: float, size: int) -> int:
    """Return a number as a position; beyond either end of a text is as good as its end."""
    if math.isnan(number):
        return 0
    return int(max(-size, min(number, size)))


def _text_test(test: Callable[[str, str], bool]) -> Operator:
    def compile_call(call: Call) -> Node:
        if not call.listed or len(call.values) != 2:  # noqa: PLR2004 - a text and a part of it
            return call.fault(f"{call.name} expects a list of two arguments, texts or rules")
        for index, value in enumerate(call.values):
            if not isinstance(value, (str, dict)):
                call.fault(
                    f"{call.name} expects a text or a rule, found {type(value).__name__}", index
                )
        left, right = call.node(0), call.node(1)
        first, second = left.run, right.run

        def run(data: Any, evaluation: Evaluation | None) -> Any:
            text, part = first(data, evaluation), second(data, evaluation)
            if isinstance(text, str) and isinstance(part, str):
                return test(text, part)
            return None

        return Node(run, boolean=True, loops=max(left.loops, right.loops))

    return compile_call


def _same_major(left: Version, right: Version) -> bool:
    return left[0] == right[0]


def _same_minor(left: Version, right: Version) -> bool:
    return left[:2] == right[:2]


VersionTest: TypeAlias = Callable[[Version, Version], bool]

_VERSION_TESTS: Final[Mapping[str, VersionTest]] = {
    "=": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "^": _same_major,
    "~": _same_minor,
}


def _sem_ver(call: Call) -> Node:
    if not call.listed or len(call.values) != 3:  # noqa: PLR2004 - a version, a test, a version
        return call.fault(
            "sem_ver expects a list of three arguments: a version, an operator and a version"
        )
    sign = call.values[1]
    test = _VERSION_TESTS.get(sign) if isinstance(sign, str) else None
    if test is None:
        return call.fault(f"sem_ver expects one of {', '.join(_VERSION_TESTS)}", 1)
    left, right = _version(call, 0), _version(call, 2)
    if not right.varies:
        return Node(_compare_with(left, test, right.constant), boolean=True, loops=left.loops)
    first, second = left.run, right.run

    def run(data: Any, evaluation: Evaluation | None) -> Any:
        version = parse_version(first(data, evaluation))
        other = parse_version(second(data, evaluation))
        return None if version is None or other is None else test(version, other)

    return Node(run, boolean=True, loops=max(left.loops, right.loops))


def _compare_with(node: Node, test: VersionTest, text: Any) -> Expression:
    """Compare with a constant version, which is parsed once."""
    first, fixed = node.run, parse_version(text)

    def run(data: Any, evaluation: Evaluation | None) -> Any:
        version = parse_version(first(data, evaluation))
        return None if version is None or fixed is None else test(version, fixed)

    return run


def _version(call: Call, index: int) -> Node:
    value = call.values[index]
    if not isinstance(value, dict) and (not isinstance(value, str) or parse_version(value) is None):
        return call.fault(
            f"expected a version such as 1.4.0, or a rule; found {shown(value)}", index
        )
    return call.node(index)


TEXT: Final[Mapping[str, Operator]] = {
    "cat": _cat,
    "substr": _substr,
    "starts_with": _text_test(str.startswith),
    "ends_with": _text_test(str.endswith),
    "sem_ver": _sem_ver,
}
