"""The operators of rules: a table from name to the function that compiles a call."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from habitkit.flags.domain.operators.comparison import COMPARISON
from habitkit.flags.domain.operators.lists import LISTS
from habitkit.flags.domain.operators.logic import LOGIC
from habitkit.flags.domain.operators.numbers import NUMBERS
from habitkit.flags.domain.operators.percentages import PERCENTAGES
from habitkit.flags.domain.operators.text import TEXT
from habitkit.flags.domain.operators.variables import VARIABLES

if TYPE_CHECKING:
    from collections.abc import Mapping

    from habitkit.flags.domain.expressions import Operator

__all__ = ["OPERATORS"]

OPERATORS: Final[Mapping[str, Operator]] = {
    **VARIABLES,
    **LOGIC,
    **COMPARISON,
    **NUMBERS,
    **LISTS,
    **TEXT,
    **PERCENTAGES,
}
