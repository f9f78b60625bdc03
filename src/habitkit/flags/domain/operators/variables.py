"""``var``, ``missing`` and ``missing_some``: reading the context.

At the top of a rule the context also has ``$flagd``: the flag's key and the time, in whole seconds.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from habitkit.flags.domain.expressions import Call, Node, Operator, constant
from habitkit.flags.domain.faults import shown
from habitkit.flags.domain.json_values import (
    UNDEFINED,
    compare,
    text_length,
    text_slice,
    to_number,
    to_text,
)
from habitkit.flags.domain.limits import MOST_ITEMS, check_length

if TYPE_CHECKING:
    from habitkit.flags.domain.evaluation import Evaluation

__all__ = ["VARIABLES", "Reader", "member"]

Reader: TypeAlias = "Callable[[Any, Evaluation | None, Any, Any], Any]"
_INDEX = re.compile(r"0|[1-9][0-9]{0,9}")


def _var(call: Call) -> Node:
    key, default = call.node(0), call.node(1)
    if key.varies:
        read, name, otherwise = _reader(call), key.run, default.run

        def run(data: Any, evaluation: Evaluation | None) -> Any:
            return read(data, evaluation, name(data, evaluation), otherwise(data, evaluation))

        return Node(run)
    if key.constant is None or key.constant == "" or key.constant is UNDEFINED:
        return Node(lambda data, _evaluation: data)
    return _named(call, to_text(key.constant), default)


def _named(call: Call, name: str, default: Node) -> Node:
    first, *rest = name.split(".")
    if call.scope.top and first == "$flagd":
        return _flagd(call, name)
    has_default = default.varies or default.constant not in (None, UNDEFINED)
    if call.scope.top and not rest and not has_default:
        return Node(lambda data, _evaluation: data.get(name), name=name)
    parts = (first, *rest)
    if not has_default:
        return Node(lambda data, _evaluation: _walk(data, parts, None))
    otherwise = default.run
    return Node(
        lambda data, evaluation: (
            otherwise(data, evaluation)
            if (value := _walk(data, parts, UNDEFINED)) is UNDEFINED
            else value
        )
    )


def _flagd(call: Call, name: str) -> Node:
    if name == "$flagd.flagKey":
        call.compiler.keyed = True
        return constant(call.compiler.context.flag_key)
    if name == "$flagd.timestamp":
        call.compiler.timed = True
        return Node(lambda _data, evaluation: _timestamp(evaluation))
    if name == "$flagd":
        read = _reader(call)
        return Node(lambda data, evaluation: read(data, evaluation, name, None))
    return call.fault(f"there is no {shown(name)}; expected $flagd.flagKey or $flagd.timestamp", 0)


def _timestamp(evaluation: Evaluation | None) -> int:
    if evaluation is None:
        raise ValueError("the rule reads $flagd.timestamp; evaluate it with a time")
    return int(evaluation.at)


def _walk(data: Any, parts: tuple[str, ...], otherwise: Any) -> Any:
    """Follow a path of names; ``otherwise`` if it leads to nothing."""
    for part in parts:
        data = member(data, part)
        if data is UNDEFINED:
            return otherwise
    return data


def member(data: Any, name: str) -> Any:
    """Return ``data[name]`` of JavaScript: of an object, a list or a text."""
    if isinstance(data, Mapping):
        return data.get(name, UNDEFINED)
    if not isinstance(data, (str, list, tuple)):
        return UNDEFINED
    length = text_length(data) if isinstance(data, str) else len(data)
    if name == "length":
        return length
    if not _INDEX.fullmatch(name) or (index := int(name)) >= length:
        return UNDEFINED
    return text_slice(data, index, index + 1) if isinstance(data, str) else data[index]


def _reader(call: Call) -> Reader:
    """Return what reads a path that is known when the rule is evaluated."""
    if call.scope.top:
        call.compiler.timed = call.compiler.keyed = True  # the name may be that of either
    top, flag_key = call.scope.top, call.compiler.context.flag_key

    def read(data: Any, evaluation: Evaluation | None, key: Any, default: Any) -> Any:
        if key is None or key == "" or key is UNDEFINED:
            return data
        name = to_text(key)
        parts = tuple(name.split("."))
        if top and parts[0] == "$flagd":
            data = {"$flagd": {"flagKey": flag_key, "timestamp": _timestamp(evaluation)}}
        value = _walk(data, parts, UNDEFINED)
        if value is UNDEFINED:
            return None if default is UNDEFINED else default
        return value

    return read


def _missing_of(read: Reader, keys: Any, data: Any, evaluation: Evaluation | None) -> list[Any]:
    """Return the keys that lead to nothing, of a list or of a list in that list."""
    if keys and isinstance(keys[0], list):
        keys = keys[0]
    check_length(keys, MOST_ITEMS)
    return [key for key in keys if _is_missing(read, key, data, evaluation)]


def _is_missing(read: Reader, key: Any, data: Any, evaluation: Evaluation | None) -> bool:
    name, default = key, None
    if isinstance(key, list):  # json-logic-js gives it to `var` as the list of its arguments
        name, default = [*key, UNDEFINED, UNDEFINED][:2]
    value = read(data, evaluation, name, default)
    return value is None or value == ""


def _missing(call: Call) -> Node:
    read = _reader(call)
    runs = [node.run for node in call.nodes()]

    def run(data: Any, evaluation: Evaluation | None) -> Any:
        return _missing_of(read, [key(data, evaluation) for key in runs], data, evaluation)

    return Node(run)


def _missing_some(call: Call) -> Node:
    read = _reader(call)
    needed, options = call.node(0).run, call.node(1).run

    def run(data: Any, evaluation: Evaluation | None) -> Any:
        need, given = needed(data, evaluation), options(data, evaluation)
        if given is None or given is UNDEFINED:
            raise ValueError("missing_some expects a list of names as its second argument")
        keys = given if isinstance(given, list) else [given]
        count = member(given, "length")
        missing = _missing_of(read, keys, data, evaluation)
        present = math.nan if count is UNDEFINED else to_number(count) - len(missing)
        order = compare(present, need)
        return [] if order is not None and order >= 0 else missing

    return Node(run)


VARIABLES: Final[Mapping[str, Operator]] = {
    "var": _var,
    "missing": _missing,
    "missing_some": _missing_some,
}
