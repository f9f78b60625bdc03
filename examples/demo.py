"""A tour of habitkit: a history, check-ins, coins, limits, a cache, flags, quests, metrics, more.

    python examples/demo.py                          the sample export, ./habitkit-demo.db
    python examples/demo.py export.zip --db me.db    your own export of Loop Habit Tracker

Everything is stored in one SQLite file; no server is needed. Running it again adds nothing. It
needs habitkit and rich: pip install 'habitkit[rich]'
"""

import argparse
import sys
from collections.abc import Sequence
from datetime import date, datetime, time, timedelta
from io import TextIOWrapper
from pathlib import Path
from zoneinfo import ZoneInfo

from _caching import show_cache
from _experiments import show_experiment
from _flags import show_flags
from _heatmap import year_map
from _limits import show_limits
from _metrics import show_metrics
from _quests import show_quests
from attrs import evolve
from rich import box
from rich.console import Console
from rich.padding import Padding
from rich.progress import BarColumn, MofNCompleteColumn, Progress
from rich.table import Table
from sqlalchemy import URL

from habitkit import Clock, Habit, HabitKit, HabitKitError, SystemClock
from habitkit.backends.memory import MemoryLimits
from habitkit.coins import InsufficientFunds
from habitkit.importers import loop_csv
from habitkit.importers.errors import ImportRefused
from habitkit.importers.loop_csv import ImportReport, LoopExport
from habitkit.limits import Limiter
from habitkit.testing import FakeClock

SAMPLE = Path(__file__).parent / "data" / "loop-export"
OWNER = "you"
YEAR = timedelta(weeks=53)
MAPS = 6
LEDGER_LINES = 10
BONUS_EVERY = 7  # so many slots in a row that were recorded in time earn a bonus

EXIT_REFUSED = 2
EXIT_INTERRUPTED = 130

# What comes out of an export is printed as it is, not as markup.
out = Console(markup=False, emoji=False, highlight=False)
err = Console(markup=False, emoji=False, highlight=False, stderr=True)


def main(arguments: Sequence[str] | None = None) -> int:
    options = _options(arguments)
    is_new = not options.db.exists()
    try:
        # The export is read before the database is opened, so a broken one writes nothing.
        export = loop_csv.read(options.export)
        clock, why = _clock(options, export)
        stopped = FakeClock()  # budgets come back when the tour says so
        limits = Limiter(MemoryLimits(ticks=stopped.ticks))
        with HabitKit.open(_url(options.db), clock=clock, limits=limits) as kit:
            habits = tour(kit, export, options, why)
            _title("6. Limit what a user may do")
            show_limits(kit, OWNER, stopped, out, _table("Attempt"))
            if habits:
                _title("7. Cache what takes time")
                today = kit.streaks.state(habits[0].id).today
                show_cache(kit, habits, today, out, _table("Report of the year"))
            _title("8. Change a flag while another process runs")
            show_flags(kit, _url(options.db), out, _table("The flag"))
        _title("9. Compare two variants")
        show_experiment(out, _table("Metric"))
        _title("10. Set a quest")
        show_quests(out, _table("Step"))
        _title("11. Watch requests, and be told when many fail")
        show_metrics(out, _table("Minute"))
    except ImportRefused as refused:
        if is_new:
            options.db.unlink(missing_ok=True)
        _complain(f"Cannot import {options.export}, nothing was written.\n{refused}")
        return EXIT_REFUSED
    except HabitKitError as error:
        _complain(f"{options.db}: {error}")
        return EXIT_REFUSED
    except KeyboardInterrupt:
        err.print("\nStopped. What was done is kept; run it again to go on.")
        return EXIT_INTERRUPTED
    out.print(f"\nAll of it is in {options.db.resolve()}", soft_wrap=True)
    out.print("Run the demo again: it will find everything, and only change the flag once more.")
    return 0


def _url(file: Path) -> str:
    """Return the URL of a file, whose name may contain ? and %."""
    return URL.create("sqlite", database=str(file.absolute())).render_as_string()


