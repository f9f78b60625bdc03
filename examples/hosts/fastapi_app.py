"""An async host: one kit for the process, and each request reaches only its user's habits.

Each user may make so many requests in a minute, and every response says how many are left.

    uvicorn --app-dir examples/hosts fastapi_app:app

HABITS_URL names the database: ``sqlite:///habits.db`` by default, or ``postgresql://...`` after
``python -m habitkit upgrade postgresql://...``.

LIMITS_URL names where requests are counted, and CACHE_URL where dashboards are kept: ``memory://``
by default, in this process alone, or ``redis://localhost`` if several processes serve one app.

Prometheus scrapes ``/metrics``, and an orchestrator probes ``/health/live`` and ``/health/ready``.
Whoever else reaches the app from outside should not reach these: let your proxy see to that. The
first one needs ``pip install 'habitkit[prometheus]'``.
"""

import logging
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import date
from typing import Annotated, Literal
from uuid import UUID

from fastapi import Depends, FastAPI, Header, HTTPException, Query, Request, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel

from habitkit import (
    AsyncHabitKit,
    AsyncOwnedKit,
    CheckedIn,
    DayClock,
    Habit,
    HabitState,
    Schedule,
    Undone,
)
from habitkit.cache import CacheUnavailable
from habitkit.contrib.prometheus import exposition
from habitkit.errors import (
    HabitKitError,
    IdempotencyConflict,
    IdempotencyKeyExpired,
    InvalidInput,
    NotFound,
    Refused,
    StoreBusy,
)
from habitkit.flags import ofrep
from habitkit.health import Health
from habitkit.limits import Decision, LimitsUnavailable, TooManyKeys

LIMITS = {"free": "60/min burst 20", "pro": "600/min burst 100"}
"""The requests of each tier. A limit is a text: another tier is another line."""


DASHBOARD_SECONDS = 60
"""How old a dashboard may be: after midnight, or if the cache could not be reached by a change."""

log = logging.getLogger(__name__)


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    url = os.environ.get("HABITS_URL", "sqlite:///habits.db")
    limits = os.environ.get("LIMITS_URL", "memory://")
    cache = os.environ.get("CACHE_URL", "memory://")
    async with (
        await AsyncHabitKit.open(url, limits=limits, cache=cache, metrics=True) as kit,
        kit.background(),  # sees changes of flags by other processes, and stores metrics
    ):
        app.state.kit = kit
        yield


# -- the user ----------------------------------------------------------------------------------


async def user(x_user: Annotated[str, Header()]) -> str:
    """Return the user. A header is no login: put yours here."""
    return x_user


async def owned_kit(request: Request, owner: Annotated[str, Depends(user)]) -> AsyncOwnedKit:
    """Return the kit limited to the user: what belongs to another is not found."""
    kit: AsyncHabitKit = request.app.state.kit
    return kit.owned_by(owner)


async def tier(x_tier: Annotated[Literal["free", "pro"], Header()] = "free") -> str:
    """Return the user's tier. A header proves nothing: read it from your accounts."""
    return x_tier


User = Annotated[str, Depends(user)]
Kit = Annotated[AsyncOwnedKit, Depends(owned_kit)]

# A client that got no reply repeats its request with the same key; nothing is done twice.
Key = Annotated[str | None, Header(alias="Idempotency-Key")]


# -- the limit of requests ---------------------------------------------------------------------


class TooManyRequestsError(Exception):
    """A request was denied by the limit of its user's tier."""


async def limited(request: Request, owner: User, of_tier: Annotated[str, Depends(tier)]) -> None:
    """Take one request from the user's budget, or deny it."""
    kit: AsyncHabitKit = request.app.state.kit
    decision = await kit.limits.acquire(("api", owner), LIMITS[of_tier])
    request.state.decision = decision
    if not decision:
        raise TooManyRequestsError


app = FastAPI(title="Habits", lifespan=lifespan, dependencies=[Depends(limited)])


