"""Datagrams for Datadog's agent, read back as its parser reads them."""

from __future__ import annotations

import math
import socket
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from habitkit.contrib.statsd import StatsdExporter, _rate_of
from habitkit.errors import InvalidInput
from habitkit.metrics import Metrics
from habitkit.metrics.domain.sketch import Sketch
from habitkit.metrics.domain.totals import Total
from tests.contrib.exports import counter, distribution, exports, gauge

texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=200)
names = st.from_regex(r"[a-z][a-z0-9_]{0,99}", fullmatch=True)


@pytest.fixture
def agent() -> Iterator[socket.socket]:
    with closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as opened:
        opened.bind(("127.0.0.1", 0))
        opened.settimeout(10)
        yield opened


def address_of(opened: socket.socket) -> str:
    return f"udp://127.0.0.1:{opened.getsockname()[1]}"


def received(opened: socket.socket) -> list[bytes]:
    """Return the datagrams that wait."""
    found = []
    opened.setblocking(False)
    while True:
        try:
            found.append(opened.recv(65_536))
        except BlockingIOError:
            return found


def datagrams(*totals: Total, address: str = "udp://h", **options: Any) -> list[bytes]:
    return list(StatsdExporter(address, **options)._datagrams(totals))


def parsed(line: str) -> tuple[str, str, float, int, list[str]]:
    """Return name, type, value, number of values and tags, as the agent understands a line.

    It is written after comp/dogstatsd/server/parse.go and pkg/quantile/agent.go of the agent.
    """
    (name_and_value, kind, *fields) = line.split("|")
    name, _, value = name_and_value.partition(":")
    rate, tags = 1.0, []
    for field in fields:
        if field.startswith("#"):
            tags = field[1:].split(",")
        elif field.startswith("@"):
            rate = float(field[1:])
    assert name
    assert kind in {"c", "g", "d"}
    assert ":" not in value
    return name, kind, float(value), int(1 / rate), tags


def lines(*totals: Total, **options: Any) -> list[str]:
    return b"\n".join(datagrams(*totals, **options)).decode().split("\n")


def test_each_kind_has_its_line():
    sent = lines(
        counter("check_ins", 3, zone="eu", page="home"),
        counter("sent", 1.5, unit="bytes"),
        gauge("queue", -2.5),
        gauge("uptime_seconds", 7, unit="seconds"),
        distribution("load", [0.25, 0.25, 0.25], unit="seconds"),
        prefix="app.",
        tags={"env": "prod", "zone": "us"},
    )

    assert sent == [
        "app.check_ins:3|c|#env:prod,zone:eu,page:home",
        "app.sent_bytes:1.5|c|#env:prod,zone:us",
        "app.queue:-2.5|g|#env:prod,zone:us",
        "app.uptime_seconds:7|g|#env:prod,zone:us",
        "app.load_seconds:0.25|d|@0.3333333333333333|#env:prod,zone:us",
    ]


def test_numbers_that_exceed_the_doubles_are_the_largest_double():
    most = repr(sys.float_info.max)
    big = distribution("load", [2**1000, -1.7e308])

    assert lines(counter("a", 10**400), counter("b", math.inf), gauge("c", -math.inf)) == [
        f"a:{most}|c",
        f"b:{most}|c",
        f"c:-{most}|g",
    ]
    assert lines(counter("a", 2**53), counter("b", 2**53 + 2)) == [
        "a:9007199254740992|c",
        "b:9007199254740994.0|c",
    ]
    assert [parsed(line)[2] for line in lines(big)] == [-1.7e308, pytest.approx(2.0**1000, 0.011)]


def test_the_agent_counts_each_bucket_as_it_is():
    for count in range(1, 100_001):
        rate = _rate_of(count)
        assert int(1 / rate) == count
        assert 1 / math.nextafter(rate, 2) < count


@given(st.integers(1, 2**50))
@example(2**50)
def test_the_agent_counts_large_buckets_as_they_are(count):
    assert int(1 / float(repr(_rate_of(count)))) == count


