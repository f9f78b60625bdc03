"""A copy of a source's document, which is used while the source is down."""

from __future__ import annotations

import json
import threading
from types import MappingProxyType

import pytest

from habitkit.flags.errors import FlagDefinitionError, SourceUnavailable
from habitkit.flags.file_source import FileSource
from habitkit.flags.flags import Flags
from habitkit.flags.local_copy import LocalCopy
from habitkit.flags.sources import Fetched, Source, StaticSource

ONE, TWO = '{"flags": {"a": 1}}', '{"flags": {"a": 2}}'


@pytest.fixture
def path(tmp_path):
    """The file of the copy, in a folder of its own."""
    (tmp_path / "cache").mkdir()
    return tmp_path / "cache" / "flags.json"


@pytest.fixture
def origin(tmp_path):
    """The file that the source reads; without it, the source is down."""
    file = tmp_path / "origin.json"
    file.write_text(ONE)
    return file


def fetched(source: Source, known: str | None = None) -> Fetched:
    found = source.fetch(known)
    assert found
    return found


def test_the_copy_is_used_until_the_source_is_back(origin, path):
    before = LocalCopy(FileSource(origin), path)
    revision = fetched(before).revision
    assert before.fetch(revision) is None
    before.close()
    origin.unlink()

    source = LocalCopy(FileSource(origin), path)
    copy = fetched(source)
    assert (copy.document, copy.revision, copy.stale) == (ONE, revision, True)
    assert source.name == f"file {origin}"
    with pytest.raises(SourceUnavailable, match="no such file"):
        source.fetch(copy.revision)

    origin.write_text(ONE)
    assert fetched(source, copy.revision) == Fetched(ONE, revision)  # it is no longer stale
    assert source.fetch(revision) is None
    origin.write_text(TWO)
    assert fetched(source, copy.revision) == fetched(FileSource(origin))


def test_flags_start_from_the_copy_and_know_that_it_is_stale(tmp_path, path):
    switch = {"state": "ENABLED", "variants": {"on": True, "off": False}, "defaultVariant": "on"}
    origin = tmp_path / "origin.json"
    origin.write_text(json.dumps({"flags": {"quests": switch}}))
    before, after = (Flags(LocalCopy(FileSource(origin), path)) for _ in "12")
    before.refresh()
    before.refresh()
    origin.rename(tmp_path / "elsewhere.json")
    after.refresh()
    assert after.details("quests", False).reason == "STALE"
    assert (after.boolean("quests", False), after.status().stale) == (True, True)
    with pytest.raises(SourceUnavailable):
        after.refresh()
    assert (
        after.status().last_error
        == f"the flags cannot be read from file {origin}: no such file or directory"
    )

    (tmp_path / "elsewhere.json").rename(origin)
    after.refresh()
    assert after.details("quests", False).reason == "STATIC"
    assert after.status().stale is False
    origin.write_text('{"flags": {"quests": {}}}')
    for _ in range(2):
        with pytest.raises(FlagDefinitionError):
            after.refresh()
    assert after.boolean("quests", False) is True
    assert json.loads(path.read_text())["flags"]["quests"] == switch


def test_a_copy_is_stale_until_the_source_has_a_good_document_even_the_same_one(tmp_path, path):
    switch = {"state": "ENABLED", "variants": {"on": True, "off": False}, "defaultVariant": "on"}
    good = json.dumps({"flags": {"quests": switch}})
    path.write_text(good)
    origin = tmp_path / "origin.json"
    flags = Flags(LocalCopy(FileSource(origin), path))
    flags.refresh()
    origin.write_text('{"flags": {"quests": {}}}')
    with pytest.raises(FlagDefinitionError):
        flags.refresh()
    assert flags.status().stale
    origin.write_text(good)
    flags.refresh()

    assert flags.status().stale is False
    assert flags.details("quests", False).reason == "STATIC"


def test_only_a_document_that_was_good_is_copied(origin, path):
    source = LocalCopy(FileSource(origin), path)
    good = fetched(source).revision
    assert not path.exists()
    assert source.fetch(good) is None
    origin.write_text(TWO)
    assert fetched(source, good).document == TWO
    assert fetched(source, good).document == TWO  # whoever refuses it still knows the one before

    assert path.read_text() == ONE


@pytest.mark.parametrize(
    ("document", "copy"),
    [
        (ONE, ONE),
        (ONE.encode(), ONE),
        ({"flags": MappingProxyType({"a": "é\ud800"})}, '{"flags": {"a": "\\u00e9\\ud800"}}'),
    ],
)
def test_documents_of_all_kinds_are_copied_as_json(path, document, copy):
    source = LocalCopy(StaticSource(document), path)
    source.fetch(fetched(source).revision)

    assert path.read_text() == copy
    assert source.failure is None
    assert [*path.parent.iterdir()] == [path]


@pytest.mark.parametrize(
    ("content", "reason"),
    [(None, "no such file"), (ONE[:9], "not valid JSON at line 1, column 10")],
)
def test_without_a_whole_copy_both_reasons_are_given(origin, path, content, reason):
    origin.write_text("{")
    if content:
        path.write_text(content)

    with pytest.raises(SourceUnavailable, match=f"line 1, column 2.*; its copy.*{reason}"):
        LocalCopy(FileSource(origin), path).fetch(None)


def fail(*_, **__):
    raise OSError(28, "No space left on device")


@pytest.mark.parametrize(
    "step", ["tempfile.NamedTemporaryFile", "os.fsync", "pathlib.Path.replace"]
)
def test_a_copy_that_cannot_be_written_is_left_out_and_tried_again(origin, path, monkeypatch, step):
    path.write_text(TWO)
    source = LocalCopy(FileSource(origin), path)
    known = fetched(source).revision
    with monkeypatch.context() as patch:
        patch.setattr(step, fail)
        assert source.fetch(known) is None
    problem = source.failure
    assert problem == "OSError: [Errno 28] No space left on device"
    assert [file.read_text() for file in path.parent.iterdir()] == [TWO]

    assert source.fetch(known) is None
    assert source.failure is None
    assert path.read_text() == ONE


@pytest.mark.parametrize("document", [{"flags": {1, 2}}, {"flags": object()}, "\ud800"])
def test_a_document_that_is_no_json_is_left_out(path, document):
    source = LocalCopy(StaticSource(document), path)
    assert source.fetch(fetched(source).revision) is None

    assert source.failure
    assert not path.exists()


def test_many_may_write_one_copy(tmp_path, path):
    texts = [f'{{"flags": {{"{name}": "{name * 50_000}"}}}}' for name in "abcd"]

    def write_often(text):
        for _ in range(10):
            source = LocalCopy(StaticSource(text), path)
            source.fetch(fetched(source).revision)

    writers = [threading.Thread(target=write_often, args=[text]) for text in texts]
    for writer in writers:
        writer.start()
    reader, seen = FileSource(path), set()
    while any(writer.is_alive() for writer in writers):
        if path.exists():
            seen.add(fetched(reader).document)
    for writer in writers:
        writer.join()

    assert seen <= {*texts}
    assert [*path.parent.iterdir()] == [path]
