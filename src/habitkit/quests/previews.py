"""Previewing reward rules: what they would have given for what has really happened."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from habitkit import ids
from habitkit.clock import storable_instant
from habitkit.errors import InvalidInput, MissingExtra
from habitkit.quests.catalogs import catalog_of
from habitkit.quests.domain.cost_report import CostReport, OwnerCosts, costs_of, report_of
from habitkit.quests.domain.counted_events import credited
from habitkit.quests.domain.rule_book import RuleBook, RuleVersion
from habitkit.quests.journal_events import whole_journal
from habitkit.quests.owner_days import OwnerDays
from habitkit.quests.owners import Page, owners_of_habits
from habitkit.quests.rule_definitions import checked_rules, rule_versions
from habitkit.workflow import Call

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from datetime import datetime

    from habitkit.options import KitSettings
    from habitkit.quests.domain.rewards import Rule
    from habitkit.transaction import Transaction
    from habitkit.workflow import Steps

__all__ = ["preview"]

_OWNERS_AT_ONCE = 50
_MOST_SAMPLED = 1_000_000


def preview(
    settings: KitSettings,  # noqa: ARG001 - what every workflow is given
    rules: Iterable[Rule],
    *,
    owner: str | None = None,
    sample: int | None = None,
    since: datetime | None = None,
    progress_bar: bool = False,
) -> Steps[CostReport]:
    """Return what reward rules would have given for the events of owners; nothing is written.

    Each event is evaluated by the new rules as if they had always been in force, and by those that
    were in force when it was received. Limits hold as they would. Boosts hold as they did, for the
    new rules and for those in force.

    Args:
        settings: The kit's settings.
        rules: The rules, as for ``set_rules``.
        owner: Only for this owner.
        sample: Only for so many owners, those who made their first habit first; for all owners of
            habits by default.
        since: Only for events that were emitted from this instant on.
        progress_bar: Whether to show a progress bar on the terminal, which needs
            ``habitkit[rich]``.

    Returns:
        The report; ``print`` shows it as a table.

    Raises:
        InvalidInput: If an argument is not acceptable; the message names it.
        UnknownCurrency: If a reward has a currency that the kit's ``Economy`` does not declare.
        MissingExtra: If there is to be a progress bar, and rich is not installed.
    """
    if sample is not None and (type(sample) is not int or not 0 < sample <= _MOST_SAMPLED):
        raise InvalidInput("sample", given=sample, expected=f"an int from 1 to {_MOST_SAMPLED}")
    start = None if since is None else storable_instant(since, "since")
    books: tuple[RuleBook, RuleBook] = yield Call(_books, (tuple(rules),), write=False)
    owners: list[str] = [owner] if owner is not None else (yield from _owners(sample))
    pairs: list[tuple[OwnerCosts, OwnerCosts]] = []
    with _progress_bar(len(owners), show=progress_bar) as advance:
        for first in range(0, len(owners), _OWNERS_AT_ONCE):
            some = owners[first : first + _OWNERS_AT_ONCE]
            pairs += yield Call(_costs, (some, books, start), write=False)
            advance(len(some))
    return report_of(pairs, start)


def _books(tx: Transaction, rules: Sequence[Rule]) -> tuple[RuleBook, RuleBook]:
    """Return the new rules and those in force, each with its versions."""
    always = rule_versions(tx)[0].effective
    new = RuleVersion(0, always, checked_rules(tx, rules))
    boosts = tuple(catalog_of(tx).boosts.values())
    return RuleBook([new], boosts), RuleBook(rule_versions(tx), boosts)


def _owners(sample: int | None) -> Steps[list[str]]:
    """Return the owners of habits, each once."""
    found: dict[str, None] = {}
    after: Any = None
    while sample is None or len(found) < sample:
        page: Page = yield Call(owners_of_habits, (after,), write=False)
        found |= dict.fromkeys(page.owners)
        after = page.after
        if after is None:
            break
    return list(found)[:sample]


def _costs(
    tx: Transaction,
    owners: Sequence[str],
    books: tuple[RuleBook, RuleBook],
    since: datetime | None,
) -> list[tuple[OwnerCosts, OwnerCosts]]:
    new, old = books
    types = new.types | old.types
    found = []
    for owner in owners:
        tx.own(ids.owner(owner))
        events = [
            event
            for event in credited(whole_journal(tx, owner, types))
            if since is None or event.at >= since
        ]
        day_of = OwnerDays(tx, owner).day_of
        found.append((costs_of(events, new, day_of), costs_of(events, old, day_of)))
    return found


@contextmanager
def _progress_bar(total: int, *, show: bool) -> Iterator[Callable[[int], object]]:
    """Show how many owners are done.

    Raises:
        MissingExtra: If rich is not installed.
    """
    if not show:
        yield lambda _: None
        return
    try:
        from rich.progress import Progress  # noqa: PLC0415 - an extra
    except ImportError as error:
        raise MissingExtra("rich", "rich") from error
    with Progress() as bar:
        task = bar.add_task("owners", total=total)
        yield lambda count: bar.advance(task, count)
