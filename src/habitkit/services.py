"""The list of services, shared by both kits and their views."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar, overload

from habitkit import ids
from habitkit.binding import Async, M, Service, Sync, action, query
from habitkit.erasure import export, forget
from habitkit.errors import NotSupportedByStore
from habitkit.runner import SyncRunner

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from habitkit.coins.service import CoinService
    from habitkit.experiments.service import ExperimentService
    from habitkit.flags.service import FlagService
    from habitkit.habits.service import HabitService, StreakService
    from habitkit.journal.service import EventService
    from habitkit.quests.service import OwnedQuestService, QuestService
    from habitkit.runner import Runner
    from habitkit.transaction import Transaction

__all__ = [
    "AsyncHostKit",
    "AsyncOwnedKit",
    "EveryOwner",
    "HostKit",
    "OwnedKit",
    "Services",
]

R = TypeVar("R")


class Services(Service[M]):
    """The list of services, and the ways to compose their actions."""

    @cached_property
    def habits(self) -> HabitService[M]:
        """Habits and check-ins."""
        from habitkit.habits.service import HabitService  # noqa: PLC0415 - only where it is used

        return HabitService(self._supporting("habits"))

    @cached_property
    def streaks(self) -> StreakService[M]:
        """Current and best streaks."""
        from habitkit.habits.service import StreakService  # noqa: PLC0415 - only where it is used

        return StreakService(self._supporting("habits"))

    @cached_property
    def coins(self) -> CoinService[M]:
        """The coin ledger."""
        from habitkit.coins.service import CoinService  # noqa: PLC0415 - only where it is used

        return CoinService(self._supporting("coins"))

    @cached_property
    def events(self) -> EventService[M]:
        """The journal of events."""
        from habitkit.journal.service import EventService  # noqa: PLC0415 - only where it is used

        return EventService(self._runner)

    export = query(export)
    forget = action(forget)

    @overload
    def run(self: Services[Sync], work: Callable[[Transaction], R]) -> R: ...
    @overload
    def run(self: Services[Async], work: Callable[[Transaction], R]) -> Coroutine[Any, Any, R]: ...
    def run(self, work: Callable[[Transaction], R]) -> Any:
        """Compose several actions in one transaction: ``kit.run(lambda tx: ...)``.

        Args:
            work: A plain function, for async kits too. It calls actions with the transaction it is
                given, such as ``coins.award(tx, ...)`` after ``from habitkit import coins``. It may
                be called again after a conflict with another writer.

        Raises:
            NestedTransaction: If ``work`` calls a kit.
        """
        return self._runner(work, (), {}, write=True)

    @overload
    def read(self: Services[Sync], work: Callable[[Transaction], R]) -> R: ...
    @overload
    def read(self: Services[Async], work: Callable[[Transaction], R]) -> Coroutine[Any, Any, R]: ...
    def read(self, work: Callable[[Transaction], R]) -> Any:
        """Compose several queries in one transaction, which sees one consistent state.

        Args:
            work: As for ``run``, but it only reads.

        Raises:
            ReadOnlyTransaction: If ``work`` calls an action.
            NestedTransaction: If ``work`` calls a kit.
        """
        return self._runner(work, (), {}, write=False)

    @overload
    def rehearse(self: Services[Sync], work: Callable[[Transaction], R]) -> R: ...
    @overload
    def rehearse(
        self: Services[Async], work: Callable[[Transaction], R]
    ) -> Coroutine[Any, Any, R]: ...
    def rehearse(self, work: Callable[[Transaction], R]) -> Any:
        """Do all that ``run`` does, reactions and events included, undo it and return the result.

        Args:
            work: As for ``run``.

        Raises:
            NestedTransaction: If ``work`` calls a kit.
        """
        return self._runner.rehearse(work)

    def _supporting(self, module: str) -> Runner:
        """Return the runner for a service, if the store supports its module.

        Raises:
            NotSupportedByStore: If it does not.
        """
        store = self._runner.store
        if module not in store.modules:
            raise NotSupportedByStore(module, store.name)
        return self._runner  # type: ignore[no-any-return]


class _Owned(Services[M]):
    """The services in the scope of one owner: whatever belongs to another does not exist."""

    @cached_property
    def quests(self) -> OwnedQuestService[M]:
        """Quests, achievements and levels."""
        from habitkit.quests.service import OwnedQuestService  # noqa: PLC0415

        return OwnedQuestService(self._supporting("quests"))

    @property
    def owner(self) -> str:
        """Whose kit it is."""
        return self._runner.scope or ""


class OwnedKit(_Owned[Sync]):
    """The services in the scope of one owner: whatever belongs to another does not exist."""


class AsyncOwnedKit(_Owned[Async]):
    """The same, awaited."""


class EveryOwner(Services[M]):
    """The services for all owners."""

    @overload
    def owned_by(self: EveryOwner[Sync], owner: str) -> OwnedKit: ...
    @overload
    def owned_by(self: EveryOwner[Async], owner: str) -> AsyncOwnedKit: ...
    def owned_by(self, owner: str) -> OwnedKit | AsyncOwnedKit:
        """Return the services in the scope of one owner; for web handlers.

        The services and their signatures are the same. Whatever belongs to another owner does not
        exist there (``NotFound``), an owner argument other than this one included.

        Raises:
            InvalidOwner: If the owner is not a short, non-empty string.
        """
        runner = self._runner.scoped(ids.owner(owner))
        return OwnedKit(runner) if isinstance(runner, SyncRunner) else AsyncOwnedKit(runner)


class _Host(EveryOwner[M]):
    """The services inside one transaction of the host."""

    @cached_property
    def quests(self) -> QuestService[M]:
        """Quests, achievements, levels and reward rules."""
        from habitkit.quests.service import QuestService  # noqa: PLC0415 - only where it is used

        return QuestService(self._supporting("quests"))

    @cached_property
    def flags(self) -> FlagService[M]:
        """Definitions of feature flags; a change is seen once the host has committed."""
        from habitkit.flags.service import FlagService  # noqa: PLC0415 - only where it is used

        return FlagService(self._supporting("flags"))

    @cached_property
    def experiments(self) -> ExperimentService[M]:
        """Experiments on flags; a change is seen once the host has committed."""
        from habitkit.experiments.service import ExperimentService  # noqa: PLC0415

        return ExperimentService(self._supporting("experiments"))


class HostKit(_Host[Sync]):
    """The services inside one transaction of the host, as ``HabitKit.on`` returns them."""


class AsyncHostKit(_Host[Async]):
    """The services inside one transaction of the host, as ``AsyncHabitKit.on`` returns them."""
