"""Flags are changed by audited revisions: one counter, optimistic concurrency, a valid set."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest

import habitkit.testing
from habitkit import flags, on
from habitkit.errors import InvalidInput, NotFound
from habitkit.flags import (
    FLAGS,
    FlagChanged,
    FlagDefinitionError,
    FlagDifference,
    FlagVersion,
    RevisionConflict,
    StickyAssignment,
)
from habitkit.testing.contracts._sample_facts import STRANGE_TEXTS
from habitkit.testing.contracts._threads import all_of

ON = {"state": "ENABLED", "variants": {"on": True, "off": False}, "defaultVariant": "on"}
OFF = {**ON, "state": "DISABLED"}
NEEDS_BASE = {**ON, "$habitkit": {"prerequisites": [{"flag": "base", "variants": ["on"]}]}}
LONGEST = "\U0001f3c3" * 200


@pytest.fixture
def put(kit):
    """Return a function that puts a flag, by ada."""
    return lambda key, definition=ON, **more: kit.flags.put(key, definition, by="ada", **more)


def numbers(kit, key=None, **more):
    return [revision.number for revision in kit.flags.history(key, **more)]


def test_each_change_is_a_revision_with_who_when_and_why(kit, put):
    first = put("quests", note="try it")
    kit.clock.advance(hours=1)
    second = kit.flags.toggle("quests", False, by="bob", note="too slow")
    third = put("other")

    assert (first.number, first.by, first.note, first.action) == (1, "ada", "try it", "put")
    assert (second.number, second.action) == (2, "toggle")
    assert second.at - first.at == kit.clock.now() - first.at
    assert kit.flags.history() == [third, second, first]
    assert kit.flags.history("quests") == [second, first]
    assert kit.flags.get("quests") == FlagVersion("quests", 2, OFF)
    assert [each.key for each in kit.flags.list()] == ["other", "quests"]
    assert [numbers(kit, limit=1), numbers(kit, before=3, limit=1), numbers(kit, "no")] == [
        *([3], [2], [])
    ]


def test_a_change_expects_the_last_revision_of_its_flag(kit, put):
    def refused(expected, change):
        with pytest.raises(RevisionConflict) as caught:
            change(expected)
        return caught.value.key, caught.value.expected, caught.value.found

    def put_on(expected):
        return put("a", expected_revision=expected)

    def put_off(expected):
        return put("a", OFF, expected_revision=expected)

    def toggle(expected):
        return kit.flags.toggle("a", True, by="ada", expected_revision=expected)

    def delete(expected):
        return kit.flags.delete("a", by="ada", expected_revision=expected)

    def roll_back(expected):
        return kit.flags.rollback("a", 1, by="ada", expected_revision=expected)

    assert refused(1, put_on) == ("a", 1, 0)
    assert put_on(0).number == 1
    put("b")
    assert [refused(n, put_off) for n in (0, 2)] == [("a", 0, 1), ("a", 2, 1)]
    assert put_off(1).number == 3
    assert refused(1, toggle) == refused(1, delete) == refused(1, roll_back) == ("a", 1, 3)
    assert (toggle(3).number, delete(4).number) == (4, 5)

    for change in (toggle, delete):
        with pytest.raises(NotFound, match="no such flag: 'a'"):
            change(4)
    with pytest.raises(NotFound):
        kit.flags.get("a")
    assert refused(4, put_on) == ("a", 4, 5)
    assert put_on(0).number == 6, "0: there is no such flag now"
    delete(6)
    assert put_on(7).number == 8, "the revision that deleted it"
    assert numbers(kit) == list(range(8, 0, -1))


def test_what_changes_nothing_makes_no_revision(kit, put):
    made = [put("a"), kit.flags.toggle("a", False, by="ada")]
    put("b")

    assert kit.flags.toggle("a", False, by="bob") == made[1]
    assert put("a", {**OFF, "$habitkit": {}}) == made[1]
    assert kit.flags.rollback("a", 2, by="bob") == made[1]
    assert put("a", {**OFF, "metadata": {"n": 1}}).number == 4
    assert put("a", {**OFF, "metadata": {"n": True}}).number == 5, "1 is not True"


def test_a_rollback_writes_an_earlier_definition_again_and_restores_deleted_flags(kit, put):
    put("a", OFF)
    put("b")
    kit.flags.delete("b", by="ada")
    put("a")

    restored = kit.flags.rollback("b", 2, by="bob", note="needed")
    back = kit.flags.rollback("a", 3, by="bob")

    assert (restored.number, restored.action, restored.changes) == (5, "rollback", {"b": ON})
    assert (back.number, back.changes) == (6, {"a": OFF})
    assert [each.definition for each in kit.flags.list()] == [OFF, ON]
    for key, revision in (("b", 1), ("b", 3), ("b", 7), ("none", 1)):
        with pytest.raises(NotFound):
            kit.flags.rollback(key, revision, by="bob")
    assert numbers(kit, limit=1) == [6]


def test_no_change_leaves_a_set_with_faults(kit, put):
    put("base")
    put("more", NEEDS_BASE)
    put("more", ON)
    kit.flags.delete("base", by="ada")
    put("last", {**ON, "targeting": {"if": [True, "on", "off"]}})
    before = kit.flags.history()

    def fault(change, *args):
        with pytest.raises(FlagDefinitionError) as caught:
            change(*args, by="ada")
        assert kit.flags.history() == before
        return caught.value.faults[0].path

    missing = "$.$habitkit.more.prerequisites[0].flag"
    assert fault(kit.flags.rollback, "more", 2) == missing
    assert fault(kit.flags.put, "more", NEEDS_BASE) == missing
    assert fault(kit.flags.put, "x", {**ON, "$habitkit": []}) == "$.$habitkit.x"
    assert fault(kit.flags.put, "x", {}) == "$.flags.x.state"
    assert fault(kit.flags.put_document, {"flags": {"x": ON, "y": 5}}) == "$.flags.y"
    assert fault(kit.flags.put_document, {"flags": {}, "$habitkit": {"x": {}}}) == "$.$habitkit.x"
    kit.flags.rollback("base", 1, by="ada")
    kit.flags.rollback("more", 2, by="ada")
    before = kit.flags.history()
    assert fault(kit.flags.delete, "base") == missing
    with pytest.raises(FlagDefinitionError, match="flag 'more' needs 'base'; remove this"):
        kit.flags.delete("base", by="ada")


def test_a_document_becomes_the_set_by_one_revision_of_what_differs(kit, put):
    put("same")
    put("changed")
    put("gone")
    settings = {"changed": {"owner": "growth"}, "same": {}}
    document = {
        "$schema": "https://flagd.dev/schema/v0/flags.json",
        "flags": {"same": ON, "changed": OFF, "new": ON},
        "$evaluators": {"adult": {">=": [{"var": "age"}, 18]}},
        "metadata": {},
        "$habitkit": settings,
    }

    made = kit.flags.put_document(document, by="ada", note="release")

    assert (made.number, made.action) == (4, "put_document")
    changed = {**OFF, "$habitkit": {"owner": "growth"}}
    assert made.changes == {"changed": changed, "new": ON, "gone": None}
    assert made.shared == {"$evaluators": document["$evaluators"]}
    assert kit.flags.export() == {
        "flags": document["flags"],
        "$evaluators": document["$evaluators"],
        "$habitkit": {"changed": {"owner": "growth"}},
    }
    assert kit.flags.put_document(kit.flags.export(), by="bob") == made == kit.flags.history()[0]
    assert kit.flags.diff(3, 4) == [
        FlagDifference("changed", ON, changed),
        FlagDifference("gone", ON, None),
        FlagDifference("new", None, ON),
        FlagDifference(None, {}, {"$evaluators": document["$evaluators"]}),
    ]
    assert kit.flags.diff(4, 3)[1] == FlagDifference("gone", None, ON)
    assert kit.flags.diff(4, 4) == []
    assert [each.key for each in kit.flags.diff(0, 1)] == ["same"]
    with pytest.raises(NotFound, match="no such revision: 5"):
        kit.flags.diff(5, 1)
    without = kit.flags.put_document({"flags": [{"key": "same", **ON}]}, by="ada")
    assert (without.shared, kit.flags.export()) == ({}, {"flags": {"same": ON}})


def test_a_change_of_the_set_expects_its_last_revision(kit, put):
    assert kit.flags.revision() == 0
    put("a")
    seen, document = kit.flags.revision(), kit.flags.export()
    put("b")

    for change in (
        partial(kit.flags.put_document, document),
        partial(kit.flags.rollback_document, 1),
    ):
        with pytest.raises(RevisionConflict, match=r"the flags: expected .* to be 1, found 2"):
            change(by="ada", expected_revision=seen)
    assert [each.key for each in kit.flags.list()] == ["a", "b"]
    assert kit.flags.put_document(document, by="ada", expected_revision=2).number == 3
    assert kit.flags.revision() == 3


def test_a_change_of_what_flags_share_is_seen_everywhere_and_can_be_rolled_back(store):
    heard: list[FlagChanged] = []
    seen: list[flags.FlagsEvent] = []
    kit = habitkit.testing.kit(
        store=store, reactions=[on(FlagChanged, lambda _, __, events: heard.extend(events))]
    )
    rule = {"if": [{"$ref": "chosen"}, "on", "off"]}
    document = {"flags": {"a": {**ON, "targeting": rule}}, "$evaluators": {"chosen": True}}
    kit.flags.put_document(document, by="ada")
    kit.flags.listen(seen.append)
    heard.clear()

    kit.flags.put_document({**document, "$evaluators": {"chosen": False}}, by="bob")

    assert [(each.flag, each.revision, each.by) for each in heard] == [(None, 2, "bob")]
    assert [each.keys for each in seen] == [("a",)]
    (difference,) = kit.flags.diff(1, 2)
    assert (difference.key, difference.before, difference.after) == (
        *(None, {"$evaluators": {"chosen": True}}, {"$evaluators": {"chosen": False}}),
    )
    kit.flags.put("b", ON, by="ada")
    back = kit.flags.rollback_document(1, by="ada", note="as it was")
    assert (back.number, back.action, back.changes) == (4, "rollback_document", {"b": None})
    assert kit.flags.export() == document
    assert kit.flags.boolean("a", default=False)
    assert kit.flags.rollback_document(1, by="ada") == back
    with pytest.raises(NotFound, match="no such revision: 5"):
        kit.flags.rollback_document(5, by="ada")


def test_the_first_document_may_be_empty(kit):
    assert kit.flags.export() == {"flags": {}}
    first = kit.flags.put_document({"flags": {}}, by="ada")

    assert (first.number, first.changes, first.shared) == (1, {}, None)
    assert kit.flags.put_document({"flags": {}}, by="ada") == first


def test_strange_keys_and_values_come_back_as_they_were(kit, put):
    variants: dict[str, Any] = {
        "texts": {text: [text] for text in (*STRANGE_TEXTS, "", "null", "\\u0000", LONGEST)},
        "numbers": {"n": [0, -1, 2**53 - 1, 0.1, 5e-324, 1e15 + 0.5, 1.0, True, None, [], {}]},
    }
    definition = {**ON, "variants": variants, "defaultVariant": "texts"}
    made = None
    for key in (*STRANGE_TEXTS, LONGEST, "null", "$habitkit", "__proto__", ".", "metadata"):
        made = put(key, {**definition, "$habitkit": {"owner": STRANGE_TEXTS[0]}}, note=key[:9])
        assert repr(kit.flags.get(key).definition["variants"]["numbers"]["n"]) == (
            repr(variants["numbers"]["n"])
        )
        assert kit.flags.history(key) == [made]

    document = kit.flags.export()

    assert set(document["flags"]) == {each.key for each in kit.flags.list()}
    assert kit.flags.put_document(document, by="ada") == made
    given = put("copied", definition)
    variants["texts"].clear()
    assert kit.flags.get("copied").definition == given.changes["copied"] != definition


def deep():
    value: dict[str, Any] = {}
    for _ in range(100_000):
        value = {"x": value}
    return value


@pytest.mark.parametrize(
    "value",
    [float("nan"), float("inf"), "\x00", "\ud800", {"\x00": 1}, {1, 2}, b"x", deep(), "x" * 10**6],
    ids=["nan", "infinite", "nul", "surrogate", "nul in a key", "set", "bytes", "deep", "large"],
)
def test_what_json_or_a_store_cannot_hold_is_refused(kit, put, value):
    with pytest.raises(InvalidInput, match=r"definition: expected a JSON object .* 1000000 bytes"):
        put("a", {**ON, "variants": {"on": {"x": value}}})
    if value != "x" * 10**6:
        with pytest.raises(InvalidInput, match="document: expected a JSON object"):
            kit.flags.put_document({"flags": {"a": {**ON, "variants": {"on": value}}}}, by="ada")
    assert kit.flags.history() == []


@pytest.mark.parametrize(
    ("verb", "args", "more", "message"),
    [
        *[("put", (key, ON), {}, "key: expected") for key in ("", "x" * 201, "\x00", None, 5)],
        *[("put", ("a", given), {}, "definition: ") for given in (None, [], "{}", [["a", 1]])],
        *[("put_document", (given,), {}, "document: ") for given in (None, "{}", {}, {"a": 1})],
        *[("put", ("a", ON), {"by": by}, "by: expected") for by in ("", None, 5, "\ud800")],
        *[("delete", ("a",), {"note": note}, "note: ") for note in (None, 5, "x" * 2001)],
        *[
            ("toggle", ("a", True), {"expected_revision": given}, "expected_revision: ")
            for given in (-1, True, 1.0, "1", 2**63)
        ],
        *[("toggle", ("a", given), {}, "enabled: expected") for given in (None, 1, "false")],
        *[("rollback", ("a", given), {}, "revision: expected") for given in (0, None, "1")],
    ],
)
def test_what_is_not_acceptable_is_named(kit, verb, args, more, message):
    with pytest.raises(InvalidInput, match=message):
        getattr(kit.flags, verb)(*args, **{"by": "ada", **more})


def test_messages_about_text_in_place_of_json_say_what_to_do(kit):
    text = '{"flags": {}}'
    for change in (partial(kit.flags.put, "a", text), partial(kit.flags.put_document, text)):
        with pytest.raises(InvalidInput, match=r"of JSON text by json\.loads"):
            change(by="ada")
    with pytest.raises(FlagDefinitionError, match="may be a path; FileSource reads a file"):
        flags.compile("conf/flags.json")


def test_queries_refuse_what_is_not_acceptable(kit):
    for call in (
        lambda: kit.flags.get(""),
        lambda: kit.flags.history(5),
        lambda: kit.flags.history(limit=0),
        lambda: kit.flags.history(before=-1),
        lambda: kit.flags.diff(0, None),
    ):
        with pytest.raises(InvalidInput):
            call()


def test_changes_are_part_of_the_transaction_that_they_are_composed_in(kit, put, store):
    put("a")

    def work(tx, *, fail):
        flags.put(tx, "b", NEEDS_BASE | {"$habitkit": {}}, by="ada")
        flags.toggle(tx, "a", False, by="ada")
        assert [each.number for each in flags.history(tx)] == [3, 2, 1]
        if fail:
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        kit.run(lambda tx: work(tx, fail=True))
    assert (numbers(kit), kit.flags.get("a").definition) == ([1], ON)
    kit.rehearse(lambda tx: work(tx, fail=False))
    assert numbers(kit) == [1]
    kit.run(lambda tx: work(tx, fail=False))
    assert numbers(kit) == [3, 2, 1]
    if "host_transactions" in store.capabilities:
        with store._engine.connect() as connection:
            inside = kit.on(connection).flags
            assert inside.delete("b", by="ada").number == 4
            with pytest.raises(RevisionConflict):
                inside.put("b", ON, by="ada", expected_revision=2)
            assert [each.key for each in inside.list()] == ["a"]
            connection.rollback()
        assert numbers(kit) == [3, 2, 1]
        with store._engine.begin() as connection:
            kit.on(connection).flags.delete("b", by="ada")
        assert numbers(kit) == [4, 3, 2, 1]


def test_writers_in_threads_lose_no_revision(kit):
    def write(thread):
        return [
            kit.flags.put(f"{n % 2}", {**ON, "metadata": {"n": 9 * thread + n}}, by="ada").number
            for n in range(5)
        ]

    made = all_of(partial(write, thread) for thread in range(4))

    assert sorted(number for each in made for number in each) == list(range(1, 21))
    assert numbers(kit) == list(range(20, 0, -1))


def test_hosts_hear_of_every_changed_flag(store):
    heard = []
    kit = habitkit.testing.kit(
        store=store, reactions=[on(FlagChanged, lambda _, __, events: heard.extend(events))]
    )
    kit.flags.put_document({"flags": {"a": ON, "b": ON}}, by="ada")
    kit.flags.toggle("a", False, by="bob")
    kit.flags.toggle("a", False, by="bob")

    assert [(each.flag, each.revision, each.by) for each in heard] == [
        *(("a", 1, "ada"), ("b", 1, "ada"), ("a", 2, "bob"))
    ]
    assert {each.owner for each in heard} == {"habitkit:flags"}


def test_the_scope_of_an_owner_has_no_flags(kit, put):
    put("a")
    owned = kit.owned_by("ada")

    assert not hasattr(owned, "flags")
    for verb in (
        lambda tx: flags.put(tx, "a", OFF, by="ada"),
        lambda tx: flags.put_document(tx, {"flags": {}}, by="ada"),
        lambda tx: flags.delete(tx, "a", by="ada"),
        lambda tx: flags.rollback(tx, "a", 1, by="ada"),
        lambda tx: flags.get(tx, "a"),
        lambda tx: flags.rollback_document(tx, 1, by="ada"),
        flags.list_flags,
        flags.export,
        flags.revision,
        flags.history,
        lambda tx: flags.diff(tx, 0, 1),
    ):
        with pytest.raises(NotFound, match="no such flag"):
            owned.run(verb)
    assert numbers(kit) == [1]


def test_the_assignments_of_an_owner_are_exported_and_forgotten(kit):
    given = [StickyAssignment(who, "a", 1, "on", kit.clock.now()) for who in ("ada", "bob")]
    kit.run(lambda tx: tx.port(FLAGS).assign(given))

    (exported,) = kit.export("ada")["flags"]["assignments"]

    assert (exported["flag"], exported["variant"]) == ("a", "on")
    assert [kit.forget("ada")["flags"] for _ in range(2)] == [1, 0]
    assert [len(kit.export(who)["flags"]["assignments"]) for who in ("ada", "bob")] == [0, 1]
