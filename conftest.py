"""Runs what README, docs and docstrings show: ``pytest README.md docs src``."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Any

from sybil import Sybil
from sybil.document import PythonDocStringDocument
from sybil.parsers.markdown import PythonCodeBlockParser, SkipParser
from sybil.parsers.rest import DocTestParser


def _enter_a_folder_of_its_own(namespace: dict[str, Any]) -> None:
    """Let a page open ``sqlite:///habits.db`` without leaving it in the checkout."""
    folder = tempfile.TemporaryDirectory()
    namespace["_leave"] = (folder, Path.cwd())
    os.chdir(folder.name)


def _leave_it(namespace: dict[str, Any]) -> None:
    folder, home = namespace.pop("_leave")
    os.chdir(home)
    folder.cleanup()


_pages = Sybil(
    name="pages",
    parsers=[SkipParser(), PythonCodeBlockParser()],
    patterns=["README.md", "docs/*.md", "docs/*/*.md"],
    setup=_enter_a_folder_of_its_own,
    teardown=_leave_it,
)
_docstrings = Sybil(
    name="docstrings",
    parsers=[DocTestParser()],
    path="src",
    patterns=["*.py"],
    document_types={".py": PythonDocStringDocument},
    setup=_enter_a_folder_of_its_own,
    teardown=_leave_it,
)

pytest_collect_file = (_pages + _docstrings).pytest()
