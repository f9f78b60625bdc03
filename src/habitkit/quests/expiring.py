"""The sweeper of quests: what time alone completes, and windows that are over."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import evolve

from habitkit.maintenance import sweep_items
from habitkit.quests.catalogs import catalog_of
from habitkit.quests.checks import ends_at
from habitkit.quests.events import QuestExpired
from habitkit.quests.run_progress import Progress
from habitkit.quests.store import QUESTS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from habitkit.journal.domain.model import Swept
    from habitkit.options import KitSettings
    from habitkit.quests.domain.runs import Run
    from habitkit.transaction import Transaction
    from habitkit.workflow import Steps

__all__ = ["check_runs"]


def check_runs(_: KitSettings, limit: int) -> Steps[Swept]:
    """Check the runs that time alone may have changed: a sweeper."""
    return (yield from sweep_items(_due, _check, _name, limit))


def _due(tx: Transaction, limit: int) -> Sequence[Run]:
    return tx.port(QUESTS).due(tx.now, limit)


def _name(run: Run) -> str:
    return f"{run.owner}: quest {run.quest} {run.period}".rstrip()


def _check(tx: Transaction, due: Run) -> int:
    """Evaluate a run again, and expire it if its window is over; count it if it was due."""
    tx.lock(due.owner)
    progress = Progress(tx, due.owner, catalog_of(tx))
    attempts = progress.attempts
    attempts.load_exactly(due.quest, due.period)
    attempt = attempts.get(due.quest, due.period)
    if attempt is None or attempt.run.check_at is None or attempt.run.check_at > tx.now:
        return 0
    progress.touch(attempt)
    progress.finish()
    attempt = attempts.get(due.quest, due.period)
    end = None if attempt is None else ends_at(attempt, attempts.days)
    if attempt is None or attempt.run.state != "ACTIVE" or end is None or tx.now < end:
        return 1
    run = evolve(attempt.run, state="EXPIRED", check_at=None)
    tx.port(QUESTS).put_runs([run])
    if attempt.quest.start == "manual":
        tx.emit(run.owner, [QuestExpired(run.owner, tx.now, run.quest, run.period, end)])
    return 1
