"""A part of the demo: more attempts than a limit allows, and one when its time has come."""

from rich.console import Console
from rich.padding import Padding
from rich.table import Table

from habitkit import HabitKit
from habitkit.testing import FakeClock

LIMIT = "5/min"
ATTEMPTS = 8  # to check in, at once


def show_limits(kit: HabitKit, owner: str, clock: FakeClock, out: Console, table: Table) -> None:
    """Try more than a limit allows; then let time pass."""
    key = ("check-in", owner)
    out.print(f'{ATTEMPTS} attempts to check in at once, of which "{LIMIT}" allows 5:\n')
    for heading in ("Allowed", "Remaining", "Try again after"):
        table.add_column(heading, justify="right")
    decision = kit.limits.peek(key, LIMIT)
    for attempt in range(1, ATTEMPTS + 1):
        decision = kit.limits.acquire(key, LIMIT)
        after = "" if decision else f"{decision.retry_after_seconds:g} s"
        allowed = "yes" if decision else "no"
        table.add_row(f"{attempt}", allowed, f"{decision.remaining}", after)
    out.print(table)
    out.print("\nA web app would send the last one, beside the status 429:\n")
    for name, value in decision.headers().items():
        out.print(Padding(f"{name}: {value}", (0, 0, 0, 4), expand=False), style="dim")
    clock.advance(seconds=decision.retry_after_seconds or 0)
    again = "allowed" if kit.limits.acquire(key, LIMIT) else "denied"
    out.print(f"\n{decision.retry_after_seconds:g} seconds later the next one is {again}.")
