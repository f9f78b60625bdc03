"""Watch two workers of one app: one goes bad, an alert fires, is silenced, and the worker recovers.

    python examples/two_workers.py

Two processes record into one SQLite file. A third one, this program, queries what both have
recorded, evaluates the alert rule and is notified. At the end it prints the quantiles from the
file beside the exact ones, and draws the latency. It takes about 15 seconds and needs habitkit and
rich: pip install 'habitkit[rich]'

The latency of a request is simulated; the clock, the processes and the database are real.
"""

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from datetime import UTC, datetime, timedelta
from io import TextIOWrapper
from math import log
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from threading import Thread

from rich import box
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from habitkit import HabitKit
from habitkit.alerts import Alert, AlertGroup, AlertSettings, Notification, Receiver
from habitkit.backends.sqlalchemy import SqlSeries, SqlStore, sqlite_engine, upgrade
from habitkit.metrics import Matrix, Metrics, SeriesTier, UnknownMetric, increase, quantile

WORKERS = {"a": 1, "b": 2}  # and the seed of each
REQUESTS_A_SECOND = 100
FAILURES = {"well": 0.01, "bad": 0.5}  # the share of requests that fail
SLOWNESS = {"well": 1.0, "bad": 8.0}
QUANTILES = (0.5, 0.9, 0.99, 0.999)

# An app keeps the defaults, 10 s and a minute. An example is in a hurry: all of these are a second.
TIERS = [SeriesTier(1, 3600), SeriesTier(60, 86_400)]
EVERY_SECONDS = 1

REQUESTS, BY = "requests", ("worker",)
FAILED = increase(REQUESTS, "2s", where={"outcome": "error"}, by=BY)
FAILING = Alert(
    "WorkerFails",
    FAILED / increase(REQUESTS, "2s", by=BY) > 0.2,
    for_="1s",
    labels={"severity": "page"},
    summary="worker {worker}: {value:.0%} of its requests fail",
)
GROUP = AlertGroup("workers", [FAILING], every_seconds=EVERY_SECONDS, offset_seconds=EVERY_SECONDS)

LONGEST_SECONDS = 20  # how long the program waits for anything before it gives up
HEIGHT = 8
MARKS = {"a": "o", "b": "x"}

out = Console(markup=False, emoji=False, highlight=False)


# -- a worker: a process of its own ------------------------------------------------------------


@contextmanager
def opened(path: Path, alerts: AlertSettings) -> Iterator[HabitKit]:
    """Open the kit of a process on the file that all of them share."""
    engine = sqlite_engine(f"sqlite:///{path}")
    upgrade(engine)
    store = SqlStore(engine)
    with HabitKit(store, metrics=Metrics(SqlSeries(store, TIERS)), alerts=alerts) as kit:
        yield kit
    engine.dispose()


