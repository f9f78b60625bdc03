"""Logging: ids of events, and warnings that come at most once a minute."""

from __future__ import annotations

import ast
import logging
import os
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from habitkit import _logging
from habitkit._logging import EVENTS, Limited
from tests.architecture.source import modules

MINUTE = 60_000_000_000
IN = {"warn", "_logging.warn"}
OTHER = re.compile(r"\.(debug|info|warning|error|exception|critical)\(")


def calls() -> list[tuple[str, ast.Call]]:
    """Return the calls that log, and where they are."""
    return [
        (module.place, node)
        for module in modules()
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Call) and ast.unparse(node.func) in IN
    ]


def logging_modules() -> dict[str, str]:
    """Return the text of each file that has a logger, by its place."""
    found = {
        module.place: module.text
        for module in modules()
        if re.search(r"\b_logging\b|\blogging\.", module.text)
    }
    del found["_logging.py"]
    return found


def test_every_event_that_is_logged_has_a_description_and_a_constant_message():
    logged = set()
    for place, call in calls():
        _, event, *more = call.args
        assert isinstance(event, ast.Constant), (
            f"{place}:{call.lineno}: the id of an event is a constant"
        )
        logged.add(event.value)
        assert all(isinstance(it, ast.Constant | ast.Name) for it in more), f"{place}:{call.lineno}"
    assert logged == set(EVENTS)
    assert list(EVENTS) == sorted(EVENTS)
    assert all(re.fullmatch(r"[a-z]+\.[a-z_]+", event) for event in EVENTS)
    assert all(text.endswith(".") for text in EVENTS.values())


def test_nothing_else_logs_and_loggers_are_named_after_modules():
    texts = logging_modules()
    assert "journal/relay.py" in texts
    for place, text in texts.items():
        assert "getLogger" not in text, place
        assert not OTHER.search(text.replace("_logging.warn(", "")), place
    names = {
        name for text in texts.values() for name in re.findall(r'_logging\.logger\("(\w+)"\)', text)
    }
    assert names == {event.split(".")[0] for event in EVENTS}


def test_the_package_adds_no_handler_but_a_null_one_and_sets_no_level():
    root = logging.getLogger("habitkit")
    assert [type(it) for it in root.handlers] == [logging.NullHandler]
    assert (root.level, _logging.logger("relay").level) == (logging.NOTSET, logging.NOTSET)
    assert _logging.logger("relay").name == "habitkit.relay"


def test_a_warning_has_its_event_and_fields_and_says_how_many_were_left_out(caplog, monkeypatch):
    now = [0]
    monkeypatch.setattr(_logging, "limited", Limited(lambda: now[0]))
    log = _logging.logger("relay")

    def warn(key: str) -> None:
        _logging.warn(log, "relay.failed", "it failed", key=key, exc_info=OSError("no"), type=key)

    for key in ("a", "a", "b", "a"):
        warn(key)
    now[0] = MINUTE - 1
    warn("a")
    now[0] = MINUTE
    warn("a")

    found = [(it.name, it.getMessage(), it.event, it.habitkit) for it in caplog.records]
    assert found == [
        ("habitkit.relay", "it failed", "relay.failed", {"type": "a"}),
        ("habitkit.relay", "it failed", "relay.failed", {"type": "b"}),
        ("habitkit.relay", "it failed", "relay.failed", {"type": "a", "suppressed": 3}),
    ]
    assert {it.filename for it in caplog.records} == {"test_logging.py"}
    assert all(it.exc_info[0] is OSError for it in caplog.records)


@given(
    st.lists(
        st.tuples(st.integers(0, MINUTE), st.sampled_from("abc"), st.sampled_from("xy")),
        max_size=40,
    )
)
def test_a_key_passes_once_a_minute_whatever_the_others_do(steps):
    now = 0
    last: dict[tuple[str, str], int] = {}
    left_out: dict[tuple[str, str], int] = {}
    limited = Limited(lambda: now)
    for passed, event, key in steps:
        now += passed
        found = limited.passes(event, key)
        place = (event, key)
        if place in last and now - last[place] < MINUTE:
            assert found is None
            left_out[place] = left_out.get(place, 0) + 1
        else:
            assert found == left_out.pop(place, 0)
            last[place] = now


def test_a_limited_number_of_keys_is_kept():
    limited = Limited(lambda: 0, most_keys=3)
    passed = [limited.passes("event", key) for key in "abcadabcd"]

    # "d" took the place of "a", "a" that of "b", and so on.
    assert passed == [0, 0, 0, None, 0, 0, 0, 0, 0]
    assert len(limited._passed) == 3
    limited.forget()
    assert limited.passes("event", "d") == 0


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_fork_under_the_lock_leaves_the_child_a_free_one():
    limited = Limited(lambda: 0)
    with limited._lock:
        pid = os.fork()
        if pid == 0:
            os._exit(0 if limited.passes("event", "key") == 0 else 1)
    assert os.waitpid(pid, 0)[1] == 0
