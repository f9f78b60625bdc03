"""Coverage looks away from tests that run no line that others leave out.

While coverage looks, all of Python takes two to three times as long, libraries included. A contract
on a second driver, a law put to thousands of cases or an example of a host runs no line of the kit
that its own tests leave out, so measuring it tells nothing new. Such tests have the marker
``repeats``; nothing else about them changes.
"""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

FOR_PROGRAMS = "COVERAGE_PROCESS_CONFIG"
"""By this variable coverage finds its way into the programs that tests start."""


@contextmanager
def unmeasured() -> Iterator[None]:
    """Let coverage, should it be looking, look away: here and from the programs started here."""
    coverage = sys.modules.get("coverage")
    looking = coverage and coverage.Coverage.current()
    if not looking:
        yield
        return
    config = os.environ.pop(FOR_PROGRAMS, None)
    looking.stop()
    try:
        yield
    finally:
        looking.start()
        if config is not None:
            os.environ[FOR_PROGRAMS] = config
