"""Definitions from a file, while it is written in all the ways that files are written."""

from __future__ import annotations

import os
import threading

import pytest

from habitkit.clock import wall_ns
from habitkit.errors import InvalidInput
from habitkit.flags.errors import SourceUnavailable
from habitkit.flags.file_source import FileSource

ONE, TWO = '{"flags": {"a": 1}}', '{"flags": {"a": 2}}'
LONG_AGO_NS = 1_700_000_000_000_000_000


@pytest.fixture
def path(tmp_path):
    file = tmp_path / "flags.json"
    file.write_text(ONE)
    return file


def fetch(source: FileSource, known: str | None = None) -> tuple[str, str]:
    """Return a document and its revision; there has to be a new one."""
    fetched = source.fetch(known)
    assert fetched
    assert isinstance(fetched.document, str)
    return fetched.document, fetched.revision


def later(monkeypatch, seconds: int) -> None:
    """Let the source believe that the files were written some seconds ago."""
    now = wall_ns()
    monkeypatch.setattr("habitkit.flags.file_source.wall_ns", lambda: now + seconds * 1_000_000_000)


def test_a_document_is_returned_until_it_is_known(path):
    source = FileSource(path)
    fetched = source.fetch(None)

    assert fetched
    assert (fetched.document, source.name) == (ONE, f"file {path}")
    assert source.fetch(fetched.revision) is None
    assert source.fetch("another") == fetched
    assert FileSource(str(path)).fetch(None) == fetched
    source.close()
    source.close()


def test_saving_a_file_unchanged_changes_nothing(path):
    source = FileSource(path)
    _, known = fetch(source)
    os.utime(path)

    assert source.fetch(known) is None


def test_a_settled_file_is_not_read_again(path, monkeypatch):
    source = FileSource(path)
    _, known = fetch(source)
    later(monkeypatch, 3)
    assert source.fetch(known) is None  # the last time that it is read
    monkeypatch.setattr(source, "_read", None)

    assert source.fetch(known) is None


@pytest.mark.parametrize("age_seconds", [0, 3])
def test_a_change_that_keeps_time_and_size_is_noticed(path, monkeypatch, age_seconds):
    os.utime(path, ns=(LONG_AGO_NS, LONG_AGO_NS))
    later(monkeypatch, age_seconds)
    source = FileSource(path)
    _, known = fetch(source)
    path.write_text(TWO)
    os.utime(path, ns=(LONG_AGO_NS, LONG_AGO_NS))

    assert fetch(source, known)[0] == TWO


def test_a_second_write_in_one_step_of_the_clock_is_noticed(path, monkeypatch):
    source = FileSource(path)
    monkeypatch.setattr(source, "_mark", lambda found: (wall_ns(), 0))
    _, known = fetch(source)
    path.write_text(TWO)

    assert fetch(source, known)[0] == TWO


def test_a_half_written_file_is_read_again_even_if_its_time_stays(path, monkeypatch):
    source = FileSource(path)
    _, known = fetch(source)
    later(monkeypatch, 3)
    path.write_text(TWO[:9])
    with pytest.raises(SourceUnavailable, match=r"flags\.json: .* line 1, column 10: Expecting"):
        source.fetch(known)
    with pytest.raises(SourceUnavailable):
        source.fetch(known)
    path.write_text(TWO)

    assert fetch(source, known)[0] == TWO


