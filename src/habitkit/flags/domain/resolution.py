"""The result of an evaluation, with the reasons and error codes of OpenFeature.

Source: the OpenFeature specification, section 2.2.5 (reason) and 2.2.7 (error code).
"""

from __future__ import annotations

from enum import StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from attrs import asdict, frozen

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["NO_METADATA", "ErrorCode", "Reason", "Resolution"]

NO_METADATA: Mapping[str, Any] = MappingProxyType({})


class Reason(StrEnum):
    """Why a flag has the value it has."""

    STATIC = "STATIC"
    DEFAULT = "DEFAULT"
    TARGETING_MATCH = "TARGETING_MATCH"
    SPLIT = "SPLIT"
    CACHED = "CACHED"
    DISABLED = "DISABLED"
    UNKNOWN = "UNKNOWN"
    STALE = "STALE"
    ERROR = "ERROR"


class ErrorCode(StrEnum):
    """What went wrong in an evaluation whose reason is ``ERROR``."""

    PROVIDER_NOT_READY = "PROVIDER_NOT_READY"
    FLAG_NOT_FOUND = "FLAG_NOT_FOUND"
    PARSE_ERROR = "PARSE_ERROR"
    TYPE_MISMATCH = "TYPE_MISMATCH"
    TARGETING_KEY_MISSING = "TARGETING_KEY_MISSING"
    INVALID_CONTEXT = "INVALID_CONTEXT"
    GENERAL = "GENERAL"


@frozen
class Resolution:
    """The result of an evaluation.

    Attributes:
        value: The value: the variant's, or the caller's default.
        variant: The name of the variant; None if the value is the caller's default.
        reason: Why it has this value.
        error_code: What went wrong, if the reason is ``ERROR``.
        error_message: The same in words.
        metadata: The metadata of the flag set and of the flag; it cannot be changed.
    """

    value: Any
    variant: str | None
    reason: Reason
    error_code: ErrorCode | None = None
    error_message: str | None = None
    metadata: Mapping[str, Any] = NO_METADATA

    def __reduce__(self) -> tuple[Any, ...]:
        """Return how to make it again; a view of a mapping cannot be pickled itself."""
        fields = asdict(self, recurse=False)
        return _restored, ({**fields, "metadata": dict(self.metadata)},)


def _restored(fields: dict[str, Any]) -> Resolution:
    """Make a result whose metadata cannot be changed."""
    return Resolution(**{**fields, "metadata": MappingProxyType(fields["metadata"])})
