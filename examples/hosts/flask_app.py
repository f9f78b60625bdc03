"""A shop that takes coins: the host's own tables and the kit's ledger change in one transaction.

    flask --app examples/hosts/flask_app run

The host owns the engine, the session and the transaction. ``kit.on(session)`` works inside it and
never commits, so an order and its payment are committed together or not at all.

Each user may make so many requests in a minute, and every response says how many are left. What a
user has is read once a minute, or after an order.

Prometheus scrapes ``/metrics``, and an orchestrator probes ``/health/live`` and ``/health/ready``.
Whoever else reaches the shop from outside should not reach these: let your proxy see to that. The
first one needs ``pip install 'habitkit[prometheus]'``.
"""

import atexit
import logging
from collections.abc import Mapping
from contextlib import ExitStack
from typing import Any, Literal
from uuid import UUID

from flask import Flask, Response, g, request
from sqlalchemy import Engine, ForeignKey, select, update
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

from habitkit import HabitKit
from habitkit.backends.memory import MemoryLimits
from habitkit.backends.sqlalchemy import SqlStore, sqlite_engine, upgrade
from habitkit.cache import Cache, CacheUnavailable
from habitkit.coins import InsufficientFunds
from habitkit.contrib.prometheus import exposition
from habitkit.errors import HabitKitError, IdempotencyConflict, IdempotencyKeyExpired, InvalidInput
from habitkit.limits import Limiter

REQUESTS = "60/min burst 20"
SECONDS = 60
"""How old what a user has may be, such as coins that another program has awarded."""

log = logging.getLogger(__name__)


class Base(DeclarativeBase):
    """The host's own tables; the kit's are beside them, named habitkit_..."""


class Item(Base):
    """Something to buy."""

    __tablename__ = "items"
    name: Mapped[str] = mapped_column(primary_key=True)
    price: Mapped[int]
    stock: Mapped[int]


class Order(Base):
    """Something bought. Its id is that of the transfer that paid for it."""

    __tablename__ = "orders"
    id: Mapped[UUID] = mapped_column(primary_key=True)
    owner: Mapped[str]
    item: Mapped[str] = mapped_column(ForeignKey("items.name"))


class Wish(Base):
    """Something that a user could not afford."""

    __tablename__ = "wishes"
    id: Mapped[int] = mapped_column(primary_key=True)
    owner: Mapped[str]
    item: Mapped[str] = mapped_column(ForeignKey("items.name"))


class SoldOutError(Exception):
    """Another user got the last one."""


JsonReply = tuple[Mapping[str, Any], int]


def create_app(
    engine: Engine | None = None, limiter: Limiter | None = None, cache: Cache | None = None
) -> Flask:
    """Make the app on an engine of the host's; on ``shop.db`` by default.

    By default requests are counted, and what is read is kept, in this process's memory. Where
    several processes serve the shop, give it a limiter and a cache whose backends they share, such
    as ``RedisLimits`` and ``RedisCache``.
    """
    engine = engine or sqlite_engine("sqlite:///shop.db")
    upgrade(engine)  # in production a step of the deployment: python -m habitkit upgrade URL
    Base.metadata.create_all(engine)
    limits = limiter or Limiter(MemoryLimits())
    kit = HabitKit(SqlStore(engine), limits=limits, cache=cache, metrics=True)

    app = Flask(__name__)
    app.extensions["habitkit"] = kit
    limit_requests(app, kit.limits)
    store_metrics(kit)
    show_metrics_and_health(app, kit)
    orders = kit.metrics.counter("orders", description="Orders by status.")

    @app.post("/orders")
    def buy() -> JsonReply:
        owner, wanted = user(), request.get_json()["item"]
        # The client names its order, so that it may repeat the request if it got no reply.
        key = request.headers.get("Idempotency-Key", "")
        reply = order(kit, engine, owner, wanted, key)
        orders.add(1, {"status": str(reply[1])})  # no texts of users, of which there is no end
        try:
            kit.cache.delete(("me", owner))  # after the commit, never before
        except CacheUnavailable:  # the order is committed: it must not look like a failure
            log.warning("what %s has may be shown as before", owner, exc_info=True)
        return reply

    @app.get("/me")
    def me() -> JsonReply:
        owner = user()
        return kit.cache.get_or_create(
            ("me", owner), lambda: possessions(kit, engine, owner), SECONDS
        ), 200

    @app.errorhandler(SoldOutError)
    def sold_out(_: SoldOutError) -> JsonReply:
        return problem("SoldOut", "somebody was faster; you keep your coins"), 409

    @app.errorhandler(IdempotencyKeyExpired)
    @app.errorhandler(InvalidInput)
    @app.errorhandler(IdempotencyConflict)
    def bad_request(error: HabitKitError) -> JsonReply:
        return problem(type(error).__name__, str(error)), 422

    return app


