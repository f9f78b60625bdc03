"""Where the databases of a run are, and how both sides of a match begin alike."""

from __future__ import annotations

import shutil
import tempfile
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
from sqlalchemy import create_engine

from benchmarks._fill import fill
from benchmarks._kinds import NOW
from habitkit import HabitKit
from habitkit.backends.sqlalchemy import SqlStore, sqlite_engine, upgrade
from habitkit.testing import FakeClock
from tests.redis_servers import RedisServer
from tests.services import PostgresServer, ServiceMissing

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable
    from contextlib import ExitStack
    from uuid import UUID

    from benchmarks._duel import Size
    from benchmarks._kinds import Kind

    Fill = Callable[[HabitKit], Any]
    """Puts into an empty ledger what both sides begin with, and returns what they need to know."""


class Place:
    """The folder and the server that all databases of one run are on."""

    def __init__(self, resources: ExitStack) -> None:
        """Make a folder; the server starts when it is first needed."""
        self._resources = resources
        folder = tempfile.TemporaryDirectory(prefix="habitkit-bench-", ignore_cleanup_errors=True)
        self._folder = Path(resources.enter_context(folder))
        self._files: dict[Hashable, tuple[Path, Any]] = {}
        self._databases: dict[Hashable, tuple[str, Any]] = {}
        self._server: PostgresServer | None = None
        self._made = 0

    def sqlite(self, size: Size, kind: Kind) -> tuple[Path, Path, list[UUID]]:
        """Return two files with habits that were filled alike, and their habits."""
        return self.files((size.actions, kind), partial(fill, kind=kind, habits=size.actions))

    def postgres(self, size: Size, kind: Kind) -> tuple[str, str, list[UUID]]:
        """Return two databases with habits that were filled alike, and their habits."""
        return self.databases((size.actions, kind), partial(fill, kind=kind, habits=size.actions))

    def files(self, seed: Hashable, fill: Fill) -> tuple[Path, Path, Any]:
        """Return two files that were filled alike, once a seed, and what ``fill`` returned."""
        if seed not in self._files:
            path = self.new_file()
            engine = sqlite_engine(f"sqlite:///{path}")
            upgrade(engine)
            self._files[seed] = (path, fill(HabitKit(SqlStore(engine), clock=FakeClock(NOW))))
            engine.dispose()
        filled, made = self._files[seed]
        kit, floor = self.new_file(), self.new_file()
        for path in (kit, floor):
            shutil.copyfile(filled, path)
        return kit, floor, made

    def databases(self, seed: Hashable, fill: Fill) -> tuple[str, str, Any]:
        """Return two databases' names, filled alike once a seed, and what ``fill`` returned."""
        if seed not in self._databases:
            name = self.new_database()
            engine = create_engine(self.address(name, "postgresql+psycopg"))
            upgrade(engine)
            self._databases[seed] = (name, fill(HabitKit(SqlStore(engine), clock=FakeClock(NOW))))
            engine.dispose()
            with psycopg.connect(self.address(name), autocommit=True) as owner:
                owner.execute("VACUUM ANALYZE")  # as the server itself does to tables in use
        filled, made = self._databases[seed]
        return self.new_database(filled), self.new_database(filled), made

    def new_file(self) -> Path:
        """Return the path of a file that is not there yet."""
        self._made += 1
        return self._folder / f"{self._made}.db"

    def new_database(self, template: str = "template1") -> str:
        """Make a database on the server and return its name."""
        self.start_server()
        self._made += 1
        name = f"bench{self._made}"
        with psycopg.connect(self.address("postgres"), autocommit=True) as admin:
            admin.execute(f"CREATE DATABASE {name} TEMPLATE {template}")
        return name

    def start_server(self) -> None:
        """Start PostgreSQL.

        Raises:
            ServiceMissing: If there is none on this machine.
        """
        if self._server is None:
            self._server = self._resources.enter_context(PostgresServer(durable=True))

    def redis(self) -> str | None:
        """Start a Redis server and return its URL; None if there is none on this machine."""
        try:
            return self._resources.enter_context(RedisServer()).url
        except ServiceMissing:
            return None

    def address(self, database: str, scheme: str = "postgresql") -> str:
        """Return the URL of a database on the server."""
        assert self._server is not None, "the server has not been started"
        return self._server.url(database).replace("postgresql+psycopg", scheme)
