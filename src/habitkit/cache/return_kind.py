"""The kind of a function's values: its return annotation, resolved apart from the others."""

from __future__ import annotations

import functools
import inspect
from types import SimpleNamespace, UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

__all__ = ["annotated", "return_kind"]

_PLAIN = (None, type(None), bool, int, float, str, Any, object)


def annotated(function: Any) -> Any:
    """Return what has the annotations of a function: what it wraps, or its ``__call__``."""
    while isinstance(function, functools.partial):
        function = function.func
    function = inspect.unwrap(function)
    return function if inspect.isroutine(function) else type(function).__call__


def return_kind(function: Any) -> Any:
    """Return the type to read a function's values back as; None if JSON needs none.

    Of the annotations it resolves only this one: what the others name may be imported for type
    checkers alone.

    Raises:
        Exception: Any, if it cannot be resolved.
    """
    function = annotated(function)
    annotations = getattr(function, "__annotations__", None) or {}
    if "return" not in annotations:
        return None
    alone: Any = SimpleNamespace(__annotations__={"return": annotations["return"]})
    hint = get_type_hints(alone, getattr(function, "__globals__", {}))["return"]
    return None if hint is bytes or _is_plain(hint) else hint


def _is_plain(hint: Any) -> bool:
    """Return whether values of a type are read back by JSON as they were."""
    if any(hint is plain for plain in _PLAIN):
        return True
    origin, members = get_origin(hint) or hint, get_args(hint)
    if origin in (list, Union, UnionType):
        return all(map(_is_plain, members))
    return origin is dict and (not members or (members[0] is str and _is_plain(members[1])))
