"""A database that can only be read."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import Engine, create_engine

import habitkit.testing
from habitkit.backends.sqlalchemy import SqlStore, sqlite_engine
from habitkit.errors import StoreError


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def read_only(request: pytest.FixtureRequest) -> Iterator[Engine]:
    """An engine on a database that can only be read."""
    if request.param == "sqlite":
        file = request.getfixturevalue("sqlite").url.database
        engine = sqlite_engine(f"sqlite:///file:{file}?mode=ro&uri=true")
    else:
        options = {"options": "-c default_transaction_read_only=on"}
        engine = create_engine(request.getfixturevalue("postgres").url, connect_args=options)
    yield engine
    engine.dispose()


def test_a_read_only_database_can_be_read_and_refuses_writes_by_a_store_error(
    read_only: Engine,
) -> None:
    kit = habitkit.testing.kit(store=SqlStore(read_only))

    assert kit.coins.balance("ada").available == 0
    with pytest.raises(StoreError, match="got a read-only one"):
        kit.coins.award("ada", 1, idempotency_key="k")
    with read_only.connect() as connection, pytest.raises(StoreError, match="read-only"):
        kit.on(connection).coins.award("ada", 1, idempotency_key="k")
