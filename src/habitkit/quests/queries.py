"""Reading quests, achievements, badges and the level of an owner; all as of now."""

from __future__ import annotations

from typing import TYPE_CHECKING

from habitkit import ids
from habitkit.coins.statements import balance
from habitkit.errors import NotFound
from habitkit.quests.attempts import Attempts, recounted, streaks_of
from habitkit.quests.catalogs import catalog_of, expect_key
from habitkit.quests.checks import ends_at, state_now
from habitkit.quests.domain import evaluation
from habitkit.quests.domain.views import Badge, QuestPart, QuestProgress, transitions
from habitkit.quests.domain.windows import period_of, span_of
from habitkit.quests.store import QUESTS

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import date

    from habitkit.quests.domain.attempts import Attempt
    from habitkit.quests.domain.catalog import Catalog
    from habitkit.quests.domain.levels import Level
    from habitkit.quests.domain.quest import QuestVersion
    from habitkit.quests.domain.runs import Contribution, QuestState
    from habitkit.quests.owner_days import OwnerDays
    from habitkit.transaction import Transaction

__all__ = [
    "achievements",
    "attempt_at",
    "available",
    "badges",
    "items",
    "level",
    "progress",
    "view",
]


def progress(
    tx: Transaction, owner: str, key: str | None = None, *, all_periods: bool = False
) -> list[QuestProgress]:
    """Return how far an owner is with the quests that are under way or over.

    Args:
        tx: The transaction.
        owner: Whose quests.
        key: Only this quest; all by default.
        all_periods: Whether to return all periods of quests that repeat. By default only the
            present one is returned, and those whose reward was not claimed.

    Returns:
        The runs in the order of quest and period. A quest that starts by itself is among them,
        whether or not anything has been done for it; achievements too.

    Raises:
        NotFound: If there is no such quest.
        InvalidInput: If it is no key of a quest.
    """
    tx.own(ids.owner(owner))
    if key is not None:
        expect_key(key)
    catalog = catalog_of(tx)
    if key is not None and key not in catalog.quests:
        raise NotFound("quest", key)
    keys = sorted(catalog.quests) if key is None else [key]
    return _views(tx, owner, catalog, keys, all_periods=all_periods)


def achievements(tx: Transaction, owner: str) -> list[QuestProgress]:
    """Return how far an owner is with all achievements, the quests for everybody without an end.

    They come in the order in which they were defined first.

    Args:
        tx: The transaction.
        owner: Whose achievements.
    """
    tx.own(ids.owner(owner))
    catalog = catalog_of(tx)
    keys = [key for key in catalog.quests if catalog.latest(key).quest.is_achievement]
    by_key = {view.quest: view for view in _views(tx, owner, catalog, keys)}
    return [by_key[key] for key in keys if key in by_key]


def available(tx: Transaction, owner: str) -> list[QuestProgress]:
    """Return the quests that an owner can start now, in the order of their keys.

    Args:
        tx: The transaction.
        owner: Who would start them.
    """
    tx.own(ids.owner(owner))
    catalog = catalog_of(tx)
    attempts = Attempts(tx, owner, catalog)
    today = attempts.days.today()
    versions = [it for it in catalog.active if it.quest.start == "manual"]
    attempts.load([it.quest.key for it in versions], [today])
    return [
        view(tx, attempts.possible(version), attempts.days, (), state="AVAILABLE")
        for version in versions
        if _can_start(tx, attempts, version)
    ]


def _can_start(tx: Transaction, attempts: Attempts, version: QuestVersion) -> bool:
    quest, days = version.quest, attempts.days
    today = days.today()
    period = period_of(quest.repeat, today).name
    existing = attempts.get(quest.key, period)
    if existing is not None and state_now(tx, existing, days) != "ABANDONED":
        return False
    span = span_of(quest.window, quest.repeat, period, today)
    end = span.ends_at(days.ends)
    is_open = span.has_begun(tx.now, today) and (end is None or tx.now < end)
    return is_open and None not in attempts.required(quest)


def badges(tx: Transaction, owner: str) -> list[Badge]:
    """Return an owner's badges, the first one first.

    Args:
        tx: The transaction.
        owner: Whose badges.
    """
    tx.own(ids.owner(owner))
    found: dict[str, Badge] = {}
    grants = [it for it in tx.port(QUESTS).grants(owner) if it.kind == "badge"]
    for grant in sorted(grants, key=lambda it: (it.at, it.key)):
        found.setdefault(grant.name, Badge(grant.name, grant.at))
    return list(found.values())


