from __future__ import annotations

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arny_studio.errors import BadInput
from arny_studio.jobs.commands import Ask, MemoryPressure, Stop
from arny_studio.jobs.events import Failed, Finished, Hello, Log, Metric, Result
from arny_studio.jobs.wire import LONGEST_NOISE, LineBuffer, decode_command, decode_event, encode_line, parse_event

LINES = st.lists(st.binary(min_size=1, max_size=40).map(lambda raw: raw.replace(b"\n", b"?").replace(b"\r", b"?")))


@given(LINES, st.data())
def test_that_lines_survive_any_way_of_cutting_them_into_chunks(lines: list[bytes], data: st.DataObject) -> None:
    stream = b"".join(line + b"\n" for line in lines)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=12)))
    buffer = LineBuffer()
    heard: list[bytes] = []
    for start, end in zip([0, *cuts], [*cuts, len(stream)], strict=True):
        heard += buffer.feed(stream[start:end])
    assert heard == lines
    assert buffer.rest == b""


def test_that_a_line_without_an_end_waits_and_empty_lines_and_carriage_returns_vanish() -> None:
    buffer = LineBuffer()
    assert buffer.feed(b"a\r\n\n\r\nhal") == [b"a"]
    assert buffer.rest == b"hal"
    assert buffer.feed(b"f") == []
    assert buffer.feed(b"\n") == [b"half"]


TEXTS = st.text(st.characters(exclude_categories=("Cs",)), max_size=50)
FLOATS = st.floats(allow_nan=False, allow_infinity=False)
EVENTS = st.one_of(
    st.builds(Log, text=TEXTS, level=st.sampled_from(["info", "warning", "error"]), time_s=FLOATS),
    st.builds(Metric, step=st.integers(0, 10**9), loss=st.none() | FLOATS, epoch=FLOATS, time_s=FLOATS),
    st.builds(Failed, kind=st.just("bug"), sentence=TEXTS, traceback=TEXTS, time_s=FLOATS),
    st.builds(Result, name=TEXTS, values=st.dictionaries(TEXTS, st.integers() | TEXTS), time_s=FLOATS),
)


@given(EVENTS.filter(lambda event: not isinstance(event, Result) or all(
    not isinstance(value, int) or abs(value) < 2**63 for value in event.values.values()
)))  # fmt: skip
def test_that_an_event_comes_back_as_it_was(event: Log | Metric | Failed | Result) -> None:
    line = encode_line(event)
    assert line.endswith(b"\n") and line.count(b"\n") == 1
    assert decode_event(line.strip(), strict=True) == event


@pytest.mark.parametrize("command", [Stop(mode="now"), Stop(), Ask(request="r1", query="Hi\nthere"), MemoryPressure()])
def test_that_a_command_comes_back_as_it_was(command: Stop | Ask | MemoryPressure) -> None:
    assert decode_command(encode_line(command).strip()) == command


def test_that_numbers_that_are_not_finite_become_null() -> None:
    line = encode_line(Metric(step=1, loss=math.nan, gradient_norm=math.inf, learning_rate=-math.inf))
    raw = json.loads(line)
    assert raw["loss"] is raw["gradient_norm"] is raw["learning_rate"] is None


@given(st.binary(max_size=200))
def test_that_noise_becomes_a_log_line_and_never_an_error(noise: bytes) -> None:
    event = decode_event(noise)
    assert isinstance(event, Log) or parse_event(noise) == event


def test_that_an_event_of_a_newer_version_is_kept_as_a_log_line_with_its_time() -> None:
    line = b'{"type":"hologram","time_s":12.5,"depth":3}'
    assert parse_event(line) is None
    event = decode_event(line)
    assert event == Log(text=line.decode(), time_s=12.5)
    with pytest.raises(BadInput, match="Not an event"):
        decode_event(line, strict=True)


def test_that_long_noise_is_shortened() -> None:
    event = decode_event(b"x" * 10_000)
    assert isinstance(event, Log)
    assert len(event.text) == LONGEST_NOISE + 2


def test_that_an_unknown_field_is_ignored_in_release_and_refused_in_tests() -> None:
    line = b'{"type":"finished","time_s":1.0,"mood":"good"}'
    assert decode_event(line) == Finished(time_s=1.0)
    with pytest.raises(BadInput, match="Unknown field in a Finished event: mood"):
        decode_event(line, strict=True)


@pytest.mark.parametrize(
    "line",
    [
        b'{"type":"hello","protocol":2,"kind":"train","pid":1,"time_s":1.0}',
        b'{"type":"hello","protocol":"2.0","name":"of the future"}',
    ],
)
def test_that_another_protocol_is_refused_with_a_sentence(line: bytes) -> None:
    with pytest.raises(BadInput, match=r"The worker speaks protocol 2.*, this version of Arny Studio speaks 1"):
        decode_event(line)


def test_that_a_hello_with_something_missing_is_noise_not_another_protocol() -> None:
    assert isinstance(decode_event(b'{"type":"hello","protocol":1}'), Log)
    assert isinstance(decode_event(encode_line(Hello(kind="train", pid=1)).strip()), Hello)


@pytest.mark.parametrize("line", [b"stop", b'{"type":"dance"}', b'{"type":"stop","mode":"later"}', b"\xff", b"[]"])
def test_that_a_bad_command_is_refused_with_its_text(line: bytes) -> None:
    with pytest.raises(BadInput, match="Not a command: "):
        decode_command(line)
