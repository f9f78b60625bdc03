"""Sealing and erasing at the same moment: two wallets share a transfer, and each has its own
lock."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import wait
from functools import partial
from typing import Any

import pytest
from sqlalchemy import Engine

import habitkit.testing
from habitkit.backends.sqlalchemy import SqlStore
from habitkit.backends.sqlalchemy._audit import Audit
from habitkit.coins import Posting
from habitkit.testing import TestKit
from habitkit.testing.contracts._threads import all_of, spawn
from tests.sql.coin_plan import OWNERS
from tests.sql.ledger import assert_sound
from tests.sql.support import LIMIT_SECONDS, MOMENT_SECONDS

pytestmark = pytest.mark.postgres

SECRET = "a present for your fortieth birthday"


@pytest.fixture
def kit(postgres: Engine) -> TestKit:
    """A kit on PostgreSQL, where several write at a time."""
    return habitkit.testing.kit(store=SqlStore(postgres))


@pytest.fixture
def gift(kit: TestKit) -> None:
    """A transfer from ada to bob with a memo."""
    kit.coins.award("ada", 10, idempotency_key="a")
    kit.coins.transfer("ada", "bob", 5, idempotency_key="g", memo=SECRET, metadata={"for": "bob"})


def once_before(monkeypatch: pytest.MonkeyPatch, method: str, act: Callable[[], Any]) -> None:
    """Let something happen in the middle of sealing, once."""
    original, todo = getattr(Audit, method), [act]

    def first_that(self: Audit, *args: Any, **options: Any) -> Any:
        if todo:
            todo.pop()()
        return original(self, *args, **options)

    monkeypatch.setattr(Audit, method, first_that)


def words_of(kit: TestKit) -> set[Any]:
    """Return what is left of memos, metadata and the salts of their digests."""
    return {
        word
        for owner in ("ada", "bob")
        for lines in kit.coins.export(owner).lines.values()
        for line in lines
        for word in (line.memo, line.metadata and str(line.metadata), line.salt)
    }


@pytest.mark.usefixtures("gift")
@pytest.mark.parametrize("method", ["digest", "seal"])
@pytest.mark.parametrize("forgotten", ["ada", "bob"])
def test_words_erased_while_another_wallet_is_sealed_are_gone_and_the_audit_is_clean(
    postgres: Engine, kit: TestKit, monkeypatch, method, forgotten
):
    other = habitkit.testing.kit(store=SqlStore(postgres))
    begun: list[Any] = []

    def forget() -> None:
        begun.append(spawn(partial(other.coins.forget, forgotten)))
        wait([*begun], MOMENT_SECONDS)  # if it is this owner's wallet that is being sealed, in vain

    once_before(monkeypatch, method, forget)
    kit.sweep()
    assert begun[0].result(LIMIT_SECONDS) == 1

    assert kit.coins.audit().findings == ()
    kit.sweep()
    assert kit.coins.audit().findings == ()
    assert words_of(kit) == {None}


def test_owners_forgotten_and_sealed_by_everyone_at_once_leave_a_clean_audit(kit: TestKit):
    rounds = 4
    for round_ in range(rounds):
        for owner in OWNERS:
            kit.coins.award(owner, 100, idempotency_key=f"{round_}")
        batch = [
            Posting.transfer(source, target, 1, memo=SECRET)
            for source in OWNERS
            for target in OWNERS
            if source != target
        ]
        kit.coins.post_many(batch, idempotency_key=f"{round_}")

        calls: list[Callable[[], Any]] = [partial(kit.coins.forget, owner) for owner in OWNERS]
        all_of([kit.sweep, *calls, kit.sweep, kit.sweep])

        assert_sound(kit, *OWNERS)
        kit.sweep()
        assert_sound(kit, *OWNERS)
        for owner in OWNERS:
            assert {entry.memo for entry in kit.coins.statement(owner, limit=1000)} == {None}
    report = kit.coins.audit()
    assert report.sealed == sum(len(kit.coins.statement(o, limit=1000)) for o in OWNERS)