def work(path: Path, name: str) -> None:
    """Serve requests until the input ends; each line of it says how to be: well, or bad.

    At the end it prints what it has recorded, so that the quantiles can be compared.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C ends the program, and that ends this
    state = ["well"]

    def listen() -> None:
        state.extend(line.strip() for line in sys.stdin)
        state.append("ended")

    random, latencies = Random(WORKERS[name]), list[float]()  # noqa: S311 - a simulation
    with opened(path, AlertSettings()) as kit, kit.metrics.flushing(EVERY_SECONDS):
        requests = kit.metrics.counter(REQUESTS)
        latency = kit.metrics.distribution("latency", unit="seconds").bind({"worker": name})
        Thread(target=listen, daemon=True).start()
        print("ready", flush=True)
        while (now := state[-1]) != "ended":
            seconds = random.lognormvariate(log(0.040), 0.6) * SLOWNESS[now]
            outcome = "error" if random.random() < FAILURES[now] else "ok"
            latency.record(seconds)
            requests.add(1, {"worker": name, "outcome": outcome})
            latencies.append(seconds)
            time.sleep(1 / REQUESTS_A_SECOND)
    print(json.dumps(latencies))


class Worker:
    """A worker as the main process sees it; the end of its input ends it."""

    def __init__(self, path: Path, name: str) -> None:
        """Start the process."""
        self.name = name
        self.process = subprocess.Popen(  # noqa: S603 - this very program
            [sys.executable, __file__, str(path), name],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def wait_until_ready(self) -> None:
        """Wait for its first line."""
        assert self.process.stdout is not None
        assert self.process.stdout.readline() == "ready\n", f"worker {self.name} did not start"

    def become(self, state: str) -> None:
        """Tell it how to be."""
        assert self.process.stdin is not None
        self.process.stdin.write(f"{state}\n")
        self.process.stdin.flush()

    def end(self) -> list[float]:
        """End its input; return what it has recorded."""
        recorded, _ = self.process.communicate(timeout=LONGEST_SECONDS)
        return list(map(float, json.loads(recorded)))

    def kill(self) -> None:
        """See to it that it does not outlive the program, whatever happens."""
        with suppress(OSError):
            self.process.kill()
        self.process.communicate()


# -- the program -------------------------------------------------------------------------------


class Watch:
    """What happens while the workers work: each second the rule is evaluated."""

    def __init__(self, bar: Progress) -> None:
        """Begin with nothing."""
        self.bar = bar
        self.task = bar.add_task("both are well", total=4, served=0)
        self.began = datetime.now(UTC)
        self.told = 0

    def say(self, what: str) -> None:
        """Print what has happened."""
        at = datetime.now(UTC)
        self.bar.console.print(f"{(at - self.began).total_seconds():5.1f} s  {what}")

    def notify(self, notification: Notification) -> None:
        """Be notified: a receiver. Yours sends a message."""
        self.told += 1
        texts = [alert.summary for alert in notification.alerts]
        again = ", again" if notification.repeated else ""
        self.say(f"notification, {notification.status}{again}: {'; '.join(texts)}")

    def until(self, kit: HabitKit, what: str, ended: Callable[[], bool]) -> None:
        """Evaluate the rule until something has happened.

        Raises:
            TimeoutError: If it does not happen in time.
        """
        self.bar.update(self.task, description=what)
        deadline = time.monotonic() + LONGEST_SECONDS
        while not ended():
            if time.monotonic() > deadline:
                msg = f"{what}: not ended after {LONGEST_SECONDS} s"
                raise TimeoutError(msg)
            kit.alerts.evaluate()
            with suppress(UnknownMetric):  # nobody has flushed yet
                served = kit.metrics.query(increase(REQUESTS, "1m")).value
                self.bar.update(self.task, served=served)
            time.sleep(0.2)
        self.bar.advance(self.task)


def run(path: Path) -> None:
    """Start the workers, and let one of them go bad and recover."""
    words = TextColumn("{task.description}"), BarColumn(20), TimeElapsedColumn()
    served = TextColumn("{task.fields[served]:,} requests in the file")
    with ExitStack() as stack:
        bar = stack.enter_context(Progress(*words, served, console=out, transient=True))
        watch = Watch(bar)
        # The intervals are short, as the example is: the defaults are 30 s, 5 min and 4 h.
        ops = Receiver(
            "ops", watch.notify, wait_seconds=0, interval_seconds=1, repeat_seconds=EVERY_SECONDS
        )
        kit = stack.enter_context(opened(path, AlertSettings(groups=[GROUP], receivers=[ops])))
        workers = [Worker(path, name) for name in WORKERS]
        for worker in workers:
            stack.callback(worker.kill)
        for worker in workers:
            worker.wait_until_ready()
        watch.began = datetime.now(UTC)
        recorded = incident(kit, watch, workers)
        kit.metrics.flush()
        end = datetime.now(UTC)
        show_quantiles(kit, recorded, end)
        show_latency(kit, watch, end)


def incident(kit: HabitKit, watch: Watch, workers: Sequence[Worker]) -> dict[str, list[float]]:
    """Let the last worker go bad; return what each has recorded."""
    bad = workers[-1]
    watch.say("both workers are well")
    watch.until(kit, "both are well", after(2))

    bad.become("bad")
    watch.say(f"worker {bad.name} goes bad")
    watch.until(kit, f"{bad.name} is bad", lambda: watch.told >= 2)

    silence = kit.alerts.silence(
        {"alertname": FAILING.name, "worker": bad.name},
        ends=datetime.now(UTC) + timedelta(minutes=5),
        by="ada",
        comment="looking at it",
    )
    watch.say("ada silences the alert")
    watch.until(kit, f"{bad.name} is bad, silenced", after(1.5))
    (alert,) = kit.alerts.active()
    watch.say(f"still {alert.phase}, silenced: {'yes' if alert.silenced else 'no'}")

    bad.become("well")
    watch.say(f"worker {bad.name} recovers")
    watch.until(kit, f"{bad.name} recovers", lambda: not kit.alerts.active())
    watch.say("the alert is resolved")
    kit.alerts.unsilence(silence.id, by="ada")

    recorded = {worker.name: worker.end() for worker in workers}
    watch.until(kit, "both have ended", after(EVERY_SECONDS))  # their last slot is complete
    return recorded


def after(seconds: float) -> Callable[[], bool]:
    """Return what tells whether so many seconds have gone by."""
    end = time.monotonic() + seconds
    return lambda: time.monotonic() >= end


# -- what the file knows -----------------------------------------------------------------------


def show_quantiles(kit: HabitKit, recorded: dict[str, list[float]], end: datetime) -> None:
    """Print the quantiles of each worker and of both together, beside the exact ones."""
    out.print("\nLatency in ms, from the file and exactly\n")
    table = Table("", box=box.SIMPLE, show_edge=False, pad_edge=False)
    for heading in ("Requests", "Quantile", "File", "Exact", "Error"):
        table.add_column(heading, justify="right")
    both = sorted(value for values in recorded.values() for value in values)
    for name, values in {**recorded, "both": both}.items():
        values.sort()
        where = {"worker": name} if name in recorded else None
        for q in QUANTILES:
            found = kit.metrics.query(quantile(q, "latency", "5m", where=where), at=end).value
            exact = values[int(q * (len(values) - 1))]
            table.add_row(
                f"worker {name}" if where else "both workers",
                f"{len(values):,}",
                f"p{q * 100:g}",
                f"{found * 1e3:,.2f}",
                f"{exact * 1e3:,.2f}",
                f"{found / exact - 1:+.2%}",
            )
    out.print(table)


def show_latency(kit: HabitKit, watch: Watch, end: datetime) -> None:
    """Draw the 90th percentile of each second."""
    by_worker = quantile(0.9, "latency", "1s", by=BY)
    start = watch.began.replace(microsecond=0) + timedelta(seconds=1)
    out.print("\np90 of each second in ms: worker a is o, worker b is x, both are *\n")
    for line in drawn(kit.metrics.query_range(by_worker, start, end, step=1)):
        out.print(f"  {line}".rstrip())


def drawn(matrix: Matrix) -> Iterator[str]:
    """Draw the values over the time, on a logarithmic scale."""
    cells: dict[tuple[int, int], str] = {}
    values = [
        it for row in matrix.rows for it in row.values if it and it > 0
    ]  # NaN: nothing was recorded
    low, high = min(values), max(values) * 1.01
    step = log(high / low) / HEIGHT
    for row in matrix.rows:
        mark = MARKS[dict(row.labels)["worker"]]
        for second, value in enumerate(row.values):
            if value and value > 0:
                place = second, int(log(value / low) / step)
                cells[place] = "*" if cells.get(place, mark) != mark else mark
    width = len(matrix.instants)
    for height in reversed(range(HEIGHT)):
        scale = low * (high / low) ** ((height + 0.5) / HEIGHT) * 1e3
        line = " ".join(cells.get((second, height), " ") for second in range(width))
        yield f"{scale:7.0f} | {line}"
    yield f"{'':7} +{'-' * (2 * width)}"
    yield f"{'s':>7}   " + " ".join(str(second % 10) for second in range(1, width + 1))


def main() -> None:
    with TemporaryDirectory(prefix="two-workers-", ignore_cleanup_errors=True) as folder:
        run(Path(folder) / "app.db")


if __name__ == "__main__":
    if len(sys.argv) > 1:
        work(Path(sys.argv[1]), sys.argv[2])
    else:
        if isinstance(sys.stdout, TextIOWrapper):
            sys.stdout.reconfigure(errors="replace")
        try:
            main()
        except KeyboardInterrupt:
            sys.exit("Stopped.")
