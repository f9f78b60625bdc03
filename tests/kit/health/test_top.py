"""``python -m habitkit top``: an overview of a SQLite file, once and live."""

from __future__ import annotations

import io
import json
import os
import sys
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from typing import Any

import pytest
from attrs import evolve
from rich.console import Console

from habitkit import HabitKit
from habitkit.__main__ import main
from habitkit.alerts import Alert, AlertGroup, AlertSettings
from habitkit.backends.sqlalchemy import sqlite_engine
from habitkit.clock import SystemClock
from habitkit.health.overview import ActionRow, AlertRow, Figure, Overview
from habitkit.health.top import show
from habitkit.metrics import last
from habitkit.testing import FakeClock

NOW = FakeClock().now()
ALERT = AlertRow("Waits", {"zone": "eu"}, "firing", NOW, 9, True, NOW, stale=False)
OLD = evolve(ALERT, name="Lags", evaluated_at=NOW - timedelta(hours=1), stale=True)
SHOWN = Overview(
    NOW,
    (ALERT, OLD),
    (ActionRow("habits.check_in", 1.5, 3, 0.0021, None),),
    (
        Figure("relay lag", {}, 75.25, "seconds"),
        Figure("cache hit ratio", {"cache": ""}, 0.755, "ratio"),
        Figure("check", {"check": "store"}, 0, "status"),
        Figure("check", {"check": "disk"}, 0.7, "status"),
        Figure("outbox waiting", {}, 1000),
    ),
)


@pytest.fixture
def url(tmp_path, ready_sqlite, monkeypatch):
    """A file in which a kit has recorded an alert, actions and gauges."""
    clock = FakeClock()
    monkeypatch.setattr(SystemClock, "now", lambda _: clock.now())
    url = f"sqlite:///{tmp_path}/habits.db"
    engine = sqlite_engine(url)
    ready_sqlite(engine)
    engine.dispose()
    rule = Alert("Waits", last("habitkit_outbox_waiting") > 0, labels={"zone": "eu"})
    group = AlertGroup("app", [rule], every_seconds=10, offset_seconds=0)
    alerts = AlertSettings(groups=[group])
    with HabitKit.open(url, clock=clock, alerts=alerts, metrics=True) as kit:
        for _ in range(3):
            kit.events.record("ada", "noted")
        kit.metrics.built_in("habitkit_outbox_waiting").set(3)
        kit.metrics.flush()
        clock.advance(seconds=10)
        kit.alerts.evaluate()
    return url


