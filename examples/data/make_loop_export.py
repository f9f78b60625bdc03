"""Make the sample export in `loop-export/`: two years of five habits, all invented.

The files have the layout that Loop Habit Tracker (version 2.3 and later) gives its CSV export.
The days come from a seeded generator, so another run writes the same bytes:

    python examples/data/make_loop_export.py

What is drawn is only which days were ticked. What Loop derives from them is computed the way the
app does: days that the frequency covers (YES_AUTO) and the daily score.
"""

import csv
import io
import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal, localcontext
from pathlib import Path

FIRST = date(2024, 11, 1)
LAST = date(2026, 10, 31)
SEED = 20241101

UNKNOWN, NO, YES_AUTO, YES_MANUAL, SKIP = "UNKNOWN", "NO", "YES_AUTO", "YES_MANUAL", "SKIP"

HOLIDAYS = (
    (date(2024, 12, 21), date(2025, 1, 5)),
    (date(2025, 7, 19), date(2025, 8, 9)),
    (date(2025, 12, 20), date(2026, 1, 4)),
    (date(2026, 7, 25), date(2026, 8, 8)),
)
ILL = (date(2026, 2, 2), date(2026, 2, 15))
WINTER_MONTHS = (12, 1, 2)


@dataclass(frozen=True)
class Habit:
    """A habit, and how likely it is done on each day of the week, Monday first."""

    name: str
    question: str
    description: str
    numerator: int
    denominator: int
    colour: str
    chances: tuple[float, float, float, float, float, float, float]
    begun: date = FIRST
    given_up: tuple[date, date] | None = None
    winter: float = 1.0
    holiday: float = 0.3
    skips_holidays: bool = False
    rising_days: int = 0
    notes: tuple[str, ...] = ()


@dataclass
class Days:
    """What is known of a habit: value and note by day."""

    values: dict[date, str] = field(default_factory=dict)
    notes: dict[date, str] = field(default_factory=dict)


HABITS = (
    Habit(
        name="Meditate",
        question="Did you sit for ten minutes?",
        description="Before breakfast, with the phone in another room",
        numerator=1,
        denominator=1,
        colour="#FF8F00",
        chances=(0.93, 0.93, 0.92, 0.92, 0.9, 0.84, 0.82),
        holiday=0.55,
        notes=("Only five minutes", "Restless, but done", '"Just sit" worked'),
    ),
    Habit(
        name="Go for a run",
        question="Did you run?",
        description="Three times a week, distance does not matter",
        numerator=3,
        denominator=7,
        colour="#E64A19",
        chances=(0.12, 0.78, 0.1, 0.72, 0.08, 0.82, 0.3),
        winter=0.55,
        notes=("Rain all the way", "Slow, but happy", "New shoes"),
    ),
    Habit(
        name="Plan the working day",
        question="Did you write down the three things that matter today?",
        description="At the desk, before the mail",
        numerator=5,
        denominator=7,
        colour="#00897B",
        chances=(0.95, 0.94, 0.93, 0.92, 0.84, 0.04, 0.02),
        holiday=0.0,
        skips_holidays=True,
        notes=("Two of three done", "Meetings all day, planned anyway"),
    ),
    Habit(
        name="Practise guitar",
        question="Did you practise today?",
        description="Scales first, then the song",
        numerator=2,
        denominator=7,
        colour="#5E35B1",
        chances=(0.35, 0.15, 0.4, 0.15, 0.1, 0.5, 0.55),
        begun=date(2024, 11, 4),
        given_up=(date(2025, 4, 14), date(2026, 1, 11)),
        holiday=0.0,
        notes=("F major at last", "New strings"),
    ),
    Habit(
        name="Read before bed",
        question="Did you read at least ten pages?",
        description="",
        numerator=1,
        denominator=1,
        colour="#1976D2",
        chances=(0.88, 0.9, 0.88, 0.86, 0.74, 0.78, 0.9),
        begun=date(2025, 9, 8),
        holiday=1.1,
        rising_days=90,
        notes=("Could not put it down", "Finished the book"),
    ),
)


def every_day(first: date, last: date) -> Iterator[date]:
    """Walk from one day to another, both included."""
    for offset in range((last - first).days + 1):
        yield first + timedelta(days=offset)


def within(day: date, span: tuple[date, date] | None) -> bool:
    """Tell whether a day lies in a span of days."""
    return span is not None and span[0] <= day <= span[1]


def chance(habit: Habit, day: date, *, done_before: bool) -> float:
    """Say how likely the habit is done on a day."""
    if within(day, ILL) or within(day, habit.given_up):
        return 0.0
    likely = habit.chances[day.weekday()]
    if habit.rising_days:
        likely *= min(1.0, 0.5 + 0.5 * (day - habit.begun).days / habit.rising_days)
    if day.month in WINTER_MONTHS:
        likely *= habit.winter
    if any(within(day, span) for span in HOLIDAYS):
        likely *= habit.holiday
    # A daily habit is easier to keep up than to take up again.
    if habit.denominator == 1 and not done_before:
        likely *= 0.75
    return likely


def ticked(habit: Habit, dice: random.Random) -> Days:
    """Draw what was entered by hand, from the first day to the last."""
    days = Days()
    done = True
    for day in every_day(habit.begun, LAST):
        # Three draws every day, used or not: a changed chance moves no other day.
        for_doing, for_note, for_choice = dice.random(), dice.random(), dice.random()
        holiday = any(within(day, span) for span in HOLIDAYS)
        done = for_doing < chance(habit, day, done_before=done)
        if done:
            days.values[day] = YES_MANUAL
            if for_note < 0.02:
                days.notes[day] = habit.notes[int(for_choice * len(habit.notes))]
        elif habit.skips_holidays and holiday and day.weekday() < 5:
            days.values[day] = SKIP
        elif day == ILL[0]:
            days.values[day] = NO
            days.notes[day] = "Ill, in bed"
        elif for_note < 0.08 and not within(day, ILL) and not within(day, habit.given_up):
            days.values[day] = NO
    return days


