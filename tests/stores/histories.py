"""Random histories of habits and coins, and a kit to which they happen."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from attrs import evolve
from hypothesis import strategies as st

import habitkit.testing
from habitkit import Economy, FreezeRule, OfflineCheckIn, Posting
from habitkit.coins import CoinSettings, CoinsPosted
from habitkit.errors import HabitKitError
from habitkit.habits import HabitCompleted
from habitkit.reactions import subscribe
from habitkit.testing import strategies
from habitkit.testing.contracts._sample_facts import STRANGE_TEXTS

NOW = datetime(2026, 3, 24, 12, tzinfo=UTC)
"""Four days before Europe's clocks change."""

OWNERS = ("ada", "Ada", "bob")
CURRENCIES = ("coin", "gem")
ECONOMY = evolve(Economy.default(), currencies=frozenset(CURRENCIES))

owners, which = st.sampled_from(OWNERS), st.integers(0, 30)
amounts = st.integers(1, 40) | st.sampled_from((1, 2**63 - 1))
currencies = st.sampled_from(("coin", "coin", "coin", *CURRENCIES))
ago = st.integers(-1, 20)
texts = st.none() | st.sampled_from(("", "hi", "🪙" * 500, *STRANGE_TEXTS))
metadata = st.none() | st.fixed_dictionaries({"b": st.integers() | st.floats(-9, 9), "a": texts})
plans = strategies.plans(anchor=NOW.date())
postings = st.one_of(
    st.builds(Posting.award, owners, amounts, currency=currencies, memo=texts, metadata=metadata),
    st.builds(Posting.spend, owners, amounts, memo=texts),
    st.builds(Posting.transfer, owners, owners, amounts, memo=texts),
)


def _step(name, *arguments):
    return st.tuples(st.just(name), *arguments)


creations = _step("create", owners, plans, strategies.clocks(), st.booleans())
steps = st.one_of(
    creations,
    *[_step("check_in", which, ago, st.sampled_from((0, 1, 1, 2.5)), texts)] * 4,
    _step("check_in_many", st.lists(st.tuples(which, ago), min_size=1, max_size=5)),
    _step("backfill", which, st.lists(ago, min_size=1, max_size=9)),
    *[_step("undo", which)] * 2,
    _step("edit", which, st.sampled_from((0, 3)), texts),
    _step("skip", which, ago),
    _step("pause", which, st.integers(-1, 3), st.none() | st.integers(0, 5)),
    _step("resume", which, st.integers(-2, 1)),
    _step("grant_freeze", which),
    _step("repair", which, st.integers(1, 3)),
    _step("change_schedule", which, plans, st.integers(-2, 0)),
    _step("archive", which, st.booleans()),
    _step("update", which, texts),
    _step("travel", owners, strategies.zones()),
    *[_step("post_many", st.lists(postings, min_size=1, max_size=4))] * 3,
    *[_step("reserve", owners, amounts, currencies, st.sampled_from((None, 1, 60, 60, 86_400)))]
    * 3,
    _step("settle", which, st.none() | st.integers(1, 10)),
    _step("release", which),
    _step("reverse", which),
    _step("set_floor", owners, st.integers(-50, 50)),
    _step("forget", owners),
    _step("record", owners, texts),
    *[_step("wait", st.sampled_from((1, 60, 60, 60, 3_600, 86_400, 3 * 86_400)))] * 5,
    *[_step("sweep", st.sampled_from((1, 3, 100)))] * 2,
    _step("relay"),
)
histories = st.builds(
    lambda beginning, rest: [*beginning, *rest],
    st.lists(creations, min_size=2, max_size=4),
    st.lists(steps, min_size=15, max_size=40),
)


