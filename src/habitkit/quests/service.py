"""The service ``kit.quests``: a list of its use cases."""

from __future__ import annotations

from habitkit.binding import M, Service, action, query, workflow
from habitkit.quests.boost_definitions import boost, boosts, end_boost
from habitkit.quests.definitions import define, get, levels, list_quests, retire, set_levels
from habitkit.quests.previews import preview
from habitkit.quests.queries import achievements, available, badges, items, level, progress
from habitkit.quests.rebuilding import rebuild, rebuild_owners
from habitkit.quests.rule_definitions import rule_versions, rules, set_rules
from habitkit.quests.runs import abandon, claim, start

__all__ = [
    "KitQuestService",
    "OwnedQuestService",
    "QuestService",
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
    "progress",
    "rebuild",
    "retire",
    "rule_versions",
    "rules",
    "set_levels",
    "set_rules",
    "start",
]


class _OwnersVerbs(Service[M]):
    """What an owner can do and see."""

    start = action(start)
    claim = action(claim)
    abandon = action(abandon)
    get = query(get)
    list = query(list_quests)
    rules = query(rules)
    rule_versions = query(rule_versions)
    levels = query(levels)
    boosts = query(boosts)
    available = query(available)
    progress = query(progress)
    achievements = query(achievements)
    badges = query(badges)
    items = query(items)
    level = query(level)


class OwnedQuestService(_OwnersVerbs[M]):
    """The methods of ``kit.owned_by(owner).quests``."""

    rebuild = action(rebuild)


class _AllVerbs(_OwnersVerbs[M]):
    """What the back office can do too."""

    define = action(define)
    retire = action(retire)
    set_rules = action(set_rules)
    set_levels = action(set_levels)
    boost = action(boost)
    end_boost = action(end_boost)


class QuestService(_AllVerbs[M]):
    """The methods of ``kit.on(session).quests``."""

    rebuild = action(rebuild)


class KitQuestService(_AllVerbs[M]):
    """The methods of ``kit.quests``: what goes through all owners takes many transactions."""

    rebuild = workflow(rebuild_owners)
    preview = workflow(preview)
