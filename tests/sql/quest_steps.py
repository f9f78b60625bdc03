"""A plan of keyed steps that start, complete and claim quests, and the processes that do them."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from attrs import evolve

from habitkit import HabitKit, Schedule
from habitkit.habits import HabitCompleted
from habitkit.quests import Count, PerDay, Quest, QuestStateError, Reward, Rule
from habitkit.testing import FakeClock
from habitkit.testing._race_worker import Channel
from habitkit.testing.contracts._sample_facts import NOW
from tests.sql.quest_days import COINS

READ = "book.read"
OWNER = "ada"
TREASURE = Reward(coins=7, xp=11, item="lamp", badge="reader")

RULES = [
    Rule("read", READ, give=Reward(coins=2, item="page"), limit=PerDay(1)),
    Rule("done", HabitCompleted, give=Reward(freezes=1)),
]
QUESTS = [
    Quest("books", "Books", Count(READ, 2), repeat="daily", claim="manual", reward=TREASURE),
    Quest("pages", "Pages", Count(READ, 3), repeat="weekly", start="auto", reward=TREASURE),
    Quest("run", "Run", Count(HabitCompleted, 1), repeat="daily", start="auto", reward=TREASURE),
]


def prepare(kit: HabitKit) -> str:
    """Define what the steps need; return the id of the habit."""
    kit.quests.set_rules(RULES)
    for quest in QUESTS:
        kit.quests.define(quest)
    return str(kit.habits.create(OWNER, "Run", Schedule.daily()).id)


def step(kit: HabitKit, clock: FakeClock, habit: str, number: int) -> None:
    """Do one step of the plan. Done again, it changes nothing; none is ever refused."""
    key = f"step {number}"
    day, kind = divmod(number, 6)
    clock.set(NOW + timedelta(days=day, hours=kind))
    if kind == 0:
        kit.quests.start(OWNER, "books", idempotency_key=key)
    elif kind == 3:
        kit.habits.check_in(habit, idempotency_key=key)
    elif kind == 4:
        kit.quests.claim(OWNER, "books", idempotency_key=key)
    else:
        kit.events.record(OWNER, READ, {"pages": 3}, idempotency_key=key)


def figures(kit: HabitKit) -> dict[str, Any]:
    """Return what the same steps must lead to on any store, however often they were tried."""
    return {
        "coins": kit.coins.balance(OWNER).posted,
        "xp": kit.coins.balance(OWNER, currency="xp").posted,
        "items": kit.quests.items(OWNER),
        "badges": kit.quests.badges(OWNER),
        "runs": [
            (run.quest, run.period, run.state, run.value, run.complete_at)
            for run in kit.quests.progress(OWNER)
        ],
    }


def steps_at_work(channel: Channel, url: str, habit: str, first: str) -> None:
    """Do the steps from one on, without an end, and say ``done N`` after each."""
    clock = FakeClock(NOW)
    with HabitKit.open(url, clock=clock, coins=COINS) as kit:
        channel.say("ready")
        channel.wait()
        number = int(first)
        while True:
            step(kit, clock, habit, number)
            channel.say(f"done {number}")
            number += 1


def claim_at_work(channel: Channel, url: str) -> None:
    """Claim a quest once, and say whether it was claimed."""
    with HabitKit.open(url, clock=FakeClock(NOW), coins=COINS) as kit:
        channel.say("ready")
        channel.wait()
        try:
            kit.quests.claim(OWNER, "books")
        except QuestStateError:
            channel.say("refused")
        else:
            channel.say("claimed")


def list_at_work(channel: Channel, url: str) -> None:
    """List the quests whenever a message comes, and define another version after the third one."""
    with HabitKit.open(url, clock=FakeClock(NOW), coins=COINS) as kit:
        kit.quests.list()
        channel.say("ready")
        channel.wait()
        for _ in range(3):
            channel.wait()
            channel.say(repr(kit.quests.list()))
        channel.wait()
        (quest,) = kit.quests.list()
        kit.quests.define(evolve(quest, title="Elsewhere"))
        channel.say("defined")