class Actor:
    """Does the steps of a history through a kit, and has everything returned that it keeps."""

    def __init__(self, store):
        self.delivered: list[object] = []
        self.kit = habitkit.testing.kit(
            NOW,
            store=store,
            coins=CoinSettings(ECONOMY),
            subscribers=[subscribe(HabitCompleted, CoinsPosted, self.delivered.append)],
        )
        self.habits, self.check_ins, self.facts, self.transfers, self.holds = [], [], [], [], []
        self.keys, self.seen = iter(range(10**6)), []
        for owner in OWNERS:
            self.post_many([Posting.award(owner, 60)])
            self.reserve(owner, 10, "coin", None)

    def live(self, history):
        """Do all steps; whoever refuses one has at least been asked."""
        for name, *arguments in history:
            self.seen.append(self.kit.clock.now())
            try:
                getattr(self, name)(*arguments)
            except HabitKitError:
                continue
        self.read_everything()

    def day(self, ago):
        return (self.kit.clock.now() - timedelta(days=ago)).date()

    def key(self):
        return {"idempotency_key": f"key {next(self.keys)}"}

    # -- habits --------------------------------------------------------------------------------

    def create(self, owner, plan, clock, earns):
        freezes = FreezeRule(per_slots=2, most_held=2) if earns else None
        habit = self.kit.habits.create(
            owner, "Run", *plan, clock=clock, tags=["fit"], freezes=freezes, **self.key()
        )
        self.habits.append(habit)

    def check_in(self, number, ago, amount, note):
        habit = _pick(self.habits, number)
        done = self.kit.habits.check_in(
            habit.id, day=self.day(ago), amount=amount, note=note, **self.key()
        )
        self.check_ins.append(done.id)

    def check_in_many(self, wanted):
        self.kit.habits.check_in_many(
            [
                OfflineCheckIn(_pick(self.habits, number).id, day=self.day(ago), **self.key())
                for number, ago in wanted
            ]
        )

    def backfill(self, number, days):
        habit = _pick(self.habits, number)
        self.kit.habits.backfill(habit.id, {self.day(ago) for ago in days}, source="paper")

    def undo(self, number):
        self.kit.habits.undo(_pick(self.check_ins + self.facts, number))

    def edit(self, number, amount, note):
        edited = self.kit.habits.edit(_pick(self.check_ins, number), amount=amount, note=note)
        self.check_ins.append(edited.id)

    def skip(self, number, ago):
        self.changed(self.kit.habits.skip(_pick(self.habits, number).id, self.day(ago)))

    def pause(self, number, ago, length):
        start = self.day(ago)
        end = None if length is None else start + timedelta(days=length)
        self.changed(self.kit.habits.pause(_pick(self.habits, number).id, start, end))

    def resume(self, number, ago):
        self.changed(self.kit.habits.resume(_pick(self.habits, number).id, self.day(ago)))

    def grant_freeze(self, number):
        self.changed(self.kit.habits.grant_freeze(_pick(self.habits, number).id))

    def repair(self, number, ago):
        self.changed(self.kit.habits.repair(_pick(self.habits, number).id, self.day(ago)))

    def change_schedule(self, number, plan, ago):
        habit = _pick(self.habits, number)
        self.changed(self.kit.habits.change_schedule(habit.id, *plan, effective_day=self.day(ago)))

    def archive(self, number, ends):
        habits = self.kit.habits
        self.changed((habits.archive if ends else habits.restore)(_pick(self.habits, number).id))

    def update(self, number, title):
        self.kit.habits.update(_pick(self.habits, number).id, title=title, tags=["late"])

    def travel(self, owner, tz):
        self.changed(self.kit.habits.travel(owner, tz))

    def changed(self, what):
        self.facts.append(what.id)

    # -- coins ---------------------------------------------------------------------------------

    def post_many(self, wanted):
        self.transfers += self.kit.coins.post_many(wanted, **self.key())

    def reserve(self, owner, amount, currency, seconds):
        hold = self.kit.coins.reserve(
            owner, amount, currency=currency, expires_in_seconds=seconds, **self.key()
        )
        self.holds.append(hold)

    def settle(self, number, amount):
        self.kit.coins.settle(_pick(self.holds, number).id, amount)

    def release(self, number):
        self.kit.coins.release(_pick(self.holds, number).id)

    def reverse(self, number):
        self.kit.coins.reverse(_pick(self.transfers, number).id, **self.key())

    def set_floor(self, owner, floor):
        self.kit.coins.set_floor(owner, floor=floor)

    def forget(self, owner):
        self.kit.coins.forget(owner)

    # -- the rest ------------------------------------------------------------------------------

    def record(self, owner, text):
        self.kit.events.record(owner, "noted", {"text": text}, **self.key())

    def wait(self, seconds):
        self.kit.clock.advance(seconds=seconds)

    def sweep(self, limit):
        self.kit.sweep(limit)

    def relay(self):
        self.kit.relay.run_once()

    def read_everything(self):
        for _ in range(2):
            for owner in OWNERS:
                self.read_habits(owner)
                for currency in CURRENCIES:
                    self.read_wallet(owner, currency)
                self.kit.coins.export(owner)
                self.kit.coins.head(owner)
            while self.kit.sweep().more:
                pass
        assert self.kit.rebuild().repaired == ()
        assert self.kit.coins.audit().findings == ()

    def read_habits(self, owner):
        kit = self.kit
        kit.habits.search(owner, "hi")
        kit.streaks.today(owner)
        for habit in _pages(lambda after: kit.habits.list(owner, after=after, limit=1), "id"):
            kit.streaks.history(habit.id, self.day(30), self.day(0))
        events = kit.events.page(owner, limit=5)
        while events:
            events = kit.events.page(owner, after=(events[-1].rev, events[-1].position), limit=50)

    def read_wallet(self, owner, currency):
        coins, of = self.kit.coins, {"currency": currency}
        coins.balance(owner, **of)
        for at in self.seen[::8]:
            coins.balance(owner, as_of=at, **of)
        for first in (True, False):
            _pages(
                lambda after, first=first: coins.statement(
                    owner, after=after, limit=3, newest_first=first, **of
                ),
                "seq",
            )
        for ended in (True, False):
            _pages(
                lambda after, ended=ended: coins.holds(
                    owner, after=after, limit=2, ended=ended, **of
                ),
                "seq",
            )


def _pages(read, name):
    """Read page by page to the end, and return what is there."""
    things = page = read(None)
    while page:
        page = read(getattr(page[-1], name))
        things = things + page
    return things


def _pick(things, number):
    """Return one of the things that there are, or refuse the step."""
    if not things:
        raise HabitKitError
    return things[number % len(things)]