@app.middleware("http")
async def say_what_is_left(
    request: Request, respond: Callable[[Request], Awaitable[Response]]
) -> Response:
    """Add RateLimit, RateLimit-Policy and, to a denial, Retry-After."""
    response = await respond(request)
    decision: Decision | None = getattr(request.state, "decision", None)
    if decision is not None:
        response.headers.update(decision.headers())
    return response


@app.exception_handler(TooManyRequestsError)
async def deny(request: Request, _: Exception) -> Response:
    decision: Decision = request.state.decision
    seconds = decision.headers()["Retry-After"]
    limit = decision.limit
    detail = (
        f"more than {limit.rate} requests in {limit.period_seconds} s; try again in {seconds} s"
    )
    return problem(429, "TooManyRequests", detail)


def problem(status: int, title: str, detail: str) -> Response:
    """Return an error as RFC 9457 has it."""
    body = {"title": title, "detail": detail}
    return JSONResponse(body, status, media_type="application/problem+json")


# -- the cache of dashboards -------------------------------------------------------------------


async def dashboard(request: Request, owner: User) -> list[HabitState]:
    """Return the state of the user's habits, computed once for all who ask at the same time."""
    kit: AsyncHabitKit = request.app.state.kit

    async def load() -> list[HabitState]:
        return await kit.owned_by(owner).streaks.today(owner)

    return await kit.cache.get_or_create(
        ("dashboard", owner),
        load,
        ttl_seconds=DASHBOARD_SECONDS,
        tags=[("owner", owner)],
        kind=list[HabitState],
    )


async def invalidation(request: Request, owner: User) -> Callable[[], Awaitable[None]]:
    """Return what to call after a change: it drops what is cached about the user."""
    kit: AsyncHabitKit = request.app.state.kit

    async def invalidate() -> None:
        try:
            await kit.cache.invalidate_tag(("owner", owner))
        except CacheUnavailable:  # the change is committed: it must not look like a failure
            log.warning("a dashboard may be old for %d s", DASHBOARD_SECONDS, exc_info=True)

    return invalidate


Dashboard = Annotated[list[HabitState], Depends(dashboard)]
Invalidate = Annotated[Callable[[], Awaitable[None]], Depends(invalidation)]


# -- requests and responses --------------------------------------------------------------------


class NewHabit(BaseModel):
    """The request for a new habit."""

    title: str
    tz: str | None = None


class NewCheckIn(BaseModel):
    """The request for a check-in, by default for today."""

    day: date | None = None
    note: str | None = None


class HabitOut(BaseModel):
    """A habit. The response models read the kit's values attribute by attribute."""

    id: UUID
    title: str


class StreakOut(BaseModel):
    """A run of done days."""

    slots: int
    first: date | None
    last: date | None


class StateOut(BaseModel):
    """A line of the dashboard."""

    habit_id: UUID
    done_today: bool
    risk: str
    streak: StreakOut


class UndoneOut(BaseModel):
    """The result of taking a check-in back."""

    id: UUID
    day: date
    streak: StreakOut
    coins: int


class CheckedInOut(UndoneOut):
    """The result of a check-in."""

    credit: str


# -- routes ------------------------------------------------------------------------------------


@app.get("/dashboard", response_model=list[StateOut])
async def show_dashboard(states: Dashboard) -> list[HabitState]:
    return states


@app.post("/habits", status_code=201, response_model=HabitOut)
async def create(
    kit: Kit, owner: User, invalidate: Invalidate, new: NewHabit, key: Key = None
) -> Habit:
    habit = await kit.habits.create(
        owner, new.title, Schedule.daily(), clock=DayClock(new.tz), idempotency_key=key
    )
    await invalidate()
    return habit


@app.get("/habits", response_model=list[HabitOut])
async def habits(
    kit: Kit, owner: User, after: UUID | None = None, limit: Annotated[int, Query(le=100)] = 50
) -> list[Habit]:
    return await kit.habits.list(owner, after=after, limit=limit)


