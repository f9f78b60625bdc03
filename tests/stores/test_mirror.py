"""Random histories of a kit find no difference between the stores of the package.

And the mirror that looks for one finds what is broken.
"""

from __future__ import annotations

from contextlib import nullcontext, suppress
from itertools import count

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from sqlalchemy import Engine, create_engine

import habitkit.testing
from habitkit.backends.memory import MemoryStore
from habitkit.backends.sqlalchemy import SqlStore, sqlite_engine
from habitkit.coins.domain.model import Settled
from habitkit.coins.store import COINS
from habitkit.errors import Duplicate, IntegrityError
from habitkit.testing import MirrorStore
from habitkit.testing.contracts._base import read, write
from habitkit.testing.contracts._sample_ledger import an_account
from tests.conftest import EMPTY
from tests.stores import broken_facts, broken_holds, broken_ledgers
from tests.stores.histories import Actor, histories


def mirrored(new_store, examples, **more):
    """Have random histories happen to a new store each, beside a memory store."""

    @settings(
        max_examples=examples,
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
        **more,
    )
    @given(histories)
    def check(history):
        Actor(MirrorStore(new_store())).live(history)

    check()


# -- the package's stores ----------------------------------------------------------------------


@pytest.mark.parametrize("examples", [25, pytest.param(200, marks=pytest.mark.slow)])
@pytest.mark.timeout(600)
def test_a_sqlite_file_returns_the_same_results_as_memory(tmp_path, ready_sqlite, examples):
    numbers = count()
    engines: list[Engine] = []

    def new_store():
        while engines:
            engines.pop().dispose()
        engine = sqlite_engine(f"sqlite:///{tmp_path}/{next(numbers)}.db", synchronous="NORMAL")
        engines.append(engine)
        ready_sqlite(engine)
        return SqlStore(engine)

    mirrored(new_store, examples)
    engines.pop().dispose()


def test_sqlite_in_memory_returns_the_same_results_as_memory(ready_sqlite):
    engines: list[Engine] = []

    def new_store():
        while engines:
            engines.pop().dispose()
        engine = sqlite_engine("sqlite://")
        engines.append(engine)
        ready_sqlite(engine)
        return SqlStore(engine)

    mirrored(new_store, 10)
    engines.pop().dispose()


def test_postgresql_returns_the_same_results_as_memory(postgres_with_tables, ready_postgres_url):
    engine = create_engine(ready_postgres_url)

    def new_store():
        postgres_with_tables[1].exec_driver_sql(EMPTY)
        return SqlStore(engine)

    mirrored(new_store, 10)
    engine.dispose()


# -- what the mirror notices -------------------------------------------------------------------


@pytest.fixture
def tested():
    """A memory store to break."""
    return MemoryStore()


@pytest.fixture
def mirror(tested):
    return MirrorStore(tested)


