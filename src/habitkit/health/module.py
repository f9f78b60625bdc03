"""The description of the health module, which every store supports."""

from __future__ import annotations

from habitkit.health.settings import HealthSettings
from habitkit.module import Module

__all__ = ["MODULE"]


class _Health(Module):
    name = "health"
    settings = HealthSettings


MODULE = _Health()
