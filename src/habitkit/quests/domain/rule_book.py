"""All rules that were ever in force, by the types of events that they are on.

Rules change while facts keep arriving, late ones too. An event is due what the version says that
was in force when its fact was received, and nothing by the rules of other versions: these are
mentioned with the amount 0, as one of them may have been settled before.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from functools import cached_property
from typing import Any

from attrs import evolve, field, frozen

from habitkit.coins.domain.economy import Economy, RewardRule
from habitkit.errors import InvalidInput
from habitkit.events import Retracted
from habitkit.quests.domain.boosts import Boost, BoostTimes, boosted
from habitkit.quests.domain.counted_events import CountedEvent
from habitkit.quests.domain.rewards import Due, Reward, Rule

__all__ = ["RuleBook", "RuleVersion", "versions_of"]


def _by_type(rules: Iterable[Rule]) -> dict[str, tuple[Rule, ...]]:
    found: dict[str, list[Rule]] = {}
    for rule in rules:
        found.setdefault(rule.on, []).append(rule)
    return {name: tuple(each) for name, each in found.items()}


def _different(rules: tuple[Rule, ...], places: list[Any], expected: str) -> None:
    if len(set(places)) < len(places):
        given = sorted(rule.name for rule in rules)
        raise InvalidInput("rules", given=given, expected=expected)


def _in_utc(given: datetime) -> datetime:
    untyped: Any = given
    if isinstance(untyped, datetime) and untyped.utcoffset() is not None:
        return untyped if untyped.tzinfo is UTC else untyped.astimezone(UTC)
    raise InvalidInput("effective", given=given, expected="an aware datetime")


def _rules(given: Iterable[Rule]) -> tuple[Rule, ...]:
    rules = tuple(given)
    untyped: tuple[Any, ...] = rules
    if not all(isinstance(each, Rule) for each in untyped):
        raise InvalidInput("rules", given=given, expected="rules, such as [Rule(...)]")
    return rules


@frozen
class RuleVersion:
    """The rules that are in force from an instant on.

    Attributes:
        revision: The number of the definition; 0 for rules of an ``Economy``.
        effective: From when on, in UTC: what was received earlier is due by the version before.
        rules: The rules.
    """

    revision: int
    effective: datetime = field(converter=_in_utc)
    rules: tuple[Rule, ...] = field(converter=_rules)

    def __attrs_post_init__(self) -> None:
        """Refuse two rules whose rewards would have the same keys, or one count."""
        places = [(rule.on, rule.name) for rule in self.rules]
        _different(self.rules, places, "a different name for each rule on the same event")
        limited = [rule.name for rule in self.rules if rule.limit is not None]
        _different(self.rules, limited, "a different name for each rule with a limit")

    @cached_property
    def by_type(self) -> Mapping[str, tuple[Rule, ...]]:
        """The rules by the type of events that they are on."""
        return _by_type(self.rules)


def _by_time(versions: Iterable[RuleVersion]) -> tuple[RuleVersion, ...]:
    return tuple(sorted(versions, key=lambda each: (each.effective, each.revision)))


@frozen
class RuleBook:
    """All versions of the rules.

    Attributes:
        versions: The versions, sorted by the instants from when on they are in force; of those of
            one instant the one with the largest revision holds.
        boosts: The boosts of all times.
    """

    versions: tuple[RuleVersion, ...] = field(default=(), converter=_by_time)
    boosts: tuple[Boost, ...] = ()

    @cached_property
    def types(self) -> frozenset[str]:
        """The types of events that any rule of any time is on."""
        return frozenset().union(*(version.by_type for version in self.versions))

    @cached_property
    def _instants(self) -> list[datetime]:
        return [version.effective for version in self.versions]

    @cached_property
    def _ever(self) -> Mapping[str, tuple[Rule, ...]]:
        """All different rules by type, in the order in which they were in force last."""
        rules = [rule for version in self.versions for rule in version.rules]
        return _by_type(reversed(dict.fromkeys(reversed(rules))))

    @cached_property
    def _limited(self) -> Mapping[str, tuple[Rule, ...]]:
        found = {
            name: tuple(r for r in each if r.limit is not None) for name, each in self._ever.items()
        }
        return {name: each for name, each in found.items() if each}

    @cached_property
    def limited_named(self) -> Mapping[str, tuple[Rule, ...]]:
        """All different rules with a limit that were ever in force, by their names."""
        found: dict[str, tuple[Rule, ...]] = {}
        for each in self._limited.values():
            for rule in each:
                found[rule.name] = (*found.get(rule.name, ()), rule)
        return found

    @cached_property
    def _nothing(self) -> Mapping[str, tuple[Due, ...]]:
        """By type what rules without a limit can give, with the rule's name as the place."""
        found: dict[str, tuple[Due, ...]] = {}
        for name, rules in self._ever.items():
            dues = [due for r in rules if r.limit is None for due in r.give.nothing(f":{r.name}")]
            if dues:
                found[name] = tuple(reversed(dict.fromkeys(reversed(dues))))
        return found

    @cached_property
    def _boost_times(self) -> BoostTimes:
        return BoostTimes(self.boosts)

    def version_at(self, instant: datetime) -> RuleVersion | None:
        """Return the version in force at an instant; None before the first one."""
        reached = bisect_right(self._instants, instant)
        return self.versions[reached - 1] if reached else None

    def due(self, event: CountedEvent) -> list[Due]:
        """Return what an event is due by the rules without a limit.

        What such a rule of any time could give, and does not for this event, has the amount 0. For
        what is sealed nothing is mentioned: it stays as it is.

        Args:
            event: The event, or a retraction.
        """
        nothing = () if event.sealed else self._nothing.get(event.type, ())
        if not nothing:
            return []
        found: dict[tuple[bool, str], Due] = {}
        for each in nothing:  # a currency's key may be that of a badge, which is kept elsewhere
            due = Due(event.key + each.key, each.kind, each.name, 0)
            found[due.kind == "currency", due.key] = due
        for rule in self.in_force(event):
            if rule.limit is None:
                for due in self.given(rule, event, f"{event.key}:{rule.name}"):
                    found[due.kind == "currency", due.key] = due
        return list(found.values())

    def given(self, rule: Rule, event: CountedEvent, place: str) -> list[Due]:
        """Return what a rule gives for an event, with the boosts that held when it was received.

        Args:
            rule: The rule.
            event: The event.
            place: What entitles to it: ``{event.key}:{rule}``.
        """
        dues = rule.give.dues(place, event.fields)
        at = event.received_at
        boosts = self._boost_times.at(at) if self.boosts else ()
        if not boosts:
            return dues
        return [
            evolve(due, amount=boosted(due.amount, due.name, at, boosts))
            if due.kind == "currency"
            else due
            for due in dues
        ]

    def limited(self, type: str) -> tuple[Rule, ...]:  # noqa: A002 - the type of events is called so
        """Return all different rules with a limit that were ever on a type of events.

        A rule of one name may have had no limit in another version. So lay what these rules do not
        give, the amounts 0, below what ``due`` returns, and what they give above it.
        """
        return self._limited.get(type, ())

    def limited_in_force(self, event: CountedEvent) -> tuple[Rule, ...]:
        """Return the rules with a limit that an event counts for.

        There are none for a retraction, for what is sealed, and without full credit.
        """
        if event.sealed or event.type not in self._limited:
            return ()
        return tuple(rule for rule in self.in_force(event) if rule.limit is not None)

    def in_force(self, event: CountedEvent) -> Iterable[Rule]:
        """Return the rules that hold for an event."""
        if event.retracted or event.credit != "full":
            return ()
        version = self.version_at(event.received_at)
        rules = () if version is None else version.by_type.get(event.type, ())
        return (r for r in rules if r.when is None or r.when.holds(event.fields))


def versions_of(economy: Economy) -> tuple[RuleVersion, ...]:
    """Return the rules of an economy as versions, with the revision 0.

    What they are due has the same keys and amounts as by ``habitkit.coins.domain.entitlements``.
    """
    return tuple(
        RuleVersion(0, each.since, [_as_rule(r) for r in each.rules if r.on is not Retracted])
        for each in economy.rule_sets
    )


def _as_rule(given: RewardRule) -> Rule:
    amounts = {given.currency: given.give}
    reward = Reward(coins=amounts.pop("coin", 0), xp=amounts.pop("xp", 0), currencies=amounts)
    return Rule.of_economy(given.name, given.on, reward)