@pytest.mark.parametrize(
    ("breaks", "call"),
    [
        (broken_ledgers.ignores_case_of_owners, "coins.accounts"),
        (broken_ledgers.repeats_the_last_entry, "coins.entries"),
        (broken_ledgers.excludes_the_instant, "coins.balance_at"),
        (broken_holds.forgets_when_it_would_expire, "coins.holds"),
        (broken_holds.is_never_done_with_sealing, "coins.audit.to_seal"),
        (broken_facts.never_forgives, "habits"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_random_histories_find_what_is_broken(breaks, call):
    def new_store():
        store = MemoryStore()
        breaks(store, store._stores)
        return store

    with pytest.raises(AssertionError, match=call):
        mirrored(new_store, 100, phases=[Phase.generate], derandomize=True, database=None)


def test_a_difference_names_the_call_its_arguments_and_both_results(mirror, tested):
    kit = habitkit.testing.kit(store=mirror)
    kit.coins.award("ada", 5, idempotency_key="a")
    tested._stores.port(COINS).balance_at = lambda account_id, at: 7

    with pytest.raises(AssertionError) as difference:
        kit.coins.balance("ada", as_of=kit.clock.now())

    message = str(difference.value)
    assert "memory differs from memory in coins.balance_at(UUID(" in message
    assert message.endswith("\n  memory: 5\n  memory: 7")


def test_an_error_of_one_store_alone_is_a_difference(mirror, tested):
    write(mirror, lambda stores: stores.port(COINS).open([an_account(1)]))
    broken_ledgers.opens_wallets_again(tested, tested._stores)

    with pytest.raises(
        AssertionError, match=r"coins\.open\(.*\n  memory: Duplicate.*\n  memory: \["
    ):
        write(mirror, lambda stores: stores.port(COINS).open([an_account(2)]))


def test_a_refusal_for_another_reason_is_a_difference(mirror, tested):
    def refuse(accounts):
        raise IntegrityError("there is one")

    write(mirror, lambda stores: stores.port(COINS).open([an_account(1)]))
    tested._stores.port(COINS).open = refuse

    with pytest.raises(AssertionError, match=r"Duplicate.*\n.*IntegrityError"):
        write(mirror, lambda stores: stores.port(COINS).open([an_account(1)]))


def test_an_error_of_both_stores_is_raised(mirror):
    write(mirror, lambda stores: stores.port(COINS).open([an_account(1)]))

    with pytest.raises(Duplicate):
        write(mirror, lambda stores: stores.port(COINS).open([an_account(1)]))

    assert len(read(mirror, lambda stores: stores.port(COINS).accounts(("ada",), "coin"))) == 1


def test_a_savepoint_that_undoes_nothing_is_noticed(mirror, tested):
    tested._stores.savepoint = nullcontext

    def settle_in_vain(stores):
        with stores.savepoint():
            stores.port(COINS).settle("ada", [Settled("done:1", "coin", 1)])
            raise KeyError

    def work(stores):
        with suppress(KeyError):
            settle_in_vain(stores)
        return stores.port(COINS).settled("ada", ["done:1"])

    with pytest.raises(AssertionError, match=r"coins\.settled"):
        write(mirror, work)


def test_a_transaction_that_is_not_undone_is_noticed_by_the_next(mirror, tested):
    tested._stores.log.rollback = lambda mark=0: tested._stores.log.entries.clear()

    def work(stores):
        stores.owners.lock(["ada"])
        raise KeyError

    with pytest.raises(KeyError):
        write(mirror, work)
    with pytest.raises(AssertionError, match=r"owners\.lock\(\['ada'\]\)"):
        write(mirror, lambda stores: stores.owners.lock(["ada"]))


def test_a_difference_that_the_work_catches_is_raised_at_the_end(mirror, tested):
    tested._stores.port(COINS).settled = lambda owner, keys: None

    def work(stores):
        with suppress(AssertionError):
            stores.port(COINS).settled("ada", ["done:1"])
        stores.owners.lock(["ada"])

    with pytest.raises(AssertionError, match=r"coins\.settled"):
        write(mirror, work)
    with pytest.raises(AssertionError, match=r"coins\.settled"):
        write(mirror, lambda stores: stores.owners.lock(["ada"]))


def test_results_without_an_order_are_compared_without_one(mirror, tested):
    @broken_ledgers.around(tested._stores.port(COINS), "accounts")
    def backwards(call, owners, currency):
        return call(owners, currency)[::-1]

    accounts = [an_account(1), an_account(2, role="mint")]
    write(mirror, lambda stores: stores.port(COINS).open(accounts))

    found = read(mirror, lambda stores: stores.port(COINS).accounts(("ada",), "coin"))
    assert found == accounts[::-1]


def test_a_transaction_that_is_repeated_happens_once_in_both_stores(mirror, tested):
    run = tested.run

    def conflicting(work):
        def wrong(stores):
            work(stores)
            raise KeyError

        return wrong

    def twice(work, **how):
        with suppress(KeyError):
            run(conflicting(work), **how)
        return run(work, **how)

    tested.run = twice

    revisions = [
        write(mirror, lambda stores: stores.owners.lock(["ada"])["ada"].rev) for _ in range(2)
    ]

    assert revisions == [1, 2]


def test_an_error_of_a_driver_is_the_stores_own(mirror, tested):
    def fail(owner):
        raise ConnectionResetError

    tested._stores.owners.lock = fail

    with pytest.raises(ConnectionResetError):
        write(mirror, lambda stores: stores.owners.lock(["ada"]))


def test_a_mirror_claims_no_more_than_its_store_and_closes_it(mirror, tested):
    closed = []
    tested.close = lambda: closed.append(True)
    tested.modules = frozenset({"coins", "a host's own"})

    mirror.close()

    assert (mirror.name, mirror.capabilities) == ("mirror of memory", frozenset())
    assert MirrorStore(tested).modules == {"coins"}
    assert closed == [True]
