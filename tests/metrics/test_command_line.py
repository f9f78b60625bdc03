"""``python -m habitkit metrics``: the dashboard and the rules."""

from __future__ import annotations

import io
import json
import sys

import pytest
import yaml

from habitkit.__main__ import main
from habitkit.alerts import default_rules
from habitkit.contrib.grafana import dashboard
from habitkit.contrib.prometheus_rules import dump_rules
from habitkit.metrics import Series
from habitkit.metrics.builtin import BUILT_IN
from habitkit.metrics.command_line import write_rules
from tests.promtool import promtool


def test_the_command_writes_the_dashboard(capsys):
    assert main(["metrics", "grafana"]) == 0
    out, complaints = capsys.readouterr()
    assert json.loads(out) == dashboard()
    assert complaints == ""

    assert main(["metrics", "grafana", "--classic"]) == 0
    assert json.loads(capsys.readouterr().out) == dashboard(native=False) != dashboard()


def test_the_command_writes_the_default_rules_with_the_exported_names(tmp_path, capsys):
    known = [Series(it.name, it.kind, it.unit, across=it.across) for it in BUILT_IN.values()]

    assert main(["metrics", "rules"]) == 0

    out, complaints = capsys.readouterr()
    assert out == dump_rules([default_rules()], known)
    assert complaints == ""
    (group,) = yaml.safe_load(out)["groups"]
    assert [it["alert"] for it in group["rules"]] == [it.name for it in default_rules().rules]
    by_name = {it["alert"]: it["expr"] for it in group["rules"]}
    assert "_action_duration_seconds[" in by_name["HabitkitActionsSlow"]
    assert by_name["HabitkitChecksFail"].startswith("min by (check) ")
    file = tmp_path / "rules.yml"
    file.write_text(out)
    promtool("check", "rules", file)


def test_rules_need_an_extra_which_the_error_names(monkeypatch, capsys):
    monkeypatch.delitem(sys.modules, "habitkit.contrib.prometheus_rules")
    monkeypatch.setitem(sys.modules, "yaml", None)

    assert main(["metrics", "rules"]) == 2
    out, complaints = capsys.readouterr()
    assert out == ""
    assert complaints == "yaml is not installed; run: pip install 'habitkit[yaml]'\n"
    assert main(["metrics", "grafana"]) == 0, "without yaml"


def test_characters_that_a_terminal_lacks_are_escaped(monkeypatch):
    written = io.BytesIO()
    terminal = io.TextIOWrapper(written, encoding="ascii")
    monkeypatch.setattr(sys, "stdout", terminal)

    assert write_rules("é\n") == 0

    terminal.flush()
    assert written.getvalue() == b"\\xe9\n"


def test_wrong_usage_ends_with_status_2(capsys):
    for arguments in (["metrics"], ["metrics", "what"], ["metrics", "rules", "--classic"]):
        with pytest.raises(SystemExit) as ended:
            main(arguments)
        assert ended.value.code == 2
    assert "usage: python -m habitkit" in capsys.readouterr().err
