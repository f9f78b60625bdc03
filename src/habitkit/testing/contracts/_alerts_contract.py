"""``AlertsContract``: the guarantees of a store that keeps alerts."""
# ruff: noqa: S101 - tests compare plain numbers and assert

from __future__ import annotations

from contextlib import suppress
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any
from uuid import UUID

from attrs import evolve

from habitkit import ids
from habitkit.alerts.store import ALERTS, GroupRow, ReceiverRow, SilenceRow
from habitkit.testing.contracts._base import Contract, read, write
from habitkit.testing.contracts._sample_facts import NOW, STRANGE_TEXTS
from habitkit.testing.contracts._threads import THREADS, all_of

if TYPE_CHECKING:
    from datetime import datetime

    from habitkit.store import Store, Stores

__all__ = ["AlertDriverCases", "AlertsContract"]

TICK = timedelta(microseconds=1)
HOUR = timedelta(hours=1)
PRECISE = NOW.replace(microsecond=123_456)
LONGEST = "\U0001f3c3" * 200
STATES = (*STRANGE_TEXTS, '{"a": 1.0,  "b": 1e400}', "\\u0000", "NULL", "", "x" * 300_000)


class AlertDriverCases(Contract):
    """Part of ``AlertsContract``: what a driver can break: values, transactions, races."""

    def test_groups_receivers_and_silences_come_back_as_they_were(self, store: Store) -> None:
        groups = [GroupRow(name, PRECISE + TICK, name) for name in (*STRANGE_TEXTS, LONGEST)]
        groups += [GroupRow(f"g{n}", NOW, state) for n, state in enumerate(STATES)]
        receivers = [ReceiverRow(f"r{n}", None, None, state) for n, state in enumerate(STATES)]
        receivers += [
            ReceiverRow(each, PRECISE, UUID(int=2**128 - 1), "") for each in STRANGE_TEXTS
        ]
        silences = [
            _silence(n, {"match": text, text: ["not", None, 1]}, by=text, comment=text)
            for n, text in enumerate((*STRANGE_TEXTS, LONGEST))
        ]
        silences.append(evolve(silences[0], id=UUID(int=99), ended_by=STRANGE_TEXTS[0]))

        write(store, partial(_put, groups + receivers + silences))

        assert [read(store, partial(_group, row.name)) for row in groups] == groups
        assert [read(store, partial(_receiver, row.name)) for row in receivers] == receivers
        assert [read(store, partial(_silence_of, row.id)) for row in silences] == silences
        assert _evaluated(store) == {row.name: row.evaluated_at for row in groups}
        assert read(store, partial(_silences, NOW)) == silences

    def test_an_undone_write_leaves_nothing_of_alerts(self, store: Store) -> None:
        before = [
            GroupRow("g", NOW, "1"),
            ReceiverRow("r", None, None, "1"),
            _silence(1),
            _silence(3),
        ]
        write(store, partial(_put, before))
        after = [GroupRow("g", PRECISE, "2"), ReceiverRow("r", NOW, UUID(int=1), "2"), _silence(2)]
        after += [GroupRow("h", NOW, "2"), evolve(_silence(1), ends=NOW)]

        def work(stores: Stores) -> None:
            with suppress(ZeroDivisionError), stores.savepoint():
                _put(after, stores)
                assert _group("g", stores) == after[0]
                stores.port(ALERTS).delete_silences(NOW + HOUR, 10)
                raise ZeroDivisionError
            assert _kept(stores) == before

        def fail(stores: Stores) -> None:
            _put(after, stores)
            raise ZeroDivisionError

        write(store, work)
        with suppress(ZeroDivisionError):
            write(store, fail)
        assert read(store, _kept) == before
        assert _evaluated(store) == {"g": NOW}

    def test_of_writers_who_hold_the_lock_of_a_group_none_is_lost(self, store: Store) -> None:
        def count(stores: Stores) -> None:
            stores.owners.lock([ids.system_owner("alerts/g")])
            row = _group("g", stores) or GroupRow("g", NOW, "0")
            state = str(int(row.state) + 1)
            _put([evolve(row, state=state, evaluated_at=row.evaluated_at + HOUR)], stores)

        def count_often() -> None:
            for _ in range(5):
                write(store, count)

        all_of([count_often for _ in range(THREADS)])

        last = GroupRow("g", NOW + 5 * THREADS * HOUR, str(5 * THREADS))
        assert read(store, partial(_group, "g")) == last


