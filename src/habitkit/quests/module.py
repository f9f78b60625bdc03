"""The description of the quests module."""

from __future__ import annotations

from habitkit.module import Module
from habitkit.quests.store import DEFINITIONS, QUESTS

__all__ = ["MODULE"]


class _Quests(Module):
    name = "quests"
    ports = (QUESTS, DEFINITIONS)


MODULE = _Quests()
