"""URLs to backends."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import EntryPoint
from types import SimpleNamespace
from typing import Any

import pytest

from habitkit import AsyncHabitKit, Economy, HabitKit, Schedule, plugins
from habitkit.backends.memory import MemoryLimits, MemoryStore
from habitkit.backends.threaded import ThreadedStore
from habitkit.coins import CoinSettings
from habitkit.errors import (
    ConfigurationError,
    InvalidInput,
    MissingExtra,
    NotSupportedByStore,
    UnknownScheme,
)
from habitkit.limits import AsyncLimiter, Limiter
from tests.unit.support import declared_entry_points

SCHEMES = ["memory", "postgresql", "sqlite"]
GROUPS = {
    "habitkit.backends": SCHEMES,
    "habitkit.limits": ["memory", "postgresql", "redis", "rediss", "sqlite", "unix"],
}


@pytest.fixture
def install(monkeypatch):
    """Return a function that pretends a package offers ``other://``, opened by a function."""

    def install(open_url, name="other"):
        point = SimpleNamespace(name=name, load=lambda: open_url)
        monkeypatch.setattr(plugins, "entry_points", lambda *, group: [point])

    return install


def missing(module):
    """Return what opens a backend whose driver is not installed."""

    def open_url(url, *, asynchronous):
        msg = f"No module named {module!r}"
        raise ModuleNotFoundError(msg, name=module)

    return open_url


# -- the package's own backends ------------------------------------------------------------------


@pytest.mark.parametrize("group", GROUPS)
def test_the_package_offers_its_backends_under_their_schemes(group):
    points = declared_entry_points(group)

    assert sorted(point.name for point in points) == GROUPS[group]
    assert {point.name: point.value for point in points} == {
        scheme: f"{module}:open_url" for scheme, module in plugins.OWN[group].items()
    }
    assert all(callable(point.load()) for point in points)


@pytest.mark.parametrize("url", ["MEMORY://", "Sqlite://", "SQLITE+PySQLite://"])
async def test_a_scheme_may_be_written_in_capitals(own_backends, url):
    with HabitKit.open(url) as kit:
        assert kit.events.record("ada", "read").type == "read"
    async with await AsyncHabitKit.open(url) as async_kit:
        assert (await async_kit.events.record("ada", "read")).type == "read"


@pytest.mark.parametrize("url", ["memory://", "memory:"])
def test_memory_opens_a_new_empty_store_at_each_call(own_backends, url):
    first, second = plugins.open_store(url), plugins.open_store(url)

    assert isinstance(first, MemoryStore)
    assert first is not second


async def test_memory_opens_for_an_async_host_too(own_backends):
    store = await plugins.open_async_store("memory://")

    assert isinstance(store, ThreadedStore)
    await store.close()


def test_a_kit_opens_by_url(own_backends):
    with HabitKit.open("memory://") as kit:
        run = kit.habits.create("ada", "Run", Schedule.daily())

        assert kit.habits.check_in(run.id).coins == 10


async def test_an_async_kit_opens_by_url(own_backends):
    async with await AsyncHabitKit.open("memory://") as kit:
        run = await kit.habits.create("ada", "Run", Schedule.daily())

        assert (await kit.habits.check_in(run.id)).coins == 10


def test_the_packages_own_schemes_are_opened_without_reading_what_is_installed(monkeypatch):
    monkeypatch.delattr(plugins, "entry_points")

    plugins.open_store("memory://").close()


def test_memory_has_nothing_beyond_the_scheme(own_backends):
    with pytest.raises(UnknownScheme, match="memory://"):
        plugins.open_store("memory://shared")


# -- what is not there ---------------------------------------------------------------------------


@pytest.mark.parametrize("url", ["mysql://host/db", "mysql+driver://host", "MySQL:"])
def test_an_unknown_scheme_is_refused_and_the_known_ones_are_named(own_backends, url):
    with pytest.raises(UnknownScheme) as refusal:
        HabitKit.open(url)

    assert refusal.value.scheme.lower() == "mysql"
    assert refusal.value.known == tuple(SCHEMES)
    assert "installed: memory, postgresql, sqlite" in str(refusal.value)
    assert isinstance(refusal.value, ConfigurationError)


