"""Idempotency: one effect a key, its result returned for as long as the key is kept."""

from __future__ import annotations

from datetime import timedelta, timezone
from typing import TYPE_CHECKING, Any

import pytest

import habitkit.testing
from habitkit.errors import IdempotencyConflict, InvalidKey
from habitkit.events import Recorded
from habitkit.journal.domain.rules import IDEMPOTENCY_DAYS
from habitkit.reactions import on
from habitkit.testing.contracts._sample_facts import (
    NOW,
    STRANGE_TEXTS,
    events_of,
    numbers,
    revisions,
)

if TYPE_CHECKING:
    from habitkit.store import Store
    from habitkit.testing import TestKit

MINUTE = timedelta(minutes=1)


class TestIdempotencyKeys:
    """Idempotency keys, as a kit's callers meet them."""

    def test_the_same_request_under_a_key_has_one_effect_and_one_result(self, kit: TestKit) -> None:
        first = _record(kit, {"n": 1})
        kit.clock.advance(days=1)

        assert _record(kit, {"n": 1}) == first
        assert numbers(events_of(kit, "ada")) == [1]

    def test_another_request_under_a_key_is_refused_and_what_differs_is_named(
        self, kit: TestKit
    ) -> None:
        kit.events.record("ada", "noted", {"n": 1}, at=NOW - MINUTE, idempotency_key="k")

        with pytest.raises(IdempotencyConflict) as conflict:
            kit.events.record("ada", "marked", {"n": 2}, at=NOW - MINUTE, idempotency_key="k")

        assert conflict.value.key == "k"
        assert conflict.value.operation == "events.record"
        assert set(conflict.value.differing) == {"type", "fields"}
        assert numbers(events_of(kit, "ada")) == [1]

    def test_a_conflict_leaves_the_first_record_in_place(self, kit: TestKit) -> None:
        first = _record(kit, {"n": 1})
        with pytest.raises(IdempotencyConflict):
            _record(kit, {"n": 2})

        assert _record(kit, {"n": 1}) == first

    def test_an_omitted_instant_stays_omitted(self, kit: TestKit) -> None:
        first = kit.events.record("ada", "noted", idempotency_key="k")
        assert first.at == NOW
        kit.clock.advance(hours=1)

        assert kit.events.record("ada", "noted", idempotency_key="k") == first
        with pytest.raises(IdempotencyConflict) as conflict:
            kit.events.record("ada", "noted", at=NOW, idempotency_key="k")
        assert conflict.value.differing == ("at",)

    def test_an_instant_is_the_same_in_every_zone(self, kit: TestKit) -> None:
        east = timezone(timedelta(hours=9))
        first = kit.events.record("ada", "noted", at=NOW, idempotency_key="k")

        again = kit.events.record("ada", "noted", at=NOW.astimezone(east), idempotency_key="k")

        assert again == first
        assert len(events_of(kit, "ada")) == 1

    def test_a_request_that_was_refused_may_be_made_again(self, store: Store) -> None:
        refusals = [ValueError("not now"), ValueError("not yet")]

        def refuse(*_: object) -> None:
            if refusals:
                raise refusals.pop()

        kit = habitkit.testing.kit(store=store, reactions=[on(Recorded, refuse)])
        for _ in range(2):
            with pytest.raises(ValueError, match="not"):
                _record(kit, {"n": 1})

        assert _record(kit, {"n": 2}).fields == {"n": 2}
        assert numbers(events_of(kit, "ada")) == [2]
        assert revisions(kit, "ada") == [1]

    def test_keys_of_different_owners_and_operations_do_not_meet(self, kit: TestKit) -> None:
        for owner in ("ada", "bob"):
            kit.events.record(owner, "noted", {"of": owner}, idempotency_key="k")

        def another_operation(key: str) -> Recorded:
            def work(_: object) -> Recorded:
                return Recorded("ada", NOW, "seen", {"key": key})

            def once(tx: Any) -> Recorded:
                tx.lock("ada")
                result: Recorded = tx.once("ada", "notes.see", key, {}, Recorded, work)
                return result

            return kit.run(once)

        assert another_operation("k").name == "seen"
        assert [event.fields for event in events_of(kit, "bob")] == [{"of": "bob"}]

    def test_any_short_text_is_a_key_of_its_own(self, kit: TestKit) -> None:
        keys = [*STRANGE_TEXTS, "k", "K", "k ", "k" * 200]
        firsts = [_record(kit, {"n": n}, key=key) for n, key in enumerate(keys)]
        kit.clock.advance(hours=1)

        assert [_record(kit, {"n": n}, key=key) for n, key in enumerate(keys)] == firsts
        assert numbers(events_of(kit, "ada")) == list(range(len(keys)))

    def test_anything_else_is_no_key_and_nothing_is_written(self, kit: TestKit) -> None:
        unfit: list[Any] = ["", "k" * 201, "k\x00", "\ud800", 7, b"k"]
        for key in unfit:
            with pytest.raises(InvalidKey):
                kit.events.record("ada", "noted", idempotency_key=key)

        assert events_of(kit, "ada") == []

    def test_a_key_is_kept_for_thirty_days(self, kit: TestKit) -> None:
        first = _record(kit, {"n": 1})
        kit.clock.advance(days=IDEMPOTENCY_DAYS)

        assert kit.sweep().counts["old_keys"] == 0
        assert _record(kit, {"n": 1}) == first

    @pytest.mark.parametrize("swept", [False, True], ids=["unswept", "swept"])
    def test_an_older_key_is_as_good_as_new(self, kit: TestKit, *, swept: bool) -> None:
        _record(kit, {"n": 1})
        kit.clock.advance(days=IDEMPOTENCY_DAYS, seconds=1)
        if swept:
            assert kit.sweep().counts["old_keys"] == 1

        again = _record(kit, {"n": 2})

        assert again.at == kit.clock.now()
        assert _record(kit, {"n": 2}) == again
        assert numbers(events_of(kit, "ada")) == [1, 2]

    def test_forgetting_is_bounded_and_reports_whether_there_is_more(self, kit: TestKit) -> None:
        for n in range(5):
            _record(kit, {"n": n}, key=f"k{n}")
        kit.clock.advance(days=IDEMPOTENCY_DAYS, seconds=1)

        sweeps = [kit.sweep(2) for _ in range(3)]

        assert [sweep.counts["old_keys"] for sweep in sweeps] == [2, 2, 1]
        assert [sweep.more for sweep in sweeps] == [True, True, False]


def _record(kit: TestKit, fields: dict[str, Any], key: str = "k") -> Recorded:
    return kit.events.record("ada", "noted", fields, idempotency_key=key)
