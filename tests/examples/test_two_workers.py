"""The two workers: the alert fires, is silenced and resolved, and the file knows the quantiles."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = Path(__file__).parents[2] / "examples" / "two_workers.py"
ROW = re.compile(r"^(worker a|worker b|both workers) +([\d,]+) +p([\d.]+) .* ([+-][\d.]+)%$")


@pytest.mark.timeout(150)  # it takes its time: about 15 s on a quiet machine
def test_an_alert_on_one_of_two_processes_fires_is_silenced_and_is_resolved(tmp_path):
    run = subprocess.run(
        [sys.executable, "-W", "error", PROGRAM],
        cwd=tmp_path,
        env={**os.environ, "PYTHONIOENCODING": "utf-8"},
        capture_output=True,
        encoding="utf-8",
        timeout=140,
        check=False,
    )
    assert (run.returncode, run.stderr) == (0, ""), run.stdout + run.stderr
    lines = run.stdout.splitlines()

    said = [line.split(" s  ")[1] for line in lines if re.match(r" *\d+\.\d s  ", line)]
    steps = [re.sub(r": worker b: \d+% of its requests fail$", "", it) for it in said]
    assert steps == [
        "both workers are well",
        "worker b goes bad",
        "notification, firing",
        "notification, firing, again",
        "ada silences the alert",
        "still firing, silenced: yes",
        "worker b recovers",
        "the alert is resolved",
        "notification, resolved",
    ]

    rows = [found.groups() for found in map(ROW.match, lines) if found]
    assert len(rows) == 3 * 4
    assert max(abs(float(error)) for *_, error in rows) <= 1.09  # 1.0831 %, and rounding
    counts = {name: int(count.replace(",", "")) for name, count, *_ in rows}
    assert counts["both workers"] == counts["worker a"] + counts["worker b"]
    drawn = [line.partition(" | ")[2] for line in lines if " | " in line]
    bad = max(number for number, line in enumerate(drawn) if "o" in line)
    assert any("x" in line for line in drawn[: min(bad, 5)]), "b is slower for a time"
    assert list(tmp_path.iterdir()) == []
