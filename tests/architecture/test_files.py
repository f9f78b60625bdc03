"""What is in which file."""

from __future__ import annotations

import ast
import re

import pytest

from tests.architecture.source import PACKAGE, Module, modules, strings

LONGEST = 330
LONGER = {
    "errors.py": "one tree, drawn above its classes; each is a few lines",
}

SQL = re.compile(
    r"^\s*(SELECT\s|INSERT\s+INTO\s|UPDATE\s+\w+\s+SET\s|DELETE\s+FROM\s|CREATE\s+(TABLE|INDEX|UNIQUE)"
    r"|DROP\s|ALTER\s|(?-i:BEGIN)(\s+(IMMEDIATE|DEFERRED|EXCLUSIVE))?\s*$|SAVEPOINT\b|PRAGMA\s)",
    re.IGNORECASE,
)
LUA = re.compile(r"\bredis\.p?call\(")

READS_TIME = re.compile(
    r"\b(datetime|date)\.(now|utcnow|today)$|\btime\.(time|monotonic|perf_counter|process_time"
    r"|time_ns|monotonic_ns|perf_counter_ns|localtime|gmtime)$|\bloop\.time$"
    r"|\bfunc\.(now|current_timestamp)$"
)
IS_RANDOM = re.compile(r"\b(uuid[1467]|urandom|getrandbits|token_\w+)$|\b(random|secrets)\.\w+$")
SQL_TIME = re.compile(
    r"\bCURRENT_TIMESTAMP\b|\bnow\(\)|\bstrftime\(|\bgen_random_uuid\(", re.IGNORECASE
)

MAY_READ_TIME = {
    "clock.py": "gives everybody else the time",
}
MAY_BE_RANDOM = {
    "cache/tokens.py": "makes tokens of leases, generations of tags, chances of refreshing early",
    "flags/_backoff.py": "spreads the requests of processes whose server failed",
    "ids.py": "makes ids",
    "backends/sqlalchemy/_retry.py": "spreads the attempts of writers that met",
}


def used(module: Module, pattern: re.Pattern[str]) -> list[str]:
    """Return the dotted names in a module's code that match a pattern."""
    return [
        f"{module.place}:{line} {name}" for line, name in module.dotted() if pattern.search(name)
    ]


def imported(module: Module, *names: str) -> list[str]:
    """Return the imports of some modules of the standard library."""
    return [
        f"{module.place}:{found.line} import {found.target}"
        for found in module.imports()
        if found.target.split(".")[0] in names
    ]


def test_a_file_is_short():
    long = {module.place: len(module.text.splitlines()) for module in modules()}

    assert not {place: n for place, n in long.items() if n > LONGEST and place not in LONGER}


def test_only_files_that_are_longer_are_excused():
    assert all(len((PACKAGE / place).read_text("utf-8").splitlines()) > LONGEST for place in LONGER)


def test_only_the_sql_backend_contains_sql():
    found = [
        f"{module.place}:{line} {text[:40]!r}"
        for module in modules()
        if not module.place.startswith(("backends/sqlalchemy/", "contrib/"))
        for line, text in strings(module)
        if SQL.search(text)
    ]

    assert not found


@pytest.mark.parametrize(
    "statement",
    ["SELECT 1", " insert into x values (1)", "UPDATE x SET y = 1", "BEGIN IMMEDIATE", "PRAGMA x"],
)
def test_sql_would_be_found(statement):
    assert SQL.search(statement)


def test_lua_is_in_lua_files_of_a_backend():
    inside = [
        f"{module.place}:{line}"
        for module in modules()
        for line, text in strings(module)
        if LUA.search(text)
    ]
    files = [path.relative_to(PACKAGE).as_posix() for path in PACKAGE.rglob("*.lua")]

    assert not inside
    assert all(path.startswith("backends/") for path in files)


def _core(excused: dict[str, str]) -> list[Module]:
    return [
        module
        for module in modules()
        if module.place not in excused and not module.place.startswith("testing/contracts/")
    ]


def test_only_the_clock_reads_the_time():
    found = [hit for module in _core(MAY_READ_TIME) for hit in used(module, READS_TIME)]

    assert not found
    (clock,) = [module for module in modules() if module.name == "habitkit.clock"]
    assert used(clock, READS_TIME), "the search is blind"


def test_only_ids_tokens_and_retries_are_random():
    found = [
        hit
        for module in _core(MAY_BE_RANDOM)
        for hit in [*used(module, IS_RANDOM), *imported(module, "random", "secrets")]
    ]

    assert not found
    for place in MAY_BE_RANDOM:
        (module,) = [module for module in modules() if module.place == place]
        assert used(module, IS_RANDOM), f"{place} needs no excuse"


def test_no_database_is_asked_for_the_time_or_for_an_id():
    found = [
        f"{module.place}:{line} {text[:40]!r}"
        for module in modules()
        if module.place != "metrics/domain/expression_text.py"  # there it is a function of ours
        for line, text in strings(module)
        if SQL_TIME.search(text)
    ]

    assert not found


def test_nothing_prints():
    found = [
        f"{module.place}:{node.lineno}"
        for module in modules()
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "print"
    ]

    assert not found


def test_the_package_is_marked_as_typed():
    assert (PACKAGE / "py.typed").exists()