class AlertsContract(AlertDriverCases):
    """The guarantees of a store that supports the module ``alerts``."""

    proves = frozenset({"alerts"})

    def test_a_row_replaces_that_of_its_name_alone(self, store: Store) -> None:
        lease = UUID(int=7)
        first = [GroupRow("g", NOW, "1"), GroupRow("G", NOW, "1"), GroupRow("g ", NOW, "1")]
        others = [ReceiverRow("g", NOW, lease, "1"), ReceiverRow("G", NOW, lease, "1")]
        write(store, partial(_put, [*first, *others]))
        changed = GroupRow("g", NOW - HOUR, "2")
        released = ReceiverRow("g", None, None, "2")

        write(store, partial(_put, [changed, released]))

        assert [read(store, partial(_group, row.name)) for row in first] == [changed, *first[1:]]
        assert [read(store, partial(_receiver, each)) for each in "gG"] == [released, others[1]]
        assert _evaluated(store) == {"g": NOW - HOUR, "G": NOW, "g ": NOW}

    def test_what_was_never_put_is_none(self, store: Store) -> None:
        write(store, partial(_put, [GroupRow("g", NOW, ""), ReceiverRow("r", None, None, "")]))

        assert read(store, partial(_group, "r")) is None
        assert read(store, partial(_receiver, "g")) is None
        assert read(store, partial(_silence_of, UUID(int=1))) is None
        assert read(store, partial(_silences, NOW)) == []

    def test_silences_that_end_after_an_instant_are_in_the_order_of_start_and_id(
        self, store: Store
    ) -> None:
        early = evolve(_silence(9), starts=NOW - HOUR)
        rows = [_silence(3), _silence(1), early, evolve(_silence(2), ends=NOW + 3 * HOUR)]
        write(store, partial(_put, rows))
        ordered = [early, rows[1], rows[3], rows[0]]

        assert read(store, partial(_silences, NOW)) == ordered
        assert read(store, partial(_silences, NOW + HOUR - TICK)) == ordered
        assert read(store, partial(_silences, NOW + HOUR)) == [rows[3]]
        assert read(store, partial(_silences, NOW + 3 * HOUR)) == []
        ended = evolve(rows[3], ends=NOW + HOUR, ended_by="bob")
        write(store, partial(_put, [ended]))
        assert read(store, partial(_silences, NOW + HOUR)) == []
        assert read(store, partial(_silence_of, ended.id)) == ended

    def test_silences_that_have_ended_are_deleted_up_to_a_limit(self, store: Store) -> None:
        rows = [evolve(_silence(n), ends=NOW + n * HOUR) for n in range(1, 8)]
        write(store, partial(_put, rows))

        deleted = [
            write(store, lambda stores: stores.port(ALERTS).delete_silences(NOW + 5 * HOUR, 3))
            for _ in range(3)
        ]

        assert deleted == [3, 2, 0]
        assert read(store, partial(_silences, NOW)) == rows[5:]


Row = GroupRow | ReceiverRow | SilenceRow


def _silence(
    number: int, match: dict[str, Any] | None = None, by: str = "ada", comment: str = ""
) -> SilenceRow:
    """Return a silence of an hour."""
    match = {"zone": "eu"} if match is None else match
    return SilenceRow(UUID(int=number), match, NOW, NOW + HOUR, by, comment)


def _put(rows: list[Any], stores: Stores) -> None:
    """Put rows of all three kinds."""
    port = stores.port(ALERTS)
    for row in rows:
        if isinstance(row, GroupRow):
            port.put_group(row)
        elif isinstance(row, ReceiverRow):
            port.put_receiver(row)
        else:
            port.put_silence(row)


def _group(name: str, stores: Stores) -> GroupRow | None:
    return stores.port(ALERTS).group(name)


def _receiver(name: str, stores: Stores) -> ReceiverRow | None:
    return stores.port(ALERTS).receiver(name)


def _silence_of(id_: UUID, stores: Stores) -> SilenceRow | None:
    return stores.port(ALERTS).silence(id_)


def _silences(at: datetime, stores: Stores) -> list[SilenceRow]:
    return stores.port(ALERTS).silences(at)


def _kept(stores: Stores) -> list[Row | None]:
    """Return the row of each kind, and any other silence."""
    return [_group("g", stores), _receiver("r", stores), *_silences(NOW, stores)]


def _evaluated(store: Store) -> dict[str, datetime]:
    return read(store, lambda stores: stores.port(ALERTS).evaluated())
