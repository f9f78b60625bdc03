"""The settings of alerts."""

from __future__ import annotations

from typing import Any

from attrs import field, frozen

__all__ = ["AlertSettings"]


@frozen
class AlertSettings:
    groups: tuple[Any, ...] = field(default=(), converter=tuple)
    receivers: tuple[Any, ...] = field(default=(), converter=tuple)
