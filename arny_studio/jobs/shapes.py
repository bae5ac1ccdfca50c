"""Asks `workers.shapes` what the memory of GGUF files depends on; blocks for the tenths of a second that it takes."""

from __future__ import annotations

import subprocess
import threading
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import msgspec
from msgspec import Struct

from arny_studio.device import ModelShape
from arny_studio.errors import ArnyError, BadInput
from arny_studio.jobs.interpreter import worker_command, worker_environment

PATIENCE_S = 60.0
_ONE_AT_A_TIME = threading.Lock()


class KnownModel(Struct, frozen=True, kw_only=True):
    """One file: its shape, or why it has none."""

    path: str
    shape: ModelShape | None = None
    problem: str = ""


class Shapes(Struct, frozen=True, kw_only=True):
    """`host_bytes` is what a phone's app holds before any model."""

    host_bytes: int
    models: tuple[KnownModel, ...]

    def shape(self, path: str) -> ModelShape | None:
        """The shape of a file, where it has one."""
        return next((model.shape for model in self.models if model.path == path), None)


def model_shapes(paths: Sequence[Path]) -> Shapes:
    """The shapes of some files; files that have not changed are not read again.

    Raises ArnyError where the worker itself cannot run.
    """
    with _ONE_AT_A_TIME:  # a window asks the same from several places when it opens
        return _asked(tuple(_state_of(path) for path in paths))


def _state_of(path: Path) -> tuple[Path, int, int]:
    """A file with what tells whether it has changed: bytes and nanoseconds; zeros where there is none."""
    try:
        found = path.stat()
    except OSError:
        return path, 0, 0
    return path, found.st_size, found.st_mtime_ns


@lru_cache(maxsize=16)
def _asked(files: tuple[tuple[Path, int, int], ...]) -> Shapes:
    paths = [path for path, _size, _changed_ns in files]
    command = worker_command("shapes", paths[0], python=None, program=None)
    try:
        done = subprocess.run(
            [*command, *map(str, paths[1:])],
            capture_output=True, check=False, timeout=PATIENCE_S, env=worker_environment(None), stdin=subprocess.DEVNULL,
        )  # fmt: skip
    except subprocess.TimeoutExpired as error:
        raise ArnyError("The models' headers could not be read in a minute.") from error
    try:
        return msgspec.json.decode(done.stdout, type=Shapes)
    except msgspec.MsgspecError as error:
        last = done.stderr.decode("utf-8", "replace").strip().splitlines()[-1:] or ["it said nothing"]
        raise BadInput(f"The models' headers could not be read: {last[0]}") from error