async def test_an_async_kit_refuses_an_unknown_scheme_too(own_backends):
    with pytest.raises(UnknownScheme, match="mysql"):
        await AsyncHabitKit.open("mysql://host/db")


@pytest.mark.parametrize(
    "url", ["", "habits.db", "/var/habits.db", "postgresql", "1db://x", None, 5, b"memory://"]
)
def test_an_invalid_url_is_refused_with_a_valid_example(own_backends, url):
    with pytest.raises(
        UnknownScheme, match=r"expected a URL such as sqlite:///habits\.db"
    ) as refusal:
        plugins.open_store(url)

    assert refusal.value.scheme == str(url)


@pytest.mark.parametrize(
    "url",
    [
        " postgresql://ada:hush@host/db",
        '"postgresql://ada:hush@host/db"',
        "postgresql+psycopg-3://ada:h@hush@host/db",
        "my_sql://ada:hush@host/db",
        b"postgresql://ada:hush@host/db",
    ],
)
def test_a_malformed_url_is_refused_without_showing_its_password(own_backends, url):
    with pytest.raises(UnknownScheme, match=r"no backend for .\*\*\*@host/db") as refusal:
        HabitKit.open(url)

    assert "hush" not in f"{refusal.value} {refusal.value.scheme}"


def test_the_packages_own_schemes_work_without_entry_points(monkeypatch):
    monkeypatch.setattr(plugins, "entry_points", lambda *, group: [])

    plugins.open_store("memory://").close()
    with pytest.raises(UnknownScheme) as refusal:
        plugins.open_store("other://")

    assert refusal.value.known == tuple(SCHEMES)


@pytest.mark.parametrize(
    ("module", "command"),
    [
        ("psycopg", "pip install 'habitkit[postgres]'"),
        ("asyncpg", "pip install 'habitkit[asyncpg]'"),
        ("greenlet", "pip install 'habitkit[async]'"),
        ("redis.asyncio", "pip install 'habitkit[redis]'"),
        ("pymemcache", "pip install 'habitkit[memcached]'"),
    ],
)
def test_a_missing_driver_names_the_command_that_brings_it(install, module, command):
    install(missing(module))

    with pytest.raises(MissingExtra) as refusal:
        plugins.open_store("other://")

    assert command in str(refusal.value)
    assert refusal.value.module == module.partition(".")[0]
    assert isinstance(refusal.value.__cause__, ModuleNotFoundError)


def test_every_extra_that_is_named_exists():
    import tomllib

    from tests.unit.support import ROOT

    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]

    for module, extra in plugins._EXTRA_OF_MODULE.items():
        packages = [wanted.partition("[")[0] for wanted in project["optional-dependencies"][extra]]
        names = [package.partition(">")[0] for package in packages]
        assert {"yaml": "pyyaml"}.get(module, module) in names


async def test_a_missing_driver_is_named_to_an_async_host_too(install):
    install(missing("asyncpg"))

    with pytest.raises(MissingExtra, match=r"habitkit\[asyncpg\]"):
        await AsyncHabitKit.open("other://")


@pytest.mark.parametrize(("module", "extra"), [("asyncpg", "asyncpg"), ("greenlet", "async")])
async def test_an_extra_missing_when_an_async_store_is_awaited_is_named(
    own_backends, monkeypatch, module, extra
):
    monkeypatch.setitem(sys.modules, module, None)  # as if it were not installed

    with pytest.raises(MissingExtra, match=rf"habitkit\[{extra}\]"):
        await AsyncHabitKit.open("postgresql+asyncpg://host/db")


def test_a_driver_that_is_missing_when_the_backend_is_imported_is_named_too(monkeypatch):
    def load():
        raise ModuleNotFoundError(name="redis")

    point = SimpleNamespace(name="other", load=load)
    monkeypatch.setattr(plugins, "entry_points", lambda *, group: [point])

    with pytest.raises(MissingExtra, match="redis is not installed"):
        plugins.open_store("other://")


