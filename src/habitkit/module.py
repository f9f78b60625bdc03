"""The description of a module of habitkit.

A module is a folder with a ``module.py`` that holds its description, ``MODULE``. From the
descriptions a kit collects its classes of events, what a sweep does, what is exported and
erased of an owner, and which settings it takes. ``habitkit.modules`` is the list of all modules.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from habitkit.events import Event
    from habitkit.journal.domain.model import Swept
    from habitkit.options import KitSettings
    from habitkit.residents import Resident
    from habitkit.store import Port
    from habitkit.transaction import Transaction
    from habitkit.workflow import Steps

__all__ = ["Module", "Sweeper"]

Sweeper: TypeAlias = "Callable[[KitSettings, int], Steps[Swept]]"
"""Does the work that becomes due with time: ``(settings, limit) -> steps``, bounded."""


class Module:
    """The description of a module; each overrides what it has.

    What needs the module's use cases is a method, which imports them when it is called: a kit does
    not load what nobody uses.

    Attributes:
        name: The folder's name, and that of the kit's option with the module's settings.
        ports: The keys of the ports that a store must offer to support the module.
        events: The module's own classes of events.
        settings: The class of the module's settings, which are all optional; None if it has none.
    """

    name: ClassVar[str]
    ports: ClassVar[tuple[Port[Any], ...]] = ()
    events: ClassVar[tuple[type[Event], ...]] = ()
    settings: ClassVar[type[Any] | None] = None

    def sweepers(self) -> Mapping[str, Sweeper]:
        """Return what the sweep does for the module, by the name under which it is counted."""
        return {}

    def resident(self, settings: KitSettings) -> Resident | None:  # noqa: ARG002
        """Make the module's resident object, such as a snapshot that is polled from the store."""
        return None

    def forget(self, tx: Transaction, owner: str) -> int:  # noqa: ARG002
        """Erase the text that the module keeps of a locked owner; count the rows that had some."""
        return 0

    def export(self, tx: Transaction, owner: str) -> Mapping[str, Any]:  # noqa: ARG002
        """Return what the module keeps of an owner, by name."""
        return {}

    def supported_by(self, names: frozenset[str]) -> bool:
        """Tell whether a store that supports modules of these names supports this one."""
        return not self.ports or self.name in names
