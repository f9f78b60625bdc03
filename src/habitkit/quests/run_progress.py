"""Moving runs of quests on: what events add to them, and what follows from it.

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

from attrs import evolve, field, frozen

from habitkit.quests.attempts import Attempts, beginning, recounted, streaks_of
from habitkit.quests.checks import next_check
from habitkit.quests.domain.attempts import Attempt, Change, after_evaluation, totals_with
from habitkit.quests.domain.counted_events import is_final
from habitkit.quests.outcomes import emit_outcomes
from habitkit.quests.store import QUESTS

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import date, datetime

    from habitkit.quests.domain.catalog import Catalog
    from habitkit.quests.domain.counted_events import CountedEvent
    from habitkit.quests.domain.runs import Contribution, Run
    from habitkit.transaction import Transaction

__all__ = ["Progress"]

_QUEST = "quest:"


@frozen
class _Changes:
    """What changes of the contributions to one run."""

    before: Attempt  # as it is stored
    tiers: tuple[datetime, ...]  # when those that are complete were completed
    attempt: Attempt
    added: list[Contribution] = field(factory=list)
    removed: list[Contribution] = field(factory=list)
    recount: list[bool] = field(factory=list)  # not empty if it has to be counted anew

    def lacks_skipped(self, change: Change) -> bool:
        """Return whether events that were skipped may matter for what has become of the run."""
        before, after = self.attempt, evolve(self.attempt, run=change.run)
        if not before.run.skipped or before.complete is None:
            return False
        return after.complete is None or after.complete > before.complete


class Progress:
    """What some events, or the whole journal, change of an owner's quests.

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
        self._changes: dict[str, _Changes] = {}
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
                stored[event.key] = self._count(event, before)
        self._touch_streaks(events)

    def _touch_streaks(self, events: Sequence[CountedEvent]) -> None:
        """Evaluate the runs into whose periods streaks go on from the days of events."""
        for key in self._catalog.repeating_streak_quests:
            of_key = [it for it in events if key in self._catalog.quests_on[it.type]]
            days = [it.habit_day for it in of_key if it.habit_day is not None]
            for attempt in self.attempts.all_of([key]) if days else ():
                last = attempt.span.last or max(days)
                if last >= min(days) and not (attempt.is_closed or self.attempts.is_new(attempt)):
                    self.touch(attempt)

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
        changes_nothing = not (rows or attempt.reads_streaks)
        if changes_nothing or (is_new and not attempt.covers(event.done_at, day, event.key)):
            return ()
        if is_new and attempt.quest.backdate:
            self.recount(attempt)
        if is_new and (attempt.quest.backdate or event.retracted):
            return ()
        complete = attempt.complete
        is_later = bool(rows) and complete is not None and event.place > complete
        if is_later and attempt.run.skipped and not attempt.reads_streaks:
            return ()
        changes = self._of(attempt)
        if is_later:
            self._replace(changes, evolve(changes.attempt.run, skipped=True))
            return ()
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
        for attempt in [*self.attempts.all_of(keys), *beginning(self._tx, self.attempts, keys)]:
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
            tiers: tuple[datetime, ...] = ()
            if attempt.run.tier:
                tiers = self._tiers(attempt, self._port.of_subject(self._owner, subject))
            self._changes[subject] = _Changes(attempt, tiers, attempt)
        return self._changes[subject]

    def _tiers(self, attempt: Attempt, rows: Sequence[Contribution]) -> tuple[datetime, ...]:
        """Return when the tiers that are complete were completed."""
        streaks, numbers = streaks_of(self._tx, attempt), range(1, 1 + len(attempt.quest.tiers))
        places = [attempt.evaluate(rows, streaks, number).complete for number in numbers]
        return tuple(place[0] for place in places if place is not None)

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

    def _write(self, changes: Iterable[_Changes]) -> None:
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
            before = dict.fromkeys(row for row in stored if row.subject == subject)
            wanted = dict.fromkeys(rows)
            removed = [row for row in before if row not in wanted]
            added = [row for row in wanted if row not in before]
            totals = totals_with((), attempt.leaf_count, before, ())
            run = evolve(attempt.run, skipped=False, totals=totals)
            self._changes[subject] = _Changes(
                changes.before, changes.tiers, evolve(attempt, run=run), added, removed
            )

    def _evaluated(self, changes: _Changes) -> Change:
        """Return what has become of a run by the contributions that are stored now."""
        attempt = changes.attempt
        run, quest = attempt.run, attempt.quest
        totals = totals_with(run.totals, attempt.leaf_count, changes.added, changes.removed)
        run = evolve(run, totals=totals)
        can_change = run.complete_at is not None or run.tier
        if not can_change and not attempt.may_be_complete(totals):
            return Change(changes.before, self._checked(attempt, run))
        rows = self._port.of_subject(self._owner, run.subject)
        reached = attempt.evaluate(rows, streaks_of(self._tx, attempt)).complete
        done = self._tiers(attempt, rows)
        if not quest.is_revocable(claimed=run.claimed_at is not None):
            done = (*done, *changes.tiers[len(done) :])
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
