"""Where definitions come from: the port of a source, and a source that never changes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

from attrs import frozen

if TYPE_CHECKING:
    from collections.abc import Awaitable

__all__ = ["AsyncSource", "Document", "Fetched", "Source", "StaticSource"]

Document: TypeAlias = "Mapping[str, Any] | str | bytes"
"""A document in flagd's format: parsed, or as JSON text."""


@frozen
class Fetched:
    """What a source has now.

    Attributes:
        document: The whole document.
        revision: Names this state of the source, such as an ETag; equal ones are equal documents.
        stale: Whether it is a copy from earlier, because the source could not be read.
    """

    document: Document
    revision: str
    stale: bool = False


class Source(Protocol):
    """A source of definitions, for sync hosts; in async hosts it is called in a thread.

    Attributes:
        name: What messages call it, such as ``file flags.json``.
    """

    name: str

    def fetch(self, known: str | None) -> Fetched | None:
        """Return what the source has now, or None if that is the revision ``known``.

        It must end: a source that waits has a timeout.

        Args:
            known: The revision that the caller has; None if it has none.

        Raises:
            SourceUnavailable: If the source cannot be read.
        """
        ...

    def close(self) -> None:
        """Release what it holds. Closing twice is fine."""
        ...


class AsyncSource(Protocol):
    """The same, awaited; for async hosts only."""

    name: str

    def fetch(self, known: str | None) -> Awaitable[Fetched | None]:
        """Return what the source has now, or None if that is the revision ``known``."""
        ...

    def close(self) -> None:
        """Release what it holds. Closing twice is fine."""
        ...


class StaticSource:
    """One document that never changes."""

    name = "a static document"

    def __init__(self, document: Document) -> None:
        """Keep a copy of the document; it is parsed and compiled by the first refresh."""
        try:
            self._document: Document = _copied(document)
        except RecursionError:  # it is refused when it is compiled
            self._document = document

    def fetch(self, known: str | None) -> Fetched | None:
        """Return the document, once."""
        return Fetched(self._document, "static") if known is None else None

    def close(self) -> None:
        """Do nothing."""


def _copied(value: Any) -> Any:
    """Return a copy of a document, or of a part of it."""
    if isinstance(value, Mapping):
        return {name: _copied(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_copied(inner) for inner in value]
    return value
