"""Stores whose alerts are broken in one place each, put to the case that has to notice.

pytest does not collect this file by itself; ``test_contracts.py`` runs it.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from attrs import evolve

from habitkit.alerts.store import ALERTS, GroupRow, ReceiverRow, SilenceRow
from tests.stores.breaking import breaker
from tests.stores.broken_ledgers import around, not_undone

EXPECTED: list[str] = []
noticed_by = breaker(globals(), EXPECTED)

TICK = timedelta(microseconds=1)


@noticed_by("test_groups_receivers_and_silences_come_back_as_they_were")
def strips_the_states_of_groups(_: Any, stores: Any) -> None:
    @around(stores.port(ALERTS), "put_group")
    def wrong(call: Callable[[GroupRow], None], row: GroupRow) -> None:
        call(evolve(row, state=row.state.strip()))


@noticed_by("test_groups_receivers_and_silences_come_back_as_they_were")
def rounds_the_end_of_a_lease(_: Any, stores: Any) -> None:
    @around(stores.port(ALERTS), "put_receiver")
    def wrong(call: Callable[[ReceiverRow], None], row: ReceiverRow) -> None:
        until = row.leased_until
        call(evolve(row, leased_until=until and until.replace(microsecond=0)))


@noticed_by("test_groups_receivers_and_silences_come_back_as_they_were")
def forgets_who_ended_a_silence(_: Any, stores: Any) -> None:
    @around(stores.port(ALERTS), "put_silence")
    def wrong(call: Callable[[SilenceRow], None], row: SilenceRow) -> None:
        call(evolve(row, ended_by=None))


@noticed_by("test_an_undone_write_leaves_nothing_of_alerts")
def puts_groups_for_good(_: Any, stores: Any) -> None:
    @around(stores.port(ALERTS), "put_group")
    def wrong(call: Callable[[GroupRow], None], row: GroupRow) -> None:
        with not_undone(stores):
            call(row)


@noticed_by("test_an_undone_write_leaves_nothing_of_alerts")
def deletes_silences_for_good(_: Any, stores: Any) -> None:
    @around(stores.port(ALERTS), "delete_silences")
    def wrong(call: Callable[[datetime, int], int], ended: datetime, limit: int) -> int:
        with not_undone(stores):
            return call(ended, limit)


@noticed_by("test_of_writers_who_hold_the_lock_of_a_group_none_is_lost")
def keeps_the_first_row_of_a_group(_: Any, stores: Any) -> None:
    port = stores.port(ALERTS)

    @around(port, "put_group")
    def wrong(call: Callable[[GroupRow], None], row: GroupRow) -> None:
        if port.group(row.name) is None:
            call(row)


@noticed_by("test_a_row_replaces_that_of_its_name_alone")
def compares_names_without_case(_: Any, stores: Any) -> None:
    port = stores.port(ALERTS)

    @around(port, "put_group")
    def wrong(call: Callable[[GroupRow], None], row: GroupRow) -> None:
        call(evolve(row, name=row.name.lower()))


@noticed_by("test_a_row_replaces_that_of_its_name_alone")
def never_goes_back_to_an_earlier_instant(_: Any, stores: Any) -> None:
    port = stores.port(ALERTS)

    @around(port, "put_group")
    def wrong(call: Callable[[GroupRow], None], row: GroupRow) -> None:
        before = port.group(row.name)
        if before is None or before.evaluated_at <= row.evaluated_at:
            call(row)


@noticed_by("test_a_row_replaces_that_of_its_name_alone")
def keeps_the_lease_of_a_receiver(_: Any, stores: Any) -> None:
    port = stores.port(ALERTS)

    @around(port, "put_receiver")
    def wrong(call: Callable[[ReceiverRow], None], row: ReceiverRow) -> None:
        before = port.receiver(row.name)
        call(evolve(row, lease=row.lease or (before and before.lease)))


@noticed_by("test_what_was_never_put_is_none")
def makes_receivers_up(_: Any, stores: Any) -> None:
    @around(stores.port(ALERTS), "receiver")
    def wrong(call: Callable[[str], ReceiverRow | None], name: str) -> ReceiverRow:
        return call(name) or ReceiverRow(name, None, None, "")


@noticed_by("test_silences_that_end_after_an_instant_are_in_the_order_of_start_and_id")
def lists_silences_as_they_came(_: Any, stores: Any) -> None:
    port = stores.port(ALERTS)
    port.silences = lambda at: [row for row in port._silences if row.ends > at]


@noticed_by("test_silences_that_end_after_an_instant_are_in_the_order_of_start_and_id")
def counts_the_end_to_a_silence(_: Any, stores: Any) -> None:
    @around(stores.port(ALERTS), "silences")
    def wrong(call: Callable[[datetime], list[SilenceRow]], at: datetime) -> list[SilenceRow]:
        return call(at - TICK)


@noticed_by("test_silences_that_have_ended_are_deleted_up_to_a_limit")
def deletes_all_silences_that_have_ended(_: Any, stores: Any) -> None:
    @around(stores.port(ALERTS), "delete_silences")
    def wrong(call: Callable[[datetime, int], int], ended: datetime, _limit: int) -> int:
        return call(ended, 1_000)


@noticed_by("test_silences_that_have_ended_are_deleted_up_to_a_limit")
def deletes_silences_that_have_begun(_: Any, stores: Any) -> None:
    port = stores.port(ALERTS)

    @around(port, "delete_silences")
    def wrong(_call: Callable[[datetime, int], int], ended: datetime, limit: int) -> int:
        found: list[UUID] = [row.id for row in port._silences if row.starts <= ended][:limit]
        for id_ in found:
            port._silences.delete(id_)
        return len(found)
