from __future__ import annotations

import os
import threading
import time
from pathlib import Path

import pytest

from arny_studio.jobs.commands import Ask, MemoryPressure, Stop
from arny_studio.jobs.events import Log
from arny_studio.jobs.inbox import Inbox, read_commands
from arny_studio.jobs.wire import encode_line


def test_that_commands_come_in_order_and_nothing_is_none() -> None:
    inbox = Inbox()
    inbox.put(Ask(request="1", query="a"))
    inbox.put(MemoryPressure())
    assert inbox.next_command(0) == Ask(request="1", query="a")
    assert inbox.next_command() == MemoryPressure()
    assert inbox.next_command(0) is None
    assert inbox.next_command(0.001) is None
    assert not inbox.stop_requested


def test_that_a_wish_to_stop_outlives_being_read_and_is_never_softened() -> None:
    inbox = Inbox()
    assert inbox.stop_mode == "save"
    inbox.put(Stop(mode="save"))
    assert (inbox.stop_requested, inbox.stop_mode) == (True, "save")
    inbox.put(Stop(mode="now"))
    inbox.put(Stop(mode="save"))
    assert [inbox.next_command(0) for _ in range(3)] == [Stop(mode="save"), Stop(mode="now"), Stop(mode="save")]
    assert (inbox.stop_requested, inbox.stop_mode) == (True, "now")


@pytest.mark.parametrize(("text", "mode"), [("save", "save"), ("now\n", "now"), ("", "save"), ("please", "save")])
def test_that_a_stop_file_is_a_wish_to_stop(tmp_path: Path, text: str, mode: str) -> None:
    inbox = Inbox(stop_path=tmp_path / "stop")
    assert not inbox.stop_requested
    (tmp_path / "stop").write_text(text)
    assert (inbox.stop_requested, inbox.stop_mode) == (True, mode)
    assert inbox.next_command(0) == Stop(mode=mode)  # type: ignore[arg-type]
    assert inbox.next_command(0) is None, "one file is one wish"


def test_that_waiting_for_a_command_notices_a_stop_file(tmp_path: Path) -> None:
    inbox = Inbox(stop_path=tmp_path / "stop")
    threading.Timer(0.05, (tmp_path / "stop").write_text, args=["now"]).start()
    assert inbox.next_command() == Stop(mode="now")


def test_that_waiting_with_a_stop_file_still_ends_at_its_deadline(tmp_path: Path) -> None:
    started_s = time.monotonic()
    assert Inbox(stop_path=tmp_path / "stop").next_command(0.6) is None
    assert 0.6 <= time.monotonic() - started_s < 5


def test_that_a_descriptor_feeds_the_inbox_until_it_ends() -> None:
    inbox, noise, ended = Inbox(), list[Log](), threading.Event()
    reader, writer = os.pipe()
    read_commands(reader, inbox, on_noise=noise.append, on_end=ended.set)
    os.write(writer, encode_line(Stop())[:7])
    os.write(writer, encode_line(Stop())[7:] + b"what?\n")
    assert inbox.next_command(10) == Stop()
    os.close(writer)
    assert ended.wait(10)
    assert [log.level for log in noise] == ["warning"] and "Not a command: what?" in noise[0].text
    os.close(reader)


def test_that_a_descriptor_that_breaks_counts_as_ended() -> None:
    ended = threading.Event()
    reader, writer = os.pipe()
    os.close(writer)
    os.close(reader)
    read_commands(reader, Inbox(), on_noise=lambda log: None, on_end=ended.set)
    assert ended.wait(10)
