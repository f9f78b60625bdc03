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
    dues = [due for event in counted for due in book.due(event)]
    dues += _LimitedRules(tx, owner, book).count(counted)
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

    def count(self, events: Iterable[CountedEvent]) -> list[Due]:
        """Count events, and return what changes are due."""
        limited = [event for event in events if self._book.limited(event.type)]
        if not limited:
            return []
        stored: dict[str, list[Contribution]] = {}
        for kept in self._port.of_events(self._owner, [event.key for event in limited]):
            if kept.subject.startswith(LIMITED):
                stored.setdefault(kept.event_key, []).append(kept)
        dues: list[Due] = []
        for event in limited:
            before = stored.get(event.key, [])
            if is_final(event, bool(before)):
                continue
            rules = () if event.retracted else self._book.limited_in_force(event)
            wanted = {self._subject(rule, event): rule for rule in rules}
            for kept in before:
                if kept.subject not in wanted:
                    dues += self._drop(kept, event)
            for subject, rule in wanted.items():
                dues += self._keep(subject, rule, event)
        return dues

    def _subject(self, rule: Rule, event: CountedEvent) -> str:
        assert rule.limit is not None  # noqa: S101 - they were asked for by their limit
        return f"{LIMITED}{rule.name}:{rule.limit.group(event, self._days.day_of(event))}"

    def _keep(self, subject: str, rule: Rule, event: CountedEvent) -> list[Due]:
        """Keep an event if it is one of the first of its group."""
        assert rule.limit is not None  # noqa: S101 - as above
        kept = self._port.of_subject(self._owner, subject)
        others = [it for it in kept if it.event_key != event.key]
        full = len(others) >= rule.limit.most
        if full and event.place > (others[-1].done_at, others[-1].event_key):
            return self._drop(kept[-1], event) if len(others) < len(kept) else []
        contribution = Contribution(
            self._owner, subject, 0, event.key, event.done_at, self._days.day_of(event)
        )
        self._port.put([contribution])
        dues = list(rule.dues(event))
        if full:
            self._port.remove([others[-1]])
            dues = [*rule.nothing(others[-1].event_key), *dues]
        return dues

    def _drop(self, kept: Contribution, event: CountedEvent) -> list[Due]:
        """Take an event out of its group; the next one of the group moves up."""
        name, _, __ = kept.subject.removeprefix(LIMITED).partition(":")
        rules = [rule for rule in self._book.limited(event.type) if rule.name == name]
        group = self._port.of_subject(self._owner, kept.subject)
        self._port.remove([kept])
        dues = [due for rule in rules for due in rule.nothing(kept.event_key)]
        most = max((rule.limit.most for rule in rules if rule.limit is not None), default=0)
        if len(group) < most:
            return dues
        remaining = {it.event_key for it in group} - {kept.event_key}
        for rule, next_event in first_of_group(self._tx, self._owner, self._book, kept.subject):
            if next_event.key not in remaining:
                dues += self._keep(kept.subject, rule, next_event)
        return dues


def first_of_group(
    tx: Transaction, owner: str, book: RuleBook, subject: str
) -> list[tuple[Rule, CountedEvent]]:
    """Return the first events of a group, and the rules that count them, from the journal."""
    name, _, group = subject.removeprefix(LIMITED).partition(":")
    days = OwnerDays(tx, owner)
    found: list[tuple[Rule, CountedEvent]] = []
    for event in credited(whole_journal(tx, owner, book.types)):
        for rule in book.limited_in_force(event):
            if rule.name == name and rule.limit is not None:
                if rule.limit.group(event, days.day_of(event)) == group:
                    found.append((rule, event))
    found.sort(key=lambda it: it[1].place)
    most = max((rule.limit.most for rule, _ in found if rule.limit is not None), default=0)
    return found[:most]
