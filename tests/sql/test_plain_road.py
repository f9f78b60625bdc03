"""The plain road of coins on PostgreSQL: who may take it, and what becomes of it when it breaks."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from typing import Any, cast

import pytest
from sqlalchemy import Engine, QueuePool, text

import habitkit.testing
from habitkit import AsyncHabitKit
from habitkit.backends.sqlalchemy import SqlStore
from habitkit.backends.sqlalchemy._plain_postings import PlainPostgresCoins
from habitkit.backends.threaded import ThreadedStore
from habitkit.coins.actions import award
from habitkit.testing import FakeClock, TestKit
from tests.sql.ledger import assert_sound
from tests.sql.opened import ASYNC_POSTGRES, Opened
from tests.sql.support import wait_until

WAITING = "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
ALIVE = "SELECT count(*) FROM pg_stat_activity WHERE pid = :pid"


@pytest.fixture
def kit(postgres: Engine) -> TestKit:
    """A kit on PostgreSQL in which ada has ten coins, and all her accounts are open."""
    kit = habitkit.testing.kit(store=SqlStore(postgres))
    kit.coins.award("ada", 11, idempotency_key="begin")
    kit.coins.spend("ada", 1, idempotency_key="begin")
    return kit


@pytest.fixture
def taken(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The kinds of all transfers that are sent down the plain road."""
    kinds: list[str] = []
    post_plain = PlainPostgresCoins.post_plain

    def noting(self: PlainPostgresCoins, order: Any) -> Any:
        kinds.append(order.transfer.kind)
        return post_plain(self, order)

    monkeypatch.setattr(PlainPostgresCoins, "post_plain", noting)
    return kinds


# -- who may take it -----------------------------------------------------------------------------


def test_an_action_that_is_all_of_a_sync_transaction_takes_it(kit, taken):
    kit.coins.spend("ada", 1, idempotency_key="k")

    assert taken == ["spend"]


def test_work_of_several_actions_does_not_take_it(kit, taken):
    kit.run(lambda tx: award(tx, "ada", 1, idempotency_key="k"))

    assert taken == []


async def each_kind(kit: AsyncHabitKit) -> None:
    """Post what a sync kit would send down the plain road."""
    await kit.coins.award("ada", 5, idempotency_key="k")
    await kit.coins.spend("ada", 3, idempotency_key="k")
    await kit.coins.transfer("ada", "bob", 1, idempotency_key="k")


async def test_what_runs_in_threads_for_an_async_host_does_not_take_it(kit, postgres, taken):
    """It can be cancelled until it commits, which the plain statement does by itself."""
    store = ThreadedStore(SqlStore(postgres))

    await each_kind(AsyncHabitKit(store, clock=FakeClock()))

    assert taken == []
    assert kit.coins.balance("ada").posted == 11
    await store.close()


@pytest.mark.parametrize("driver", ASYNC_POSTGRES)
async def test_async_drivers_do_not_take_it(kit, postgres, taken, driver):
    made = Opened(postgres, driver, ())

    await each_kind(made.kit)

    assert taken == []
    assert kit.coins.balance("ada").posted == 11
    await made.store.close()


# -- when it breaks ------------------------------------------------------------------------------


class RungError(Exception):
    """What a host's handler of a signal raises."""


@pytest.fixture
def bell() -> Iterator[None]:
    """Let SIGUSR1 raise in the main thread, wherever it is."""

    def ring(*_: object) -> None:
        raise RungError

    before = signal.signal(signal.SIGUSR1, ring)
    yield
    signal.signal(signal.SIGUSR1, before)


@pytest.mark.usefixtures("bell")
def test_a_statement_that_a_signal_interrupts_is_cancelled_and_its_connection_dropped(
    kit, postgres: Engine, taken
):
    with postgres.connect() as other, postgres.connect() as looking:
        other.execute(text("SELECT * FROM habitkit_owners WHERE owner = 'ada' FOR UPDATE"))
        pids: list[int] = []

        def somebody_waits() -> bool:
            pids[:] = looking.scalars(text(WAITING))
            return bool(pids)

        def interrupt() -> None:
            looking.execution_options(isolation_level="AUTOCOMMIT")
            wait_until(somebody_waits)
            signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGUSR1)

        interrupter = threading.Thread(target=interrupt)
        interrupter.start()
        with pytest.raises(RungError):
            kit.coins.spend("ada", 4, idempotency_key="k")
        interrupter.join()
        other.rollback()  # now a statement that waits still would go on, and commit
        wait_until(lambda: not looking.execute(text(ALIVE), {"pid": pids[0]}).scalar())

    assert taken == ["spend"]
    assert kit.coins.balance("ada").posted == 10, "nothing was committed"
    assert cast("QueuePool", postgres.pool).checkedout() == 0
    assert kit.coins.spend("ada", 4, idempotency_key="k").amount == 4
    assert kit.coins.spend("ada", 4, idempotency_key="k").amount == 4
    assert kit.coins.balance("ada").posted == 6, "once"
    assert len(kit.coins.history("ada")) == 3
    assert_sound(kit, "ada")
