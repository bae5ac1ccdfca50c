from __future__ import annotations

import math
import os
import threading
from pathlib import Path

import pytest

from arny_studio.jobs import emitter as emitter_module
from arny_studio.jobs.emitter import Emitter, EventPipe
from arny_studio.jobs.event_log import EventLog, read_events
from arny_studio.jobs.events import Failed, Finished, Log, Metric, Stopped
from arny_studio.jobs.wire import LineBuffer, decode_event


@pytest.fixture
def pipe():
    reader, writer = os.pipe()
    yield reader, EventPipe(writer)
    os.close(reader)


def test_that_an_event_goes_into_the_log_and_down_the_pipe(tmp_path: Path, pipe: tuple[int, EventPipe]) -> None:
    emit = Emitter(EventLog(tmp_path / "events.jsonl"), pipe[1])
    emit(Log(text="one"))
    assert emit.finish(Finished())
    heard = [decode_event(line) for line in LineBuffer().feed(os.read(pipe[0], 10_000))]
    assert heard == read_events(tmp_path / "events.jsonl")
    assert [type(event) for event in heard] == [Log, Finished]


def test_that_there_is_one_last_event_whoever_comes_first(tmp_path: Path, pipe: tuple[int, EventPipe]) -> None:
    emit = Emitter(EventLog(tmp_path / "events.jsonl"), pipe[1])
    ends = [Finished(), Stopped(), Failed(kind="bug", sentence="No.")] * 5
    said: list[bool] = []
    threads = [threading.Thread(target=lambda end=end: said.append(emit.finish(end))) for end in ends]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    emit(Log(text="late"))
    assert sorted(said) == [False] * 14 + [True]
    assert len(read_events(tmp_path / "events.jsonl")) == 1


def test_that_a_reader_that_is_gone_is_no_reason_to_stop(tmp_path: Path) -> None:
    reader, writer = os.pipe()
    emit = Emitter(EventLog(tmp_path / "events.jsonl"), EventPipe(writer))
    os.close(reader)
    emit(Log(text="one"))
    emit(Log(text="two"))
    assert emit.finish(Finished())
    assert len(read_events(tmp_path / "events.jsonl")) == 3


def test_that_a_reader_that_sleeps_is_given_up_after_a_while(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(emitter_module, "READER_PATIENCE_S", 0.01)
    reader, writer = os.pipe()
    emit = Emitter(EventLog(tmp_path / "events.jsonl"), EventPipe(writer, may_drop_reader=True))
    for _ in range(10):
        emit(Log(text="x" * 50_000))
    emit.finish(Finished())
    assert len(read_events(tmp_path / "events.jsonl")) == 11
    os.close(reader)


def test_that_a_slow_reader_is_waited_for(tmp_path: Path) -> None:
    reader, writer = os.pipe()
    emit = Emitter(EventLog(tmp_path / "events.jsonl"), EventPipe(writer, may_drop_reader=True))
    heard: list[bytes] = []

    def read_all() -> None:
        while chunk := os.read(reader, 1000):
            heard.append(chunk)

    thread = threading.Thread(target=read_all)
    thread.start()
    for _ in range(10):
        emit(Log(text="x" * 50_000))
    emit.finish(Finished())
    thread.join()
    os.close(reader)
    assert b"".join(heard) == (tmp_path / "events.jsonl").read_bytes()


def test_that_a_last_event_is_returned_never_emitted(pipe: tuple[int, EventPipe]) -> None:
    with pytest.raises(TypeError, match="Stopped is returned by the worker's main"):
        Emitter(None, pipe[1])(Stopped())


def test_that_each_field_warns_once(pipe: tuple[int, EventPipe]) -> None:
    emit = Emitter(None, pipe[1])
    for step in range(3):
        emit(Metric(step=step, loss=math.nan))
    heard = [decode_event(line) for line in LineBuffer().feed(os.read(pipe[0], 10_000))]
    assert [type(event) for event in heard] == [Log, Metric, Metric, Metric]