def test_the_command_writes_one_overview_and_ends(url, capsys):
    assert main(["top", url, "--once"]) == 0
    lines = [line.split("│") for line in capsys.readouterr().out.splitlines()]
    rows = [[cell.strip() for cell in line[1:-1]] for line in lines]
    assert lines[0] == ["at 2026-01-01 08:00:10Z"]
    assert ["Waits", "zone=eu", "firing", "01-01 08:00:10Z", "3", ""] in rows
    assert next(row for row in rows if row[:1] == ["events.record"])[1:3] == ["0.01/s", "0"]
    assert ["outbox waiting", "", "3"] in rows

    assert main(["top", url, "--once", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert list(found) == ["at", "alerts", "actions", "figures", "failures"]
    assert found["at"] == "2026-01-01T08:00:10+00:00"
    assert found["alerts"][0]["since"] == "2026-01-01T08:00:10+00:00"
    assert found["actions"][0] | {"p50": 0, "p99": 0} == {
        "action": "events.record",
        "rate": 0.01,
        "errors": 0,
        "p50": 0,
        "p99": 0,
    }
    assert {"title": "outbox waiting", "labels": {}, "value": 3, "unit": ""} in found["figures"]
    assert found["failures"] == []


def test_the_command_changes_nothing(url, tmp_path, capsys):
    before = (tmp_path / "habits.db").read_bytes()
    assert main(["top", url, "--once"]) == 0
    assert (tmp_path / "habits.db").read_bytes() == before


def test_a_database_that_cannot_be_read_is_said_in_one_line_with_status_2(tmp_path, capsys):
    missing = f"sqlite:///{tmp_path}/none.db"
    (tmp_path / "empty.db").touch()
    empty = f"sqlite:///{tmp_path}/empty.db"
    for arguments in ([missing], [empty], ["sqlite://"], ["mysql://x"], [empty, "--schema", "a"]):
        for option in ("--once", "--json"):
            assert main(["top", *arguments, option]) == 2
            out, complaint = capsys.readouterr()
            assert out == ""
            assert complaint.startswith("cannot read the database: ")
            assert complaint.count("\n") == 1
    assert not (tmp_path / "none.db").exists()
    for seconds in ("0", "-1", "nan", "1e9", "soon"):
        with pytest.raises(SystemExit) as ended:
            main(["top", missing, f"--every={seconds}"])
        assert ended.value.code == 2
        assert "expected seconds, a number above 0" in capsys.readouterr().err


def test_tables_need_an_extra_which_the_error_names_and_json_does_not(url, monkeypatch, capsys):
    for name in [name for name in sys.modules if name.split(".")[0] == "rich"]:
        monkeypatch.setitem(sys.modules, name, None)

    assert main(["top", url, "--once"]) == 2
    assert capsys.readouterr().err == "rich is not installed; run: pip install 'habitkit[rich]'\n"
    assert main(["top", url, "--once", "--json"]) == 0


class Rounds:
    """Readings one after the other; Ctrl-C is pressed in the wait after the last one."""

    def __init__(self, *results: Overview | Exception) -> None:
        self.results = list(results)
        self.waited: list[float] = []

    def read(self) -> Overview:
        result = self.results.pop(0)
        if isinstance(result, Exception):
            raise result
        return result

    def wait(self, seconds: float) -> None:
        self.waited.append(seconds)
        if not self.results:
            raise KeyboardInterrupt


def screen(*, terminal: bool = True, encoding: str = "utf-8") -> tuple[Console, Callable[[], str]]:
    """Return a console and what was written to it."""
    written = io.BytesIO()
    file = io.TextIOWrapper(written, encoding=encoding, write_through=True)
    console = Console(file=file, force_terminal=terminal, width=120, height=40, _environ={})
    return console, lambda: written.getvalue().decode(encoding)


def watch(rounds: Rounds, console: Console | None = None, **options: Any) -> int:
    return show(rounds.read, every_seconds=7, console=console, wait=rounds.wait, **options)


@pytest.mark.parametrize("terminal", [True, False])
def test_the_view_is_written_again_until_ctrl_c(terminal):
    rounds = Rounds(SHOWN, evolve(SHOWN, at=NOW + timedelta(seconds=10), alerts=()))
    console, written = screen(terminal=terminal)

    assert watch(rounds, console) == 0

    assert rounds.waited == [7, 7]
    first, second = written().split("at 2026-01-01 08:00:")[1:]
    assert first.startswith("00Z")
    assert second.startswith("10Z")
    assert "Waits" in first
    assert "Waits" not in second
    assert written().startswith("\x1b[?1049h") is terminal, "a screen of its own"
    assert written().endswith("\x1b[?25h\x1b[?1049l") is terminal, "and all is as it was"


def test_numbers_have_units_and_a_group_that_nobody_evaluates_says_so():
    console, written = screen(terminal=False)

    assert watch(Rounds(SHOWN), console, once=True) == 0

    rows = [[cell.strip() for cell in line.split("│")[1:-1]] for line in written().splitlines()]
    for row in (
        ["Waits", "zone=eu", "firing", "01-01 08:00:00Z", "9", "yes"],
        ["Lags", "zone=eu", "firing, as of 01-01 07:00Z", "01-01 08:00:00Z", "9", "yes"],
        ["habits.check_in", "1.5/s", "3", "2.1 ms", "-"],
        ["relay lag", "", "75.25 s"],
        ["cache hit ratio", "", "75.5%"],
        ["check", "check=store", "fail"],
        ["check", "check=disk", "0.7"],
        ["outbox waiting", "", "1,000"],
    ):
        assert row in rows


def test_without_anything_to_show_the_view_says_how_a_kit_records():
    console, written = screen(terminal=False)
    assert watch(Rounds(Overview(NOW, (), (), ())), console, once=True) == 0
    assert "a kit records with metrics=True" in written()


def test_a_database_that_goes_away_leaves_the_last_view_with_the_reason(capsys):
    gone = OSError("the server\nis gone")

    assert watch(Rounds(SHOWN, gone, SHOWN), as_json=True) == 0
    first, second, third = map(json.loads, capsys.readouterr().out.splitlines())
    assert first == third == json.loads(json.dumps(SHOWN.to_dict()))
    assert second == first | {"failures": ["cannot read the database: the server is gone"]}

    console, written = screen(terminal=False)
    assert watch(Rounds(SHOWN, gone), console) == 2
    assert written().count("cannot read the database: the server is gone") == 1
    assert written().count("Waits") == 2

    with pytest.raises(OSError, match="gone"):
        watch(Rounds(gone), console)


def test_the_view_ends_when_nobody_reads_it_any_more(monkeypatch):
    read, write = os.pipe()
    os.close(read)
    unread = os.fdopen(write, "w")
    monkeypatch.setattr(sys, "stdout", unread)
    rounds = Rounds(SHOWN, SHOWN)

    assert watch(rounds, as_json=True) == 0
    assert rounds.waited == []
    with suppress(BrokenPipeError):
        unread.close()


def test_texts_cannot_move_the_cursor_or_use_what_the_terminal_lacks():
    labels = {"zone": "é[red]\x1b[2J\n"}
    shown = evolve(SHOWN, alerts=(evolve(ALERT, labels=labels),), failures=("é\x07",))
    console, written = screen(terminal=False, encoding="ascii")

    assert watch(Rounds(shown), console, once=True) == 0

    assert r"zone=\xe9[red]?[2J?" in written()
    assert "\\xe9?\n" in written()
