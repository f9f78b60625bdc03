"""A report reads as a table of plain text."""

from __future__ import annotations

from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st

from habitkit.experiments.domain.metrics import Guardrail, Metric
from habitkit.experiments.domain.plans import Analysis
from habitkit.experiments.domain.report_table import table
from tests.experiments.reporting import CENTS, PAID, normal, rate, report, stored

TABLE = """\
Experiment checkout
running for 14.0 days until 2027-01-18 09:00 UTC
fixed, alpha 0.05

arm                             units     share  expected
old (control)                   5,010     33.3%     33.3%
new                             5,020     33.4%     33.3%
red                             5,000     33.3%     33.3%
sample ratio: as expected, p = 0.98
several variants: 30 units (0.20%), left out

metric           variant      control     value    effect             interval        p result
----------------------------------------------------------------------------------------------------
paid             new              0.1     0.125      +25%   [+11.14%, +38.86%]  0.00041 better
                 red              0.1    0.1002     +0.2%   [-11.58%, +11.98%]     0.97 undecided
cents            new             1000      1003     +0.3%  [-0.8779%, +1.478%]     0.62 undecided
                 red             1000         -                                         not judged

guardrail        variant      control     value    effect             interval        p result
----------------------------------------------------------------------------------------------------
crashes a day a~ new                1      1.05       +5%   [+4.598%, +5.402%] 1.3e-127 inferior
                 red                1      0.99       -1%   [-1.39%, -0.6099%]  5.1e-07 non-inferior

notes
- paid, new: 30 units were left out, as their time is not over
- paid, red: 10 units were left out, as their time is not over
- cents, red: not judged: no units in 'red'

decision: stop
- new: crashes a day and user is worse by more than the margin of 2 %"""


def experiment():
    crashes = Metric.count("Crash", name="crashes a day and user", lower_is_better=True)
    return stored(
        PAID,
        CENTS,
        weights=({"old": 1, "new": 1, "red": 1},),
        guardrails=(Guardrail(crashes, 0.02),),
        analysis=Analysis.fixed(relative=True),
    )


def groups():
    return {
        "paid": [rate("old", 5000, 500, immature=10), rate("new", 5000, 625, immature=20), rate("red", 5000, 501)],
        "cents": [normal("old", 5000, 1000.0, 90_000.0), normal("new", 5000, 1003.0, 90_000.0)],
        "crashes a day and user": [normal(name, 5000, mean, 0.01) for name, mean in [("old", 1.0), ("new", 1.05), ("red", 0.99)]],
    }  # fmt: skip


def test_a_report_is_a_table_of_its_arms_effects_and_notes():
    assert str(report(experiment(), groups(), several=30)) == TABLE


def test_bayes_has_chances_instead_of_p_values():
    found = str(
        report(
            evolve(
                experiment(), experiment=evolve(experiment().experiment, analysis=Analysis.bayes())
            ),
            groups(),
        )
    )

    assert " interval   chance result" in found
    assert "[+0.01262, +0.03738]  >0.9999 better" in found
    assert "[-0.01157, +0.01197]   0.5133 undecided" in found
    assert "- paid, new: expected loss 5.406e-08" in found


WORDS = st.text(
    st.characters(exclude_characters="\x00", exclude_categories=["Cs"]), min_size=1, max_size=200
)


@given(WORDS, WORDS, WORDS, st.floats(-1e300, 1e300))
@settings(max_examples=60, deadline=None)
def test_a_table_is_at_most_100_columns_wide(key, metric, variant, mean):
    name = f"x{variant}"[:200]
    made = stored(
        evolve(CENTS, name=metric), weights=({"old": 1, name: 1},), analysis=Analysis.fixed()
    )
    made = evolve(made, experiment=evolve(made.experiment, key=key))

    lines = str(report(made, [normal("old", 50, mean), normal(name, 50, 3.0)])).split("\n")

    assert max(map(len, lines)) <= 100
    assert all(line.isprintable() for line in lines)


def test_wide_characters_take_two_columns():
    name = "日本語" * 20
    made = stored(evolve(CENTS, name=name), analysis=Analysis.fixed())

    lines = table(report(made, [normal("old", 50, 1.0), normal("new", 50, 3.0)])).split("\n")

    assert f"{'日本語' * 2}日~ " in "".join(lines)
    assert all(len(line) + sum(it in "日本語" for it in line) <= 100 for line in lines)


def test_a_p_value_among_chances_is_marked():
    made = stored(
        PAID, weights=({"old": 1, "new": 1}, {"old": 1, "new": 2}), analysis=Analysis.bayes()
    )
    groups = [rate("old", 500, 50), rate("new", 500, 250, 1), rate("new", 9, 1, 2)]

    (line,) = [line for line in str(report(made, groups)).split("\n") if line.startswith("paid  ")]

    assert line.endswith("better")
    assert line.split()[-3] == "p"
    assert float(line.split()[-2]) < 1e-20
