"""Random histories of a kit find no difference between the stores of the package.

And the mirror that looks for it finds what is broken: for each port, and for what is undone.
"""

from __future__ import annotations

from itertools import count

from hypothesis import HealthCheck, given, settings
from sqlalchemy import create_engine

from habitkit.backends.sqlalchemy import SqlStore, sqlite_engine
from habitkit.testing import MirrorStore
from tests.conftest import EMPTY
from tests.stores.histories import Actor, histories


def mirrored(new_store, examples):
    """Have random histories happen to a new store each, beside a memory store."""

    @settings(
        max_examples=examples,
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )
    @given(histories)
    def check(history):
        Actor(MirrorStore(new_store())).live(history)

    check()


def test_a_sqlite_file_does_what_memory_does(tmp_path, ready_sqlite):
    numbers, engines = count(), []

    def new_store():
        while engines:
            engines.pop().dispose()
        engine = sqlite_engine(f"sqlite:///{tmp_path}/{next(numbers)}.db", synchronous="NORMAL")
        engines.append(engine)
        ready_sqlite(engine)
        return SqlStore(engine)

    mirrored(new_store, 60)


def test_sqlite_in_memory_does_what_memory_does(ready_sqlite):
    def new_store():
        engine = sqlite_engine("sqlite://")
        ready_sqlite(engine)
        return SqlStore(engine)

    mirrored(new_store, 20)


def test_postgresql_does_what_memory_does(postgres_with_tables, ready_postgres_url):
    engine = create_engine(ready_postgres_url)

    def new_store():
        postgres_with_tables[1].exec_driver_sql(EMPTY)
        return SqlStore(engine)

    mirrored(new_store, 20)
    engine.dispose()
