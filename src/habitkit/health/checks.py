"""Habitkit's own checks: each is a function that takes steps and returns a result.

A check belongs in ``BUILT_IN``, and its name in ``settings.BUILT_IN_NAMES``. Its store calls are
queries. What it raises becomes its failure; whether that is critical is in the table.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from attrs import frozen

from habitkit import ids
from habitkit.coins.store import EXPIRING, HOLDS
from habitkit.errors import SchemaMissing, SchemaOutdated, SchemaUnversioned
from habitkit.flags.settings import FlagSettings
from habitkit.habits.store import STREAKS
from habitkit.health.domain.report import failed, passed, result_of, warned
from habitkit.health.observing import alerts_are_evaluated, metrics_are_flushed
from habitkit.health.settings import HealthSettings
from habitkit.journal.domain.model import Message
from habitkit.quests.store import QUESTS
from habitkit.store import Database
from habitkit.workflow import Call, Outside

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator
    from datetime import datetime

    from habitkit.flags.kit_flags import KitFlags
    from habitkit.health.domain.report import CheckResult, Level
    from habitkit.health.settings import HostCheck
    from habitkit.options import KitSettings
    from habitkit.transaction import Transaction
    from habitkit.workflow import Steps

__all__ = ["BUILT_IN", "Check", "checks_of", "due_since", "of_host"]

_SCHEMA_ERRORS = (SchemaMissing, SchemaOutdated, SchemaUnversioned)
_MOST_OWNERS = 20
"""Of so many owners the oldest message is read."""


@frozen
class Check:
    """A check as a kit runs it.

    Attributes:
        name: Under which name its result is reported.
        steps: Takes the steps and returns the result.
        level: The first level at which it is run.
        timeout_seconds: After how long without a result it counts as failed.
        critical: Whether the kit is ``fail`` if the check fails; else it is ``warn``.
        finding: The id of the daily check's finding where it does not pass; empty for a host's.
        remedy: What to do then.
    """

    name: str
    steps: Callable[[KitSettings], Steps[CheckResult]]
    level: Level = "ready"
    timeout_seconds: float = 2.0
    critical: bool = True
    finding: str = ""
    remedy: str = ""


def _store_answers(_: KitSettings) -> Steps[CheckResult]:
    """Run a query."""
    try:
        yield Call(_read_something, (), write=False)
    except _SCHEMA_ERRORS:
        return passed()  # it did answer, and the check of the schema says the rest
    return passed()


def _read_something(tx: Transaction) -> None:
    tx.stores.owners.rev(ids.system_owner("health"))


def _schema_is_accepted(_: KitSettings) -> Steps[CheckResult]:
    """Compare the version of the tables with the one that is needed.

    A newer version warns as long as the store works with it: while a new release is rolled out, the
    processes of the old one must not all refuse at once.
    """
    newer: SchemaOutdated | None = yield Call(_newer_schema, (), write=False)
    return passed() if newer is None else warned(str(newer))


def _newer_schema(tx: Transaction) -> SchemaOutdated | None:
    if isinstance(tx.stores, Database):
        try:
            tx.stores.check_schema()
        except SchemaOutdated as error:
            if error.found > error.needed:
                return error
            raise
    return None


def _flags_are_fresh(settings: KitSettings) -> Steps[CheckResult]:
    """Ask for the age of the flags in use, if the kit has any."""
    yield from ()
    if not any(module.name == "flags" for module in settings.modules):
        return passed()
    flags = cast("KitFlags | None", settings.residents.of("flags"))
    if flags is None:
        return passed()
    status = flags.status()
    if not status.ready:
        if status.last_error is None and settings.of(FlagSettings).source is None:
            return passed()  # nobody has asked for flags yet
        reason = status.last_error or "call kit.refresh(), or use kit.background()"
        return failed(f"there are no flags from {status.source} yet: {reason}")
    age, stale = status.age_seconds, status.stale and status.flags > 0
    if stale:
        reason = status.last_error or "nobody has looked for new ones: use kit.background()"
        return warned(f"the flags from {status.source} are stale: {reason}", age, "seconds")
    return passed(age, "seconds")


def _relay_keeps_up(settings: KitSettings) -> Steps[CheckResult]:
    """Compare how long events wait for a subscriber of this kit."""
    if not settings.delivered:
        return passed()
    since: datetime | None = yield Call(_oldest_delivery, (settings.delivered,), write=False)
    allowed = settings.of(HealthSettings).relay_lag_seconds
    return _lag(settings, since, allowed, "events wait for kit.relay.run_once()")


def _outbox_is_young(settings: KitSettings) -> Steps[CheckResult]:
    """Compare how long events of any type wait for whoever subscribes to them."""
    since: datetime | None = yield Call(_oldest_delivery, (None,), write=False)
    allowed = settings.of(HealthSettings).outbox_age_seconds
    return _lag(settings, since, allowed, "events wait for a relay")


def _oldest_delivery(tx: Transaction, types: frozenset[str] | None) -> datetime | None:
    return tx.stores.outbox.oldest(types)


def _sweep_keeps_up(settings: KitSettings) -> Steps[CheckResult]:
    """Compare how long what is due has been due.

    No record is kept of sweeps: where nothing is overdue, none was missing.
    """
    since: dict[str, datetime] = yield Call(due_since, (settings,), write=False)
    what, oldest = min(since.items(), key=lambda it: it[1], default=("", None))
    allowed = settings.of(HealthSettings).sweep_lag_seconds
    return _lag(settings, oldest, allowed, f"{what} wait for kit.sweep()")


def due_since(tx: Transaction, settings: KitSettings) -> dict[str, datetime]:
    """Return since when the work of the sweep is due, by kind; what is not due is missing.

    Each kind is asked for its first one. Of messages, those of a limited number of owners are read.
    """
    found: dict[str, datetime] = {}
    for kind, at in _firsts(tx, settings.messages.keys()):
        if at is not None and at <= found.get(kind, tx.now):
            found[kind] = at
    return found


def _firsts(tx: Transaction, types: Collection[str]) -> Iterator[tuple[str, datetime | None]]:
    """Return the instants from which on work of the sweep is due, with its kind."""
    now, names = tx.now, {module.name for module in tx.modules}
    for owner in tx.stores.inbox.owners(_MOST_OWNERS, types):
        for message in tx.stores.inbox.waiting(owner, 1, types):
            yield "messages", message.at if isinstance(message, Message) else None
    if "habits" in names:
        for habit in tx.port(STREAKS).to_sweep(now, 1):
            snapshot = tx.port(STREAKS).get(habit.habit_id)
            yield "habits", None if snapshot is None else snapshot.next_check_at
    if "coins" in names:
        for hold in tx.port(HOLDS).overdue(now, 1):
            yield "expired holds", hold.expires_at
        for award in tx.port(EXPIRING).due(now, 1) if tx.supports(EXPIRING) else ():
            yield "expired awards", award.expires_at
    if "quests" in names:
        for run in tx.port(QUESTS).due(now, 1):
            yield "quests", run.check_at


def _lag(
    settings: KitSettings, since: datetime | None, allowed_seconds: float, what: str
) -> CheckResult:
    """Return the result by how long something waits."""
    lag = 0.0 if since is None else max(0.0, (settings.clock.now() - since).total_seconds())
    if lag <= allowed_seconds:
        return passed(lag, "seconds")
    text = f"{what} for {lag:.0f} s, expected at most {allowed_seconds:.0f} s"
    return warned(text, lag, "seconds")


def _clocks_agree(settings: KitSettings) -> Steps[CheckResult]:
    """Compare the kit's clock with that of the database server."""
    skew: float | None = yield Call(_skew, (settings,), write=False)
    if skew is None:
        return passed()  # it has no clock of its own
    allowed = settings.of(HealthSettings).clock_skew_seconds
    if abs(skew) <= allowed:
        return passed(skew, "seconds")
    ahead = "ahead of" if skew > 0 else "behind"
    text = f"the clock is {abs(skew):.1f} s {ahead} the database's, expected at most {allowed:g} s"
    return warned(text, skew, "seconds")


