"""The store that grows in docs/how-to/write-a-backend.md passes the contract, as the page says."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "write-a-backend.md"

page: dict[str, Any] = {"__name__": __name__}
for block in re.findall(
    r"^```python\n(.*?)^```$", PAGE.read_text("utf-8"), re.DOTALL | re.MULTILINE
):
    exec(block, page)  # noqa: S102 - our own page

TestTinyStore = page["TestTinyStore"]
TestTinyStoreInThreads = page["TestTinyStoreInThreads"]
