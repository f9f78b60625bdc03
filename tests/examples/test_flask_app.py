"""The Flask host: its own tables and the coins change in one transaction, or neither does."""

import importlib.util
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import ModuleType
from typing import Any

import httpx
import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import Engine, create_engine, func, select
from sqlalchemy.orm import Session

from habitkit import HabitKit
from habitkit.backends.memory import MemoryLimits
from habitkit.backends.sqlalchemy import metadata, sqlite_engine
from habitkit.cache import Cache
from habitkit.limits import Limiter
from habitkit.testing import FakeCacheServer, FakeClock

APP = Path(__file__).parents[2] / "examples" / "hosts" / "flask_app.py"


@pytest.fixture(scope="module")
def host() -> ModuleType:
    spec = importlib.util.spec_from_file_location("shop_flask_app", APP)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    if request.param == "sqlite":
        engine = sqlite_engine(f"sqlite:///{tmp_path / 'shop.db'}")
    else:
        engine = create_engine(request.getfixturevalue("fresh_postgres_url"))
    yield engine
    engine.dispose()


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def app(host: ModuleType, engine: Engine, clock: FakeClock) -> Flask:
    """The shop with ten mugs and one lamp on its shelves; Ada has 100 coins."""
    app: Flask = host.create_app(engine, Limiter(MemoryLimits(ticks=clock.ticks)))
    with Session(engine) as session, session.begin():
        session.add(host.Item(name="mug", price=30, stock=10))
        session.add(host.Item(name="lamp", price=80, stock=1))
    kit: HabitKit = app.extensions["habitkit"]
    kit.coins.award("ada", 100, idempotency_key="welcome")
    return app


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client()


def order(client: FlaskClient, item: str, key: str, owner: str = "ada") -> Any:
    headers = {"X-User": owner, "Idempotency-Key": key}
    return client.post("/orders", json={"item": item}, headers=headers)


def me(client: FlaskClient, owner: str = "ada") -> Any:
    return client.get("/me", headers={"X-User": owner}).json


def stock(host: ModuleType, engine: Engine, item: str) -> int:
    with Session(engine) as session:
        found = session.get(host.Item, item)
        assert found is not None
        left: int = found.stock
        return left


def test_an_order_and_its_payment_commit_together(client, host, engine):
    response = order(client, "mug", "order-1")

    assert response.status_code == 201
    assert response.json["paid"] == 30
    assert me(client) == {"coins": 70, "orders": ["mug"], "wishes": []}
    assert stock(host, engine, "mug") == 9


def test_too_few_coins_undo_the_payment_alone_and_the_hosts_transaction_goes_on(
    client, host, engine
):
    order(client, "lamp", "order-1")
    order(client, "mug", "order-2")
    response = order(client, "mug", "order-3")

    assert response.status_code == 409
    assert response.json["title"] == "InsufficientFunds"
    assert "the balance is 20" in response.json["detail"]
    # The wish was written in the transaction in which the payment failed.
    assert me(client) == {"coins": 20, "orders": ["lamp"], "wishes": ["mug"]}
    assert stock(host, engine, "mug") == 10


def test_a_refused_order_may_be_repeated_when_there_are_coins(client, app):
    order(client, "lamp", "order-1")
    assert order(client, "mug", "order-2").status_code == 409
    app.extensions["habitkit"].coins.award("ada", 10, idempotency_key="more")
    assert order(client, "mug", "order-2").status_code == 201
    assert me(client)["coins"] == 0


def test_a_failure_of_the_host_after_the_payment_gives_the_coins_back(client, app, host, engine):
    app.extensions["habitkit"].coins.award("bob", 100, idempotency_key="welcome")
    assert order(client, "lamp", "order-1", "bob").status_code == 201

    response = order(client, "lamp", "order-1")

    assert response.status_code == 409
    assert response.json["title"] == "SoldOut"
    assert me(client) == {"coins": 100, "orders": [], "wishes": []}
    assert [entry.kind for entry in app.extensions["habitkit"].coins.statement("ada")] == ["award"]
    assert [event.type for event in app.extensions["habitkit"].events.page("ada")] == [
        "CoinsPosted"
    ]
    assert stock(host, engine, "lamp") == 0


def test_the_same_order_twice_is_one_order(client, host, engine):
    responses = [order(client, "mug", "order-1") for _ in range(3)]
    assert [response.status_code for response in responses] == [201] * 3
    assert len({response.json["order"] for response in responses}) == 1
    assert me(client) == {"coins": 70, "orders": ["mug"], "wishes": []}
    assert stock(host, engine, "mug") == 9


def test_impatient_customers_at_once_buy_what_they_can_pay_and_what_is_there(app, host, engine):
    kit: HabitKit = app.extensions["habitkit"]
    owners = ["ada", "bob", "eve"]
    for owner in owners[1:]:
        kit.coins.award(owner, 100, idempotency_key="welcome")

    def buy(number: int) -> int:
        owner, item = owners[number % 3], ("mug", "lamp")[number % 2]
        status: int = order(app.test_client(), item, f"order-{number}", owner).status_code
        return status

    with ThreadPoolExecutor(4) as threads:
        statuses = list(threads.map(buy, range(18), timeout=60))

    assert set(statuses) <= {201, 409}
    with Session(engine) as session:
        sold = session.scalar(select(func.count()).select_from(host.Order))
        for owner in owners:
            paid = session.scalar(
                select(func.coalesce(func.sum(host.Item.price), 0))
                .join(host.Order, host.Order.item == host.Item.name)
                .where(host.Order.owner == owner)
            )
            assert kit.coins.balance(owner).posted == 100 - paid
    assert sold == statuses.count(201)
    left = [stock(host, engine, item) for item in ("mug", "lamp")]
    assert min(left) >= 0
    assert sum(left) == 11 - sold


