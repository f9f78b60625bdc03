"""The habits of one owner in the terminal: their state today, and a map of the year.

    python examples/dashboard.py                          a sample of habits, not stored
    python examples/dashboard.py habits.db --owner ada    the habits of ada in a SQLite file

It needs habitkit and rich: pip install 'habitkit[rich]'
"""

import argparse
import sys
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, time, timedelta
from io import TextIOWrapper
from pathlib import Path
from tempfile import TemporaryDirectory
from zlib import crc32

from _heatmap import first_day, grid
from rich.columns import Columns
from rich.console import Console
from rich.table import Table
from rich.text import Text

from habitkit import (
    Clock,
    DayClock,
    FreezeRule,
    Goal,
    Habit,
    HabitKit,
    HabitKitError,
    HabitState,
    OfflineCheckIn,
    Refusal,
    Schedule,
    Slot,
    Streak,
    SystemClock,
)
from habitkit.testing import FakeClock

OWNER = "you"
BEST_RUNS = 2
BAR_WIDTH = 5
EXIT_REFUSED = 2

SAMPLE_BEGAN = datetime(2025, 7, 1, 6, tzinfo=UTC)
SAMPLE_NOW = datetime(2026, 7, 2, 16, tzinfo=UTC)
VACATION = date(2026, 2, 14), date(2026, 2, 28)

MARKS = {
    "DONE": ("■", "green"),
    "FROZEN": ("▣", "cyan"),
    "MISSED": ("·", "red"),
    "OPEN": ("○", "yellow"),
    "EXEMPT": ("-", "bright_black"),
}
NO_SLOT = (" ", "")
RISKS = {
    "SAFE": "green",
    "PROTECTED": "cyan",
    "AT_RISK": "yellow",
    "REPAIRABLE": "magenta",
    "BROKEN": "red",
    "NONE": "bright_black",
}

# What people call their habits is printed as it is, not as markup.
out = Console(markup=False, emoji=False, highlight=False)
err = Console(markup=False, emoji=False, highlight=False, stderr=True)


def main(arguments: Sequence[str] | None = None) -> int:
    options = _options(arguments)
    try:
        if options.file is not None:
            show_file(options.file, options.owner, SystemClock())
            return 0
        with TemporaryDirectory() as folder:
            file, clock = Path(folder) / "sample.db", FakeClock(SAMPLE_BEGAN)
            make_sample(file, options.owner, clock)
            show_file(file, options.owner, clock)
    except HabitKitError as error:
        err.print(f"{error}", style="red", soft_wrap=True)
        return EXIT_REFUSED
    return 0


def show_file(file: Path, owner: str, clock: Clock) -> None:
    with HabitKit.open(f"sqlite:///{file}", clock=clock) as kit:
        show_day(kit, owner, clock.now())


def show_day(kit: HabitKit, owner: str, now: datetime) -> None:
    """Print the state of each habit, then a map of the year of each."""
    states = kit.streaks.today(owner)
    if not states:
        out.print(f"{_printable(owner)} has no habits here.")
        return
    habits = [kit.habits.get(state.habit_id) for state in states]
    table = Table("Habit", box=None, padding=(0, 1, 0, 0), pad_edge=False, header_style="bold")
    for heading in ("Today", "Risk", "Streak", "Best", "Slack", "Expires", "Strength", "Freezes"):
        is_number = heading in {"Streak", "Best", "Slack", "Expires", "Freezes"}
        table.add_column(heading, justify="right" if is_number else "left", no_wrap=True)
    for habit, state in zip(habits, states, strict=True):
        table.add_row(*_row(habit, state, now))
    out.print(table)
    out.print()
    years = [_year(kit, habit, state) for habit, state in zip(habits, states, strict=True)]
    out.print(Columns(years, padding=1))
    out.print(_legend())


def _row(habit: Habit, state: HabitState, now: datetime) -> tuple[Text | str, ...]:
    mark, style = MARKS[state.status]
    return (
        _printable(habit.title),
        Text(f"{mark} {state.status.lower()}", style=style),
        Text(state.risk.lower().replace("_", " "), style=RISKS[state.risk]),
        f"{state.streak.slots}",
        f"{state.best.slots}",
        f"{state.slack}" if state.streak.slots else "",
        _until(state.expires_at, now),
        _bar(state.strength),
        f"{state.freezes or ''}",
    )


def _until(instant: datetime | None, now: datetime) -> str:
    if instant is None:
        return ""
    hours = round((instant - now) / timedelta(hours=1))
    return f"{hours} h" if hours < 48 else f"{hours // 24} days"


def _bar(strength: float) -> Text:
    full = round(strength * BAR_WIDTH)
    bar = Text("█" * full, style="green")
    return bar.append("░" * (BAR_WIDTH - full), style="bright_black").append(f" {strength:4.0%}")


