"""Rules and quests whose rewards would earn each other without end.

Rewards emit events: a currency ``CoinsPosted``, a badge ``BadgeUnlocked``, an item ``ItemGranted``,
and experience ``LevelReached``; a quest emits ``QuestCompleted``. A quest that can be taken back is
like a rule on each type of events that it counts: what it gives must not keep it complete once what
completed it is undone.

With an edge from each rule to what its reward emits, and from that to the rules that it may hold
for, the graph must have no cycle. A predicate counts as false only if it is false whatever the
fields are that are not known beforehand, by Kleene's three-valued logic (S. C. Kleene,
Introduction to Metamathematics, 1952, section 64).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from graphlib import CycleError, TopologicalSorter

from attrs import field, frozen

from habitkit.coins.events import CoinsPosted
from habitkit.predicates import Predicate
from habitkit.quests.domain import evaluation
from habitkit.quests.domain.quest import Quest
from habitkit.quests.domain.rewards import Reward, Rule
from habitkit.quests.errors import DefinitionError
from habitkit.quests.events import BadgeUnlocked, ItemGranted, LevelReached, QuestCompleted

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


@frozen
class _Node:
    """A rule, or a quest as far as it counts one type of events.

    Attributes:
        name: Its name.
        on: The type of the events.
        when: What has to hold for their fields, or None.
        gives: The rewards.
        quest: The key of the quest, or None.
    """

    name: str
    on: str
    when: Predicate | None
    gives: tuple[Reward, ...]
    quest: str | None = None


def check_loops(
    rules: Sequence[Rule],
    level_currency: str = "xp",
    levels: bool = False,  # noqa: FBT001, FBT002 - as a keyword
    quests: Iterable[Quest] = (),
) -> None:
    """Refuse rules and quests whose reward leads back to themselves, through any others.

    A limit is no way out: such rules would still earn each other until it is reached. A quest that
    is never taken back completes once and is no part of a loop.

    Args:
        rules: The rules that are in force together.
        level_currency: The currency that levels are reached with.
        levels: Whether there are levels.
        quests: The quests.

    Raises:
        DefinitionError: If there is such a rule or quest. It names the cycle: ``a -> b -> a``.
    """
    nodes = [_Node(rule.name, rule.on, rule.when, (rule.give,)) for rule in rules]
    nodes += [node for quest in quests if quest.revoke != "never" for node in _nodes_of(quest)]
    by_type: dict[str, list[int]] = {}
    for number, node in enumerate(nodes):
        by_type.setdefault(node.on, []).append(number)
    level = level_currency if levels else None
    sorter: TopologicalSorter[int | _Emitted] = TopologicalSorter()
    found: set[_Emitted] = set()
    for number, node in enumerate(nodes):
        for event in _emitted(node, level):
            if event.type not in by_type:
                continue
            sorter.add(event, number)
            if event not in found:
                found.add(event)
                for reached in by_type[event.type]:
                    if _may_reach(event, nodes[reached]):
                        sorter.add(reached, event)
    try:
        sorter.prepare()
    except CycleError as error:
        names = [nodes[node].name for node in _from_a_rule(error.args[1])]
        expected = (
            "no rule or quest whose reward leads back to it; change what one is on, or what it "
            'gives, or let a quest never be taken back: revoke="never"'
        )
        raise DefinitionError("rules", given=" -> ".join(names), expected=expected) from None


def _nodes_of(quest: Quest) -> Iterator[_Node]:
    gives = tuple(tier.reward for tier in quest.tiers)
    if quest.is_revocable(claimed=True):  # else the reward is given for good
        gives = (quest.reward, *gives)
    for leaf in evaluation.leaves(quest.objective):
        for kind in sorted(leaf.types):
            when = getattr(leaf, "where", None)
            yield _Node(f"quest {quest.key}", kind, when, gives, quest.key)


def _may_reach(event: _Emitted, node: _Node) -> bool:
    """Return whether an event may count for a rule or a quest; its own completion does not."""
    if event.type == QuestCompleted.__name__ and event.name == node.quest:
        return False
    return node.when is None or _holds(node.when, event.fields) is not False


def _from_a_rule(cycle: list[int | _Emitted]) -> list[int]:
    """Return the rules of a cycle, from the one that was defined first back to it."""
    rules = [node for node in cycle[1:] if isinstance(node, int)]
    first = rules.index(min(rules))
    return [*rules[first:], *rules[: first + 1]]


def _emitted(node: _Node, level_currency: str | None) -> Iterator[_Emitted]:
    if node.quest is not None:
        yield _Emitted(QuestCompleted.__name__, node.quest, {"quest": node.quest})
    for reward in node.gives:
        yield from _emitted_by(reward, level_currency)


def _emitted_by(reward: Reward, level_currency: str | None) -> Iterator[_Emitted]:
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
