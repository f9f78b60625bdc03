"""The command line.

``python -m habitkit --version`` shows the version; ``upgrade URL`` creates or upgrades the tables;
``daily-check URL`` says what should be seen to; ``top URL`` shows alerts, actions and lags live;
``flags lint FILE...`` checks definitions of flags; ``metrics grafana`` and ``metrics rules`` write
a dashboard and alert rules.
"""

from __future__ import annotations

import argparse
import sys
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Any

from habitkit.errors import HabitKitError, MissingExtra
from habitkit.plugins import naming_extras

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from habitkit.workflow import Steps

_LONGEST_INTERVAL = 86_400


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status."""
    parser = argparse.ArgumentParser(prog="python -m habitkit")
    parser.add_argument("--version", action=_Version, help="show the version and exit")
    commands = parser.add_subparsers(required=True)
    upgrade = commands.add_parser("upgrade", help="create or upgrade the tables of a database")
    upgrade.add_argument("url", metavar="URL", help="for example postgresql://user@host/database")
    upgrade.add_argument("--schema", help="the database schema to put the tables in")
    upgrade.add_argument(
        "--adopt",
        action="store_true",
        help="record the version of tables that metadata.create_all() has made",
    )
    upgrade.set_defaults(run=_run_upgrade)
    daily = commands.add_parser("daily-check", help="find what should be seen to in a database")
    daily.add_argument("url", metavar="URL", help="for example postgresql://user@host/database")
    daily.add_argument("--schema", help="the database schema that the tables are in")
    daily.add_argument("--audit-key", metavar="FILE", help="a file with the bytes of the audit key")
    daily.add_argument("--json", action="store_true", help="write a JSON list")
    daily.set_defaults(run=_run_daily_check)
    _add_top(commands.add_parser("top", help="show alerts, actions and lags of a database, live"))
    of_flags = commands.add_parser("flags", help="check definitions of flags")
    lint = of_flags.add_subparsers(required=True).add_parser("lint", help="find faults and traps")
    lint.add_argument("files", metavar="FILE", nargs="+", help="in flagd's format; - for stdin")
    lint.add_argument("--strict", action="store_true", help="fail on warnings too")
    lint.add_argument("--json", action="store_true", help="write a JSON list")
    lint.set_defaults(run=_run_lint)
    _add_metrics(commands.add_parser("metrics", help="write a dashboard or alert rules"))
    options = parser.parse_args(arguments)
    status: int = options.run(options)
    return status


def _add_top(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the live view."""
    parser.add_argument("url", metavar="URL", help="for example postgresql://user@host/database")
    parser.add_argument("--schema", help="the database schema that the tables are in")
    parser.add_argument(
        "--every", metavar="SECONDS", type=_interval, default=5.0, help="between two; 5 by default"
    )
    parser.add_argument("--once", action="store_true", help="write one view and end")
    parser.add_argument("--json", action="store_true", help="write a JSON object for each view")
    parser.set_defaults(run=_run_top)


def _interval(text: str) -> float:
    """Return the seconds that an argument asks for.

    Raises:
        ArgumentTypeError: If they are no number above 0, or more than a day.
    """
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if 0 < seconds <= _LONGEST_INTERVAL:
        return seconds
    msg = f"expected seconds, a number above 0, at most {_LONGEST_INTERVAL}, got {text!r}"
    raise argparse.ArgumentTypeError(msg)


def _add_metrics(parser: argparse.ArgumentParser) -> None:
    """Add the commands for what a kit records of its own."""
    commands = parser.add_subparsers(required=True)
    grafana = commands.add_parser("grafana", help="write a dashboard of Grafana as JSON")
    grafana.add_argument(
        "--classic", action="store_true", help="for a Prometheus without native histograms"
    )
    grafana.set_defaults(run=_run_grafana)
    rules = commands.add_parser("rules", help="write the default rules as a file for Prometheus")
    rules.set_defaults(run=_run_rules)


class _Version(argparse.Action):
    """Write the version of the package, which is looked up only then."""

    def __init__(self, option_strings: Sequence[str], dest: str, **options: Any) -> None:
        super().__init__(option_strings, dest, nargs=0, default=argparse.SUPPRESS, **options)

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        from importlib import metadata  # noqa: PLC0415 - takes long to import

        sys.stdout.write(f"habitkit {metadata.version('habitkit')}\n")
        parser.exit()


def _run_upgrade(options: argparse.Namespace) -> int:
    """Upgrade the database behind a URL, and say what was done."""
    try:
        before, after = _upgrade(options.url, options.schema, adopt=options.adopt)
    except HabitKitError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    was = f"version {before}" if before else "nothing"
    sys.stdout.write(f"found {was}, the tables have version {after} now\n")
    return 0


