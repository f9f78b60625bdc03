"""The same facts end in the same state, in whatever order they arrive."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from random import Random

import pytest
from attrs import frozen

import habitkit.testing
from habitkit import DayClock, HabitKit, Schedule, StoredEvent, subscribe
from habitkit.backends.memory import MemoryStore
from habitkit.coins import CoinsPosted
from habitkit.coins.store import COINS
from habitkit.events import Retracted
from habitkit.habits import HabitCompleted, InvalidHabit, StreakBroken, StreakReached
from habitkit.habits.domain.days import habit_day, zone

NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)
TODAY = date(2026, 3, 10)
DAY = timedelta(days=1)
OPEN = {TODAY, TODAY - DAY, TODAY - 2 * DAY}  # the day before them ended more than 48 h ago
ZONES = [None, "Pacific/Pago_Pago", "Pacific/Kiritimati", "Europe/Vienna"]


# -- scripts: weeks day by day, then facts in any order while the clock stands still --------


@frozen
class Do:
    """Check in for a day."""

    name: int
    day: date
    tz: str | None = None


@frozen
class Undo:
    """Take the check-in of a name back."""

    name: int


@frozen
class Take:
    """Take a day over from elsewhere."""

    day: date


Step = Do | Undo | Take


@frozen
class Script:
    """What happens: check-ins at their own noon, then steps in any order at the same instant."""

    lived: list[Do]
    steps: list[Step]


def script(random: Random) -> Script:
    """Return three weeks: runs with gaps, doubles, days known too late, some of all that undone."""
    first = TODAY - timedelta(days=random.choice([6, 9, 20]))
    days = [first + n * DAY for n in range((TODAY - first).days + 1)]
    lived = [Do(n, day) for n, day in enumerate(days[:-1]) if random.random() < 0.9]
    steps: list[Step] = [Undo(do.name) for do in lived if random.random() < 0.2]
    for day in days:
        for _ in range(random.choice([0, 0, 1, 2] if day in OPEN else [0, 0, 0, 1])):
            name = 100 + len(steps)
            steps.append(Do(name, day, random.choice([None, None, *ZONES])))
            if random.random() < 0.3:
                steps.append(Undo(name))
        if random.random() < 0.1:
            steps.append(Take(day))
    return Script(lived, steps)


def shuffled(script: Script, random: Random) -> Script:
    """Return the steps in another order, each undoing after its fact."""
    order = random.sample(script.steps, len(script.steps))
    places = {step.name: n for n, step in enumerate(order) if isinstance(step, Do)}
    for n, step in enumerate(order):
        if isinstance(step, Undo) and places.get(step.name, -1) > n:
            other = places[step.name]
            order[n], order[other] = order[other], step
    return Script(script.lived, order)


@frozen
class Outcome:
    """All that a host can see of the end."""

    days: list[date]
    state: object
    balance: int
    settled: dict[str, int]
    true: frozenset[tuple[str, str]]


def play(script: Script, habit_clock: DayClock | None = None) -> Outcome:
    """Live through a script."""
    store = MemoryStore()
    kit = habitkit.testing.kit(NOW, store=store)
    run = kit.habits.create("ada", "Run", Schedule.daily(), clock=habit_clock)
    facts = {}
    for do in script.lived:
        kit.clock.set(NOW - (TODAY - do.day))
        facts[do.name] = kit.habits.check_in(run.id).id
    kit.clock.set(NOW)
    for step in script.steps:
        if isinstance(step, Do):
            facts[step.name] = kit.habits.check_in(run.id, day=step.day, tz=step.tz).id
        elif isinstance(step, Undo):
            kit.habits.undo(facts[step.name])
        else:
            kit.habits.backfill(run.id, [step.day], source="elsewhere")
    kit.sweep()
    assert kit.streaks.rebuild(run.id).repaired == ()
    state = kit.streaks.state(run.id)
    settled = {row.key: row.amount for row in store._stores._ports[COINS]._settled if row.amount}
    return Outcome(
        days=kit.streaks.done_days(run.id, date.min, date.max),
        state=(state.today, state.done_today, state.streak, state.best),
        balance=kit.coins.balance("ada").posted,
        settled={key.replace(str(run.id), "run"): amount for key, amount in settled.items()},
        true=frozenset((name, key.replace(str(run.id), "run")) for name, key in still_true(kit)),
    )


def still_true(kit: HabitKit) -> set[tuple[str, str]]:
    """Return the derived events that were emitted and not taken back."""
    true: set[tuple[str, str]] = set()
    for event in kit.events.page("ada", limit=1000):
        key = str(event.key)
        if event.type == Retracted.__name__:
            true.remove((event.fields["of"], key))
        elif event.key is not None:
            true.add((event.type, key))
    return true


# -- the oracle: only the facts that are left -------------------------------------------------


def oracle(script: Script) -> tuple[set[date], int, set[tuple[str, str]]]:
    """Return the done days, the coins and the true events that the facts entitle to.

    A day is done while a check-in of it stands. It is earned by a check-in in time, and what is
    taken back once 48 h have passed since its end stays earned.
    """
    undone = {step.name for step in script.steps if isinstance(step, Undo)}
    checked = [*script.lived, *(step for step in script.steps if isinstance(step, Do))]
    done = {do.day for do in checked if do.name not in undone}
    done |= {step.day for step in script.steps if isinstance(step, Take)}
    earned = {do.day for do in script.lived if do.name not in undone or do.day not in OPEN}
    earned |= {do.day for do in checked if do.name not in undone and do.day in OPEN}
    true = {(HabitCompleted.__name__, f"done:run:{day}") for day in done}
    for day in done:  # the day after a run ends it, once 48 h have passed since its end
        if day + DAY not in done and day + DAY not in OPEN and day < TODAY:
            true.add((StreakBroken.__name__, f"broken:run:{day + DAY}"))
    coins, slots = 0, 0
    for day in sorted(earned):
        slots = slots + 1 if day - DAY in earned else 1
        coins += 10
        if slots % 7 == 0:
            true.add((StreakReached.__name__, f"streak:run:{day}:{slots}"))
            coins += 50
    return done, coins, true


@pytest.mark.parametrize("seed", range(40))
def test_shuffled_facts_end_in_the_same_state_with_the_same_coins(seed):
    random = Random(seed)
    one = script(random)

    outcome = play(one)

    for _ in range(5):
        assert play(shuffled(one, random)) == outcome
    done, coins, true = oracle(one)
    assert set(outcome.days) == done
    assert outcome.balance == sum(outcome.settled.values()) == coins
    assert outcome.true == true


def test_the_scripts_are_worth_shuffling():
    scripts = [script(Random(seed)) for seed in range(40)]

    assert len({oracle(one)[1] for one in scripts}) > 10
    assert sum("StreakReached" in dict(oracle(one)[2]) for one in scripts) > 10
    assert sum(isinstance(step, Undo) for one in scripts for step in one.steps) > 40
    assert sum(isinstance(step, Take) for one in scripts for step in one.steps) > 20
    assert all(shuffled(one, Random(1)).steps != one.steps for one in scripts)


@pytest.mark.parametrize("tz", ["Pacific/Kiritimati", "Pacific/Pago_Pago", "Pacific/Chatham"])
def test_it_is_the_habits_own_clock_that_seals_a_day_wherever_its_owner_travels(tz):
    clock = DayClock(tz)
    today = habit_day(NOW, zone(tz), clock.day_start)
    days = [today - n * DAY for n in range(5)]
    steps: list[Step] = [
        Do(n, day, tz) for n, (day, tz) in enumerate((day, tz) for day in days for tz in ZONES)
    ]

    outcome = play(Script([], steps), clock)

    assert outcome.balance in {30, 40}  # the open days, each once
    for seed in range(4):
        assert play(shuffled(Script([], steps), Random(seed)), clock) == outcome


# -- sealed days ---------------------------------------------------------------------------------


def test_a_day_that_is_done_late_counts_for_the_streak_and_earns_nothing(kit, run):
    late = kit.habits.check_in(run.id, day=TODAY - 3 * DAY)

    assert (late.credit, late.coins) == ("history", 0)
    assert kit.streaks.done_days(run.id, date.min, TODAY) == [TODAY - 3 * DAY]
    assert kit.coins.statement("ada") == []


def test_a_day_that_is_sealed_keeps_its_coins_when_it_is_undone(kit, run):
    done = kit.habits.check_in(run.id)
    kit.clock.advance(days=4)

    undone = kit.habits.undo(done.id)

    assert undone.coins == 0
    assert kit.coins.balance("ada").posted == 10
    assert kit.streaks.done_days(run.id, date.min, date.max) == []
    retracted = [event for event in undone.events if isinstance(event, Retracted)]
    assert [event.retracted_key for event in retracted if event.sealed] == [
        f"done:{run.id}:{TODAY}"
    ]


def test_a_day_that_is_undone_and_done_again_after_its_seal_earns_nothing_more(kit, run):
    done = kit.habits.check_in(run.id)
    kit.clock.advance(days=4)
    kit.habits.undo(done.id)

    again = kit.habits.check_in(run.id, day=TODAY)

    assert (again.credit, again.coins) == ("history", 0)
    assert kit.coins.balance("ada").posted == 10


def test_until_its_seal_an_undone_day_takes_back_what_it_alone_earned(kit, run):
    week = [kit.habits.check_in(run.id)]
    for _ in range(6):
        kit.clock.advance(days=1)
        week.append(kit.habits.check_in(run.id))
    assert kit.coins.balance("ada").posted == 120

    undone = kit.habits.undo(week[-1].id)

    assert undone.coins == -60
    assert (kit.coins.balance("ada").posted, undone.streak.slots) == (60, 6)


def test_undoing_a_sealed_day_moves_no_coins_not_even_those_of_a_later_milestone(kit, run):
    week = [kit.habits.check_in(run.id)]
    for _ in range(6):
        kit.clock.advance(days=1)
        week.append(kit.habits.check_in(run.id))

    broken = kit.habits.undo(week[2].id)

    assert (broken.coins, broken.streak.slots) == (0, 4)
    assert kit.coins.balance("ada").posted == 120
    kit.clock.advance(days=5)
    mended = kit.habits.check_in(run.id, day=week[2].day)  # everything is sealed by now
    assert mended.coins == 0
    assert kit.streaks.state(run.id).best.slots == 7
    assert kit.streaks.rebuild(run.id).repaired == ()


def test_a_day_recorded_too_late_repairs_the_streak_but_not_the_milestone(kit, run):
    for day in range(7):
        if day != 2:
            kit.habits.check_in(run.id)
        kit.clock.advance(days=1)

    late = kit.habits.check_in(run.id, day=TODAY + 2 * DAY)

    assert (late.credit, late.coins, late.streak.slots) == ("history", 0, 7)
    assert kit.coins.balance("ada").posted == 60


@pytest.mark.parametrize("back", [3, 6, 9])
@pytest.mark.parametrize("meddle", ["undo", "fill"])
def test_editing_old_days_every_day_earns_no_more_than_checking_in_on_time(kit, run, back, meddle):
    honest = habitkit.testing.kit(NOW)
    its_run = honest.habits.create("ada", "Run", Schedule.daily())
    facts = []
    for n in range(40):
        facts.append(kit.habits.check_in(run.id))
        honest.habits.check_in(its_run.id)
        if meddle == "undo" and n > back:
            kit.habits.undo(facts[n - back].id)
        elif meddle == "fill":
            kit.habits.backfill(
                run.id, [TODAY - (6 * n + m) * DAY for m in range(1, 7)], source="x"
            )
        kit.clock.advance(days=1)
        honest.clock.advance(days=1)

    assert kit.coins.balance("ada").posted <= honest.coins.balance("ada").posted == 650
    assert kit.streaks.rebuild(run.id).repaired == ()


def test_a_taken_back_reward_that_was_spent_is_a_debt_to_be_earned_back(kit, run):
    done = kit.habits.check_in(run.id)
    kit.coins.spend("ada", 10, idempotency_key="book")

    assert kit.habits.undo(done.id).coins == -10

    assert (kit.coins.balance("ada").posted, kit.coins.balance("ada").available) == (-10, 0)
    assert kit.habits.check_in(run.id).coins == 10
    assert kit.coins.balance("ada").posted == 0


def test_a_second_check_in_on_a_done_day_is_kept_and_changes_nothing(kit, run):
    first = kit.habits.check_in(run.id)
    second = kit.habits.check_in(run.id)

    assert (second.coins, second.events, second.streak) == (0, (), first.streak)
    assert kit.habits.undo(first.id).events == ()  # the day is still done
    assert kit.habits.undo(second.id).coins == -10


def test_undoing_what_is_undone_changes_nothing(kit, run):
    done = kit.habits.check_in(run.id)
    kit.habits.undo(done.id)

    again = kit.habits.undo(done.id)

    assert (again.coins, again.events, again.streak.slots) == (0, (), 0)


# -- histories taken over ------------------------------------------------------------------------


def test_a_backfilled_history_counts_for_the_streak_and_earns_nothing(kit, run):
    days = [TODAY - n * DAY for n in range(30)]

    assert kit.habits.backfill(run.id, days, source="paper") == 30

    assert kit.streaks.state(run.id).streak.slots == 30
    assert kit.coins.statement("ada") == []
    types = [event.type for event in kit.events.page("ada", limit=1000)]
    assert (types.count("HabitCompleted"), types.count("StreakReached")) == (30, 0)


def test_a_history_may_be_backfilled_again_in_any_order_and_from_several_sources(kit, run):
    days = [TODAY - n * DAY for n in range(5)]

    assert kit.habits.backfill(run.id, days, source="paper") == 5
    assert kit.habits.backfill(run.id, [*reversed(days), days[0]], source="paper") == 0
    assert kit.habits.backfill(run.id, days[:2], source="loop-csv") == 2
    assert kit.habits.backfill(run.id, [], source="paper") == 0
    with pytest.raises(InvalidHabit, match="days: expected a list or set of dates"):
        kit.habits.backfill(run.id, iter(days), source="paper")
    assert kit.streaks.state(run.id).streak.slots == 5


def test_a_check_in_on_a_backfilled_day_still_earns_its_coins(kit, run):
    kit.habits.backfill(run.id, [TODAY - n * DAY for n in range(7)], source="paper")

    done = kit.habits.check_in(run.id)

    assert done.coins == 10  # the days before were not done in time, so there is no milestone
    assert done.streak.slots == 7


def test_a_history_that_completes_a_run_makes_a_streak_and_no_milestone(kit, run):
    kit.habits.check_in(run.id)

    kit.habits.backfill(run.id, [TODAY - n * DAY for n in range(1, 7)], source="paper")

    assert kit.streaks.state(run.id).streak.slots == 7
    assert kit.coins.balance("ada").posted == 10


def test_subscribers_receive_events_and_their_retractions():
    delivered: list[StoredEvent] = []
    kit = habitkit.testing.kit(
        NOW, subscribers=[subscribe(HabitCompleted, Retracted, CoinsPosted, delivered.append)]
    )
    run = kit.habits.create("ada", "Run", Schedule.daily())
    kit.habits.undo(kit.habits.check_in(run.id).id)

    kit.relay.run_once()

    assert [(event.type, event.fields.get("amount")) for event in delivered] == [
        ("HabitCompleted", None),
        ("CoinsPosted", 10),
        ("Retracted", None),
        ("CoinsPosted", -10),
    ]
    assert delivered[0].key == delivered[2].key == f"done:{run.id}:{TODAY}"
