"""Quests, achievements, levels, and rewards as data.

The use cases are those of ``kit.quests``, for ``kit.run`` and reactions: ``quests.start(tx, ...)``.
"""

from typing import TYPE_CHECKING

from habitkit._lazy import lazy_names

if TYPE_CHECKING:
    from habitkit.quests.domain.amounts import PerField, Steps, per, steps
    from habitkit.quests.domain.boosts import Boost
    from habitkit.quests.domain.composites import All, Any, Sequence
    from habitkit.quests.domain.cost_report import CostReport, RuleCost
    from habitkit.quests.domain.counted_events import CountedEvent
    from habitkit.quests.domain.counting import Count, Distinct, Sum
    from habitkit.quests.domain.items_and_damage import Collect, Damage
    from habitkit.quests.domain.levels import Level, Levels
    from habitkit.quests.domain.objectives import Counted, Measured, Objective, Reached, StreakReach
    from habitkit.quests.domain.quest import Quest, Tier
    from habitkit.quests.domain.rewards import Reward, Rule
    from habitkit.quests.domain.rule_book import RuleVersion
    from habitkit.quests.domain.rule_limits import Once, PerDay, PerSlot
    from habitkit.quests.domain.runs import Contribution, Definition, Grant, Run
    from habitkit.quests.domain.streak_objective import ReachStreak
    from habitkit.quests.domain.views import Badge, QuestPart, QuestProgress, QuestRebuildReport
    from habitkit.quests.domain.windows import Window
    from habitkit.quests.errors import DefinitionError, QuestStateError
    from habitkit.quests.events import (
        BadgeUnlocked,
        ItemGranted,
        LevelReached,
        QuestAbandoned,
        QuestClaimed,
        QuestCompleted,
        QuestExpired,
        QuestsChanged,
        QuestStarted,
    )
    from habitkit.quests.service import (
        abandon,
        achievements,
        available,
        badges,
        boost,
        boosts,
        claim,
        define,
        end_boost,
        get,
        items,
        level,
        levels,
        list_quests,
        progress,
        rebuild,
        retire,
        rule_versions,
        rules,
        set_levels,
        set_rules,
        start,
    )
    from habitkit.quests.settings import QuestSettings
    from habitkit.quests.store import DEFINITIONS, QUESTS, DefinitionStore, QuestStore

__all__ = [
    "DEFINITIONS",
    "QUESTS",
    "All",
    "Any",
    "Badge",
    "BadgeUnlocked",
    "Boost",
    "Collect",
    "Contribution",
    "CostReport",
    "Count",
    "Counted",
    "CountedEvent",
    "Damage",
    "Definition",
    "DefinitionError",
    "DefinitionStore",
    "Distinct",
    "Grant",
    "ItemGranted",
    "Level",
    "LevelReached",
    "Levels",
    "Measured",
    "Objective",
    "Once",
    "PerDay",
    "PerField",
    "PerSlot",
    "Quest",
    "QuestAbandoned",
    "QuestClaimed",
    "QuestCompleted",
    "QuestExpired",
    "QuestPart",
    "QuestProgress",
    "QuestRebuildReport",
    "QuestSettings",
    "QuestStarted",
    "QuestStateError",
    "QuestStore",
    "QuestsChanged",
    "ReachStreak",
    "Reached",
    "Reward",
    "Rule",
    "RuleCost",
    "RuleVersion",
    "Run",
    "Sequence",
    "Steps",
    "StreakReach",
    "Sum",
    "Tier",
    "Window",
    "abandon",
    "achievements",
    "available",
    "badges",
    "boost",
    "boosts",
    "claim",
    "define",
    "end_boost",
    "get",
    "items",
    "level",
    "levels",
    "list_quests",
    "per",
    "progress",
    "rebuild",
    "retire",
    "rule_versions",
    "rules",
    "set_levels",
    "set_rules",
    "start",
    "steps",
]

if not TYPE_CHECKING:
    __getattr__ = lazy_names(
        __name__,
        __all__,
        [
            "domain.amounts",
            "domain.boosts",
            "domain.composites",
            "domain.cost_report",
            "domain.counted_events",
            "domain.counting",
            "domain.items_and_damage",
            "domain.levels",
            "domain.objectives",
            "domain.quest",
            "domain.rewards",
            "domain.rule_book",
            "domain.rule_limits",
            "domain.runs",
            "domain.streak_objective",
            "domain.views",
            "domain.windows",
            "errors",
            "events",
            "settings",
            "store",
            "service",
        ],
    )
