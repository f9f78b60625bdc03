"""Habits, their facts, snapshots and answers, remembered."""

from __future__ import annotations

from bisect import bisect_left
from datetime import date
from operator import attrgetter
from typing import TYPE_CHECKING, Any

from habitkit.errors import Duplicate
from habitkit.together import bulk
from habitkit.together.ports import Port

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from uuid import UUID

    from habitkit.habits.facts import CheckIn, OtherFact
    from habitkit.habits.model import Habit
    from habitkit.journal.model import Answer
    from habitkit.streaks.model import Snapshot
    from habitkit.together.ports import Foreseen, Log

    Place = tuple[int, date]
    """A habit, by the number of its id, and a day."""

__all__ = ["Answers", "Habits", "Streaks"]

_by_time = attrgetter("at", "id")
_day_of = attrgetter("day")
_by_day = attrgetter("day", "at", "id")


class Habits(Port):
    """Habits and check-ins."""

    def __init__(self, port: Any, log: Log, foreseen: Foreseen) -> None:
        """Read the habits, and which of the facts to come are there already."""
        super().__init__(log, port)
        self._foreseen = foreseen
        self._habits: dict[int, Habit | None] = {id_.int: None for id_ in foreseen.habits}
        self._habits |= {habit.id.int: habit for habit in bulk.habits_of(port, foreseen.habits)}
        self._known = {id_.int for id_ in port.known(foreseen.facts)} if foreseen.facts else set()
        self._added: dict[int, CheckIn] = {}
        self._added_on: dict[Place, tuple[CheckIn, ...]] = {}
        self._days: dict[Place, list[CheckIn]] = {}
        self._since: dict[int, date] = {}
        self._live: dict[int, tuple[date, list[CheckIn]]] = {}
        self._voided: dict[int, tuple[date, list[tuple[CheckIn, datetime]]]] = {}
        self._facts: dict[tuple[str, int], list[OtherFact]] = {}

    def owner_of(self, habit_id: UUID) -> str | None:
        """Return the owner of a habit."""
        habit = self.get(habit_id)
        return None if habit is None else habit.owner

    def get(self, habit_id: UUID) -> Habit | None:
        """Return a habit."""
        number = habit_id.int
        if number not in self._habits:
            self._habits[number] = self._port.get(habit_id)
        return self._habits[number]

    def add_check_ins(self, facts: Sequence[CheckIn]) -> None:
        """Keep check-ins.

        Raises:
            Duplicate: If a fact of one of these ids exists.
        """
        put = self._put
        for fact in facts:
            number, habit = fact.id.int, fact.habit_id.int
            if number in self._known or number in self._added:
                raise Duplicate("check-in")
            put(self._added, number, fact)
            place = (habit, fact.day)
            put(self._added_on, place, (*self._added_on.get(place, ()), fact))
            since, live = self._live.get(habit, (date.max, []))
            if fact.day >= since:
                put(self._live, habit, (since, sorted((*live, fact), key=_by_day)))

    def on_day(self, habit_id: UUID, day: date) -> list[CheckIn]:
        """Return a day's live check-ins."""
        number = habit_id.int
        place = (number, day)
        if place not in self._days and self._foreseen.days:
            self._read_days()
        if place not in self._days and day < self._since.get(number, date.max):
            self._days[place] = self._port.on_day(habit_id, day)
        facts = (*self._days.get(place, ()), *self._added_on.get(place, ()))
        return sorted(facts, key=_by_time)

    def live(self, habit_id: UUID, since: date | None = None) -> list[CheckIn]:
        """Return a habit's live check-ins from a day on."""
        since = since or date.min
        number = habit_id.int
        first, facts = self._live.get(number, (date.max, []))
        if since < first:
            added = [
                fact
                for fact in self._added.values()
                if fact.habit_id.int == number and fact.day >= since
            ]
            facts = sorted((*self._port.live(habit_id, since), *added), key=_by_day)
            self._put(self._live, number, (since, facts))
        return facts[bisect_left(facts, since, key=_day_of) :]

    def voided(self, habit_id: UUID, since: date | None = None) -> list[tuple[CheckIn, datetime]]:
        """Return a habit's voided check-ins from a day on."""
        since = since or date.min
        number = habit_id.int
        first, facts = self._voided.get(number, (date.max, []))
        if since < first:
            facts = self._port.voided(habit_id, since)
            self._voided[number] = (since, facts)
        return [(fact, at) for fact, at in facts if fact.day >= since]

    def facts(self, owner: str, habit_id: UUID) -> list[OtherFact]:
        """Return the facts of a habit and of its owner that are no check-ins."""
        place = (owner, habit_id.int)
        if place not in self._facts:
            self._facts[place] = self._port.facts(owner, habit_id)
        return self._facts[place]

    def write(self) -> None:
        """Write the check-ins."""
        if self._added:
            self._port.add_check_ins(list(self._added.values()))

    def _read_days(self) -> None:
        """Read the days that are foreseen, the first time one of them is asked for."""
        days, self._foreseen = self._foreseen.days, self._foreseen._replace(days={})
        self._since = {habit_id.int: day for habit_id, day in days.items()}
        for fact in self._port.recent(days):
            self._days.setdefault((fact.habit_id.int, fact.day), []).append(fact)


class Streaks(Port):
    """Snapshots."""

    def __init__(self, port: Any, log: Log, foreseen: Foreseen) -> None:
        """Read the habits' snapshots."""
        super().__init__(log, port)
        self._rows: dict[int, Snapshot | None] = {id_.int: None for id_ in foreseen.habits}
        self._rows |= {row.habit_id.int: row for row in bulk.snapshots_of(port, foreseen.habits)}
        self._changed: dict[int, Snapshot] = {}

    def get(self, habit_id: UUID) -> Snapshot | None:
        """Return the snapshot of a habit."""
        number = habit_id.int
        if number not in self._rows:
            self._rows[number] = self._port.get(habit_id)
        return self._changed.get(number) or self._rows[number]

    def put(self, snapshot: Snapshot) -> None:
        """Keep a snapshot."""
        self._put(self._changed, snapshot.habit_id.int, snapshot)

    def write(self) -> None:
        """Write the snapshots; the store refuses those of an earlier revision."""
        bulk.put_snapshots(self._port, list(self._changed.values()))


class Answers(Port):
    """Answers given to idempotency keys."""

    def __init__(self, port: Any, log: Log, foreseen: Foreseen) -> None:
        """Read the answers given under the keys."""
        super().__init__(log, port)
        self._changed: dict[tuple[str, str, str], Answer] = {}
        self._rows: dict[tuple[str, str, str], Answer | None] = {}
        operation = foreseen.operation
        for owner, keys in foreseen.keys.items():
            self._rows |= dict.fromkeys([(owner, operation, key) for key in keys])
            for answer in bulk.answers_of(port, owner, operation, keys):
                self._rows[owner, operation, answer.key] = answer

    def get(self, owner: str, operation: str, key: str) -> Answer | None:
        """Return the answer given under a key."""
        place = (owner, operation, key)
        if place not in self._rows:
            self._rows[place] = self._port.get(owner, operation, key)
        return self._changed.get(place) or self._rows[place]

    def put(self, answer: Answer) -> None:
        """Keep an answer."""
        self._put(self._changed, (answer.owner, answer.operation, answer.key), answer)

    def write(self) -> None:
        """Write the answers."""
        bulk.put_answers(self._port, list(self._changed.values()))