@pytest.mark.parametrize("error", [ImportError("circular"), ModuleNotFoundError(name="tomli")])
def test_any_other_failing_import_passes_through(install, error):
    def open_url(url, *, asynchronous):
        raise error

    install(open_url)

    with pytest.raises(ImportError) as passed:
        plugins.open_store("other://")
    assert passed.value is error


# -- what a backend is given ---------------------------------------------------------------------


@pytest.mark.parametrize("url", ["other://host/db", "other+driver://host/db", "OTHER://host/db"])
def test_a_backend_is_found_under_its_scheme_and_given_the_whole_url(install, url):
    asked = []

    def open_url(url, *, asynchronous):
        asked.append((url, asynchronous))
        return MemoryStore()

    install(open_url)

    plugins.open_store(url)

    assert asked == [(url, False)]


@pytest.mark.parametrize("awaited", [True, False])
async def test_a_backend_may_return_an_async_store_or_an_awaitable_of_one(install, awaited):
    store = ThreadedStore(MemoryStore())

    async def later():
        return store

    def open_url(url, *, asynchronous):
        assert asynchronous
        return later() if awaited else store

    install(open_url)

    assert await plugins.open_async_store("other://") is store
    await store.close()


class Recording(MemoryStore):
    """A store without coins that knows whether it was closed."""

    modules = frozenset({"habits"})
    closed = 0

    def close(self):
        self.closed += 1


def test_a_kit_that_cannot_be_wired_closes_the_store_that_it_opened(install):
    store = Recording()
    install(lambda url, *, asynchronous: store)

    with pytest.raises(NotSupportedByStore):
        HabitKit.open("other://", coins=CoinSettings(Economy.default()))

    assert store.closed == 1


async def test_an_async_kit_that_cannot_be_wired_closes_the_store_that_it_opened(install):
    store = Recording()
    install(lambda url, *, asynchronous: ThreadedStore(store))

    with pytest.raises(NotSupportedByStore):
        await AsyncHabitKit.open("other://", coins=CoinSettings(Economy.default()))

    assert store.closed == 1


# -- the fixture for hosts' tests ----------------------------------------------------------------


def test_pytest_finds_the_plugin_by_its_entry_point():
    (point,) = declared_entry_points("pytest11")

    assert point == EntryPoint("habitkit", "habitkit.testing.plugin", "pytest11")
    assert callable(point.load().habit_kit)


def test_the_fixture_gives_each_test_a_kit_of_its_own_with_a_fake_clock(tmp_path):
    (tmp_path / "test_host.py").write_text(
        """
from datetime import datetime, timezone
from habitkit import Schedule

def test_a_week_pays(habit_kit):
    assert habit_kit.clock.now() == datetime(2026, 1, 1, 8, tzinfo=timezone.utc)
    run = habit_kit.habits.create("ada", "Run", Schedule.daily())
    for _ in range(7):
        habit_kit.habits.check_in(run.id)
        habit_kit.clock.advance(days=1)
    assert habit_kit.coins.balance("ada").available == 120

def test_it_begins_again(habit_kit):
    assert habit_kit.habits.list("ada") == []
    assert habit_kit.clock.now().day == 1

def test_a_flag_has_a_value(habit_kit, habit_kit_flags):
    habit_kit_flags(quests=True)
    assert habit_kit.flags.boolean("quests", default=False)

def test_it_has_none_again(habit_kit):
    assert not habit_kit.flags.boolean("quests", default=False)
"""
    )

    run = subprocess.run(
        [
            sys.executable,
            "-m",
            "pytest",
            "-q",
            "-p",
            "habitkit.testing.plugin",
            "-p",
            "no:cacheprovider",
            tmp_path,
        ],
        cwd=tmp_path,
        env=_environment(),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert "4 passed" in run.stdout, run.stdout + run.stderr


def _environment():
    import os

    return {
        **os.environ,
        "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",  # it is named, so that it need not be installed
        "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
    }


# -- schemas -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("memory://", r"schema: the backend of memory:// has no schemas; .* got 'blue'"),
        ("sqlite://", r"schema: expected None, since SQLite has no schemas, got 'blue'"),
    ],
)
async def test_a_schema_for_a_backend_that_has_none_is_refused(url, message):
    with pytest.raises(ConfigurationError, match=message):
        HabitKit.open(url, schema="blue")
    with pytest.raises(ConfigurationError, match=message):
        await AsyncHabitKit.open(url, schema="blue")


