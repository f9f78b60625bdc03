"""Loading runs with the versions of their quests, and counting them anew from the journal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from habitkit.habits import streak_lengths
from habitkit.quests.domain import evaluation
from habitkit.quests.domain.attempts import Attempt
from habitkit.quests.domain.counted_events import credited
from habitkit.quests.domain.objectives import StreakReach
from habitkit.quests.domain.runs import Run
from habitkit.quests.domain.windows import Repeat, period_of
from habitkit.quests.events import QuestStarted
from habitkit.quests.journal_events import whole_journal
from habitkit.quests.owner_days import OwnerDays
from habitkit.quests.store import QUESTS

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import date, datetime
    from uuid import UUID

    from habitkit.quests.domain.catalog import Catalog
    from habitkit.quests.domain.counted_events import CountedEvent
    from habitkit.quests.domain.objectives import Place, StreakReader
    from habitkit.quests.domain.quest import Quest, QuestVersion
    from habitkit.quests.domain.runs import Contribution
    from habitkit.transaction import Transaction

__all__ = ["Attempts", "beginning", "recounted", "streaks_of"]

_STARTED = QuestStarted.__name__
_REPEATS: tuple[Repeat, ...] = ("daily", "weekly", "monthly")


class Attempts:
    """The attempts of one owner at some quests, as far as they were asked for.

    Args:
        tx: The transaction.
        owner: Whose attempts.
        catalog: The definitions.
    """

    def __init__(self, tx: Transaction, owner: str, catalog: Catalog) -> None:
        """Load nothing yet."""
        self._tx = tx
        self.owner = owner
        self._catalog = catalog
        self._runs: dict[tuple[str, str], Run] = {}
        self._loaded: set[tuple[str, str]] = set()
        self.days = OwnerDays(tx, owner)

    def load(self, keys: Iterable[str], days: Iterable[date]) -> None:
        """Load the runs of quests in the periods of some days, and those that these require."""
        wanted = set(keys)
        for key in list(wanted):
            for version in self._catalog.quests.get(key, ()):
                wanted.update(version.quest.requires)
        periods = {"", *(period_of(it, day).name for day in days for it in _REPEATS)}
        places = {(key, period) for key in wanted for period in periods} - self._loaded
        if places:
            self._loaded |= places
            for run in self._tx.port(QUESTS).runs(self.owner, wanted, periods):
                self._runs.setdefault((run.quest, run.period), run)

    def load_exactly(self, key: str, period: str) -> None:
        """Load the run of a quest in one period, and those that it requires."""
        self.load([key], [])
        for run in self._tx.port(QUESTS).runs(self.owner, [key], [period]):
            self.put(run)

    def get(self, key: str, period: str) -> Attempt | None:
        """Return the attempt of a run that exists, or None."""
        run = self._runs.get((key, period))
        if run is None or key not in self._catalog.quests:
            return None
        return self._attempt(self._catalog.version(key, run.version).quest, run)

    def of(self, key: str) -> list[Attempt]:
        """Return the attempts at a quest whose runs were loaded or put, by their periods."""
        periods = sorted(period for quest, period in self._runs if quest == key)
        return [attempt for period in periods if (attempt := self.get(key, period)) is not None]

    def all_of(self, keys: Iterable[str]) -> list[Attempt]:
        """Load all runs of quests; return the attempts, with those that begin by themselves."""
        today, wanted = self.days.today(), sorted(keys)
        self.load(wanted, [today])
        for run in self._tx.port(QUESTS).runs(self.owner, wanted):
            self._runs.setdefault((run.quest, run.period), run)
        found = []
        for key in wanted:
            found += self.of(key)
            begun = self.begin(key, today)
            if begun is not None and self.is_new(begun):
                found.append(begun)
        return found

    def types_of_repeating(self, key: str) -> frozenset[str]:
        """Return the types of events that a quest counts if it repeats; else none."""
        quest = self._catalog.latest(key).quest
        return evaluation.types_of(quest.objective) if quest.repeat else frozenset()

    def put(self, run: Run) -> None:
        """Keep a run as it is now."""
        self._runs[run.quest, run.period] = run

    def on(self, key: str, day: date) -> list[Attempt]:
        """Return the attempts at a quest for which a day counts.

        They are those that exist, by the periods of their versions, or the one that begins by
        itself.
        """
        versions = self._catalog.quests.get(key, ())
        names = {period_of(it.quest.repeat, day).name: None for it in versions}
        found = [attempt for name in names if (attempt := self.get(key, name)) is not None]
        last = period_of(versions[-1].quest.repeat, day).name if versions else None
        if last is not None and (key, last) not in self._runs:
            begun = self.begin(key, day)
            return found if begun is None else [*found, begun]
        return found

    def begin(self, key: str, day: date) -> Attempt | None:
        """Return the attempt that begins by itself in the period of a day, or None."""
        version = self._catalog.latest(key)
        if version.quest.start != "auto" or key in self._catalog.retired:
            return None
        return self._attempt(version.quest, self._new(version, day, version.since))

    def possible(self, version: QuestVersion) -> Attempt:
        """Return the attempt that an owner would begin now."""
        run = self._new(version, self.days.today(), self._tx.now)
        return Attempt.of(version.quest, run, self._tx.now)

    def _new(self, version: QuestVersion, day: date, started_at: datetime) -> Run:
        quest = version.quest
        counts_days = quest.window is not None and quest.window.days is not None
        return Run(
            owner=self.owner,
            quest=quest.key,
            period=period_of(quest.repeat, day).name,
            version=version.revision,
            state="ACTIVE",
            started_at=started_at,
            started_day=self.days.label(started_at) if counts_days else started_at.date(),
        )

    def is_new(self, attempt: Attempt) -> bool:
        """Return whether nothing was stored of an attempt."""
        return (attempt.run.quest, attempt.run.period) not in self._runs

    def _attempt(self, quest: Quest, run: Run) -> Attempt:
        required = self.required(quest) if quest.start == "auto" else ()
        return Attempt.of(quest, run, self._tx.now, required)

    def required(self, quest: Quest) -> list[Place | None]:
        """Return where the quests that a quest requires were completed first; None if not."""
        return [self._completed(key) for key in quest.requires]

    def _completed(self, key: str) -> Place | None:
        quest = self._catalog.latest(key).quest
        if quest.repeat is None:
            runs = [it] if (it := self._runs.get((key, ""))) is not None else []
        else:
            runs = self._tx.port(QUESTS).runs(self.owner, [key])
        places = [
            (run.complete_at, run.complete_key or "") for run in runs if run.complete_at is not None
        ]
        return min(places, default=None)


def beginning(tx: Transaction, attempts: Attempts, keys: Iterable[str]) -> list[Attempt]:
    """Return the attempts in earlier periods that begin by what the journal contributes to them.

    Args:
        tx: The transaction.
        attempts: The owner's attempts; all runs of the quests, and those required, are loaded.
        keys: The quests.
    """
    found: dict[tuple[str, str], Attempt] = {}
    today = attempts.days.today()
    for key in sorted(keys):
        types = attempts.types_of_repeating(key)
        for event in credited(whole_journal(tx, attempts.owner, types)) if types else ():
            day = attempts.days.day_of(event)
            begun = attempts.begin(key, day)
            if begun is None or not attempts.is_new(begun) or day >= today:
                continue
            if begun.contributions(event, day):
                found.setdefault((key, begun.run.period), begun)
    return list(found.values())


def recounted(
    tx: Transaction,
    attempts: Sequence[Attempt],
    days: OwnerDays,
    stored: Iterable[Contribution] = (),
) -> list[list[Contribution]]:
    """Return what the journal contributes to attempts of one owner, each in order of time.

    Only what was emitted after the start of a quest counts, unless it is backdated.

    Args:
        tx: The transaction.
        attempts: The attempts.
        days: The owner's days.
        stored: What is stored: it stays for events whose fields were erased. For those of which
            nothing is stored no predicate can tell any more, so that they do not count by one.
    """
    if not attempts:
        return []
    types = {kind for it in attempts for kind in evaluation.types_of(it.quest.objective)}
    owner = attempts[0].run.owner
    events = list(whole_journal(tx, owner, {*types, _STARTED}))
    counting = [event for event in credited(events) if event.type in types]
    kept: dict[tuple[str, str], list[Contribution]] = {}
    for row in stored:
        kept.setdefault((row.subject, row.event_key), []).append(row)
    found = []
    for attempt in attempts:
        first = _started(attempt, events)
        rows: list[Contribution] = []
        for event in counting:
            was_kept = () if event.fields else kept.get((attempt.run.subject, event.key), ())
            if was_kept:
                rows += [it for it in was_kept if attempt.covers(it.done_at, it.day, it.event_key)]
            elif event.order >= first:
                found_now = attempt.contributions(event, days.day_of(event))
                rows += [it for it in found_now if event.fields or not attempt.has_where(it.leaf)]
        found.append(sorted(rows, key=lambda row: (row.done_at, row.event_key, row.leaf)))
    return found


def _started(attempt: Attempt, events: Iterable[CountedEvent]) -> int:
    """Return the order of the event with which a quest was started by its owner, or 0."""
    if attempt.quest.backdate:
        return 0
    wanted = {"quest": attempt.run.quest, "period": attempt.run.period}
    orders = [event.order for event in events if event.type == _STARTED and event.fields == wanted]
    return max(orders, default=0)


def streaks_of(tx: Transaction, attempt: Attempt) -> StreakReader:
    """Return how an attempt reads the visible streaks of its owner."""

    def read(
        slots: int, habit: UUID | None, tag: str | None, since: Place | None = None
    ) -> StreakReach:
        def covers(done_at: datetime, day: date) -> bool:
            is_later = since is None or done_at > since[0]
            return is_later and attempt.covers(done_at, day, "\uffff")

        first = None if attempt.quest.backdate else attempt.since[0].date()
        owner = attempt.run.owner
        found = streak_lengths.reached(
            tx,
            owner,
            slots,
            habit,
            tag,
            covers,
            first,
            earned="history" not in attempt.quest.credits,
        )
        return StreakReach(found.slots, found.complete_at, found.key)

    return read
