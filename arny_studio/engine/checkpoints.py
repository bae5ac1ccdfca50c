"""Checkpoints that are complete or not there: each has a manifest of its own, written last.

A checkpoint without a manifest, or whose files differ from it, was torn by a kill or a full disk. It is set aside
under another name, never deleted and never resumed from.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
from pathlib import Path

import msgspec
from msgspec import Struct

from arny_studio.atomic import replaced_file

MANIFEST = "complete.json"
_NAME = re.compile(r"checkpoint-(\d+)")


class CheckpointFile(Struct, frozen=True):
    """What a file of a checkpoint was when it was written."""

    size: int
    sha256: str


class CheckpointManifest(Struct, frozen=True, kw_only=True):
    """What is in a checkpoint, and what a resumed run has to know beside the weights."""

    step: int
    tokens: int  # seen so far
    used_s: float  # time trained so far
    files: dict[str, CheckpointFile]


class Complete(Struct, frozen=True):
    """A checkpoint that holds every byte it was written with."""

    folder: Path
    manifest: CheckpointManifest


def seal(folder: Path, *, step: int, tokens: int, used_s: float) -> CheckpointManifest:
    """Flush every file of a checkpoint to the disk, then write the manifest that makes it complete."""
    files = {path.name: _fingerprint(path, flush=True) for path in sorted(folder.iterdir()) if path.is_file()}
    files.pop(MANIFEST, None)
    manifest = CheckpointManifest(step=step, tokens=tokens, used_s=used_s, files=files)
    with replaced_file(folder / MANIFEST) as file:
        file.write(msgspec.json.format(msgspec.json.encode(manifest), indent=1))
    return manifest


def fault_of(folder: Path) -> str:
    """Why a checkpoint cannot be used, or nothing where it is complete."""
    try:
        manifest = msgspec.json.decode((folder / MANIFEST).read_bytes(), type=CheckpointManifest)
    except FileNotFoundError:
        return "it was never finished"
    except (msgspec.MsgspecError, ValueError, OSError):
        return f"its {MANIFEST} cannot be read"
    for name, expected in manifest.files.items():
        path = folder / name
        if not path.is_file():
            return f"{name} is missing"
        if path.stat().st_size != expected.size or _fingerprint(path) != expected:
            return f"{name} is not what was written"
    return ""


def newest_complete(folder: Path) -> tuple[Complete | None, list[str]]:
    """The newest complete checkpoint in `folder`, and a sentence for each newer one that was torn and set aside."""
    said: list[str] = []
    for path in reversed(by_step(folder)):
        fault = fault_of(path)
        if not fault:
            manifest = msgspec.json.decode((path / MANIFEST).read_bytes(), type=CheckpointManifest)
            return Complete(path, manifest), said
        aside = set_aside(path)
        said.append(f"{path.name} is torn ({fault}); it was set aside as {aside.name}.")
    return None, said


def by_step(folder: Path) -> list[Path]:
    """The checkpoints of a run, oldest first, whether complete or not; those set aside are not among them."""
    if not folder.is_dir():
        return []
    found = [(int(match[1]), path) for path in folder.iterdir() if (match := _NAME.fullmatch(path.name))]
    return [path for _step, path in sorted(found)]


def set_aside(path: Path) -> Path:
    """Rename a torn checkpoint so that nothing takes it for one; returns its new place."""
    for number in range(1, 1000):
        aside = path.with_name(f"torn-{path.name}" + (f"-{number}" if number > 1 else ""))
        if not aside.exists():
            return path.rename(aside)
    raise FileExistsError(path)


def prune(folder: Path, *, keep: int) -> None:
    """Delete all but the newest `keep` checkpoints. Call it only after the newest was sealed."""
    for path in by_step(folder)[:-keep]:
        # Without its manifest it is torn, so a kill in the middle of deleting leaves nothing that looks complete.
        (path / MANIFEST).unlink(missing_ok=True)
        shutil.rmtree(path)


def _fingerprint(path: Path, *, flush: bool = False) -> CheckpointFile:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
        if flush:
            os.fsync(file.fileno())
    return CheckpointFile(path.stat().st_size, digest.hexdigest())
