"""The catalog: all definitions together, indexed by the types of events that they read."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cached_property
from typing import TYPE_CHECKING

from attrs import frozen

from habitkit.quests.domain import evaluation
from habitkit.quests.domain.boosts import Boost
from habitkit.quests.domain.levels import Levels
from habitkit.quests.domain.quest import CREDITS, Quest, QuestVersion
from habitkit.quests.domain.rewards import Rule
from habitkit.quests.domain.rule_book import RuleBook, RuleVersion
from habitkit.quests.domain.streak_objective import ReachStreak

if TYPE_CHECKING:
    from habitkit.quests.domain.counted_events import CountedEvent
    from habitkit.quests.domain.runs import Definition

__all__ = ["ECONOMY", "Catalog"]

ECONOMY = "economy"
"""The key of the rule sets that were taken over from the kit's ``Economy``."""


@frozen(slots=False)  # cached properties need a __dict__
class Catalog:
    """The definitions in force.

    Attributes:
        revision: The number of the last change; 0 if nothing was ever defined.
        rule_versions: The versions of the reward rules; empty while the kit's ``Economy`` decides.
        economy: Those of them that were taken over from it.
        quests: The versions of each quest, oldest first.
        retired: The keys of quests that cannot be started any more.
        levels: The levels, or None.
        boosts: The boosts by their names, those that are over too.
        rules_in_code: The rules of the kit's ``Economy``, which boosts are for while it decides.
    """

    revision: int = 0
    rule_versions: tuple[RuleVersion, ...] = ()
    economy: tuple[RuleVersion, ...] = ()
    quests: Mapping[str, tuple[QuestVersion, ...]] = {}
    retired: frozenset[str] = frozenset()
    levels: Levels | None = None
    boosts: Mapping[str, Boost] = {}
    rules_in_code: tuple[RuleVersion, ...] = ()

    @classmethod
    def of(
        cls,
        definitions: Iterable[Definition],
        kinds: Mapping[str, type],
        rules_in_code: tuple[RuleVersion, ...] = (),
    ) -> Catalog:
        """Return the catalog of a log of definitions.

        Args:
            definitions: All of them, in order.
            kinds: The classes of objectives by their kind.
            rules_in_code: The rules of the kit's ``Economy``.

        Raises:
            InvalidInput: If a quest has an objective of another kind.
        """
        revision, levels = 0, None
        rules: list[RuleVersion] = []
        economy: list[RuleVersion] = []
        quests: dict[str, tuple[QuestVersion, ...]] = {}
        retired: set[str] = set()
        boosts: dict[str, Boost] = {}
        for each in definitions:
            revision, content = each.revision, each.content
            if each.kind == "boost":
                boosts.pop(each.key, None)
                if content is not None:
                    boosts[each.key] = Boost.from_dict(each.key, content)
            elif content is None:
                retired.add(each.key)
            elif each.kind == "rules":
                of_version = tuple(Rule.from_dict(it) for it in content["rules"])
                rules.append(RuleVersion(revision, each.effective, of_version))
                if each.key == ECONOMY:
                    economy.append(rules[-1])
            elif each.kind == "levels":
                levels = Levels.from_dict(content)
            else:
                quest = Quest.from_dict(each.key, content, kinds)
                version = QuestVersion(revision, quest, each.at)
                quests[each.key] = (*quests.get(each.key, ()), version)
                retired.discard(each.key)
        return cls(
            revision,
            tuple(rules),
            tuple(economy),
            quests,
            frozenset(retired),
            levels,
            boosts,
            rules_in_code,
        )

    @cached_property
    def book(self) -> RuleBook | None:
        """The reward rules by the types of events they are on.

        None if the ``Economy`` decides, and there never was a boost.
        """
        versions = self.rule_versions or (self.rules_in_code if self.boosts else ())
        return RuleBook(versions, tuple(self.boosts.values())) if versions else None

    @cached_property
    def quests_on(self) -> Mapping[str, tuple[str, ...]]:
        """The keys of the quests of which a version reads a type of events, by the type."""
        found: dict[str, dict[str, None]] = {}
        for key, versions in self.quests.items():
            for version in versions:
                for kind in evaluation.types_of(version.quest.objective):
                    found.setdefault(kind, {})[key] = None
        return {kind: tuple(keys) for kind, keys in found.items()}

    @cached_property
    def streak_quests(self) -> tuple[str, ...]:
        """The keys of the quests of which a version reads streaks."""
        return tuple(
            key
            for key, versions in self.quests.items()
            if any(it.quest.reads_streaks for it in versions)
        )

    @cached_property
    def repeating_streak_quests(self) -> tuple[str, ...]:
        """Those of them of which a version repeats."""
        return tuple(
            key
            for key in self.streak_quests
            if any(it.quest.repeat is not None for it in self.quests[key])
        )

    @cached_property
    def _quests_by_credit(self) -> Mapping[tuple[str, str], tuple[str, ...]]:
        found: dict[tuple[str, str], dict[str, None]] = {}
        for key, versions in self.quests.items():
            for version in versions:
                for leaf in evaluation.leaves(version.quest.objective):
                    reads_streaks = isinstance(leaf, ReachStreak)
                    for credit in CREDITS if reads_streaks else version.quest.credits:
                        for kind in leaf.types:
                            found.setdefault((kind, credit), {})[key] = None
        return {place: tuple(keys) for place, keys in found.items()}

    def quests_counting(self, event: CountedEvent) -> tuple[str, ...]:
        """Return the keys of the quests that an event can change, by its type and its credit."""
        return self._quests_by_credit.get((event.type, event.credit), ())

    @cached_property
    def dependents(self) -> Mapping[str, tuple[str, ...]]:
        """The quests that start by themselves and require another one, by the key of that one."""
        found: dict[str, list[str]] = {}
        for key in self.quests:
            quest = self.latest(key).quest
            if quest.start == "auto":
                for required in quest.requires:
                    found.setdefault(required, []).append(key)
        return {key: tuple(of_key) for key, of_key in found.items()}

    def latest(self, key: str) -> QuestVersion:
        """Return the last version of a quest that exists."""
        return self.quests[key][-1]

    def version(self, key: str, revision: int) -> QuestVersion:
        """Return the version of a quest with a revision, or the last one before it."""
        versions = self.quests[key]
        return next((it for it in reversed(versions) if it.revision <= revision), versions[0])

    @property
    def active(self) -> list[QuestVersion]:
        """The last versions of the quests that are not retired, in the order of their keys."""
        return [self.latest(key) for key in sorted(self.quests) if key not in self.retired]
