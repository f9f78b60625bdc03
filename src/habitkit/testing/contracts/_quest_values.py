"""Part of ``QuestsContract``: what a driver can break: values, transactions, races."""
# ruff: noqa: S101 - tests compare plain numbers and assert

from __future__ import annotations

import json
from contextlib import suppress
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import partial
from typing import TYPE_CHECKING, Any
from uuid import UUID

from habitkit.errors import Duplicate
from habitkit.quests.store import DEFINITIONS, QUESTS
from habitkit.testing.contracts._base import Contract, read, write
from habitkit.testing.contracts._sample_facts import NOW, STRANGE_TEXTS
from habitkit.testing.contracts._sample_quests import (
    SUBJECT,
    TICK,
    add,
    contribution,
    defined,
    definition,
    everything,
    grant,
    granted,
    grants,
    newest,
    of_events,
    of_subject,
    owners,
    put,
    put_into,
    remove,
    remove_grants,
    run,
    runs,
)
from habitkit.testing.contracts._threads import THREADS, race

if TYPE_CHECKING:
    from habitkit.store import Store, Stores

__all__ = ["QuestDriverCases"]

LARGEST = 2**63 - 1
LARGEST_LEAF = 2**31 - 1
FIRST = datetime(2, 1, 1, tzinfo=UTC)
LAST = datetime(9998, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC)
LONGEST = "\U0001f3c3" * 200
LONG = "".join(str(n**3) for n in range(200))
"""Digits that do not repeat: PostgreSQL would compress others in an index."""

NAMES = (*STRANGE_TEXTS, LONGEST, "NULL", "{}", "B", "a", "Ä")
DECIMALS = (
    *(Decimal(0), Decimal("0.10"), Decimal("-1.5"), Decimal("1E+30"), Decimal("1E-400")),
    *(Decimal(10**60 + 1), Decimal("9.99E+400"), Decimal("0.1234567890123456789012345678901")),
)
HOSTILE = {
    "texts": [*STRANGE_TEXTS, "", "null", "\\u0000"],
    "numbers": [0, -1, 2**64, 10**300, 0.1, 5e-324, 1e15 + 0.5, 1.0, True, False],
    "empty": [[], {}, None, ""],
}


