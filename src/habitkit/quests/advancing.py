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

from attrs import evolve, frozen

from habitkit.events import Retracted
from habitkit.quests.attempts import Attempts, recounted, streaks_of
from habitkit.quests.catalogs import catalog_of
from habitkit.quests.checks import next_check
from habitkit.quests.domain.attempts import Attempt, Change, after_evaluation, totals_with
from habitkit.quests.domain.counted_events import is_final
from habitkit.quests.events import QuestCompleted
from habitkit.quests.journal_events import emitted
from habitkit.quests.outcomes import emit_outcomes
from habitkit.quests.store import QUESTS

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import date

    from habitkit.events import Event
    from habitkit.quests.domain.catalog import Catalog
    from habitkit.quests.domain.counted_events import CountedEvent
    from habitkit.quests.domain.runs import Contribution, Run
    from habitkit.transaction import Transaction

__all__ = ["Progress", "advance"]

_QUEST = "quest:"


def advance(tx: Transaction, owner: str, events: Sequence[Event]) -> None:
    """Move the quests of an owner on by what has happened: a reaction."""
    catalog = catalog_of(tx)
    if not catalog.quests:
        return
    progress = Progress(tx, owner, catalog)
    counted = emitted(tx, events, catalog.quests_on)
    if counted:
        progress.count(counted)
    completed = {_quest_of(event) for event in events if _is_completion(event)}
    if not completed.isdisjoint(catalog.dependents):
        progress.recount_dependents(completed)
    progress.finish()


def _is_completion(event: Event) -> bool:
    name = QuestCompleted.__name__
    return event.type == name or (isinstance(event, Retracted) and event.of == name)


def _quest_of(event: Event) -> str:
    return str(event.key).split(":")[1]


@frozen
class _Changes:
    """What changes of the contributions to one run."""

    attempt: Attempt
    added: list[Contribution]
    removed: list[Contribution]
    recount: list[bool]  # not empty if it has to be counted anew