def test_a_backend_that_supports_schemas_receives_the_schema(install):
    given = []

    def open_url(url, *, asynchronous, schema=None):
        given.append((url, schema))
        return MemoryStore()

    install(open_url)
    HabitKit.open("other://x", schema="blue").close()
    HabitKit.open("other://x").close()

    assert given == [("other://x", "blue"), ("other://x", None)]


# -- limits --------------------------------------------------------------------------------------


class Closing(MemoryLimits):
    """Limits that note when they are closed."""

    closed = 0

    def close(self):
        self.closed += 1


async def test_a_url_may_name_the_limits_of_a_kit_and_the_kit_closes_them(install):
    opened = []

    def open_url(url, *, asynchronous):
        opened.append((url, asynchronous, Closing()))
        return opened[-1][2]

    install(open_url)
    with HabitKit.open("memory://", limits="other://host") as kit:
        assert kit.limits.acquire("ada", "1/min")
        assert not kit.limits.acquire("ada", "1/min")
    kit.close()
    async with await AsyncHabitKit.open("memory://", limits="other://host") as async_kit:
        assert await async_kit.limits.acquire("ada", "1/min")
    await async_kit.close()

    assert [it[:2] for it in opened] == [("other://host", False), ("other://host", True)]
    assert [it[2].closed for it in opened] == [1, 1]


async def test_limits_that_something_to_await_opens_are_awaited(install):
    async def later():
        return MemoryLimits()

    install(lambda url, *, asynchronous: later())

    async with await AsyncHabitKit.open("memory://", limits="other://host") as kit:
        assert await kit.limits.acquire("ada", "1/min")


async def test_what_was_opened_is_closed_if_the_kit_cannot_be_made(install):
    limits = Closing()
    wrong: Any = 1
    install(lambda url, *, asynchronous: limits)
    with pytest.raises(ConfigurationError):
        HabitKit.open("memory://", limits="other://host", clock=wrong)
    with pytest.raises(ConfigurationError):
        await AsyncHabitKit.open("memory://", limits="other://host", clock=wrong)
    assert limits.closed == 2
    with pytest.raises(ConfigurationError):
        HabitKit.open("memory://", limits=wrong)
    with pytest.raises(ConfigurationError):
        await AsyncHabitKit.open("memory://", limits=wrong)


def test_limits_behind_an_unknown_scheme_are_refused(monkeypatch):
    monkeypatch.setattr(plugins, "entry_points", lambda *, group: [])
    with pytest.raises(UnknownScheme, match="memory, postgresql, redis, rediss, sqlite, unix"):
        HabitKit.open("memory://", limits="etcd://host")
    with pytest.raises(UnknownScheme, match=r"expected a URL such as redis://host:6379/0"):
        HabitKit.open("memory://", limits="30/min")


def test_the_limits_of_a_kit_may_be_in_memory_by_name():
    with HabitKit.open("memory://", limits="memory://") as kit:
        assert kit.limits.acquire("ada", "1/min")


async def test_a_limiter_opens_a_url_too_and_closes_it(install):
    limits = Closing()
    install(lambda url, *, asynchronous: limits)
    with Limiter.open("other://host", "open") as limiter:
        assert limiter.acquire("ada", "1/min")
    async with await AsyncLimiter.open("other://host", "open") as async_limiter:
        assert not await async_limiter.acquire("ada", "1/min")
    assert limits.closed == 2

    wrong: Any = "ignore"
    with pytest.raises(InvalidInput):
        Limiter.open("other://host", wrong)
    with pytest.raises(InvalidInput):
        await AsyncLimiter.open("other://host", wrong)
    assert limits.closed == 4
