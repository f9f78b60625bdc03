"""``FlagsContract``: the guarantees of a store that keeps flags."""
# ruff: noqa: PLR2004, S101 - tests compare plain numbers and assert

from __future__ import annotations

import json
from contextlib import suppress
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from attrs import evolve

from habitkit.errors import Duplicate
from habitkit.flags.domain.model import FlagVersion, Revision, SharedVersion, StickyAssignment
from habitkit.flags.store import FLAGS
from habitkit.testing.contracts._base import Contract, read, write
from habitkit.testing.contracts._sample_facts import NOW, STRANGE_TEXTS
from habitkit.testing.contracts._threads import THREADS, race

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from habitkit.store import Store, Stores

__all__ = ["FlagDriverCases", "FlagsContract"]

LARGEST = 2**63 - 1
SECOND = timedelta(seconds=1)
LONGEST = "\U0001f3c3" * 200
ON: dict[str, Any] = {"state": "ENABLED", "variants": {"on": True}, "defaultVariant": "on"}
OFF = {**ON, "state": "DISABLED"}
HOSTILE = {
    "$habitkit": {"texts": [*STRANGE_TEXTS, "", "null", "\\u0000"], "": None},
    "numbers": [0, -1, 2**64, 10**300, 0.1, 5e-324, 1e15 + 0.5, 1.0, True, False],
    "empty": [[], {}, None, ""],
    **{text: n for n, text in enumerate(STRANGE_TEXTS)},
}
RULES = {"$evaluators": {"adult": {">=": [{"var": "age"}, 18]}}, "metadata": {"team": "growth"}}


class FlagDriverCases(Contract):
    """Part of ``FlagsContract``: what a driver can break: values, transactions, races."""

    @pytest.fixture
    def flags(self, store: Store) -> Store:
        """A store with five revisions of the flags ``a``, ``b`` and ``Ä``."""
        _add(store, _revision(1, a=ON, b=ON), _revision(2, b=OFF))
        _add(store, _revision(3, shared=RULES, a=None))
        _add(store, _revision(4, Ä=ON), _revision(5, shared={"metadata": {}}))
        return store

    def test_a_revision_comes_back_as_it_was_added(self, store: Store) -> None:
        at = NOW.replace(microsecond=123_456)
        changes = {text: {**HOSTILE, "text": text} for text in (*STRANGE_TEXTS, LONGEST, "NULL")}
        whole = Revision(
            1, at, STRANGE_TEXTS[0], "".join(STRANGE_TEXTS), "put_document", changes, HOSTILE
        )
        last = Revision(LARGEST, at - SECOND, "x" * 200, "", "delete", {LONGEST: None})
        _add(store, whole, last)

        assert _revisions(store) == [last, whole]
        assert _texts(_revisions(store, before=LARGEST)) == _texts([whole])
        of_one = evolve(whole, changes={LONGEST: changes[LONGEST]})
        assert _revisions(store, LONGEST) == [last, of_one]
        assert _versions(store, key="NULL") == [FlagVersion("NULL", 1, changes["NULL"])]
        assert _shared(store) == SharedVersion(1, HOSTILE)
        assert _newest(store) == LARGEST

    def test_an_undone_write_leaves_nothing_of_flags(self, flags: Store) -> None:
        write(flags, lambda stores: stores.port(FLAGS).used(["a"], NOW))
        write(flags, lambda stores: stores.port(FLAGS).assign([_assignment()]))
        before = read(flags, _everything)

        def work(stores: Stores) -> None:
            with suppress(ZeroDivisionError), stores.savepoint():
                port = stores.port(FLAGS)
                port.add(_revision(6, shared=RULES, a=ON, z=ON))
                port.used(["a", "z"], NOW + SECOND)
                port.forget("ada")
                port.assign([_assignment("bob")])
                raise ZeroDivisionError
            assert _everything(stores) == before

        write(flags, work)
        assert read(flags, _everything) == before
        _add(flags, _revision(6, z=ON))
        assert _newest(flags) == 6

    def test_of_two_writers_of_one_number_one_is_refused(self, store: Store) -> None:
        def add(thread: int) -> int:
            _add(store, _revision(1, **{f"flag {thread}": ON, "same": {"by": thread}}))
            return thread

        outcomes = race([lambda thread=n: add(thread) for n in range(THREADS)])  # type: ignore[misc]

        winners = [each for each in outcomes if not isinstance(each, BaseException)]
        assert len(winners) == 1, outcomes
        assert {type(each) for each in outcomes} == {int, Duplicate}, outcomes
        (revision,) = _revisions(store)
        assert revision.changes == {f"flag {winners[0]}": ON, "same": {"by": winners[0]}}
        assert [each.key for each in _versions(store)] == sorted(revision.changes)

    def test_the_first_assignment_stays(self, store: Store) -> None:
        first, second = _assignment(), _assignment(variant="red", at=NOW + SECOND)
        whole = [first, _assignment(version=2), _assignment(flag="Ä"), _assignment(flag=LONGEST)]
        strange = [
            *(_assignment(text, flag=text, variant=text) for text in (*STRANGE_TEXTS, LONGEST)),
            _assignment(STRANGE_TEXTS[0], version=LARGEST, at=NOW.replace(microsecond=1)),
        ]
        for given in ([], [first], [second, *reversed(whole)], strange, [second, second]):
            write(store, lambda stores, given=given: stores.port(FLAGS).assign(given))  # type: ignore[misc]

        assert _assignments(store, "ada") == whole
        assert _assignments(store, "bob") == []
        assert [each for text in STRANGE_TEXTS[1:] for each in _assignments(store, text)] == (
            strange[1:-2]
        )
        assert sorted(_assignments(store, STRANGE_TEXTS[0]), key=lambda it: it.version) == [
            *(strange[0], strange[-1])
        ]

    def test_the_last_use_of_a_flag_only_moves_on(self, store: Store) -> None:
        def used(at: datetime, *keys: str) -> Mapping[str, datetime]:
            write(store, lambda stores: stores.port(FLAGS).used(iter(keys), at))
            return read(store, lambda stores: stores.port(FLAGS).last_used())

        tick = timedelta(microseconds=1)
        assert used(NOW) == {}
        assert used(NOW, "b", "a", "b") == {"a": NOW, "b": NOW}
        assert used(NOW + tick, "a", LONGEST) == {"a": NOW + tick, "b": NOW, LONGEST: NOW + tick}
        assert used(NOW - tick, "a", "c")["a"] == NOW + tick
        assert used(NOW)["c"] == NOW - tick