def with_covered(habit: Habit, entered: Days) -> Days:
    """Add the days that Loop counts because the frequency is met (YES_AUTO).

    Ticks that meet the frequency cover as many days as its period has, from the first of those
    ticks on. A stretch that overlaps the next one slides back, as far as it can without leaving
    its own ticks, and so fills the gap before it. Days after the export are left out.
    """
    ticks = sorted(day for day, value in entered.values.items() if value == YES_MANUAL)
    result = Days(dict(entered.values), dict(entered.notes))
    following: date | None = None
    for last_tick in range(len(ticks) - 1, habit.numerator - 2, -1):
        start, centre = ticks[last_tick - habit.numerator + 1], ticks[last_tick]
        if (centre - start).days >= habit.denominator:
            continue
        end = start + timedelta(days=habit.denominator - 1)
        if following is not None and end >= following:
            back = min(end - centre, end - following + timedelta(days=1))
            start, end = start - back, end - back
        following = start
        for day in every_day(start, min(end, LAST)):
            if result.values.get(day, UNKNOWN) in {UNKNOWN, NO}:
                result.values[day] = YES_AUTO
    return result


def scores(habit: Habit, days: Days) -> dict[date, Decimal]:
    """Compute Loop's score for every day from the first known one on.

    The score is an exponential average: `s = s * m + v * (1 - m)`, `m = 0.5 ** (sqrt(f) / 13)`,
    where `f` is the frequency and `v` is how much of it the last days hold. For a habit that is not
    daily, the window is two periods long. A skipped day leaves the score alone. Decimals instead
    of floats give the same digits on every machine.
    """
    if not days.values:
        return {}
    widened = 2 if habit.numerator < habit.denominator else 1
    needed, window = widened * habit.numerator, widened * habit.denominator
    result: dict[date, Decimal] = {}
    with localcontext() as context:
        context.prec = 28
        frequency = Decimal(habit.numerator) / habit.denominator
        keep = Decimal("0.5") ** (frequency.sqrt() / 13)
        score = Decimal(0)
        first = min(days.values)
        for day in every_day(first, LAST):
            recent = every_day(max(first, day - timedelta(days=window - 1)), day)
            done = sum(days.values.get(one) == YES_MANUAL for one in recent)
            if days.values.get(day) != SKIP:
                score = score * keep + min(Decimal(1), Decimal(done) / needed) * (1 - keep)
            result[day] = score
    return result


def as_csv(*rows: tuple[str, ...]) -> str:
    """Write rows, with quotation marks only where they are needed."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue()


def table(rows: Iterator[list[str]]) -> str:
    """Write a table of all habits: nothing is quoted, and a comma ends each line."""
    header = ["Date", *(habit.name for habit in HABITS)]
    return "".join(",".join(row) + ",\n" for row in [header, *rows])


def habit_list() -> str:
    """Write Habits.csv."""
    header = (
        "Position,Name,Type,Question,Description,FrequencyNumerator,FrequencyDenominator,"
        "Color,Unit,Target Type,Target Value,Archived?"
    )
    lines = (
        (
            f"{position:03d}",
            habit.name,
            "YES_NO",
            habit.question,
            habit.description,
            str(habit.numerator),
            str(habit.denominator),
            habit.colour,
            *("", "", ""),
            "false",
        )
        for position, habit in enumerate(HABITS, start=1)
    )
    return as_csv(tuple(header.split(",")), *lines)


def export_files() -> dict[str, bytes]:
    """Make the whole export.

    Returns:
        The content of each file, by its path within the export.
    """
    dice = [random.Random(SEED + at) for at in range(len(HABITS))]  # noqa: S311 - no cryptography
    drawn = [ticked(habit, own) for habit, own in zip(HABITS, dice, strict=True)]
    known = [with_covered(habit, days) for habit, days in zip(HABITS, drawn, strict=True)]
    scored = [scores(habit, days) for habit, days in zip(HABITS, known, strict=True)]
    files = {"Habits.csv": habit_list()}
    for position, (habit, days, score) in enumerate(
        zip(HABITS, known, scored, strict=True), start=1
    ):
        folder = f"{position:03d} {habit.name}"
        files[f"{folder}/Checkmarks.csv"] = as_csv(
            ("Date", "Value", "Notes"),
            *(
                (f"{day}", days.values[day], days.notes.get(day, ""))
                for day in sorted(days.values, reverse=True)
            ),
        )
        files[f"{folder}/Scores.csv"] = as_csv(
            ("Date", "Score"),
            *((f"{day}", f"{score[day]:.4f}") for day in sorted(score, reverse=True)),
        )
    newest_first = sorted(every_day(min(min(days.values) for days in drawn), LAST), reverse=True)
    files["Checkmarks.csv"] = table(
        [f"{day}", *(days.values.get(day, UNKNOWN) for days in known)] for day in newest_first
    )
    files["Scores.csv"] = table(
        [f"{day}", *(f"{score.get(day, Decimal(0)):.4f}" for score in scored)]
        for day in newest_first
    )
    return {name: text.encode() for name, text in files.items()}


def main(place: Path = Path(__file__).parent / "loop-export") -> None:
    """Write the export into a folder."""
    for name, data in export_files().items():
        file = place / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(data)


if __name__ == "__main__":
    main()
