"""The words that texts are split into, and which habits they find."""

from __future__ import annotations

from uuid import UUID

import pytest
from attrs import evolve
from hypothesis import strategies as st

from habitkit.habits.domain.model import Habit
from habitkit.habits.domain.schedules import Schedule
from habitkit.habits.domain.stored import Note
from habitkit.habits.domain.words import matching, text_of, words
from habitkit.testing.contracts._sample_habits import RUN
from tests.unit.support import given

WALK = evolve(RUN, id=UUID(int=4), title="Walk", tags=("with Ada", "slow"))
LONG = evolve(RUN, id=UUID(int=5), title="l" * 55, tags=())


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", []),
        (" \t\r\n\x00", []),
        ("!?*:\"'-...()", []),
        ("Run, run; RUN!", ["run"]),
        ("Straße STRASSE", ["strasse"]),
        ("\u0130stanbul ISTANBUL \u0131l\u0131k", ["istanbul", "\u0131l\u0131k"]),
        ("Σίσυφος ΣΊΣΥΦΟΣ", ["σίσυφοσ"]),
        ("Cafe\u0301 CAFÉ \uff23\uff41\uff46e\u0301", ["café"]),
        ("cafe", ["cafe"]),
        ("don't Don\u00b4t", ["don", "t"]),
        ("10 km, 4.2 km/h, ½", ["10", "km", "4", "2", "h", "1"]),
        ("snake_case kebab-case", ["snake_case", "kebab", "case"]),
        ("(1) ⑴ ㎏", ["1", "kg"]),
        ("हिन्दी", ["हिन्दी"]),
        ("日本語10km", ["日", "本", "語", "10km"]),
        ("カ\u3099 ガ ｶﾞ", ["ガ"]),
        (
            "\u2764\ufe0f\u2764 👩\u200d🚀 👍🏽 1\ufe0f\u20e3",
            ["\u2764", "👩", "🚀", "👍", "1\u20e3"],
        ),
        ("co\u00adop", ["coop"]),
        ("x" * 49 + "yz", ["x" * 49 + "y"]),
        ("\ud800a", ["a"]),
    ],
)
def test_a_text_is_split_into_words(text, found):
    assert words(text) == found


@given(st.text())
def test_every_word_of_a_text_is_one_that_an_index_can_hold(text):
    found = words(text)

    assert len(found) == len(set(found))
    for word in found:
        assert 0 < len(word) <= 50
        assert not any(char.isspace() or char in "\x00'\"\\" for char in word)


@given(st.text(), st.text())
def test_two_texts_with_a_space_between_have_the_words_of_both(one, other):
    assert set(words(text_of(one, [other]))) == {*words(one), *words(other)}


@given(st.text(st.characters(codec="ascii")))
def test_plain_text_has_the_same_words_beside_other_text(text):
    assert [*words(text), "é"] == words(f"{text} é")
    assert words(text.upper()) == words(text.lower())


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("r", [RUN]),
        ("walk ada slow", [WALK]),
        ("w", [WALK]),
        ("great", [RUN]),
        ("fel gr", [RUN]),
        ("run great", []),
        ("alk", []),
        ("walking", []),
        ("l" * 50, [LONG]),
        ("l" * 60, [LONG]),
        ("l" * 49 + "m", []),
    ],
)
def test_all_words_begin_words_of_title_and_tags_or_of_one_note(text, found):
    notes = [Note(RUN.id, "Felt GREAT"), Note(WALK.id, "felt so-so")]

    assert matching(words(text), [RUN, WALK, LONG], notes) == found


def test_a_habit_is_found_once_though_it_matches_twice():
    habit = Habit(UUID(int=3), "ada", "Run", Schedule.daily(), RUN.clock, RUN.created_at)

    assert matching(["run"], [habit], [Note(habit.id, "run"), Note(habit.id, "runs")]) == [habit]
