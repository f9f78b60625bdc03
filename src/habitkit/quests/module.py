"""The description of the quests module."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from habitkit.module import Module
from habitkit.quests import events
from habitkit.quests.settings import QuestSettings
from habitkit.quests.store import DEFINITIONS, QUESTS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from habitkit.module import Sweeper
    from habitkit.options import KitSettings
    from habitkit.residents import Resident
    from habitkit.transaction import Transaction

__all__ = ["MODULE"]


class _Quests(Module):
    name = "quests"
    ports = (QUESTS, DEFINITIONS)
    events = (
        events.QuestStarted,
        events.QuestCompleted,
        events.QuestClaimed,
        events.QuestAbandoned,
        events.QuestExpired,
        events.BadgeUnlocked,
        events.ItemGranted,
        events.LevelReached,
        events.QuestsChanged,
    )
    settings = QuestSettings

    def supported_by(self, names: frozenset[str]) -> bool:
        """Tell whether a store supports quests, and the habits and coins that they build on."""
        return {"quests", "habits", "coins"} <= names

    def sweepers(self) -> Mapping[str, Sweeper]:
        from habitkit.quests.expiring import check_runs  # noqa: PLC0415 - only in a sweep

        return {"quests": check_runs}

    def resident(self, settings: KitSettings) -> Resident | None:
        if self.name not in settings.supported:
            return None
        from habitkit.quests.catalogs import CatalogCache  # noqa: PLC0415 - only where it is used

        return CatalogCache(settings)

    def export(self, tx: Transaction, owner: str) -> Mapping[str, Any]:
        from habitkit.quests.erasure import export_fields  # noqa: PLC0415 - only where it is used

        return export_fields(tx, owner)


MODULE = _Quests()
