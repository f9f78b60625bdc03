"""Where the databases of a run are, and how both sides of a match begin alike."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
from sqlalchemy import create_engine

from benchmarks._fill import fill
from habitkit import HabitKit
from habitkit.backends.sqlalchemy import SqlStore, sqlite_engine, upgrade
from tests.services import PostgresServer

if TYPE_CHECKING:
    from contextlib import ExitStack
    from uuid import UUID

    from benchmarks._duel import Size

MONTH = 30


class Place:
    """The folder and the server that all databases of one run are on."""

    def __init__(self, resources: ExitStack) -> None:
        """Make a folder; the server starts when it is first needed."""
        self._resources = resources
        folder = tempfile.TemporaryDirectory(prefix="habitkit-bench-", ignore_cleanup_errors=True)
        self._folder = Path(resources.enter_context(folder))
        self._files: dict[tuple[int, int], tuple[Path, list[UUID]]] = {}
        self._server: PostgresServer | None = None
        self._seed: tuple[int, list[UUID]] = (0, [])
        self._copies = 0

    def sqlite(self, size: Size, days: int) -> tuple[Path, Path, list[UUID]]:
        """Return two files that were filled alike, and their habits."""
        wanted = (size.habits, days)
        if wanted not in self._files:
            path = self._folder / f"{len(self._files)}.db"
            engine = sqlite_engine(f"sqlite:///{path}")
            upgrade(engine)
            self._files[wanted] = (path, fill(HabitKit(SqlStore(engine)), size.habits, days=days))
            engine.dispose()
        filled, habits = self._files[wanted]
        self._copies += 1
        kit, floor = (self._folder / f"{side}{self._copies}.db" for side in ("kit", "floor"))
        for path in (kit, floor):
            shutil.copyfile(filled, path)
        return kit, floor, habits

    def start_server(self) -> None:
        """Start PostgreSQL.

        Raises:
            ServiceMissing: If there is none on this machine.
        """
        if self._server is None:
            self._server = self._resources.enter_context(PostgresServer(durable=True))

    def postgres(self, size: Size) -> tuple[str, str, list[UUID]]:
        """Return the names of two databases that were filled alike, and their habits."""
        self.start_server()
        with psycopg.connect(self.address("postgres"), autocommit=True) as admin:
            if self._seed[0] != size.habits:
                admin.execute("DROP DATABASE IF EXISTS seed")
                admin.execute("CREATE DATABASE seed")
                engine = create_engine(self.address("seed", "postgresql+psycopg"))
                upgrade(engine)
                made = fill(HabitKit(SqlStore(engine)), size.habits, days=MONTH)
                self._seed = (size.habits, made)
                engine.dispose()
            self._copies += 1
            kit, floor = f"kit{self._copies}", f"floor{self._copies}"
            admin.execute(f"CREATE DATABASE {kit} TEMPLATE seed")
            admin.execute(f"CREATE DATABASE {floor} TEMPLATE seed")
        return kit, floor, self._seed[1]

    def address(self, database: str, scheme: str = "postgresql") -> str:
        """Return the URL of a database on the server."""
        assert self._server is not None, "the server has not been started"
        return self._server.url(database).replace("postgresql+psycopg", scheme)
