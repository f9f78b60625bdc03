"""A season of a small product: rules, quests, achievements, levels, an undo, and the end.

    python examples/season.py                          plays it in a file that is not kept
    python examples/season.py --database season.db     keeps it, to be looked at afterwards

Ada, Ben and Cho run on the days that ``PLANS`` says. For two weeks they earn what every kit gives,
10 coins a day and 50 at each seventh in a row; then a season of four weeks begins. The clock is a
fake one, so that it takes seconds, and each run is the same.
"""

import argparse
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

from _tables import table, title

from habitkit import HabitKit, Schedule
from habitkit.habits import HabitCompleted, StreakReached
from habitkit.quests import (
    Count,
    Levels,
    Once,
    Quest,
    QuestStateError,
    ReachStreak,
    Reward,
    Rule,
    Window,
    steps,
)
from habitkit.testing import FakeClock

# --- the owners ------------------------------------------------------------------------------

DAY = timedelta(days=1)
OPENING, FIRST, LAST = date(2026, 2, 16), date(2026, 3, 2), date(2026, 3, 29)
WEEKS = 4
PLANS = {  # a week a word, from the opening on; x is a day with a run
    "ada": "xxxxxxx xxxxxxx  xxxxxxx xx.xxxx xxxxxxx xxxxxxx",
    "ben": "xxxxx.. xxxxx..  xxxx.x. xxxxx.. xxxxx.. xxxxx..",
    "cho": "x...x.. xx.x...  xxxxx.. x.x.x.. x...... .......",
}
MISTAKE = date(2026, 3, 6)  # on this day ben checks in, and undoes it

# --- the season ------------------------------------------------------------------------------

RULES = [
    Rule("completion", HabitCompleted, give=Reward(coins=10, xp=10)),
    Rule("streak", StreakReached, give=Reward(coins=steps("slots", {7: 50, 14: 75}), freezes=1)),
    Rule("welcome", HabitCompleted, give=Reward(item="water-bottle"), limit=Once),
]
LEVELS = Levels.linear(100)  # each level takes 100 xp

STEADY_WEEK = Quest(
    "steady-week",
    "Five days in a week",
    Count(HabitCompleted, 5),
    reward=Reward(coins=30, xp=50, badge="steady"),
    repeat="weekly",
    start="auto",
)
SPRING = Quest(
    "spring",
    "Twenty days in spring",
    Count(HabitCompleted, 20),
    reward=Reward(coins=200, xp=100, badge="spring"),
    window=Window.dates(FIRST, LAST),
    claim="manual",
)
UNBROKEN = Quest(
    "unbroken",
    "Thirty days without a gap",
    ReachStreak(30),
    reward=Reward(coins=100, item="golden-laces"),
    requires=("steady-week",),
    window=Window.dates(FIRST, LAST),
)
ACHIEVEMENTS = [
    # The first one counts what was done before it was defined, too.
    Quest.achievement(
        "days-10", "10 days", Count(HabitCompleted, 10), reward=Reward(badge="10"), backdate=True
    ),
    Quest.achievement("days-20", "20 days", Count(HabitCompleted, 20), reward=Reward(badge="20")),
    Quest.achievement("days-27", "27 days", Count(HabitCompleted, 27), reward=Reward(badge="27")),
]

SENTENCES = {  # what an app would show of events
    "QuestStarted": "starts {quest}",
    "QuestCompleted": "completes {quest}",
    "QuestClaimed": "claims {quest}",
    "QuestExpired": "{quest} has expired",
    "BadgeUnlocked": "badge {badge}",
    "ItemGranted": "item {item}",
    "LevelReached": "level {level}",
    "FreezeUsed": "a freeze saves the streak",
}


def main(arguments: Sequence[str] | None = None) -> None:
    with opened(_options(arguments).database) as season:
        title("1. Two weeks before the season, and what its rules would have given for them")
        season.play(until=FIRST)
        season.preview()

        title("2. The season begins")
        season.begin()

        title("3. An undo takes a badge back")
        season.play(until=MISTAKE)
        season.undo_a_mistake()

        title("4. Time alone ends a quest")
        season.play(until=LAST)
        season.end()

        title("5. What the journal holds")
        season.show_journal()

        title("6. The final tables")
        season.show_quests()
        print()
        season.show_owners()
        season.prove()


