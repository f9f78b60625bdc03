"""What hosts' tests are given: a clock to turn and a kit in memory."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

import habitkit.testing
from habitkit import Clock, Economy, HabitKit, Schedule, StoredEvent, on, subscribe
from habitkit.backends.memory import MemoryStore
from habitkit.coins import CoinSettings
from habitkit.errors import InvalidInstant
from habitkit.habits import HabitCompleted
from habitkit.testing import FakeClock
from tests.unit.support import naive

NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)


def test_a_clock_does_not_move_until_it_is_advanced():
    clock: Clock = FakeClock(NOON)

    assert [clock.now(), clock.now()] == [NOON, NOON]


def test_a_clock_can_be_moved_forward_and_back():
    clock = FakeClock(NOON)

    clock.advance(days=1, hours=2, minutes=3, seconds=4.5)
    assert clock.now() == NOON + timedelta(days=1, hours=2, minutes=3, seconds=4.5)
    clock.advance(days=-1, hours=-2, minutes=-3, seconds=-4.5)
    assert clock.now() == NOON


@pytest.mark.parametrize(
    "now",
    [
        "2026-03-10T12:00Z",
        "2026-03-10T13:00+01:00",
        NOON,
        NOON.astimezone(timezone(timedelta(hours=-5))),
    ],
)
def test_a_clock_is_set_to_an_instant_of_any_zone_and_returns_utc(now):
    set_at_first, set_later = FakeClock(now), FakeClock()
    set_later.set(now)

    assert set_at_first.now() == set_later.now() == NOON
    assert set_at_first.now().tzinfo is set_later.now().tzinfo is UTC


@pytest.mark.parametrize("now", ["2026-03-10T12:00", naive("2026-03-10T12:00"), 1773144000, None])
def test_a_clock_refuses_a_value_that_is_not_an_instant(now):
    clock = FakeClock(NOON)

    with pytest.raises(InvalidInstant, match="now: expected an aware datetime"):
        FakeClock(now)
    with pytest.raises(InvalidInstant):
        clock.set(now)
    assert clock.now() == NOON


def test_a_kit_for_a_test_is_in_memory_at_a_fixed_instant():
    kit = habitkit.testing.kit()

    assert isinstance(kit, HabitKit)
    assert isinstance(kit._runner.store, MemoryStore)
    assert kit.clock.now() == datetime(2026, 1, 1, 8, tzinfo=UTC)
    assert kit.habits.create("ada", "Run", Schedule.daily()).created_at == kit.clock.now()


def test_a_test_kit_takes_the_options_of_a_kit():
    store = MemoryStore()
    delivered: list[StoredEvent] = []
    acted: list[str] = []
    kit = habitkit.testing.kit(
        NOON,
        store=store,
        coins=CoinSettings(Economy.without_rewards()),
        reactions=[on(HabitCompleted, lambda tx, owner, events: acted.append(owner))],
        subscribers=[subscribe(HabitCompleted, delivered.append)],
    )
    run = kit.habits.create("ada", "Run", Schedule.daily())

    assert kit.habits.check_in(run.id).coins == 0
    assert kit.relay.run_once().delivered == 1
    assert (acted, [event.owner for event in delivered]) == (["ada"], ["ada"])
    assert kit._runner.store is store
