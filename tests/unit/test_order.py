"""The same facts end in the same state, in whatever order they arrive."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from random import Random

import pytest
from attrs import frozen

import habitkit.testing
from habitkit import DayClock, HabitKit, Schedule, subscribe
from habitkit.backends.memory import MemoryStore
from habitkit.events import CoinsPosted, HabitCompleted, Retracted, StreakReached
from habitkit.streaks.days import habit_day

NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)
TODAY = date(2026, 3, 10)
DAY = timedelta(days=1)
OPEN = {TODAY, TODAY - DAY, TODAY - 2 * DAY}  # the day before them ended more than 48 h ago
ZONES = [None, "Pacific/Pago_Pago", "Pacific/Kiritimati", "Europe/Vienna"]


# -- scripts: facts with their undoing, in any order in which an undoing follows its fact --------


@frozen
class Do:
    """Check in for a day."""

    name: int
    day: date
    tz: str | None


@frozen
class Undo:
    """Take the check-in of a name back."""

    name: int


@frozen
class Take:
    """Take a day over from elsewhere."""

    day: date


Script = list[Do | Undo | Take]


def script(random: Random) -> Script:
    """Return facts of about three weeks: runs with gaps, doubles, some undone."""
    first = TODAY - timedelta(days=random.choice([6, 9, 20]))
    days = [first + n * DAY for n in range((TODAY - first).days + 1)]
    steps: Script = []
    for day in days:
        for _ in range(random.choice([0, 1, 1, 1, 1, 1, 2])):
            name = len(steps)
            steps.append(Do(name, day, random.choice([None, None, *ZONES])))
            if random.random() < 0.25:
                steps.append(Undo(name))
        if random.random() < 0.1:
            steps.append(Take(day))
    return steps


def shuffled(steps: Script, random: Random) -> Script:
    """Return the steps in another order, each undoing after its fact."""
    order = random.sample(steps, len(steps))
    for undo in [step for step in order if isinstance(step, Undo)]:
        (do,) = [step for step in order if isinstance(step, Do) and step.name == undo.name]
        i, j = order.index(undo), order.index(do)
        if i < j:
            order[i], order[j] = do, undo
    return order


@frozen
class Outcome:
    """All that a host can see of the end."""

    days: list[date]
    state: object
    balance: int
    settled: dict[str, int]
    true: frozenset[tuple[str, str | None]]


def play(steps: Script, habit_clock: DayClock | None = None) -> Outcome:
    """Take the steps with a clock that stands still."""
    store = MemoryStore()
    kit = habitkit.testing.kit(NOW, store=store)
    run = kit.habits.create("ada", "Run", Schedule.daily(), clock=habit_clock)
    facts = {}
    for step in steps:
        if isinstance(step, Do):
            facts[step.name] = kit.habits.check_in(run.id, day=step.day, tz=step.tz).id
        elif isinstance(step, Undo):
            kit.habits.undo(facts[step.name])
        else:
            kit.habits.backfill(run.id, [step.day], source="elsewhere")
    assert kit.streaks.rebuild(run.id).repaired == ()
    settled = {row.key: row.amount for row in store._stores.coins._settled if row.amount}
    return Outcome(
        days=kit.streaks.done_days(run.id, date.min, date.max),
        state=_without_id(kit.streaks.state(run.id)),
        balance=kit.coins.balance("ada").posted,
        settled={key.replace(str(run.id), "run"): amount for key, amount in settled.items()},
        true=frozenset((type_, key.replace(str(run.id), "run")) for type_, key in still_true(kit)),
    )


def _without_id(state):
    return (state.today, state.done_today, state.current, state.best)


def still_true(kit: HabitKit) -> set[tuple[str, str]]:
    """Return the derived events that were told and not taken back."""
    true = set()
    for event in kit.events.page("ada", limit=1000):
        if event.type == Retracted.__name__:
            true.remove((event.fields["of"], event.key))
        elif event.key is not None:
            true.add((event.type, event.key))
    return true


# -- the oracle: look at the facts that are left -------------------------------------------------


def oracle(steps: Script) -> tuple[set[date], int, set[tuple[str, str]]]:
    """Return the done days, the coins and the true events that the facts entitle to."""
    undone = {step.name for step in steps if isinstance(step, Undo)}
    checked = {s.day for s in steps if isinstance(s, Do) and s.name not in undone}
    done = checked | {step.day for step in steps if isinstance(step, Take)}
    coins, true, slots = 0, set(), 0
    for day in sorted(done):
        slots = slots + 1 if day - DAY in done else 1
        paid = day in OPEN and day in checked
        true.add((HabitCompleted.__name__, f"done:run:{day}"))
        coins += 10 if paid else 0
        if slots % 7 == 0:
            true.add((StreakReached.__name__, f"streak:run:{day}:{slots}"))
            coins += 50 if paid else 0
    return done, coins, true


@pytest.mark.parametrize("seed", range(40))
def test_shuffled_facts_end_in_the_same_state_with_the_same_coins(seed):
    random = Random(seed)
    steps = script(random)

    outcome = play(steps)

    for _ in range(5):
        assert play(shuffled(steps, random)) == outcome
    done, coins, true = oracle(steps)
    assert set(outcome.days) == done
    assert outcome.balance == sum(outcome.settled.values()) == coins
    assert outcome.true == true


def test_the_scripts_are_worth_shuffling():
    scripts = [script(Random(seed)) for seed in range(40)]

    assert len({oracle(steps)[1] for steps in scripts}) > 5
    assert any(("StreakReached" in dict(oracle(steps)[2])) for steps in scripts)
    assert sum(isinstance(step, Undo) for steps in scripts for step in steps) > 40
    assert all(shuffled(steps, Random(1)) != steps for steps in scripts)


@pytest.mark.parametrize("tz", ["Pacific/Kiritimati", "Pacific/Pago_Pago", "Pacific/Chatham"])
def test_it_is_the_habits_own_clock_that_seals_a_day_wherever_its_owner_travels(tz):
    clock = DayClock(tz)
    today = habit_day(NOW, *_zone(clock))
    days = [today - n * DAY for n in range(5)]

    for seed in range(4):
        random = Random(seed)
        steps: Script = [
            Do(n, day, zone) for n, (day, zone) in enumerate((d, z) for d in days for z in ZONES)
        ]
        random.shuffle(steps)

        assert play(steps, clock) == play(sorted(steps, key=lambda step: step.name), clock)


def _zone(clock):
    from habitkit.streaks.days import zone

    return zone(clock.tz or "UTC"), clock.day_start


# -- sealed days ---------------------------------------------------------------------------------


def test_a_day_that_is_done_late_counts_for_the_streak_and_earns_nothing(kit, run):
    late = kit.habits.check_in(run.id, day=TODAY - 3 * DAY)

    assert (late.credit, late.coins) == ("history", 0)
    assert kit.streaks.done_days(run.id, date.min, TODAY) == [TODAY - 3 * DAY]
    assert kit.coins.history("ada") == []


def test_a_day_that_is_sealed_keeps_its_coins_when_it_is_undone(kit, run):
    done = kit.habits.check_in(run.id)
    kit.clock.advance(days=4)

    undone = kit.habits.undo(done.id)

    assert undone.coins == 0
    assert kit.coins.balance("ada").posted == 10
    assert kit.streaks.done_days(run.id, date.min, date.max) == []
    assert [event.type for event in undone.events] == ["Retracted"]


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


def test_a_milestone_is_sealed_with_its_own_day(kit, run):
    """The third day breaks the run; the seventh day's milestone goes, as that day is open."""
    week = [kit.habits.check_in(run.id)]
    for _ in range(6):
        kit.clock.advance(days=1)
        week.append(kit.habits.check_in(run.id))

    broken = kit.habits.undo(week[2].id)  # sealed: its own 10 coins stay

    assert broken.coins == -50
    assert kit.coins.balance("ada").posted == 70
    kit.clock.advance(days=5)
    mended = kit.habits.check_in(run.id, day=week[2].day)  # everything is sealed by now
    assert mended.coins == 0
    assert kit.streaks.state(run.id).best.slots == 7