class QuestDriverCases(Contract):
    """Part of ``QuestsContract``: what a driver can break: values, transactions, races."""

    def test_runs_come_back_as_they_were_in_the_order_of_quest_and_period(
        self, store: Store
    ) -> None:
        whole = run(
            version=LARGEST,
            state="COMPLETED",
            started_at=FIRST,
            started_day=date.min,
            totals=DECIMALS,
            complete_at=LAST,
            complete_key=LONG[:450],
            tier=LARGEST_LEAF,
            claimed_at=NOW - TICK,
            check_at=NOW + TICK,
            skipped=True,
        )
        given = [
            whole,
            *(run(period=day) for day in ("2026-03-02", "0001-01-01", "9999-12-31")),
            *(run(name, complete_key=name, started_day=date.max) for name in NAMES),
        ]
        others = [run(owner=name, totals=(Decimal(n),)) for n, name in enumerate(NAMES)]
        put(store, *given[:1])
        put(store, *reversed(given[1:]), *others)

        assert runs(store) == sorted(given, key=lambda it: (it.quest, it.period))
        assert [runs(store, name) for name in NAMES] == [[each] for each in others]
        assert runs(store, quests=NAMES) == sorted(given[4:], key=lambda it: it.quest)
        assert owners(store) == sorted(["ada", *NAMES])

    def test_contributions_come_back_as_they_were_in_the_order_of_event_subject_and_leaf(
        self, store: Store
    ) -> None:
        given = [
            contribution(LONG[:450], LONG[-300:], LARGEST_LEAF, done_at=FIRST, day=date.max),
            *(contribution(name, f"rule:{name}:", value=name, done_at=LAST) for name in NAMES),
            *(contribution("n", leaf=n, amount=it, day=date.min) for n, it in enumerate(DECIMALS)),
            *(contribution("n", f"{SUBJECT}{name}") for name in ("a", "B", "Ä")),
        ]
        put(store, given[0])
        put(store, *reversed(given[1:]), contribution("n", owner="bob"))

        found = of_events(store, *(it.event_key for it in given), "unknown")
        assert found == sorted(given, key=lambda it: (it.event_key, it.subject, it.leaf))
        for name, each in zip(NAMES, given[1:], strict=False):
            assert of_subject(store, f"rule:{name}:") == of_events(store, name) == [each]
        remove(store, *given[1:], given[0])
        assert of_events(store, *(it.event_key for it in given)) == []

    def test_grants_come_back_as_they_were_in_the_order_of_their_keys(self, store: Store) -> None:
        largest = UUID(int=2**128 - 1)
        given = [
            grant(LONG[:700], kind="freezes", amount=LARGEST, at=LAST, fact_id=largest),
            *(grant(name, kind="item", name=name) for name in NAMES),
            grant("first", at=FIRST, amount=-LARGEST, fact_id=UUID(int=0)),
        ]
        put(store, given[0])
        put(store, *reversed(given[1:]), grant("bobs", "bob"))

        assert grants(store) == sorted(given, key=lambda it: it.key)
        assert grants(store, keys=[*NAMES, "unknown"]) == sorted(given[1:-1], key=lambda it: it.key)
        assert [granted(store, "item", name) for name in NAMES] == [[it] for it in given[1:-1]]
        remove_grants(store, "ada", *(it.key for it in given))
        assert owners(store) == ["bob"]

    def test_definitions_come_back_as_they_were_in_the_order_of_their_numbers(
        self, store: Store
    ) -> None:
        given = [
            definition(1, HOSTILE, at=FIRST, effective=LAST, by=LONG, note="".join(NAMES)),
            definition(2, None, kind="rules", key=""),
            definition(3, {}, kind="levels", key=LONGEST, at=NOW + TICK, effective=NOW - TICK),
            definition(
                LARGEST,
                {name: [name, {"n": n}] for n, name in enumerate(NAMES)},
                id=UUID(int=0),
                kind="boost",
            ),
        ]
        add(store, *given[1:])
        add(store, given[0])

        assert defined(store) == given
        assert json.dumps(defined(store)[0].content, sort_keys=True) == (
            json.dumps(HOSTILE, sort_keys=True)
        )
        assert [defined(store, n) for n in (1, 3, LARGEST)] == [given[1:], given[3:], []]
        assert newest(store) == given[-1].id

    def test_what_is_written_replaces_what_has_its_key_and_nothing_else(self, store: Store) -> None:
        old: list[Any] = [run(), contribution(), grant()]
        new: list[Any] = [
            run(version=2, state="CLAIMED", totals=DECIMALS, complete_key="x", check_at=NOW),
            contribution(amount=Decimal(7), value="x", done_at=NOW + TICK),
            grant(kind="item", name="hat", amount=2, fact_id=UUID(int=1)),
        ]
        others: list[Any] = [
            *(run("x"), run(period="2026-03-02"), run(owner="bob")),
            *(contribution("x"), contribution(subject="x"), contribution(leaf=1)),
            *(contribution(owner="bob"), grant("x"), grant(owner="bob")),
        ]
        seen = []
        for given in ([*old, *others], new, [*new, *old], [*old, *others, *new, *old, *new], []):
            put(store, *given)
            seen.append([runs(store)[0], of_events(store, "done:1")[0], grants(store)[0]])

        assert seen == [old, new, old, new, new]
        assert [*runs(store), *runs(store, "bob")] == [new[0], others[1], others[0], others[2]]
        assert of_events(store, "done:1", "x") == [new[1], others[5], others[4], others[3]]
        assert of_events(store, "done:1", owner="bob") == others[6:7]
        assert [*grants(store), *grants(store, "bob")] == [new[2], *others[7:]]

    def test_thousands_are_written_found_and_deleted_at_once(self, store: Store) -> None:
        keys = [f"done:{n:04}" for n in range(2500)]
        values = [contribution(key, done_at=NOW - n * TICK) for n, key in enumerate(keys)]
        given = [grant(key) for key in keys[::2]]
        of_quests = [run(key) for key in keys[::2]]

        def work(stores: Stores) -> None:
            put_into(stores, *values, *given, *of_quests)
            port = stores.port(QUESTS)
            assert port.of_events("ada", keys) == values
            assert port.of_subject("ada", SUBJECT) == values[::-1]
            assert port.runs("ada", keys) == of_quests
            assert port.grants("ada", keys) == given
            port.remove(values[1:])
            port.remove_grants("ada", keys[1:])

        write(store, work)
        assert [*of_events(store, *keys), *grants(store)] == [values[0], given[0]]

    def test_an_undone_write_leaves_nothing_of_quests(self, store: Store) -> None:
        put(store, run(), contribution(), contribution("done:2"), grant(), grant("x"))
        add(store, definition(1, {"n": 1}))
        before = read(store, everything)

        def work(stores: Stores) -> None:
            with suppress(ZeroDivisionError), stores.savepoint():
                put_into(stores, run(version=2, check_at=NOW), run("x"), run(owner="bob"))
                put_into(stores, contribution(value="x"), contribution("done:1", leaf=1))
                put_into(stores, grant(amount=2), grant("y"), contribution(owner="bob"))
                port = stores.port(QUESTS)
                port.remove([contribution("done:2")])
                port.remove_grants("ada", ["x"])
                stores.port(DEFINITIONS).add(definition(2))
                raise ZeroDivisionError
            assert everything(stores) == before

        write(store, work)
        assert read(store, everything) == before
        add(store, definition(2))
        assert newest(store) == UUID(int=2)

    def test_of_two_writers_of_one_definition_one_is_refused(self, store: Store) -> None:
        def write_one(thread: int) -> int:
            add(store, definition(1, {"by": thread}))
            return thread

        outcomes = race([partial(write_one, thread) for thread in range(THREADS)])

        winners = [each for each in outcomes if not isinstance(each, BaseException)]
        assert len(winners) == 1, outcomes
        assert {type(each) for each in outcomes} == {int, Duplicate}, outcomes
        assert defined(store) == [definition(1, {"by": winners[0]})]
