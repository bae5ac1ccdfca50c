"""What the passes share: which rows a recipe means, progress, and the wish to stop."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np

from arny_studio.dataset.row_source import SourceView
from arny_studio.errors import BadInput
from arny_studio.jobs.events import Progress
from arny_studio.jobs.folder import RunFolder
from arny_studio.jobs.program import Emit, Inbox
from arny_studio.recipe import DataRecipe

_PERIOD_S = 0.1


class StopRequested(Exception):
    """The pass was asked to end; nothing stands under a final name."""


class Pass:
    """One pass that runs: its recipe and folder, and the way to tell how far it is."""

    def __init__(self, recipe: DataRecipe, folder: RunFolder, emit: Emit, inbox: Inbox) -> None:
        self.recipe = recipe
        self.folder = folder
        self.emit = emit
        self._inbox = inbox
        self._told_s = 0.0

    @property
    def view(self) -> SourceView:
        """The rows that are meant."""
        recipe = self.recipe
        return SourceView(
            path=recipe.path, journal=recipe.journal, journal_bytes=recipe.journal_bytes, version=recipe.version
        )

    def only(self) -> np.ndarray | None:
        """The keys that are meant, int64; None: all rows. Raises BadInput where the file cannot be read."""
        if not self.recipe.only:
            return None
        try:
            return np.load(self.recipe.only, allow_pickle=False)
        except (OSError, ValueError) as error:
            raise BadInput(f"The list of rows at {self.recipe.only} cannot be read: {error}.") from error

    def out(self, name: str) -> Path:
        """Where the result goes: as the recipe says, else under a name in the outputs."""
        return Path(self.recipe.out) if self.recipe.out else self.folder.outputs / name

    def advance(self, done: int, total: int | None, unit: str = "rows") -> None:
        """Tell progress, ten times a second at most. Raises StopRequested where the pass is to end."""
        if self.should_stop():
            raise StopRequested
        now_s = time.monotonic()
        if now_s - self._told_s >= _PERIOD_S or done == total:
            self._told_s = now_s
            self.emit(Progress(done=done, total=total, unit=unit))

    def should_stop(self) -> bool:
        """Whether the pass is to end."""
        return self._inbox.stop_requested
