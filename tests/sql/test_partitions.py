"""The page on partitions: its own statements, tried on a server, with few entries and with many."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import psycopg
import pytest
from sqlalchemy import Engine, create_engine

import habitkit.testing
from habitkit.backends.sqlalchemy import SqlStore, upgrade
from habitkit.coins import InsufficientFunds
from habitkit.testing import TestKit
from tests.architecture.source import ROOT
from tests.sql.test_plans import explaining, plans

PAGE = ROOT / "docs" / "how-to" / "partition-the-entries.md"

FILL = """
INSERT INTO habitkit_owners SELECT 'owner' || n, 1 FROM generate_series(1, {owners}) n;
INSERT INTO habitkit_accounts (id, owner, role, currency, balance, seq, at, floor, debt)
    SELECT md5('wallet' || n)::uuid, 'owner' || n, 'wallet', 'coin', 10 * {each}, {each},
           timestamptz '2026-01-01 00:00Z' + {each} * interval '1 second', 0, 0
    FROM generate_series(1, {owners}) n;
INSERT INTO habitkit_accounts (id, owner, role, currency, balance, seq, at, floor, debt)
    SELECT md5('mint' || n)::uuid, 'owner' || n, 'mint', 'coin', -10 * {each}, {each},
           timestamptz '2026-01-01 00:00Z' + {each} * interval '1 second', NULL, 0
    FROM generate_series(1, {owners}) n;
INSERT INTO habitkit_transfers (id, kind, source, target, currency, amount, memo, at)
    SELECT md5('award' || n || ' ' || seq)::uuid, 'award', 'owner' || n, 'owner' || n, 'coin', 10,
           CASE mod(seq, 5) WHEN 0 THEN 'the award no. ' || seq END,
           timestamptz '2026-01-01 00:00Z' + seq * interval '1 second'
    FROM generate_series(1, {each}) seq, generate_series(1, {owners}) n;
INSERT INTO habitkit_entries (account_id, seq, transfer_id, amount, balance, at)
    SELECT md5(role || n)::uuid, seq, md5('award' || n || ' ' || seq)::uuid, sign * 10,
           sign * 10 * seq, timestamptz '2026-01-01 00:00Z' + seq * interval '1 second'
    FROM generate_series(1, {each}) seq, generate_series(1, {owners}) n,
         (VALUES ('wallet', 1), ('mint', -1)) sides (role, sign);
INSERT INTO habitkit_unsealed (account_id)
    SELECT md5('wallet' || n)::uuid FROM generate_series(1, {owners}) n;
ANALYZE;
"""

SHAPE = """
SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint
WHERE conrelid = 'habitkit_entries'::regclass AND contype IN ('p', 'f', 'u', 'c')
UNION ALL
SELECT indexname, regexp_replace(indexdef, '^.* (ON|ON ONLY) public[.]habitkit_entries ', '')
FROM pg_indexes WHERE tablename = 'habitkit_entries'
UNION ALL
SELECT column_name, data_type || is_nullable || ordinal_position FROM information_schema.columns
WHERE table_schema = 'public' AND table_name = 'habitkit_entries'
ORDER BY 1, 2
"""

KIND = (
    "SELECT relkind::text, relowner, relacl::text FROM pg_class WHERE relname = 'habitkit_entries'"
)

Run = Callable[[str], list[tuple[Any, ...]]]


def blocks(heading: str, page: Path = PAGE) -> list[str]:
    """Return the statements under a heading of a page, block by block."""
    text = page.read_text("utf-8")
    (section,) = re.findall(rf"^## {heading}\n(.*?)(?=^## |\Z)", text, re.DOTALL | re.MULTILINE)
    return re.findall(r"^```postgresql\n(.*?)^```", section, re.DOTALL | re.MULTILINE)


@pytest.fixture
def engine(fresh_postgres_url: str) -> Iterator[Engine]:
    """An engine on a PostgreSQL database with the tables of the kit, empty."""
    engine = create_engine(fresh_postgres_url)
    upgrade(engine)
    yield engine
    engine.dispose()


@contextmanager
def running(engine: Engine) -> Iterator[Run]:
    """Yield a function that runs statements as psql would, and returns the rows of the last one."""
    url = engine.url.set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(url, autocommit=True) as connection:

        def run(statements: str) -> list[tuple[Any, ...]]:
            cursor = connection.execute(statements.encode())
            while cursor.nextset():
                pass
            return cursor.fetchall() if cursor.description else []

        yield run


@pytest.fixture
def run(engine: Engine) -> Iterator[Run]:
    with running(engine) as run:
        yield run


def timed(what: str, work: Callable[[], Any]) -> Any:
    """Do some work and print how long it took."""
    start = time.perf_counter()
    result = work()
    show(f"{what}: {time.perf_counter() - start:.2f} s")
    return result


def show(*lines: object) -> None:
    """Print lines, for ``pytest -s``."""
    print(*lines, sep="\n")  # noqa: T201 - what was measured is of interest


def use(kit: TestKit, name: str) -> None:
    """Let a kit use the ledger of two owners, often enough for the driver to prepare statements."""
    before = kit.coins.balance("owner1").posted
    for number in range(8):
        kit.coins.award("owner1", 5, memo="more", idempotency_key=f"{name} {number}")
    kit.coins.spend("owner1", 15, idempotency_key=name)
    kit.coins.transfer("owner1", "owner2", 5, idempotency_key=name)
    hold = kit.coins.reserve("owner1", 10, idempotency_key=name)
    kit.coins.settle(hold.id, 4)
    taken = kit.coins.award("owner3", 1, idempotency_key=name)
    kit.coins.reverse(taken.id, idempotency_key=name)
    kit.coins.award(f"new at {name}", 7, idempotency_key=name)
    with pytest.raises(InsufficientFunds):
        kit.coins.spend("owner2", 10**9, idempotency_key=name)
    assert kit.coins.balance("owner1").posted == before + 40 - 15 - 5 - 4
    assert kit.coins.balance("owner1", as_of=kit.clock.now()).posted == before + 16
    newest = kit.coins.statement("owner1", limit=5)
    assert [line.seq for line in newest] == list(range(newest[0].seq, newest[0].seq - 5, -1))
    assert kit.coins.statement("owner1", after=newest[0].seq) != []
    assert kit.sweep(limit=3).counts["sealed_entries"] > 0
    for owner in ("owner1", "owner2", "owner3", f"new at {name}"):
        report = kit.coins.audit(owner)
        assert report.ok, report.findings
        assert report.entries > 0


def partitions_in(plan: str) -> set[str]:
    """Return the partitions that a plan reads."""
    return set(re.findall(r" on (habitkit_entries_\d+)", plan))


def explained_use(engine: Engine) -> dict[str, str]:
    """Return the plans of all the kit's own statements that read entries, by statement."""
    plans.clear()
    asking = create_engine(engine.url, connect_args={"cursor_factory": explaining(psycopg.Cursor)})
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(psycopg, "RawCursor", explaining(psycopg.RawCursor))
        kit = habitkit.testing.kit("2026-03-01T08:00Z", store=SqlStore(asking))
        use(kit, "explained")
        kit.coins.forget("owner4")
        assert kit.coins.export("owner4").lines
    asking.dispose()
    return {sql: plan for sql, plan in plans.items() if "FROM habitkit_entries" in sql}