def test_what_was_spent_meanwhile_is_owed_and_earned_back_before_it_can_be_spent_again(kit, run):
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


def test_a_history_that_is_taken_over_counts_for_the_streak_and_earns_nothing(kit, run):
    days = [TODAY - n * DAY for n in range(30)]

    assert kit.habits.backfill(run.id, days, source="paper") == 30

    assert kit.streaks.state(run.id).current.slots == 30
    assert kit.coins.history("ada") == []
    types = [event.type for event in kit.events.page("ada", limit=1000)]
    assert (types.count("HabitCompleted"), types.count("StreakReached")) == (30, 4)


def test_a_history_may_be_taken_over_again_in_any_order_and_from_several_sources(kit, run):
    days = [TODAY - n * DAY for n in range(5)]

    assert kit.habits.backfill(run.id, days, source="paper") == 5
    assert kit.habits.backfill(run.id, iter([*reversed(days), days[0]]), source="paper") == 0
    assert kit.habits.backfill(run.id, days[:2], source="loop-csv") == 2
    assert kit.habits.backfill(run.id, [], source="paper") == 0
    assert kit.streaks.state(run.id).current.slots == 5


def test_a_check_in_on_a_day_that_was_taken_over_still_earns_its_coins(kit, run):
    kit.habits.backfill(run.id, [TODAY - n * DAY for n in range(7)], source="paper")

    done = kit.habits.check_in(run.id)

    assert done.coins == 60  # the day and, as its seventh, the milestone
    assert done.streak.slots == 7


def test_a_history_that_completes_a_run_pays_for_the_milestones_of_days_checked_in_for(kit, run):
    kit.habits.check_in(run.id)

    kit.habits.backfill(run.id, [TODAY - n * DAY for n in range(1, 7)], source="paper")

    assert kit.coins.balance("ada").posted == 60


def test_subscribers_are_told_what_was_true_and_what_was_taken_back():
    told = []
    kit = habitkit.testing.kit(
        NOW, subscribers=[subscribe(HabitCompleted, Retracted, CoinsPosted, told.append)]
    )
    run = kit.habits.create("ada", "Run", Schedule.daily())
    kit.habits.undo(kit.habits.check_in(run.id).id)

    kit.relay.run_once()

    assert [(event.type, event.fields.get("amount")) for event in told] == [
        ("HabitCompleted", None),
        ("CoinsPosted", 10),
        ("Retracted", None),
        ("CoinsPosted", -10),
    ]
    assert told[0].key == told[2].key == f"done:{run.id}:{TODAY}"