def tour(kit: HabitKit, export: LoopExport, options: argparse.Namespace, why: str) -> list[Habit]:
    """Show everything that the export leads to; return its habits."""
    _title("1. Take over a history")
    report = take_over(kit, export, options.export.resolve().name, options.tz)
    habits = [kit.habits.get(habit.id) for habit in report.habits]
    habits = [evolve(habit, title=_printable(habit.title)) for habit in habits]
    if not habits:
        out.print("The export holds no habits, so there is nothing more to see.")
        return habits
    today = kit.streaks.state(habits[0].id).today
    out.print(f"Today is {today:%A}, {today.day} {today:%B %Y}{why}.")

    _title("2. The state of the habits")
    show_streaks(kit, habits, report)

    _title("3. The year")
    show_year(kit, habits, today)

    _title("4. Check in, earn, spend, undo")
    live_a_day(kit, max(habits, key=lambda habit: kit.streaks.state(habit.id).streak.slots), today)

    _title("5. The ledger")
    show_ledger(kit)
    return habits


def take_over(kit: HabitKit, export: LoopExport, name: str, tz: str | None) -> ImportReport:
    words = "Import", BarColumn(), MofNCompleteColumn(), "days"
    with Progress(*words, console=out) as bar:
        task = bar.add_task("Import", total=None)
        report = loop_csv.import_export(
            kit,
            OWNER,
            export,
            tz=tz,
            progress=lambda done, total: bar.update(task, completed=done, total=total),
        )
    out.print(
        f"{name}: {len(report.habits)} habits, {report.created} of them new; "
        f"{report.days_new:,} new days, {report.days_known:,} known."
    )
    for habit in report.habits:
        if habit.remarks:
            remarks = f"{_printable(habit.title)}: {'; '.join(habit.remarks)}"
            out.print(_indented(remarks), style="dim")
    return report


def show_streaks(kit: HabitKit, habits: Sequence[Habit], report: ImportReport) -> None:
    """Show the streaks, and in the last column those that Loop shows."""
    table = _table("Habit")
    for heading in ("Current", "Best", "from", "to", "In Loop"):
        table.add_column(heading, justify="right")
    for habit, imported in zip(habits, report.habits, strict=True):
        state, theirs = kit.streaks.state(habit.id), imported.streaks
        best = state.best
        table.add_row(
            habit.title,
            _days(state.streak.days),
            _days(best.days),
            str(best.first or ""),
            str(best.last or ""),
            f"{theirs.loop_current}, {theirs.loop_best}" if theirs else "",
        )
    out.print(table)
    for habit in habits:
        if habit.schedule.kind == "rolling":
            due = f"{habit.title}: due on {habit.schedule.n} of {habit.schedule.span} days"
            out.print(_indented(f"{due}, in Loop and here"), style="dim")


def show_year(kit: HabitKit, habits: Sequence[Habit], today: date) -> None:
    done = {habit.id: kit.streaks.done_days(habit.id, today - YEAR, today) for habit in habits}
    busiest = sorted(habits, key=lambda habit: len(done[habit.id]), reverse=True)[:MAPS]
    for habit in busiest:
        out.print(year_map(done[habit.id], today, habit.title), end="\n\n")
    if len(habits) > MAPS:
        out.print(f"and {len(habits) - MAPS} habits that were done less often")


def live_a_day(kit: HabitKit, habit: Habit, today: date) -> None:
    """Use the kit as an app would, on the habit given.

    Each request has a key that names the day, as an app's would name an order or a tap on a
    button. So a second demo on the same day repeats its requests, and nothing happens twice.
    """
    key = f"demo:{today}:{habit.id}"
    purse = Purse(kit)
    before = kit.coins.statement(OWNER, limit=1)

    kit.coins.award(OWNER, 40, memo="for a visit", idempotency_key=f"{key}:visit")
    purse.report("40 coins for a visit")

    done = kit.habits.check_in(habit.id, idempotency_key=f"{key}:check-in")
    purse.report(f"check in: {habit.title}, streak {done.streak.slots}")
    credited = kit.streaks.state(habit.id).credited
    out.print(_indented(f"{BONUS_EVERY - credited % BONUS_EVERY} more to the bonus"), style="dim")

    kit.coins.spend(OWNER, 25, memo="a coffee", idempotency_key=f"{key}:coffee")
    purse.report("buy a coffee for 25")

    price = purse.coins + 475
    try:
        kit.coins.spend(OWNER, price, memo="a bicycle", idempotency_key=f"{key}:bicycle")
    except InsufficientFunds as refused:
        purse.report(f"try to buy a bicycle for {price}", "refused")
        out.print(_indented(f"InsufficientFunds: {refused}"), style="red")

    undone = kit.habits.undo(done.id)
    purse.report(f"undo the check-in, streak {undone.streak.slots}")

    if kit.coins.statement(OWNER, limit=1) == before:
        out.print("\nThese requests were made before, with the same keys: nothing happened twice.")


