"""The shortest program that keeps a habit; a second run on the same day changes nothing."""

from habitkit import HabitKit, Schedule

with HabitKit.open("sqlite:///habits.db") as kit:
    habits = {habit.title: habit for habit in kit.habits.list("ada")}
    run = habits.get("Run") or kit.habits.create("ada", "Run", Schedule.daily())

    # The same key gives the same result: today is checked in and paid once.
    today = kit.streaks.state(run.id).today
    done = kit.habits.check_in(run.id, idempotency_key=f"run {today}")
    print(f"{run.title} on {done.day}: a streak of {done.streak.slots}, {done.coins} coins earned")

    best = kit.streaks.state(run.id).best
    print(f"Best streak {best.slots}, {kit.coins.balance('ada').available} coins in the wallet")