def order(kit: HabitKit, engine: Engine, owner: str, wanted: str, key: str) -> JsonReply:
    """Take the item and the coins in one transaction of the host's."""
    with Session(engine) as session, session.begin():
        coins = kit.on(session).owned_by(owner).coins
        item = session.get(Item, wanted)
        if item is None:
            return problem("NoSuchItem", f"there is no {wanted!r} here"), 404
        try:
            paid = coins.spend(owner, item.price, memo=item.name, idempotency_key=key)
        except InsufficientFunds as error:
            # Only the kit's savepoint was rolled back. The transaction continues and commits.
            session.add(Wish(owner=owner, item=item.name))
            return problem("InsufficientFunds", f"{error}; it is on your wish list"), 409
        if session.get(Order, paid.id) is None:
            session.add(Order(id=paid.id, owner=owner, item=item.name))
            take_one = (
                update(Item)
                .where(Item.name == item.name, Item.stock > 0)
                .values(stock=Item.stock - 1)
                .returning(Item.stock)
            )
            if session.scalar(take_one) is None:
                raise SoldOutError  # rolls back everything: the order and the payment
        return {"order": str(paid.id), "item": item.name, "paid": paid.amount}, 201


def possessions(kit: HabitKit, engine: Engine, owner: str) -> dict[str, Any]:
    """Read what a user has; the loader of the cache."""
    with Session(engine) as session, session.begin():
        orders = session.scalars(select(Order.item).where(Order.owner == owner)).all()
        wishes = session.scalars(select(Wish.item).where(Wish.owner == owner).distinct()).all()
        wallet = kit.on(session).owned_by(owner).coins.balance(owner).available
    return {"coins": wallet, "orders": list(orders), "wishes": list(wishes)}


def store_metrics(kit: HabitKit) -> None:
    """Store in a thread, until the program ends, what was recorded; a scrape stores nothing.

    A worker that the server forks gets a thread of its own. Here time series are in memory, so each
    worker knows its own. They are common to all with ``metrics=Metrics(SqlSeries(store))``, which
    rules of alerts need.
    """
    running = ExitStack()
    running.enter_context(kit.metrics.flushing())
    atexit.register(running.close)


def show_metrics_and_health(app: Flask, kit: HabitKit) -> None:
    """Add the routes for Prometheus and for the probes of an orchestrator."""

    @app.get("/metrics")
    def metrics() -> Response:
        scrape = exposition(kit.metrics, request.headers.get("Accept"))
        return Response(scrape.body, content_type=scrape.content_type)

    @app.get("/health/<any(live, ready):level>")
    def health(level: Literal["live", "ready"]) -> Response:
        found = kit.health(level).response()
        return Response(found.body, found.status_code, content_type=found.media_type)


def limit_requests(app: Flask, limiter: Limiter) -> None:
    """Limit what each user may request, and say in each response how many requests are left."""

    @app.before_request
    def deny_too_many() -> JsonReply | None:
        if request.endpoint in {"metrics", "health"}:  # who asks is no user
            return None
        # Who does not log in shares the budget of an address.
        who = ("user", user()) if user() else ("address", request.remote_addr or "unknown")
        g.decision = limiter.acquire(("shop", *who), REQUESTS)
        if g.decision:
            return None
        limit = g.decision.limit
        detail = f"more than {limit.rate} requests in {limit.period_seconds} s; try again later"
        return problem("TooManyRequests", detail), 429

    @app.after_request
    def say_what_is_left(response: Response) -> Response:
        if "decision" in g:
            response.headers.update(g.decision.headers())
        if response.status_code >= 400 and response.is_json:
            response.mimetype = "application/problem+json"
        return response


def user() -> str:
    """Return the user. A header is no login: put yours here."""
    return request.headers.get("X-User", "")


def problem(title: str, detail: str) -> Mapping[str, str]:
    return {"title": title, "detail": detail}
