"""The services that a kit has and its views do not."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from habitkit.binding import M, workflow
from habitkit.maintenance import rebuild, sweep
from habitkit.residents import finish, refresh
from habitkit.services import EveryOwner

if TYPE_CHECKING:
    from habitkit.experiments.kit_service import KitExperimentService
    from habitkit.flags.kit_service import KitFlagService
    from habitkit.journal.service import RelayService
    from habitkit.quests.service import KitQuestService

__all__ = ["KitServices"]


class KitServices(EveryOwner[M]):
    """The methods of a kit that its views do not have."""

    @cached_property
    def relay(self) -> RelayService[M]:
        """Delivers committed events to subscribers."""
        from habitkit.journal.service import RelayService  # noqa: PLC0415 - only where it is used

        return RelayService(self._runner)

    @cached_property
    def flags(self) -> KitFlagService[M]:
        """Feature flags: ``kit.flags.boolean("quests", False, {"targetingKey": "ada"})``."""
        from habitkit.flags.kit_service import KitFlagService  # noqa: PLC0415 - only where it is used

        return KitFlagService(self._runner)

    @cached_property
    def quests(self) -> KitQuestService[M]:
        """Quests, achievements, levels and reward rules: ``kit.quests.start("ada", "week")``."""
        from habitkit.quests.service import KitQuestService  # noqa: PLC0415 - only where it is used

        return KitQuestService(self._supporting("quests"))

    @cached_property
    def experiments(self) -> KitExperimentService[M]:
        """Experiments on flags: ``kit.experiments.report("checkout")``."""
        from habitkit.experiments.kit_service import KitExperimentService  # noqa: PLC0415

        return KitExperimentService(self._supporting("experiments"))

    sweep = workflow(sweep)
    rebuild = workflow(rebuild)
    refresh = workflow(refresh)
    _finish = workflow(finish)