class Purse:
    """Prints after each step what it moved, and the balance of the wallet."""

    def __init__(self, kit: HabitKit) -> None:
        """Read the balance."""
        self.kit = kit
        self.coins = kit.coins.balance(OWNER).posted

    def report(self, step: str, outcome: str = "") -> None:
        """Read the balance again and print the difference."""
        before, self.coins = self.coins, self.kit.coins.balance(OWNER).posted
        moved = f"{self.coins - before:+d}" if self.coins != before else "as before"
        out.print(f"  {step:<46.46} {outcome or moved:>10}   {self.coins:>4} coins")


def show_ledger(kit: HabitKit) -> None:
    table = _table()
    table.add_column("No.", justify="right")
    table.add_column("What")
    table.add_column("Coins", justify="right")
    table.add_column("Balance", justify="right")
    for entry in reversed(kit.coins.statement(OWNER, limit=LEDGER_LINES)):
        what = f"{entry.kind}: {entry.memo}" if entry.memo else entry.kind
        table.add_row(f"{entry.seq}", what, f"{entry.amount:+d}", f"{entry.balance}")
    out.print(table)


def _title(text: str) -> None:
    out.print(f"\n{text}\n", style="bold")


def _complain(text: str) -> None:
    err.print(text, style="red", soft_wrap=True)


def _table(*headings: str) -> Table:
    return Table(*headings, box=box.SIMPLE, show_edge=False, pad_edge=False)


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="See habitkit work on a tracker's export.")
    parser.add_argument(
        "export",
        nargs="?",
        type=Path,
        default=SAMPLE,
        help="what Loop Habit Tracker exported, a .zip or its folder (a sample)",
    )
    parser.add_argument(
        "--db", type=Path, default=Path("habitkit-demo.db"), help="the SQLite file (%(default)s)"
    )
    parser.add_argument("--tz", type=_zone, help="your IANA time zone (UTC)")
    parser.add_argument("--today", type=_day, help="pretend that it is this day, as 2026-01-31")
    return parser.parse_args(arguments)


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        message = f"expected a day such as 2026-01-31, got {text!r}"
        raise argparse.ArgumentTypeError(message) from None


def _zone(name: str) -> str:
    try:
        return ZoneInfo(name).key
    except (LookupError, OSError, ValueError):
        message = f"expected a zone such as Europe/Vienna, got {name!r}"
        raise argparse.ArgumentTypeError(message) from None


def _clock(options: argparse.Namespace, export: LoopExport) -> tuple[Clock, str]:
    """Return the machine's clock, or a fake clock on another day and the reason."""
    today, why = options.today, ", because you say so"
    if today is None and options.export.resolve() == SAMPLE.resolve():
        # On the day after its end, the sample has a full year and current streaks.
        today = max(entry.day for habit in export.habits for entry in habit.entries)
        today, why = today + timedelta(days=1), ": the day after the end of the sample"
    if today is None:
        return SystemClock(), ""
    return FakeClock(datetime.combine(today, time(12), ZoneInfo(options.tz or "UTC"))), why


def _days(count: int) -> str:
    return f"{count} day" if count == 1 else f"{count} days"


def _indented(text: str) -> Padding:
    return Padding(text, (0, 0, 0, 4), expand=False)


def _printable(text: str) -> str:
    """Replace characters that would control the terminal."""
    return "".join(letter if letter.isprintable() else "?" for letter in text)


if __name__ == "__main__":
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # a pipe's encoding may lack the map's squares
    sys.exit(main())
