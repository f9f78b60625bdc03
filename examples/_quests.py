"""A part of the demo: a quest from its definition to its end, new rules, and an undo."""

from rich.console import Console
from rich.padding import Padding
from rich.table import Table

import habitkit.testing
from habitkit import CheckedIn, Schedule
from habitkit.habits import HabitCompleted
from habitkit.quests import Count, Quest, Reward, Rule
from habitkit.testing import TestKit

OWNER = "you"
FIVE_DAYS = Quest(
    "five-days", "Five days", Count(HabitCompleted, 5), reward=Reward(coins=100, badge="five")
)
NEW_RULES = [Rule("completion", HabitCompleted, give=Reward(coins=12, xp=5))]


def show_quests(out: Console, table: Table) -> None:
    """Define a quest and complete it; preview rules; undo the check-in that completed it."""
    kit = habitkit.testing.kit()
    kit.quests.define(FIVE_DAYS)
    kit.quests.start(OWNER, FIVE_DAYS.key)
    run = kit.habits.create(OWNER, "Run", Schedule.daily())

    out.print("In memory, a quest that gives 100 coins and a badge for five days:\n")
    for heading in ("Progress", "State", "Coins", "Badges"):
        table.add_column(heading, justify="right")
    done: list[CheckedIn] = []
    while len(done) < 5:
        kit.clock.advance(days=1)
        done.append(kit.habits.check_in(run.id))
        table.add_row(f"check-in {len(done)}", *_cells(kit, done[-1].coins))
    preview = kit.quests.preview(NEW_RULES)
    undone = kit.habits.undo(done[-1].id)
    table.add_row("undo the last one", *_cells(kit, undone.coins))
    out.print(table)

    out.print("\nWhat other rules would have given for these days, before they are in force:\n")
    out.print(Padding(str(preview), (0, 0, 0, 4), expand=False))


def _cells(kit: TestKit, coins: int) -> list[str]:
    (quest,) = kit.quests.progress(OWNER, FIVE_DAYS.key)
    badges = ", ".join(badge.name for badge in kit.quests.badges(OWNER))
    return [f"{quest.value} of {quest.goal}", quest.state, f"{coins:+d}", badges or "none"]