def convert_and_try(run: Run, kit: TestKit, engine: Engine) -> None:
    """Go through the page until the table is partitioned."""
    for block in blocks("Convert"):
        timed(" ".join(block.split())[:50] + " ...", partial(run, block))
    spread, plan, drop = blocks("After")
    counted = run(spread)
    show(*counted)
    assert len(counted) == 8
    explained = [line for (line,) in run(plan)]
    show(*explained)
    assert len(partitions_in("\n".join(explained))) == 1
    found = explained_use(engine)
    assert len(found) >= 3
    assert {sql: plan for sql, plan in found.items() if len(partitions_in(plan)) != 1} == {}
    use(kit, "after")
    report = timed("audit of the whole ledger", kit.coins.audit)
    show(report)
    assert report.ok
    run(drop)


def go_back(run: Run) -> None:
    """Go through the page's way back."""
    leave, end, drop = blocks("Go back")
    rights, compare = (block for block in blocks("Convert") if block.startswith("DO "))
    timed("the way back", partial(run, leave))
    for block in (rights, compare.partition("COMMIT")[0]):
        run(block.replace("habitkit_entries_old", "habitkit_entries_parts"))
    run(end)
    run(drop)


@pytest.mark.timeout(900)
@pytest.mark.parametrize(
    ("owners", "each"),
    [
        pytest.param(20, 25, id="1,000 entries"),
        pytest.param(1000, 500, id="1,000,000 entries", marks=pytest.mark.slow),
    ],
)
def test_the_page_on_partitions_does_what_it_says(engine, run, owners, each):
    kit = habitkit.testing.kit("2026-03-01T08:00Z", store=SqlStore(engine))
    fill = FILL.format(owners=owners, each=each)
    timed(f"{2 * owners * each:,} entries filled in", partial(run, fill))
    use(kit, "before")
    (look,) = blocks("Before")
    assert [name for name, _ in run(look)] == [
        "habitkit_entries_account_id_fkey",
        "habitkit_entries_pkey",
        "habitkit_entries_transfer_id_fkey",
    ]
    run("DROP ROLE IF EXISTS reader; CREATE ROLE reader")
    run("GRANT SELECT, INSERT ON habitkit_entries TO reader")
    plain, kind = run(SHAPE), run(KIND)

    convert_and_try(run, kit, engine)

    assert run(SHAPE) == plain
    assert run(KIND) == [("p", *kind[0][1:])]
    go_back(run)
    assert (run(SHAPE), run(KIND)) == (plain, kind)
    use(kit, "back again")
    run("DROP OWNED BY reader; DROP ROLE reader")


def test_a_copy_that_differs_leaves_the_table_as_it_was(engine, run):
    run(FILL.format(owners=3, each=5))
    plain, kind = run(SHAPE), run(KIND)
    step_aside, make, copy, rights, compare = blocks("Convert")[:5]
    for block in (step_aside, make, copy.replace("_old;", "_old LIMIT 29;"), rights):
        run(block)

    with pytest.raises(
        psycopg.errors.RaiseException, match="not the same: 1 rows lost, 0 rows added"
    ):
        run(compare)

    run("ROLLBACK")
    assert (run(SHAPE), run(KIND)) == (plain, kind)
