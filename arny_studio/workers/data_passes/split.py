"""Split a dataset into training, validation and test files."""

from __future__ import annotations

from pathlib import Path

from arny_studio.dataset.looking import ScanStopped
from arny_studio.dataset.splitting import SplitShares, split_file
from arny_studio.jobs.events import Artifact, Finished, Stage
from arny_studio.workers.data_passes.passing import Pass, StopRequested


def run(work: Pass) -> Finished:
    """Write the sides beside the dataset, or to the folder `out`."""
    recipe = work.recipe
    path = Path(recipe.path)
    work.emit(Stage(name="split", title="Split by what is asked", index=1, total=1))
    shares = SplitShares(validation=recipe.validation_share, test=recipe.test_share)
    try:
        report = split_file(
            path, Path(recipe.out) if recipe.out else path.parent, shares, view=work.view, contract=recipe.contract,
            near_duplicates=recipe.near_duplicates, should_stop=work.should_stop,
            on_progress=lambda part, done, total: work.advance(done, total, part),
        )  # fmt: skip
    except ScanStopped:
        raise StopRequested from None
    for side, _ in report.sides.values():
        work.emit(Artifact(kind="dataset", path=str(side.absolute()), size_bytes=side.stat().st_size))
    said = ", ".join(f"{side}: {count:,} rows" for side, (_, count) in report.sides.items())
    left_out = f"; {report.left_out:,} rows cannot be used" if report.left_out else ""
    return Finished(summary=f"{said}{left_out}.")
