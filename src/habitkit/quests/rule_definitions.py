"""Setting the reward rules, whose versions are kept, and reading them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from habitkit.clock import storable_instant
from habitkit.coins.settings import CoinSettings
from habitkit.errors import InvalidInput
from habitkit.quests.catalogs import catalog_of
from habitkit.quests.definition_log import (
    NewDefinition,
    add_definitions,
    begin_definition,
    expect_currencies,
    expect_fields,
    expect_no_loops,
)
from habitkit.quests.domain.amounts import PerField, Steps
from habitkit.quests.domain.catalog import ECONOMY
from habitkit.quests.domain.rewards import Rule, expect_habit
from habitkit.quests.domain.rule_book import RuleVersion, versions_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from habitkit.transaction import Transaction

__all__ = ["checked_rules", "rule_versions", "rules", "set_rules"]

_BEGINNING = datetime(2, 1, 1, tzinfo=UTC)
_MOST_RULES = 1000


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
            default: an action that is under way at this very moment may still use the old rules,
            so choose an instant that has not come yet where that matters.
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
    catalog = begin_definition(tx)
    expect_no_loops(catalog, rules=checked)
    _expect_later(tx, since)
    new = [_as_definition("", since, checked)]
    if not catalog.rule_versions:
        new[:0] = [
            _as_definition(ECONOMY, max(version.effective, _BEGINNING), version.rules)
            for version in versions_of(tx.settings(CoinSettings).economy)
        ]
    return add_definitions(tx, catalog, new, by=by, note=note).rule_versions[-1]


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


def _as_definition(key: str, effective: datetime, rules: Iterable[Rule]) -> NewDefinition:
    return NewDefinition("rules", key, {"rules": [rule.to_dict() for rule in rules]}, effective)


def checked_rules(tx: Transaction, rules: Iterable[Rule]) -> tuple[Rule, ...]:
    """Return valid rules.

    Raises:
        InvalidInput: If they are not.
    """
    found = tuple(rules) if not isinstance(rules, Rule) else (rules,)
    if len(found) > _MOST_RULES or not all(isinstance(rule, Rule) for rule in found):
        expected = f"at most {_MOST_RULES} rules, such as Rule('done', HabitCompleted, ...)"
        raise InvalidInput("rules", given=rules, expected=expected)
    RuleVersion(0, tx.now, found)  # refuses two rules of one name
    for rule in found:
        kind = tx.vocabulary.get(rule.on)
        if kind is not None:
            expect_habit(rule, kind)
        amounts = [part.amount for part in rule.give.parts]
        names = {it.field for it in amounts if isinstance(it, PerField | Steps)}
        expect_fields(tx, rule.on, names if rule.when is None else names | rule.when.names())
    expect_currencies(tx, [rule.give for rule in found])
    return found


def _expect_later(tx: Transaction, since: datetime) -> None:
    """Refuse rules for a time that has passed, or before a change that is there."""
    last = max(version.effective for version in rule_versions(tx))
    if since < tx.now or since < last:
        expected = f"an instant from {max(tx.now, last).isoformat()} on"
        raise InvalidInput("effective", given=since, expected=expected)
