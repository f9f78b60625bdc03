"""Sample runs, contributions, grants and definitions, and how the cases call the ports."""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

from attrs import evolve

from habitkit.quests.domain.runs import Contribution, Definition, Grant, Run
from habitkit.quests.store import DEFINITIONS, QUESTS
from habitkit.testing.contracts._base import read, write
from habitkit.testing.contracts._sample_facts import NOW

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from datetime import datetime

    from habitkit.store import Store, Stores

__all__ = [
    "SUBJECT",
    "TICK",
    "add",
    "contribution",
    "defined",
    "definition",
    "due",
    "everything",
    "grant",
    "granted",
    "grants",
    "newest",
    "of_events",
    "of_subject",
    "owners",
    "put",
    "put_into",
    "remove",
    "remove_grants",
    "run",
    "runs",
]

TICK = timedelta(microseconds=1)
SUBJECT = "quest:first-week:"


def run(quest: str = "first-week", period: str = "", owner: str = "ada", **changes: Any) -> Run:
    """Return a run."""
    usual = Run(owner, quest, period, 1, "ACTIVE", NOW, date(2026, 1, 1))
    return evolve(usual, **changes)


def contribution(
    event_key: str = "done:1",
    subject: str = SUBJECT,
    leaf: int = 0,
    owner: str = "ada",
    **changes: Any,
) -> Contribution:
    """Return a contribution."""
    usual = Contribution(owner, subject, leaf, event_key, NOW, date(2026, 1, 1))
    return evolve(usual, **changes)


def grant(key: str = "done:1:badge", owner: str = "ada", **changes: Any) -> Grant:
    """Return a grant."""
    return evolve(Grant(owner, key, "badge", "early bird", 1, NOW), **changes)


def definition(
    revision: int, content: Mapping[str, Any] | None = None, **changes: Any
) -> Definition:
    """Return a definition."""
    usual = Definition(UUID(int=revision), revision, NOW, "quest", "first-week", NOW, content)
    return evolve(usual, **changes)


def put(store: Store, *values: Run | Contribution | Grant) -> None:
    """Write runs, contributions and grants, each kind at once."""
    write(store, lambda stores: put_into(stores, *values))


def put_into(stores: Stores, *values: Run | Contribution | Grant) -> None:
    """Do the same in an open transaction."""
    port = stores.port(QUESTS)
    port.put_runs([each for each in values if isinstance(each, Run)])
    port.put([each for each in values if isinstance(each, Contribution)])
    port.put_grants([each for each in values if isinstance(each, Grant)])


def remove(store: Store, *contributions: Contribution) -> None:
    """Delete contributions."""
    write(store, lambda stores: stores.port(QUESTS).remove(contributions))


def remove_grants(store: Store, owner: str, *keys: str) -> None:
    """Delete grants."""
    write(store, lambda stores: stores.port(QUESTS).remove_grants(owner, keys))


def runs(
    store: Store,
    owner: str = "ada",
    quests: Collection[str] | None = None,
    periods: Collection[str] | None = None,
) -> list[Run]:
    """Return an owner's runs."""
    return read(store, lambda stores: stores.port(QUESTS).runs(owner, quests, periods))


def due(store: Store, now: datetime = NOW, limit: int = 100) -> list[Run]:
    """Return the runs that are due."""
    return read(store, lambda stores: stores.port(QUESTS).due(now, limit))


def owners(store: Store, after: str | None = None, limit: int = 100) -> list[str]:
    """Return a page of owners."""
    return read(store, lambda stores: stores.port(QUESTS).owners(after, limit))


def of_events(store: Store, *event_keys: str, owner: str = "ada") -> list[Contribution]:
    """Return an owner's contributions of events."""
    return read(store, lambda stores: stores.port(QUESTS).of_events(owner, event_keys))


def of_subject(store: Store, subject: str = SUBJECT, *, owner: str = "ada") -> list[Contribution]:
    """Return an owner's contributions to a subject."""
    return read(store, lambda stores: stores.port(QUESTS).of_subject(owner, subject))


def grants(store: Store, owner: str = "ada", keys: Collection[str] | None = None) -> list[Grant]:
    """Return an owner's grants."""
    return read(store, lambda stores: stores.port(QUESTS).grants(owner, keys))


def granted(
    store: Store, kind: str = "badge", name: str = "early bird", *, owner: str = "ada"
) -> list[Grant]:
    """Return an owner's grants of one thing."""
    return read(store, lambda stores: stores.port(QUESTS).granted(owner, kind, name))


def add(store: Store, *definitions: Definition) -> None:
    """Add definitions in one transaction."""

    def work(stores: Stores) -> None:
        for each in definitions:
            stores.port(DEFINITIONS).add(each)

    write(store, work)


def newest(store: Store) -> UUID | None:
    """Return the id of the last definition."""
    return read(store, lambda stores: stores.port(DEFINITIONS).newest())


def defined(store: Store, after: int = 0) -> list[Definition]:
    """Return the definitions after a number."""
    return read(store, lambda stores: stores.port(DEFINITIONS).after(after))


def everything(stores: Stores) -> list[Any]:
    """Return all that the ports show of ada and bob."""
    port = stores.port(QUESTS)
    of_owners = [
        part
        for owner in ("ada", "bob")
        for part in (
            port.runs(owner),
            port.of_events(owner, ["done:1", "done:2"]),
            port.of_subject(owner, SUBJECT),
            port.grants(owner),
        )
    ]
    log = stores.port(DEFINITIONS)
    return [*of_owners, port.due(NOW, 9), port.owners(None, 9), log.after(0), log.newest()]
