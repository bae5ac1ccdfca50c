"""The manifest of a complete run: what went in, what came out, by hash, and with which versions."""

from __future__ import annotations

import hashlib
import platform
import time
from collections.abc import Iterable, Mapping
from importlib import metadata
from pathlib import Path

from msgspec import Struct

from arny_studio.errors import MissingFile

LIBRARIES = (
    "arny-studio", "msgspec", "torch", "transformers", "trl", "peft", "accelerate", "bitsandbytes", "tokenizers",
    "safetensors", "gguf", "llama-cpp-python", "llguidance", "numpy",
)  # fmt: skip


class FileRecord(Struct, frozen=True, kw_only=True):
    """One file: absolute path for an input, relative to the run folder for an output."""

    path: str
    size_bytes: int
    sha256: str


class Manifest(Struct, frozen=True, kw_only=True):
    """Written last, atomically: its presence means that the run is complete."""

    kind: str
    completed_s: float
    inputs: list[FileRecord]
    outputs: list[FileRecord]
    versions: dict[str, str]
    seed: int | None = None
    contract: str = ""


def build_manifest(
    root: Path, *, kind: str, inputs: Iterable[Path | FileRecord], outputs: Iterable[Path], seed: int | None,
    contract: str, known: Mapping[str, str] | None = None,
) -> Manifest:  # fmt: skip
    """Hash every input and output; a folder counts as all files below it. Raises MissingFile.

    An input that was recorded when it was read is listed as it was then, whatever became of the file.
    `known` holds the sha256 of files, by path, that were hashed a moment ago; they are not read again.
    """
    known = known or {}
    return Manifest(
        kind=kind, completed_s=time.time(), seed=seed, contract=contract, versions=installed_versions(),
        inputs=[record for given in inputs for record in _input_records(given, known)],
        outputs=[_record(file, _relative(file, root), known) for path in outputs for file in _files_of(path)],
    )  # fmt: skip


def record_of(path: Path) -> FileRecord:
    """What a file is now, by its absolute path. Raises OSError."""
    return _record(path, str(path.resolve()), {})


def _input_records(given: Path | FileRecord, known: Mapping[str, str]) -> list[FileRecord]:
    if isinstance(given, FileRecord):
        return [given]
    return [_record(file, str(file.resolve()), known) for file in _files_of(given)]


def sha256_of(path: Path) -> str:
    """Hex digest of a file, read in blocks."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def installed_versions(libraries: Iterable[str] = LIBRARIES) -> dict[str, str]:
    """Versions of the libraries that are installed, read from their metadata: nothing is imported."""
    versions = {"python": platform.python_version()}
    for name in libraries:
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return versions


def _files_of(path: Path) -> list[Path]:
    if path.is_dir():
        return sorted(file for file in path.rglob("*") if file.is_file())
    if not path.is_file():
        raise MissingFile(f"{path} is to be listed in the manifest, but there is no such file.")
    return [path]


def _record(file: Path, shown: str, known: Mapping[str, str]) -> FileRecord:
    return FileRecord(path=shown, size_bytes=file.stat().st_size, sha256=known.get(str(file)) or sha256_of(file))


def _relative(file: Path, root: Path) -> str:
    try:
        return file.resolve().relative_to(root.resolve()).as_posix()
    except ValueError:
        return str(file.resolve())
