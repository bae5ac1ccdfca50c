"""A workspace: the folder in which datasets, models, runs and reports of one person or project lie."""

from __future__ import annotations

import difflib
import re
from datetime import UTC, datetime
from pathlib import Path

from arny_studio.errors import BadInput, MissingFile
from arny_studio.jobs.folder import RunFolder
from arny_studio.recipe import Recipe

_SLUG_LENGTH = 40


class Workspace:
    """Four folders below a root, each made when it is first asked for.

    Raises BadInput where one cannot be made: the root is a file, or nothing may be written there.
    """

    def __init__(self, root: Path) -> None:
        self.root = root.absolute()

    @property
    def datasets(self) -> Path:
        """Datasets."""
        return self._made("datasets")

    @property
    def models(self) -> Path:
        """Models and adapters."""
        return self._made("models")

    @property
    def runs(self) -> Path:
        """Run folders."""
        return self._made("runs")

    @property
    def reports(self) -> Path:
        """Reports."""
        return self._made("reports")

    def new_run(self, kind: str, recipe: Recipe) -> RunFolder:
        """A new run folder `runs/<utc stamp>-<kind>-<slug of title>` with the recipe locked in."""
        stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
        name = "-".join(part for part in (stamp, kind, slug(recipe.title)) if part)
        return RunFolder.create(self._free_folder(name), recipe)

    def runs_by_time(self) -> list[RunFolder]:
        """All runs, the newest first."""
        folders = [path for path in self.runs.iterdir() if (path / "recipe.toml").is_file()]
        return [RunFolder(path) for path in sorted(folders, key=lambda path: path.name, reverse=True)]

    def find_run(self, name: str) -> RunFolder:
        """The run with this name, the only one that begins so, the newest for `latest`, or the run at a path.

        Raises MissingFile, with the nearest names as a hint.
        """
        runs = self.runs_by_time()
        if name == "latest" and runs:
            return runs[0]
        if Path(name, "recipe.toml").is_file():
            return RunFolder(Path(name))
        exact = [run for run in runs if run.name == name]
        matching = exact or [run for run in runs if name and run.name.startswith(name)]
        if len(matching) != 1:
            raise self._no_such_run(name, runs, matching)
        return matching[0]

    def _no_such_run(self, name: str, runs: list[RunFolder], matching: list[RunFolder]) -> MissingFile:
        if matching:
            shown = ", ".join(run.name for run in matching[:3])
            return MissingFile(f"Several runs begin with {name!r}.", hint=f"For example: {shown}.")
        near = difflib.get_close_matches(name, [run.name for run in runs], n=3, cutoff=0.4)
        hint = f"Did you mean {' or '.join(near)}?" if near else "List them with: arny runs list"
        return MissingFile(f"There is no run {name!r} in {self.root}.", hint=hint)

    def _free_folder(self, name: str) -> Path:
        """A folder nobody else has: making it is what takes the name."""
        path, number = self.runs / name, 1
        while True:
            try:
                path.mkdir()
                return path
            except FileExistsError:
                number += 1
                path = self.runs / f"{name}-{number}"
            except OSError as error:
                raise self._unusable(error) from error

    def _made(self, name: str) -> Path:
        folder = self.root / name
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise self._unusable(error) from error
        return folder

    def _unusable(self, error: OSError) -> BadInput:
        hint = "Name another folder with --workspace, or in ARNY_WORKSPACE."
        return BadInput(f"The workspace {self.root} cannot be written: {error.strerror}.", hint=hint)


def slug(title: str) -> str:
    """A title as part of a folder name: lower-case letters and digits with dashes between, at most 40 characters."""
    return re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-")[:_SLUG_LENGTH].strip("-")
