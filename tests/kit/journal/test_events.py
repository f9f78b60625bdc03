"""Events: what a kit refuses because some store could not keep it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from attrs import frozen

from habitkit.errors import InvalidEvent
from habitkit.events import Event, Recorded
from habitkit.testing.contracts._sample_facts import NOW, events_of

if TYPE_CHECKING:
    from habitkit.testing import TestKit
    from habitkit.transaction import Transaction


@frozen
class Keyed(Event):
    """An event of the host's own with whatever key."""

    place: Any

    @property
    def key(self) -> Any:
        """The key."""
        return self.place


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        (Recorded("ada", NOW, "n", {"of": {1}}), "fields"),
        (Recorded("ada", NOW, "n", {"of": float("nan")}), "fields"),
        (Recorded("ada", NOW, "n", {"of": ["a\0"]}), "fields"),
        (Recorded("ada", NOW, "n", {"\ud800": 1}), "fields"),
        (Recorded("ada", NOW.replace(tzinfo=None), "n", {}), "`at`"),
        (Recorded("ada", NOW, "n" * 101, {}), "type"),
        (Recorded("ada", NOW, "HabitCompleted", {}), "name"),
        (Keyed("ada", NOW, 5), "`key`"),
        (Keyed("ada", NOW, "a\0"), "`key`"),
        (Keyed("ada", NOW, "k" * 401), "400 characters"),
    ],
    ids=[
        "set",
        "nan",
        "NUL",
        "surrogate",
        "naive",
        "long",
        "ours",
        "number",
        "NUL in key",
        "long key",
    ],
)
def test_an_event_that_some_store_could_not_keep_is_refused_by_all(
    kit: TestKit, event: Event, expected: str
) -> None:
    def work(tx: Transaction) -> None:
        tx.lock("ada")
        tx.emit("ada", [event])

    with pytest.raises(InvalidEvent, match=expected):
        kit.run(work)

    assert events_of(kit, "ada") == []


def test_a_recorded_event_that_is_changed_afterwards_stays_in_the_journal_as_it_was(
    kit: TestKit,
) -> None:
    event = kit.events.record("ada", "read", {"pages": [1], "of": {"by": ["bob"]}})

    event.fields["pages"].append(2)
    event.fields["of"]["by"].append("cyd")
    for stored in (*kit.events.page("ada"), *kit.events.net("ada", types=["read"])):
        stored.fields["pages"].append(3)

    assert [stored.fields for stored in kit.events.page("ada")] == [
        {"pages": [1], "of": {"by": ["bob"]}}
    ]
