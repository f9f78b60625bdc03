"""Values of the streaks module."""

from datetime import date, datetime
from decimal import Decimal
from typing import Literal, NamedTuple
from uuid import UUID

from attrs import Factory, field, frozen

__all__ = [
    "AtRisk",
    "Checkpoint",
    "CreditBoundary",
    "Emitted",
    "HabitState",
    "RebuildReport",
    "Risk",
    "Slot",
    "Snapshot",
    "Status",
    "Streak",
    "Totals",
]

Status = Literal["DONE", "MISSED", "EXEMPT", "FROZEN", "OPEN"]
Risk = Literal["NONE", "SAFE", "AT_RISK", "PROTECTED", "BROKEN", "REPAIRABLE"]


@frozen
class Streak:
    """A run of done slots.

    Attributes:
        slots: How many slots are done in it; 0 for no run at all.
        first: The first day of the first one, or None.
        last: The last day of the last one, or None; in a slot that still runs, today.
        completions: On how many days of these slots something was recorded; as many as slots by
            default.
    """

    slots: int
    first: date | None = None
    last: date | None = None
    completions: int = field(default=Factory(lambda self: self.slots, takes_self=True))

    @property
    def days(self) -> int:
        """How many days it spans, those between its slots included."""
        if self.first is None or self.last is None:
            return 0
        return (self.last - self.first).days + 1


@frozen
class Slot:
    """One or several days in which a habit is due, and their status.

    Attributes:
        first: Its first day.
        last: Its last day.
        deadline: When it ends, in UTC.
        status: Its status.
        why: The rule that decided it, for example ``met``, ``paused`` or ``freeze``.
        needed: On how many of its days it has to be done.
        completions: On how many days something was recorded.
        amount: The folded amount of its records, or None if there are none.
        progress: How far the goal was reached, from 0 to 1.
        freq: Completions a day that its schedule asks for.
        span_days: Days from one slot of its schedule to the next, on average.
    """

    first: date
    last: date
    deadline: datetime
    status: Status
    why: str
    needed: int
    completions: int
    amount: Decimal | None
    progress: float
    freq: float
    span_days: float


@frozen
class HabitState:
    """The state of a habit at an instant.

    Attributes:
        habit_id: The habit.
        today: The habit day of that instant.
        status: The status of the slot that holds this day; EXEMPT if there is none.
        streak: The current streak.
        best: The longest run ever, the latest of several.
        slack: How many more days may pass undone before the next slot fails.
        risk: What threatens the streak.
        expires_at: The deadline of the next slot while there is a current streak, in UTC, or None.
        repair_until: Until when the slot that ended the last streak can be repaired, or None.
        strength: The strength of the habit, from 0 to 1.
        freezes: How many freezes could be used on a slot that ends today.
        credited: How many slots the streak has that counts for milestones: those that were recorded
            in time, without a missed one between them.
        act_by: Until when something has to be recorded, or the streak cannot go on but by a freeze,
            in UTC; None if there is no streak, or nothing needs to be recorded, or it is too late.
        title: What the habit is called.
    """

    habit_id: UUID
    today: date
    status: Status
    streak: Streak
    best: Streak
    slack: int
    risk: Risk
    expires_at: datetime | None
    repair_until: datetime | None
    strength: float
    freezes: int
    credited: int = 0
    act_by: datetime | None = None
    title: str = ""

    @property
    def done_today(self) -> bool:
        """True if the slot that holds today is done."""
        return self.status == "DONE"


class Totals(NamedTuple):
    """The totals of the slots before a day, so that later slots can be folded without them.

    Attributes:
        run: The current streak.
        best: The longest one that has ended, the latest of several.
        earned: How many freezes the streak has earned that are unused.
        used: How many freezes of which grant are used, by the grant's id.
    """

    run: Streak = Streak(0)
    best: Streak = Streak(0)
    earned: int = 0
    used: tuple[tuple[UUID, int], ...] = ()


class Checkpoint(NamedTuple):
    """A day before which all slots are final, and their totals.

    Attributes:
        day: The day; no slot goes over its beginning.
        done: The totals of the slots before it.
        strength: The strength of the habit after these slots, from 0 to 1.
        needs_from: From which day on check-ins are needed to go on; the day itself, but under a
            rolling schedule.
        holds_from: From which day on facts may change and leave all this as it is; the day itself
            or, under a rolling schedule, a later one.
        strength_by: The name of the function that computed the strength; none for the default.
    """

    day: date
    done: Totals
    strength: float
    needs_from: date
    holds_from: date
    strength_by: str = ""


class CreditBoundary(NamedTuple):
    """The first day whose credit is not settled yet, and the totals of what is credited before it.

    Attributes:
        day: The day. It only moves forward, and no fact that arrives later changes the totals.
        totals: The totals of the credited slots before it.
        needs_from: From which day on check-ins are needed to go on; the day itself, but under a
            rolling schedule.
    """

    day: date
    totals: Totals
    needs_from: date


class Emitted(NamedTuple):
    """A derived event that is in the journal and not retracted.

    Attributes:
        key: Its key.
        day: The first day of its slot.
        content: What it says beyond its key, as texts to compare; empty where presence is all.
        sealed_at: After which instant its place is sealed; None if it never is.
    """

    key: str
    day: date
    content: tuple[str, ...] = ()
    sealed_at: datetime | None = None


class Snapshot(NamedTuple):
    """What is kept of the evaluation of a habit: a cache that its facts can rebuild.

    Attributes:
        habit_id: The habit.
        owner: Whose habit.
        rev: The owner's revision that wrote it.
        evaluated_at: The instant at which the facts were evaluated last.
        next_check_at: The earliest instant at which time alone may change which events are derived,
            or None.
        checkpoints: Where evaluation may begin, oldest first.
        credited: Up to where credit is settled; None while nothing is.
        emitted: The derived events on the day of the last checkpoint or later, and of streaks that
            were reached on or after the credit boundary.
        act_by: The earliest ``act_by`` of a ``HabitState`` that the facts give as time passes.
    """

    habit_id: UUID
    owner: str
    rev: int
    evaluated_at: datetime
    next_check_at: datetime | None = None
    checkpoints: tuple[Checkpoint, ...] = ()
    credited: CreditBoundary | None = None
    emitted: tuple[Emitted, ...] = ()
    act_by: datetime | None = None


@frozen
class AtRisk:
    """A habit whose streak ends soon unless something is done.

    Attributes:
        owner: Whose habit.
        habit_id: The habit.
        title: What it is called.
        state: Its current state, with ``act_by``, ``risk`` and ``streak``.
        listed_at: Its place in the list: ``act_by``, or an earlier instant if it was stored before.
    """

    owner: str
    habit_id: UUID
    title: str
    state: HabitState
    listed_at: datetime


@frozen
class RebuildReport:
    """The result of rebuilding snapshots from facts.

    Attributes:
        habits: How many habits were rebuilt.
        repaired: Those whose snapshot differed from the facts and was replaced.
    """

    habits: int
    repaired: tuple[UUID, ...] = ()