class Progress:
    """What some events, or a look at the journal, change of an owner's quests.

    Args:
        tx: The transaction, which holds the owner's lock.
        owner: Whose quests.
        catalog: The definitions.
    """

    def __init__(self, tx: Transaction, owner: str, catalog: Catalog) -> None:
        """Begin without changes."""
        self._tx = tx
        self._owner = owner
        self._catalog = catalog
        self._port = tx.port(QUESTS)
        self.attempts = Attempts(tx, owner, catalog)
        self._changes: dict[str, _Changes] = {}

    def count(self, events: Sequence[CountedEvent]) -> None:
        """Count events that were just emitted."""
        stored: dict[str, list[Contribution]] = {}
        for row in self._port.of_events(self._owner, [event.key for event in events]):
            if row.subject.startswith(_QUEST):
                stored.setdefault(row.event_key, []).append(row)
        days = {event.key: self.attempts.days.day_of(event) for event in events}
        keys = {key for event in events for key in self._catalog.quests_on[event.type]}
        earlier = {tuple(row.subject.split(":")[1:3]) for it in stored.values() for row in it}
        self.attempts.load(keys | {key for key, _ in earlier}, days.values())
        for event in events:
            before = stored.get(event.key, [])
            if not is_final(event, bool(before)):
                stored[event.key] = self._count(event, before)

    def _count(self, event: CountedEvent, before: Iterable[Contribution]) -> list[Contribution]:
        """Count one event, of which there are some contributions; return those there are now."""
        day = self.attempts.days.day_of(event)
        kept = {(row.subject, row.leaf): row for row in before}
        found: list[Contribution] = []
        for key in self._catalog.quests_counting(event):
            for attempt in self.attempts.on(key, day):
                if not attempt.is_closed:
                    found += self._contribute(attempt, event, day, kept)
        for row in kept.values():
            self._take_back(row)
        return found

    def _contribute(
        self,
        attempt: Attempt,
        event: CountedEvent,
        day: date,
        kept: dict[tuple[str, int], Contribution],
    ) -> Sequence[Contribution]:
        """Add what an event contributes to one run, in place of what there is, and return it."""
        is_new = self.attempts.is_new(attempt)
        rows = attempt.contributions(event, day)
        if not (rows or attempt.reads_streaks):
            return ()
        if is_new and not attempt.covers(event.done_at, day, event.key):
            return ()
        if is_new and attempt.quest.backdate:
            self.recount(attempt)
            return ()
        if is_new and event.retracted:
            return ()
        complete = attempt.complete
        if complete is not None and event.place > complete:
            if not attempt.run.skipped:
                changes = self._of(attempt)
                self._replace(changes, evolve(attempt.run, skipped=True))
            return ()
        changes = self._of(attempt)
        for row in rows:
            old = kept.pop((row.subject, row.leaf), None)
            if old == row:
                continue
            if old is not None:
                self._remove(changes, old)
            changes.added.append(row)
        return rows

    def _take_back(self, row: Contribution) -> None:
        """Take back a contribution that an event no longer makes."""
        _, key, period = row.subject.split(":", 2)
        changes = self._changes.get(row.subject)  # a run that begins here is not stored yet
        attempt = self.attempts.get(key, period) if changes is None else changes.attempt
        if attempt is None or attempt.is_closed:
            return
        changes = self._of(attempt)
        if self._remove(changes, row) and attempt.run.skipped:
            changes.recount.append(True)

    def _remove(self, changes: _Changes, row: Contribution) -> bool:
        """Take a contribution out; return whether it is a stored one, which is to be deleted."""
        if row in changes.added:
            changes.added.remove(row)
            return False
        changes.removed.append(row)
        return True

    def recount_dependents(self, completed: Iterable[str]) -> None:
        """Count anew the quests that start once others are complete."""
        keys = {key for it in completed for key in self._catalog.dependents.get(it, ())}
        today = self.attempts.days.today()
        self.attempts.load(keys, [today])
        for key in sorted(keys):
            for attempt in self.attempts.on(key, today):
                if not attempt.is_closed:
                    self.recount(attempt)

    def recount(self, attempt: Attempt) -> None:
        """Count a run anew from the journal."""
        self._of(attempt).recount.append(True)

    def touch(self, attempt: Attempt) -> None:
        """Evaluate a run again, as time has passed."""
        self._of(attempt)

    def _of(self, attempt: Attempt) -> _Changes:
        subject = attempt.run.subject
        if subject not in self._changes:
            self._changes[subject] = _Changes(attempt, [], [], [])
        return self._changes[subject]

    def _replace(self, changes: _Changes, run: Run) -> None:
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
        changes = list(self._changes.values())
        removed = [row for it in changes for row in it.removed]
        added = [row for it in changes for row in it.added]
        if removed:
            self._port.remove(removed)
        if added:
            self._port.put(added)
        evaluated = [self._evaluated(it) for it in changes]
        changed = [
            it for it in evaluated if it.run != it.before.run or self.attempts.is_new(it.before)
        ]
        self._port.put_runs([it.run for it in changed])
        for it in changed:
            self.attempts.put(it.run)
        emit_outcomes(self._tx, self._owner, changed)
        return [it.run for it in changed]

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
        for attempt, rows in zip(attempts, counted, strict=True):
            subject = attempt.run.subject
            before = [row for row in stored if row.subject == subject]
            removed = [row for row in before if row not in set(rows)]
            added = [row for row in rows if row not in set(before)]
            run = evolve(attempt.run, skipped=False)
            self._changes[subject] = _Changes(evolve(attempt, run=run), added, removed, [])

    def _evaluated(self, changes: _Changes) -> Change:
        """Return what has become of a run by the contributions that are stored now."""
        before = changes.attempt
        run, quest = before.run, before.quest
        totals = totals_with(run.totals, before.leaf_count, changes.added, changes.removed)
        attempt = evolve(before, run=evolve(run, totals=totals))
        can_change = run.complete_at is not None or run.tier
        if not can_change and not attempt.may_be_complete:
            return Change(before, self._checked(attempt, attempt.run))
        rows = self._port.of_subject(self._owner, run.subject)
        streaks = streaks_of(self._tx, attempt)
        reached = attempt.evaluate(rows, streaks).complete
        tiers = [attempt.evaluate(rows, streaks, 1 + n).complete for n in range(len(quest.tiers))]
        done = tuple(place[0] for place in tiers if place is not None)
        after = after_evaluation(attempt, reached, len(done))
        later = [] if reached is None else [row for row in rows if row.place > reached]
        if later:
            self._port.remove(later)
            totals = totals_with(totals, attempt.leaf_count, (), later)
            after = evolve(after, totals=totals, skipped=True)
        return Change(before, self._checked(attempt, after), done)

    def _checked(self, attempt: Attempt, run: Run) -> Run:
        """Return a run with the instant at which time alone may change it."""
        attempt = evolve(attempt, run=run)
        return evolve(run, check_at=next_check(self._tx, attempt, self.attempts.days))
