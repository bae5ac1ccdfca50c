from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arny_studio.errors import BadInput, DiskFull
from arny_studio.jobs.event_log import EventLog, EventTail, is_ended, last_event, read_events, size_of
from arny_studio.jobs.events import Finished, Hello, Log
from arny_studio.jobs.wire import encode_line


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "events.jsonl"


def line(text: str) -> bytes:
    return encode_line(Log(text=text, time_s=1.0))


def test_that_a_torn_last_line_is_dropped_before_anything_is_added(path: Path) -> None:
    path.write_bytes(line("whole") + b'{"type":"log","te')
    log = EventLog(path)
    log.append(line("next"))
    log.close()
    assert path.read_bytes() == line("whole") + line("next")


def test_that_a_log_of_nothing_but_half_a_line_becomes_empty(path: Path) -> None:
    path.write_bytes(b"x" * 200_000)
    EventLog(path).close()
    assert path.read_bytes() == b""


class FullDisk:
    """os.write, until the disk is full: then it takes some bytes and refuses the rest."""

    def __init__(self) -> None:
        self.is_full = False
        self._write = os.write

    def __call__(self, handle: int, data: bytes) -> int:
        if self.is_full and len(data) < 10:
            raise OSError(errno.ENOSPC, "No space left on device")
        return self._write(handle, data[: len(data) // 2] if self.is_full else data)


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> FullDisk:
    disk = FullDisk()
    monkeypatch.setattr("arny_studio.jobs.event_log.os.write", disk)
    return disk


def test_that_a_moment_without_room_loses_nothing_and_tears_nothing(path: Path, disk: FullDisk) -> None:
    log = EventLog(path)
    log.append(line("one"))
    disk.is_full = True
    log.append(line("two"))
    log.append(line("three"))
    assert path.read_bytes() == line("one")
    assert log.has_unwritten
    disk.is_full = False
    log.append(line("four"))
    assert not log.has_unwritten
    assert path.read_bytes() == b"".join(map(line, ["one", "two", "three", "four"]))
    log.close()


def test_that_a_disk_that_stays_full_ends_in_a_sentence(path: Path, disk: FullDisk) -> None:
    log = EventLog(path)
    disk.is_full = True
    with pytest.raises(DiskFull, match="There is no room left to write"):
        for _ in range(30):
            log.append(line("x" * 100_000))
    log.close()
    assert path.read_bytes() == b""


@given(st.lists(st.text(st.characters(exclude_categories=("Cs",)), max_size=30), min_size=1, max_size=8), st.data())
def test_that_a_tail_reads_every_event_once_however_the_file_grows(
    tmp_path_factory: pytest.TempPathFactory, texts: list[str], data: st.DataObject
) -> None:
    path = tmp_path_factory.mktemp("log") / "events.jsonl"
    stream = b"".join(map(line, texts))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=6)))
    tail = EventTail(path)
    assert tail.read_new() == []
    seen = []
    with path.open("ab", buffering=0) as file:
        for start, end in zip([0, *cuts], [*cuts, len(stream)], strict=True):
            file.write(stream[start:end])
            seen += tail.read_new()
    assert seen == [Log(text=text, time_s=1.0) for text in texts] == read_events(path)
    assert last_event(path) == seen[-1]


def test_that_the_last_event_is_found_behind_half_a_line_and_across_long_ones(path: Path) -> None:
    assert last_event(path) is None and is_ended(path) and size_of(path) == 0
    path.write_bytes(line("a") + line("é" * 100_000) + b'{"half')
    event = last_event(path)
    assert isinstance(event, Log) and len(event.text) == 100_000
    assert not is_ended(path)


def test_that_a_log_is_ended_by_its_last_event_only(path: Path) -> None:
    path.write_bytes(encode_line(Hello(kind="train", pid=1)) + encode_line(Finished()))
    assert is_ended(path)
    path.write_bytes(path.read_bytes() + encode_line(Hello(kind="train", pid=2)))
    assert not is_ended(path)


def test_that_only_the_first_bytes_are_read_where_that_is_asked(path: Path) -> None:
    path.write_bytes(line("a") + line("b"))
    assert [event.text for event in read_events(path, until=len(line("a"))) if isinstance(event, Log)] == ["a"]
    assert read_events(path, until=0) == []


def test_that_a_log_of_another_protocol_has_no_last_event_and_is_refused_when_read(path: Path) -> None:
    path.write_bytes(b'{"type":"hello","protocol":9}\n')
    assert last_event(path) is None
    with pytest.raises(BadInput, match="speaks protocol 9"):
        read_events(path)
