"""What the tests of quests share."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from habitkit.coins import Economy
from habitkit.coins.settings import CoinSettings
from habitkit.coins.store import COINS
from habitkit.habits import HabitCompleted
from habitkit.quests import Count, Quest, Reward
from habitkit.testing.contracts._base import read
from habitkit.testing.contracts._sample_facts import events_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from habitkit.habits.domain.model import CheckedIn, Habit
    from habitkit.quests import QuestProgress
    from habitkit.store import Store
    from habitkit.testing import TestKit

NO_REWARDS = CoinSettings(Economy.without_rewards("xp", "gem"))
"""So that only quests and rules give something."""


def five(key: str = "five", **options: Any) -> Quest:
    """Return a quest for five done days, with a reward of all that can be taken back."""
    reward = Reward(coins=100, xp=250, badge="early-bird", item="hat")
    return Quest(key, "Five days", Count(HabitCompleted, 5), **{"reward": reward, **options})


def at(text: str) -> datetime:
    """Return an instant in UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def check_in_days(kit: TestKit, habit: Habit, count: int) -> list[CheckedIn]:
    """Check in on some days in a row; it is still the last of them then."""
    found = []
    for number in range(count):
        if number:
            kit.clock.advance(days=1)
        found.append(kit.habits.check_in(habit.id))
    return found


def the(kit: TestKit, key: str, owner: str = "ada") -> QuestProgress:
    """Return the only run of a quest."""
    (run,) = kit.quests.progress(owner, key)
    return run


def value(kit: TestKit, key: str, owner: str = "ada") -> int:
    """Return how far the only run of a quest is."""
    return int(the(kit, key, owner).value)


def balances(kit: TestKit, owner: str = "ada") -> tuple[int, int]:
    """Return how many coins and how much xp somebody has."""
    return kit.coins.balance(owner).posted, kit.coins.balance(owner, currency="xp").posted


def wealth(kit: TestKit, owner: str = "ada") -> dict[str, Any]:
    """Return all that rewards have given."""
    coins, xp = balances(kit, owner)
    badges = {badge.name for badge in kit.quests.badges(owner)}
    return {"coins": coins, "xp": xp, "badges": badges, "items": kit.quests.items(owner)}


def net(kit: TestKit, owner: str = "ada", *types: str) -> dict[str, dict[str, Any]]:
    """Return the events with a key of some types that were not retracted: their fields."""
    found: dict[str, dict[str, Any]] = {}
    for event in events_of(kit, owner):
        if event.type == "Retracted":
            if not event.fields.get("sealed"):
                found.pop(str(event.key), None)
        elif event.key is not None and event.type in types:
            found[event.key] = dict(event.fields)
    return found


def types_of(kit: TestKit, owner: str = "ada") -> list[str]:
    """Return the types of the events of somebody; of retractions with a minus what they retract."""
    return [
        f"-{event.fields['of']}" if event.type == "Retracted" else event.type
        for event in events_of(kit, owner)
    ]


def entitlements(store: Store, owner: str, keys: list[str]) -> dict[str, int]:
    """Return how much was paid for some places, as far as it is not taken back."""
    paid = read(store, lambda stores: stores.port(COINS).settled(owner, keys))
    return {key: row.amount for key, row in paid.items() if row.amount}


def rebuilt(kit: TestKit, owner: str = "ada") -> tuple[str, ...]:
    """Rebuild the quests of somebody; return what was different, after checking that all is emitted.

    Raises:
        AssertionError: If a rebuild writes something although nothing was different.
    """
    before = len(events_of(kit, owner)), wealth(kit, owner)
    repaired = kit.quests.rebuild(owner).repaired
    assert repaired or before == (len(events_of(kit, owner)), wealth(kit, owner))
    return repaired


def refused(error: type[Exception], call: Callable[[], object]) -> Any:
    """Return the error that a call raises.

    Raises:
        AssertionError: If it raises none.
    """
    try:
        call()
    except error as raised:
        return raised
    raise AssertionError(f"no {error.__name__}")