class FlagsContract(FlagDriverCases):
    """The guarantees of a store that supports the module ``flags``."""

    proves = frozenset({"flags"})

    def test_a_number_is_given_once_and_a_refused_revision_leaves_nothing(
        self, flags: Store
    ) -> None:
        before = _revisions(flags)

        for number in (5, 2):
            with pytest.raises(Duplicate):
                _add(flags, _revision(number, shared={"metadata": {"x": 1}}, c=ON))

        assert _revisions(flags) == before
        assert _versions(flags, key="c") == []

    def test_a_store_without_revisions_has_no_flags(self, store: Store) -> None:
        assert _newest(store) == 0
        assert _revisions(store) == _revisions(store, "a") == []
        assert _versions(store) == _versions(store, key="a") == []
        assert _shared(store) == _shared(store, until=9) == SharedVersion(0, {})

    def test_revisions_come_page_by_page_the_newest_first(self, flags: Store) -> None:
        def page(key: str | None = None, before: int | None = None, limit: int = 9) -> list[int]:
            return [each.number for each in _revisions(flags, key, before=before, limit=limit)]

        assert page() == page(before=6) == [5, 4, 3, 2, 1]
        assert [page(limit=2), page(before=4, limit=2), page(before=2)] == [[5, 4], [3, 2], [1]]
        assert [page("a"), page("b"), page("Ä"), page("ä")] == [[3, 1], [2, 1], [4], []]
        assert [page("a", limit=1), page("a", before=3), page("a", before=1)] == [[3], [1], []]
        assert page(before=1) == []

    def test_revisions_of_a_flag_have_what_they_did_to_it_and_others_all_that_they_changed(
        self, flags: Store
    ) -> None:
        assert [each.changes for each in _revisions(flags, "a")] == [{"a": None}, {"a": ON}]
        assert [each.shared for each in _revisions(flags, "a")] == [RULES, None]
        assert [each.changes for each in _revisions(flags)] == [
            *({}, {"Ä": ON}, {"a": None}, {"b": OFF}, {"a": ON, "b": ON})
        ]
        assert [each.shared for each in _revisions(flags)] == [
            *({"metadata": {}}, None, RULES, None, None)
        ]

    def test_the_last_version_of_each_flag_is_returned_in_the_order_of_keys(
        self, flags: Store
    ) -> None:
        a, b, c = FlagVersion("a", 3, None), FlagVersion("b", 2, OFF), FlagVersion("Ä", 4, ON)

        assert _versions(flags) == [a, b, c]
        assert [_versions(flags, after=n) for n in (1, 2, 3, 4)] == [[a, b, c], [a, c], [c], []]
        assert [_versions(flags, key=key) for key in ("a", "b", "A")] == [[a], [b], []]
        assert _versions(flags, key="b", after=1) == [b]
        assert _versions(flags, key="b", after=2) == []

    def test_versions_until_a_revision_are_those_before_the_later_ones(self, flags: Store) -> None:
        first = [FlagVersion("a", 1, ON), FlagVersion("b", 1, ON)]
        second = [first[0], FlagVersion("b", 2, OFF)]

        assert [_versions(flags, until=n) for n in (0, 1, 2)] == [[], first, second]
        assert _versions(flags, until=9) == _versions(flags)
        assert _versions(flags, after=1, until=2) == second[1:]
        assert _versions(flags, key="a", until=2) == first[:1]
        assert _versions(flags, key="b", after=1, until=1) == []
        assert _versions(flags, key="Ä", until=3) == []

    def test_the_shared_parts_are_those_last_written(self, flags: Store) -> None:
        last = SharedVersion(5, {"metadata": {}})
        rules = SharedVersion(3, RULES)

        assert _shared(flags) == _shared(flags, until=5) == _shared(flags, until=9) == last
        assert _shared(flags, until=4) == _shared(flags, until=3) == rules
        assert _shared(flags, until=2) == SharedVersion(0, {})

    def test_what_is_done_to_a_value_afterwards_does_not_change_the_stored_one(
        self, store: Store
    ) -> None:
        definition, shared = {"variants": {"on": True}}, {"metadata": {"x": [1]}}
        added = _revision(1, shared=shared, a=definition)
        _add(store, added)
        expected = _revision(1, shared={"metadata": {"x": [1]}}, a={"variants": {"on": True}})

        for given in (added, *_revisions(store)):
            _spoil(given.changes["a"], given.shared)
        _spoil(_versions(store)[0].definition, _shared(store).shared)

        assert _revisions(store) == [expected]
        assert _versions(store)[0].definition == expected.changes["a"]
        assert _shared(store).shared == expected.shared

    def test_forgetting_deletes_the_assignments_of_one_targeting_key(self, store: Store) -> None:
        given = [_assignment(), _assignment(version=2), _assignment("bob")]
        write(store, lambda stores: stores.port(FLAGS).assign(given))

        counts = [write(store, lambda stores: stores.port(FLAGS).forget("ada")) for _ in range(2)]

        assert counts == [2, 0]
        assert [_assignments(store, who) for who in ("ada", "bob")] == [[], given[2:]]
        again = _assignment(variant="red")
        write(store, lambda stores: stores.port(FLAGS).assign([again]))
        assert _assignments(store, "ada") == [again]


