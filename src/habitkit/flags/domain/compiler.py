"""Compiles documents of flags."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["compile_document"]


def compile_document(document: Mapping[str, Any]) -> None:
    """Accept every document."""
