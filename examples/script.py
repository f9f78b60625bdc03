"""The shortest program that keeps a habit; once a day or twice a day is all the same to it."""

from habitkit import HabitKit, Schedule

with HabitKit.open("sqlite:///habits.db") as kit:
    habits = {habit.title: habit for habit in kit.habits.list("ada")}
    run = habits.get("Run") or kit.habits.create("ada", "Run", Schedule.daily())

    # The same key gives the same answer: today is checked in and paid for once.
    today = kit.streaks.state(run.id).today
    done = kit.habits.check_in(run.id, idempotency_key=f"run {today}")
    print(f"{run.title} on {done.day}: a streak of {done.streak.slots}, {done.coins} coins earned")

    best = kit.streaks.state(run.id).best
    print(f"Best streak {best.slots}, {kit.coins.balance('ada').available} coins in the wallet")
