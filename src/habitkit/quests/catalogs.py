"""The catalog of a transaction: read from the store when it has changed, and cached by a kit."""

from __future__ import annotations

from collections import OrderedDict
from threading import Lock
from typing import TYPE_CHECKING, cast

from habitkit.coins.settings import CoinSettings
from habitkit.errors import ConfigurationError, InvalidInput
from habitkit.quests.domain.catalog import Catalog
from habitkit.quests.domain.quest import is_quest_key
from habitkit.quests.domain.rule_book import versions_of
from habitkit.quests.settings import QuestSettings
from habitkit.quests.store import DEFINITIONS

if TYPE_CHECKING:
    from collections.abc import Sequence
    from uuid import UUID

    from habitkit.options import KitSettings
    from habitkit.quests.domain.rewards import Rule
    from habitkit.transaction import Transaction

__all__ = ["CatalogCache", "catalog_of", "expect_key", "forget_catalog"]

_CACHED = "quests.catalog"
_MOST_CATALOGS = 8  # a kit that works for several tenants sees as many catalogs

_EMPTY = Catalog()


class CatalogCache:
    """The catalogs that a kit has seen last, by the id of their last definition: a resident."""

    def __init__(self, settings: KitSettings) -> None:
        """Begin empty."""
        self._kinds = settings.of(QuestSettings).kinds
        self._economy = versions_of(settings.of(CoinSettings).economy)
        self._catalogs: OrderedDict[UUID, Catalog] = OrderedDict()
        self._lock = Lock()

    def get(self, tx: Transaction) -> Catalog:
        """Return the catalog as a transaction sees it.

        Raises:
            ConfigurationError: If the stored rules began with another ``Economy`` than the kit's,
                or a quest has an objective whose class the kit does not know.
        """
        definitions = tx.port(DEFINITIONS)
        newest = definitions.newest()
        if newest is None:
            return _EMPTY
        with self._lock:
            catalog = self._catalogs.get(newest)
            if catalog is not None:
                self._catalogs.move_to_end(newest)
                return catalog
        try:
            catalog = Catalog.of(definitions.after(0), self._kinds, self._economy)
        except InvalidInput as error:  # an objective of a class that this kit does not have
            msg = f"the definitions of quests cannot be read: {error}"
            raise ConfigurationError(msg) from error
        self._expect_economy(catalog)
        with self._lock:
            self._catalogs[newest] = catalog
            if len(self._catalogs) > _MOST_CATALOGS:
                self._catalogs.popitem(last=False)
        return catalog

    def _expect_economy(self, catalog: Catalog) -> None:
        """Refuse an ``Economy`` whose rules are not those that the store has taken over."""
        stored = [version.rules for version in catalog.economy]
        given = [version.rules for version in self._economy]
        if stored and stored != given:
            msg = (
                "economy: the store keeps the reward rules since kit.quests.set_rules was called, "
                f"and took over {_names(stored)}; expected an Economy with these rules, got "
                f"{_names(given)}; give it the rules that it had then, and change rules by "
                "kit.quests.set_rules"
            )
            raise ConfigurationError(msg)

    def close(self) -> None:
        """Hold nothing."""

    def after_fork(self) -> None:
        """Make a new lock: another thread may have held the old one."""
        self._lock = Lock()


def _names(versions: Sequence[Sequence[Rule]]) -> str:
    return f"{len(versions)} rule set(s): {[[rule.name for rule in rules] for rules in versions]}"


def catalog_of(tx: Transaction) -> Catalog:
    """Return the definitions in force, read once in a transaction."""
    found = tx.cache.get(_CACHED)
    if found is None:
        cache = cast("CatalogCache", tx.resident("quests"))
        found = tx.cache[_CACHED] = cache.get(tx)
    return cast("Catalog", found)


def expect_key(key: object) -> None:
    """Refuse what cannot be the key of a quest.

    Raises:
        InvalidInput: If it cannot.
    """
    if not is_quest_key(key):
        raise InvalidInput("key", given=key, expected="the key of a quest")


def forget_catalog(tx: Transaction) -> None:
    """Let the transaction read the definitions again, as it has added one."""
    tx.cache.pop(_CACHED, None)