@given(
    st.lists(
        st.one_of(st.integers(-1000, 1000), st.floats(-1e9, 1e9, width=32), st.just(0.5)),
        min_size=1,
        max_size=300,
    )
)
def test_what_the_agent_gets_has_the_quantiles_of_the_sketch(values):
    total = distribution("load", values)
    sketch = total.value
    assert isinstance(sketch, Sketch)

    found: list[float] = []
    for line in lines(total):
        _, _, value, count, _ = parsed(line)
        found += [value] * count

    assert found == sorted(found)
    assert len(found) == len(values)
    assert min(values) <= found[0]
    assert found[-1] <= max(values)
    for rank in range(1, len(values) - 1):
        middle = sketch.quantile(min((rank + 0.5) / (len(values) - 1), 1))
        assert found[rank] == pytest.approx(middle, rel=1e-12)


@settings(max_examples=50)
@given(
    st.lists(st.dictionaries(names, texts, max_size=5), min_size=1, max_size=3),
    st.sampled_from([("udp://h", 1432), ("unix:///s", 8192)]),
    names,
    st.lists(st.floats(2**-100, 2**100), max_size=20),
)
@example([{"zone": "a,b|c\nd\r#e:f\x7f"}], ("udp://h", 1432), "load", [1.0])
@example([{f"{i:a>100}": "é" * 200 for i in range(9)}], ("udp://h", 1432), "a" * 100, [0.1])
@example([{f"a{i}": "" for i in range(800)}], ("udp://h", 1432), "load", [1.0, 2.0])
def test_no_attribute_breaks_a_line_and_no_datagram_is_too_long(attributes, target, name, values):
    address, most = target
    totals = [distribution(name, [1, *values], "x" * 100, **it) for it in attributes]
    totals += [counter(name, 1, **it) for it in attributes]

    sent = datagrams(*totals, address=address, prefix="p" * 100)

    assert all(0 < len(it) <= most for it in sent)
    found: Counter[str] = Counter()
    keys = {key for it in attributes for key in it}
    for line in b"\n".join(sent).decode().split("\n"):
        full, kind, _, count, tags = parsed(line)
        assert full in {f"{'p' * 100}{name}", f"{'p' * 100}{name}_{'x' * 100}"}
        assert {tag.partition(":")[0] for tag in tags} <= keys
        found[kind] += count
    assert found == {"c": len(attributes), "d": len(attributes) * (len(values) + 1)}


def test_tags_are_whole_where_there_is_room():
    zones = {"zone": "a,b|c\nd\r#e:f", "page": "é" * 200}

    for line in lines(counter("hits", 1, **zones), distribution("load", [1, 2], **zones)):
        assert line.endswith(f"|#page:{'é' * 200},zone:a_b_c_d_#e:f")


def test_datagrams_are_filled():
    totals = [counter("hits", 1, zone=f"{i:03}") for i in range(1000)]

    for address, most in (("udp://h", 1432), ("unix:///s", 8192)):
        *full, _ = map(len, datagrams(*totals, address=address))
        assert full
        assert all(most - len("hits:1|c|#zone:000\n") < size <= most for size in full)


