"""Processes that change and read the flags of one database at the same time."""

from __future__ import annotations

import multiprocessing
import time
from itertools import count

import pytest

from habitkit import HabitKit
from habitkit.flags import FlagSettings
from tests.flags import flag_process

pytestmark = pytest.mark.usefixtures("server_of_forks")

WAIT_SECONDS = 60.0


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def url(request, tmp_path):
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/flags.db"
    return str(request.getfixturevalue("ready_postgres_url"))


@pytest.fixture(params=[0.3, pytest.param(10.0, marks=pytest.mark.slow)], ids=lambda s: f"{s:g}s")
def seconds(request):
    return request.param


def test_no_revision_is_lost_and_no_read_is_torn(url, seconds):
    context = multiprocessing.get_context("forkserver")
    results, barrier = context.SimpleQueue(), context.Barrier(4)
    with HabitKit.open(url) as kit:
        processes = [
            context.Process(
                target=flag_process.change_and_read,
                args=(results, barrier, url, f"own-{n}", seconds),
            )
            for n in range(4)
        ]
        for process in processes:
            process.start()
        for process in processes:
            process.join(WAIT_SECONDS)
            assert process.exitcode == 0
        found = [results.get() for _ in processes]

        assert [(torn, lost) for *_, torn, lost in found] == [(0, 0)] * 4
        numbers = {number for _, written, *_ in found for number in written}
        kept: list[int] = []
        while page := kit.flags.history(before=min(kept, default=None), limit=100):
            kept += [revision.number for revision in page]
        assert kept[::-1] == list(range(1, len(kept) + 1))
        assert numbers == set(kept)
        assert len(kept) >= 6  # each its own flag once, and the pair


def test_a_change_in_one_process_is_seen_by_another_within_its_poll_interval(url):
    context = multiprocessing.get_context("forkserver")
    results, barrier = context.SimpleQueue(), context.Barrier(2)
    poll_seconds = 0.1
    with HabitKit.open(url, flags=FlagSettings(poll_seconds=poll_seconds)) as kit, kit.background():
        process = context.Process(
            target=flag_process.change_and_read, args=(results, barrier, url, "own", 0.01)
        )
        process.start()
        barrier.wait(WAIT_SECONDS)
        began = time.monotonic()
        for _ in count():
            if "own" in kit.flags.all():
                break
            assert time.monotonic() - began < WAIT_SECONDS
            time.sleep(0.002)
        process.join(WAIT_SECONDS)
        assert process.exitcode == 0
