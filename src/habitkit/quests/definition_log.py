"""The log of definitions: adding to it, and what all definitions have to meet."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from attrs import field, frozen
from attrs import fields as fields_of

from habitkit import ids
from habitkit._text import storable
from habitkit.coins.errors import UnknownCurrency
from habitkit.coins.settings import CoinSettings
from habitkit.errors import InvalidInput, NotFound
from habitkit.quests.catalogs import catalog_of, forget_catalog
from habitkit.quests.domain.rule_loops import check_loops
from habitkit.quests.domain.runs import Definition, DefinitionKind
from habitkit.quests.events import QuestsChanged
from habitkit.quests.store import DEFINITIONS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

    from habitkit.quests.domain.catalog import Catalog
    from habitkit.quests.domain.levels import Levels
    from habitkit.quests.domain.quest import Quest
    from habitkit.quests.domain.rewards import Reward, Rule
    from habitkit.transaction import Transaction

__all__ = [
    "NewDefinition",
    "add_definition",
    "add_definitions",
    "begin_definition",
    "expect_currencies",
    "expect_declared",
    "expect_fields",
    "expect_no_loops",
]

_OWNER = ids.system_owner("quests")
_LONGEST_NOTE = 2000


def begin_definition(tx: Transaction) -> Catalog:
    """Lock the definitions and return them.

    Raises:
        NotFound: In the scope of one owner: they belong to nobody.
    """
    if tx.scope is not None:
        raise NotFound("quest", None)
    tx.lock(_OWNER)
    forget_catalog(tx)  # it may have been read before the lock was taken
    return catalog_of(tx)


def add_definition(
    tx: Transaction,
    catalog: Catalog,
    kind: DefinitionKind,
    key: str,
    content: Mapping[str, Any] | None,
    *,
    effective: datetime | None = None,
    by: str,
    note: str,
) -> Catalog:
    """Add a definition, and return what they are now.

    Raises:
        InvalidInput: If who made it, or why, is no text or too long.
    """
    new = NewDefinition(kind, key, content, effective)
    return add_definitions(tx, catalog, [new], by=by, note=note)


@frozen
class NewDefinition:
    """A definition to be added.

    Attributes:
        kind: As of ``Definition``.
        key: As of ``Definition``.
        content: As of ``Definition``.
        effective: From when on it counts; now by default.
    """

    kind: DefinitionKind
    key: str
    content: Mapping[str, Any] | None = field(hash=False)
    effective: datetime | None = None


def add_definitions(
    tx: Transaction, catalog: Catalog, new: Iterable[NewDefinition], *, by: str, note: str
) -> Catalog:
    """Add definitions that belong together, and return what they are now.

    Nothing reads them, and no event tells of them, before the last one is there.

    Raises:
        InvalidInput: If who made them, or why, is no text or too long.
    """
    texts: dict[str, object] = {"by": by, "note": note}
    for name, text in texts.items():
        if not (isinstance(text, str) and len(text) <= _LONGEST_NOTE and storable(text)):
            expected = f"a text of at most {_LONGEST_NOTE} characters, valid UTF-8 without NUL"
            raise InvalidInput(name, given=text, expected=expected)
    events = []
    for revision, it in enumerate(new, catalog.revision + 1):
        tx.port(DEFINITIONS).add(
            Definition(
                id=tx.new_id(),
                revision=revision,
                at=tx.now,
                kind=it.kind,
                key=it.key,
                effective=it.effective or tx.now,
                content=it.content,
                by=by,
                note=note,
            )
        )
        events.append(QuestsChanged(_OWNER, tx.now, revision, it.kind, it.key))
    forget_catalog(tx)
    tx.emit(_OWNER, events)
    return catalog_of(tx)


def expect_currencies(tx: Transaction, rewards: Iterable[Reward]) -> None:
    """Refuse rewards in currencies that the kit does not have."""
    expect_declared(tx, {name for reward in rewards for name in reward.currency_names})


def expect_declared(tx: Transaction, currencies: set[str]) -> None:
    """Refuse currencies that the kit does not have.

    Raises:
        UnknownCurrency: If there is one.
    """
    declared = tx.settings(CoinSettings).economy.currencies
    for name in sorted(currencies - declared):
        known = ", ".join(sorted(declared))
        expected = f"one of: {known}; declare others by Economy(..., currencies=...)"
        raise UnknownCurrency("currency", given=name, expected=expected)


def expect_fields(tx: Transaction, kind: str, names: Iterable[str]) -> None:
    """Refuse fields that events of a known class do not have.

    Args:
        tx: The transaction.
        kind: The type of the events.
        names: The names of the fields; of a nested one the path to it, with dots.

    Raises:
        InvalidInput: If there is no such field.
    """
    known = tx.vocabulary.get(kind)
    if known is None:  # a host's own may have any
        return
    there = {each.name for each in fields_of(known)} - {"owner", "at"}
    wrong = sorted(name for name in names if name.split(".")[0] not in there)
    if wrong:
        expected = f"a field of {kind}: {', '.join(sorted(there))}"
        raise InvalidInput("field", given=wrong[0], expected=expected)


def expect_no_loops(
    catalog: Catalog,
    *,
    rules: Sequence[Rule] | None = None,
    quest: Quest | None = None,
    levels: Levels | None = None,
) -> None:
    """Refuse rules and quests that would earn each other without end.

    Args:
        catalog: What is defined.
        rules: The rules that are to be in force; those of all versions by default.
        quest: A quest that is to be defined.
        levels: Levels that are to be set.
    """
    levels = levels or catalog.levels
    currency = "xp" if levels is None else levels.currency
    quests = {version.quest.key: version.quest for version in catalog.active}
    if quest is not None:
        quests[quest.key] = quest
    versions = [version.rules for version in catalog.rule_versions] or [()]
    for of_version in versions if rules is None else [rules]:
        check_loops(of_version, currency, levels is not None, quests.values())
