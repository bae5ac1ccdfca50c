"""A run folder: all that is needed to run, resume, inspect or reproduce a job."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from functools import cached_property
from pathlib import Path
from typing import TypeVar

import msgspec

from arny_studio.atomic import write_text_atomically
from arny_studio.errors import BadInput, MissingFile
from arny_studio.jobs.claim import RunLock
from arny_studio.jobs.event_log import read_events
from arny_studio.jobs.events import AnyEvent
from arny_studio.jobs.manifest import FileRecord, Manifest, build_manifest
from arny_studio.jobs.state import RunState, fold
from arny_studio.recipe import Recipe, dump_recipe, load_recipe

SomeRecipe = TypeVar("SomeRecipe", bound=Recipe)


class RunFolder:
    """One run on disk. Making the object touches nothing; `create` makes the folder."""

    def __init__(self, path: Path) -> None:
        self.path = path.absolute()

    def __repr__(self) -> str:
        return f"RunFolder({str(self.path)!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, RunFolder) and other.path == self.path

    def __hash__(self) -> int:
        return hash(self.path)

    @classmethod
    def create(cls, path: Path, recipe: Recipe) -> RunFolder:
        """Make the folder and lock the recipe into it. Raises BadInput where a run stands there already.

        The disk is not waited for, since windows call this on their event loop: the worker does that when it begins.
        """
        folder = cls(path)
        if folder.recipe_path.exists():
            raise BadInput(f"{path} already holds a run.", hint="Resume it, or choose another folder.")
        folder.path.mkdir(parents=True, exist_ok=True)
        write_text_atomically(folder.recipe_path, dump_recipe(recipe), is_lasting=False)
        return folder

    @classmethod
    def open(cls, path: Path) -> RunFolder:
        """The run at a path. Raises MissingFile where no recipe lies there."""
        folder = cls(path)
        if not folder.recipe_path.is_file():
            raise MissingFile(f"{path} is not a run folder: it has no recipe.toml.")
        return folder

    @property
    def name(self) -> str:
        """The folder's own name."""
        return self.path.name

    @property
    def recipe_path(self) -> Path:
        """The locked copy of what runs."""
        return self.path / "recipe.toml"

    @property
    def events_path(self) -> Path:
        """Every event, one JSON object per line."""
        return self.path / "events.jsonl"

    @property
    def stderr_path(self) -> Path:
        """Free text of the worker and its libraries; never parsed."""
        return self.path / "stderr.log"

    @property
    def lock_path(self) -> Path:
        """Who works on this run."""
        return self.path / "worker.lock"

    @property
    def stop_path(self) -> Path:
        """A file whose presence asks a detached worker to stop; it says `save` or `now`."""
        return self.path / "stop"

    @property
    def manifest_path(self) -> Path:
        """Written last: the run is complete."""
        return self.path / "manifest.json"

    @property
    def checkpoints(self) -> Path:
        """Folder of checkpoints, made on demand."""
        return self._made("checkpoints")

    @property
    def outputs(self) -> Path:
        """Folder of what the run makes, made on demand."""
        return self._made("outputs")

    @cached_property
    def lock(self) -> RunLock:
        """The claim on this folder."""
        return RunLock(self.lock_path, self.events_path, self.stderr_path)

    @property
    def kind(self) -> str:
        """The kind that the recipe names: train, export, evaluate, phone, …; empty where it is unreadable."""
        return str(self._recipe_values().get("kind", ""))

    @property
    def title(self) -> str:
        """What people call this run; the folder's name where they gave none."""
        return str(self._recipe_values().get("title", "")) or self.name

    @property
    def is_complete(self) -> bool:
        """Whether the manifest stands."""
        return self.manifest_path.is_file()

    @property
    def is_running(self) -> bool:
        """Whether a living process works on this run."""
        return self.lock.living_owner() is not None

    def recipe(self, kind: type[SomeRecipe]) -> SomeRecipe:
        """The locked recipe. Raises MissingFile or BadRecipe."""
        return load_recipe(self.recipe_path, kind)

    def events(self) -> list[AnyEvent]:
        """Every event of every attempt. Raises BadInput on another protocol."""
        return read_events(self.events_path)

    def state(self) -> RunState:
        """The fold of all events."""
        return fold(self.events())

    def manifest(self) -> Manifest:
        """The manifest. Raises MissingFile where the run is not complete, BadInput where it is not readable."""
        if not self.is_complete:
            raise MissingFile(f"The run {self.name} is not complete: it has no manifest.json.")
        try:
            return msgspec.json.decode(self.manifest_path.read_bytes(), type=Manifest)
        except msgspec.DecodeError as error:
            raise BadInput(f"{self.manifest_path} is not a manifest: {error}.") from error

    def write_manifest(
        self, *, kind: str, inputs: Iterable[Path | FileRecord], outputs: Iterable[Path], seed: int | None, contract: str,
        known: Mapping[str, str] | None = None,
    ) -> None:  # fmt: skip
        """Hash inputs and outputs and declare the run complete; `known` are hashes by path. Raises MissingFile."""
        manifest = build_manifest(
            self.path, kind=kind, inputs=inputs, outputs=outputs, seed=seed, contract=contract, known=known
        )
        text = msgspec.json.format(msgspec.json.encode(manifest).decode(), indent=2)
        write_text_atomically(self.manifest_path, text + "\n")

    def _made(self, name: str) -> Path:
        folder = self.path / name
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def _recipe_values(self) -> dict[str, object]:
        try:
            return tomllib.loads(self.recipe_path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
