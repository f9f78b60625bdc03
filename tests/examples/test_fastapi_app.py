"""The FastAPI host, in the test's own event loop and as a real server with many clients at once."""

import asyncio
import importlib.util
import os
import re
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import ModuleType
from typing import Any
from uuid import UUID

import httpx
import pytest
from sqlalchemy import create_engine

from habitkit import AsyncHabitKit, HabitKit
from habitkit.backends.memory import MemoryLimits, MemoryStore
from habitkit.backends.sqlalchemy import upgrade
from habitkit.backends.threaded import ThreadedStore
from habitkit.cache import AsyncCache, CacheEvent
from habitkit.errors import StoreError
from habitkit.limits import AsyncLimiter, LimitsUnavailable
from habitkit.testing import FakeCacheServer, FakeClock
from tests.redis.conftest import enter
from tests.redis_servers import RedisServer

HOSTS = Path(__file__).parents[2] / "examples" / "hosts"


@pytest.fixture
async def client(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[httpx.AsyncClient]:
    """A client of Ada's, on the store that the test is parametrized with."""
    monkeypatch.setenv("HABITS_URL", database_url(request, tmp_path))
    app = load_app().app
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(
            transport=httpx.ASGITransport(app), base_url="http://habits", headers={"X-User": "ada"}
        ) as client,
    ):
        yield client


def database_url(request: pytest.FixtureRequest, place: Path) -> str:
    if getattr(request, "param", "sqlite") == "sqlite":
        return f"sqlite:///{place / 'habits.db'}"
    url: str = request.getfixturevalue("fresh_postgres_url")
    engine = create_engine(url)
    upgrade(engine)
    engine.dispose()
    return url


