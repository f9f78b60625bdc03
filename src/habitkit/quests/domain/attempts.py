"""Which events count for a run of a quest, and what follows from what they have added."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Context, Decimal
from typing import TYPE_CHECKING

from attrs import evolve, frozen

from habitkit.quests.domain import evaluation
from habitkit.quests.domain.objectives import Counted, Place, Reached
from habitkit.quests.domain.quest import Quest
from habitkit.quests.domain.runs import Contribution, Run
from habitkit.quests.domain.windows import Span, span_of
from habitkit.quests.events import QuestCompleted

if TYPE_CHECKING:
    from habitkit.quests.domain.counted_events import CountedEvent
    from habitkit.quests.domain.objectives import StreakReader

__all__ = ["Attempt", "Change", "after_evaluation", "totals_with"]

_COMPLETED = QuestCompleted.__name__
_EXACT = Context(prec=1000)
_SEALED_AFTER = timedelta(days=3)  # a day, and the 48 hours in which it can be corrected
_ALWAYS = datetime.min.replace(tzinfo=UTC)


@frozen(slots=False)
class Attempt:
    """A run with the version of its quest, and from when on it counts.

    Attributes:
        quest: The version of the quest.
        run: The run.
        since: Only what was done after this place in time counts.
        span: Only what was done in it counts.
        now: The present instant.
        open: False if it has requirements that are not complete: then nothing counts.
    """

    quest: Quest
    run: Run
    since: Place
    span: Span
    now: datetime
    open: bool = True

    @classmethod
    def of(
        cls, quest: Quest, run: Run, now: datetime, required: Sequence[Place | None] = ()
    ) -> Attempt:
        """Return the attempt of a run.

        Args:
            quest: The version of the quest that holds for it.
            run: The run.
            now: The present instant.
            required: For a quest that starts by itself, where the quests that it requires were
                completed; None for one that is not.
        """
        since: Place = (_ALWAYS if quest.backdate else run.started_at, "")
        is_open = None not in required
        if required and is_open and not quest.backdate:
            since = max(since, *(place for place in required if place is not None))
        span = span_of(quest.window, quest.repeat, run.period, run.started_day)
        return cls(quest, run, since, span, now, is_open)

    @property
    def is_closed(self) -> bool:
        """Whether nothing changes it any more: it was abandoned, or is complete for good.

        What streaks have completed is sealed some days later, as events are with their day.
        """
        run, quest = self.run, self.quest
        if run.complete_at is None:
            return run.state == "ABANDONED"
        is_sealed = quest.reads_streaks and run.complete_at + _SEALED_AFTER <= self.now
        return is_sealed or not quest.is_revocable(claimed=run.claimed_at is not None)

    @property
    def complete(self) -> Place | None:
        """The place in time that completed it, as the run has it."""
        if self.run.complete_at is None:
            return None
        return (self.run.complete_at, self.run.complete_key or "")

    def covers(self, done_at: datetime, day: date, key: str) -> bool:
        """Return whether something that was done then, on that habit day, counts."""
        return self.open and (done_at, key) > self.since and self.span.covers(done_at, day)

    def counts(self, event: CountedEvent, day: date) -> bool:
        """Return whether an event counts.

        Args:
            event: The event.
            day: Its habit day.
        """
        quest = self.quest
        if event.type == _COMPLETED and event.fields.get("quest") == quest.key:
            return False  # or its completion would stay for the sake of itself
        emitted_in_time = quest.backdate or event.at >= self.run.started_at
        return (
            emitted_in_time
            and event.credit in quest.credits
            and self.covers(event.done_at, day, event.key)
        )

    def contributions(self, event: CountedEvent, day: date) -> list[Contribution]:
        """Return what an event adds to the leaves of the objective."""
        if event.retracted or not self.counts(event, day):
            return []
        run = self.run
        found = []
        for leaf, objective in enumerate(evaluation.leaves(self.quest.objective)):
            measure = objective.measure(event) if event.type in objective.types else None
            if measure is not None:
                found.append(
                    Contribution(
                        run.owner,
                        run.subject,
                        leaf,
                        event.key,
                        event.done_at,
                        day,
                        measure.amount,
                        measure.value,
                    )
                )
        return found

    def evaluate(
        self, rows: Iterable[Contribution], streaks: StreakReader, tier: int = 0
    ) -> Reached:
        """Return how far the objective is, or that of a tier, by what has contributed to it."""
        return evaluation.evaluate(self.quest.objective_of(tier), self.counted(rows, streaks))

    def counted(self, rows: Iterable[Contribution], streaks: StreakReader) -> list[Counted]:
        """Return for each leaf what it is evaluated on."""
        by_leaf: dict[int, list[Contribution]] = {}
        for row in rows:
            by_leaf.setdefault(row.leaf, []).append(row)
        return [Counted(tuple(by_leaf.get(leaf, ())), streaks) for leaf in range(self.leaf_count)]

    @property
    def leaf_count(self) -> int:
        """How many leaves the objective has."""
        return len(evaluation.leaves(self.quest.objective))

    def has_where(self, leaf: int) -> bool:
        """Return whether a leaf of the objective asks for fields by a predicate."""
        return getattr(evaluation.leaves(self.quest.objective)[leaf], "where", None) is not None

    def may_be_complete(self, totals: Sequence[Decimal]) -> bool:
        """Return False if totals show that neither the quest nor one of its tiers is complete."""
        objectives = map(self.quest.objective_of, range(len(self.quest.tiers) + 1))
        return any(evaluation.may_be_complete(it, totals) for it in objectives)

    @property
    def reads_streaks(self) -> bool:
        """Whether a leaf of the objective reads streaks, which time alone may lengthen."""
        return self.quest.reads_streaks


@frozen
class Change:
    """A run that has changed.

    Attributes:
        before: The attempt before.
        run: The run now.
        tiers: When its tiers were completed, as far as they are.
        tiers_before: The same before.
    """

    before: Attempt
    run: Run
    tiers: tuple[datetime, ...] = ()
    tiers_before: tuple[datetime, ...] = ()

    @property
    def is_moved(self) -> bool:
        """Whether another event completes it now, at the same instant."""
        old, run = self.before.run, self.run
        is_same = run.complete_at is not None and run.complete_at == old.complete_at
        return is_same and run.complete_key != old.complete_key


def totals_with(
    totals: Sequence[Decimal],
    leaf_count: int,
    added: Iterable[Contribution],
    removed: Iterable[Contribution],
) -> tuple[Decimal, ...]:
    """Return the totals of the leaves after a change of the contributions."""
    found = list(totals) or [Decimal(0)] * leaf_count
    for row in added:
        found[row.leaf] = _EXACT.add(found[row.leaf], row.amount)
    for row in removed:
        found[row.leaf] = _EXACT.subtract(found[row.leaf], row.amount)
    return tuple(found)


def after_evaluation(run: Run, complete: Place | None, tier: int) -> Run:
    """Return a run once its objective was evaluated.

    Args:
        run: The run before.
        complete: What completed it, or None.
        tier: How many tiers are complete.
    """
    if complete is None:
        state = run.state if run.complete_at is None else "ACTIVE"
        return evolve(
            run, state=state, complete_at=None, complete_key=None, claimed_at=None, tier=tier
        )
    return evolve(
        run,
        state="CLAIMED" if run.claimed_at is not None else "COMPLETED",
        complete_at=complete[0],
        complete_key=complete[1],
        tier=tier,
    )
