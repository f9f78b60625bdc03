"""The services that a kit has and its views do not."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any, overload

from habitkit.binding import Async, M, Sync, workflow
from habitkit.maintenance import daily_check, rebuild, sweep
from habitkit.residents import finish, refresh
from habitkit.services import EveryOwner

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from habitkit.alerts.service import AlertService
    from habitkit.experiments.kit_service import KitExperimentService
    from habitkit.flags.kit_service import KitFlagService
    from habitkit.health.domain.report import Health, Level
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

    @cached_property
    def alerts(self) -> AlertService[M]:
        """Alerts: ``kit.alerts.evaluate()``."""
        from habitkit.alerts.service import AlertService  # noqa: PLC0415 - only where it is used

        return AlertService(self._supporting("alerts"))

    def _evaluate_alerts(self) -> Any:
        """Evaluate alerts, for ``metrics.flushing(alerts=True)``."""
        alerts: Any = self.alerts
        return alerts.evaluate()

    @overload
    def health(self: KitServices[Sync], level: Level = "ready") -> Health: ...
    @overload
    def health(self: KitServices[Async], level: Level = "ready") -> Coroutine[Any, Any, Health]: ...
    def health(self, level: Level = "ready") -> Any:
        """Check whether the kit is well, for the probes of a load balancer or an orchestrator.

        Checks run in parallel, each at most once at a time, and results are shared for 5 seconds.

        Args:
            level: ``"live"`` does nothing: the process runs. ``"ready"`` asks the store, compares
                the version of its tables, the age of flags, the delay of relay and sweep.
                ``"deep"`` also compares the age of the outbox, of the last flush of metrics and of
                the last evaluation of alerts, and the clock with the database's.
                Checks of the host are in ``HealthSettings(checks=[...])``.

        Returns:
            The status and the results by name; ``.response()`` is the answer to a probe.

        Raises:
            InvalidInput: If the level is another.
        """
        return self._health_checks(level)

    @property
    def _health_checks(self) -> Any:
        made = self.__dict__.get("_checks")
        if made is None:
            from habitkit.health import running  # noqa: PLC0415 - only where it is used

            kind = running.AsyncHealthChecks if self._runner.asynchronous else running.HealthChecks
            # Threads that ask at the same time share one: a cached property could make several.
            made = self.__dict__.setdefault("_checks", kind(self._runner))
        return made

    sweep = workflow(sweep)
    rebuild = workflow(rebuild)
    daily_check = workflow(daily_check)
    refresh = workflow(refresh)
    _finish = workflow(finish)
