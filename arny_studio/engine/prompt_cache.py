"""KV states of system prompts on disk: what a router reads first, read once per model and setting, not once per start.

A state is llama.cpp's own (28 KiB per token for the 1.5B). Its name says what it was made from, and its content is
checked before llama.cpp sees it, so a state of another model, build or setting is not found rather than wrong.
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import xxhash

from arny_studio.atomic import replaced_file
from arny_studio.engine.llama_session import LlamaSession, SequenceState
from arny_studio.errors import ArnyError, BadInput
from arny_studio.paths import cache_dir

MOST_STATES = 16
_SAMPLES, _SAMPLE_BYTES = 256, 4096


class PromptCache:
    """States in a folder, the least recently used removed first. Never raises: without a state the prompt is read."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._fingerprints: dict[Path, str] = {}

    def recall(self, session: LlamaSession, prefix: Sequence[int]) -> bool:
        """Put the state of `prefix` into sequence 0; False where there is none."""
        path = self._path(session, prefix)
        try:
            raw = path.read_bytes()
            if not prefix or raw[:8] != _checksum(raw[8:]):
                return False
            session.restore_sequence(SequenceState(tokens=tuple(prefix), data=raw[8:]))
            path.touch()
        except (OSError, BadInput):
            return False
        return True

    def keep(self, session: LlamaSession) -> None:
        """Save sequence 0, which holds a prefix and nothing else."""
        state = session.save_sequence(0)
        if not state.tokens:
            return
        with contextlib.suppress(OSError, ArnyError):
            self.folder.mkdir(parents=True, exist_ok=True)
            with replaced_file(self._path(session, state.tokens)) as file:
                file.write(_checksum(state.data))
                file.write(state.data)
            self._forget_oldest()

    def _path(self, session: LlamaSession, prefix: Sequence[int]) -> Path:
        told = "|".join([self._fingerprint(session.path), session.settings, _build(), ",".join(map(str, prefix))])
        return self.folder / f"{xxhash.xxh3_128_hexdigest(told.encode())}.state"

    def _fingerprint(self, model: Path) -> str:
        """Size, time and pages spread over the file: hashing all of it would cost more than the prompt does."""
        if model not in self._fingerprints:
            stat = model.stat()
            seen = xxhash.xxh3_128(f"{stat.st_size} {stat.st_mtime_ns}".encode())
            with model.open("rb") as file:
                for sample in range(_SAMPLES):
                    file.seek(stat.st_size * sample // _SAMPLES)
                    seen.update(file.read(_SAMPLE_BYTES))
            self._fingerprints[model] = seen.hexdigest()
        return self._fingerprints[model]

    def _forget_oldest(self) -> None:
        states = sorted(self.folder.glob("*.state"), key=lambda path: path.stat().st_mtime_ns)
        for path in states[:-MOST_STATES]:
            path.unlink(missing_ok=True)


def user_prompt_cache() -> PromptCache:
    """The states in the user's cache folder."""
    return PromptCache(cache_dir() / "prompts")


def _checksum(data: bytes) -> bytes:
    return xxhash.xxh3_64_digest(data)


def _build() -> str:
    try:
        return version("llama-cpp-python")
    except PackageNotFoundError:
        return ""
