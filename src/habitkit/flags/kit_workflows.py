"""Changes and queries of flags as workflows of a kit, which then uses what was changed."""

from __future__ import annotations

from functools import partial, wraps
from typing import TYPE_CHECKING, Concatenate, ParamSpec, TypeVar, cast

from habitkit import _logging
from habitkit.errors import UsageError
from habitkit.flags.errors import FlagsReadOnly
from habitkit.flags.settings import FlagSettings
from habitkit.workflow import Call

if TYPE_CHECKING:
    from collections.abc import Callable

    from habitkit.flags.kit_flags import KitFlags
    from habitkit.options import KitSettings
    from habitkit.transaction import Transaction
    from habitkit.workflow import Steps

__all__ = ["changing", "flags_of", "reading"]

P = ParamSpec("P")
R = TypeVar("R")

_log = _logging.logger("flags")


def changing(
    function: Callable[Concatenate[Transaction, P], R],
) -> Callable[Concatenate[KitSettings, P], Steps[R]]:
    """Return the workflow of an action that changes flags, for this and for other processes.

    Args:
        function: The action.

    Raises:
        FlagsReadOnly: By the workflow, if the flags do not come from the kit's store.
    """

    @wraps(function)
    def steps(settings: KitSettings, *args: P.args, **kwargs: P.kwargs) -> Steps[R]:
        source = settings.of(FlagSettings).source
        if source is not None:
            raise FlagsReadOnly(source.name)
        flags = flags_of(settings)
        result: R = yield Call(partial(function, **kwargs), args)
        yield from flags.announce()
        try:
            yield from flags.refresh(settings)
        except Exception:  # noqa: BLE001 - the change is committed; the next refresh sees it
            _logging.warn(
                _log,
                "flags.not_refreshed",
                "flags were changed, but cannot be refreshed",
                exc_info=True,
            )
        return result

    return cast("Callable[Concatenate[KitSettings, P], Steps[R]]", steps)


def reading(
    function: Callable[Concatenate[Transaction, P], R],
) -> Callable[Concatenate[KitSettings, P], Steps[R]]:
    """Return the workflow of a query of the kit's store, if the flags are kept there.

    Args:
        function: The query.

    Raises:
        UsageError: By the workflow, if the flags do not come from the kit's store.
    """

    @wraps(function)
    def steps(settings: KitSettings, *args: P.args, **kwargs: P.kwargs) -> Steps[R]:
        source = settings.of(FlagSettings).source
        if source is not None:
            message = (
                f"this query is for flags in the kit's store, but those of this kit come from "
                f"{source.name}; kit.flags.current() has the set that was read from there"
            )
            raise UsageError(message)
        result: R = yield Call(partial(function, **kwargs), args, write=False)
        return result

    return cast("Callable[Concatenate[KitSettings, P], Steps[R]]", steps)


def flags_of(settings: KitSettings) -> KitFlags:
    """Return the resident object of a kit's flags."""
    return cast("KitFlags", settings.residents.of("flags"))
