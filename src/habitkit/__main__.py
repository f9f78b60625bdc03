"""The command line.

``python -m habitkit --version`` shows the version; ``upgrade URL`` creates or upgrades the tables;
``daily-check URL`` says what should be seen to; ``flags lint FILE...`` checks definitions of flags;
``metrics grafana`` and ``metrics rules`` write a dashboard and alert rules.
"""

from __future__ import annotations

import argparse
import sys
from contextlib import closing
from typing import TYPE_CHECKING, Any

from habitkit.errors import HabitKitError
from habitkit.plugins import naming_extras

if TYPE_CHECKING:
    from collections.abc import Sequence

    from habitkit.health.domain.daily import DailyReport


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
    from habitkit.health.command_line import audit_key, write_report  # noqa: PLC0415

    try:
        report = _daily_check(options.url, options.schema, audit_key(options.audit_key))
    except Exception as error:  # noqa: BLE001 - drivers raise their own
        reason = getattr(error, "orig", error)  # without the statement
        sys.stderr.write(f"cannot check the database: {' '.join(str(reason).split())}\n")
        return 2
    return write_report(report, as_json=options.json)


def _daily_check(url: str, schema: str | None, audit_key: bytes | None) -> DailyReport:
    """Check the database behind a URL."""
    from habitkit.backends.sqlalchemy.existing import existing_store  # noqa: PLC0415 - SQLAlchemy
    from habitkit.backends.sqlalchemy.store import SqlStore  # noqa: PLC0415
    from habitkit.coins.settings import CoinSettings  # noqa: PLC0415
    from habitkit.kit import AsyncHabitKit, HabitKit  # noqa: PLC0415

    with naming_extras():
        store = existing_store(url, schema)
    coins = CoinSettings(audit_key=audit_key)
    if isinstance(store, SqlStore):
        with closing(store), HabitKit(store, coins=coins) as kit:
            return kit.daily_check()
    import asyncio  # noqa: PLC0415 - for asyncpg alone

    async def check() -> DailyReport:
        try:
            async with AsyncHabitKit(store, coins=coins) as kit:
                return await kit.daily_check()
        finally:
            await store.close()

    return asyncio.run(check())


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
