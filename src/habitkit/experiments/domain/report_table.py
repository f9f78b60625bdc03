"""A report as a table of plain text, at most 100 columns wide."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC
from typing import TYPE_CHECKING
from unicodedata import combining, east_asian_width

from habitkit.experiments.domain.comparisons import Comparison
from habitkit.experiments.domain.definition import State

if TYPE_CHECKING:
    from habitkit.experiments.domain.report import ExperimentReport

__all__ = ["WIDTH", "table"]

WIDTH = 100
"""Columns of a terminal that a line has at most."""

_WIDTHS = (-16, -10, 9, 9, 9, 20, 8, -12)
"""The widths of the columns of comparisons; those below 0 are aligned at the left."""

_ARM_WIDTHS = (-24, 12, 9, 9)
_WIDE = "WF"
_LONGEST_NUMBER = 9
_LONGEST_END = 8
_MOST_DIGITS = 4
_LEAST_CHANCE = 0.0001


def table(report: ExperimentReport) -> str:
    """Return a report as lines of text."""
    parts = [[*part(report)] for part in (_head, _arms, _comparisons, _notes)]
    return "\n\n".join("\n".join(map(str.rstrip, part)) for part in parts if part)


def _head(report: ExperimentReport) -> Iterator[str]:
    at = report.as_of.astimezone(UTC).strftime("%Y-%m-%d %H:%M UTC")
    yield from _wrapped(f"Experiment {report.experiment}", "")
    state, days = report.state.value, f"{report.days:.1f} days"
    if report.state is State.DRAFT:
        yield f"{state}, not started"
    elif report.state is State.RUNNING:
        yield f"{state} for {days} until {at}"
    elif report.state is State.PAUSED:
        yield f"{state}, {days} after the start, measured until {at}"
    else:
        yield f"{state} after {days}, measured until {at}"
    yield f"{report.method}, alpha {report.alpha:g}"


def _arms(report: ExperimentReport) -> Iterator[str]:
    yield _row(("arm", "units", "share", "expected"), _ARM_WIDTHS)
    for arm in report.arms:
        mark = " (control)" if arm.variant == report.control else ""
        name = _cut(arm.variant, -_ARM_WIDTHS[0] - len(mark)) + mark
        shares = (f"{arm.share:.1%}", f"{arm.expected_share:.1%}")
        yield _row((name, f"{arm.units:,}", *shares), _ARM_WIDTHS)
    ratio = report.sample_ratio
    word = "MISMATCH" if ratio.mismatch else "as expected"
    yield f"sample ratio: {word}, p = {ratio.p_value:.2g}"
    if report.several:
        yield f"several variants: {report.several:,} units ({report.several_share:.2%}), left out"


def _comparisons(report: ExperimentReport) -> Iterator[str]:
    last = "chance" if report.method == "bayes" else "p"
    heads = ("variant", "control", "value", "effect", "interval", last)
    for title, rows in (("metric", report.results), ("guardrail", report.guardrails)):
        if not rows:
            continue
        if title == "guardrail" and report.results:
            yield ""
        yield _row((title, *heads, "result"), _WIDTHS)
        yield "-" * WIDTH
        before = ""
        for row in rows:
            yield _row((row.metric if row.metric != before else "", *_cells(row, last)), _WIDTHS)
            before = row.metric


def _cells(row: Comparison, last: str) -> tuple[str, ...]:
    """Return the cells of a comparison after its metric; a p-value among chances is marked."""
    values = (_number(row.control_value), _number(row.value))
    if row.problem:
        return (row.variant, *values, "", "", "", "not judged")
    result = row.verdict if row.guardrail is None else row.guardrail.replace("_", "-")
    p_value = row.p_value if row.adjusted_p_value is None else row.adjusted_p_value
    if p_value is None:
        probability = _chance(row.chance_to_win)
    else:
        probability = f"{p_value:.2g}" if last == "p" else f"p {p_value:.1g}"
    return (row.variant, *values, _effect(row), _interval(row), probability, result)


def _chance(chance: float | None) -> str:
    """Return a chance to win; one that is nearly certain is not rounded to certainty."""
    if chance is None:
        return ""
    if _LEAST_CHANCE <= chance <= 1 - _LEAST_CHANCE:
        return f"{chance:.4f}"
    return f"<{_LEAST_CHANCE}" if chance < _LEAST_CHANCE else f">{1 - _LEAST_CHANCE}"


def _effect(row: Comparison) -> str:
    if row.relative and row.effect is not None:
        return _number(100 * row.effect, _LONGEST_NUMBER - 1, "+") + "%"
    return _number(row.effect, _LONGEST_NUMBER, "+")


def _interval(row: Comparison) -> str:
    if row.low is None and row.high is None:
        return ""
    factor, unit = (100, "%") if row.relative else (1, "")
    most = _LONGEST_END - len(unit)
    low = "-inf" if row.low is None else _number(factor * row.low, most, "+") + unit
    high = "inf" if row.high is None else _number(factor * row.high, most, "+") + unit
    return f"[{low}, {high}]"


def _notes(report: ExperimentReport) -> Iterator[str]:
    rows = (*report.results, *report.guardrails)
    notes = [*report.warnings]
    for row in rows:
        found = [f"not judged: {row.problem}"] if row.problem else [*row.warnings]
        if row.expected_loss is not None:
            found.append(f"expected loss {row.expected_loss:.4g}")
        if row.immature:
            found.append(f"{row.immature:,} units were left out, as their time is not over")
        if row.not_numbers:
            found.append(f"{row.not_numbers:,} values were left out, as they are no numbers")
        notes += [f"{row.metric}, {row.variant}: {note}" for note in found]
    if any(row.adjusted_p_value is not None for row in rows):
        notes.append("p-values are adjusted for the number of metrics and variants")
    if notes:
        yield "notes"
        for note in notes:
            yield from _wrapped(note, "- ")
        yield ""
    decision = report.decision
    yield from _wrapped(
        f"decision: {' '.join(filter(None, (decision.action, decision.variant)))}", ""
    )
    for reason in decision.why:
        yield from _wrapped(reason, "- ")


# -- text --------------------------------------------------------------------------------------


def _number(value: float | None, most: int = _LONGEST_NUMBER, sign: str = "") -> str:
    """Return a number with as many digits as fit."""
    if value is None:
        return "-"
    texts = [f"{value:{sign}.{digits}g}" for digits in range(_MOST_DIGITS, 0, -1)]
    return next((text for text in texts if len(text) <= most), texts[-1])


def _row(cells: Iterable[str], widths: tuple[int, ...]) -> str:
    """Return cells side by side."""
    return " ".join(
        _padded(_cut(cell, abs(width)), width) for cell, width in zip(cells, widths, strict=True)
    )


def _padded(text: str, width: int) -> str:
    space = " " * (abs(width) - _width(text))
    return text + space if width < 0 else space + text


def _cut(text: str, width: int) -> str:
    """Return text on one line that is not wider; what is cut off is marked."""
    text = _plain(text)
    if _width(text) <= width:
        return text
    while _width(text) > width - 1:
        text = text[:-1]
    return text + "~"


def _plain(text: str) -> str:
    """Return text without what moves the cursor."""
    return "".join(each if each.isprintable() else "?" for each in text)


def _width(text: str) -> int:
    """Return how many columns text takes."""
    return sum(
        0 if combining(each) else 2 if east_asian_width(each) in _WIDE else 1 for each in text
    )


def _wrapped(text: str, mark: str) -> Iterator[str]:
    """Return text in lines, the first one after a mark, the others below it."""
    line, is_empty = mark, True
    for word in _plain(text).split(" "):
        for piece in _pieces(word, WIDTH - len(mark)):
            if not is_empty and _width(line) + 1 + _width(piece) > WIDTH:
                yield line
                line, is_empty = " " * len(mark), True
            line += piece if is_empty else f" {piece}"
            is_empty = False
    yield line


def _pieces(word: str, width: int) -> Iterator[str]:
    """Return a word in pieces that are not wider."""
    piece = ""
    for each in word:
        if _width(piece) + _width(each) > width:
            yield piece
            piece = ""
        piece += each
    yield piece
