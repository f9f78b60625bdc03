"""A process that changes and reads flags beside others."""

from __future__ import annotations

from time import monotonic
from typing import Any

from habitkit import HabitKit, flags

ON_OFF = {"state": "ENABLED", "variants": {"on": True, "off": False}}
PAIR = ("left", "right")


def change_and_read(results: Any, barrier: Any, url: str, own: str, seconds: float) -> None:
    """Change an own flag and a pair of shared ones in turn, and read; put what was seen.

    The two flags of the pair are always changed together, to the same variant.
    """
    written, torn, lost = [], 0, 0
    with HabitKit.open(url) as kit:
        barrier.wait(60)
        end = monotonic() + seconds
        turn = 0
        while monotonic() < end:
            turn += 1
            variant = "on" if turn % 2 else "off"

            def change_pair(tx: Any, variant: str = variant) -> list[int]:
                changed = ON_OFF | {"defaultVariant": variant}
                return [flags.put(tx, key, changed, by=own).number for key in PAIR]

            definition = ON_OFF | {"defaultVariant": variant, "metadata": {"turn": turn}}
            written.append(kit.flags.put(own, definition, by=own).number)
            written += kit.run(change_pair)
            kit.refresh()
            found = kit.flags.all()
            torn += len({found[key].variant for key in PAIR}) != 1
            lost += found[own].metadata["turn"] != turn
    results.put((own, written, torn, lost))
