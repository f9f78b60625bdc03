"""A connection that is cut around COMMIT: was it done or not, and what the caller learns of it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest
from sqlalchemy import URL, Engine, create_engine
from sqlalchemy.exc import OperationalError
from sqlalchemy.ext.asyncio import create_async_engine

import habitkit.testing
from habitkit import AsyncHabitKit
from habitkit.backends.sqlalchemy import AsyncSqlStore, SqlStore, _retry
from habitkit.backends.sqlalchemy._error_mapping import lost_connection
from habitkit.coins import Posting
from habitkit.coins.transfers import award
from habitkit.errors import OutcomeUnknown
from habitkit.ids import derived_id
from habitkit.reactions import subscribe
from habitkit.testing import FakeClock
from tests.sql.ledger import assert_sound
from tests.sql.proxy import Proxy, proxy_to
from tests.sql.support import wait_until

pytestmark = pytest.mark.postgres

Call = Callable[[Callable[[Any], Any]], Any]


@contextmanager
def sync_client(url: URL) -> Iterator[Call]:
    """Use a kit through a URL."""
    engine: Any = create_engine(url)
    kit = habitkit.testing.kit(store=SqlStore(engine), subscribers=[subscribe("noted", print)])
    yield lambda use: use(kit)
    assert engine.pool.checkedout() == 0
    engine.dispose()


@contextmanager
def async_client(url: URL, driver: str) -> Iterator[Call]:
    """Use an async kit through a URL."""

    async def call(use: Callable[[Any], Any]) -> Any:
        result = use(kit)
        return await result if asyncio.iscoroutine(result) else result

    with asyncio.Runner() as runner:
        engine: Any = create_async_engine(url.set(drivername=f"postgresql+{driver}"))
        subscribers = [subscribe("noted", print)]
        kit = AsyncHabitKit(AsyncSqlStore(engine), clock=FakeClock(), subscribers=subscribers)
        yield lambda use: runner.run(call(use))
        assert engine.pool.checkedout() == 0
        runner.run(engine.dispose())


CLIENTS = {
    "sync": sync_client,
    "psycopg": lambda url: async_client(url, "psycopg"),
    "asyncpg": lambda url: async_client(url, "asyncpg"),
}


@pytest.fixture
def proxy_and_url(postgres: Engine) -> Iterator[tuple[Proxy, URL]]:
    """A proxy in front of the server, and the URL through it."""
    with proxy_to(postgres.url) as found:
        yield found


@pytest.fixture
def proxy(proxy_and_url: tuple[Proxy, URL]) -> Proxy:
    """A proxy in front of the server."""
    return proxy_and_url[0]


@pytest.fixture(params=CLIENTS)
def call(request: pytest.FixtureRequest, proxy_and_url: tuple[Proxy, URL]) -> Iterator[Call]:
    """Call a function with a kit that reaches the server through the proxy, of each mode."""
    with CLIENTS[request.param](proxy_and_url[1]) as call:
        call(lambda kit: kit.coins.balance("ada"))
        yield call


@pytest.fixture
def kit(postgres: Engine) -> habitkit.testing.TestKit:
    """A kit that reaches the server directly."""
    return habitkit.testing.kit(store=SqlStore(postgres))


BOTH_SIDES = pytest.mark.parametrize("when", ["before", "after"])


@BOTH_SIDES
@pytest.mark.parametrize("times", [1, 3])
def test_with_a_key_an_action_has_one_effect_and_the_right_result(kit, proxy, call, when, times):
    proxy.cut(when, times)

    done = call(lambda kit: kit.coins.award("ada", 7, idempotency_key="gift"))

    assert proxy.cuts == (times if when == "before" else proxy.cuts)
    assert proxy.cuts >= 1
    assert kit.coins.balance("ada").available == 7
    (event,) = kit.events.page("ada")
    assert event.fields["transfer_id"] == str(done.id)
    assert kit.coins.award("ada", 7, idempotency_key="gift") == done


GIVEN = derived_id("ada", "coins.award", "begin")

KEYED: dict[str, Callable[[Any], Any]] = {
    "award": lambda coins: coins.award("ada", 7, idempotency_key="k"),
    "spend": lambda coins: coins.spend("ada", 7, idempotency_key="k"),
    "transfer": lambda coins: coins.transfer("ada", "bob", 7, idempotency_key="k"),
    "reserve": lambda coins: coins.reserve("ada", 7, idempotency_key="k"),
    "post_many": lambda coins: coins.post_many(
        [Posting.transfer("ada", "bob", 7), Posting.spend("bob", 3), Posting.award("cleo", 1)],
        idempotency_key="k",
    ),
    "reverse": lambda coins: coins.reverse(GIVEN, idempotency_key="k"),
}


@BOTH_SIDES
@pytest.mark.parametrize("act", KEYED.values(), ids=KEYED)
def test_coins_whose_commit_was_cut_have_moved_once(kit, proxy, call, when, act):
    reference = habitkit.testing.kit()
    for each in (kit, reference):
        assert each.coins.award("ada", 100, idempotency_key="begin").id == GIVEN
        each.coins.spend("ada", 1, idempotency_key="begin")
        each.coins.transfer("ada", "bob", 1, idempotency_key="begin")
    proxy.cut(when, times=2)

    done = call(lambda kit: act(kit.coins))

    act(reference.coins)
    assert proxy.cuts == 2 if when == "before" else proxy.cuts in {1, 2}
    assert act(kit.coins) == done
    for owner in ("ada", "bob", "cleo"):
        assert kit.coins.balance(owner) == reference.coins.balance(owner)
        assert len(kit.coins.statement(owner)) == len(reference.coins.statement(owner))
        assert len(kit.events.page(owner)) == len(reference.events.page(owner))
    assert_sound(kit, "ada")


@BOTH_SIDES
def test_without_a_key_the_caller_learns_that_the_outcome_is_unknown(kit, proxy, call, when):
    proxy.cut(when)

    with pytest.raises(OutcomeUnknown, match="pass idempotency_key") as caught:
        call(lambda kit: kit.events.record("ada", "noted"))

    assert caught.value.__cause__ is not None
    assert proxy.cuts == 1
    assert len(kit.events.page("ada")) == {"before": 0, "after": 1}[when]
    call(lambda kit: kit.events.record("ada", "noted"))
    assert proxy.cuts == 1


@BOTH_SIDES
def test_work_of_several_actions_has_no_key_of_its_own(kit, proxy, call, when):
    proxy.cut(when)
    calls = []

    def work(tx):
        calls.append(tx)
        award(tx, "ada", 7, idempotency_key="gift")

    with pytest.raises(OutcomeUnknown):
        call(lambda kit: kit.run(work))

    assert len(calls) == 1
    assert kit.coins.balance("ada").available == {"before": 0, "after": 7}[when]


@BOTH_SIDES
def test_a_query_is_simply_asked_again(kit, proxy, call, when):
    kit.coins.award("ada", 7, idempotency_key="gift")
    proxy.cut(when, times=2)

    assert call(lambda kit: kit.coins.balance("ada")).available == 7
    assert proxy.cuts == 2


@BOTH_SIDES
def test_a_key_does_not_help_where_no_reply_ever_comes(kit, proxy, call, when, monkeypatch):
    monkeypatch.setattr(_retry, "_MAX_ATTEMPTS", 3)
    proxy.cut(when, times=3)

    with pytest.raises(OutcomeUnknown):
        call(lambda kit: kit.coins.award("ada", 7, idempotency_key="gift"))

    assert proxy.cuts == 3
    assert kit.coins.balance("ada").available == {"before": 0, "after": 7}[when]
    call(lambda kit: kit.coins.award("ada", 7, idempotency_key="gift"))
    assert kit.coins.balance("ada").available == 7


def test_a_server_that_cannot_be_reached_any_more_leaves_the_outcome_unknown(kit, proxy, call):
    proxy.cut("after")
    proxy.refuse_more()

    with pytest.raises(OutcomeUnknown):
        call(lambda kit: kit.coins.award("ada", 7, idempotency_key="gift"))

    assert kit.coins.balance("ada").available == 7


@BOTH_SIDES
def test_an_event_that_a_relay_could_not_mark_as_done_is_delivered_again(kit, proxy, call, when):
    call(lambda kit: kit.events.record("ada", "noted"))
    proxy.cut(when)

    with pytest.raises(OutcomeUnknown):
        call(lambda kit: kit.relay.run_once())

    delivered: list[Any] = []
    late = habitkit.testing.kit(
        "2026-01-01T09:00Z",
        store=kit._runner.store,
        subscribers=[subscribe("noted", delivered.append)],
    )
    wait_until(lambda: late.relay.run_once().delivered)  # once the server has seen the cut
    assert len(delivered) == 1


def test_a_connection_that_cannot_leave_its_pipeline_mode_is_lost(postgres: Engine) -> None:
    cause = psycopg.OperationalError("cannot exit pipeline mode while busy")
    with postgres.connect() as connection:
        driver: Any = connection.connection.driver_connection
        assert not lost_connection(OperationalError("", {}, cause), connection)
        driver.pgconn.enter_pipeline_mode()

        assert lost_connection(OperationalError("", {}, cause), connection)
        connection.invalidate()
