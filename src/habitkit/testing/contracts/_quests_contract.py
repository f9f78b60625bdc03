"""``QuestsContract``: the guarantees of a store that keeps quests."""
# ruff: noqa: S101 - tests compare plain numbers and assert

from __future__ import annotations

from contextlib import suppress
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest
from attrs import evolve

from habitkit.errors import Duplicate
from habitkit.testing.contracts._base import all_pages
from habitkit.testing.contracts._quest_values import QuestDriverCases
from habitkit.testing.contracts._sample_facts import NOW
from habitkit.testing.contracts._sample_quests import (
    SUBJECT,
    TICK,
    add,
    contribution,
    defined,
    definition,
    due,
    grant,
    granted,
    grants,
    newest,
    of_events,
    of_subject,
    owners,
    put,
    remove,
    remove_grants,
    run,
    runs,
)

if TYPE_CHECKING:
    from habitkit.store import Store

__all__ = ["QuestsContract"]


class QuestsContract(QuestDriverCases):
    """The guarantees of a store that supports the module ``quests``."""

    proves = frozenset({"quests"})

    def test_an_owner_without_quests_has_nothing(self, store: Store) -> None:
        put(store, run(owner="bob", check_at=NOW), contribution(owner="bob"), grant(owner="bob"))
        remove(store, contribution())
        remove_grants(store, "ada", "done:1:badge")

        assert [*runs(store), *of_events(store, "done:1"), *of_subject(store)] == []
        assert [*grants(store), *granted(store)] == []
        assert [*runs(store, "bob"), *of_subject(store, owner="bob"), *grants(store, "bob")] == [
            *(run(owner="bob", check_at=NOW), contribution(owner="bob"), grant(owner="bob"))
        ]
        assert newest(store) is None
        assert defined(store) == []

    def test_of_no_keys_there_is_nothing(self, store: Store) -> None:
        given = run(), contribution(), grant()
        put(store, *given)
        remove(store)
        remove_grants(store, "ada")

        nothing = [*runs(store, quests=[]), *runs(store, periods=[]), *runs(store, "ada", [], [])]
        assert [*nothing, *of_events(store), *grants(store, keys=[])] == []
        assert [*runs(store), *of_subject(store), *grants(store)] == [*given]

    def test_runs_are_found_by_their_quests_and_by_their_periods(self, store: Store) -> None:
        first, second = "2026-03-02", "2026-03-09"
        given = [run("a"), run("b", first), run("b", second), run("c"), run("c", second)]
        put(store, *given, run("b", owner="bob"), run("b", first, "bob"))

        assert runs(store, quests={"b", "c", "unknown"}) == given[1:]
        assert runs(store, quests=["a", "a"]) == given[:1]
        assert runs(store, quests=["A", "b "]) == []
        assert runs(store, periods=["", first]) == [given[0], given[1], given[3]]
        assert runs(store, periods=("2026-03-0", "")) == [given[0], given[3]]
        assert runs(store, quests=["b", "c"], periods={second, "x"}) == [given[2], given[4]]
        assert runs(store, quests=["b"], periods=[""]) == []

    def test_runs_are_due_when_their_instant_has_come_the_earliest_first(
        self, store: Store
    ) -> None:
        places = [(o, q, p) for o in "BaÄ" for q in "BaÄ" for p in ("", "2026-03-02")]
        same = [run(q, p, o, check_at=NOW) for o, q, p in places]
        early, late = run("z", check_at=NOW - TICK), run("a", check_at=NOW + TICK)
        put(store, run("never"), late, *reversed(same), early)

        assert due(store) == [early, *same]
        assert due(store, limit=5) == [early, *same[:4]]
        assert due(store, NOW - TICK) == [early]
        assert due(store, NOW - 2 * TICK) == due(store, limit=0) == []
        put(store, evolve(early, check_at=None), evolve(late, check_at=NOW - 9 * TICK))
        assert due(store, limit=2) == [evolve(late, check_at=NOW - 9 * TICK), same[0]]

    def test_owners_of_a_run_or_a_grant_come_page_by_page_in_the_order_of_code_points(
        self, store: Store
    ) -> None:
        with_runs, with_grants = ["B", "a", "ada", "é"], ["ada", "Ä", "🏃", "\uffff", "b"]
        put(store, *(run(quest, owner=it) for it in with_runs for quest in ("x", "y")))
        put(store, *(grant(key, it) for it in with_grants for key in ("x", "y")))
        put(store, contribution(owner="alone"))
        expected = sorted({*with_runs, *with_grants})

        assert owners(store) == expected
        for size in (1, 2, 3):
            assert all_pages(lambda after, size=size: owners(store, after, size)) == expected  # type: ignore[misc]
        assert owners(store, "ad") == [it for it in expected if it > "ad"]
        remove_grants(store, "b", "x", "y")
        remove_grants(store, "ada", "x", "y")
        assert owners(store) == [it for it in expected if it != "b"]

    def test_contributions_to_a_subject_come_in_the_order_of_done_at_event_and_leaf(
        self, store: Store
    ) -> None:
        given = [
            contribution("z", done_at=NOW - TICK),
            *(contribution(key, leaf=leaf) for key in "BaÄ" for leaf in (0, 2, 10)),
            contribution("A", done_at=NOW + TICK),
        ]
        put(store, *reversed(given), contribution(owner="bob"), contribution(subject="rule:x:"))

        assert of_subject(store) == given
        assert of_subject(store, "rule:x:") == [contribution(subject="rule:x:")]
        assert of_subject(store, SUBJECT.upper()) == []
        put(store, evolve(given[0], done_at=NOW + 2 * TICK))
        assert of_subject(store) == [*given[1:], evolve(given[0], done_at=NOW + 2 * TICK)]

    def test_contributions_are_deleted_by_their_keys_whatever_else_is_in_them(
        self, store: Store
    ) -> None:
        given = [contribution(f"done:{n}", leaf=leaf) for n in range(4) for leaf in range(2)]
        put(store, *given, contribution("done:0", "rule:x:"), contribution("done:0", owner="bob"))

        other = contribution("done:1", value="other", amount=Decimal(9), done_at=NOW - TICK)
        remove(store, other)
        unknown = [contribution("done:9"), contribution("done:2", leaf=2), contribution("x", "y")]
        remove(store, *unknown, given[6], given[6], given[0])

        left = [given[n] for n in (1, 3, 4, 5, 7)]
        assert of_subject(store) == left
        found = of_events(store, *(f"done:{n}" for n in range(9)))
        assert found == [left[0], contribution("done:0", "rule:x:"), *left[1:]]
        assert of_subject(store, owner="bob") == [contribution("done:0", owner="bob")]

    def test_grants_of_one_thing_are_found_by_kind_and_name(self, store: Store) -> None:
        given = [grant(key) for key in ("B", "a", "Ä")]
        others = [grant("k", kind="item"), grant("n", name="night owl")]
        put(store, *reversed(given), *others, grant("b", "bob"))

        assert granted(store) == given
        assert granted(store, "item") == others[:1]
        assert granted(store, name="night owl") == others[1:]
        assert granted(store, "freezes") == granted(store, name="Early Bird") == []
        remove_grants(store, "ada", "a", "b", "unknown")
        assert granted(store) == [given[0], given[2]]
        assert granted(store, owner="bob") == [grant("b", "bob")]

    def test_a_definition_is_added_once_and_a_refused_one_leaves_nothing(
        self, store: Store
    ) -> None:
        given = [definition(n, {"n": n}) for n in (1, 2)]
        add(store, *given)

        for taken in (1, 2):
            with pytest.raises(Duplicate):
                add(store, definition(3), definition(taken, {"n": 9}))

        assert defined(store) == given
        assert newest(store) == UUID(int=2)

    def test_what_is_done_to_a_content_afterwards_does_not_change_the_stored_one(
        self, store: Store
    ) -> None:
        content: dict[str, Any] = {"n": [1], "more": {"x": 1}}
        add(store, definition(1, content))

        kept: Any = defined(store)[0].content
        for each in (content, kept):
            with suppress(TypeError):
                each["n"].append(2)
                each["more"]["x"] = 2

        assert defined(store)[0].content == {"n": [1], "more": {"x": 1}}