def _revision(
    number: int, *, shared: Mapping[str, Any] | None = None, **changes: Mapping[str, Any] | None
) -> Revision:
    return Revision(number, NOW + number * SECOND, "ada", "", "put", changes, shared)


def _assignment(
    targeting_key: str = "ada",
    flag: str = "a",
    version: int = 1,
    variant: str = "blue",
    at: datetime = NOW,
) -> StickyAssignment:
    return StickyAssignment(targeting_key, flag, version, variant, at)


def _add(store: Store, *revisions: Revision) -> None:
    def work(stores: Stores) -> None:
        for revision in revisions:
            stores.port(FLAGS).add(revision)

    write(store, work)


def _newest(store: Store) -> int:
    return read(store, lambda stores: stores.port(FLAGS).newest())


def _revisions(
    store: Store, key: str | None = None, *, before: int | None = None, limit: int = 100
) -> list[Revision]:
    return read(store, lambda stores: stores.port(FLAGS).revisions(key, before, limit))


def _versions(
    store: Store, *, after: int = 0, until: int | None = None, key: str | None = None
) -> list[FlagVersion]:
    return read(
        store, lambda stores: stores.port(FLAGS).versions(after=after, until=until, key=key)
    )


def _shared(store: Store, until: int | None = None) -> SharedVersion:
    return read(store, lambda stores: stores.port(FLAGS).shared(until))


def _assignments(store: Store, targeting_key: str) -> list[StickyAssignment]:
    return read(store, lambda stores: stores.port(FLAGS).assignments(targeting_key))


def _everything(stores: Stores) -> Any:
    port = stores.port(FLAGS)
    assigned = [port.assignments(who) for who in ("ada", "bob")]
    return (
        port.revisions(None, None, 99),
        port.versions(),
        port.shared(),
        assigned,
        port.last_used(),
    )


def _texts(revisions: list[Revision]) -> list[str]:
    """Return what revisions hold as text, which tells 1 from 1.0 and from True."""
    return [json.dumps([each.changes, each.shared], sort_keys=True) for each in revisions]


def _spoil(*values: Any) -> None:
    """Change mappings, as far as they can be changed."""
    for value in values:
        with suppress(TypeError):
            for inner in value.values():
                inner["on"] = "spoiled"
            value["spoiled"] = True
