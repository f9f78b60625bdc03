"""The simulated product: what it prints of its analyses is what the simulation has put there."""

import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

SCRIPT = Path(__file__).parents[2] / "examples" / "experiment.py"


def rows(text: str, name: str) -> list[list[str]]:
    """Return the cells of the rows of a table that begin with a name."""
    found = [line for line in text.splitlines() if re.match(rf"{name} {{2,}}", line)]
    return [re.split(r" {2,}", line.strip()) for line in found]


def test_three_analyses_of_one_product_are_compared_with_the_truth(tmp_path):
    run = subprocess.run(
        [sys.executable, "-W", "error", SCRIPT, "--owners", "300", "--plots", "plots"],
        cwd=tmp_path,
        capture_output=True,
        encoding="utf-8",
        timeout=100,
        check=False,
    )
    assert run.returncode == 0, run.stdout + run.stderr
    report, methods, days, peeking, bandit, plots = re.split(
        r"^[1-6]\. .+$", run.stdout, flags=re.MULTILINE
    )[1:]

    assert "sample ratio: as expected" in report
    assert "true lift of the share of active owners is +33.3%" in methods
    ((_, day, owners, lift, interval, decision),) = rows(methods, "fixed")
    assert (day, owners, lift, decision) == ("30", "148 + 152", "+53.0%", "ship friendly")
    for name, said in {"sequential": "keep", "bandit": "keep"}.items():
        ((*_, interval, decision),) = rows(methods, name)
        low, high = map(int, re.findall(r"[+-]\d+", interval))
        assert low < 33 < high
        assert decision == said

    assert [row[0] for row in rows(days, r"\d+")] == [str(day) for day in range(6, 31, 3)]
    assert "covers the true lift on 27 of 27 days" in days
    assert "stops on day 18, with 212 owners" in peeking
    once, daily, sequential = (
        float(rows(peeking, name)[0][1].rstrip("%"))
        for name in ("fixed, read once", "fixed, read each day", "sequential, read each day")
    )
    assert 3 < once < 7
    assert daily > 25
    assert 0 < sequential <= 5
    more = re.search(r"as (\d+) owners got the friendly welcome instead of 152", bandit)
    assert more is not None
    assert int(more[1]) > 200

    drawn = sorted(file.name for file in tmp_path.rglob("*.svg"))
    if find_spec("matplotlib") is None:
        assert "pip install 'habitkit[plot]'" in plots
    else:
        assert drawn == ["bandit.svg", "over-time.svg", "sequential.svg"]
    assert [file.name for file in tmp_path.iterdir()] == ["plots"]


def test_too_few_owners_are_refused(tmp_path):
    run = subprocess.run(
        [sys.executable, SCRIPT, "--owners", "99"],
        cwd=tmp_path,
        capture_output=True,
        encoding="utf-8",
        timeout=100,
        check=False,
    )
    assert run.returncode == 2
    assert "--owners: expected at least 100, got 99" in run.stderr
