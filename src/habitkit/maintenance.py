"""The sweep: what only the passing of time can cause."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import evolve

from habitkit import ids

if TYPE_CHECKING:
    from habitkit.journal.domain.model import SweepReport
    from habitkit.options import KitSettings
    from habitkit.workflow import Steps

__all__ = ["sweep"]


def sweep(settings: KitSettings, limit: int = 100) -> Steps[SweepReport]:
    """Do what only the passing of time can cause, up to a limit: bounded, resumable, repeatable.

    It applies messages that wait in inboxes, one transaction an owner, emits the events of slots
    that have ended and of streaks that can no longer be mended, records holds that have expired,
    puts new entries of wallets under block hashes, and deletes idempotency records older than 30
    days. Two sweeps at once do nothing twice.

    Args:
        settings: The kit's settings.
        limit: How many of each at most: messages, habits, holds, wallets, old idempotency records;
            1 to 1000.

    Returns:
        What was done, and whether there is more to do.

    Raises:
        InvalidInput: If the limit is not acceptable.
    """
    # what only a sweep needs is not loaded by every program that imports habitkit
    from habitkit.coins.audit.sealing import seal_entries  # noqa: PLC0415
    from habitkit.coins.holds import expire_holds  # noqa: PLC0415
    from habitkit.habits.expiry import sweep_habits  # noqa: PLC0415
    from habitkit.journal.sweep import sweep_journal  # noqa: PLC0415

    limit = ids.limit(limit)
    report = yield from sweep_journal(limit)
    if settings.keeps_habits:
        swept = yield from sweep_habits(limit)
        report = evolve(report, habits=swept, more=report.more or swept >= limit)
    if settings.keeps_coins:
        expired = yield from expire_holds(limit)
        sealed, more = yield from seal_entries(limit)
        report = evolve(
            report,
            expired=expired,
            sealed=sealed,
            more=report.more or more or expired >= limit,
        )
    return report
