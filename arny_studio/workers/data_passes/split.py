"""Split a dataset into training, validation and test files."""

from __future__ import annotations

from pathlib import Path

from arny_studio.dataset.splitting import SplitShares, split_file
from arny_studio.jobs.events import Artifact, Finished, Stage
from arny_studio.workers.data_passes.passing import Pass


def run(work: Pass) -> Finished:
    """Write the sides beside the dataset."""
    recipe = work.recipe
    work.emit(Stage(name="split", title="Split by row id", index=1, total=1))
    shares = SplitShares(validation=recipe.validation_share, test=recipe.test_share)
    written = split_file(Path(recipe.path), Path(recipe.path).parent, shares)
    for path, _ in written.values():
        work.emit(Artifact(kind="dataset", path=str(path), size_bytes=path.stat().st_size))
    return Finished(summary=", ".join(f"{side}: {count:,} rows" for side, (_, count) in written.items()) + ".")
