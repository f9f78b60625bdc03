"""The reaction that moves quests on: events contribute to runs, and complete them.

Theory of operation. First the contributions that events add, change or take back are written, for
all runs together; then each run that was touched is evaluated by the contributions that are stored,
in the order in which things were done, and written; then the events are emitted and the rewards
settled. What the events cause in turn finds everything written.

A run that is complete keeps the contributions up to the one that completed it. What comes later is
not stored (``Run.skipped``); if one of the stored ones is taken back, the run is counted anew from
the journal. A run that nothing can take back any more is not counted at all.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import evolve

from habitkit.errors import ReactionLoop
from habitkit.events import Retracted
from habitkit.quests.attempts import Attempts, beginning, recounted, streaks_of
from habitkit.quests.catalogs import catalog_of
from habitkit.quests.checks import next_check
from habitkit.quests.domain.attempts import Change, RunChanges, after_evaluation, totals_with
from habitkit.quests.domain.counted_events import is_final
from habitkit.quests.events import QuestCompleted
from habitkit.quests.journal_events import emitted, still_emitted
from habitkit.quests.outcomes import emit_outcomes
from habitkit.quests.store import QUESTS

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from habitkit.events import Event
    from habitkit.quests.domain.attempts import Attempt
    from habitkit.quests.domain.catalog import Catalog
    from habitkit.quests.domain.counted_events import CountedEvent
    from habitkit.quests.domain.runs import Contribution, Run
    from habitkit.transaction import Transaction

__all__ = ["Progress", "advance"]

_QUEST = "quest:"
_WAITING = "quests.waiting"
_MOST_ROUNDS = 1000


def advance(tx: Transaction, owner: str, events: Sequence[Event]) -> None:
    """Move the quests of an owner on by what has happened: a reaction.

    Quests that complete each other, as the steps of a ladder do, are completed one after the other
    and not inside of each other, so that a long ladder is no loop of reactions.

    Raises:
        ReactionLoop: If they cause each other without end.
    """
    if not catalog_of(tx).quests:
        return
    waiting: list[tuple[str, Sequence[Event]]] | None = tx.cache.get(_WAITING)
    if waiting is not None:
        waiting.append((owner, events))
        return
    waiting = tx.cache[_WAITING] = [(owner, events)]
    try:
        for round_, (of_owner, batch) in enumerate(waiting):  # it grows meanwhile
            if round_ >= _MOST_ROUNDS:
                raise ReactionLoop([event.type for event in batch])
            tx.cache[_WAITING] = waiting
            _advance(tx, of_owner, still_emitted(tx, batch) if round_ else batch)
    finally:
        tx.cache.pop(_WAITING, None)


def _advance(tx: Transaction, owner: str, events: Sequence[Event]) -> None:
    catalog = catalog_of(tx)
    progress = Progress(tx, owner, catalog)
    counted = emitted(tx, events, catalog.quests_on)
    if counted:
        progress.count(counted)
    completed = {_quest_of(event) for event in events if _is_completion(event)}
    while True:
        if not completed.isdisjoint(catalog.dependents):
            progress.recount_dependents(completed)
        progress.finish()
        completed = progress.moved
        if completed.isdisjoint(catalog.dependents):
            return
        progress = Progress(tx, owner, catalog)


def _is_completion(event: Event) -> bool:
    name = QuestCompleted.__name__
    return event.type == name or (isinstance(event, Retracted) and event.of == name)


def _quest_of(event: Event) -> str:
    return str(event.key).split(":")[1]


class Progress:
    """What some events, or a look at the journal, change of an owner's quests.

    Args:
        tx: The transaction, which holds the owner's lock.
        owner: Whose quests.
        catalog: The definitions.

    Attributes:
        moved: The quests that another event of the same instant completes now, so that no event
            says that they have changed.
    """

    def __init__(self, tx: Transaction, owner: str, catalog: Catalog) -> None:
        """Begin without changes."""
        self._tx = tx
        self._owner = owner
        self._catalog = catalog
        self._port = tx.port(QUESTS)
        self.attempts = Attempts(tx, owner, catalog)
        self._changes: dict[str, RunChanges] = {}
        self.moved: set[str] = set()

    def count(self, events: Sequence[CountedEvent]) -> None:
        """Count events that were just emitted."""
        stored: dict[str, list[Contribution]] = {}
        for row in self._port.of_events(self._owner, [event.key for event in events]):
            if row.subject.startswith(_QUEST):
                stored.setdefault(row.event_key, []).append(row)
        days = {event.key: self.attempts.days.day_of(event) for event in events}
        keys = {key for event in events for key in self._catalog.quests_on[event.type]}
        earlier = {row.subject.split(":")[1] for it in stored.values() for row in it}
        stored_days = {row.day for it in stored.values() for row in it}
        self.attempts.load(keys | earlier, {*days.values(), *stored_days})
        for event in events:
            before = stored.get(event.key, [])
            if not is_final(event, bool(before)):
                self._count(event, before)
                stored[event.key] = []
                for changes in self._changes.values():
                    stored[event.key] += [
                        row for row in changes.added if row.event_key == event.key
                    ]
        self._touch_streaks(events)

    def _touch_streaks(self, events: Sequence[CountedEvent]) -> None:
        """Evaluate the runs into whose periods streaks go on from the days of events."""
        for key in self._catalog.streak_quests:
            of_key = [it for it in events if key in self._catalog.quests_on[it.type]]
            days = [it.habit_day for it in of_key if it.habit_day is not None]
            for attempt in self.attempts.all_of([key]) if days else ():
                last = attempt.span.last or max(days)
                if last >= min(days) and not (attempt.is_closed or self.attempts.is_new(attempt)):
                    self.touch(attempt)

    def _count(self, event: CountedEvent, before: Iterable[Contribution]) -> None:
        """Count one event, of which some contributions are stored."""
        day = self.attempts.days.day_of(event)
        kept = {(row.subject, row.leaf): row for row in before}
        for key in self._catalog.quests_on[event.type]:
            for attempt in self.attempts.on(key, day):
                if not attempt.is_closed:
                    self._contribute(attempt, event, attempt.contributions(event, day), kept)
        for row in kept.values():
            self._take_back(row)

    def _contribute(
        self,
        attempt: Attempt,
        event: CountedEvent,
        rows: Sequence[Contribution],
        kept: dict[tuple[str, int], Contribution],
    ) -> None:
        """Add what an event contributes to one run, in place of what is stored of it."""
        is_new = self.attempts.is_new(attempt)
        if is_new and attempt.quest.backdate:
            self.recount(attempt)
            return
        if not (rows or attempt.reads_streaks) or (is_new and event.retracted):
            return
        complete = attempt.complete
        is_later = bool(rows) and complete is not None and event.place > complete
        if is_later and attempt.run.skipped and not attempt.reads_streaks:
            return
        changes = self._of(attempt)
        if is_later:
            self._replace(changes, evolve(changes.attempt.run, skipped=True))
            return
        for row in rows:
            old = kept.pop((row.subject, row.leaf), None)
            if old == row:
                continue
            if old is not None:
                changes.removed.append(old)
            changes.added.append(row)

    def _take_back(self, row: Contribution) -> None:
        """Take back a contribution that an event no longer makes."""
        _, key, period = row.subject.split(":", 2)
        attempt = self.attempts.get(key, period)
        if attempt is None or attempt.is_closed:
            return
        changes = self._of(attempt)
        if row in changes.added:
            changes.added.remove(row)
            return
        changes.removed.append(row)
        if attempt.run.skipped:
            changes.recount.append(True)

    def recount_dependents(self, completed: Iterable[str]) -> None:
        """Count anew the quests that start once others are complete."""
        keys = {key for it in completed for key in self._catalog.dependents.get(it, ())}
        self.attempts.load(keys, [])
        for attempt in [*self.attempts.all_of(keys), *beginning(self._tx, self.attempts, keys)]:
            if not attempt.is_closed:
                self.recount(attempt)

    def recount(self, attempt: Attempt) -> None:
        """Count a run anew from the journal."""
        self._of(attempt).recount.append(True)

    def touch(self, attempt: Attempt) -> None:
        """Evaluate a run again, as time has passed."""
        self._of(attempt)

    def _of(self, attempt: Attempt) -> RunChanges:
        subject = attempt.run.subject
        if subject not in self._changes:
            tiers: tuple[datetime, ...] = ()
            if attempt.run.tier:
                tiers = self._tiers(attempt, self._port.of_subject(self._owner, subject))
            self._changes[subject] = RunChanges(attempt, tiers, attempt)
        return self._changes[subject]

    def _tiers(self, attempt: Attempt, rows: Sequence[Contribution]) -> tuple[datetime, ...]:
        """Return when the tiers that are complete were completed."""
        streaks, numbers = streaks_of(self._tx, attempt), range(1, 1 + len(attempt.quest.tiers))
        places = [attempt.evaluate(rows, streaks, number).complete for number in numbers]
        return tuple(place[0] for place in places if place is not None)

    def _replace(self, changes: RunChanges, run: Run) -> None:
        attempt = evolve(changes.attempt, run=run)
        self.attempts.put(run)
        self._changes[run.subject] = evolve(changes, attempt=attempt)

    def finish(self) -> list[Run]:
        """Write what has changed, emit the events of it and settle the rewards.

        Returns:
            The runs that are different now.
        """
        if not self._changes:
            return []
        self._recount()
        self._write(self._changes.values())
        evaluated = {subject: self._evaluated(it) for subject, it in self._changes.items()}
        again = [it for it, now in evaluated.items() if self._changes[it].lacks_skipped(now)]
        for subject in again:
            self._changes[subject].recount.append(True)
        self._recount()
        self._write(self._changes[it] for it in again)
        evaluated |= {subject: self._evaluated(self._changes[subject]) for subject in again}
        changed = [
            it
            for it in evaluated.values()
            if it.run != it.before.run or self.attempts.is_new(it.before)
        ]
        self._port.put_runs([it.run for it in changed])
        for it in changed:
            self.attempts.put(it.run)
            if it.is_moved:
                self.moved.add(it.run.quest)
        emit_outcomes(self._tx, self._owner, changed)
        return [it.run for it in changed]

    def _write(self, changes: Iterable[RunChanges]) -> None:
        """Write which contributions have changed."""
        found = list(changes)
        removed = [row for it in found for row in it.removed]
        added = [row for it in found for row in it.added]
        if removed:
            self._port.remove(removed)
        if added:
            self._port.put(added)

    def _recount(self) -> None:
        """Take what the journal contributes for the runs that have to be counted anew."""
        again = [it for it in self._changes.values() if it.recount]
        if not again:
            return
        attempts = [it.attempt for it in again]
        stored = [
            row for it in attempts for row in self._port.of_subject(self._owner, it.run.subject)
        ]
        counted = recounted(self._tx, attempts, self.attempts.days, stored)
        for changes, rows in zip(again, counted, strict=True):
            attempt, subject = changes.attempt, changes.attempt.run.subject
            before = {row for row in stored if row.subject == subject}
            removed = list(before.difference(rows))
            added = [row for row in rows if row not in before]
            totals = totals_with((), attempt.leaf_count, before, ())
            run = evolve(attempt.run, skipped=False, totals=totals)
            self._changes[subject] = RunChanges(
                changes.before, changes.tiers, evolve(attempt, run=run), added, removed
            )

    def _evaluated(self, changes: RunChanges) -> Change:
        """Return what has become of a run by the contributions that are stored now."""
        attempt = changes.attempt
        run = attempt.run
        totals = totals_with(run.totals, attempt.leaf_count, changes.added, changes.removed)
        run = evolve(run, totals=totals)
        can_change = run.complete_at is not None or run.tier
        if not can_change and not attempt.may_be_complete(totals):
            return Change(changes.before, self._checked(attempt, run))
        rows = self._port.of_subject(self._owner, run.subject)
        reached = attempt.evaluate(rows, streaks_of(self._tx, attempt)).complete
        done = self._tiers(attempt, rows)
        run = after_evaluation(run, reached, len(done))
        later = [] if reached is None else [row for row in rows if row.place > reached]
        if later:
            self._port.remove(later)
            totals = totals_with(totals, attempt.leaf_count, (), later)
            run = evolve(run, totals=totals, skipped=True)
        return Change(changes.before, self._checked(attempt, run), done, changes.tiers)

    def _checked(self, attempt: Attempt, run: Run) -> Run:
        """Return a run with the instant at which time alone may change it."""
        at = next_check(self._tx, attempt, run.state, self.attempts.days)
        return run if at == run.check_at else evolve(run, check_at=at)
