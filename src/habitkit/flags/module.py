"""The description of the flags module."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from habitkit.flags.events import FlagChanged
from habitkit.flags.settings import FlagSettings
from habitkit.flags.store import FLAGS
from habitkit.module import Module

if TYPE_CHECKING:
    from collections.abc import Mapping

    from habitkit.options import KitSettings
    from habitkit.residents import Resident
    from habitkit.transaction import Transaction

__all__ = ["MODULE"]


class _Flags(Module):
    name = "flags"
    ports = (FLAGS,)
    events = (FlagChanged,)
    settings = FlagSettings

    def supported_by(self, names: frozenset[str]) -> bool:  # noqa: ARG002
        """Return True: with a source of its own a kit evaluates flags on every store."""
        return True

    def resident(self, settings: KitSettings) -> Resident | None:
        if settings.of(FlagSettings).source is None and FLAGS.name not in settings.supported:
            return None
        import mmh3  # noqa: F401, PLC0415 - here, as the thread of a background must not import

        from habitkit.flags.kit_flags import KitFlags  # noqa: PLC0415 - only where it is used

        return KitFlags(settings)

    def forget(self, tx: Transaction, owner: str) -> int:
        from habitkit.flags.erasure import forget  # noqa: PLC0415 - only where it is used

        return forget(tx, owner)

    def export(self, tx: Transaction, owner: str) -> Mapping[str, Any]:
        from habitkit.flags.erasure import export_fields  # noqa: PLC0415

        return export_fields(tx, owner)


MODULE = _Flags()
