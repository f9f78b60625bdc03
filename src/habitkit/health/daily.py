"""The daily check: what is too slow for a probe, and what somebody should see to.

A part is a function ``(settings, takes, visited) -> steps`` that returns findings; it belongs in
``PARTS``. Before the parts come the checks of ``kit.health("deep")``, those of the host left out.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, TypeAlias

from habitkit.errors import UsageError
from habitkit.health.checks import BUILT_IN, due_since
from habitkit.health.domain.daily import DailyFinding, DailyReport, is_sampled, shortened
from habitkit.health.domain.report import failed
from habitkit.health.ledger import check_ledger
from habitkit.health.observing import check_lost_metrics, check_rules
from habitkit.health.settings import HealthSettings
from habitkit.health.streaks import check_streaks
from habitkit.journal.domain.rules import reason
from habitkit.workflow import Call

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from habitkit.health.checks import Check
    from habitkit.health.domain.daily import Severity
    from habitkit.health.domain.report import CheckResult
    from habitkit.journal.domain.model import DeadLetter
    from habitkit.options import KitSettings
    from habitkit.transaction import Transaction
    from habitkit.workflow import Steps

    Part: TypeAlias = Callable[
        [KitSettings, Callable[[str], bool], set[str]], Steps[list[DailyFinding]]
    ]

__all__ = ["PARTS", "daily_check"]

_MOST_DEAD = 1000


def daily_check(settings: KitSettings) -> Steps[DailyReport]:
    """Check what should be seen to, once a day; nothing is written.

    It checks all that ``kit.health("deep")`` does but the host's own checks, the age of messages
    between owners, what is dead, and the sums of the ledger. Of a sample of owners, another one
    each day so that 28 days see all, it audits the accounts and computes the streaks anew. It finds
    alert rules that fail, and metrics that were dropped or folded in this process. A part that
    fails is a finding and stops no other.

    Args:
        settings: The kit's settings.

    Returns:
        What was found.

    Raises:
        StoreError: If the store cannot be reached.
    """
    now = settings.clock.now()
    takes, visited = partial(is_sampled, day=now.date()), set[str]()
    findings: list[DailyFinding] = []
    observer = settings.observer
    for check in BUILT_IN:
        result = yield from _result(check, settings)
        if observer is not None:
            observer.checked({check.name: result.status})
        if result.status != "pass":
            severity: Severity = "error" if result.status == "fail" else "warning"
            findings.append(DailyFinding(check.finding, severity, result.text, check.remedy))
        if check.name == "schema" and result.status == "fail":
            return DailyReport(now, tuple(findings), 0)  # nothing else can be read
    for name, part in PARTS.items():
        try:
            found = yield from part(settings, takes, visited)
            if name == "ledger" and observer is not None:
                observer.audited(len(found))
        except UsageError:
            raise
        except Exception as error:  # noqa: BLE001 - one part must not stop the others
            text = f"the part {name!r} could not be checked: {reason(error)}"
            found = [DailyFinding("daily.not_checked", "error", text, "see what the error says")]
        findings += shortened(found)
    return DailyReport(now, tuple(findings), len(visited))


def _result(check: Check, settings: KitSettings) -> Steps[CheckResult]:
    """Return the result of a check; without a store there is nothing to check."""
    try:
        return (yield from check.steps(settings))
    except UsageError:
        raise
    except Exception as error:
        if check.name == "store":
            raise
        return failed(reason(error))


def _check_inbox(
    settings: KitSettings, _: Callable[[str], bool], __: set[str]
) -> Steps[list[DailyFinding]]:
    """Compare how long messages between owners wait."""
    since: dict[str, datetime] = yield Call(due_since, (settings,), write=False)
    oldest, now = since.get("messages"), settings.clock.now()
    allowed = settings.of(HealthSettings).sweep_lag_seconds
    if oldest is None or (now - oldest).total_seconds() <= allowed:
        return []
    waited = (now - oldest).total_seconds()
    text = f"messages between owners wait for {waited:.0f} s, expected at most {allowed:.0f} s"
    return [DailyFinding("inbox.old", "warning", text, "run kit.sweep() more often")]


def _check_dead(
    _: KitSettings, __: Callable[[str], bool], ___: set[str]
) -> Steps[list[DailyFinding]]:
    """Find deliveries and messages that were given up."""
    dead: list[DeadLetter] = yield Call(_dead, (), write=False)
    findings = []
    for kind, what in (("event", "deliveries"), ("message", "messages between owners")):
        of_kind = [each for each in dead if each.kind == kind]
        if of_kind:
            at_least = "at least " if len(of_kind) >= _MOST_DEAD else ""
            text = f"{at_least}{len(of_kind)} {what} were given up; the first: {of_kind[0].error}"
            remedy = "see kit.relay.dead(); then kit.relay.retry(id) or kit.relay.drop(id)"
            findings.append(DailyFinding(f"{kind}s.dead", "error", text, remedy))
    return findings


def _dead(tx: Transaction) -> list[DeadLetter]:
    return [*tx.stores.outbox.dead(_MOST_DEAD), *tx.stores.inbox.dead(_MOST_DEAD)]


PARTS: dict[str, Part] = {
    "inbox": _check_inbox,
    "dead": _check_dead,
    "ledger": check_ledger,
    "streaks": check_streaks,
    "alerts": check_rules,
    "metrics": check_lost_metrics,
}
"""The parts of the daily check beside the checks of ``kit.health``, in their order."""