def load_app() -> ModuleType:
    spec = importlib.util.spec_from_file_location("habits_fastapi_app", HOSTS / "fastapi_app.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


both_stores = pytest.mark.parametrize(
    "client",
    ["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)],
    indirect=True,
)


async def new_habit(client: httpx.AsyncClient, title: str = "Run", **headers: str) -> str:
    response = await client.post("/habits", json={"title": title}, headers=headers)
    assert response.status_code == 201, response.text
    made: str = response.json()["id"]
    return made


async def balance(client: httpx.AsyncClient, **headers: str) -> int:
    coins: int = (await client.get("/balance", headers=headers)).json()["available"]
    return coins


@both_stores
async def test_a_habit_is_created_done_paid_and_undone(client):
    habit = await new_habit(client)
    assert (await client.get("/habits")).json() == [{"id": habit, "title": "Run"}]

    done = await client.post(f"/habits/{habit}/check-ins")
    today = done.json()["day"]
    assert done.status_code == 201
    assert done.json() == {
        "id": done.json()["id"],
        "day": today,
        "credit": "full",
        "streak": {"slots": 1, "first": today, "last": today},
        "coins": 10,
    }
    assert await balance(client) == 10

    undone = await client.delete(f"/check-ins/{done.json()['id']}")
    assert undone.json()["coins"] == -10
    assert undone.json()["streak"] == {"slots": 0, "first": None, "last": None}
    assert await balance(client) == 0


async def test_a_day_and_a_note_may_be_said(client):
    habit = await new_habit(client)
    yesterday = str(datetime.now(UTC).date() - timedelta(days=1))
    said = {"day": yesterday, "note": "forgot to say so"}
    done = await client.post(f"/habits/{habit}/check-ins", json=said)
    assert done.json()["day"] == yesterday


async def test_a_list_is_read_in_pages(client):
    made = sorted([await new_habit(client, f"Habit {number}") for number in range(5)])
    first = (await client.get("/habits", params={"limit": 3})).json()
    rest = (await client.get("/habits", params={"limit": 3, "after": first[-1]["id"]})).json()
    assert [habit["id"] for habit in (*first, *rest)] == made


@both_stores
async def test_the_same_key_does_it_once(client):
    key = {"Idempotency-Key": "tap-1"}
    habit = await new_habit(client, **key)
    assert await new_habit(client, **key) == habit
    first, second = [await client.post(f"/habits/{habit}/check-ins", headers=key) for _ in range(2)]
    assert first.json() == second.json()
    assert await balance(client) == 10


async def test_flags_are_evaluated_for_clients_of_openfeature(client):
    kit = client._transport.app.state.kit
    switch = {"state": "ENABLED", "variants": {"on": True, "off": False}, "defaultVariant": "on"}
    await kit.flags.put("quests", switch, by="ada")
    path, context = "/ofrep/v1/evaluate/flags", {"context": {"targetingKey": "ada"}}

    one = await client.post(f"{path}/quests", json=context)
    assert (one.status_code, one.json()["value"], one.json()["reason"]) == (200, True, "STATIC")
    every = await client.post(path, json=context)
    assert every.json() == {"flags": [one.json()]}
    known = {"If-None-Match": every.headers["ETag"]}
    again = await client.post(path, json=context, headers=known)
    assert (again.status_code, again.content) == (304, b"")
    assert (await client.post("/ofrep/v1/else", json=context)).status_code == 404


async def test_a_route_behind_a_flag_is_there_for_those_who_have_the_flag(client):
    await client.post(f"/habits/{await new_habit(client)}/check-ins")
    assert (await client.get("/best-streaks")).status_code == 404

    rule = {"if": [{"===": [{"var": "targetingKey"}, "ada"]}, "on"]}
    switch = {"variants": {"on": True, "off": False}, "defaultVariant": "off", "targeting": rule}
    kit = client._transport.app.state.kit
    await kit.flags.put("best-streaks", {"state": "ENABLED", **switch}, by="ada")

    assert (await client.get("/best-streaks")).json() == [1]
    other = await client.get("/best-streaks", headers={"X-User": "bob"})
    assert other.status_code == 404


@both_stores
async def test_what_belongs_to_another_user_is_not_found(client):
    habit = await new_habit(client)
    done = (await client.post(f"/habits/{habit}/check-ins")).json()["id"]
    eve = {"X-User": "eve"}

    for response in (
        await client.post(f"/habits/{habit}/check-ins", headers=eve),
        await client.delete(f"/check-ins/{done}", headers=eve),
    ):
        assert response.status_code == 404
        assert response.json()["title"] == "NotFound"
    assert (await client.get("/habits", headers=eve)).json() == []
    assert await balance(client, **eve) == 0
    assert await balance(client) == 10


@pytest.mark.parametrize(
    ("path", "body", "headers", "status", "title"),
    [
        ("/habits", {"title": " "}, {}, 422, "InvalidHabit"),
        ("/habits", {"title": "Run", "tz": "Mars/Base"}, {}, 422, "InvalidZone"),
        ("/habits", {"title": "Run"}, {"X-User": "u" * 201}, 422, "InvalidOwner"),
        ("/habits", {"title": "Jog"}, {"Idempotency-Key": "used"}, 422, "IdempotencyConflict"),
        ("/habits/{habit}/check-ins", {"day": "2999-01-01"}, {}, 409, "DayOutOfRange"),
        (f"/habits/{UUID(int=7)}/check-ins", None, {}, 404, "NotFound"),
    ],
)
async def test_each_refusal_has_its_status_and_says_why(client, path, body, headers, status, title):
    habit = await new_habit(client, **{"Idempotency-Key": "used"})
    response = await client.post(path.format(habit=habit), json=body, headers=headers)
    assert response.status_code == status
    assert response.headers["content-type"] == "application/problem+json"
    assert response.json()["title"] == title
    assert len(response.json()["detail"]) > 20


async def test_who_does_not_say_who_asks_is_refused(client):
    del client.headers["X-User"]
    assert (await client.get("/habits")).status_code == 422


# --- the limit of requests -------------------------------------------------------------------


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
async def fresh(clock: FakeClock) -> AsyncIterator[httpx.AsyncClient]:
    """A client of Ada's, whose budget is full and comes back by the clock."""
    async with client_of(MemoryLimits(ticks=clock.ticks)) as client:
        yield client


@asynccontextmanager
async def client_of(
    limits: MemoryLimits, cache: AsyncCache | None = None
) -> AsyncIterator[httpx.AsyncClient]:
    app = load_app().app
    store = ThreadedStore(MemoryStore())
    async with (
        AsyncHabitKit(store, limits=AsyncLimiter(limits), cache=cache) as kit,
        httpx.AsyncClient(
            transport=httpx.ASGITransport(app), base_url="http://habits", headers={"X-User": "ada"}
        ) as client,
    ):
        app.state.kit = kit
        yield client
    await store.close()


async def allowed(client: httpx.AsyncClient, **headers: str) -> int:
    """Return how many requests are allowed until one is denied."""
    for count in range(200):
        if (await client.get("/balance", headers=headers)).status_code == 429:
            return count
    pytest.fail("no request was denied")


async def test_each_response_says_what_is_left(fresh):
    response = await fresh.get("/balance")
    assert response.status_code == 200
    assert response.headers["ratelimit-policy"] == '"60/min burst 20";q=20;w=20'
    assert response.headers["ratelimit"] == '"60/min burst 20";r=19;t=1'
    assert "retry-after" not in response.headers


async def test_a_refused_request_counts_and_says_so_too(fresh):
    for path, status in ((f"/habits/{UUID(int=7)}/check-ins", 404), ("/habits", 422)):
        response = await fresh.post(path)
        assert response.status_code == status
        assert response.headers["content-type"].startswith("application/")
        assert response.headers["ratelimit-policy"] == '"60/min burst 20";q=20;w=20'
    assert (await fresh.get("/balance")).headers["ratelimit"] == '"60/min burst 20";r=17;t=3'


async def test_too_many_requests_are_denied_as_a_problem_that_says_when_to_try_again(fresh):
    assert await allowed(fresh) == 20
    response = await fresh.post("/habits", json={"title": "Run"})
    assert response.status_code == 429
    assert response.headers["content-type"] == "application/problem+json"
    assert response.headers["ratelimit"] == '"60/min burst 20";r=0;t=20'
    assert response.headers["retry-after"] == "1"
    assert response.json() == {
        "title": "TooManyRequests",
        "detail": "more than 60 requests in 60 s; try again in 1 s",
    }


async def test_the_budget_comes_back_and_a_denied_request_has_done_nothing(fresh, clock):
    assert await allowed(fresh) == 20
    assert (await fresh.post("/habits", json={"title": "Run"})).status_code == 429
    clock.advance(seconds=1)
    assert (await fresh.get("/habits")).json() == []
    clock.advance(seconds=7)
    assert await allowed(fresh) == 7


async def test_one_user_uses_up_nothing_of_anothers(fresh):
    assert await allowed(fresh) == 20
    response = await fresh.get("/balance", headers={"X-User": "bob"})
    assert response.headers["ratelimit"] == '"60/min burst 20";r=19;t=1'


async def test_a_tier_has_its_own_limit(fresh):
    assert await allowed(fresh, **{"X-Tier": "pro"}) == 100
    assert (await fresh.get("/balance", headers={"X-Tier": "gold"})).status_code == 422


async def test_what_is_no_request_of_a_user_is_not_limited(fresh):
    assert await allowed(fresh) == 20
    response = await fresh.get("/openapi.json")
    assert response.status_code == 200
    assert "ratelimit" not in response.headers


async def test_without_the_limits_the_app_is_unavailable_and_says_nothing_of_its_servers():
    class Broken(MemoryLimits):
        def acquire(self, *_: Any, **__: Any) -> Any:
            raise LimitsUnavailable("redis", "10.0.0.7 refused the connection")

    async with client_of(Broken()) as client:
        response = await client.get("/balance")
    assert response.status_code == 503
    assert response.json() == {"title": "LimitsUnavailable", "detail": "try again later"}


# --- the cache of dashboards -----------------------------------------------------------------


async def streaks(client: httpx.AsyncClient, url: str = "", **headers: str) -> list[int]:
    """Return the streaks that the dashboard shows."""
    response = await client.get(f"{url}/dashboard", headers=headers)
    assert response.status_code == 200, response.text
    return [state["streak"]["slots"] for state in response.json()]


async def test_a_dashboard_is_computed_once_and_shows_every_change_of_its_user(fresh):
    assert await streaks(fresh) == []
    habit = await new_habit(fresh)
    assert await streaks(fresh) == [0]
    done = await fresh.post(f"/habits/{habit}/check-ins")
    assert await streaks(fresh) == [1]
    shown = (await fresh.get("/dashboard")).json()
    assert [(it["habit_id"], it["done_today"], it["risk"]) for it in shown] == [
        (habit, True, "SAFE")
    ]
    assert await streaks(fresh, **{"X-User": "bob"}) == []
    await fresh.delete(f"/check-ins/{done.json()['id']}")
    assert await streaks(fresh) == [0]


async def test_a_dashboard_is_read_from_a_shared_cache_which_may_fail():
    server = FakeCacheServer()
    events: list[CacheEvent] = []
    cache = AsyncCache(server.async_client(), observe=events.append)
    async with client_of(MemoryLimits(), cache) as client:
        habit = await new_habit(client)
        assert await streaks(client) == await streaks(client) == [0]
        assert [event.outcome for event in events] == ["loaded", "hit"]

        server.fail()
        assert (await client.post(f"/habits/{habit}/check-ins")).status_code == 201
        assert await streaks(client) == [1]


# --- metrics and health ----------------------------------------------------------------------


async def test_operators_read_metrics_and_health_and_are_no_users(client):
    await new_habit(client)
    del client.headers["X-User"]

    scrape = await client.get("/metrics")
    assert (scrape.status_code, "ratelimit" in scrape.headers) == (200, False)
    assert scrape.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert 'habitkit_actions_total{action="habits.create",outcome="ok"} 1.0' in scrape.text
    openmetrics = {"Accept": "application/openmetrics-text;version=1.0.0"}
    assert (await client.get("/metrics", headers=openmetrics)).text.endswith("# EOF\n")

    assert (await client.get("/health/live")).json() == {"status": "pass"}
    ready = await client.get("/health/ready")
    assert (ready.status_code, ready.json()["checks"]["store"][0]["status"]) == (200, "pass")
    assert ready.headers["content-type"] == "application/health+json"


async def test_without_a_database_the_app_lives_and_is_not_ready_and_does_not_say_why(
    fresh, monkeypatch
):
    async def refuse(*_: Any, **__: Any) -> None:
        raise StoreError("10.0.0.7 refused the connection")

    monkeypatch.setattr(ThreadedStore, "run", refuse)
    assert (await fresh.get("/health/live")).status_code == 200
    ready = await fresh.get("/health/ready")
    assert (ready.status_code, ready.json()["status"]) == (503, "fail")
    assert "10.0.0.7" not in ready.text


# --- a real server ---------------------------------------------------------------------------


@contextmanager
def served(place: Path, **settings: str) -> Iterator[str]:
    """Run uvicorn on a free port of the loopback, in ``place``; yield its address."""
    server = subprocess.Popen(
        [
            *(sys.executable, "-m", "uvicorn", "--app-dir", HOSTS, "fastapi_app:app"),
            *("--host", "127.0.0.1", "--port", "0", "--no-access-log"),
        ],
        cwd=place,
        env={**os.environ, **settings},
        stderr=subprocess.PIPE,
        text=True,
    )
    assert server.stderr is not None
    try:
        for line in server.stderr:
            if found := re.search(r"running on (http://127\.0\.0\.1:\d+)", line):
                yield found[1]
                break
        else:
            pytest.fail(f"the server ended by itself: {server.wait(10)}")
    finally:
        server.terminate()
        _, said = server.communicate(timeout=30)
    assert "Application shutdown complete" in said
    assert "Traceback" not in said


async def test_many_clients_of_a_real_server_at_once(tmp_path):
    users = [f"user {number}" for number in range(6)]

    async def live(client: httpx.AsyncClient, user: str) -> dict[str, Any]:
        """Do everything four times at once, with one key, as an impatient client does."""
        me = {"X-User": user}
        made = await asyncio.gather(
            *(new_habit(client, **me, **{"Idempotency-Key": "new"}) for _ in range(4))
        )
        path = f"/habits/{made[0]}/check-ins"
        key = {"Idempotency-Key": "done"}
        done = await asyncio.gather(
            *(client.post(path, headers=me | key) for _ in range(4)),
            *(client.post(path, headers=me) for _ in range(4)),
        )
        return {
            "habits": len(set(made)),
            "statuses": {response.status_code for response in done},
            "facts": len({response.json()["id"] for response in done}),
            "listed": len((await client.get("/habits", headers=me)).json()),
            "coins": await balance(client, **me),
        }

    with served(tmp_path) as url:
        async with httpx.AsyncClient(base_url=url, timeout=60) as client:
            lives = await asyncio.gather(*(live(client, user) for user in users))
        expected = {"habits": 1, "statuses": {201}, "facts": 5, "listed": 1, "coins": 10}
        assert lives == [expected] * len(users)

    with served(tmp_path) as url:
        async with httpx.AsyncClient(base_url=url) as client:
            assert await balance(client, **{"X-User": users[0]}) == 10


@pytest.fixture
def redis_url() -> Iterator[str]:
    with ExitStack() as stack:
        server = RedisServer()
        enter(stack, server)
        yield server.url


async def test_two_servers_on_one_redis_share_one_limit(tmp_path, redis_url):
    settings = {"LIMITS_URL": f"{redis_url}?timeout_seconds=30"}
    places = [tmp_path / name for name in ("one", "two")]
    for place in places:
        place.mkdir()
    with served(places[0], **settings) as one, served(places[1], **settings) as two:
        async with httpx.AsyncClient(timeout=60, headers={"X-User": "ada"}) as client:
            began = time.monotonic()
            responses = await asyncio.gather(
                *(client.get(f"{url}/balance") for url in (one, two) for _ in range(30))
            )
            seconds = time.monotonic() - began
            denied = max(responses, key=lambda response: response.status_code)
            bob = [
                await client.get(f"{it}/balance", headers={"X-User": "bob"}) for it in (one, two)
            ]

    statuses = [response.status_code for response in responses]
    assert set(statuses) == {200, 429}
    assert 20 <= statuses.count(200) <= 20 + seconds  # one comes back in each second
    assert denied.headers["retry-after"] == "1"
    assert bob[0].headers["ratelimit"] == '"60/min burst 20";r=19;t=1'
    assert bob[1].headers["ratelimit"] in {
        '"60/min burst 20";r=18;t=2',
        '"60/min burst 20";r=19;t=1',
    }


async def test_two_servers_on_one_redis_show_a_change_by_either_in_both(tmp_path, redis_url):
    settings = {
        "HABITS_URL": f"sqlite:///{tmp_path / 'habits.db'}",
        "CACHE_URL": f"{redis_url}?timeout_seconds=30",
    }
    with served(tmp_path, **settings) as one, served(tmp_path, **settings) as two:
        async with httpx.AsyncClient(timeout=60, headers={"X-User": "ada"}) as client:
            made = await client.post(f"{one}/habits", json={"title": "Run"})
            path = f"/habits/{made.json()['id']}/check-ins"
            assert [await streaks(client, url) for url in (one, two)] == [[0], [0]]

            with HabitKit.open(settings["HABITS_URL"]) as other_program:
                done = other_program.habits.check_in(made.json()["id"])
            assert [await streaks(client, url) for url in (one, two)] == [[0], [0]]  # cached

            yesterday = str(done.day - timedelta(days=1))
            await client.post(f"{two}{path}", json={"day": yesterday})
            assert await streaks(client, two) == [2]
            began = time.monotonic()
            while await streaks(client, one) != [2]:
                assert time.monotonic() - began < 10  # long before the minute of the cache
