"""Worker: bring a model from the Hub. `python -m arny_studio.workers.download FOLDER`; started again, it goes on."""

from __future__ import annotations

import os
import shutil
import time
from pathlib import Path

import msgspec

from arny_studio.errors import DiskFull
from arny_studio.jobs.events import Artifact, Finished, Log, Progress, Result, Stage, Stopped
from arny_studio.jobs.folder import RunFolder
from arny_studio.jobs.program import Emit, Inbox, run_program
from arny_studio.jobs.secrets import read_secret
from arny_studio.recipe import DownloadRecipe
from arny_studio.recipe.licences import licence_of

_PROGRESS_PERIOD_S = 0.2


def main(folder: RunFolder, emit: Emit, inbox: Inbox) -> Finished | Stopped:
    """Find the model, say its licence and size, bring its files, describe it. A stop keeps what has come."""
    recipe = folder.recipe(DownloadRecipe)
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    from arny_studio.engine.hub_download import Interrupted, download_model, find_model
    from arny_studio.engine.model_listing import described_model

    emit(Stage(name="find", title="Ask the Hub", index=1, total=3))
    token = read_secret(recipe.token) if recipe.token else None
    model = find_model(recipe.model, revision=recipe.revision, patterns=recipe.files, token=token)
    target = Path(recipe.folder)
    _say_terms(recipe.model, model.size, emit)
    _refuse_without_room(model.size, target)
    emit(Stage(name="download", title="Download", index=2, total=3))
    try:
        paths = download_model(
            model, target, token=token, on_bytes=_Paced(emit), asked_to_stop=lambda: inbox.stop_requested
        )
    except Interrupted:
        return Stopped(summary=f"Stopped; {recipe.model} goes on where it was cut off.", resumable=True)
    emit(Stage(name="describe", title="Look at it", index=3, total=3))
    entry = described_model(_model_among(target, paths))
    emit(Result(name="model", values=msgspec.to_builtins(entry)))
    emit(Artifact(kind="model", path=str(target), size_bytes=model.size))
    return Finished(summary=f"{recipe.model} lies in {target}.")


def _model_among(target: Path, paths: list[Path]) -> Path:
    """The folder where it is one model, else the first GGUF of those that came."""
    return next((path for path in paths if path.suffix == ".gguf"), target)


class _Paced:
    """Progress a few times a second, and always the last."""

    def __init__(self, emit: Emit) -> None:
        self._emit = emit
        self._said_s = 0.0

    def __call__(self, done: int, total: int) -> None:
        """So many bytes are there."""
        now_s = time.monotonic()
        if done == total or now_s - self._said_s >= _PROGRESS_PERIOD_S:
            self._said_s = now_s
            self._emit(Progress(done=done, total=total, unit="bytes"))


def _say_terms(hub_id: str, size: int, emit: Emit) -> None:
    licence = licence_of(hub_id)
    text = f"{hub_id}: {size / 1e9:.2f} GB. Licence: {licence.name}. {licence.note}".strip()
    emit(Log(text=text, level="warning" if licence.is_restricted else "info"))


def _refuse_without_room(size: int, target: Path) -> None:
    """Ask before the first byte; what an earlier attempt brought counts."""
    existing = next(path for path in (target, *target.absolute().parents) if path.exists())
    there = sum(path.stat().st_size for path in target.rglob("*") if path.is_file()) if target.is_dir() else 0
    free = shutil.disk_usage(existing).free
    if size - there > free:
        needed = (size - there) / 1e9
        raise DiskFull(
            f"The model needs {needed:.1f} GB more, and {free / 1e9:.1f} GB are free.", hint="Free some room."
        )


if __name__ == "__main__":
    run_program("download", main, detached=True)
