"""Starting, claiming and abandoning quests."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import evolve

from habitkit import ids
from habitkit.errors import InvalidInput, NotFound
from habitkit.quests.attempts import Attempts
from habitkit.quests.catalogs import catalog_of, expect_key
from habitkit.quests.checks import state_now
from habitkit.quests.domain.views import QuestProgress, transitions
from habitkit.quests.domain.windows import period_of, span_of
from habitkit.quests.errors import QuestStateError
from habitkit.quests.events import QuestAbandoned, QuestClaimed, QuestStarted
from habitkit.quests.grants import settle
from habitkit.quests.outcomes import reward_of
from habitkit.quests.queries import attempt_at, available, view
from habitkit.quests.run_progress import Progress
from habitkit.quests.store import QUESTS

if TYPE_CHECKING:
    from uuid import UUID

    from habitkit.quests.domain.attempts import Attempt
    from habitkit.quests.domain.catalog import Catalog
    from habitkit.quests.domain.runs import QuestState
    from habitkit.transaction import Transaction

__all__ = ["abandon", "claim", "start"]


def start(
    tx: Transaction, owner: str, key: str, *, idempotency_key: str | None = None
) -> QuestProgress:
    """Start a quest for an owner; of one that repeats, in the present period.

    Args:
        tx: The transaction.
        owner: Who starts it.
        key: The quest.
        idempotency_key: The same key with the same arguments starts it once.

    Returns:
        How far it is: complete already, perhaps, if it is backdated.

    Raises:
        NotFound: If there is no such quest, or it is retired.
        QuestStateError: If it is under way or over, its window is not open, or a quest that it
            requires is not complete.
        IdempotencyConflict: If the key was used with other arguments.
    """
    tx.own(ids.owner(owner))
    expect_key(key)
    tx.lock(owner)

    def work(_: UUID) -> QuestProgress:
        return _seen(tx, owner, key, _start(tx, owner, key))

    request = {"quest": key}
    return tx.once(owner, "quests.start", idempotency_key, request, QuestProgress, work)


def _start(tx: Transaction, owner: str, key: str) -> str:
    """Start a quest, and return the period."""
    catalog = catalog_of(tx)
    if key not in catalog.quests or key in catalog.retired:
        raise NotFound("quest", key)
    version = catalog.latest(key)
    quest = version.quest
    progress = Progress(tx, owner, catalog)
    attempts, days = progress.attempts, progress.attempts.days
    today = days.today()
    attempts.load([key], [today])
    period = period_of(quest.repeat, today).name
    existing = attempts.get(key, period)
    state: QuestState = "AVAILABLE"
    if quest.start == "auto":
        state = "ACTIVE"
    if existing is not None:
        state = state_now(tx, existing, days)
    elif not span_of(quest.window, quest.repeat, period, today).has_begun(tx.now, today):
        raise _refusal(key, "not open yet", "start", ())
    allowed = transitions(state, quest)
    if "start" not in allowed:
        raise _refusal(key, state, "start", allowed)
    missing = [
        it for it, place in zip(quest.requires, attempts.required(quest), strict=True) if not place
    ]
    if missing:
        raise _refusal(key, f"locked until {missing} are complete", "start", ())
    attempt = attempts.possible(version)
    run = attempt.run
    end = attempt.span.ends_at(days.ends)
    if end is not None and end <= tx.now:
        raise _refusal(key, "EXPIRED", "start", ())
    port = tx.port(QUESTS)
    port.remove(port.of_subject(owner, run.subject))  # of an attempt that was abandoned
    port.put_runs([run])
    attempts.put(run)
    tx.emit(owner, [QuestStarted(owner, tx.now, key, period)])
    attempts.load_exactly(key, period)  # what the start has caused may count for it
    started = attempts.get(key, period)
    if started is not None and not started.is_closed:
        if quest.backdate:
            progress.recount(started)
        else:
            progress.touch(started)
        progress.finish()
    return period


def claim(
    tx: Transaction,
    owner: str,
    key: str,
    *,
    period: str | None = None,
    idempotency_key: str | None = None,
) -> QuestProgress:
    """Claim the reward of a quest that is complete.

    Args:
        tx: The transaction.
        owner: Who claims it.
        key: The quest.
        period: Of a quest that repeats the period, such as ``"2026-03-02"``; the last one that is
            complete and was not claimed by default.
        idempotency_key: The same key with the same arguments claims once and gets the first result.

    Raises:
        NotFound: If there is no such quest.
        QuestStateError: If it is not complete, was claimed before, or gives its reward by itself.
        IdempotencyConflict: If the key was used with other arguments.
    """
    tx.own(ids.owner(owner))
    expect_key(key)
    of_period = _period(period)
    tx.lock(owner)

    def work(_: UUID) -> QuestProgress:
        return _seen(tx, owner, key, _claim(tx, owner, key, of_period))

    request = {"quest": key, "period": of_period}
    return tx.once(owner, "quests.claim", idempotency_key, request, QuestProgress, work)


def _claim(tx: Transaction, owner: str, key: str, period: str | None) -> str:
    """Claim a reward, and return the period."""
    catalog = catalog_of(tx)
    attempt, attempts = _as_of_now(tx, owner, catalog, key, period, "COMPLETED")
    quest, days = attempt.quest, attempts.days
    state = state_now(tx, attempt, days)
    allowed = transitions(state, quest)
    if "claim" not in allowed:
        raise _refusal(key, state, "claim", allowed)
    run = evolve(attempt.run, state="CLAIMED", claimed_at=tx.now)
    tx.port(QUESTS).put_runs([run])
    tx.emit(owner, [QuestClaimed(owner, tx.now, key, run.period)])
    settle(tx, owner, reward_of(attempt, run))
    return run.period


def abandon(
    tx: Transaction,
    owner: str,
    key: str,
    *,
    period: str | None = None,
    idempotency_key: str | None = None,
) -> QuestProgress:
    """Give up a quest that is under way; it can be started again, from nothing.

    Args:
        tx: The transaction.
        owner: Who gives it up.
        key: The quest.
        period: Of a quest that repeats the period; the last one that is under way by default.
        idempotency_key: The same key with the same arguments gives it up once.

    Raises:
        NotFound: If there is no such quest.
        QuestStateError: If it is not under way.
        IdempotencyConflict: If the key was used with other arguments.
    """
    tx.own(ids.owner(owner))
    expect_key(key)
    of_period = _period(period)
    tx.lock(owner)

    def work(_: UUID) -> QuestProgress:
        return _seen(tx, owner, key, _abandon(tx, owner, key, of_period))

    request = {"quest": key, "period": of_period}
    return tx.once(owner, "quests.abandon", idempotency_key, request, QuestProgress, work)


def _abandon(tx: Transaction, owner: str, key: str, period: str | None) -> str:
    """Give up a quest, and return the period."""
    catalog = catalog_of(tx)
    attempt, attempts = _as_of_now(tx, owner, catalog, key, period, "ACTIVE")
    state = state_now(tx, attempt, attempts.days)
    allowed = transitions(state, attempt.quest)
    if "abandon" not in allowed:
        raise _refusal(key, state, "abandon", allowed)
    run = evolve(attempt.run, state="ABANDONED", check_at=None)
    tx.port(QUESTS).put_runs([run])
    tx.emit(owner, [QuestAbandoned(owner, tx.now, key, run.period)])
    return run.period


def _seen(tx: Transaction, owner: str, key: str, period: str) -> QuestProgress:
    """Return how far an owner is with a quest now."""
    catalog = catalog_of(tx)
    attempt = attempt_at(tx, owner, catalog, key, period)
    return view(tx, attempt, Attempts(tx, owner, catalog).days)


def _as_of_now(
    tx: Transaction,
    owner: str,
    catalog: Catalog,
    key: str,
    period: str | None,
    wanted: QuestState,
) -> tuple[Attempt, Attempts]:
    """Return an attempt as ``_existing`` does, with what time alone has completed."""
    existing = _existing(tx, owner, catalog, key, period, wanted)
    attempt, _ = existing
    if not attempt.reads_streaks or attempt.run.state not in {"ACTIVE", "EXPIRED"}:
        return existing
    progress = Progress(tx, owner, catalog)
    progress.touch(attempt)
    progress.finish()
    return _existing(tx, owner, catalog, key, period, wanted)


def _existing(
    tx: Transaction,
    owner: str,
    catalog: Catalog,
    key: str,
    period: str | None,
    wanted: QuestState,
) -> tuple[Attempt, Attempts]:
    """Return an owner's attempt at a quest: of a period, or the last one in a state.

    Raises:
        NotFound: If there is no such quest.
        QuestStateError: If the owner has not started it.
    """
    if key not in catalog.quests:
        raise NotFound("quest", key)
    attempts = Attempts(tx, owner, catalog)
    found = [it for it in attempts.all_of([key]) if period is None or it.run.period == period]
    if not found:
        action = "claim" if wanted == "COMPLETED" else "abandon"
        startable = [it for it in available(tx, owner) if it.quest == key]
        if any(period in {None, it.period} for it in startable):
            raise _refusal(key, "AVAILABLE", action, ("start",))
        raise _refusal(key, "not started", action, ())
    matching = [it for it in found if it.run.state == wanted]
    return (matching or found)[-1], attempts


def _refusal(key: str, state: str, action: str, allowed: tuple[str, ...]) -> QuestStateError:
    return QuestStateError(quest=key, state=state, action=action, allowed=allowed)


def _period(value: object) -> str | None:
    if value is None or isinstance(value, str):
        return value
    raise InvalidInput("period", given=value, expected="a period such as '2026-03-02', or None")
