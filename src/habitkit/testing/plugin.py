"""The pytest plugin: the fixtures ``habit_kit``, a kit in memory, and ``habit_kit_flags``.

It is loaded by pytest in every project that has habitkit installed, so it imports no store and no
contract until a test asks for a fixture.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from habitkit.testing import TestKit

__all__ = ["SetFlags", "habit_kit", "habit_kit_flags"]


class SetFlags(Protocol):
    """What ``habit_kit_flags`` gives a test."""

    def __call__(self, overrides: Mapping[str, Any] | None = None, /, **values: Any) -> None:
        """Give flags values until the end of the test.

        Args:
            overrides: A value for each flag, for keys that are not Python names.
            values: The same, as keyword arguments.
        """
        ...


@pytest.fixture
def habit_kit() -> TestKit:
    """A new kit in memory whose clock is set to 2026-01-01 08:00 UTC."""
    import habitkit.testing  # noqa: PLC0415 - see the top of this file

    return habitkit.testing.kit()


@pytest.fixture
def habit_kit_flags() -> Iterator[SetFlags]:
    """A function that gives flags values until the end of the test, as ``habitkit.testing.flags``.

    Call it with a mapping, or as ``habit_kit_flags(quests=True)``.
    """
    from habitkit.flags.overrides import overrides as ours  # noqa: PLC0415 - see the top

    with ours.use({}) as add:

        def set_flags(overrides: Mapping[str, Any] | None = None, /, **values: Any) -> None:
            add({**(overrides or {}), **values})

        yield set_flags
