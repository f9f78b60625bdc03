"""The reaction that pays what the reward rules give for events, and takes it back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from habitkit.coins import rewards as coin_rewards
from habitkit.quests.catalogs import catalog_of
from habitkit.quests.domain.counted_events import credited, is_final
from habitkit.quests.domain.runs import Contribution
from habitkit.quests.grants import settle
from habitkit.quests.journal_events import emitted, whole_journal
from habitkit.quests.owner_days import OwnerDays
from habitkit.quests.store import QUESTS

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from habitkit.events import Event
    from habitkit.quests.domain.counted_events import CountedEvent
    from habitkit.quests.domain.rewards import Due, Rule
    from habitkit.quests.domain.rule_book import RuleBook
    from habitkit.transaction import Transaction

__all__ = ["LIMITED", "first_of_group", "reconcile"]

LIMITED = "rule:"
"""How the subjects of contributions to rules with a limit begin."""


def reconcile(tx: Transaction, owner: str, events: Sequence[Event]) -> None:
    """Pay what events earn by the rules, and take back what they no longer earn: a reaction."""
    book = catalog_of(tx).book
    if book is None:
        coin_rewards.reconcile(tx, owner, events)
        return
    counted = emitted(tx, events, book.types)
    limited = _LimitedRules(tx, owner, book)
    limited.count(counted)
    dues = [due for event in counted for due in book.due(event)]
    # A rule of one name may have had no limit in another version: see ``RuleBook.limited``.
    dues = [*limited.taken, *dues, *limited.given]
    if dues:
        settle(tx, owner, dues)


class _LimitedRules:
    """The rules that reward only the first events of a day, of a slot, or of all times.

    Of each group, such as a day, the first events by ``done_at`` and key are kept as contributions,
    as many as the rule rewards. If one of them is taken back from a full group, the next one is
    looked up in the journal.
    """

    def __init__(self, tx: Transaction, owner: str, book: RuleBook) -> None:
        self._tx = tx
        self._owner = owner
        self._book = book
        self._days = OwnerDays(tx, owner)
        self._port = tx.port(QUESTS)
        self._kept: dict[str, dict[str, Contribution]] = {}  # by event and subject
        self._taken: dict[str, list[Due]] = {}  # by place
        self._given: dict[str, list[Due]] = {}

    @property
    def taken(self) -> list[Due]:
        """What may have been given before, with the amount 0."""
        return [due for dues in self._taken.values() for due in dues]

    @property
    def given(self) -> list[Due]:
        """What is due now."""
        return [due for dues in self._given.values() for due in dues]

    def count(self, events: Iterable[CountedEvent]) -> None:
        """Count events: see ``taken`` and ``given`` for what is due no more, and now."""
        limited = [event for event in events if self._book.limited(event.type)]
        if not limited:
            return
        for kept in self._port.of_events(self._owner, [event.key for event in limited]):
            if kept.subject.startswith(LIMITED):
                self._kept.setdefault(kept.event_key, {})[kept.subject] = kept
        for event in limited:
            before = list(self._kept.get(event.key, {}).values())
            if is_final(event, bool(before)):
                continue
            rules = () if event.retracted else self._book.limited_in_force(event)
            wanted = {self._subject(rule, event): rule for rule in rules}
            for kept in before:
                if kept.subject not in wanted:
                    self._drop(kept)
            for subject, rule in wanted.items():
                self._keep(subject, rule, event)

    def _subject(self, rule: Rule, event: CountedEvent) -> str:
        assert rule.limit is not None  # noqa: S101 - they were asked for by their limit
        return f"{LIMITED}{rule.name}:{rule.limit.group(event, self._days.day_of(event))}"

    def _keep(self, subject: str, rule: Rule, event: CountedEvent) -> None:
        """Keep an event if it is one of the first of its group."""
        assert rule.limit is not None  # noqa: S101 - as above
        group = self._port.of_subject(self._owner, subject)
        is_full = len(group) >= rule.limit.most
        kept = next((it for it in group if it.event_key == event.key), None)
        if kept is not None and is_full and event.place > kept.place:
            self._drop(kept)  # it is done later now, so that another one may be before it
            return
        last = group[-1] if kept is None and is_full else None
        if last is not None and event.place > last.place:
            return
        day = self._days.day_of(event)
        row = Contribution(self._owner, subject, 0, event.key, event.done_at, day)
        self._port.put([row])
        self._kept.setdefault(event.key, {})[subject] = row
        place = f"{event.key}:{rule.name}"
        self._take(place, rule.name)
        self._given[place] = self._book.given(rule, event, place)
        if last is not None:
            self._remove(last, rule.name)

    def _drop(self, kept: Contribution) -> None:
        """Take an event out of its group; if the group was full, the next one moves up."""
        name, _, __ = kept.subject.removeprefix(LIMITED).partition(":")
        rules = self._book.limited_named.get(name, ())
        group = self._port.of_subject(self._owner, kept.subject)
        self._remove(kept, name)
        if len(group) < max((it.limit.most for it in rules if it.limit is not None), default=0):
            return
        remaining = {it.event_key for it in group} - {kept.event_key}
        for rule, following in first_of_group(self._tx, self._owner, self._book, kept.subject):
            if following.key not in remaining:
                self._keep(kept.subject, rule, following)

    def _remove(self, kept: Contribution, name: str) -> None:
        """Keep an event no longer, and take back what it was given."""
        self._port.remove([kept])
        self._kept.get(kept.event_key, {}).pop(kept.subject, None)
        self._take(f"{kept.event_key}:{name}", name)

    def _take(self, place: str, name: str) -> None:
        """Let nothing be due at a place by the rules of a name."""
        self._given.pop(place, None)
        rules = self._book.limited_named.get(name, ())
        self._taken[place] = [due for rule in rules for due in rule.give.nothing(place)]


def first_of_group(
    tx: Transaction, owner: str, book: RuleBook, subject: str
) -> list[tuple[Rule, CountedEvent]]:
    """Return the first events of a group, and the rules that count them, from the journal."""
    name, _, group = subject.removeprefix(LIMITED).partition(":")
    days = OwnerDays(tx, owner)
    found: list[tuple[Rule, CountedEvent]] = []
    for event in credited(whole_journal(tx, owner, book.types)):
        found += [
            (rule, event)
            for rule in book.limited_in_force(event)
            if rule.name == name
            and rule.limit is not None
            and rule.limit.group(event, days.day_of(event)) == group
        ]
    found.sort(key=lambda it: it[1].place)
    most = max((rule.limit.most for rule, _ in found if rule.limit is not None), default=0)
    return found[:most]
