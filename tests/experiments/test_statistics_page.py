"""The page about statistics has an entry for every function."""

import re
from pathlib import Path

from habitkit.experiments import stats

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "statistics.md"


def test_the_page_about_statistics_names_all_that_is_public():
    page = PAGE.read_text("utf-8")
    names = {*stats.__all__, *(f"effect.{name}" for name in stats.effect.__all__)} - {"effect"}

    missing = [name for name in sorted(names) if not re.search(rf"`{re.escape(name)}[`(]", page)]

    assert not missing, f"docs/reference/statistics.md has no entry for {', '.join(missing)}"