def _skew(tx: Transaction, settings: KitSettings) -> float | None:
    """Return by how many seconds the kit's clock is ahead of the database's."""
    if not isinstance(tx.stores, Database):
        return None
    before = settings.clock.now()
    theirs = tx.stores.server_now()
    if theirs is None:
        return None
    ours = before + (settings.clock.now() - before) / 2
    return (ours - theirs).total_seconds()


BUILT_IN: tuple[Check, ...] = (
    Check(
        "store",
        _store_answers,
        timeout_seconds=1.0,
        finding="store.failed",
        remedy="see whether the database runs and can be reached",
    ),
    Check(
        "schema",
        _schema_is_accepted,
        finding="schema.refused",
        remedy="upgrade the tables, or install the version of habitkit that made them",
    ),
    Check(
        "flags",
        _flags_are_fresh,
        finding="flags.stale",
        remedy="see whether the source can be reached",
    ),
    Check(
        "relay",
        _relay_keeps_up,
        critical=False,
        finding="relay.behind",
        remedy="run kit.relay.run_once() more often, or in more processes",
    ),
    Check(
        "sweep",
        _sweep_keeps_up,
        critical=False,
        finding="sweep.behind",
        remedy="run kit.sweep() more often, or with a larger limit",
    ),
    Check(
        "outbox",
        _outbox_is_young,
        level="deep",
        critical=False,
        finding="outbox.old",
        remedy="run the relay of the service that subscribes to these events",
    ),
    Check(
        "clock",
        _clocks_agree,
        level="deep",
        critical=False,
        finding="clock.skewed",
        remedy="synchronize the clocks of both machines, with NTP for example",
    ),
    Check(
        "flush",
        metrics_are_flushed,
        level="deep",
        critical=False,
        finding="metrics.not_flushed",
        remedy="use kit.background(), or see whether the store of time series can be reached",
    ),
    Check(
        "alerts",
        alerts_are_evaluated,
        level="deep",
        critical=False,
        finding="alerts.not_evaluated",
        remedy="run kit.sweep() or kit.alerts.evaluate() at each interval of the groups",
    ),
)
"""Habitkit's own checks, in the order in which they are reported."""


def of_host(check: HostCheck, call: Callable[[], Any] | None = None) -> Check:
    """Return a check of the host as a kit runs it.

    Args:
        check: The check.
        call: What is called in its place.
    """

    def steps(_: KitSettings) -> Steps[CheckResult]:
        returned = yield Outside(check.call if call is None else call, ())
        return result_of(returned)

    return Check(check.name, steps, check.level, check.timeout_seconds, check.critical)


def checks_of(
    settings: KitSettings, level: Level, host: Callable[[HostCheck], Check] = of_host
) -> list[Check]:
    """Return what a kit checks at a level: nothing at ``live``, everything at ``deep``.

    Args:
        settings: The kit's settings.
        level: The level.
        host: Makes what is run of a check of the host.
    """
    if level == "live":
        return []
    every = [*BUILT_IN, *(host(each) for each in settings.of(HealthSettings).checks)]
    return [each for each in every if level == "deep" or each.level == "ready"]