def _run_daily_check(options: argparse.Namespace) -> int:
    """Write what the daily check finds in the database behind a URL."""
    from habitkit.coins.settings import CoinSettings  # noqa: PLC0415 - only where it is used
    from habitkit.health.command_line import audit_key, write_report  # noqa: PLC0415
    from habitkit.workflow import Outside  # noqa: PLC0415

    def check(kit: Any) -> Steps[Any]:
        return (yield Outside(kit.daily_check, ()))

    try:
        coins = CoinSettings(audit_key=audit_key(options.audit_key))
        with _kit_on(options.url, options.schema, coins=coins) as (kit, _, take):
            report = take(check(kit))
    except Exception as error:  # noqa: BLE001 - drivers raise their own
        return _unreadable("check", error)
    return write_report(report, as_json=options.json)


def _run_top(options: argparse.Namespace) -> int:
    """Show what the database behind a URL says, once or again and again."""
    from habitkit.clock import SystemClock  # noqa: PLC0415 - only where it is used
    from habitkit.health.overview import read  # noqa: PLC0415
    from habitkit.health.top import show  # noqa: PLC0415

    try:
        with _kit_on(options.url, options.schema) as (kit, store, take):
            series = store.time_series()
            return show(
                lambda: take(read(kit, series, SystemClock().now())),
                every_seconds=options.every,
                once=options.once,
                as_json=options.json,
            )
    except MissingExtra as error:
        sys.stderr.write(f"{error}\n")
        return 2
    except Exception as error:  # noqa: BLE001 - drivers raise their own
        return _unreadable("read", error)


def _unreadable(verb: str, error: Exception) -> int:
    """Write why a database cannot be read; return the exit status."""
    from habitkit.health.command_line import reason_of  # noqa: PLC0415 - only where it is used

    sys.stderr.write(f"cannot {verb} the database: {reason_of(error)}\n")
    return 2


@contextmanager
def _kit_on(
    url: str, schema: str | None, **settings: Any
) -> Iterator[tuple[Any, Any, Callable[[Steps[Any]], Any]]]:
    """Yield a kit on an existing database, its store, and what takes the steps of a workflow."""
    from habitkit.backends.sqlalchemy.existing import existing_store  # noqa: PLC0415 - SQLAlchemy
    from habitkit.backends.sqlalchemy.store import SqlStore  # noqa: PLC0415
    from habitkit.kit import AsyncHabitKit, HabitKit  # noqa: PLC0415
    from habitkit.workflow import drive, drive_async  # noqa: PLC0415

    with naming_extras():
        store = existing_store(url, schema)
    if isinstance(store, SqlStore):
        with closing(store), HabitKit(store, **settings) as kit:
            yield kit, store, drive
        return
    import asyncio  # noqa: PLC0415 - for asyncpg alone

    with asyncio.Runner() as runner:
        async_kit = AsyncHabitKit(store, **settings)
        try:
            yield async_kit, store, lambda steps: runner.run(drive_async(steps))
        finally:
            try:
                runner.run(async_kit.close())
            finally:
                runner.run(store.close())


def _run_lint(options: argparse.Namespace) -> int:
    """Write what is wrong with files of flags."""
    from habitkit.flags.command_line import lint_files  # noqa: PLC0415 - only where it is used

    return lint_files(options.files, strict=options.strict, as_json=options.json)


def _run_grafana(options: argparse.Namespace) -> int:
    """Write a dashboard."""
    from habitkit.contrib.grafana import dashboard  # noqa: PLC0415 - only where it is used
    from habitkit.metrics.command_line import write_dashboard  # noqa: PLC0415

    return write_dashboard(dashboard(native=not options.classic))


def _run_rules(_: argparse.Namespace) -> int:
    """Write the default rules."""
    from habitkit.alerts import default_rules  # noqa: PLC0415 - only where it is used
    from habitkit.metrics.command_line import write_rules  # noqa: PLC0415

    try:
        with naming_extras():
            from habitkit.contrib.prometheus_rules import dump_rules  # noqa: PLC0415 - an extra
    except HabitKitError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    return write_rules(dump_rules([default_rules()]))


def _upgrade(url: str, schema: str | None, *, adopt: bool) -> tuple[int, int]:
    """Upgrade the database behind a URL."""
    from habitkit.backends.sqlalchemy.upgrade_url import upgrade_url  # noqa: PLC0415 - SQLAlchemy

    with naming_extras():
        return upgrade_url(url, schema, adopt=adopt)


if __name__ == "__main__":
    sys.exit(main())
