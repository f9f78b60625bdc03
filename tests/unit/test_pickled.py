"""Errors and values survive pickle and copy, so that they can cross from process to process."""

from __future__ import annotations

import copy
import importlib
import pickle
import pkgutil
from types import ModuleType
from typing import Any

import attrs
import pytest

import habitkit
from habitkit.errors import HabitKitError, IdempotencyConflict, InvalidInput, StoreBusy
from habitkit.flags import Reason, Resolution

OPTIONAL = ("habitkit.contrib", "habitkit.testing", "habitkit.__main__", "habitkit.backends.redis")


def modules() -> list[ModuleType]:
    """Return every module of the package that needs no other package."""
    found = pkgutil.walk_packages(habitkit.__path__, "habitkit.", onerror=lambda _: None)
    return [
        importlib.import_module(it.name)
        for it in found
        if not it.name.startswith(OPTIONAL) and "memcached" not in it.name
    ]


def kinds() -> list[type]:
    """Return every public error and every public value."""
    public = {
        kind
        for module in modules()
        for kind in (getattr(module, name) for name in getattr(module, "__all__", ()))
        if isinstance(kind, type) and (issubclass(kind, HabitKitError) or attrs.has(kind))
    }
    return sorted(public, key=lambda kind: (kind.__module__, kind.__name__))


def made(kind: Any) -> Any:
    """Return an error or a value with something in each of its fields."""
    if issubclass(kind, HabitKitError):
        error: Any = kind.__new__(kind)
        error.args = ("the message",)
        error.__dict__.update(
            given={"a": [1]}, expected="more", operation="spend", chain=("a", "b")
        )
        return error
    value = object.__new__(kind)
    for of in attrs.fields(kind):
        object.__setattr__(value, of.name, {} if of.name == "metadata" else (of.name,))
    return value


@pytest.mark.parametrize("kind", kinds())
def test_every_public_error_and_value_survives_pickling_and_copies(kind: type) -> None:
    it = made(kind)

    for again in (pickle.loads(pickle.dumps(it)), copy.copy(it), copy.deepcopy(it)):  # noqa: S301 - our own
        assert type(again) is kind
        if isinstance(it, HabitKitError):
            assert (str(again), again.args, again.__dict__) == (str(it), it.args, it.__dict__)
        else:
            names = [of.name for of in attrs.fields(kind)]
            assert [getattr(again, n) for n in names] == [getattr(it, n) for n in names]


def test_an_error_as_it_is_raised_survives_whatever_was_given() -> None:
    def unpicklable() -> None:
        """Not to be found by its name."""

    error = InvalidInput("amount", given=unpicklable, expected="an int")
    error.add_note("of the host's")
    again = pickle.loads(pickle.dumps(error))  # noqa: S301 - our own

    assert (str(again), again.expected, again.__notes__) == (
        str(error),
        "an int",
        ["of the host's"],
    )
    assert again.given.startswith("<function ")
    for raised in (StoreBusy(3), IdempotencyConflict("spend", "k", ["amount"])):
        assert pickle.loads(pickle.dumps(raised)).__dict__ == raised.__dict__  # noqa: S301 - our own


def test_a_result_of_a_flag_keeps_metadata_that_cannot_be_changed() -> None:
    result = Resolution(True, "on", Reason.STATIC, metadata={"team": "a"})
    again = pickle.loads(pickle.dumps(result))  # noqa: S301 - our own

    assert again == result
    with pytest.raises(TypeError):
        again.metadata["team"] = "b"
