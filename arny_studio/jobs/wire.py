"""Newline-delimited JSON between a worker and whoever listens: bytes in, structs out, and back.

A reader must survive anything a pipe can carry: half lines, several lines at once, native noise, events of a
newer version. Only another major protocol is refused, since its events could not be trusted to mean the same.
"""

from __future__ import annotations

from typing import Any

import msgspec

from arny_studio.errors import BadInput
from arny_studio.jobs.commands import AnyCommand, Command
from arny_studio.jobs.events import PROTOCOL_VERSION, AnyEvent, Event, Hello, Log

LONGEST_NOISE = 2000  # characters of an unreadable line that are worth keeping

_encoder = msgspec.json.Encoder()
_event_decoder = msgspec.json.Decoder(AnyEvent)
_command_decoder = msgspec.json.Decoder(AnyCommand)


def encode_line(message: Event | Command) -> bytes:
    """One JSON object and a newline. Floats that are not finite become null (msgspec's rule for JSON)."""
    return _encoder.encode(message) + b"\n"


class LineBuffer:
    """Cuts a stream of chunks into whole lines and carries the unfinished one across reads."""

    def __init__(self) -> None:
        self._rest: list[bytes] = []

    def feed(self, chunk: bytes) -> list[bytes]:
        """The lines that `chunk` completes, without their newline; empty lines are dropped."""
        *whole, tail = chunk.split(b"\n")
        if not whole:
            self._rest.append(tail)
            return []
        whole[0] = b"".join([*self._rest, whole[0]])
        self._rest = [tail]
        return [line for line in (line.rstrip(b"\r") for line in whole) if line]

    @property
    def rest(self) -> bytes:
        """What came after the last newline."""
        return b"".join(self._rest)


def parse_event(line: bytes) -> AnyEvent | None:
    """The event on a line, or None where the line is no event we know. Raises BadInput on another protocol."""
    try:
        event = _event_decoder.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError):
        _refuse_other_protocol(_as_object(line))
        return None
    if isinstance(event, Hello) and event.protocol != PROTOCOL_VERSION:
        raise _other_protocol(event.protocol)
    return event


def decode_event(line: bytes, *, strict: bool = False) -> AnyEvent:
    """The event on a line; noise and unknown types become a Log.

    Raises BadInput on a hello of another protocol and, where `strict` (tests), on anything that is not exactly
    one known event with known fields.
    """
    event = parse_event(line)
    if strict:
        _refuse_strangers(line, event)
    return event if event is not None else _as_log(line)


def decode_command(line: bytes) -> AnyCommand:
    """The command on a line. Raises BadInput that says what was expected."""
    try:
        return _command_decoder.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise BadInput(f"Not a command: {_shown(line)} ({error}).") from error


def _as_object(line: bytes) -> dict[str, Any]:
    try:
        value = msgspec.json.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return {}
    return value if isinstance(value, dict) else {}


def _refuse_other_protocol(raw: dict[str, Any]) -> None:
    if raw.get("type") == "hello" and raw.get("protocol", PROTOCOL_VERSION) != PROTOCOL_VERSION:
        raise _other_protocol(raw["protocol"])


def _other_protocol(theirs: object) -> BadInput:
    return BadInput(
        f"The worker speaks protocol {theirs}, this version of Arny Studio speaks {PROTOCOL_VERSION}.",
        hint="Install the same version of arny-studio for the worker's Python and for the app.",
    )


def _refuse_strangers(line: bytes, event: AnyEvent | None) -> None:
    if event is None:
        raise BadInput(f"Not an event: {_shown(line)}.")
    unknown = set(_as_object(line)) - set(event.__struct_fields__) - {"type"}
    if unknown:
        raise BadInput(f"Unknown field in a {type(event).__name__} event: {', '.join(sorted(unknown))}.")


def _as_log(line: bytes) -> Log:
    time_s = _as_object(line).get("time_s")
    text = _shown(line)
    return Log(text=text, time_s=float(time_s)) if isinstance(time_s, int | float) else Log(text=text)


def _shown(line: bytes) -> str:
    text = line.decode("utf-8", errors="replace").strip()
    return text if len(text) <= LONGEST_NOISE else text[:LONGEST_NOISE] + " …"
