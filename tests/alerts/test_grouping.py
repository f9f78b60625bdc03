"""When which alerts are sent to a receiver, by example and over random timelines."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from random import Random
from typing import Any
from uuid import UUID

import pytest
from attrs import define, evolve, field

from habitkit.alerts.domain.grouping import failed, plan, sent
from habitkit.alerts.domain.matchers import checked_match, match_from_dict, match_to_dict, meets
from habitkit.alerts.domain.model import AlertState, Phase
from habitkit.alerts.domain.receiver_json import receiver_state_from_dict, receiver_state_to_dict
from habitkit.alerts.domain.receivers import Notification, Receiver, ReceiverState
from habitkit.alerts.domain.silences import Silence
from habitkit.errors import InvalidInput
from habitkit.metrics.domain.matchers import matches, not_, one_of
from habitkit.metrics.domain.series import Labels, labels_of

START = datetime(2027, 3, 5, tzinfo=UTC)
WAIT, INTERVAL, REPEAT = 30, 120, 600


def at(seconds: int) -> datetime:
    return START + timedelta(seconds=seconds)


def labels(zone: str, name: str = "Deep") -> Labels:
    return labels_of({"alertname": name, "zone": zone})


def alert(zone: str, phase: Phase = "firing", since: int = 0, **more: Any) -> AlertState:
    given = {"fired_at": at(since), "resolved_at": None if phase == "firing" else at(since)}
    return AlertState(labels(zone), phase, 1.0, active_at=at(since), **{**given, **more})


def silence(zone: str, starts: int, ends: int) -> Silence:
    return Silence(UUID(int=7), {"zone": zone}, at(starts), at(ends), "ada", "at work on it")


def receiver(**more: Any) -> Receiver:
    times = {"wait_seconds": WAIT, "interval_seconds": INTERVAL, "repeat_seconds": REPEAT}
    return Receiver("ops", print, **{**times, **more})


def zones_of(alerts: Iterable[AlertState]) -> str:
    return "".join(dict(it.labels)["zone"] for it in alerts)


@define
class Inbox:
    """A receiver with its state, and what it was sent: the time, the status and the zones."""

    receiver: Receiver = field(factory=receiver)
    state: ReceiverState = field(factory=ReceiverState)
    silences: list[Silence] = field(factory=list)
    works: bool = True
    sending_seconds: int = 0
    tried: list[Notification] = field(factory=list)
    got: list[tuple[int, str, str, str]] = field(factory=list)

    def run(self, seconds: Iterable[int], *alerts: AlertState) -> list[tuple[int, str, str, str]]:
        """Send what is planned at some instants, and return what was sent at them."""
        before = len(self.got)
        for t in seconds:
            self.turn(t, alerts)
        return self.got[before:]

    def turn(self, t: int, alerts: Iterable[AlertState]) -> list[Notification]:
        planned = plan(self.receiver, self.state, alerts, self.silences, at(t))
        kept = json.loads(json.dumps(receiver_state_to_dict(planned.state)))
        assert receiver_state_from_dict(kept) == planned.state
        self.state = planned.state
        for each in planned.notifications:
            self.tried.append(each)
            if self.works:
                self.state = sent(self.state, each.id, at(t + self.sending_seconds))
                shown = "repeated" if each.repeated else each.status
                self.got.append((t, shown, zones_of(each.firing), zones_of(each.resolved)))
            else:
                self.state = failed(self.state, each.id, at(t))
        return list(planned.notifications)


def test_a_group_is_sent_after_the_wait_changed_after_the_interval_unchanged_after_the_repeat():
    ops, a, b = Inbox(), alert("a"), alert("b", since=60)
    assert ops.run(range(0, 60, 10), a) == [(30, "firing", "a", "")]
    assert ops.run(range(60, 200, 10), a, b) == [(150, "firing", "ab", "")]
    assert ops.run(range(200, 800, 10), a, b) == [(750, "repeated", "ab", "")]
    gone = alert("b", "resolved", since=800)
    assert ops.run(range(800, 890, 10), a, gone) == [(870, "firing", "a", "b")]
    assert ops.tried[-1].resolved == (gone,)
    assert ops.run(range(890, 1010, 10)) == [(990, "resolved", "", "a")]
    assert ops.state.groups == {}


def test_an_unchanged_group_is_repeated_in_time_although_sending_takes_some():
    for times in ({"interval_seconds": 60}, {"interval_seconds": 30}, {}):
        ops = Inbox(receiver(wait_seconds=0, repeat_seconds=60, **times), sending_seconds=2)
        ops.run(range(0, 300, 10), alert("a"))
        assert [t for t, *_ in ops.got] == [0, 60, 120, 180, 240]
    ops = Inbox(receiver(repeat_seconds=60), works=False)
    ops.run(range(0, 100, 10), alert("a"))
    ops.works = True
    got = ops.run(range(100, 200, 10), alert("a"))
    assert [t for t, *_ in got] == [100, 170]


def test_what_fires_for_longer_than_the_wait_is_sent_at_once_and_what_ends_within_it_never():
    assert Inbox().run([100], alert("a", since=60)) == [(100, "firing", "a", "")]
    ops = Inbox()
    ops.run([0, 10], alert("a"))
    assert ops.run(range(20, 900, 10), alert("a", "resolved", since=20)) == []
    assert ops.state.groups == {}
    assert Inbox().run(range(0, 900, 10), alert("a", "pending")) == []


def test_groups_are_made_by_labels_and_take_only_what_the_receiver_matches():
    ops = Inbox(
        receiver(group_by=["zone"], match={"zone": not_(one_of("c", "d")), "alertname": "Deep"})
    )
    other = evolve(alert("b"), labels=labels("b", "Other"))
    got = ops.run(range(0, 60, 10), alert("a"), alert("b"), alert("c"), other)
    assert got == [(30, "firing", "a", ""), (30, "firing", "b", "")]
    assert [it.group for it in ops.tried] == [(("zone", "a"),), (("zone", "b"),)]


def test_of_two_alerts_with_the_same_labels_the_firing_one_counts():
    for pair in ([alert("a"), alert("a", "resolved")], [alert("a", "pending"), alert("a")]):
        assert Inbox().run(range(0, 60, 10), *pair) == [(30, "firing", "a", "")]


def test_an_alert_that_is_pending_again_or_whose_rule_is_gone_is_sent_as_resolved():
    for after in ([alert("a", "pending")], []):
        ops = Inbox()
        ops.run([0, 30], alert("a"))
        assert ops.run([150], *after) == [(150, "resolved", "", "a")]
        assert ops.tried[-1].alerts[0].resolved_at == at(150)


def test_a_silence_hides_what_it_matches_and_what_still_fires_is_sent_at_its_end():
    ops, a, b = Inbox(), alert("a"), alert("b")
    ops.silences = [silence("b", 0, 200), silence("a", 100, 500)]
    assert ops.run(range(0, 200, 10), a, b) == [(30, "firing", "a", "")]
    assert ops.run(range(200, 500, 10), a, b) == [(270, "firing", "b", "")]
    assert ops.run(range(500, 700, 10), a, b) == [(510, "firing", "ab", "")]
    assert ops.run(range(700, 1100, 10), a, b) == []
    both = Inbox(silences=[silence("a", 40, 50), silence("b", 60, 200)])
    assert len(both.run(range(0, 150, 10), a, b)) == 1
    assert both.run([150], a, b) == [(150, "firing", "a", "")]


def test_what_was_sent_before_a_silence_and_ends_in_it_is_sent_at_the_end_of_the_silence():
    ops = Inbox(silences=[silence("a", 100, 300)])
    assert ops.run(range(0, 200, 10), alert("a")) == [(30, "firing", "a", "")]
    assert ops.run(range(200, 300, 10)) == []
    assert ops.run(range(300, 500, 10)) == [(390, "resolved", "", "a")]
    unknown = Inbox(silences=[silence("a", 0, 300)])
    unknown.run(range(0, 200, 10), alert("a"))
    assert unknown.run(range(200, 500, 10)) == []


def test_what_fires_anew_after_a_silence_in_which_it_ended_is_sent_again():
    ops = Inbox(silences=[silence("a", 40, 100)])
    ops.run(range(0, 60, 10), alert("a"))
    ops.run(range(60, 110, 10))
    assert ops.run(range(110, 160, 10), alert("a", since=110)) == [(150, "firing", "a", "")]


def test_what_cannot_be_sent_is_tried_again_with_the_same_id_up_to_every_ten_minutes():
    ops = Inbox(works=False)
    tried = [t for t in range(0, 3000, 10) if ops.turn(t, [alert("a")])]
    waits = [after - before for before, after in pairwise(tried)]
    assert waits == [10, 20, 40, 80, 160, 320, 600, 600, 600]
    assert len({it.id for it in ops.tried}) == 1
    ops.works = True
    assert ops.run(range(3000, 3600, 10)) == [
        (3060, "firing", "a", ""),
        (3070, "resolved", "", "a"),
    ]
    assert len({it.id for it in ops.tried}) == 2


def test_a_notification_that_is_tried_again_leaves_out_what_is_silenced_by_then():
    ops, a, b = Inbox(works=False), alert("a"), alert("b")
    ops.run([0, 30], a, b)
    ops.silences = [silence("b", 35, 100)]
    ops.works = True
    assert ops.run([40], a, b) == [(40, "firing", "a", "")]
    assert len({it.id for it in ops.tried}) == 1
    assert ops.run(range(50, 200, 10), a, b) == [(150, "firing", "ab", "")]
    silent = Inbox(works=False, silences=[silence("a", 200, 250)])
    tried = [t for t in range(0, 380, 10) if silent.turn(t, [a])]
    assert tried == [30, 40, 60, 100, 180, 320, 330, 350]
    assert [it.id for it in silent.tried] == [silent.tried[0].id] * 5 + [silent.tried[-1].id] * 3
    assert silent.tried[0].id != silent.tried[-1].id


def test_flapping_is_sent_once_and_then_the_phase_in_which_it_ends():
    for phase, last in (("firing", "firing"), ("resolved", "resolved")):
        ops = Inbox()
        ops.run([0, 30], alert("a"))
        flapping = [alert("a", each, flapping=True) for each in ("resolved", "firing", "pending")]
        for t in range(100, 600, 10):
            ops.turn(t, [flapping[t // 10 % 3]])
        assert ops.got[1:] == [(150, "firing", "a", "")]
        after = alert("a", "firing" if phase == "firing" else "resolved", since=590)
        zones = ("a", "") if phase == "firing" else ("", "a")
        assert ops.run([630], after) == [(630, last, *zones)]
    gone = Inbox()
    gone.run([0, 30], alert("a", "resolved", flapping=True))
    assert gone.run([150]) == [(150, "resolved", "", "a")]


def test_a_clock_that_was_set_back_holds_nothing_up_for_longer_than_the_interval():
    ops, a, b = Inbox(), alert("a"), alert("b")
    ops.run([90_000, 90_030], a)
    assert ops.run(range(0, 200, 10), a, b) == [(120, "firing", "ab", "")]
    ops.run([0], b)
    assert ops.run([120], b) == [(120, "firing", "b", "a")]
    assert len({it.id for it in ops.tried}) == len(ops.tried)
    assert ops.run(range(0, 800, 10), b) == [(600, "repeated", "b", "")]
    late = Inbox(works=False)
    late.run([90_000, 90_030, 90_040], a)
    late.works = True
    assert late.run([0, 590, 600], a) == [(600, "firing", "a", "")]


@define
class Timeline:
    """Alerts, silences and failures that come and go, and what a receiver must know by then."""

    rng: Random
    ops: Inbox
    t: int
    fires: dict[str, AlertState] = field(factory=dict)
    knows: set[Labels] = field(factory=set)
    told_at: dict[str, int] = field(factory=dict)
    done: set[str] = field(factory=set)
    changed_at: int = 0
    hidden_at: dict[str, int] = field(factory=dict)
    regroups: bool = False

    def change(self) -> None:
        """Let something happen, or nothing."""
        rng, t = self.rng, self.t
        if rng.random() < 0.1:
            self.ops.works, self.changed_at = rng.random() < 0.7, t
        if rng.random() < 0.06:
            hidden = [zone for zone in "abc" if rng.random() < 0.3]
            self.ops.silences = [silence(zone, t, t + rng.randrange(20, 900)) for zone in hidden]
        if self.regroups and rng.random() < 0.05:
            self.ops.receiver, self.changed_at = some_receiver(rng), t
        for zone in "abc":
            if rng.random() < 0.04:
                self.changed_at = t
                if self.fires.pop(zone, None) is None:
                    self.fires[zone] = alert(zone, since=t)

    def is_hidden(self, zone: str) -> bool:
        return any(it.holds(labels(zone), at(self.t)) for it in self.ops.silences)

    def turn(self) -> None:
        """Send, and check what is sent."""
        self.hidden_at |= {zone: self.t for zone in self.fires if self.is_hidden(zone)}
        for each in self.ops.turn(self.t, self.fires.values()):
            zones = [dict(it.labels)["zone"] for it in each.alerts]
            assert zones
            assert each.id not in self.done
            assert not any(map(self.is_hidden, zones))
            if self.ops.works:
                self.done.add(each.id)
                self.told_at |= dict.fromkeys(zones, self.t)
                ended = {it.labels for it in each.resolved}
                assert ended <= self.knows
                if each.at == at(self.t):
                    assert not ended & {labels(zone) for zone in self.fires}
                self.knows = self.knows - ended | {it.labels for it in each.firing}

    def check(self, patience: int) -> None:
        """Check that the receiver knows what fires for some time, and was told so after a silence."""
        for zone in self.fires:
            since = max(self.changed_at, self.hidden_at.get(zone, 0))
            if self.ops.works and not self.is_hidden(zone) and self.t - since > patience:
                assert labels(zone) in self.knows
                assert self.told_at[zone] > self.hidden_at.get(zone, -1)


def some_receiver(rng: Random) -> Receiver:
    return receiver(group_by=rng.choice([["alertname"], ["zone"], []]))


@pytest.mark.parametrize("regroups", [False, True])
def test_many_timelines_send_what_fires_unless_it_is_silenced(regroups: bool):
    for seed in range(60):
        rng = Random(seed)
        start = rng.randrange(1000)
        ops = Inbox(some_receiver(rng))
        timeline = Timeline(rng, ops, start, changed_at=start, regroups=regroups)
        try:
            for _ in range(120):
                timeline.change()
                timeline.turn()
                timeline.check(patience=600 + INTERVAL + 60)
                timeline.t += rng.choice([10, 30, 60])
            ops.works, ops.silences = True, []
            for _ in range(20):
                timeline.turn()
                timeline.t += 60
            assert timeline.knows == {labels(zone) for zone in timeline.fires}
        except AssertionError as error:
            error.add_note(f"seed {seed}, at {timeline.t}")
            raise


def test_conditions_on_labels_are_texts_and_matchers_and_kept_as_json():
    match = checked_match(
        "match", {"zone": matches("e.*"), "severity": one_of("page", "ticket"), "n": 1}
    )
    assert match_from_dict(json.loads(json.dumps(match_to_dict(match)))) == match
    assert meets(match, labels_of({"zone": "eu", "severity": "page", "n": "1"}))
    assert not meets(match, labels_of({"zone": "us", "severity": "page", "n": "1"}))
    assert meets(checked_match("match", {"zone": not_("eu")}), ())
    assert checked_match("match", {"b": "1", "a": "2"}) == checked_match(
        "match", {"a": "2", "b": "1"}
    )
    for wrong in (
        "zone",
        ("ab", "cd"),
        (1,),
        {"zo ne": "eu"},
        {"zone": None},
        {1: "eu"},
        {"zone": ["eu"]},
    ):
        with pytest.raises(InvalidInput):
            checked_match("match", wrong)


def test_receivers_that_cannot_be_are_refused():
    cases: list[tuple[dict[str, Any], str]] = [
        ({"name": ""}, "name: expected a text"),
        ({"send": None}, "send: expected a function"),
        ({"group_by": "zone"}, "group_by: expected at most 20 names"),
        ({"group_by": ["zo-ne"]}, "group_by: expected at most 20 names"),
        ({"wait_seconds": -1}, "wait_seconds: expected an int from 0"),
        ({"interval_seconds": 0}, "interval_seconds: expected an int from 1"),
        ({"repeat_seconds": 1.5}, "repeat_seconds: expected an int from 1"),
        ({"match": "page"}, "match: expected a mapping"),
    ]
    for given, message in cases:
        with pytest.raises(InvalidInput, match=message):
            Receiver(**{"name": "ops", "send": print, **given})
