"""The service ``kit.quests``: a list of its use cases."""

from __future__ import annotations

from habitkit.binding import M, Service, action, query, workflow
from habitkit.quests.definitions import (
    define,
    get,
    levels,
    list_quests,
    retire,
    rule_versions,
    rules,
    set_levels,
    set_rules,
)
from habitkit.quests.previews import preview
from habitkit.quests.queries import achievements, available, badges, items, level, progress
from habitkit.quests.rebuilding import rebuild, rebuild_owners
from habitkit.quests.runs import abandon, claim, start

__all__ = [
    "KitQuestService",
    "QuestService",
    "abandon",
    "achievements",
    "available",
    "badges",
    "claim",
    "define",
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


class _Verbs(Service[M]):
    """What both services have."""

    define = action(define)
    retire = action(retire)
    set_rules = action(set_rules)
    set_levels = action(set_levels)
    start = action(start)
    claim = action(claim)
    abandon = action(abandon)
    get = query(get)
    list = query(list_quests)
    rules = query(rules)
    rule_versions = query(rule_versions)
    levels = query(levels)
    available = query(available)
    progress = query(progress)
    achievements = query(achievements)
    badges = query(badges)
    items = query(items)
    level = query(level)


class QuestService(_Verbs[M]):
    """The methods of ``kit.on(session).quests`` and ``kit.owned_by(owner).quests``."""

    rebuild = action(rebuild)


class KitQuestService(_Verbs[M]):
    """The methods of ``kit.quests``: what goes through all owners takes many transactions."""

    rebuild = workflow(rebuild_owners)
    preview = workflow(preview)
