"""Each row of the reference of operators is what a rule does, and no operator is left out."""

import json
import math
import re
from pathlib import Path

import pytest

from habitkit.flags.domain.evaluation import Evaluation
from habitkit.flags.domain.faults import Fault
from habitkit.flags.domain.operators.table import OPERATORS
from habitkit.flags.domain.rules import RuleContext, compile_rule

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "flag-operators.md"
ROW = re.compile(r"^\| `(\{.+?\})` \| `(\{.*?\})` \| `(.+?)` \|", re.MULTILINE)
ROWS = ROW.findall(PAGE.read_text("utf-8"))
AT = 1_800_000_000


@pytest.mark.parametrize(("rule", "context", "result"), ROWS)
def test_a_row_of_the_reference_holds(rule, context, result):
    faults: list[Fault] = []
    compiled = compile_rule(json.loads(rule), ("rule",), RuleContext("quests"), faults)
    assert compiled is not None, faults

    found = compiled.run(json.loads(context), Evaluation(AT))

    expected = json.loads(result)
    assert found == expected or (math.isnan(found) and math.isnan(expected))
    assert type(found) is type(expected)


def test_every_operator_has_a_row():
    shown = " ".join(rule for rule, _, _ in ROWS)
    missing = [name for name in OPERATORS if f'"{name}":' not in shown]

    assert len(ROWS) > len(OPERATORS)
    assert not missing