@pytest.mark.parametrize(
    ("item", "key", "owner", "status", "title"),
    [
        ("boat", "order-1", "ada", 404, "NoSuchItem"),
        ("mug", "", "ada", 422, "InvalidKey"),
        ("mug", "order-1", "", 422, "InvalidOwner"),
    ],
)
def test_what_cannot_be_ordered_is_said(client, item, key, owner, status, title):
    response = order(client, item, key, owner)
    assert response.status_code == status
    assert response.headers["Content-Type"] == "application/problem+json"
    assert response.json["title"] == title


def test_a_key_used_for_another_item_is_refused(client):
    order(client, "mug", "order-1")
    response = order(client, "lamp", "order-1")
    assert (response.status_code, response.json["title"]) == (422, "IdempotencyConflict")
    assert me(client)["orders"] == ["mug"]


def test_too_many_requests_are_denied_and_the_budget_comes_back(client, clock):
    first = client.get("/me", headers={"X-User": "ada"})
    assert first.headers["RateLimit-Policy"] == '"60/min burst 20";q=20;w=20'
    assert first.headers["RateLimit"] == '"60/min burst 20";r=19;t=1'
    for _ in range(19):
        me(client)

    denied = order(client, "mug", "order-1")

    assert denied.status_code == 429
    assert denied.headers["Content-Type"] == "application/problem+json"
    assert denied.headers["RateLimit"] == '"60/min burst 20";r=0;t=20'
    assert denied.headers["Retry-After"] == "1"
    assert denied.json == {
        "title": "TooManyRequests",
        "detail": "more than 60 requests in 60 s; try again later",
    }
    assert me(client, "bob") == {"coins": 0, "orders": [], "wishes": []}
    clock.advance(seconds=1)
    assert me(client) == {"coins": 100, "orders": [], "wishes": []}


def test_who_is_nobody_shares_the_budget_of_an_address(client):
    statuses = [client.get("/me").status_code for _ in range(21)]
    assert statuses == [422] * 20 + [429]
    assert order(client, "mug", "order-1", "127.0.0.1").status_code == 409


def test_what_a_user_has_is_kept_until_an_order_and_a_failing_cache_stops_no_order(host, engine):
    server = FakeCacheServer()
    app: Flask = host.create_app(engine, cache=Cache(server.client()))
    with Session(engine) as session, session.begin():
        session.add(host.Item(name="mug", price=30, stock=10))
    client, coins = app.test_client(), app.extensions["habitkit"].coins
    coins.award("ada", 100, idempotency_key="welcome")
    assert me(client)["coins"] == 100

    coins.award("ada", 10, idempotency_key="more")  # by another program
    assert me(client)["coins"] == 100
    assert order(client, "mug", "order-1").status_code == 201
    assert me(client) == {"coins": 80, "orders": ["mug"], "wishes": []}

    server.fail()
    assert order(client, "mug", "order-2").status_code == 201
    assert me(client)["coins"] == 50


def test_operators_read_metrics_and_health_which_are_not_limited(client, engine):
    order(client, "mug", "order-1")
    order(client, "boat", "order-2")

    scrapes = [client.get("/metrics") for _ in range(25)]

    assert {(scrape.status_code, "RateLimit" in scrape.headers) for scrape in scrapes} == {
        (200, False)
    }
    assert scrapes[0].headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    for status in (201, 404):
        assert f'orders_total{{status="{status}"}} 1.0' in scrapes[-1].text
    assert 'habitkit_actions_total{action="coins.spend",outcome="ok"} 1.0' in scrapes[-1].text
    openmetrics = client.get("/metrics", headers={"Accept": "application/openmetrics-text"})
    assert openmetrics.text.endswith("# EOF\n")

    assert client.get("/health/live").json == {"status": "pass"}
    response = client.get("/health/ready")
    assert (response.status_code, response.json["checks"]["store"][0]["status"]) == (200, "pass")
    assert response.headers["Content-Type"] == "application/health+json"
    assert client.get("/health/deep").status_code == 404


def test_what_is_recorded_is_stored_in_a_thread_as_no_scrape_does_that(host, engine):
    before = {*threading.enumerate()}

    host.create_app(engine)

    assert [it.name for it in threading.enumerate() if it not in before] == ["habitkit-metrics"]


def test_without_its_tables_the_shop_lives_and_is_not_ready(client, engine):
    with engine.begin() as connection:
        metadata.drop_all(connection)
    assert client.get("/health/live").status_code == 200
    response = client.get("/health/ready")
    assert (response.status_code, response.json["status"]) == (503, "fail")


def test_as_a_real_server_the_shop_is_a_file(tmp_path):
    server = subprocess.Popen(
        [sys.executable, "-m", "flask", "--app", APP, "run", "--port", "0"],
        cwd=tmp_path,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert server.stderr is not None
    try:
        found = None
        while found is None and (line := server.stderr.readline()):
            found = re.search(r"Running on (http://127\.0\.0\.1:\d+)", line)
        assert found is not None, f"the server ended by itself: {server.wait(10)}"
        response = httpx.get(f"{found[1]}/me", headers={"X-User": "ada"}, timeout=60)
    finally:
        server.terminate()
        server.communicate(timeout=30)
    assert response.json() == {"coins": 0, "orders": [], "wishes": []}
    assert (tmp_path / "shop.db").exists()
