"""What judges habits that are more than plain, loaded when it is first asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from habitkit._late import loader

if TYPE_CHECKING:
    from habitkit.streaks.checkpoints import first_day_of, thinned, until
    from habitkit.streaks.derived import derive, difference
    from habitkit.streaks.evaluation import answer, explanation, fold_life
    from habitkit.streaks.life import Life
    from habitkit.streaks.recurring import next_day
    from habitkit.streaks.strength import name_of, smoothed
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
    "name_of",
    "next_day",
    "smoothed",
    "thinned",
    "until",
]

_PAGES = {
    "checkpoints": ("first_day_of", "thinned", "until"),
    "derived": ("derive", "difference"),
    "evaluation": ("answer", "explanation", "fold_life"),
    "life": ("Life",),
    "recurring": ("next_day",),
    "strength": ("name_of", "smoothed"),
    "timeline": ("Timeline",),
}
if not TYPE_CHECKING:  # which would take any name to be there
    __getattr__, __dir__ = loader(globals(), "habitkit.streaks", _PAGES)