class Season:
    """The product, and its days as they pass.

    Attributes:
        kit: The kit, on a fake clock.
        today: The day that comes next.
    """

    def __init__(self, kit: HabitKit, clock: FakeClock) -> None:
        """Let each owner make a habit at noon of the opening."""
        self.kit = kit
        self.today = OPENING
        self._clock = clock
        self._habits = {it: kit.habits.create(it, "Run", Schedule.daily()).id for it in PLANS}

    def play(self, until: date) -> None:
        """Let days pass; a host sweeps every few minutes, here a night is enough."""
        while self.today < until:
            self.play_today()
            self.go_to_tomorrow()
            assert not self.kit.sweep().failures

    def play_today(self) -> None:
        """Let each owner do what it does on this day."""
        for owner in PLANS:
            self.follow_quests(owner)
            if runs_on(owner, self.today):
                self.kit.habits.check_in(self._habits[owner])
                self.follow_quests(owner)

    def follow_quests(self, owner: str) -> None:
        """Do what an app's buttons do: start what is available, claim what is complete."""
        for quest in self.kit.quests.available(owner):
            self.kit.quests.start(owner, quest.quest)
        for quest in self.kit.quests.progress(owner):
            if "claim" in quest.allowed:
                self.kit.quests.claim(owner, quest.quest)

    def go_to_tomorrow(self) -> None:
        """Go to noon of the next day."""
        self._clock.advance(days=1)
        self.today += DAY

    # --- what is printed ---

    def preview(self) -> None:
        """Ask what rules would have given before they are in force. Nothing is written."""
        before = self.kit.quests.rules()
        print(self.kit.quests.preview(RULES))
        assert self.kit.quests.rules() == before

    def begin(self) -> None:
        """Define everything: rules, levels, quests, achievements."""
        quests = self.kit.quests
        quests.set_rules(RULES, by="dora", note="the season")
        quests.set_levels(LEVELS)
        for quest in (STEADY_WEEK, SPRING, UNBROKEN, *ACHIEVEMENTS):
            quests.define(quest)
        for owner in PLANS:
            quests.rebuild(owner)  # whoever has run ten times before gets that badge now

        table(
            ("Owner", *(it.title for it in ACHIEVEMENTS), "Available"),
            [
                (
                    owner,
                    *(f"{it.value} of {it.goal}" for it in quests.achievements(owner)),
                    ", ".join(it.quest for it in quests.available(owner)),
                )
                for owner in PLANS
            ],
        )
        try:
            quests.start("ada", "unbroken")
        except QuestStateError as refused:
            print(f"\nQuestStateError: {refused}")

    def undo_a_mistake(self) -> None:
        """Check in for the fifth time in a week, and undo it."""
        self.print_purse("before")
        done = self.kit.habits.check_in(self._habits["ben"])
        self.print_purse("checked in for the fifth time this week")
        undone = self.kit.habits.undo(done.id)
        self.print_purse("undone")
        assert undone.coins == -done.coins

    def print_purse(self, when: str) -> None:
        """Print what ben has."""
        badges = [it.name for it in self.kit.quests.badges("ben")]
        coins = self.kit.coins.balance("ben").posted
        print(f"ben, {when}: {coins} coins, badges {badges}")

    def end(self) -> None:
        """Play the last day, with which the window ends: reads know that, the sweep emits it."""
        self.play_today()
        self.go_to_tomorrow()
        for owner in PLANS:
            (spring,) = self.kit.quests.progress(owner, SPRING.key)
            print(f"{owner}: {spring.title}, {spring.value} of {spring.goal}, {spring.state}")
        self.kit.sweep()
        expired = sum(len(self.kit.events.net(it, types=["QuestExpired"])) for it in PLANS)
        print(f"\nThe sweep has emitted {expired} events: quests that have expired.")

    def show_journal(self) -> None:
        """Print the net events: what has happened and was not retracted."""
        by_day: dict[tuple[date, str], list[str]] = defaultdict(list)
        for owner in PLANS:
            for event in self.kit.events.net(owner, types=[*SENTENCES]):
                by_day[event.at.date(), owner].append(SENTENCES[event.type].format(**event.fields))
        rows = [
            (f"{day:%a %d %b}", owner, ", ".join(it)) for (day, owner), it in sorted(by_day.items())
        ]
        table(("Day", "Owner", "What"), rows)

    def show_quests(self) -> None:
        """Print how far everybody has got with each quest."""
        rows = []
        for owner in PLANS:
            runs = self.kit.quests.progress(owner, all_periods=True)
            weeks = [it for it in runs if it.quest == STEADY_WEEK.key and it.complete_at]
            others = {it.quest: f"{it.value} of {it.goal}, {it.state}" for it in runs}
            cells = [others.get(it.key, "not started") for it in (SPRING, UNBROKEN)]
            rows.append((owner, f"{len(weeks)} of {WEEKS}", *cells))
        table(("Owner", STEADY_WEEK.title, SPRING.title, UNBROKEN.title), rows)

    def show_owners(self) -> None:
        """Print what everybody has got."""
        rows = []
        for owner, habit in self._habits.items():
            state, level = self.kit.streaks.state(habit), self.kit.quests.level(owner)
            rows.append(
                (
                    owner,
                    f"{state.best.slots} days",
                    f"{self.kit.coins.balance(owner).posted:,}",
                    f"{level.number} (+{level.into} xp)",
                    f"{state.freezes}",
                    ", ".join(it.name for it in self.kit.quests.badges(owner)),
                    ", ".join(self.kit.quests.items(owner)),
                )
            )
        table(("Owner", "Best streak", "Coins", "Level", "Freezes", "Badges", "Items"), rows)

    def prove(self) -> None:
        """Count everything anew from the journal: it is what the kit has kept."""
        report = self.kit.quests.rebuild()
        assert report.repaired == (), report.repaired
        print(f"\nCounted anew from the journal: {report.runs} quests, nothing to repair.")


def runs_on(owner: str, day: date) -> bool:
    """Return whether an owner is to run on a day."""
    plan = "".join(PLANS[owner].split())
    return plan[(day - OPENING).days] == "x"


@contextmanager
def opened(database: Path | None) -> Iterator[Season]:
    """Open a kit on a file, or on one that is deleted in the end."""
    clock = FakeClock(datetime.combine(OPENING, time(12), UTC))
    with TemporaryDirectory() as folder:
        file = Path(folder) / "season.db" if database is None else database.absolute()
        with HabitKit.open(f"sqlite:///{file}", clock=clock) as kit:
            yield Season(kit, clock)


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Play a season of quests.")
    parser.add_argument("--database", type=Path, help="a new SQLite file, which is kept")
    options = parser.parse_args(arguments)
    if options.database is not None and options.database.exists():
        parser.error(f"--database: expected a file that does not exist, got {options.database}")
    return options


if __name__ == "__main__":
    main()
