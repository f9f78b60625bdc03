"""What several unit tests need: a dump of the memory store, and the package's own entry points."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import hypothesis
from hypothesis.strategies import SearchStrategy

from habitkit.backends.memory import MemoryStore
from habitkit.backends.memory._tables import Table

ROOT = Path(__file__).parents[2]

naive = datetime.fromisoformat  # a wall time, for what must not be one and for limits

Dump = dict[str, str]


def given(*strategies: SearchStrategy[Any]) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Run a test on 40 examples: the rules are small, and there are many of these tests."""

    def decorate(test: Callable[..., None]) -> Callable[..., None]:
        return hypothesis.settings(max_examples=40)(hypothesis.given(*strategies)(test))

    return decorate


def dump(store: MemoryStore) -> Dump:
    """Return every table's rows as text; tables without rows are left out."""
    tables: Dump = {}

    def walk(path: str, value: object) -> None:
        if isinstance(value, Table):
            if value.rows:
                tables[path] = _shown(value)
        elif isinstance(value, dict):
            for key, inner in value.items():
                walk(f"{path}[{key!r}]", inner)
        elif _is_part_of_the_store(value):
            for name, inner in vars(value).items():
                if name not in {"_inbox", "_outbox"} and (name != "events" or not path):
                    walk(f"{path}.{name}", inner)

    walk("", store._stores)
    return tables


def _shown(value: object) -> str:
    """Show a value by its content, however deep it lies."""
    if isinstance(value, Table):
        rows = (f"{_shown(key)}: {_shown(row)}" for key, row in value.rows.items())
        return f"{{{', '.join(rows)}}}"
    if type(value) is tuple:
        return f"({', '.join(map(_shown, value))})"
    if _is_part_of_the_store(value):
        return " ".join(_shown(getattr(value, name)) for name in _slots(value))
    return repr(value)


def _slots(value: object) -> tuple[str, ...]:
    return tuple(getattr(type(value), "__slots__"))  # noqa: B009 - not every class has them


def _is_part_of_the_store(value: object) -> bool:
    return type(value).__module__.startswith("habitkit.backends.memory")


@contextmanager
def nothing_written(store: MemoryStore) -> Iterator[None]:
    """Fail unless the store holds after the block what it held before it."""
    before = dump(store)
    yield
    assert dump(store) == before
    assert not store._stores.log.entries


def declared_entry_points(group: str) -> list[EntryPoint]:
    """Return what the package offers in an entry point group, installed or not."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    return [
        EntryPoint(name, value, group) for name, value in project["entry-points"][group].items()
    ]
