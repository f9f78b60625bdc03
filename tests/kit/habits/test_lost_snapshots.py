"""A snapshot is a cache: where its row is lost, what was emitted before is not emitted again."""

from __future__ import annotations

from collections import Counter

import habitkit.testing
from habitkit import Schedule
from habitkit.backends.memory import MemoryStore
from habitkit.testing.contracts._sample_facts import events_of


def follow_two_weeks(kit, lose=lambda _: None):
    """Check in for three days, sweep after some days without, lose the row, check in again.

    Returns:
        The events of the habit by type, day and key, as they were emitted; and the coins.
    """
    run = kit.habits.create("ada", "Run", Schedule.daily())
    kit.habits.create("ada", "Read", Schedule.daily())
    for _ in range(3):
        kit.habits.check_in(run.id)
        kit.clock.advance(days=1)
    for _ in range(8):
        kit.clock.advance(days=1)
        kit.sweep()
    lose(run.id)
    kit.habits.check_in(run.id)
    kit.clock.advance(days=3)
    lose(run.id)
    kit.sweep()
    kit.habits.check_in(run.id)
    emitted = [
        (event.type, str(event.key).replace(str(run.id), "run"))
        for event in events_of(kit, "ada")
        if str(run.id) in str(event.key)
    ]
    return emitted, kit.coins.balance("ada").available


def test_a_check_in_after_the_row_was_lost_emits_nothing_twice(kit, tamper):
    def lose(habit_id):
        tamper.remove("snapshots", {"habit_id": habit_id})

    emitted, coins = follow_two_weeks(kit, lose)
    expected, expected_coins = follow_two_weeks(habitkit.testing.kit(store=MemoryStore()))

    assert Counter(emitted) == Counter(expected)
    assert "StreakBroken" in {kind for kind, _ in emitted}
    assert coins == expected_coins
