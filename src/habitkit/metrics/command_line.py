"""``python -m habitkit metrics``: a dashboard and alert rules for what a kit records of its own."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["write_dashboard", "write_rules"]


def write_dashboard(dashboard: Mapping[str, Any]) -> int:
    """Write a dashboard to the standard output as JSON; return the exit status, 0."""
    return _write(json.dumps(dashboard, indent=2) + "\n")


def write_rules(rules: str) -> int:
    """Write a rule file to the standard output; return the exit status, 0."""
    return _write(rules)


def _write(text: str) -> int:
    encoding = sys.stdout.encoding or "utf-8"
    sys.stdout.write(text.encode(encoding, "backslashreplace").decode(encoding))
    return 0
