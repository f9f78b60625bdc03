"""Defining quests, reward rules and levels: each change is an entry in the log of definitions."""

from __future__ import annotations

from datetime import UTC, datetime
from graphlib import CycleError, TopologicalSorter
from typing import TYPE_CHECKING, Any, Literal

from habitkit import ids
from habitkit._codec import from_json, to_json
from habitkit.clock import storable_instant
from habitkit.coins.errors import UnknownCurrency
from habitkit.coins.settings import CoinSettings
from habitkit.errors import InvalidInput, NotFound
from habitkit.quests.catalogs import catalog_of, forget_catalog
from habitkit.quests.domain.catalog import ECONOMY
from habitkit.quests.domain.levels import Levels
from habitkit.quests.domain.quest import Quest
from habitkit.quests.domain.rewards import Rule, expect_habit
from habitkit.quests.domain.rule_book import RuleVersion, versions_of
from habitkit.quests.domain.rule_loops import check_loops
from habitkit.quests.domain.runs import Definition
from habitkit.quests.errors import DefinitionError
from habitkit.quests.events import QuestsChanged
from habitkit.quests.settings import QuestSettings
from habitkit.quests.store import DEFINITIONS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from habitkit.quests.domain.catalog import Catalog
    from habitkit.transaction import Transaction

__all__ = [
    "checked_rules",
    "define",
    "get",
    "levels",
    "list_quests",
    "retire",
    "rule_versions",
    "rules",
    "set_levels",
    "set_rules",
]

_OWNER = ids.system_owner("quests")
_BEGINNING = datetime(2, 1, 1, tzinfo=UTC)
_MOST_RULES = 1000
_LONGEST_NOTE = 2000


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
        InvalidInput: If it is no ``Quest``, or has an objective whose class is not in
            ``QuestSettings(objectives=[...])``.
        DefinitionError: If it requires a quest that does not exist, or, through others, itself.
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
    _expect_currencies(tx, [quest.reward, *(tier.reward for tier in quest.tiers)])
    catalog = _begin(tx)
    _expect_requirements(catalog, quest)
    last = catalog.quests.get(quest.key)
    if last is None or last[-1].quest != quest or quest.key in catalog.retired:
        _add(tx, catalog, "quest", quest.key, content, by=by, note=note)
    return quest


def retire(tx: Transaction, key: str, *, by: str = "", note: str = "") -> None:
    """Retire a quest: it cannot be started any more; runs that are under way go on.

    Args:
        tx: The transaction.
        key: The quest.
        by: Who retires it.
        note: Why.

    Raises:
        NotFound: If there is no such quest.
        DefinitionError: If a quest that is not retired requires it.
    """
    catalog = _begin(tx)
    if key not in catalog.quests:
        raise NotFound("quest", key)
    needed_by = [it.quest.key for it in catalog.active if key in it.quest.requires]
    if needed_by:
        expected = f"a quest that no other one requires; first retire or change {needed_by}"
        raise DefinitionError("key", given=key, expected=expected)
    if key not in catalog.retired:
        _add(tx, catalog, "quest", key, None, by=by, note=note)


def get(tx: Transaction, key: str) -> Quest:
    """Return the last version of a quest, retired ones too.

    Raises:
        NotFound: If there is no such quest.
    """
    catalog = catalog_of(tx)
    if key not in catalog.quests:
        raise NotFound("quest", key)
    return catalog.latest(key).quest


def list_quests(tx: Transaction) -> list[Quest]:
    """Return the quests that are not retired, in the order of their keys."""
    return [version.quest for version in catalog_of(tx).active]


def set_rules(
    tx: Transaction,
    rules: Iterable[Rule],
    *,
    effective: datetime | None = None,
    by: str = "",
    note: str = "",
) -> RuleVersion:
    """Replace the reward rules, from an instant on.

    What was received before keeps the rules of its time. At the first call the rules of the kit's
    ``Economy`` are stored as those before; from then on the store decides.

    Args:
        tx: The transaction.
        rules: All rules that are to be in force then, each with a name of its own on its event.
        effective: From when on, aware; not in the past and after every change so far. Now by
            default.
        by: Who changes them.
        note: Why.

    Returns:
        The version.

    Raises:
        InvalidInput: If an argument is not acceptable; the message names it.
        DefinitionError: If the rewards of rules would earn each other without end.
        UnknownCurrency: If a reward has a currency that the kit's ``Economy`` does not declare.
    """
    checked = checked_rules(tx, rules)
    since = tx.now if effective is None else storable_instant(effective, "effective")
    catalog = _begin(tx)
    currency = "xp" if catalog.levels is None else catalog.levels.currency
    check_loops(checked, level_currency=currency, levels=catalog.levels is not None)
    _expect_later(tx, catalog, since)
    if not catalog.rule_versions:
        for version in versions_of(tx.settings(CoinSettings).economy):
            before = max(version.effective, _BEGINNING)
            catalog = _add_rules(tx, catalog, ECONOMY, before, version.rules, by=by, note=note)
    catalog = _add_rules(tx, catalog, "", since, checked, by=by, note=note)
    return catalog.rule_versions[-1]