def _year(kit: HabitKit, habit: Habit, state: HabitState) -> Text:
    """Draw a habit's last 53 weeks: each day has the mark of its slot."""
    slots = kit.streaks.history(habit.id, first_day(state.today), state.today)
    runs = kit.streaks.runs(habit.id, best=BEST_RUNS)
    drawing = grid(_cells(slots), state.today, _printable(habit.title))
    return drawing.append(f"    {_best(runs)}\n", style="dim")


def _cells(slots: Sequence[Slot]) -> Callable[[date], tuple[str, str]]:
    marks = {
        slot.first + timedelta(days=day): MARKS[slot.status]
        for slot in slots
        for day in range((slot.last - slot.first).days + 1)
    }
    return lambda day: marks.get(day, NO_SLOT)


def _best(runs: Sequence[Streak]) -> str:
    if not runs:
        return "no streak yet"
    return "best: " + ", ".join(f"{run.slots} from {run.first}" for run in runs)


def _legend() -> Text:
    legend = Text("    ")
    for status, (mark, style) in MARKS.items():
        legend.append(mark, style=style).append(f" {status.lower()}   ")
    return legend


# --- the sample ------------------------------------------------------------------------------


def make_sample(file: Path, owner: str, clock: FakeClock) -> None:
    """Write a year of habits that have little in common into a new file."""
    with HabitKit.open(f"sqlite:///{file}", clock=clock) as kit:
        kit.habits.travel(owner, "Europe/Vienna")
        made = _create(kit, owner)
        kit.habits.reorder(owner, [habit.id for habit in made])
        meditate, run, read, gym, swim, rent, plants, sweets = made
        kit.habits.pause_all(owner, *VACATION)
        clock.set(SAMPLE_NOW)

        rent_days = [day for day in _days(100) if (day + timedelta(days=1)).day == 1]
        kit.habits.backfill(rent.id, rent_days[:-1], source="sample")
        kit.habits.backfill(meditate.id, _days(95), source="sample")
        kit.habits.backfill(
            gym.id, [day for day in _days(96) if day.weekday() in {0, 2, 4}], source="sample"
        )
        kit.habits.backfill(
            swim.id, [day for day in _days(93) if 5 <= day.month <= 9], source="sample"
        )
        kit.habits.backfill(plants.id, _days(18), source="sample")
        kit.habits.check_in(meditate.id)
        kit.habits.grant_freeze(gym.id, 2)
        batch = [
            *(OfflineCheckIn(run.id, day, amount=5 + day.day % 4) for day in _days(52)),
            *(OfflineCheckIn(read.id, day, amount=20 + day.day) for day in _days(55)),
            *(OfflineCheckIn(sweets.id, day) for day in _days(3)),
        ]
        refused = [done for done in kit.habits.check_in_many(batch) if isinstance(done, Refusal)]
        assert not refused, refused


def _create(kit: HabitKit, owner: str) -> list[Habit]:
    create = kit.habits.create
    rent_day, night = date(2025, 7, 31), DayClock(day_start=time(3))
    return [
        create(owner, "Meditate", Schedule.daily(), freezes=FreezeRule(7, most_held=2)),
        create(owner, "Run, three a week", Schedule.quota(3), Goal.at_least(5, "km")),
        create(owner, "Read 100 pages", Schedule.quota(1), Goal.at_least(100, "pages")),
        create(owner, "Gym", Schedule.weekdays("mon", "wed", "fri")),
        create(owner, "Swim in the lake", Schedule.daily(season=((5, 1), (9, 30)))),
        create(owner, "Pay the rent", Schedule.every(1, "month", anchor=rent_day)),
        create(owner, "Water the plants", Schedule.every(10, anchor="last_done")),
        create(owner, "No sweets", Schedule.daily(), Goal.avoid(), clock=night),
    ]


def _days(percent: int) -> list[date]:
    """Return that percentage of the days until yesterday without the vacation, always the same."""
    first = SAMPLE_BEGAN.date()
    days = [first + timedelta(days=day) for day in range((SAMPLE_NOW.date() - first).days)]
    start, end = VACATION
    return [
        day
        for day in days
        if not start <= day <= end and crc32(f"{day} {percent}".encode()) % 100 < percent
    ]


# --- the command line ------------------------------------------------------------------------


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Show how an owner's habits stand today.")
    source = parser.add_mutually_exclusive_group()
    source.add_argument("file", nargs="?", type=_file, help="a SQLite file of habitkit")
    source.add_argument(
        "--sample", action="store_true", help="show a sample of habits, as without a file"
    )
    parser.add_argument("--owner", default=OWNER, help="whose habits (%(default)s)")
    return parser.parse_args(arguments)


def _file(text: str) -> Path:
    path = Path(text)
    if path.is_file():
        return path
    message = f"there is no file {text!r}"
    raise argparse.ArgumentTypeError(message)


def _printable(text: str) -> str:
    """Replace characters that would control the terminal."""
    return "".join(letter if letter.isprintable() else "?" for letter in text)


if __name__ == "__main__":
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # a pipe's encoding may lack the marks
    sys.exit(main())