@app.post("/habits/{habit_id}/check-ins", status_code=201, response_model=CheckedInOut)
async def check_in(
    kit: Kit,
    habit_id: UUID,
    invalidate: Invalidate,
    new: NewCheckIn | None = None,
    key: Key = None,
) -> CheckedIn:
    said = new or NewCheckIn()
    done = await kit.habits.check_in(habit_id, day=said.day, note=said.note, idempotency_key=key)
    await invalidate()
    return done


@app.delete("/check-ins/{fact_id}", response_model=UndoneOut)
async def undo(kit: Kit, fact_id: UUID, invalidate: Invalidate) -> Undone:
    undone = await kit.habits.undo(fact_id)
    await invalidate()
    return undone


@app.get("/balance")
async def balance(kit: Kit, owner: User) -> dict[str, int]:
    wallet = await kit.coins.balance(owner)
    return {"available": wallet.available}


# -- flags -------------------------------------------------------------------------------------


async def behind_best_streaks(request: Request, owner: User) -> None:
    """Hide a route from those for whom the flag ``best-streaks`` is off, or missing."""
    kit: AsyncHabitKit = request.app.state.kit
    if not kit.flags.boolean("best-streaks", default=False, context={"targetingKey": owner}):
        raise HTTPException(404)


@app.get("/best-streaks", dependencies=[Depends(behind_best_streaks)])
async def best_streaks(states: Dashboard) -> list[int]:
    return [state.best.slots for state in states]


@app.post("/ofrep/{path:path}")
async def evaluate_flags(request: Request, path: str) -> Response:
    """Evaluate flags for clients of OpenFeature, by its Remote Evaluation Protocol."""
    kit: AsyncHabitKit = request.app.state.kit
    body = await request.body()
    answer = ofrep.handle(kit.flags, "POST", f"/ofrep/{path}", request.headers, body)
    if answer is None:
        raise HTTPException(404)
    return Response(answer.body, answer.status, answer.headers)


# -- metrics and health ------------------------------------------------------------------------


async def metrics(request: Request) -> Response:
    """Return what this process has recorded, in the format that Prometheus asks for."""
    kit: AsyncHabitKit = request.app.state.kit
    scrape = exposition(kit.metrics, request.headers.get("Accept"))
    return Response(scrape.body, headers={"Content-Type": scrape.content_type})


async def live(request: Request) -> Response:
    """Tell that the process answers: it need not be started anew."""
    kit: AsyncHabitKit = request.app.state.kit
    return probed(await kit.health("live"))


async def ready(request: Request) -> Response:
    """Tell whether requests may be sent here: 503 without the database."""
    kit: AsyncHabitKit = request.app.state.kit
    return probed(await kit.health("ready"))


def probed(health: Health) -> Response:
    found = health.response()  # details=True says why, where only operators can read it
    return Response(found.body, found.status_code, media_type=found.media_type)


# Who asks for these is no user: such routes do not depend on what all others depend on.
app.add_route("/metrics", metrics)
app.add_route("/health/live", live)
app.add_route("/health/ready", ready)


# -- errors ------------------------------------------------------------------------------------

STATUS: dict[type[HabitKitError], int] = {
    NotFound: 404,
    Refused: 409,  # a rule forbids it: too few coins, a day that has not begun
    InvalidInput: 422,
    IdempotencyKeyExpired: 409,  # the key is older than 30 days; nothing was done again
    IdempotencyConflict: 422,  # as draft-ietf-httpapi-idempotency-key-header has it
    StoreBusy: 503,
    LimitsUnavailable: 503,
    TooManyKeys: 503,
}


@app.exception_handler(HabitKitError)
async def say_no(_: Request, error: Exception) -> Response:
    """Return the error's message, which says what was given and what was expected.

    An error that is not in the table is a bug: it stays a 500 and is logged.
    """
    status = next((STATUS[kind] for kind in type(error).__mro__ if kind in STATUS), None)
    if status is None:
        raise error
    # What a server of ours has to say is not for users.
    detail = str(error) if status < 500 else "try again later"
    return problem(status, type(error).__name__, detail)
