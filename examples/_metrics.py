"""The last part of the demo: the latency of requests, an alert that fires and ends, and health."""

from math import log
from random import Random

from rich.console import Console
from rich.padding import Padding
from rich.table import Table

import habitkit.testing
from habitkit.alerts import Alert, AlertGroup, AlertSettings, Notification, Receiver
from habitkit.health import HealthSettings, check
from habitkit.metrics import Expression, increase, quantile, rate
from habitkit.testing import TestKit

MINUTES = 12
BAD = range(4, 9)  # the minutes in which many requests fail, and all are slow
REQUESTS_A_MINUTE = 300

FAILED = rate("requests", "1m", where={"outcome": "error"}) / rate("requests", "1m")
RULE = Alert(
    "RequestsFail",
    FAILED > 0.05,
    for_="2m",
    labels={"severity": "page"},
    summary="{value:.0%} of the requests fail",
)


def show_metrics(out: Console, table: Table) -> None:
    """Record requests for some minutes, and print what a rule on them leads to."""
    sent: list[Notification] = []
    minute = 0
    kit = habitkit.testing.kit(
        metrics=True,
        alerts=AlertSettings(
            groups=[AlertGroup("app", [RULE])],
            receivers=[Receiver("ops", sent.append, wait_seconds=0, interval_seconds=60)],
        ),
        health=HealthSettings(checks=[check("mail", lambda: minute not in BAD, critical=False)]),
    )
    out.print(f"In memory, {MINUTES} minutes of requests, and a rule, here as PromQL, for 2 min:\n")
    out.print(_indented(RULE.when.promql()), style="dim")
    out.print()
    for heading in ("Requests", "p50", "p99", "Fail", "Alert", "Notified", "Ready"):
        table.add_column(heading, justify="right")
    random, all_seconds = Random(1), list[float]()  # noqa: S311 - a simulation
    for minute in range(1, MINUTES + 1):
        all_seconds += serve(kit, random, bad=minute in BAD)
        told = len(sent)
        kit.alerts.evaluate()
        phases = [alert.phase for alert in kit.alerts.active()]
        ready = kit.health("ready")
        table.add_row(
            f"{minute} min",
            f"{value(kit, increase('requests', '1m')):g}",
            *(f"{value(kit, quantile(q, 'load', '1m')) * 1e3:.0f} ms" for q in (0.5, 0.99)),
            f"{value(kit, FAILED):.1%}",
            phases[0] if phases else "-",
            sent[-1].status if len(sent) > told else "-",
            f"{ready.response().status_code}, {ready.status}",
        )
    out.print(table)
    for notification in sent:
        text = f"{notification.status}: {notification.alerts[0].summary}"
        out.print(_indented(text), style="dim")
    found = value(kit, quantile(0.99, "load", f"{MINUTES}m"))
    exact = sorted(all_seconds)[int(0.99 * (len(all_seconds) - 1))]
    out.print(
        f"\nThe p99 of all {len(all_seconds):,} requests is {found * 1e3:.1f} ms, computed of the "
        f"minutes' distributions; exactly it is {exact * 1e3:.1f} ms."
    )


def serve(kit: TestKit, random: Random, *, bad: bool) -> list[float]:
    """Serve a minute of requests, evenly spread; return how long each took, in seconds."""
    requests = kit.metrics.counter("requests")
    load = kit.metrics.distribution("load", unit="seconds")
    recorded = []
    for _ in range(REQUESTS_A_MINUTE):
        seconds = random.lognormvariate(log(0.2 if bad else 0.04), 0.5)
        requests.add(1, {"outcome": "error" if random.random() < (0.3 if bad else 0.01) else "ok"})
        load.record(seconds)
        recorded.append(seconds)
        kit.clock.advance(seconds=60 / REQUESTS_A_MINUTE)
    return recorded


def value(kit: TestKit, expression: Expression) -> float:
    """Return what a query returns, of the slots that are complete."""
    return kit.metrics.query(expression).value


def _indented(text: str) -> Padding:
    return Padding(text, (0, 0, 0, 4), expand=False)
