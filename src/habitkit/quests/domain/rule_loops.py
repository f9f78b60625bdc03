"""Rules whose rewards would earn each other without end.

Rewards emit events: a currency ``CoinsPosted``, a badge ``BadgeUnlocked``, an item ``ItemGranted``,
and experience ``LevelReached``. With an edge from each rule to what its reward emits, and from that
to the rules that it may hold for, the graph must have no cycle. A predicate counts as false only if
it is false whatever the fields are that are not known beforehand, by Kleene's three-valued logic
(S. C. Kleene, Introduction to Metamathematics, 1952, section 64).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from graphlib import CycleError, TopologicalSorter

from attrs import field, frozen

from habitkit.coins.events import CoinsPosted
from habitkit.predicates import Predicate
from habitkit.quests.domain.rewards import Reward, Rule
from habitkit.quests.errors import DefinitionError
from habitkit.quests.events import BadgeUnlocked, ItemGranted, LevelReached

__all__ = ["check_loops"]

_KINDS_OF_REWARDS = ("reward", "correction")


@frozen
class _Emitted:
    """An event that a reward emits, as far as it is known.

    Attributes:
        type: Its type.
        name: What tells it from others of the type.
        fields: The fields that are known.
    """

    type: str
    name: str
    fields: Mapping[str, str] = field(hash=False)


def check_loops(rules: Sequence[Rule], level_currency: str = "xp", levels: bool = False) -> None:  # noqa: FBT001, FBT002
    """Refuse rules whose reward leads back to the same rule, through any others.

    A limit is no way out: such rules would still earn each other until it is reached.

    Args:
        rules: The rules that are in force together.
        level_currency: The currency that levels are reached with.
        levels: Whether there are levels.

    Raises:
        DefinitionError: If there is such a rule. It names the cycle: ``a -> b -> a``.
    """
    by_type: dict[str, list[int]] = {}
    for number, rule in enumerate(rules):
        by_type.setdefault(rule.on, []).append(number)
    level = level_currency if levels else None
    sorter: TopologicalSorter[int | _Emitted] = TopologicalSorter()
    found: set[_Emitted] = set()
    for number, rule in enumerate(rules):
        for event in _emitted(rule.give, level):
            if event.type not in by_type:
                continue
            sorter.add(event, number)
            if event not in found:
                found.add(event)
                for reached in by_type[event.type]:
                    when = rules[reached].when
                    if when is None or _holds(when, event.fields) is not False:
                        sorter.add(reached, event)
    try:
        sorter.prepare()
    except CycleError as error:
        names = [rules[node].name for node in _from_a_rule(error.args[1])]
        expected = "no rule whose reward leads back to it; change what one is on, or what it gives"
        raise DefinitionError("rules", given=" -> ".join(names), expected=expected) from None


def _from_a_rule(cycle: list[int | _Emitted]) -> list[int]:
    """Return the rules of a cycle, from the one that was defined first back to it."""
    rules = [node for node in cycle[1:] if isinstance(node, int)]
    first = rules.index(min(rules))
    return [*rules[first:], *rules[: first + 1]]


def _emitted(reward: Reward, level_currency: str | None) -> Iterator[_Emitted]:
    for currency in reward.currency_names:
        for kind in _KINDS_OF_REWARDS:
            fields = {"currency": currency, "kind": kind}
            yield _Emitted(CoinsPosted.__name__, f"{currency}:{kind}", fields)
        if currency == level_currency:
            yield _Emitted(LevelReached.__name__, "", {})
    if reward.badge is not None:
        yield _Emitted(BadgeUnlocked.__name__, reward.badge, {"badge": reward.badge})
    if reward.item is not None:
        yield _Emitted(ItemGranted.__name__, reward.item, {"item": reward.item})


def _holds(predicate: Predicate, known: Mapping[str, str]) -> bool | None:
    """Tell whether a predicate holds for known fields; None if it depends on others."""
    if not predicate.parts:
        return predicate.holds(known) if predicate.name.split(".")[0] in known else None
    parts = [_holds(part, known) for part in predicate.parts]
    if predicate.op == "not":
        return None if parts[0] is None else not parts[0]
    return _decided(parts, by=predicate.op == "or")


def _decided(parts: Iterable[bool | None], *, by: bool) -> bool | None:
    """Return what parts give of which one is enough: a true one by "or", a false one by "and"."""
    found = set(parts)
    if by in found:
        return by
    return None if None in found else not by
