"""The table of hit ratios in the documentation is what the traces give."""

from __future__ import annotations

import re
from pathlib import Path

from benchmarks.eviction import hit_ratios
from benchmarks.limits import KIT

PAGE = Path(__file__).parents[2] / "docs/explanation/caching.md"
ROW = re.compile(r"^\| ([^:|]+): [^|]+\| (\d+) \| (\d+) \| (\d+) \| (\d+) \|$", re.MULTILINE)
POLICIES = [KIT, "LRU", "LFU", "FIFO"]


def test_the_table_in_the_documentation_is_what_the_traces_give():
    shown = {name: list(map(int, ratios)) for name, *ratios in ROW.findall(PAGE.read_text())}
    found = hit_ratios(2_000, 20_000, POLICIES)

    assert shown == {
        trace: [round(100 * ratios[policy]) for policy in POLICIES]
        for trace, ratios in found.items()
    }
    for ratios in found.values():  # the default is first, or as good
        assert ratios[KIT] >= max(ratios.values()) - 0.01
