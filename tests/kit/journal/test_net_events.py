"""Net events: random logs against a naive evaluator, and what a kit returns of them."""

from __future__ import annotations

from datetime import timedelta
from itertools import count

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from habitkit import Schedule
from habitkit.errors import InvalidInput, InvalidInstant
from habitkit.testing.contracts._base import read, write
from habitkit.testing.contracts._sample_facts import (
    NOW,
    Moved,
    Placed,
    event_row,
    placed,
    retracted,
)
from tests.kit.support import examples

TYPES = ["Placed", "Moved", "noted"]
INSTANTS = [NOW + timedelta(days=n) for n in range(3)]

owners = count()


@st.composite
def logs(draw):
    """Draw a log of few keys: events, retractions and plain events, in revisions of one to three."""
    rows = []
    for rev in range(1, draw(st.integers(1, 8)) + 1):
        for position in range(draw(st.integers(1, 3))):
            at, key = draw(st.sampled_from(INSTANTS)), draw(st.sampled_from("ab"))
            kind = draw(st.sampled_from([Placed, Moved, "taken back", "plain"]))
            if kind == "plain":
                rows.append(event_row("ada", rev, position, at=at))
            elif kind == "taken back":
                of, sealed = draw(st.sampled_from(TYPES[:2])), draw(st.booleans())
                rows.append(retracted(rev, position, key, of=of, sealed=sealed, at=at))
            else:
                rows.append(placed(rev, position, key, kind=kind, at=at))
    return rows


def naive(log, types, since):
    """Return the places of net events, by the definition."""
    found = []
    for number, event in enumerate(log):
        if event.key is not None and any(after.key == event.key for after in log[number + 1 :]):
            continue
        kind = event.type
        if kind == "Retracted":
            if not event.fields["sealed"]:
                continue
            kind = event.fields["of"]
        if kind in types and (since is None or event.at >= since):
            found.append((event.rev, event.position))
    return found


def test_net_events_of_random_logs_are_those_of_a_naive_evaluator(store):
    @examples(store, in_memory=300, in_sqlite=60)
    @given(
        logs(), st.sets(st.sampled_from(TYPES)), st.sampled_from([None, *INSTANTS]), st.randoms()
    )
    def check(rows, types, since, random):
        owner = f"owner {next(owners)}"
        rows = [row._replace(event=evolve(row.event, owner=owner)) for row in rows]
        shuffled = random.sample(rows, len(rows))
        write(store, lambda stores: stores.events.append(shuffled))

        log = read(store, lambda stores: stores.events.page(owner, None, 100))
        net = read(store, lambda stores: stores.events.net(owner, types, since))

        assert [(event.rev, event.position) for event in net] == naive(log, types, since)

    check()


def test_what_was_undone_is_not_net_until_it_is_sealed(kit):
    run = kit.habits.create("ada", "Run", Schedule.daily())
    first = kit.habits.check_in(run.id)
    second = kit.habits.check_in(run.id, day=first.day - timedelta(days=1))
    kit.habits.undo(first.id)

    types = ["HabitCreated", "HabitCompleted"]
    net = kit.events.net("ada", types=types)
    assert [(event.type, event.fields.get("day")) for event in net] == [
        ("HabitCreated", None),
        ("HabitCompleted", str(second.day)),
    ]

    kit.clock.advance(days=7)
    kit.habits.undo(second.id)

    assert [event.type for event in kit.events.net("ada", types=types)] == [
        "HabitCreated",
        "Retracted",
    ]
    assert len(kit.events.net("ada", types=types, since=kit.clock.now())) == 1
    assert kit.events.net("ada", types=["StreakReached"]) == []


@pytest.mark.parametrize(
    "types", ["read", b"read", None, 5, [5], [["read"]], ["Retracted"], ["a\0"], ["a"] * 101]
)
def test_types_are_some_names_of_types(kit, types):
    with pytest.raises(InvalidInput, match=r"^types: expected at most 100 names of event types"):
        kit.events.net("ada", types=types)


def test_net_events_since_an_instant_need_one_with_a_zone(kit):
    with pytest.raises(InvalidInstant, match=r"^since: "):
        kit.events.net("ada", types=["read"], since=NOW.replace(tzinfo=None))