def rules(tx: Transaction, *, at: datetime | None = None) -> RuleVersion:
    """Return the reward rules in force at an instant, those of the kit's ``Economy`` included.

    Args:
        tx: The transaction.
        at: The instant; now by default.
    """
    instant = tx.now if at is None else storable_instant(at)
    versions = rule_versions(tx)
    return next((it for it in reversed(versions) if it.effective <= instant), versions[0])


def rule_versions(tx: Transaction) -> list[RuleVersion]:
    """Return all versions of the reward rules, in the order in which they come into force."""
    stored = catalog_of(tx).rule_versions
    if stored:
        return sorted(stored, key=lambda version: version.effective)
    return list(versions_of(tx.settings(CoinSettings).economy))


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
    _expect_declared(tx, {levels.currency})
    catalog = _begin(tx)
    for version in catalog.rule_versions:
        check_loops(version.rules, level_currency=levels.currency, levels=True)
    if catalog.levels != levels:
        _add(tx, catalog, "levels", "", levels.to_dict(), by=by, note=note)
    return levels


def levels(tx: Transaction) -> Levels | None:
    """Return the levels, or None if there are none."""
    return catalog_of(tx).levels


def _begin(tx: Transaction) -> Catalog:
    """Lock the definitions and return them.

    Raises:
        NotFound: In the scope of one owner: they belong to nobody.
    """
    if tx.scope is not None:
        raise NotFound("quest", None)
    tx.lock(_OWNER)
    forget_catalog(tx)  # it may have been read before the lock was taken
    return catalog_of(tx)


def _add(
    tx: Transaction,
    catalog: Catalog,
    kind: Literal["rules", "quest", "levels"],
    key: str,
    content: Mapping[str, Any] | None,
    *,
    effective: datetime | None = None,
    by: str,
    note: str,
) -> Catalog:
    """Add a definition, and return what they are now."""
    texts: dict[str, object] = {"by": by, "note": note}
    for name, text in texts.items():
        if not isinstance(text, str) or len(text) > _LONGEST_NOTE:
            expected = f"a text of at most {_LONGEST_NOTE} characters"
            raise InvalidInput(name, given=text, expected=expected)
    revision = catalog.revision + 1
    tx.port(DEFINITIONS).add(
        Definition(
            id=tx.new_id(),
            revision=revision,
            at=tx.now,
            kind=kind,
            key=key,
            effective=effective or tx.now,
            content=content,
            by=by,
            note=note,
        )
    )
    forget_catalog(tx)
    tx.emit(_OWNER, [QuestsChanged(_OWNER, tx.now, revision, kind, key)])
    return catalog_of(tx)


def _add_rules(
    tx: Transaction,
    catalog: Catalog,
    key: str,
    effective: datetime,
    rules: Sequence[Rule],
    *,
    by: str,
    note: str,
) -> Catalog:
    content = {"rules": [rule.to_dict() for rule in rules]}
    return _add(tx, catalog, "rules", key, content, effective=effective, by=by, note=note)


def checked_rules(tx: Transaction, rules: Iterable[Rule]) -> tuple[Rule, ...]:
    """Return valid rules."""
    found = tuple(rules) if not isinstance(rules, Rule) else (rules,)
    if len(found) > _MOST_RULES or not all(isinstance(rule, Rule) for rule in found):
        expected = f"at most {_MOST_RULES} rules, such as Rule('done', HabitCompleted, ...)"
        raise InvalidInput("rules", given=rules, expected=expected)
    RuleVersion(0, tx.now, found)  # refuses two rules of one name
    for rule in found:
        kind = tx.vocabulary.get(rule.on)
        if kind is not None:
            expect_habit(rule, kind)
    _expect_currencies(tx, [rule.give for rule in found])
    return found


def _expect_later(tx: Transaction, catalog: Catalog, since: datetime) -> None:
    """Refuse rules for a time that has passed, or before a change that is there."""
    last = max((version.effective for version in catalog.rule_versions), default=_BEGINNING)
    if since < tx.now or since < last:
        expected = f"an instant from {max(tx.now, last).isoformat()} on"
        raise InvalidInput("effective", given=since, expected=expected)


def _expect_currencies(tx: Transaction, rewards: Iterable[Any]) -> None:
    _expect_declared(tx, {name for reward in rewards for name in reward.currency_names})


def _expect_declared(tx: Transaction, currencies: set[str]) -> None:
    """Refuse currencies that the kit does not have."""
    declared = tx.settings(CoinSettings).economy.currencies
    for name in sorted(currencies - declared):
        known = ", ".join(sorted(declared))
        expected = f"one of: {known}; declare others by Economy(..., currencies=...)"
        raise UnknownCurrency("currency", given=name, expected=expected)


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
