"""Find the target of a habit with amounts in its Scores.csv, where Habits.csv has none.

Loop 2.0 to 2.3.0 exported neither the target nor its direction. The scores show both: they begin at
1 under a ceiling and at 0 otherwise, and each score says between which bounds the target lies. What
is found must give the scores of the file again, to their last digit.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import date, timedelta
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from itertools import islice
from typing import Final, Literal

from attrs import evolve

from habitkit.habits.domain import loop
from habitkit.habits.errors import InvalidHabit
from habitkit.importers._loop_text import plain, quote, refuse, rows
from habitkit.importers._loop_values import LoopHabit, LoopValue

__all__ = ["loop_marks", "read_scores", "with_target"]

_ROUNDING: Final = 0.5e-4 + 1e-7
_MOST_DAYS: Final = 40_000
_MOST_DIGITS: Final = 3
_MOST_TRIES: Final = 20
_LARGEST: Final = 1e12
_DAY: Final = timedelta(days=1)
_DATE: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_SCORE: Final = re.compile(r"[0-9]{1,3}([.,][0-9]{1,9})?")
_KINDS: Final[tuple[Literal["at_least", "at_most"], ...]] = ("at_most", "at_least")


def loop_marks(habit: LoopHabit) -> dict[date, int]:
    """Return the entries of a habit as `habitkit.habits.domain.loop` reads them."""
    marks: dict[date, int] = {}
    for entry in habit.entries:
        if entry.amount is not None:
            marks[entry.day] = int(entry.amount * 1000)
        elif not habit.numerical or entry.value is LoopValue.SKIP:
            marks[entry.day] = loop.Mark[entry.value.name]
    return marks


def read_scores(file: str, text: str) -> dict[date, float]:
    """Read the Scores.csv of one habit.

    Args:
        file: Its name within the export.
        text: What it holds: days and scores, with or without a header.

    Returns:
        The scores by day.

    Raises:
        ImportRefused: A row is not a date and a score.
    """
    scores: dict[date, float] = {}
    for line, cells in rows(file, text):
        if cells[0].strip().lower() == "date":
            continue
        day, score = plain(cells[0]), plain(",".join(cells[1:]).rstrip(","))
        well_formed = _DATE.fullmatch(day) and _SCORE.fullmatch(score)
        try:
            scores[date.fromisoformat(day if well_formed else "")] = float(score.replace(",", "."))
        except ValueError:
            expected = "expected a date and a score like 2026-01-31,0.5000"
            refuse(file, line, f"{expected}, got {quote(','.join(cells))}")
    return scores


def with_target(habit: LoopHabit, scores: Mapping[date, float]) -> LoopHabit:
    """Return a habit with the target that its scores show, or with a remark that they show none.

    Args:
        habit: A habit with amounts of which the export names no target, or no direction.
        scores: Its scores in the export, by day; may be empty.
    """
    found = _target(habit, scores)
    if found is None:
        remark = "the export does not say whether the target is a minimum or a maximum"
        return evolve(habit, remarks=(*habit.remarks, remark))
    words = "at most" if found.kind == "at_most" else "at least"
    remark = f"target inferred from Scores.csv: {words} {found.amount} {habit.unit}".rstrip()
    at_most = found.kind == "at_most"
    return evolve(habit, at_most=at_most, target=found.amount, remarks=(*habit.remarks, remark))


def _target(habit: LoopHabit, scores: Mapping[date, float]) -> loop.Target | None:
    marks = loop_marks(habit)
    if not marks or not scores:
        return None
    first, last = min(marks), max(scores)
    if not 0 <= (last - first).days < _MOST_DAYS:
        return None
    fitting: list[loop.Target] = []
    try:
        frequency = loop.Frequency(habit.numerator, habit.denominator)
        for kind in _KINDS:
            amounts: Iterable[Decimal] = [] if habit.target is None else [habit.target]
            if habit.target is None:
                amounts = _between(kind, *_bounds(marks, frequency, scores, kind, last))
            targets = (loop.Target(amount, kind) for amount in amounts)
            fits = (it for it in targets if _fits(marks, frequency, scores, it, last))
            fitting += islice(fits, 1)
    except InvalidHabit:  # days or frequencies that the rules of Loop do not cover
        return None
    return fitting[0] if len(fitting) == 1 else None


def _fits(
    marks: Mapping[date, int],
    frequency: loop.Frequency,
    scores: Mapping[date, float],
    target: loop.Target,
    last: date,
) -> bool:
    """Return whether a target gives the scores of the file."""
    computed = loop.scores(marks, frequency=frequency, end=last, target=target)
    both = [(computed[day], score) for day, score in scores.items() if day in computed]
    return bool(both) and all(abs(ours - theirs) <= _ROUNDING for ours, theirs in both)


def _bounds(
    marks: Mapping[date, int],
    frequency: loop.Frequency,
    scores: Mapping[date, float],
    kind: Literal["at_least", "at_most"],
    last: date,
) -> tuple[float, float]:
    """Return between which amounts the target lies, if it is of a kind."""
    low, high = 0.0, _LARGEST
    for total, least, most in _parts(marks, frequency, scores, kind, last):
        if kind == "at_least":
            if most < 1:
                low = max(low, total / max(most, 1e-9))
            if least > 0:
                high = min(high, total / least)
        else:
            if least > 0:
                low = max(low, total / (2 - least))
            if most < 1:
                high = min(high, total / (2 - max(most, 0.0)))
    return low, high


def _parts(
    marks: Mapping[date, int],
    frequency: loop.Frequency,
    scores: Mapping[date, float],
    kind: Literal["at_least", "at_most"],
    last: date,
) -> Iterator[tuple[float, float, float]]:
    """Yield the amounts of the last days, and between which parts of the target they are."""
    values = loop.entries(marks, frequency=frequency, end=last, target=loop.Target(1))
    kept = 0.5 ** (frequency.per_day**0.5 / 13)
    amounts = [max(value, 0) for value in values.values()]
    total = 0
    for at, (day, value) in enumerate(values.items()):
        total += amounts[at] - (amounts[at - frequency.den] if at >= frequency.den else 0)
        before = scores.get(day - _DAY) if at else float(kind == "at_most")
        if day not in scores or before is None or value == loop.Mark.SKIP or total == 0:
            continue
        error = _ROUNDING * (1 + kept) if at else _ROUNDING
        part = scores[day] - kept * before
        yield total / 1000, (part - error) / (1 - kept), (part + error) / (1 - kept)


def _between(kind: str, low: float, high: float) -> Iterator[Decimal]:
    """Yield some amounts between two others, those with the fewest digits first.

    They begin at the end at which the known days are decided as in Loop, wherever the target lies:
    with the largest for a minimum, with the smallest for a ceiling.
    """
    end, rounding, step = low, ROUND_CEILING, 1
    if kind == "at_least":
        end, rounding, step = high, ROUND_FLOOR, -1
    if end >= _LARGEST or not low <= high:
        return
    for digits in range(_MOST_DIGITS + 1):
        unit = Decimal(1).scaleb(-digits)
        first = Decimal(end).quantize(unit, rounding=rounding)
        for at in range(_MOST_TRIES):
            amount = first + step * at * unit
            if not low <= amount <= high:
                break
            if amount:
                yield amount
