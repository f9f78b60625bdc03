"""What judges habits that are more than plain, loaded when it is first asked for."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from habitkit.streaks.checkpoints import first_day_of, until
    from habitkit.streaks.derived import derive, difference
    from habitkit.streaks.evaluation import answer, explanation, fold_life
    from habitkit.streaks.life import Life
    from habitkit.streaks.recurring import next_day
    from habitkit.streaks.timeline import Timeline

__all__ = [
    "Life",
    "Timeline",
    "answer",
    "derive",
    "difference",
    "explanation",
    "first_day_of",
    "fold_life",
    "next_day",
    "until",
]

_PAGES = {
    "checkpoints": ("first_day_of", "until"),
    "derived": ("derive", "difference"),
    "evaluation": ("answer", "explanation", "fold_life"),
    "life": ("Life",),
    "recurring": ("next_day",),
    "timeline": ("Timeline",),
}
_PAGE_OF = {name: page for page, names in _PAGES.items() for name in names}


def __getattr__(name: str) -> object:
    """Load the page of a name."""
    if name not in _PAGE_OF:
        msg = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(msg)
    found = getattr(import_module(f"habitkit.streaks.{_PAGE_OF[name]}"), name)
    globals()[name] = found
    return found
