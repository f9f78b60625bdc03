"""The backends of docs/how-to/write-a-cache-backend.md pass the contracts, as the page says."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "write-a-cache-backend.md"

page: dict[str, Any] = {"__name__": __name__}
for block in re.findall(
    r"^```python\n(.*?)^```$", PAGE.read_text("utf-8"), re.DOTALL | re.MULTILINE
):
    exec(block, page)  # noqa: S102 - our own page

TestSharedCache = page["TestSharedCache"]  # and with it the class it extends
TestPublishingCache = page["TestPublishingCache"]
TestAsyncDictCache = page["TestAsyncDictCache"]