def test_a_datagram_may_be_as_long_as_allowed():
    for address, most in (("udp://h", 1432), ("unix:///s", 8192)):
        for excess, sizes in ((0, [most]), (1, [most // 2, most // 2])):
            first, second = "a" * (most // 2 - 4), "b" * (most // 2 - 5 + excess)
            found = datagrams(counter(first, 1), counter(second, 1), address=address)
            assert [*map(len, found)] == sizes


def test_tags_are_cut_to_what_a_line_has_room_for():
    zones = {"page": "\U0001f600" * 200, "zone": "\U0001f600" * 200}

    (line,) = datagrams(distribution("load", [-1.23456789e-30] * 10_000, **zones))

    assert 1432 - 64 < len(line) <= 1432
    *_, page, zone = line.decode().replace("#", ",").split(",")
    assert len(page) == len(zone) > 150


def test_each_flush_sends_what_was_recorded_since_the_last_one(agent):
    exporter = StatsdExporter(address_of(agent))
    with closing(exporter):
        metrics = Metrics(exporters=[exporter])
        hits = metrics.counter("hits")
        hits.add(2)
        metrics.flush()
        hits.add(3)
        metrics.flush()
        metrics.flush()

        sent = b"\n".join(received(agent)).decode().split("\n")
        assert [it for it in sent if it.startswith("hits")] == ["hits:2|c", "hits:3|c"]
        exporter.close()
        exporter.close()


def test_nothing_is_lost_or_sent_twice_while_the_agent_is_away(agent):
    address, port = address_of(agent), agent.getsockname()[1]
    totals = [counter("hits", 1, zone=f"{i:03}") for i in range(200)]
    given = exports(*totals)
    with closing(StatsdExporter(address)) as exporter:
        agent.close()
        for _ in range(3):
            with pytest.raises(ConnectionRefusedError):
                exporter.export(given)
        with closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as back:
            back.bind(("127.0.0.1", port))
            exporter.export(given)
            sent = received(back)

            assert sent == datagrams(*totals)
            exporter.export(exports(counter("later", 1)))
            for _ in range(2):
                exporter.export(given)
            later, *again = received(back)
            assert (later, again) == (b"later:1|c", sent * 2)


def test_exports_that_fail_half_way_go_on_there():
    sent: list[bytes] = []

    class Half(StatsdExporter):
        def _send(self, opened: socket.socket, datagram: bytes) -> None:
            if len(sent) == 2 and datagram not in failed:
                failed.append(datagram)
                raise BlockingIOError
            sent.append(datagram)

    failed: list[bytes] = []
    totals = [counter("hits", 1, zone=f"{i:03}") for i in range(300)]
    given = exports(*totals)
    with closing(Half("udp://127.0.0.1:9")) as exporter:
        with pytest.raises(BlockingIOError):
            exporter.export(given)
        exporter.export(given)

    assert failed
    assert sent == datagrams(*totals)


def test_a_unix_socket_may_be_made_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "dsd.socket"
    with closing(StatsdExporter(f"unix://{path}", timeout_seconds=0.01)) as exporter:
        with pytest.raises(FileNotFoundError):
            exporter.export(exports(counter("hits", 1)))
        for number in (1, 2):
            given = exports(*(counter("hits", number, zone=f"{i:04}") for i in range(1000)))
            with closing(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)) as agent:
                agent.bind(str(path))
                if number == 2:
                    with pytest.raises(ConnectionRefusedError):
                        exporter.export(given)
                exporter.export(given)
                sent = b"\n".join(received(agent)).decode().split("\n")
            assert sent == [f"hits:{number}|c|#zone:{i:04}" for i in range(1000)]
            path.unlink()


def test_a_slow_reader_of_a_unix_socket_does_not_hold_the_flush(tmp_path: Path):
    path = tmp_path / "dsd.socket"
    given = exports(*(counter("hits", 1, zone=f"{i:05}") for i in range(10_000)))
    with closing(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)) as agent:
        agent.bind(str(path))
        exporter = StatsdExporter(f"unix://{path}", timeout_seconds=0.001)
        sent = []
        with closing(exporter):
            while True:
                try:
                    exporter.export(given)
                    break
                except TimeoutError:
                    sent += received(agent)
        sent += received(agent)

    assert b"\n".join(sent).count(b"\n") == 9_999


def test_a_forked_process_leaves_the_socket_to_its_parent(agent):
    exporter = StatsdExporter(address_of(agent))
    with closing(exporter):
        exporter.export(exports(counter("hits", 1)))
        parents = exporter._socket
        exporter.after_fork()
        exporter.export(exports(counter("hits", 2)))

        assert exporter._socket is not parents
    assert received(agent) == [b"hits:1|c", b"hits:2|c"]


@pytest.mark.parametrize(
    "options",
    [
        {"address": address}
        for address in (
            "",
            "127.0.0.1:8125",
            "udp://",
            "udp://h:x",
            "udp://h:99999",
            "udp://h/path",
            "udp://[",
            "unix://",
            "unix://host/path",
            "unix:relative",
            "tcp://h:1",
            "udp://u@h",
            8125,
            None,
            b"udp://h",
        )
    ]
    + [
        {"prefix": "1"},
        {"prefix": "a b"},
        {"prefix": "a:"},
        {"prefix": "a" * 101},
        {"prefix": None},
    ]
    + [{"tags": {"Env": "x"}}, {"tags": {"env": 1.5}}, {"tags": ["env"]}]
    + [{"timeout_seconds": 0}, {"timeout_seconds": math.inf}, {"timeout_seconds": math.nan}],
)
def test_what_is_not_acceptable_is_refused(options):
    with pytest.raises(InvalidInput):
        StatsdExporter(**options)
