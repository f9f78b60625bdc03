"""The content of a Loop Habit Tracker export, as values."""

import enum
from datetime import date
from decimal import Decimal

from attrs import field, frozen


class LoopValue(enum.StrEnum):
    """The value that Loop recorded for one habit on one day."""

    UNKNOWN = "UNKNOWN"
    """Nothing is known about the day; it appears where the day has a note."""
    NO = "NO"
    """The habit was not done."""
    YES_AUTO = "YES_AUTO"
    """Nobody did it: Loop counts the day because the frequency is already met."""
    YES_MANUAL = "YES_MANUAL"
    """The habit was done and ticked by hand."""
    SKIP = "SKIP"
    """The day was taken out of the count."""
    AMOUNT = "AMOUNT"
    """A numerical habit's measurement; see `LoopEntry.amount`."""


@frozen
class LoopEntry:
    """One habit on one day.

    Attributes:
        day: The calendar day, as the phone saw it.
        value: What was noted.
        notes: The note of that day, or None.
        amount: The measurement in the habit's own unit (Loop writes thousandths;
            they are already divided); None unless `value` is `LoopValue.AMOUNT`.
        file: The file of the export it was read from, or None.
        line: The line of that file. Neither is compared: the same day stays the same
            wherever it is written.
    """

    day: date
    value: LoopValue
    notes: str | None = None
    amount: Decimal | None = None
    file: str | None = field(default=None, eq=False, kw_only=True)
    line: int | None = field(default=None, eq=False, kw_only=True)


@frozen
class LoopHabit:
    """One habit of the export with everything that was noted for it.

    Attributes:
        name: Its name; `namesake` tells habits of one name apart.
        question: The question Loop asks each day; may be empty.
        description: Free text; may be empty.
        numerator: How many times it is due ...
        denominator: ... in how many days; `3` in `7` is three times a week. Loop
            does not forbid a numerator above the denominator.
        archived: Whether it is archived; older exports never say so.
        entries: At most one per day, oldest first. A day without an entry is
            unknown.
        position: Its place in Loop's list, from 1; also the number of its folder.
        numerical: Whether amounts are noted instead of ticks.
        unit: The unit of the amounts; empty for ticks.
        at_most: Whether the target is a ceiling ("at most 2 coffees"); None where the export
            does not say, as versions 2.0 to 2.3.0 do not, and its scores do not show it.
        target: The target amount, where the export names one or its scores show it.
        color: Its colour as Loop writes it, for example `#00897B`; may be empty.
        namesake: Its place among the habits of its name, from 1.
        remarks: What the export does not say and how it was read instead, one sentence each.
    """

    name: str
    question: str
    description: str
    numerator: int
    denominator: int
    archived: bool
    entries: tuple[LoopEntry, ...] = ()
    position: int = 1
    numerical: bool = False
    unit: str = ""
    at_most: bool | None = False
    target: Decimal | None = None
    color: str = ""
    namesake: int = 1
    remarks: tuple[str, ...] = ()

    @property
    def done_days(self) -> tuple[date, ...]:
        """Days on which the habit was done by hand, oldest first.

        These are the ticked days and the days with a positive amount. Where the
        target is a ceiling, they are the measured days that stayed within it: there
        a positive amount is no success. Days that Loop filled in by itself, skipped
        days and unknown days are never among them.
        """
        return tuple(entry.day for entry in self.done_entries)

    @property
    def done_entries(self) -> tuple[LoopEntry, ...]:
        """The entries of `done_days`, with their places in the export."""
        return tuple(entry for entry in self.entries if self._is_done(entry))

    def _is_done(self, entry: LoopEntry) -> bool:
        if entry.amount is None:
            return entry.value is LoopValue.YES_MANUAL
        if self.at_most and self.target is not None:
            return entry.amount <= self.target
        return entry.amount > 0


@frozen
class LoopExport:
    """A whole export.

    Attributes:
        habits: The habits in the order of Loop's own list.
        remarks: What the export lists without its days or holds besides, one sentence each.
    """

    habits: tuple[LoopHabit, ...]
    remarks: tuple[str, ...] = ()