def test_a_file_that_changes_while_it_is_read_is_refused(path, monkeypatch):
    source = FileSource(path)
    fstat, stats = os.fstat, []

    def changing(descriptor):
        stats.append(fstat(descriptor))
        path.write_text(ONE + " " * len(stats))
        return stats[-1]

    monkeypatch.setattr(os, "fstat", changing)
    with pytest.raises(SourceUnavailable, match="it changed while it was read"):
        source.fetch(None)
    assert len(stats) == 2


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "it is not valid JSON at line 1, column 1: Expecting value"),
        (b'{\n "flags": {,}}', "it is not valid JSON at line 2, column 12: Expecting property"),
        (b"\xef\xbb\xbf{}", "byte order mark; save it as UTF-8 without one"),
        (b'{"a": "\xff"}', "it is not UTF-8 at byte 7"),
        ("{}".encode("utf-16"), "it is not UTF-8 at byte 0"),
        (b"[" * 200_000, "nested too deeply"),
        (b'{"a": NaN}', "NaN is not a JSON number"),
        (b"9" * 5000, "it is not valid JSON"),
        (b" " * 300_000 + b"{}", "more than 300000 bytes; see max_bytes"),
    ],
)
def test_a_file_that_holds_no_document_says_why(path, content, reason):
    path.write_bytes(content)

    with pytest.raises(SourceUnavailable, match=reason) as caught:
        FileSource(path, max_bytes=300_000).fetch(None)
    assert caught.value.source == f"file {path}"


def test_a_path_that_cannot_be_read_says_why(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    reasons = {
        "none.json": "no such file",
        "": "it is a directory",
        "pipe": "a device or a pipe",
        "a\0": "null byte",
    }
    for name, reason in reasons.items():
        with pytest.raises(SourceUnavailable, match=reason):
            FileSource(tmp_path / name).fetch(None)


def test_a_file_without_permission_says_so(path, monkeypatch):
    def refuse(*_):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(type(path), "open", refuse)  # root may read every file
    with pytest.raises(SourceUnavailable, match="permission denied"):
        FileSource(path).fetch(None)


@pytest.mark.parametrize("limit", [0, -1, True, 1.5])
def test_the_largest_size_is_a_positive_int(path, limit):
    with pytest.raises(InvalidInput, match="max_bytes"):
        FileSource(path, max_bytes=limit)


def test_a_file_may_come_and_go(path):
    source = FileSource(path)
    _, known = fetch(source)
    path.unlink()
    with pytest.raises(SourceUnavailable):
        source.fetch(known)
    path.write_text(ONE)
    assert source.fetch(known) is None


def test_a_config_map_is_swapped_by_its_symbolic_link(tmp_path):
    for name, text in (("..1", ONE), ("..2", TWO)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "flags.json").write_text(text)
        os.utime(tmp_path / name / "flags.json", ns=(LONG_AGO_NS, LONG_AGO_NS))
    data = tmp_path / "..data"
    data.symlink_to("..1")
    (tmp_path / "flags.json").symlink_to("..data/flags.json")
    source = FileSource(tmp_path / "flags.json")
    _, known = fetch(source)
    (tmp_path / "..tmp").symlink_to("..2")
    (tmp_path / "..tmp").replace(data)

    assert fetch(source, known)[0] == TWO


def write_whole(path, text):
    path.with_suffix(".new").write_text(text)
    path.with_suffix(".new").replace(path)


def write_in_halves(path, text):
    with path.open("w") as file:
        for half in (text[: len(text) // 2], text[len(text) // 2 :]):
            file.write(half)
            file.flush()


@pytest.mark.parametrize("write", [write_whole, write_in_halves])
def test_a_reader_beside_a_writer_sees_whole_documents_in_order(path, write):
    texts = [f'{{"flags": {{"n": {n}, "pad": "{"x" * (n % 7)}"}}}}' for n in range(150)]

    def write_all():
        for text in texts:
            write(path, text)

    write(path, texts[0])
    source, seen, known = FileSource(path), [], None
    writer = threading.Thread(target=write_all)
    writer.start()
    alive = True
    while alive:
        alive = writer.is_alive()  # one more fetch after its end
        try:
            fetched = source.fetch(known)
        except SourceUnavailable:
            assert write is write_in_halves
            continue
        if fetched:
            known = fetched.revision
            seen.append(texts.index(str(fetched.document)))
    writer.join()

    assert seen[-1] == len(texts) - 1
    assert seen == sorted(seen)
