"""``python -m habitkit metrics``: a dashboard, alert rules, and unit tests of rules."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

from habitkit.errors import HabitKitError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

__all__ = ["write_dashboard", "write_results", "write_rules"]

_FAILED, _UNREADABLE = 1, 2


def write_dashboard(dashboard: Mapping[str, Any]) -> int:
    """Write a dashboard to the standard output as JSON; return the exit status, 0."""
    return _write(json.dumps(dashboard, indent=2) + "\n")


def write_rules(rules: str) -> int:
    """Write a rule file to the standard output; return the exit status, 0."""
    return _write(rules)


def write_results(names: Sequence[str], run: Callable[[str], Sequence[str]]) -> int:
    """Run files of tests, and write what is not as expected to the standard output.

    Args:
        names: The files.
        run: Returns what is not as expected in a file.

    Returns:
        The exit status: 0, 1 if there is something, 2 if a file is no such file.
    """
    status = 0
    for name in names:
        try:
            failures = run(name)
        except OSError as error:
            sys.stderr.write(f"{error.filename or name}: {error.strerror or error}\n")
            status = _UNREADABLE
            continue
        except HabitKitError as error:
            sys.stderr.write(f"{error}\n")
            status = _UNREADABLE
            continue
        result = "\n".join(["  FAILED:", *failures]) if failures else "  SUCCESS"
        _write(f"Unit Testing:  {name}\n{result}\n\n")
        status = max(status, _FAILED if failures else 0)
    return status


def _write(text: str) -> int:
    encoding = sys.stdout.encoding or "utf-8"
    sys.stdout.write(text.encode(encoding, "backslashreplace").decode(encoding))
    return 0
