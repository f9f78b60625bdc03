"""The OpenFeature Remote Evaluation Protocol, as functions of a request.

They do no I/O: the host's web framework reads the request, checks who may send it, and writes the
``Response``. Source: open-feature/protocol, ``service/openapi.yaml``.
"""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any, NoReturn, Protocol

from attrs import frozen

from habitkit.flags.domain.resolution import ErrorCode

if TYPE_CHECKING:
    from collections.abc import Mapping

    from habitkit.flags.domain.resolution import Resolution

__all__ = ["Evaluable", "Response", "evaluate", "evaluate_all", "handle"]

_PATH = "/ofrep/v1/evaluate/flags"
_MAX_BYTES = 1_000_000
_MAX_DEPTH = 64
_OK, _NOT_MODIFIED, _BAD_REQUEST, _NOT_ALLOWED, _SERVER_ERROR = 200, 304, 400, 405, 500
_STATUS = {ErrorCode.FLAG_NOT_FOUND: 404, ErrorCode.PROVIDER_NOT_READY: _SERVER_ERROR}
"""Every other error code is a bad request, as in flagd."""


class Evaluable(Protocol):
    """What can be evaluated: ``kit.flags``, ``Flags`` or a compiled ``FlagSet``."""

    def details(self, key: str, default: Any, context: Mapping[str, Any], /) -> Resolution:
        """Evaluate one flag. It never raises."""
        ...

    def all(self, context: Mapping[str, Any], /) -> Mapping[str, Resolution]:
        """Evaluate all flags. It never raises."""
        ...


@frozen
class Response:
    """What to answer.

    Attributes:
        status: The status code.
        headers: The headers, among them the type of the body; its length is left to the server.
        body: JSON in ASCII, or nothing.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes


def handle(
    flags: Evaluable, method: str, path: str, headers: Mapping[str, str], body: bytes
) -> Response | None:
    """Return what to answer to a request, or None if its path is none of the protocol.

    Args:
        flags: The flags to evaluate.
        method: Of the request, such as ``POST``.
        path: Below where it is mounted, percent-decoded, as WSGI and ASGI have it.
        headers: Only ``If-None-Match`` is read.
        body: Of the request.
    """
    key = path.removeprefix(f"{_PATH}/") if path.startswith(f"{_PATH}/") else None
    if key == "" or (key is None and path != _PATH):
        return None
    if method.upper() != "POST":
        return _json(_NOT_ALLOWED, {"errorDetails": "expected POST"}, {"Allow": "POST"})
    if key is not None:
        return evaluate(flags, key, body)
    known = [value for name, value in headers.items() if name.lower() == "if-none-match"]
    return evaluate_all(flags, body, ", ".join(known))


def evaluate(flags: Evaluable, key: str, body: bytes) -> Response:
    """Return the answer to ``POST /ofrep/v1/evaluate/flags/{key}``.

    Args:
        flags: The flags to evaluate.
        key: Of the flag, from the path.
        body: Of the request: JSON with the evaluation context under ``context``.
    """
    try:
        context = _context(body)
    except _Refused as refused:
        return _json(_BAD_REQUEST, {"key": key, **refused.answer})
    resolution = flags.details(key, None, context)
    status = _STATUS.get(resolution.error_code, _BAD_REQUEST) if resolution.error_code else _OK
    return _json(status, _evaluation(key, resolution))


def evaluate_all(flags: Evaluable, body: bytes, if_none_match: str | None = None) -> Response:
    """Return the answer to ``POST /ofrep/v1/evaluate/flags``: all flags, or that none has changed.

    Args:
        flags: The flags to evaluate.
        body: Of the request: JSON with the evaluation context under ``context``.
        if_none_match: The request's header of that name: the ``ETag`` of an earlier answer.
    """
    try:
        context = _context(body)
    except _Refused as refused:
        return _json(_BAD_REQUEST, refused.answer)
    found = flags.all(context)
    if not found:  # because there are no flags, or because they are not there yet?
        probe = flags.details("", None, context)
        if probe.error_code is ErrorCode.PROVIDER_NOT_READY:
            return _json(_SERVER_ERROR, _error(probe.error_code, probe.error_message))
    answer = _json(_OK, {"flags": [_evaluation(key, found[key]) for key in sorted(found)]})
    tag = f'"{hashlib.sha256(answer.body).hexdigest()[:32]}"'
    known = {each.strip().removeprefix("W/") for each in (if_none_match or "").split(",")}
    if known & {tag, "*"}:
        return Response(_NOT_MODIFIED, {"ETag": tag}, b"")
    return Response(_OK, {**answer.headers, "ETag": tag}, answer.body)


class _Refused(Exception):
    """The request cannot be evaluated; ``answer`` says why."""

    def __init__(self, code: ErrorCode, details: str) -> None:
        super().__init__(details)
        self.answer = _error(code, details)


def _context(body: bytes) -> Mapping[str, Any]:
    """Return the evaluation context of a request."""
    if len(body) > _MAX_BYTES:
        raise _Refused(ErrorCode.INVALID_CONTEXT, f"expected at most {_MAX_BYTES} bytes")
    try:
        request = json.loads(body.decode(), parse_constant=_refuse) if body.strip() else {}
    except (ValueError, RecursionError) as error:
        raise _Refused(ErrorCode.PARSE_ERROR, f"expected JSON in UTF-8: {error}") from error
    if not isinstance(request, dict) or not isinstance(request.get("context", {}), dict):
        raise _Refused(
            ErrorCode.INVALID_CONTEXT,
            'expected an object such as {"context": {"targetingKey": "a"}}',
        )
    context: dict[str, Any] = request.get("context", {})
    if not isinstance(context.get("targetingKey", ""), str):
        raise _Refused(ErrorCode.INVALID_CONTEXT, "expected targetingKey to be a string")
    if _is_deeper(context, _MAX_DEPTH):
        raise _Refused(
            ErrorCode.INVALID_CONTEXT, f"expected at most {_MAX_DEPTH} levels of nesting"
        )
    return context


def _refuse(constant: str) -> NoReturn:
    message = f"{constant} is not a JSON number"
    raise ValueError(message)


def _is_deeper(value: Any, depth: int) -> bool:
    """Tell whether objects and lists are nested deeper than that."""
    level = [value]
    for _ in range(depth + 1):
        containers = [item for item in level if isinstance(item, dict | list)]
        if not containers:
            return False
        level = [
            inner
            for item in containers
            for inner in (item.values() if isinstance(item, dict) else item)
        ]
    return True


def _evaluation(key: str, resolution: Resolution) -> dict[str, Any]:
    """Return the protocol's object of one flag."""
    if resolution.error_code:
        return {"key": key, **_error(resolution.error_code, resolution.error_message)}
    found: dict[str, Any] = {
        "key": key,
        "reason": resolution.reason,
        "variant": resolution.variant or "",  # clients expect it to be there
        "metadata": {
            name: value
            for name, value in resolution.metadata.items()
            if isinstance(value, bool | int | float | str)
        },
    }
    if resolution.variant is not None:  # without a value, the client uses its own default
        found["value"] = resolution.value
    return found


def _error(code: ErrorCode, details: str | None) -> dict[str, Any]:
    return {"errorCode": code, "errorDetails": details or code}


def _json(
    status: int, content: Mapping[str, Any], headers: Mapping[str, str] | None = None
) -> Response:
    body = json.dumps(content, default=dict, separators=(",", ":")).encode()
    return Response(status, {"Content-Type": "application/json", **(headers or {})}, body)
