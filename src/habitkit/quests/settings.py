"""The settings of quests."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, cast

from attrs import field, frozen

from habitkit.errors import ConfigurationError
from habitkit.quests.domain.evaluation import BUILT_IN

if TYPE_CHECKING:
    from habitkit.quests.domain.objectives import Objective

__all__ = ["QuestSettings"]


def _as_tuple(value: Iterable[type[Objective]]) -> tuple[type[Objective], ...]:
    given: object = value
    return tuple(value) if isinstance(given, Iterable) else cast("Any", (given,))


def _expect_kinds(_: object, __: object, value: object) -> None:
    for kind in value if isinstance(value, tuple) else (value,):
        name = getattr(kind, "kind", None)
        if not isinstance(kind, type) or not isinstance(name, str) or "." not in name:
            msg = (
                "objectives: expected classes of objectives whose `kind` contains a dot, such as "
                f"'book.chapters', got {kind!r}"
            )
            raise ConfigurationError(msg)


@frozen
class QuestSettings:
    """The settings of the quests module.

    Attributes:
        objectives: The host's own classes of objectives, so that quests with them can be read.

    Raises:
        ConfigurationError: If one of them is not what is expected.
    """

    objectives: tuple[type[Objective], ...] = field(
        default=(), converter=_as_tuple, validator=_expect_kinds
    )

    @property
    def kinds(self) -> dict[str, type]:
        """The classes of objectives by the name under which they are stored."""
        return {**BUILT_IN, **{kind.kind: kind for kind in self.objectives}}
