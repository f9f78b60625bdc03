"""Draw a year of a habit in the terminal, a week per column."""

from collections.abc import Callable, Collection
from datetime import date, timedelta

from rich.text import Text

WEEKS = 53
DONE, MISSED = "■", "·"
DONE_STYLE, MISSED_STYLE = "green", "bright_black"
WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
MARGIN = " " * 4
LABEL_COLUMNS = 4


def year_map(done: Collection[date], year_end: date, title: str) -> Text:
    """Draw the last 53 weeks as a map of seven rows, Monday at the top.

    It is 59 columns wide and needs no color to be read.

    Args:
        done: The days on which the habit was done; those outside the weeks are ignored.
        year_end: The last day shown; its week is the last column.
        title: What stands above the map.

    Returns:
        A renderable of eleven lines: title, months, Monday to Sunday, a blank, the legend.
    """
    first = first_day(year_end)
    days = frozenset(done)
    drawing = grid(
        lambda day: (DONE, DONE_STYLE) if day in days else (MISSED, MISSED_STYLE), year_end, title
    )
    total = (year_end - first).days + 1
    count = sum(first <= day <= year_end for day in days)
    drawing.append(f"\n{MARGIN}")
    drawing.append(DONE, style=DONE_STYLE)
    drawing.append(" done   ")
    drawing.append(MISSED, style=MISSED_STYLE)
    drawing.append(f" not done   {count} of {total} days")
    return drawing


def grid(cell: Callable[[date], tuple[str, str]], year_end: date, title: str) -> Text:
    """Draw the last 53 weeks, a mark for each day.

    Args:
        cell: Returns the mark of a day, one character, and its style.
        year_end: The last day shown; its week is the last column.
        title: What stands above the weeks.

    Returns:
        A renderable of nine lines: title, months, Monday to Sunday.
    """
    first = first_day(year_end)
    drawing = Text(no_wrap=True, overflow="crop")
    drawing.append(f"{MARGIN}{title}\n", style="bold")
    drawing.append(f"{MARGIN}{_months(first, year_end)}\n", style="dim")
    for weekday, label in enumerate(WEEKDAYS):
        drawing.append(f"{label} ", style="dim")
        for week in range(WEEKS):
            day = first + timedelta(weeks=week, days=weekday)
            mark, style = (" ", "") if day > year_end else cell(day)
            drawing.append(mark, style=style)
        drawing.append("\n")
    return drawing


def first_day(year_end: date) -> date:
    """Return the Monday with which the 53 weeks begin."""
    return year_end - timedelta(days=year_end.weekday(), weeks=WEEKS - 1)


def _months(first: date, year_end: date) -> str:
    """Write each month's name over the week that holds its first day."""
    starts = {0: MONTHS[first.month - 1]}
    for week in range(WEEKS):
        sunday = first + timedelta(weeks=week, days=6)
        month_begins = sunday.replace(day=1)
        if sunday.day <= len(WEEKDAYS) and month_begins <= year_end:
            starts[week] = MONTHS[sunday.month - 1]
    if any(week in starts for week in range(1, LABEL_COLUMNS)):
        del starts[0]  # the month before has too few weeks left for its name
    line = [" "] * (WEEKS + LABEL_COLUMNS)
    for week, name in starts.items():
        line[week : week + len(name)] = name
    return "".join(line).rstrip()
