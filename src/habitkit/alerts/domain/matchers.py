"""Which alerts are meant, by their labels: of receivers, of silences, and of queries."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

from habitkit.alerts.domain.labels import is_label
from habitkit.errors import InvalidInput
from habitkit.metrics.domain.matchers import Matcher, accepts, one_of
from habitkit.metrics.domain.series import Labels

__all__ = ["Match", "checked_match", "match_from_dict", "match_to_dict", "meets"]

Match: TypeAlias = tuple[tuple[str, Matcher], ...]
"""Conditions on labels, sorted by label; all of them hold."""

_MOST = 100


def checked_match(what: str, given: Any) -> Match:
    """Return conditions: a text, or what ``not_``, ``one_of`` and ``matches`` return, by label.

    Args:
        what: What they are called in an error.
        given: The conditions, or what this returned.

    Raises:
        InvalidInput: If they are no mapping of labels to conditions.
    """
    pairs = dict(given) if _is_checked(given) else given
    if not isinstance(pairs, Mapping) or len(pairs) > _MOST:
        expected = (
            'a mapping of labels to conditions, such as {"severity": one_of("page", "ticket")}'
        )
        raise InvalidInput(what, given=given, expected=expected)
    for name in pairs:
        if not is_label(name):
            place = f"a label in {what}"
            expected = "a name of ASCII letters, digits and _, which begins with no digit"
            raise InvalidInput(place, given=name, expected=expected)
    return tuple((str.__str__(name), _condition(it)) for name, it in sorted(pairs.items()))


def meets(match: Match, labels: Labels) -> bool:
    """Tell whether the labels of an alert meet all conditions; a missing one is an empty text."""
    return accepts(match, labels)


def match_to_dict(match: Match) -> dict[str, Any]:
    """Return conditions as a JSON object."""
    return {name: matcher.to_json() for name, matcher in match}


def match_from_dict(content: Mapping[str, Any]) -> Match:
    """Return the conditions of an object that ``match_to_dict`` returned.

    Raises:
        InvalidInput: If it is no such object.
    """
    return checked_match("match", {name: Matcher.from_json(it) for name, it in content.items()})


def _is_checked(given: Any) -> bool:
    return isinstance(given, tuple) and all(
        isinstance(it, tuple) and len(it) == 2 and isinstance(it[1], Matcher)  # noqa: PLR2004
        for it in given
    )


def _condition(value: Any) -> Matcher:
    return value if isinstance(value, Matcher) else Matcher("=", one_of(value).values)
