"""A part of the demo: a flag that one process changes and another one sees.

Started as a program it is the other process: python examples/_flags.py sqlite:///habits.db
"""

import json
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Timer
from time import perf_counter
from typing import Any

from rich.console import Console
from rich.table import Table

from habitkit import HabitKit
from habitkit.flags import FlagSettings

POLL_SECONDS = 0.2
LONGEST_SECONDS = 60.0
USERS = [{"targetingKey": f"user-{number}"} for number in range(1000)]

OFF = {"state": "ENABLED", "variants": {"on": True, "off": False}, "defaultVariant": "off"}
QUARTER = {**OFF, "targeting": {"fractional": [["on", 25], ["off", 75]]}}

Seen = dict[str, Any]


def show_flags(kit: HabitKit, url: str, out: Console, table: Table) -> None:
    """Change a flag in this process, and print what another one sees of it."""
    flags = kit.flags
    first = flags.put("quests", OFF, by="demo").number
    out.print(
        "Another process has opened the same file, and looks for changes every "
        f"{POLL_SECONDS:g} seconds.\nThis one changes the flag; the other one sees:\n"
    )
    for heading in ("On for", "Reason", "After"):
        table.add_column(heading, justify="right")

    with other_process(url) as seen_at:
        seen_at(flags.status().revision)

        def show(name: str, change: Callable[[], object]) -> None:
            change()
            began = perf_counter()
            seen = seen_at(flags.status().revision)
            took = f"{(perf_counter() - began) * 1e3:,.0f} ms"
            table.add_row(name, f"{seen['on']:,} of {len(USERS):,}", seen["reason"], took)

        show("on for a quarter", lambda: flags.put("quests", QUARTER, by="demo"))
        show("disabled", lambda: flags.toggle("quests", enabled=False, by="demo"))
        show("enabled", lambda: flags.toggle("quests", enabled=True, by="demo"))
        show("rolled back", lambda: flags.rollback("quests", first, by="demo"))
    out.print(table)
    changes = ", ".join(change.action for change in reversed(flags.history("quests", limit=4)))
    out.print(f"\nEvery change is kept as a revision: {changes}.")


@contextmanager
def other_process(url: str) -> Iterator[Callable[[str | None], Seen]]:
    """Start another process; give a function that waits until it has a revision.

    The process ends with its input, so it does not outlive this one.
    """
    process = subprocess.Popen(  # noqa: S603 - this file
        [sys.executable, __file__, url],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        encoding="ascii",
    )
    deadline = Timer(LONGEST_SECONDS, process.kill)
    deadline.start()
    seen: Seen = {}

    def seen_at(revision: str | None) -> Seen:
        while seen.get("revision") != revision:
            line = process.stdout.readline() if process.stdout is not None else ""
            if not line:
                message = f"the other process did not see revision {revision}"
                raise TimeoutError(message)
            seen.update(json.loads(line))
        return seen

    try:
        yield seen_at
    finally:
        process.communicate()
        deadline.cancel()


def watch(url: str) -> None:
    """Print what this process sees of the flag, at first and after each change."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the process that started this one ends it
    with HabitKit.open(url, flags=FlagSettings(poll_seconds=POLL_SECONDS)) as kit:

        def report(_: object = None) -> None:
            found = [kit.flags.details("quests", default=False, context=user) for user in USERS]
            seen: Seen = {
                "revision": kit.flags.status().revision,
                "on": sum(resolution.value for resolution in found),
                "reason": found[0].reason,
            }
            print(json.dumps(seen), flush=True)

        report()
        kit.flags.listen(report)
        with kit.background():
            sys.stdin.read()


if __name__ == "__main__" and len(sys.argv) > 1:
    watch(sys.argv[1])
