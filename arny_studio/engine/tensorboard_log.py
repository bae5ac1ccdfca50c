"""TensorBoard event files, written from the same events as everything else.

Written by hand because importing TensorBoard's own writer costs as much as forty training steps of the demo: one
protobuf message per point in TFRecord framing. A test reads the files back with TensorBoard.

Formats: https://www.tensorflow.org/tutorials/load_data/tfrecord#tfrecords_format_details;
tensorboard/compat/proto/event.proto and summary.proto; CRC-32C is RFC 3720, appendix B.4.
"""

from __future__ import annotations

import os
import socket
import struct
from pathlib import Path

from arny_studio.jobs.events import Event, Metric, System

_SCALARS = (
    ("loss", "train/loss"), ("learning_rate", "train/learning_rate"), ("gradient_norm", "train/gradient_norm"),
    ("epoch", "train/epoch"), ("tokens_per_s", "train/tokens_per_s"), ("validation_loss", "validation/loss"),
    ("json_valid", "answers/json_valid"), ("journey_accuracy", "answers/journey_accuracy"),
    ("field_agreement", "answers/field_agreement"), ("word_overlap", "answers/word_overlap"),
)  # fmt: skip
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_CRC_POLYNOMIAL = 0x82F63B78
_CRC_MASK = 0xA282EAD8


class TensorBoardLog:
    """One event file of a run. Appending is a write of a hundred bytes; nothing waits for the disk."""

    def __init__(self, folder: Path, *, time_s: float, step: int = 0) -> None:
        """`step` is that of the checkpoint a run goes on from: TensorBoard then drops later points of older files."""
        folder.mkdir(parents=True, exist_ok=True)
        name = f"events.out.tfevents.{time_s:.3f}.{socket.gethostname()}.{os.getpid()}"
        self._file = (folder / name).open("ab", buffering=0)
        self._write(_double(1, time_s) + _text(3, "brain.Event:2"))
        if step:  # a session that starts (status 1) at a step purges what came after it
            self._write(_double(1, time_s) + _integer(2, step + 1) + _message(7, _integer(1, 1)))
        self._step = step

    def hear(self, event: Event) -> None:
        """Write the figures of an event, if it has any."""
        match event:
            case Metric():
                self._step = event.step
                values = [(tag, getattr(event, name)) for name, tag in _SCALARS]
                self._scalars(event.time_s, [(tag, value) for tag, value in values if value is not None])
            case System():
                self._scalars(event.time_s, _of_system(event))

    def close(self) -> None:
        """Let go of the file."""
        self._file.close()

    def _scalars(self, time_s: float, values: list[tuple[str, float]]) -> None:
        summary = b"".join(_message(1, _text(1, tag) + _float(2, value)) for tag, value in values)
        if summary:
            self._write(_double(1, time_s) + _integer(2, self._step) + _message(5, summary))

    def _write(self, message: bytes) -> None:
        length = struct.pack("<Q", len(message))
        try:
            self._file.write(length + _masked_crc(length) + message + _masked_crc(message))
        except (OSError, ValueError):  # a full disk costs these curves, never the training; the run's own log tells
            self._file.close()


def _of_system(event: System) -> list[tuple[str, float]]:
    values = [("system/cpu_percent", event.cpu_percent), ("system/ram_gb", event.ram_used_bytes / 1e9)]
    for gpu in event.gpus:
        values.append((f"system/gpu{gpu.index}_memory_gb", gpu.used_bytes / 1e9))
        if gpu.percent is not None:
            values.append((f"system/gpu{gpu.index}_percent", gpu.percent))
        if gpu.temperature_c is not None:
            values.append((f"system/gpu{gpu.index}_celsius", gpu.temperature_c))
    return values


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


def _key(field: int, kind: int) -> bytes:
    return _varint(field << 3 | kind)


def _integer(field: int, value: int) -> bytes:
    return _key(field, _VARINT) + _varint(value)


def _double(field: int, value: float) -> bytes:
    return _key(field, _FIXED64) + struct.pack("<d", value)


def _float(field: int, value: float) -> bytes:
    return _key(field, _FIXED32) + struct.pack("<f", value)


def _message(field: int, body: bytes) -> bytes:
    return _key(field, _BYTES) + _varint(len(body)) + body


def _text(field: int, value: str) -> bytes:
    return _message(field, value.encode())


def _crc_table() -> list[int]:
    table = []
    for value in range(256):
        for _ in range(8):
            value = value >> 1 ^ _CRC_POLYNOMIAL if value & 1 else value >> 1
        table.append(value)
    return table


_CRC_TABLE = _crc_table()


def _masked_crc(data: bytes) -> bytes:
    crc = 0xFFFFFFFF
    for byte in data:
        crc = _CRC_TABLE[(crc ^ byte) & 0xFF] ^ crc >> 8
    crc ^= 0xFFFFFFFF
    return struct.pack("<I", ((crc >> 15 | crc << 17) + _CRC_MASK) & 0xFFFFFFFF)
