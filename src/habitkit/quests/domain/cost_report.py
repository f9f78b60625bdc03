"""What a rule set would have cost: a report of a preview."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import TYPE_CHECKING

from attrs import field, frozen

if TYPE_CHECKING:
    from collections.abc import Callable

    from habitkit.quests.domain.counted_events import CountedEvent
    from habitkit.quests.domain.rewards import Due, Reward, Rule
    from habitkit.quests.domain.rule_book import RuleBook

__all__ = ["CostReport", "OwnerCosts", "RuleCost", "costs_of", "report_of"]

_CURRENCY = "currency"


@frozen
class OwnerCosts:
    """What rules give one owner.

    Attributes:
        events: How many events were evaluated.
        by_rule: By rule and what it gives how often, and how much.
    """

    events: int
    by_rule: Mapping[tuple[str, str], tuple[int, int]] = field(hash=False)


@frozen
class RuleCost:
    """What one rule gives of one currency, badge, item, or freezes.

    Attributes:
        rule: The name of the rule.
        gives: The currency; ``badge:NAME``, ``item:NAME`` or ``freezes`` for the others.
        times: How often it gives it.
        amount: How much in all.
        before: How much the rules in force give by a rule of this name.
    """

    rule: str
    gives: str
    times: int
    amount: int
    before: int

    @property
    def difference(self) -> int:
        """How much more than by the rules in force."""
        return self.amount - self.before


@frozen
class CostReport:
    """What a rule set would have given for what has happened.

    Attributes:
        owners: How many owners there are in it.
        events: How many of their events.
        since: From when on, or None.
        rules: What each rule gives, in the order of rule and what it gives.
        totals: How much is given in all, by what is given.
        before: How much the rules in force give.
        most: The largest amount that one owner gets, by what is given.
        median: The amount that half of the owners do not get more of, by what is given.
    """

    owners: int
    events: int
    since: datetime | None
    rules: tuple[RuleCost, ...]
    totals: Mapping[str, int] = field(hash=False)
    before: Mapping[str, int] = field(hash=False)
    most: Mapping[str, int] = field(hash=False)
    median: Mapping[str, int] = field(hash=False)

    def __str__(self) -> str:
        """Return it as a table."""
        header = ("rule", "gives", "times", "amount", "before", "difference")
        rows: list[tuple[str, ...]] = [
            (
                it.rule,
                it.gives,
                f"{it.times:,}",
                f"{it.amount:,}",
                f"{it.before:,}",
                f"{it.difference:+,}",
            )
            for it in self.rules
        ]
        for name in sorted({*self.totals, *self.before}):
            amount, before = self.totals.get(name, 0), self.before.get(name, 0)
            rows.append(("all", name, "", f"{amount:,}", f"{before:,}", f"{amount - before:+,}"))
        lines = _table(header, rows)
        found = [f"owners: {self.owners:,}, events: {self.events:,}", *lines]
        for name in sorted(self.totals):
            median, most = self.median.get(name, 0), self.most.get(name, 0)
            found.append(f"{name}: half of the owners get at most {median:,}, one gets {most:,}")
        return "\n".join(found)


def _table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(len(row[n]) for row in (header, *rows)) for n in range(len(header))]
    found = []
    for row in (header, *rows):
        cells = [
            text.ljust(width) if n < 2 else text.rjust(width)  # noqa: PLR2004 - names, then numbers
            for n, (text, width) in enumerate(zip(row, widths, strict=True))
        ]
        found.append("  ".join(cells).rstrip())
    return found


def costs_of(
    events: Iterable[CountedEvent],
    book: RuleBook,
    day_of: Callable[[CountedEvent], date],
) -> OwnerCosts:
    """Return what rules give one owner.

    Args:
        events: The credited events.
        book: The rules, with the boosts.
        day_of: Returns the habit day of an event.
    """
    count = 0
    found: dict[tuple[str, str], tuple[int, int]] = {}
    is_fixed = {id(it) for each in book.versions for it in each.rules if _is_fixed(it.give)}
    fixed: dict[int, tuple[Rule, CountedEvent, int]] = {}
    groups: dict[tuple[str, str], list[tuple[Rule, CountedEvent]]] = {}
    for event in events:
        count += 1
        for rule in book.in_force(event):
            if rule.limit is not None:
                group = rule.limit.group(event, day_of(event))
                groups.setdefault((rule.name, group), []).append((rule, event))
            elif id(rule) in is_fixed and not book.boosts:
                _, __, times = fixed.get(id(rule), (rule, event, 0))
                fixed[id(rule)] = (rule, event, times + 1)
            else:
                _add(found, book, rule, event)
    for rule, event, times in fixed.values():  # it is the same for each of them
        _add(found, book, rule, event, times)
    for members in groups.values():
        most = max(rule.limit.most for rule, _ in members if rule.limit is not None)
        if len(members) > most:
            members.sort(key=lambda it: it[1].place)
        for rule, event in members[:most]:
            _add(found, book, rule, event)
    return OwnerCosts(count, found)


def _is_fixed(reward: Reward) -> bool:
    """Return whether a reward is the same for all events."""
    return not reward.freezes and all(type(part.amount) is int for part in reward.parts)


def _add(
    found: dict[tuple[str, str], tuple[int, int]],
    book: RuleBook,
    rule: Rule,
    event: CountedEvent,
    times: int = 1,
) -> None:
    for due in book.given(rule, event, rule.name):
        key = (rule.name, _gives(due))
        before, amount = found.get(key, (0, 0))
        found[key] = (before + times, amount + due.amount * times)


def _gives(due: Due) -> str:
    if due.kind == _CURRENCY:
        return due.name
    return due.kind if due.kind == "freezes" else f"{due.kind}:{due.name}"


def report_of(pairs: Sequence[tuple[OwnerCosts, OwnerCosts]], since: datetime | None) -> CostReport:
    """Return the report on some owners.

    Args:
        pairs: For each owner what the new rules give, and what those in force give.
        since: From when on.
    """
    new, old = _sums(it for it, _ in pairs), _sums(it for _, it in pairs)
    rules = tuple(
        RuleCost(*key, *new.get(key, (0, 0)), old.get(key, (0, 0))[1])
        for key in sorted({*new, *old})
    )
    by_owner = [_by_name(costs.by_rule) for costs, _ in pairs]
    totals = _by_name(new)
    amounts = {name: sorted(it.get(name, 0) for it in by_owner) for name in totals}
    return CostReport(
        owners=len(pairs),
        events=sum(costs.events for costs, _ in pairs),
        since=since,
        rules=rules,
        totals=totals,
        before=_by_name(old),
        most={name: it[-1] for name, it in amounts.items()},
        median={name: it[(len(it) - 1) // 2] for name, it in amounts.items()},
    )


def _sums(costs: Iterable[OwnerCosts]) -> dict[tuple[str, str], tuple[int, int]]:
    found: dict[tuple[str, str], tuple[int, int]] = {}
    for each in costs:
        for key, (times, amount) in each.by_rule.items():
            before = found.get(key, (0, 0))
            found[key] = (before[0] + times, before[1] + amount)
    return found


def _by_name(by_rule: Mapping[tuple[str, str], tuple[int, int]]) -> dict[str, int]:
    found: dict[str, int] = {}
    for (_, name), (_, amount) in by_rule.items():
        found[name] = found.get(name, 0) + amount
    return found
