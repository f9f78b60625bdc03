"""Prometheus servers of our own for tests: on free loopback ports, gone afterwards.

They are supervised as those of ``redis_servers``. This module knows nothing of pytest.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import urllib.parse
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from tests.services import HOST, START_ATTEMPTS, START_SECONDS, STOP_SECONDS, ServiceMissing

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from types import TracebackType

GET_PROMETHEUS = (
    "no Prometheus found: install Prometheus >= 2.40, such as by `apt-get install prometheus`, so "
    "that `prometheus` and `promtool` are on PATH; its service need not run"
)

SUPERVISOR = """
folder=$1; shift
exec 3<&0
"$@" >>"$folder/log" 2>&1 &
server=$!
{ read -r _ <&3; : >"$folder/over"; kill -KILL "$server"; } 2>/dev/null &
reader=$!
wait "$server"
if [ -e "$folder/over" ]; then rm -rf "$folder"; else kill "$reader"; fi
"""

SCRAPES = """
global:
  scrape_interval: 250ms
  scrape_timeout: 250ms
scrape_configs:
"""

SCRAPE = """
  - job_name: {job}
    metrics_path: {path}
    static_configs: [targets: ["{target}"]]
"""


class PrometheusServer:
    """A running Prometheus on the loopback, which keeps native histograms and exemplars."""

    def __init__(self, target: str, paths: Mapping[str, str]) -> None:
        """Describe a server; entering it starts it.

        Args:
            target: Host and port that it scrapes, four times a second.
            paths: What it scrapes there, by the name of the job.
        """
        jobs = (SCRAPE.format(job=job, path=path, target=target) for job, path in paths.items())
        self._config = SCRAPES + "".join(jobs)
        self._supervisor: subprocess.Popen[bytes] | None = None
        self._folder = Path()
        self.port = 0

    def __enter__(self) -> Self:
        log: str | None = ""
        for _ in range(START_ATTEMPTS):
            with socket.socket() as probe:
                probe.bind((HOST, 0))
                self.port = probe.getsockname()[1]
            log = self._start()
            if log is None:
                return self
        msg = f"Prometheus did not start; its log says:\n{log}"
        raise RuntimeError(msg)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    def get(self, path: str, **parameters: object) -> Any:
        """Return the data of a response of its HTTP API."""
        url = f"http://{HOST}:{self.port}/api/v1/{path}?{urllib.parse.urlencode(parameters)}"
        with urllib.request.urlopen(url, timeout=STOP_SECONDS) as response:
            return json.load(response)["data"]

    def query(self, expression: str) -> dict[str, float]:
        """Evaluate an expression now; return values by the name of the job."""
        found = self.get("query", query=expression)["result"]
        return {sample["metric"]["job"]: float(sample["value"][1]) for sample in found}

    def stop(self) -> None:
        """Kill the server, if it runs."""
        supervisor, self._supervisor = self._supervisor, None
        if supervisor is None:
            return
        if supervisor.stdin is not None:
            supervisor.stdin.close()
        try:
            supervisor.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(supervisor.pid, signal.SIGKILL)
            supervisor.wait()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _start(self) -> str | None:
        """Start the server; return its log if it does not come up."""
        program = find("prometheus")
        self._folder = Path(tempfile.mkdtemp(prefix="habitkit-prometheus-"))
        config = self._folder / "prometheus.yml"
        config.write_text(self._config)
        command: list[str | Path] = ["sh", "-c", SUPERVISOR, "sh", self._folder, program]
        data = str(self._folder / "data")
        command += [f"--config.file={config}", f"--storage.tsdb.path={data}"]
        command += [f"--web.listen-address={HOST}:{self.port}"]
        command += ["--enable-feature=native-histograms,exemplar-storage", "--log.level=warn"]
        self._supervisor = supervisor = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stderr=subprocess.DEVNULL,  # where sh reports that it has killed the server
            start_new_session=True,  # Ctrl-C is for us; the supervisor sees our end
        )
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline and supervisor.poll() is None:
            try:
                # Somebody else's server may have taken the port before ours.
                if self.get("status/flags")["storage.tsdb.path"] == data:
                    return None
            except OSError:
                pass
            time.sleep(0.02)
        log = (self._folder / "log").read_text(errors="replace")
        self.stop()
        return log


def find(program: str) -> str:
    """Return the path of ``prometheus`` or ``promtool``.

    Raises:
        ServiceMissing: If it is not on PATH.
    """
    found = shutil.which(program)
    if found is None:
        raise ServiceMissing(GET_PROMETHEUS)
    return found


def wait_until(condition: Callable[[], bool]) -> None:
    """Wait for a condition.

    Raises:
        RuntimeError: If it takes too long.
    """
    deadline = time.monotonic() + START_SECONDS
    while not condition():
        if time.monotonic() > deadline:
            msg = f"what was waited for did not happen within {START_SECONDS} seconds"
            raise RuntimeError(msg)
        time.sleep(0.05)
