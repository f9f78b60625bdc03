"""``python -m habitkit top``: an overview of a database, once or again and again."""

from __future__ import annotations

import json
import sys
import time
from contextlib import contextmanager, suppress
from functools import partial
from typing import TYPE_CHECKING

from attrs import evolve

from habitkit.errors import MissingExtra
from habitkit.health.command_line import reason_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from rich.console import Console

    from habitkit.health.overview import Overview

__all__ = ["show"]


def show(
    read: Callable[[], Overview],
    *,
    every_seconds: float,
    once: bool = False,
    as_json: bool = False,
    console: Console | None = None,
    wait: Callable[[float], object] = time.sleep,
) -> int:
    """Write overviews until Ctrl-C, or until nobody reads them; return the exit status.

    On a terminal each takes the place of the last one; else they follow one another. If the
    database cannot be read any more, the last overview stays and says so.

    Args:
        read: Reads an overview.
        every_seconds: The time between two.
        once: Whether to write one alone.
        as_json: Whether to write a JSON object, on one line if others may follow.
        console: Where to write tables; the standard output by default.
        wait: Waits for some seconds.

    Returns:
        0, or 2 if the database could not be read the last time.

    Raises:
        MissingExtra: If rich is not installed, which tables need.
        Exception: What the first reading raises.
    """
    failed = False
    with suppress(KeyboardInterrupt):
        last = read()
        # nobody reads the output any more: it went to a program such as head
        with suppress(BrokenPipeError), _drawing(console, as_json=as_json, once=once) as draw:
            draw(last)
            while not once:
                wait(every_seconds)
                try:
                    shown = last = read()
                    failed = False
                except Exception as error:  # noqa: BLE001 - drivers raise their own
                    failure = f"cannot read the database: {reason_of(error)}"
                    shown = evolve(last, failures=(*last.failures, failure))
                    failed = True
                draw(shown)
    return 2 if failed else 0


@contextmanager
def _drawing(
    console: Console | None, *, as_json: bool, once: bool
) -> Iterator[Callable[[Overview], object]]:
    """Yield what writes an overview.

    Raises:
        MissingExtra: If rich is needed and not installed.
    """
    if as_json:
        yield partial(_write_json, indent=2 if once else None)
        return
    try:
        from rich.console import Console  # noqa: PLC0415 - an extra
        from rich.live import Live  # noqa: PLC0415
    except ImportError as error:
        raise MissingExtra("rich", "rich") from error
    from habitkit.health.overview_tables import tables  # noqa: PLC0415 - needs rich

    to = Console() if console is None else console
    if once or not to.is_terminal or to.is_dumb_terminal:
        yield lambda it: to.print(tables(it, to.encoding))
        return
    with Live(console=to, screen=True, auto_refresh=False) as live:
        yield lambda it: live.update(tables(it, to.encoding), refresh=True)


def _write_json(it: Overview, indent: int | None) -> None:
    sys.stdout.write(json.dumps(it.to_dict(), indent=indent) + "\n")
    sys.stdout.flush()
