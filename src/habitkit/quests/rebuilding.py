"""Rebuilding quests from the journal, and replacing what is stored and differs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from attrs import evolve

from habitkit import ids
from habitkit.coins.statements import balance
from habitkit.quests.catalogs import catalog_of
from habitkit.quests.domain.views import QuestRebuildReport
from habitkit.quests.leveling import correct_levels
from habitkit.quests.owners import Page, owners_of_habits
from habitkit.quests.run_progress import Progress
from habitkit.quests.store import QUESTS
from habitkit.workflow import Call

if TYPE_CHECKING:
    from habitkit.options import KitSettings
    from habitkit.quests.domain.attempts import Attempt
    from habitkit.quests.domain.runs import Run
    from habitkit.transaction import Transaction
    from habitkit.workflow import Steps

__all__ = ["rebuild", "rebuild_owners"]

_PAGE = 500


def rebuild(tx: Transaction, owner: str) -> QuestRebuildReport:
    """Count an owner's quests anew from the journal, and mend what differs.

    Quests that start by themselves, and are backdated or read streaks, begin here too, if nothing
    was done since they were defined. What is complete for good, abandoned or expired by then stays.
    What reward rules have paid is final and not touched.

    Args:
        tx: The transaction.
        owner: Whose quests.

    Returns:
        How many runs were counted, and what was different.
    """
    tx.own(ids.owner(owner))
    tx.lock(owner)
    catalog = catalog_of(tx)
    progress = Progress(tx, owner, catalog)
    attempts = progress.attempts
    today = attempts.days.today()
    attempts.load(catalog.quests, [today])
    counted: list[Attempt] = []
    for run in tx.port(QUESTS).runs(owner):
        attempts.put(run)
        attempt = attempts.get(run.quest, run.period)
        if attempt is not None and not attempt.is_closed:
            counted.append(attempt)
    for key in sorted(catalog.quests):
        begun = attempts.begin(key, today)
        if (
            begun is not None
            and attempts.is_new(begun)
            and (begun.quest.backdate or begun.reads_streaks)
        ):
            counted.append(begun)
    before = {it.run.subject: it.run for it in counted}
    for attempt in counted:
        progress.recount(attempt)
    changed = progress.finish()
    repaired = [
        f"{owner}: quest {run.quest} {run.period}".rstrip()
        for run in changed
        if _content(run) != _content(before[run.subject])
    ]
    if catalog.levels is not None:
        number = catalog.levels.number_of(balance(tx, owner, catalog.levels.currency).posted)
        if correct_levels(tx, owner, number):
            repaired.append(f"{owner}: level")
    return QuestRebuildReport(1, len(counted), tuple(repaired))


def _content(run: Run) -> Run:
    """Return what the events say of a run; one that begins has no totals yet."""
    totals = run.totals if any(run.totals) else ()
    return evolve(run, totals=totals, skipped=False, check_at=None)


def rebuild_owners(
    settings: KitSettings,  # noqa: ARG001 - what every workflow is given
    owner: str | None = None,
) -> Steps[QuestRebuildReport]:
    """Count quests anew from the journal, and mend what differs.

    Each owner is one transaction; others go on meanwhile. Quests that start by themselves, and are
    backdated or read streaks, begin here too, if nothing was done since they were defined. What is
    complete for good, abandoned or expired by then stays. What reward rules have paid is final and
    not touched.

    Args:
        settings: The kit's settings.
        owner: Whose quests; those of all owners of habits or quests by default.

    Returns:
        How many owners and runs were counted, and what was different.
    """
    if owner is not None:
        report: QuestRebuildReport = yield Call(rebuild, (owner,))
        return report
    reports: list[QuestRebuildReport] = []
    seen: set[str] = set()
    for find in (_owners_of_quests, owners_of_habits):
        after: Any = None
        while True:
            page: Page = yield Call(find, (after,), write=False)
            for each in dict.fromkeys(page.owners):
                if each not in seen:
                    report = yield Call(rebuild, (each,))
                    reports.append(report)
            seen.update(page.owners)
            after = page.after
            if after is None:
                break
    return QuestRebuildReport(
        sum(report.owners for report in reports),
        sum(report.runs for report in reports),
        tuple(it for report in reports for it in report.repaired),
    )


def _owners_of_quests(tx: Transaction, after: str | None) -> Page:
    owners = tx.port(QUESTS).owners(after, _PAGE)
    return Page(owners, owners[-1] if len(owners) == _PAGE else None)
