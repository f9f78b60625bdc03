"""Defining quests and levels: each change is an entry in the log of definitions."""

from __future__ import annotations

from graphlib import CycleError, TopologicalSorter
from typing import TYPE_CHECKING, Any

from habitkit._codec import from_json, to_json
from habitkit.errors import InvalidInput, NotFound
from habitkit.quests.catalogs import catalog_of, expect_key
from habitkit.quests.definition_log import (
    add_definition,
    begin_definition,
    expect_currencies,
    expect_declared,
    expect_fields,
    expect_no_loops,
)
from habitkit.quests.domain import evaluation
from habitkit.quests.domain.levels import Levels
from habitkit.quests.domain.quest import Quest
from habitkit.quests.errors import DefinitionError
from habitkit.quests.settings import QuestSettings

if TYPE_CHECKING:
    from collections.abc import Mapping

    from habitkit.quests.domain.catalog import Catalog
    from habitkit.transaction import Transaction

__all__ = ["define", "get", "levels", "list_quests", "retire", "set_levels"]


def define(tx: Transaction, quest: Quest, *, by: str = "", note: str = "") -> Quest:
    """Define a quest, or a new version of one.

    Runs that are under way keep their version. Defining the same again changes nothing, except
    that a retired quest is back.

    Args:
        tx: The transaction.
        quest: The quest.
        by: Who defines it.
        note: Why.

    Returns:
        The quest.

    Raises:
        InvalidInput: If it is no ``Quest``, has an objective whose class is not in
            ``QuestSettings(objectives=[...])``, or reads a field that an event does not have.
        DefinitionError: If it requires a quest that does not exist, or, through others, itself; or
            what it gives would count for it, so that it could never be taken back.
        UnknownCurrency: If its reward has a currency that the kit's ``Economy`` does not declare.
    """
    given: object = quest
    if not isinstance(given, Quest):
        expected = "a Quest, such as Quest('five', 'Five days', Count(HabitCompleted, 5))"
        raise InvalidInput("quest", given=quest, expected=expected)
    content = quest.to_dict()
    kinds = tx.settings(QuestSettings).kinds
    if Quest.from_dict(quest.key, _plain(content), kinds) != quest:
        raise InvalidInput(
            "objective",
            given=quest.objective,
            expected="an objective whose from_dict makes the same again of what to_dict returns",
        )
    expect_currencies(tx, [quest.reward, *(tier.reward for tier in quest.tiers)])
    for leaf in evaluation.leaves(quest.objective):
        where, field = getattr(leaf, "where", None), getattr(leaf, "field", None)
        names = {*(() if where is None else where.names()), *(() if field is None else (field,))}
        for kind in leaf.types if names else ():
            expect_fields(tx, kind, names)
    catalog = begin_definition(tx)
    _expect_requirements(catalog, quest)
    expect_no_loops(catalog, quest=quest)
    last = catalog.quests.get(quest.key)
    if last is None or last[-1].quest != quest or quest.key in catalog.retired:
        add_definition(tx, catalog, "quest", quest.key, content, by=by, note=note)
    return quest


def retire(tx: Transaction, key: str, *, by: str = "", note: str = "") -> None:
    """Retire a quest, so that nobody can start it any more; runs that are under way go on.

    Args:
        tx: The transaction.
        key: The quest.
        by: Who retires it.
        note: Why.

    Raises:
        NotFound: If there is no such quest.
        InvalidInput: If it is no key of a quest.
        DefinitionError: If a quest that is not retired requires it.
    """
    expect_key(key)
    catalog = begin_definition(tx)
    if key not in catalog.quests:
        raise NotFound("quest", key)
    needed_by = [it.quest.key for it in catalog.active if key in it.quest.requires]
    if needed_by:
        expected = f"a quest that no other one requires; first retire or change {needed_by}"
        raise DefinitionError("key", given=key, expected=expected)
    if key not in catalog.retired:
        add_definition(tx, catalog, "quest", key, None, by=by, note=note)


def get(tx: Transaction, key: str) -> Quest:
    """Return the last version of a quest, retired ones too.

    Raises:
        NotFound: If there is no such quest.
        InvalidInput: If it is no key of a quest.
    """
    expect_key(key)
    catalog = catalog_of(tx)
    if key not in catalog.quests:
        raise NotFound("quest", key)
    return catalog.latest(key).quest


def list_quests(tx: Transaction) -> list[Quest]:
    """Return the quests that are not retired, in the order of their keys."""
    return [version.quest for version in catalog_of(tx).active]


def set_levels(tx: Transaction, levels: Levels, *, by: str = "", note: str = "") -> Levels:
    """Set how much of a currency each level needs.

    Owners whose level is another one now get the events for it when it next changes, or by
    ``kit.quests.rebuild``; ``kit.quests.level`` follows at once.

    Args:
        tx: The transaction.
        levels: The levels.
        by: Who changes them.
        note: Why.

    Raises:
        InvalidInput: If they are no ``Levels``.
        UnknownCurrency: If the kit's ``Economy`` does not declare their currency.
        DefinitionError: If a reward rule on ``LevelReached`` gives the currency of the levels.
    """
    given: object = levels
    if not isinstance(given, Levels):
        raise InvalidInput("levels", given=levels, expected="Levels, such as Levels.linear(100)")
    expect_declared(tx, {levels.currency})
    catalog = begin_definition(tx)
    expect_no_loops(catalog, levels=levels)
    if catalog.levels != levels:
        add_definition(tx, catalog, "levels", "", levels.to_dict(), by=by, note=note)
    return levels


def levels(tx: Transaction) -> Levels | None:
    """Return the levels, or None if there are none."""
    return catalog_of(tx).levels


def _expect_requirements(catalog: Catalog, quest: Quest) -> None:
    """Refuse requirements that do not exist, or lead back to the quest.

    Raises:
        DefinitionError: If so.
    """
    missing = [key for key in quest.requires if key not in catalog.quests]
    if missing:
        known = ", ".join(sorted(catalog.quests)) or "none"
        raise DefinitionError("requires", given=missing, expected=f"quests that exist: {known}")
    graph = {key: catalog.latest(key).quest.requires for key in catalog.quests}
    graph[quest.key] = quest.requires
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        cycle = " -> ".join(reversed(error.args[1]))
        expected = f"requirements that do not lead back to the quest, as {cycle} does"
        raise DefinitionError("requires", given=quest.requires, expected=expected) from None


def _plain(content: Mapping[str, Any]) -> Any:
    """Return what the store will give back."""
    return from_json(to_json(content))