def items(tx: Transaction, owner: str) -> dict[str, int]:
    """Return how many of which items an owner was given as rewards.

    Args:
        tx: The transaction.
        owner: Whose items.
    """
    tx.own(ids.owner(owner))
    found: dict[str, int] = {}
    for grant in tx.port(QUESTS).grants(owner):
        if grant.kind == "item":
            found[grant.name] = found.get(grant.name, 0) + grant.amount
    return found


def level(tx: Transaction, owner: str) -> Level:
    """Return an owner's level by the balance in the currency of the levels.

    Args:
        tx: The transaction.
        owner: Whose level.

    Raises:
        NotFound: If no levels are set.
    """
    levels = catalog_of(tx).levels
    if levels is None:
        tx.own(ids.owner(owner))
        raise NotFound("levels", None, "set them by kit.quests.set_levels")
    return levels.of(balance(tx, owner, levels.currency).posted)


def attempt_at(tx: Transaction, owner: str, catalog: Catalog, key: str, period: str) -> Attempt:
    """Return an owner's attempt at a quest in a period, as it is stored now.

    Raises:
        NotFound: If there is none.
    """
    attempts = Attempts(tx, owner, catalog)
    attempts.load_exactly(key, period)
    found = attempts.get(key, period)
    if found is None:
        raise NotFound("quest", key)
    return found


def _views(
    tx: Transaction,
    owner: str,
    catalog: Catalog,
    keys: Sequence[str],
    *,
    all_periods: bool = False,
) -> list[QuestProgress]:
    """Return the runs of quests, and those that would begin by themselves today."""
    attempts = Attempts(tx, owner, catalog)
    today = attempts.days.today()
    attempts.load(keys, [today])
    found: list[tuple[Attempt, Sequence[Contribution] | None]] = []
    unseen: list[Attempt] = []
    for run in tx.port(QUESTS).runs(owner, keys):
        attempts.put(run)
        attempt = attempts.get(run.quest, run.period)
        if attempt is not None and (all_periods or _is_shown(attempt, today)):
            found.append((attempt, None))
    for key in keys:
        begun = attempts.begin(key, today)
        if (
            begun is not None
            and attempts.is_new(begun)
            and state_now(tx, begun, attempts.days) != "EXPIRED"
        ):
            unseen.append(begun)
    backdated = [it for it in unseen if it.quest.backdate]
    rows = dict(
        zip(
            [it.run.subject for it in backdated],
            recounted(tx, backdated, attempts.days),
            strict=True,
        )
    )
    found += [(it, rows.get(it.run.subject, ())) for it in unseen]
    views = [view(tx, it, attempts.days, contributions) for it, contributions in found]
    return sorted(views, key=lambda it: (it.quest, it.period))


def _is_shown(attempt: Attempt, today: date) -> bool:
    """Return whether a run is of the present period, or can still be claimed."""
    run, quest = attempt.run, attempt.quest
    return (
        run.period == period_of(quest.repeat, today).name
        or quest.repeat is None
        or (run.state == "COMPLETED" and quest.claim == "manual")
    )


def view(
    tx: Transaction,
    attempt: Attempt,
    days: OwnerDays,
    rows: Iterable[Contribution] | None = None,
    state: QuestState | None = None,
) -> QuestProgress:
    """Return what people see of an attempt.

    Args:
        tx: The transaction.
        attempt: The attempt.
        days: The owner's days.
        rows: What contributes to it; read from the store by default.
        state: Its state; as of now by default.
    """
    run, quest = attempt.run, attempt.quest
    if rows is None:
        rows = tx.port(QUESTS).of_subject(run.owner, run.subject)
    counted = attempt.counted(rows, streaks_of(tx, attempt))
    reached = evaluation.evaluate(quest.objective, counted)
    state = state or state_now(tx, attempt, days)
    complete_at = run.complete_at
    if (
        run.state in {"ACTIVE", "EXPIRED"}
        and attempt.reads_streaks
        and reached.complete is not None
    ):
        state, complete_at = "COMPLETED", reached.complete[0]  # by time alone, and not swept yet
    value, goal = reached.value, reached.goal
    if complete_at is not None:
        value = max(value, goal)
    return QuestProgress(
        quest=quest.key,
        title=quest.title,
        state=state,
        value=value,
        goal=goal,
        parts=tuple(
            QuestPart(leaf.kind, each.value, each.goal)
            for leaf, each in zip(
                evaluation.leaves(quest.objective),
                evaluation.progress_parts(quest.objective, counted),
                strict=True,
            )
        ),
        reward=quest.reward,
        period=run.period,
        tier=run.tier,
        started_at=None if state == "AVAILABLE" else run.started_at,
        ends_at=ends_at(attempt, days),
        complete_at=complete_at,
        claimed_at=run.claimed_at,
        allowed=transitions(state, quest),
    )
